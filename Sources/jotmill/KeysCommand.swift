// jotmill keys: init, generate, list, import, export, publish.
// Owns: what a person is told of a ring. Must never: print a private half unless asked with
// --private.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum KeysCommand {
  // MARK: Making

  static func initialize(_ arguments: Arguments) throws -> Int32 {
    let path = arguments["keyring"] ?? KeySources.defaultPath
    let policy = try self.policy(arguments)
    let directory = try RingDirectory.create(path, policy: policy, at: Timestamp.now)
    try Jotmill.print("made the keyring \(path)\n")
    guard !arguments.has("empty") else {
      try Jotmill.print("it holds no key yet; jotmill keys import --as active FILE brings one\n")
      return 0
    }
    try makeKey(directory)
    return 0
  }

  static func generate(_ arguments: Arguments) throws -> Int32 {
    try makeKey(try KeySources.ring(arguments))
    return 0
  }

  /// Makes the active key of an empty ring, else the next one if there is none.
  private static func makeKey(_ directory: RingDirectory) throws {
    // RSA keys take a moment to find: outside the lock, and for nothing only in a race.
    let ring = try directory.load()
    let waiting = ring.successor(at: Timestamp.now)
    let fresh =
      waiting != nil
      ? nil : try JWK.generate(for: ring.policy.algorithm, rsaBits: ring.policy.rsaBits)
    let (key, isNew) = try directory.change(at: Timestamp.now) { ring, now in
      // One that an earlier run could not publish has been published by now.
      if let kid = waiting?.kid, let index = ring.index(of: kid) {
        return (ring.keys[index], false)
      }
      if let next = ring.successor(at: now) { return (next, false) }
      let jwk =
        try fresh ?? JWK.generate(for: ring.policy.algorithm, rsaBits: ring.policy.rsaBits)
      try directory.add(jwk, ring.policy.algorithm, to: &ring, at: Timestamp.now)
      return (ring.keys[ring.keys.count - 1], true)
    }
    let isFinished = waiting != nil && waiting?.published == nil
    let prefix = isNew ? "made " : isFinished ? "published " : "the next key is there already: "
    try report(key, at: Timestamp.now, prefix: prefix)
  }

  private static func report(_ key: RingKey, at now: Timestamp, prefix: String) throws {
    let activation = key.activation ?? now
    let when =
      activation <= now + Seconds(1)
      ? "signs from now on" : "signs from \(activation.rfc3339) on"
    try Jotmill.print("\(prefix)\(key.algorithm.algorithm.name) key \(key.kid), \(when)\n")
  }

  private static func policy(_ arguments: Arguments) throws -> Policy {
    let name = try arguments.value("alg", "an algorithm such as RS256", AlgorithmName.init)
    var policy = Policy(algorithm: name ?? AlgorithmName("RS256")!)
    func span(_ option: String, _ current: Seconds) throws -> Seconds {
      try arguments.value(option, "a span such as 30d", Seconds.init) ?? current
    }
    policy.rsaBits =
      try arguments.value("rsa-bits", "a number from 2048 to 16384") {
        Streams.number($0, 2048...16_384)
      } ?? policy.rsaBits
    policy.period = try span("period", policy.period)
    policy.publishAhead = try span("publish-ahead", policy.publishAhead)
    policy.maxTokenTTL = try span("max-token-ttl", policy.maxTokenTTL)
    policy.leeway = try span("leeway", policy.leeway)
    policy.clockSkew = try span("clock-skew", policy.clockSkew)
    policy.jwksMaxAge = try span("jwks-max-age", policy.jwksMaxAge)
    // Absolute, so that every later run means the same file.
    policy.publishTo = try arguments.all("publish-to").map { try OpenFile.absolute($0) }
    return policy
  }

  // MARK: Showing

  static func list(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let ring = try directory.load()
    let now = Timestamp.now
    if arguments.has("json") {
      try OpenFile.standardOutput.write(value(ring, at: now).text(pretty: true))
      return 0
    }
    guard !ring.keys.isEmpty else {
      try Jotmill.print("no keys; jotmill keys generate makes one\n")
      return 0
    }
    var rows = [["KID", "ALG", "PHASE", "SIGNS FROM", "PUBLISHED UNTIL"]]
    for key in ring.keys {
      rows.append([
        key.kid.description, key.algorithm.algorithm.name,
        key.phase(at: now).rawValue, key.activation?.rfc3339 ?? "-",
        key.archived?.rfc3339 ?? "-",
      ])
    }
    try Jotmill.print(Terminal.table(rows, numbers: false))
    return 0
  }

  private static func value(_ ring: Ring, at now: Timestamp) -> JSONValue {
    func time(_ stamp: Timestamp?) -> JSONValue { stamp.map { .string($0.rfc3339) } ?? .null }
    return .object([
      "keys": .array(
        ring.keys.map { key in
          .object([
            "kid": .string(key.kid),
            "alg": .string(key.algorithm.algorithm.name),
            "phase": .string(key.phase(at: now).rawValue),
            "created": time(key.created),
            "published": time(key.published),
            "activation": time(key.activation),
            "retired": time(key.retired),
            "archived": time(key.archived),
          ])
        })
    ])
  }

  // MARK: In and out

  static func importKey(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let path = arguments.operands[0]
    let set = try KeySources.file(path)
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
    try place(jwk, name, arguments["as"] ?? "next", directory, path)
    try Jotmill.print("imported \(name.algorithm.name) key \(kid)\n")
    return 0
  }

  private static func place(
    _ jwk: JWK, _ name: AlgorithmName, _ role: String, _ directory: RingDirectory, _ path: String
  ) throws {
    guard role == "archived" || jwk.hasPrivateHalf else {
      throw KeyringError(
        .noPrivateKey, "\(path): only a public key; it can be imported --as archived")
    }
    guard let kid = jwk.kid else { preconditionFailure("an imported key has a kid") }
    try directory.change(at: Timestamp.now) { ring, now in
      guard ring.index(of: kid) == nil else {
        throw KeyringError(.keyExists, "\(directory.path): kid \"\(kid)\" is there already")
      }
      let twin = ring.keys.first { !jwk.isSymmetric && $0.jwk.material == jwk.material }
      if let twin {
        throw KeyringError(
          .keyExists, "\(directory.path): this key is there already, as kid \"\(twin.kid)\"")
      }
      let hasSigner = ring.keys.contains {
        ![.archived, .revoked].contains($0.phase(at: now))
      }
      switch role {
      case "archived": return try directory.addArchived(jwk, name, to: &ring, at: now)
      case "active":
        guard !hasSigner else {
          throw KeyringError(
            .wrongKind,
            "\(directory.path): has a signing key; import --as next, which every cache will know "
              + "before it signs")
        }
      default:
        guard hasSigner else {
          throw KeyringError(
            .wrongKind, "\(directory.path): has no signing key yet; import --as active")
        }
        if let next = ring.successor(at: now) {
          throw KeyringError(
            .keyExists, "\(directory.path): key \(next.kid) is the next one already")
        }
      }
      try directory.add(jwk, name, to: &ring, at: Timestamp.now)
    }
  }

  static func export(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let ring = try directory.load()
    let now = Timestamp.now
    let isPrivate = arguments.has("private")
    let format = arguments["format"] ?? "jwk"
    let key: RingKey
    if let kid = arguments.operands.first {
      guard let index = ring.index(of: ByteString(kid)) else {
        throw KeyringError(.noSuchKey, "\(directory.path): no key \"\(kid)\"")
      }
      key = ring.keys[index]
    } else {
      guard let active = ring.activeKey(at: now) else {
        throw KeyringError(.noActiveKey, "\(directory.path): no key is active; name a KID")
      }
      key = active
    }
    if key.jwk.isSymmetric, !isPrivate {
      throw KeyringError(
        .wrongKind, "\(directory.path): a secret has no public half; --private hands it over")
    }
    let jwk = isPrivate ? try directory.privateKey(key) : key.jwk
    var bytes = try text(jwk, format, isPrivate)
    defer { bytes.wipe() }
    if let path = arguments["output"], path != "-" {
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

  static func publish(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let (ring, now) = try directory.change(at: Timestamp.now) { ring, now in
      // The copy first: a target of the policy that can't be written must not keep it old.
      if let path = arguments["out"] {
        let file = try OutputFile(path, mode: 0o644)
        do { try file.file.write(ring.publishedSet(at: now)) } catch {
          file.discard()
          throw error
        }
        try file.commit()
      }
      try directory.publish(ring, at: now)
      return (ring, now)
    }
    let count = ring.publishedKeys(at: now).count
    let places = ["\(directory.path)/jwks.json"] + ring.policy.publishTo + arguments.all("out")
    let keys = count == 1 ? "1 key" : "\(count) keys"
    for place in places { try Jotmill.print("\(place): \(keys)\n") }
    try Jotmill.print("Cache-Control: public, max-age=\(ring.policy.jwksMaxAge.count)\n")
    return 0
  }
}
