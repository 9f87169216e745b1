// Gathers the keys that an operator named: rings, JWK sets, key files, secrets.
// Owns: what is said about each. Must never: use a ring that was not named unless it is trusted.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline
internal import Synchronization

enum KeySources {
  /// What `verify` judges by, followed as its files change if `--reload` asks for it. Throws when
  /// there is no key that can be used.
  static func verification(_ arguments: Arguments) throws -> VerificationKeys {
    let notes = Notes(isQuiet: arguments.has("quiet"))
    let passphrase = Passphrases.source(arguments)
    guard arguments.has("reload") else {
      return try VerificationKeys(try load(arguments, passphrase, notes.add))
    }
    try checkReadableAgain(arguments)
    return try VerificationKeys(
      following: { try load(arguments, passphrase, notes.add) },
      report: reportUnchanged)
  }

  /// Says that a file that is followed can't be read any more.
  @Sendable static func reportUnchanged(_ failure: String) {
    Terminal.error("\(failure); what was read before stays in force")
  }

  /// What verifies the tokens that are to be revoked, looked at again whenever anybody asks, where it
  /// can be. No list is read: one of them is written.
  static func keys(_ arguments: Arguments) throws -> VerificationKeys {
    let notes = Notes(isQuiet: arguments.has("quiet"))
    let passphrase = Passphrases.source(arguments)
    let keys: @Sendable () throws -> VerificationKeys.Loaded = {
      var found = try load(arguments, passphrase, notes.add)
      found.denylists = []
      return found
    }
    guard try readableOnce(arguments) == nil else { return try VerificationKeys(try keys()) }
    return try VerificationKeys(following: keys, clock: everyTime(), report: reportUnchanged)
  }

  /// A clock by which it is always time to look again.
  private static func everyTime() -> @Sendable () -> Double {
    let looks = Atomic(0)
    return { Double(looks.add(1, ordering: .relaxed).newValue) }
  }

  /// `--trust` stands alone.
  static func checkTogether(_ arguments: Arguments) throws {
    guard arguments.has("trust") else { return }
    let others = ["jwks", "key", "secret", "keyring", "alg", "aud", "typ"]
    if let name = others.first(where: arguments.has) {
      throw arguments.usage(
        "--trust names each issuer's keys, algorithms, audiences and typ; "
          + "--\(name) can't stand beside it")
    }
  }

  /// Standard input can be the tokens or a key, a list, a schema: one of them.
  static func checkStandardInput(_ arguments: Arguments) throws {
    let asKey = ["jwks", "key", "secret", "trust", "schema", "denylist"].flatMap(arguments.all)
      .filter { $0 == "-" }.count
    let asInput = arguments.operands.isEmpty || arguments.operands.contains("-") ? 1 : 0
    if asKey + asInput > 1, asKey > 0 {
      throw arguments.usage("standard input can be read only once; name a FILE")
    }
  }

  private static let sources = ["jwks", "key", "secret", "keyring"]

  private static func checkReadableAgain(_ arguments: Arguments) throws {
    if let name = try readableOnce(arguments) {
      throw arguments.usage("--reload reads files again, which \(name) does not allow")
    }
  }

