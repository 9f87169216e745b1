// jotmill keys: import and export.
// Owns: how keys come into a ring and out of it. Must never: print a private half unless asked with
// --private.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum TransferCommand {
  static func importKey(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    let path = arguments.operands[0]
    let (jwk, name) = try keyToImport(arguments, path)
    let outcome = try context.update { update in
      try place(jwk, name, arguments["as"] ?? "next", &update, context.directory.path)
    }
    let isLeftOut = arguments["as"] == "archived" && jwk.hasPrivateHalf && !jwk.isSymmetric
    return try context.report(
      outcome,
      extra: isLeftOut ? ["its private half was left out: an archived key signs nothing"] : [])
  }

  private static func keyToImport(
    _ arguments: Arguments, _ path: String
  ) throws -> (JWK, AlgorithmName) {
    let set = try self.set(arguments, path)
    guard set.keys.count == 1, var jwk = set.keys.first else {
      throw JOSEError(
        .badKey,
        set.keys.isEmpty
          ? (["\(path): no usable key in it"] + set.skipped).joined(separator: "\n")
          : "\(path): holds \(set.keys.count) keys; import them one by one")
    }
    let named = try arguments.value("alg", "an algorithm such as RS256", AlgorithmName.init)
    guard let name = named ?? jwk.algorithm else {
      throw arguments.usage("\(path): the key leaves its algorithm open; choose with --alg")
    }
    guard jwk.fits(name) else {
      throw JOSEError(
        .badKey, "\(path): \(name.algorithm.name) is not for a key of type \(jwk.kind)")
    }
    jwk.algorithm = jwk.algorithm ?? name
    if let weakness = jwk.weakness(for: name.algorithm) {
      throw JOSEError(.weakKey, "\(path): \(weakness)")
    }
    if let reason = jwk.forbids(jwk.hasPrivateHalf ? .sign : .verify) {
      throw JOSEError(.unsupportedKey, "\(path): \(reason)")
    }
    do { try jwk.check() } catch { throw JOSEError(error.code, "\(path): \(error.detail)") }
    jwk.kid = arguments["kid"].map { ByteString($0) } ?? jwk.kid
    jwk.kid = jwk.kid ?? (jwk.isSymmetric ? JWK.randomKid() : jwk.thumbprint)
    guard let kid = jwk.kid, RingDirectory.isSafeName(kid) else {
      throw JOSEError(
        .badKey,
        "\(path): its kid can be no file name (letters, digits, - _ . and no leading dot); "
          + "choose another with --kid")
    }
    guard arguments["as"] == "archived" || jwk.hasPrivateHalf else {
      throw KeyringError(
        .noPrivateKey, "\(path): only a public key; it can be imported --as archived")
    }
    return (jwk, name)
  }

  /// The keys of a file; one under a passphrase is opened.
  private static func set(_ arguments: Arguments, _ path: String) throws -> JWKSet {
    var bytes = try KeySources.read(path)
    defer { bytes.wipe() }
    do {
      guard PasswordJWE.iterations(of: bytes) != nil else { return try KeyFile.parse(bytes) }
      let passphrase =
        try arguments["file-passphrase"].map { try Passphrases.read($0) }
        ?? Passphrases.source(arguments).get()
      var text = try PasswordJWE.decrypt(bytes, passphrase: passphrase).plaintext
        .reveal { $0.copy(0..<$0.count) }
      defer { text.wipe() }
      return try KeyFile.parse(text)
    } catch let error as JOSEError {
      throw JOSEError(error.code, "\(path): \(error.detail)")
    }
  }

  private static func place(
    _ jwk: JWK, _ name: AlgorithmName, _ role: String, _ update: inout RingUpdate, _ path: String
  ) throws {
    let (ring, now) = (update.ring, update.now)
    guard let kid = jwk.kid else { preconditionFailure("an imported key has a kid") }
    guard ring.index(of: kid) == nil else {
      throw KeyringError(.keyExists, "\(path): kid \"\(kid)\" is there already")
    }
    let twin = ring.keys.first { !jwk.isSymmetric && $0.jwk.material == jwk.material }
    if let twin {
      throw KeyringError(.keyExists, "\(path): this key is there already, as kid \"\(twin.kid)\"")
    }
    let hasSigner = ring.keys.contains { ![.archived, .revoked].contains($0.phase(at: now)) }
    switch role {
    case "archived": return try update.addArchived(jwk, name)
    case "active":
      guard !hasSigner else {
        throw KeyringError(
          .wrongKind,
          "\(path): has a signing key; import --as next, which every cache will know "
            + "before it signs")
      }
    default:
      guard hasSigner else {
        throw KeyringError(.wrongKind, "\(path): has no signing key yet; import --as active")
      }
      if let next = ring.successor(at: now) {
        throw KeyringError(.keyExists, "\(path): key \(next.kid) is the next one already")
      }
    }
    try update.add(jwk, name, imported: true)
  }

  static func export(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let ring = try directory.load()
    let format = arguments["format"] ?? "jwk"
    let isPrivate = arguments.has("private")
    guard isPrivate || format != "jwe" else {
      throw arguments.usage("--format jwe is a private half under a passphrase: add --private")
    }
    guard format == "jwe" || !arguments.has("iterations") else {
      throw arguments.usage("--iterations goes with --format jwe")
    }
    let key: RingKey
    if let kid = arguments.operands.first {
      guard let index = ring.index(of: ByteString(kid)) else {
        throw KeyringError(.noSuchKey, "\(directory.path): no key \"\(kid)\"")
      }
      key = ring.keys[index]
    } else {
      guard let active = ring.activeKey(at: Timestamp.now) else {
        throw KeyringError(.noActiveKey, "\(directory.path): no key is active; name a KID")
      }
      key = active
    }
    if key.jwk.isSymmetric, !isPrivate {
      throw KeyringError(
        .wrongKind, "\(directory.path): a secret has no public half; --private hands it over")
    }
    let jwk = isPrivate ? try directory.privateKey(key) : key.jwk
    var bytes =
      format == "jwe" ? try encrypted(jwk, arguments, ring) : try text(jwk, format, isPrivate)
    defer { bytes.wipe() }
    if let path = arguments["output"], path != "-" {
      try directory.checkIsOutside(path)
      let file = try OutputFile(path, mode: isPrivate ? 0o600 : nil)
      do { try file.file.write(bytes) } catch {
        file.discard()
        throw error
      }
      try file.commit()
    } else {
      try OpenFile.standardOutput.write(bytes)
    }
    return 0
  }

  /// The private half under the ring's passphrase, or a new one.
  private static func encrypted(
    _ jwk: JWK, _ arguments: Arguments, _ ring: Ring
  ) throws -> [UInt8] {
    let iterations = try arguments.value("iterations", "a number from 1000 to 1000000") {
      Streams.number($0, 1000...PasswordJWE.mostIterations)
    }
    let passphrase =
      ring.isEncrypted ? Passphrases.source(arguments) : try Passphrases.new(arguments)
    guard let text = jwk.privateText else {
      throw KeyringError(.noPrivateKey, "the private half is not there")
    }
    return try PasswordJWE.encrypt(
      text, passphrase: try passphrase.get(), iterations: iterations ?? PasswordJWE.iterations)
      + [UInt8(ascii: "\n")]
  }

  /// The caller wipes it.
  private static func text(_ jwk: JWK, _ format: String, _ isPrivate: Bool) throws -> [UInt8] {
    if format == "pem" || format == "der" {
      return try jwk.encoded(isPrivate: isPrivate, pem: format == "pem")
        .reveal { $0.copy(0..<$0.count) }
    }
    var out: [UInt8] = []
    // Room for all of it, so that growth leaves no copy of a private half behind.
    out.reserveCapacity(40_000)
    if format == "jwks" { out.append("{\"keys\":[") }
    if isPrivate {
      guard let secret = jwk.privateText else {
        throw KeyringError(.noPrivateKey, "the private half is not there")
      }
      // Without its line end.
      secret.reveal { out.append($0, 0..<$0.count - 1) }
    } else {
      jwk.publicValue.append(to: &out)
    }
    if format == "jwks" { out.append("]}") }
    out.append("\n")
    return out
  }
}
