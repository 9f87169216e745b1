// Gathers the keys that an operator named: rings, JWK sets, key files, secrets.
// Owns: what is said about each. Must never: use a ring that was not named unless it is trusted.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline
internal import Synchronization

enum KeySources {
  /// The keys for `verify`, followed as their files change if `--reload` asks for it. Throws when
  /// there are none that can be used.
  static func verification(_ arguments: Arguments) throws -> VerificationKeys {
    let notes = Notes(isQuiet: arguments.has("quiet"))
    let passphrase = Passphrases.source(arguments)
    guard arguments.has("reload") else {
      return VerificationKeys(try load(arguments, passphrase, notes.add))
    }
    let paths = try watched(arguments)
    return try VerificationKeys(
      watching: paths, load: { try load(arguments, passphrase, notes.add) },
      report: { Terminal.error("\($0); the keys stay as they were") })
  }

  private static let sources = ["jwks", "key", "secret", "keyring"]

  /// The files that tell whether the keys have changed. A pipe can't be read a second time.
  private static func watched(_ arguments: Arguments) throws -> [String] {
    let files = ["jwks", "key", "secret"].flatMap(arguments.all)
    for path in files {
      let kind = path == "-" ? .pipe : try OpenFile.status(at: path)?.kind
      if kind == .pipe || kind == .device {
        let name = path == "-" ? "standard input" : path
        throw arguments.usage("--reload reads keys again, which \(name) does not allow")
      }
    }
    let rings = sources.contains(where: arguments.has) ? arguments.all("keyring") : [defaultPath]
    return files + rings.map { "\($0)/keyring.json" }
  }

  /// What is said of the keys, each thing once however often they are loaded.
  private final class Notes: Sendable {
    private let isQuiet: Bool
    private let said = Mutex<Set<ByteString>>([])
    /// Over all loads; the first one alone bounds what it says by itself.
    private static let most = 1000

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    @Sendable func add(_ text: String) {
      guard !isQuiet else { return }
      let isNew = said.withLock { $0.count < Self.most && $0.insert(ByteString(text)).inserted }
      if isNew { Terminal.error(text) }
    }
  }

  private static func load(
    _ arguments: Arguments, _ passphrase: Passphrase, _ note: (String) -> Void
  ) throws -> KeySet {
    var keys = KeySet()
    keys.allowWeakKeys = arguments.has("allow-weak-keys")
    for path in arguments.all("jwks") {
      try add(try file(path), path, isOption: false, &keys, note)
    }
    for path in arguments.all("key") { try add(try file(path), path, isOption: true, &keys, note) }
    for path in arguments.all("secret") {
      let jwk = try secret(path, note)
      if let problem = keys.add(jwk, source: path, standsForAnyKid: true) { note(problem) }
    }
    for path in arguments.all("keyring") {
      try add(try RingDirectory.open(path, passphrase: passphrase), &keys, note)
    }
    if !sources.contains(where: arguments.has) {
      // Trusted anew each time: it may be another directory by now.
      let directory = try defaultRing(passphrase)
      note("using the keyring in \(directory.path)")
      try add(directory, &keys, note)
    }
    let ambiguous = keys.removeAmbiguous()
    for problem in ambiguous.prefix(shownProblems) { note(problem) }
    if ambiguous.count > shownProblems {
      note("\(ambiguous.count - shownProblems) more kids name different keys")
    }
    guard !keys.isEmpty else { throw JOSEError(.badKey, "no key that can verify anything") }
    return keys
  }

  /// The ring that `--keyring`, `$JOTMILL_KEYRING` or the folder `keys` names.
  static func ring(_ arguments: Arguments) throws -> RingDirectory {
    let passphrase = Passphrases.source(arguments)
    if let path = arguments["keyring"] {
      return try RingDirectory.open(path, passphrase: passphrase)
    }
    return try defaultRing(passphrase)
  }

  static var defaultPath: String {
    let named = Process.environment("JOTMILL_KEYRING") ?? ""
    return named.isEmpty ? "keys" : named
  }

  static func defaultRing(_ passphrase: Passphrase) throws -> RingDirectory {
    let directory = try RingDirectory.open(defaultPath, passphrase: passphrase)
    try directory.checkTrusted()
    return directory
  }

  /// The whole of a key file.
  static func read(_ path: String) throws -> [UInt8] {
    let file = path == "-" ? OpenFile.standardInput : try OpenFile.open(path, .read)
    return try file.readAll()
  }

  static func file(_ path: String) throws -> JWKSet {
    var bytes = try read(path)
    defer { bytes.wipe() }
    do { return try KeyFile.parse(bytes) } catch {
      throw JOSEError(error.code, "\(path): \(error.detail)")
    }
  }

  static func secret(_ path: String, _ note: (String) -> Void) throws -> JWK {
    var bytes = try read(path)
    let endsInNewline = bytes.last == UInt8(ascii: "\n")
    let jwk: JWK
    do { jwk = try KeyFile.secret(&bytes) } catch {
      throw JOSEError(error.code, "\(path): \(error.detail)")
    }
    if endsInNewline { note("\(path): ends in a newline, which is taken as part of the secret") }
    return jwk
  }

  private static func add(
    _ set: JWKSet, _ path: String, isOption: Bool, _ keys: inout KeySet, _ note: (String) -> Void
  ) throws {
    var problems = set.skipped.map { "\(path): \($0)" }
    var usable = 0
    for jwk in set.keys {
      if let problem = keys.add(jwk, source: path, standsForAnyKid: isOption) {
        problems.append(problem)
      } else {
        usable += 1
      }
    }
    guard usable > 0 else {
      throw JOSEError(
        .badKey,
        problems.isEmpty
          ? "\(path): no key in it"
          : "\(path): no usable key in it; "
            + problems.prefix(3).joined(separator: "; ")
            + (problems.count > 3 ? "; and \(problems.count - 3) more" : ""))
    }
    for problem in problems.prefix(shownProblems) { note("\(problem); skipped") }
    if problems.count > shownProblems {
      note("\(path): \(problems.count - shownProblems) more keys skipped")
    }
  }

  /// How many keys are named one by one.
  private static let shownProblems = 20

  private static func add(
    _ directory: RingDirectory, _ keys: inout KeySet, _ note: (String) -> Void
  ) throws {
    let ring = try directory.load()
    for key in ring.keys {
      var jwk = key.jwk
      if jwk.isSymmetric {
        // A secret verifies only with its private half, which is deleted in the end.
        guard try directory.hasPrivateHalf(key.kid) else {
          if key.revocation != nil {
            keys.addRevoked(kid: key.kid, algorithm: key.algorithm)
          } else if key.privateDeleted == nil {
            note("\(directory.path): kid \"\(key.kid)\": the secret is not there; skipped")
          }
          continue
        }
        jwk = try directory.privateKey(key)
      }
      let problem = keys.add(jwk, source: directory.path, window: key.window(ring.policy))
      if let problem { note("\(problem); skipped") }
    }
  }
}
