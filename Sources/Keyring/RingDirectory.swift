// A ring on disk, read: opening it, its state, and whether it may be trusted.
// Owns: the names of the files under the directory. Must never: follow a symbolic link inside it, or
// take a lock to read: its files are replaced whole.

internal import Files
public import JOSE

/// A keyring directory.
public final class RingDirectory: Sendable {
  public let path: String
  /// Changes are worked out and reported, and nothing is written.
  public let isDryRun: Bool
  let directory: OpenFile
  let passphrase: Passphrase?

  static let ringName = "keyring.json"
  static let setName = "jwks.json"
  static let discoveryName = "openid-configuration"
  static let privateName = "private"
  static let usersName = "users.ndjson"
  static let denylistName = "denylist.ndjson"
  static let grantsName = "grants.ndjson"
  static let lockName = "lock"

  init(path: String, directory: OpenFile, passphrase: Passphrase?, isDryRun: Bool = false) {
    self.path = path
    self.directory = directory
    self.passphrase = passphrase
    self.isDryRun = isDryRun
  }

  /// Opens an existing ring. Throws `.notARing` when there is no keyring.json. `passphrase` is asked
  /// for only when an encrypted private half is to be read or written.
  public static func open(
    _ path: String, passphrase: Passphrase? = nil, dryRun: Bool = false
  ) throws -> RingDirectory {
    do {
      let found = RingDirectory(
        path: path, directory: try OpenFile.open(path, .readDirectory), passphrase: passphrase,
        isDryRun: dryRun)
      guard try found.directory.status(of: ringName) != nil else {
        throw KeyringError(
          .notARing, "\(path): no \(ringName) in it; \"jotmill keys init\" makes a ring")
      }
      return found
    } catch let error as FileError where error.isMissing {
      throw KeyringError(
        .notARing, "\(path): no such directory; \"jotmill keys init\" makes a ring")
    }
  }

  /// Where the ring's denylist is, if it has one.
  public var denylistPath: String { "\(path)/\(Self.denylistName)" }

  /// Where the ring's users are, if it has any.
  public var usersPath: String { "\(path)/\(Self.usersName)" }

  /// The same ring, for working out what a change would do.
  public func dryRun() -> RingDirectory {
    RingDirectory(path: path, directory: directory, passphrase: passphrase, isDryRun: true)
  }

  /// The ring as it stands now.
  public func load() throws -> Ring {
    let file = try OpenFile.open(Self.ringName, in: directory, .read, followsLinks: false)
    do { return try Ring(parsing: try file.readAll()) } catch let error as KeyringError {
      throw KeyringError(error.code, "\(path)/\(Self.ringName): \(error.detail)")
    }
  }

  /// Whose the ring's files are to be: root, who runs one command by hand, must not leave files
  /// that the ring's user can't read. nil: the caller's.
  var fileOwner: UInt32? {
    get throws(FileError) {
      guard Process.userID == 0 else { return nil }
      let owner = try directory.status().owner
      return owner == 0 ? nil : owner
    }
  }

  /// The file whose change means that the ring has changed.
  public var ringFile: String { "\(path)/\(Self.ringName)" }

  /// Throws `.unsafePermissions` unless the caller or root owns the ring and nobody else can write
  /// it: what a ring that was not named must fulfil.
  public func checkTrusted() throws {
    for (name, status) in [
      (path, try directory.status()),
      ("\(path)/\(Self.ringName)", try directory.status(of: Self.ringName)),
      ("\(path)/\(Self.privateName)", try directory.status(of: Self.privateName)),
    ] {
      guard let status else { continue }
      guard status.owner == Process.userID || status.owner == 0 else {
        throw KeyringError(
          .unsafePermissions,
          "\(name): belongs to another user; name it with --keyring if you trust it")
      }
      guard status.mode & 0o022 == 0 else {
        throw KeyringError(
          .unsafePermissions,
          "\(name): can be written by others; mend it with: chmod go-w \(name), or name it with "
            + "--keyring if you trust it")
      }
    }
  }

  /// A kid that stands for itself as a file name. jotmill's own are base64url.
  public static func isSafeName(_ kid: ByteString) -> Bool {
    !kid.isEmpty && kid.bytes.count <= 200
      && kid.bytes.allSatisfy {
        $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
      } && kid.bytes[0] != UInt8(ascii: ".")
  }
}
