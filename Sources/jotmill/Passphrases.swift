// Where a ring's passphrase comes from: a file that is named, systemd's credentials, or the terminal.
// Owns: asking. Must never: take one from an argument, echo it, or read a file that others can read.

internal import Files
internal import JOSE
internal import Keyring

enum Passphrases {
  /// The name of the credential that `LoadCredential=` gives a service (systemd.exec(5)).
  static let credential = "jotmill.passphrase"

  /// For a ring that may be encrypted: asked for when it is needed.
  static func source(_ arguments: Arguments) -> Passphrase {
    let file = file(arguments)
    return Passphrase {
      if let file { return try read(file) }
      guard let answer = OpenFile.askTerminal("passphrase of the keyring: ") else {
        throw KeyringError(
          .noPassphrase,
          "the keyring is encrypted: give its passphrase with --passphrase-file, "
            + "$JOTMILL_PASSPHRASE_FILE, or as the systemd credential \(credential)")
      }
      return try checked(answer, "the passphrase")
    }
  }

  /// For a ring that is to be encrypted: read at once, from the terminal twice.
  static func new(_ arguments: Arguments) throws -> Passphrase {
    let secret: SecretBytes
    if let file = file(arguments) {
      secret = try read(file)
    } else {
      guard let first = OpenFile.askTerminal("new passphrase: "),
        let second = OpenFile.askTerminal("once more: ")
      else {
        throw KeyringError(
          .noPassphrase,
          "there is no terminal to ask for a passphrase; give it with --passphrase-file")
      }
      secret = try checked(first, "the passphrase")
      guard secret.equals(try checked(second, "the passphrase")) else {
        throw KeyringError(.noPassphrase, "the two differ; nothing was changed")
      }
    }
    return Passphrase { secret }
  }

  /// The file that is named, by whatever names it first.
  static func file(_ arguments: Arguments) -> String? {
    if let path = arguments["passphrase-file"] { return path }
    if let path = Process.environment("JOTMILL_PASSPHRASE_FILE"), !path.isEmpty { return path }
    return credentialFile
  }

  /// What `LoadCredential=` gave this service, if it did.
  private static var credentialFile: String? {
    guard let folder = Process.environment("CREDENTIALS_DIRECTORY"), !folder.isEmpty else {
      return nil
    }
    let path = "\(folder)/\(credential)"
    return (try? OpenFile.status(at: path)) == nil ? nil : path
  }

  static func read(_ path: String) throws -> SecretBytes {
    let file = try OpenFile.open(path, .read)
    let status = try file.status()
    // systemd lets the service's user in by an access control list, which shows as the group's bits;
    // its folder is closed to all others.
    let isCredential = credentialFile.map { ByteString($0) == ByteString(path) } ?? false
    let forbidden: UInt16 = isCredential ? 0o037 : 0o077
    guard status.kind != .regular || status.mode & forbidden == 0 else {
      throw KeyringError(
        .unsafePermissions, "\(path): others can read it; mend it with: chmod 600 \(path)")
    }
    return try checked(try file.readAll(limit: 1 << 16), path)
  }

  /// Without its line end; an empty one is none.
  private static func checked(_ bytes: [UInt8], _ source: String) throws -> SecretBytes {
    var bytes = bytes
    defer { bytes.wipe() }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard !bytes.isEmpty else { throw KeyringError(.noPassphrase, "\(source): is empty") }
    return SecretBytes(consuming: &bytes)
  }
}
