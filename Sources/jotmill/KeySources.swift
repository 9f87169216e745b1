// Gathers the keys that an operator named: rings, JWK sets, key files, secrets.
// Owns: what is said about each. Must never: use a ring that was not named unless it is trusted.

internal import Files
internal import JOSE
internal import Keyring

enum KeySources {
  /// The keys for `verify`. Throws when there are none that can be used.
  static func verification(_ arguments: Arguments, quiet: Bool) throws -> KeySet {
    var keys = KeySet()
    keys.allowWeakKeys = arguments.has("allow-weak-keys")
    func note(_ text: String) { if !quiet { Terminal.error(text) } }

    for path in arguments.all("jwks") {
      try add(try file(path), path, isOption: false, &keys, note)
    }
    for path in arguments.all("key") { try add(try file(path), path, isOption: true, &keys, note) }
    for path in arguments.all("secret") {
      let jwk = try secret(path, note)
      if let problem = keys.add(jwk, source: path, standsForAnyKid: true) { note(problem) }
    }
    for path in arguments.all("keyring") {
      try add(try RingDirectory.open(path), &keys, note)
    }
    if !["jwks", "key", "secret", "keyring"].contains(where: arguments.has) {
      let directory = try defaultRing()
      note("using the keyring in \(directory.path)")
      try add(directory, &keys, note)
    }
    for problem in keys.removeAmbiguous() { note(problem) }
    guard !keys.isEmpty else { throw JOSEError(.badKey, "no key that can verify anything") }
    return keys
  }

  /// The ring that `--keyring`, `$JOTMILL_KEYRING` or the folder `keys` names.
  static func ring(_ arguments: Arguments) throws -> RingDirectory {
    if let path = arguments["keyring"] { return try RingDirectory.open(path) }
    return try RingDirectory.open(defaultPath)
  }

  static var defaultPath: String {
    let named = Process.environment("JOTMILL_KEYRING") ?? ""
    return named.isEmpty ? "keys" : named
  }

  static func defaultRing() throws -> RingDirectory {
    let directory = try RingDirectory.open(defaultPath)
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
          : "\(path): no usable key in it\n" + problems.joined(separator: "\n"))
    }
    for problem in problems { note("\(problem); skipped") }
  }

  private static func add(
    _ directory: RingDirectory, _ keys: inout KeySet, _ note: (String) -> Void
  ) throws {
    for key in try directory.load().keys where key.revocation == nil {
      // A secret verifies only with its private half.
      let jwk = key.jwk.isSymmetric ? try directory.privateKey(key) : key.jwk
      if let problem = keys.add(jwk, source: directory.path) { note("\(problem); skipped") }
    }
  }
}