  /// A source that can't be read a second time, such as a pipe.
  private static func readableOnce(_ arguments: Arguments) throws -> String? {
    for path in ["jwks", "key", "secret", "denylist", "trust"].flatMap(arguments.all) {
      let kind = path == "-" ? .pipe : try OpenFile.status(at: path)?.kind
      if kind == .pipe || kind == .device { return path == "-" ? "standard input" : path }
    }
    return nil
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
  ) throws -> VerificationKeys.Loaded {
    // Lists that are named hold for every issuer.
    var found = VerificationKeys.Loaded(
      denylists: arguments.all("denylist").map { .init(path: $0, mayBeMissing: false) })
    let named = Array(found.denylists.indices)
    let allowsWeakKeys = arguments.has("allow-weak-keys")
    if let path = arguments["trust"] {
      found.willRead(path)
      let issuers = try TrustFile(path).issuers.map { entry in
        var set = KeySet()
        set.allowWeakKeys = allowsWeakKeys
        for path in entry.jwks + entry.keys { found.willRead(path) }
        for path in entry.jwks {
          try add(try file(path), path, isOption: false, &set, note)
        }
        for path in entry.keys { try add(try file(path), path, isOption: true, &set, note) }
        var issuer = TrustedIssuer(entry.name, set)
        issuer.denylists = named
        for path in entry.keyrings {
          let directory = try RingDirectory.open(path, passphrase: passphrase)
          try add(directory, &issuer, &found, arguments, note)
        }
        try finish(&issuer.keys, note)
        (issuer.algorithms, issuer.audiences) = (entry.algorithms, entry.audiences)
        issuer.typ = entry.typ
        return issuer
      }
      found.trust = Trust(issuers)
      return found
    }
    var anyone = TrustedIssuer(nil, KeySet())
    anyone.keys.allowWeakKeys = allowsWeakKeys
    anyone.denylists = named
    for path in ["jwks", "key", "secret"].flatMap(arguments.all) { found.willRead(path) }
    for path in arguments.all("jwks") {
      try add(try file(path), path, isOption: false, &anyone.keys, note)
    }
    for path in arguments.all("key") {
      try add(try file(path), path, isOption: true, &anyone.keys, note)
    }
    for path in arguments.all("secret") {
      let jwk = try secret(path, note)
      if let problem = anyone.keys.add(jwk, source: path, standsForAnyKid: true) { note(problem) }
    }
    for path in arguments.all("keyring") {
      let directory = try RingDirectory.open(path, passphrase: passphrase)
      try add(directory, &anyone, &found, arguments, note)
    }
    if !sources.contains(where: arguments.has) {
      // Trusted anew each time: it may be another directory by now.
      let directory = try defaultRing(passphrase)
      note("using the keyring in \(directory.path)")
      try add(directory, &anyone, &found, arguments, note)
    }
    try finish(&anyone.keys, note)
    found.trust = Trust([anyone])
    return found
  }

  /// What a ring's tokens are judged by, its keys and its denylist, looked at again whenever anybody
  /// asks.
  static func verification(
    by directory: RingDirectory, _ arguments: Arguments
  ) throws -> VerificationKeys {
    let notes = Notes(isQuiet: arguments.has("quiet"))
    return try VerificationKeys(
      following: {
        var found = VerificationKeys.Loaded()
        var anyone = TrustedIssuer(nil, KeySet())
        try add(directory, &anyone, &found, arguments, notes.add)
        try finish(&anyone.keys, notes.add)
        found.trust = Trust([anyone])
        return found
      },
      clock: everyTime(),
      report: reportUnchanged)
  }

  /// Takes a ring's keys, and its denylist unless another one was named.
  private static func add(
    _ directory: RingDirectory, _ issuer: inout TrustedIssuer,
    _ found: inout VerificationKeys.Loaded, _ arguments: Arguments, _ note: (String) -> Void
  ) throws {
    found.willRead("\(directory.path)/keyring.json")
    try add(directory, &issuer.keys, note)
    guard !arguments.has("denylist") else { return }
    let path = directory.denylistPath
    let known = found.denylists.firstIndex { $0.path.utf8.elementsEqual(path.utf8) }
    issuer.denylists.append(known ?? found.denylists.count)
    if known == nil { found.denylists.append(.init(path: path, mayBeMissing: true)) }
  }

  private static func finish(_ keys: inout KeySet, _ note: (String) -> Void) throws {
    let ambiguous = keys.removeAmbiguous()
    for problem in ambiguous.prefix(shownProblems) { note(problem) }
    if ambiguous.count > shownProblems {
      note("\(ambiguous.count - shownProblems) more kids name different keys")
    }
    guard !keys.isEmpty else { throw JOSEError(.badKey, "no key that can verify anything") }
  }

  /// The ring that `--keyring`, `$JOTMILL_KEYRING` or the folder `keys` names.
  static func ring(_ arguments: Arguments) throws -> RingDirectory {
    let passphrase = Passphrases.source(arguments)
    if let path = arguments["keyring"] {
      return try RingDirectory.open(path, passphrase: passphrase)
    }
    return try defaultRing(passphrase)
  }

  /// Whether the environment names the default ring.
  static var namesDefault: Bool { !(Process.environment("JOTMILL_KEYRING") ?? "").isEmpty }

  static var defaultPath: String {
    namesDefault ? Process.environment("JOTMILL_KEYRING") ?? "" : "keys"
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
