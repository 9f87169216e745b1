// A ring on disk: opening it, and making one change durable in the order that keeps verifiers safe.
// Owns: every byte under the directory. Must never: follow a symbolic link inside it, write a
// private half where others can read it, or put one into jwks.json.

internal import Files
public import JOSE

/// A keyring directory. Readers take no lock: its files are replaced whole.
public final class RingDirectory: Sendable {
  public let path: String
  private let directory: OpenFile

  static let ringName = "keyring.json"
  static let setName = "jwks.json"
  static let privateName = "private"
  static let lockName = "lock"

  private init(path: String, directory: OpenFile) {
    self.path = path
    self.directory = directory
  }

  // MARK: Reading

  /// Opens an existing ring. Throws `.notARing` when there is no keyring.json.
  public static func open(_ path: String) throws -> RingDirectory {
    do {
      let found = RingDirectory(path: path, directory: try OpenFile.open(path, .readDirectory))
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

  /// The ring as it stands now.
  public func load() throws -> Ring {
    let file = try OpenFile.open(Self.ringName, in: directory, .read, followsLinks: false)
    do { return try Ring(parsing: try file.readAll()) } catch let error as KeyringError {
      throw KeyringError(error.code, "\(path)/\(Self.ringName): \(error.detail)")
    }
  }

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

  /// A key with its private half. Refuses a file that others can read, as ssh does.
  public func privateKey(_ key: RingKey) throws -> JWK {
    let name = Self.privateFile(key.kid)
    let shown = "\(path)/\(Self.privateName)/\(name)"
    guard Self.isSafeName(key.kid) else {
      throw KeyringError(.badFormat, "kid \"\(key.kid)\" can be no file name")
    }
    guard try hasPrivateHalf(key.kid) else {
      throw KeyringError(.noPrivateKey, "\(shown): the private half is not there")
    }
    let file = try OpenFile.open(name, in: try privateFolder(), .read, followsLinks: false)
    let status = try file.status()
    guard status.kind == .regular else {
      throw KeyringError(.unsafePermissions, "\(shown): not a regular file")
    }
    guard status.mode & 0o077 == 0 else {
      throw KeyringError(
        .unsafePermissions, "\(shown): others can read it; mend it with: chmod 600 \(shown)")
    }
    guard status.owner == Process.userID || status.owner == 0 || Process.userID == 0 else {
      throw KeyringError(.unsafePermissions, "\(shown): belongs to another user")
    }
    var text = try file.readAll(limit: 1 << 20)
    defer { text.wipe() }
    var jwk: JWK
    do { jwk = try JWK.parse(text) } catch {
      throw KeyringError(.badFormat, "\(shown): \(error.detail)")
    }
    // Two secrets can only be told apart by their kids: nothing of them is public.
    guard jwk.hasPrivateHalf, jwk.material == key.jwk.material,
      jwk.kid == key.kid || jwk.kid == nil && !jwk.isSymmetric
    else {
      throw KeyringError(
        .badFormat, "\(shown): not the private half of the key that \(Self.ringName) names")
    }
    jwk.kid = key.kid
    jwk.algorithm = jwk.algorithm ?? key.algorithm
    return jwk
  }

  /// Whether the private half is on disk.
  public func hasPrivateHalf(_ kid: ByteString) throws -> Bool {
    guard try directory.status(of: Self.privateName) != nil else { return false }
    return try privateFolder().status(of: Self.privateFile(kid)) != nil
  }

  private func privateFolder() throws -> OpenFile {
    try OpenFile.open(Self.privateName, in: directory, .readDirectory, followsLinks: false)
  }

  // MARK: Changing

  /// Makes the directory and an empty ring in it. What a crash left of an earlier try is taken over.
  public static func create(
    _ path: String, policy: Policy, at now: Timestamp, rehearsal: Bool = false
  ) throws -> RingDirectory {
    try policy.check()
    do {
      try OpenFile.makeDirectory(path, mode: 0o755)
      try OpenFile.open(OpenFile.split(path).directory, .readDirectory).sync()
    } catch {
      guard error.alreadyExists else { throw error }
    }
    let made = RingDirectory(path: path, directory: try OpenFile.open(path, .readDirectory))
    do {
      try made.directory.makeDirectory(privateName, mode: 0o700)
      try made.directory.sync()
    } catch {
      guard error.alreadyExists else { throw error }
    }
    try made.checkPrivateFolder()
    try made.withLock {
      guard try made.directory.status(of: ringName) == nil else {
        throw KeyringError(.alreadyARing, "\(path): already holds a ring; nothing was changed")
      }
      var ring = Ring(policy: policy, changed: now)
      ring.isRehearsal = rehearsal
      try made.save(ring)
      try made.directory.replace(setName, contents: ring.publishedSet(at: now), mode: 0o644)
    }
    return made
  }

  /// Runs `change` under the ring's exclusive lock.
  public func withLock<R>(_ change: () throws -> R) throws -> R {
    let lock = try OpenFile.open(
      Self.lockName, in: directory, .lock(mode: 0o600), followsLinks: false)
    try lock.lock(waiting: true)
    return try withExtendedLifetime(lock) { try change() }
  }

  /// The changes a caller makes under the lock, re-reading the ring inside, at the time that `clock`
  /// says once the lock is held. Finishes first what a run that died had begun; where a copy of the
  /// set can't be written, the change is made all the same and the error thrown after it.
  public func change<R>(
    at clock: @autoclosure () -> Timestamp, _ body: (inout Ring, Timestamp) throws -> R
  ) throws -> R {
    try withLock {
      var ring = try load()
      let now = clock()
      guard now + ring.policy.clockSkew >= ring.changed else {
        throw KeyringError(
          .clockBehind,
          "\(path): the clock says \(now.rfc3339), but the ring was changed at "
            + "\(ring.changed.rfc3339); set the clock first")
      }
      try checkPrivateFolder()
      var failure: (any Error)?
      do { try finishPublishing(&ring, clock) } catch { failure = error }
      let result = try body(&ring, now)
      if let failure { throw failure }
      return result
    }
  }

  /// Adds `jwk` as the next key (the active one in an empty ring), published and durable.
  /// Call inside `change`. SPEC's order: private half, ring, set and its copies, ring again.
  public func add(
    _ jwk: JWK, _ algorithm: AlgorithmName, to ring: inout Ring,
    at clock: @autoclosure () -> Timestamp
  ) throws {
    guard let kid = jwk.kid, ring.index(of: kid) == nil else {
      throw KeyringError(.keyExists, "\(path): kid \"\(jwk.kid ?? "")\" is there already")
    }
    try writePrivateHalf(jwk)
    ring.addPending(jwk, algorithm, at: clock())
    try save(ring)
    try finishPublishing(&ring, clock)
  }

  /// Adds `jwk` as a key that only verifies old tokens. Call inside `change`.
  public func addArchived(
    _ jwk: JWK, _ algorithm: AlgorithmName, to ring: inout Ring, at now: Timestamp
  ) throws {
    if jwk.hasPrivateHalf { try writePrivateHalf(jwk) }
    ring.addArchived(jwk, algorithm, at: now)
    try save(ring)
  }

  /// Writes the set if a key is pending or the file is not what it should be, and stamps pending
  /// keys once every copy is in place.
  private func finishPublishing(_ ring: inout Ring, _ clock: () -> Timestamp) throws {
    let now = clock()
    let pending = ring.keys.filter { $0.phase(at: now) == .pending }.map(\.kid)
    if pending.isEmpty, try readSet() == ring.publishedSet(at: now) { return }
    try publish(ring, at: now)
    guard !pending.isEmpty else { return }
    let published = clock()
    for kid in pending { ring.markPublished(kid, at: published) }
    try save(ring)
  }

  private func readSet() throws -> [UInt8]? {
    guard try directory.status(of: Self.setName)?.kind == .regular else { return nil }
    return try OpenFile.open(Self.setName, in: directory, .read, followsLinks: false).readAll()
  }

  private func save(_ ring: Ring) throws {
    try directory.replace(Self.ringName, contents: ring.text, mode: 0o644)
  }

  private func writePrivateHalf(_ jwk: JWK) throws {
    guard let kid = jwk.kid, Self.isSafeName(kid), let text = jwk.privateText else {
      preconditionFailure("a key to add has a private half and a kid that can be a file name")
    }
    let folder = try privateFolder()
    var bytes = text.reveal { $0.copy(0..<$0.count) }
    defer { bytes.wipe() }
    do {
      try folder.create(Self.privateFile(kid), contents: bytes, mode: 0o600)
    } catch {
      guard error.alreadyExists else { throw error }
      // An earlier import of this very key may have died in the middle of writing it, or before the
      // ring knew it. Anything else is somebody's private half, and is never overwritten.
      let file = try OpenFile.open(Self.privateFile(kid), in: folder, .read, followsLinks: false)
      var present = try file.readAll(limit: 1 << 20)
      defer { present.wipe() }
      guard bytes.starts(with: present) else {
        throw KeyringError(
          .keyExists,
          "\(path)/\(Self.privateName)/\(Self.privateFile(kid)): another private half is there, which "
            + "the ring does not know; move it away or choose another kid")
      }
      try folder.replace(Self.privateFile(kid), contents: bytes, mode: 0o600)
    }
  }

  private func checkPrivateFolder() throws {
    let shown = "\(path)/\(Self.privateName)"
    guard let status = try directory.status(of: Self.privateName) else { return }
    guard status.kind == .directory else {
      throw KeyringError(.unsafePermissions, "\(shown): not a directory")
    }
    guard status.mode & 0o077 == 0 else {
      throw KeyringError(
        .unsafePermissions, "\(shown): open to others; mend it with: chmod 700 \(shown)")
    }
  }

  /// Writes jwks.json and each of `publish_to` once more: all that can be written, and then throws
  /// what could not.
  public func publish(_ ring: Ring, at now: Timestamp) throws {
    let set = ring.publishedSet(at: now)
    try directory.replace(Self.setName, contents: set, mode: 0o644)
    var failures: [String] = []
    for target in ring.policy.publishTo {
      do { try Self.replace(target, contents: set) } catch {
        failures.append("\(target): the set could not be copied there: \(error)")
      }
    }
    guard failures.isEmpty else {
      throw KeyringError(
        .notPublished,
        failures.joined(separator: "; ")
          + "; a new key waits until every copy is written; then run jotmill keys publish again")
    }
  }

  /// Replaces the file at `path` whole; only a regular file is.
  private static func replace(_ path: String, contents: [UInt8]) throws(FileError) {
    let (folder, name) = OpenFile.split(path)
    let directory = try OpenFile.open(folder, .readDirectory)
    if let status = try directory.status(of: name), status.kind != .regular {
      throw FileError(refusing: path, "is no regular file")
    }
    try directory.replace(name, contents: contents, mode: 0o644)
  }

  static func privateFile(_ kid: ByteString) -> String { "\(kid).jwk" }

  /// A kid that stands for itself as a file name. jotmill's own are base64url.
  public static func isSafeName(_ kid: ByteString) -> Bool {
    !kid.isEmpty && kid.bytes.count <= 200
      && kid.bytes.allSatisfy {
        $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
      } && kid.bytes[0] != UInt8(ascii: ".")
  }
}
