// jotmill sign: options to claims, a key and a run.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum SignCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = try claims(arguments)
    try header(arguments, &options)
    options.format =
      arguments["format"].flatMap { SignOptions.Format(rawValue: $0) }
      ?? (options.refreshTTL == nil ? .token : .json)
    options.at = try arguments.value("at", "an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    let keys = try signingKeys(arguments, at: options.at)
    // A signature costs more than a verification: small chunks share the work evenly.
    let streams = try Streams(arguments, chunkBytes: 64 << 10, showsRejected: true)
    options.maxLine = streams.maxLine
    options.inputNames = streams.inputNames
    options.keepsRejects = streams.run.rejects != nil
    let outcome = streams.run { [options] in SignProcessor(options, keys: keys) }
    return streams.finish(outcome)
  }

  private static func claims(_ arguments: Arguments) throws -> SignOptions {
    var options = SignOptions()
    func text(_ value: String) -> [UInt8] { JSONValue.string(value).text() }
    if let iss = arguments["iss"] { options.claims.append(("iss", text(iss))) }
    if let sub = arguments["sub"] { options.claims.append(("sub", text(sub))) }
    let audiences = arguments.all("aud")
    if audiences.count == 1 { options.claims.append(("aud", text(audiences[0]))) }
    if audiences.count > 1 {
      options.claims.append(("aud", JSONValue.array(audiences.map { .string($0) }).text()))
    }
    if let type = arguments["token-type"] { options.claims.append(("type", text(type))) }
    if arguments.has("fresh") { options.claims.append(("fresh", Array("true".utf8))) }
    for pair in arguments.all("claim") {
      options.claims.append(try member(pair, "--claim", arguments))
    }
    let names = options.claims.map(\.name)
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      throw arguments.usage("the claim \"\(twice)\" is given twice")
    }
    for name in ["iat", "exp", "jti", "nbf"] as [ByteString] where names.contains(name) {
      throw arguments.usage(
        "--claim \(name) is not possible; use --ttl, --nbf, --jti or the record")
    }
    options.ttl = try arguments.value("ttl", "a span such as 15m", Seconds.init)
    try refresh(arguments, &options)
    options.notBefore = try arguments.value("nbf", "a span such as 0s", Seconds.init)
    options.addsID = arguments["jti"] != "none"
    options.overrides = arguments.has("override")
    options.asIs = arguments.has("as-is")
    if options.asIs {
      let adding = [
        "iss", "aud", "sub", "ttl", "nbf", "jti", "token-type", "fresh", "claim", "override",
      ]
      if let name = adding.first(where: arguments.has) {
        throw arguments.usage("--as-is adds nothing, so --\(name) has no place beside it")
      }
    }
    return options
  }

  /// `--refresh`: pairs, whose access tokens say what they are.
  private static func refresh(_ arguments: Arguments, _ options: inout SignOptions) throws {
    let ttl = try arguments.value("refresh-ttl", "a span such as 7d", Seconds.init)
    guard arguments.has("refresh") else {
      if ttl != nil { throw arguments.usage("--refresh-ttl goes with --refresh") }
      return
    }
    if arguments.has("as-is") {
      throw arguments.usage("--as-is adds nothing, so --refresh has no place beside it")
    }
    if arguments["jti"] == "none" {
      throw arguments.usage("--refresh names each access token by its jti, so it needs one")
    }
    if arguments["token-type"] == "refresh" {
      throw arguments.usage("--refresh makes pairs; their access tokens are of --token-type access")
    }
    if arguments["format"] == "token" {
      throw arguments.usage("--refresh makes pairs, which are always --format json")
    }
    options.refreshTTL = ttl ?? Seconds(7 * 86_400)
    if !arguments.has("token-type") {
      options.claims.append(("type", JSONValue.string("access").text()))
    }
  }

  private static func header(_ arguments: Arguments, _ options: inout SignOptions) throws {
    if let typ = arguments["typ"] { options.typ = typ == "none" ? nil : ByteString(typ) }
    for pair in arguments.all("header") {
      options.header.append(try member(pair, "--header", arguments))
    }
    if let url = arguments["jku"] {
      options.header.append(("jku", JSONValue.string(url).text()))
    }
    let taken: [ByteString] = ["alg", "kid", "typ", "crit", "b64"]
    let names = options.header.map(\.name)
    for name in names where taken.contains(name) {
      throw arguments.usage("--header can't set \"\(name)\"")
    }
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      throw arguments.usage("the header member \"\(twice)\" is given twice")
    }
  }

  /// `NAME=JSON`.
  private static func member(
    _ pair: String, _ option: String, _ arguments: Arguments
  ) throws -> (name: ByteString, json: [UInt8]) {
    let bytes = Array(pair.utf8)
    guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > 0 else {
      throw arguments.usage("\(option) is NAME=JSON, such as role='\"admin\"', not \"\(pair)\"")
    }
    // As a member of an object, so that depth is counted as it will be.
    let text = Array("{\"x\":".utf8) + bytes[(equals + 1)...] + [UInt8(ascii: "}")]
    let name = ByteString(Array(bytes[..<equals]))
    var document = JSONDocument()
    let failure = document.parse(text)
    guard failure == nil, document.nodes[0].next == document.nodes[2].next else {
      throw arguments.usage(
        failure == .duplicateMember
          ? "\(option) \(name): a member name stands there twice"
          : "\(option) \(name): the value is no JSON; a text needs its quotes, such as '\"admin\"'")
    }
    return (name, JSONValue(document, 2, text.span).text())
  }

  // MARK: The key

  private static func signingKeys(
    _ arguments: Arguments, at: Timestamp?
  ) throws -> SigningKeys {
    let sources = ["key", "secret", "keyring"].filter(arguments.has)
    if sources.count > 1 {
      throw arguments.usage("--\(sources[0]) and --\(sources[1]) both name a key to sign with")
    }
    if arguments.has("key") || arguments.has("secret") {
      guard at == nil else { throw arguments.usage("--at is the clock of a ring for rehearsals") }
      return try fileKey(arguments)
    }
    for name in ["kid", "alg"] where arguments.has(name) {
      throw arguments.usage("--\(name) goes with --key; a keyring decides it by itself")
    }
    let directory: RingDirectory
    if let path = arguments["keyring"] {
      directory = try RingDirectory.open(path, passphrase: Passphrases.source(arguments))
    } else {
      directory = try KeySources.defaultRing(Passphrases.source(arguments))
      if !arguments.has("quiet") { Terminal.error("using the keyring in \(directory.path)") }
    }
    guard try at == nil || directory.load().isRehearsal else {
      throw arguments.usage(
        "\(directory.path): --at is the clock of a ring made by keys init --rehearsal; this one "
          + "signs as of now")
    }
    return try SigningKeys(directory, at: at ?? Timestamp.now)
  }

  private static func fileKey(_ arguments: Arguments) throws -> SigningKeys {
    let path = arguments["key"] ?? arguments["secret"] ?? ""
    if path == "-", arguments.operands.isEmpty || arguments.operands.contains("-") {
      throw arguments.usage("standard input can't be both the key and the records; name a FILE")
    }
    let names = try Streams.algorithms(arguments)
    if let names, names.count > 1 { throw arguments.usage("--alg names one algorithm here") }
    var candidates: [JWK]
    if arguments.has("secret") {
      candidates = [
        try KeySources.secret(path) { if !arguments.has("quiet") { Terminal.error($0) } }
      ]
    } else {
      candidates = try KeySources.file(path).keys.filter(\.hasPrivateHalf)
      guard !candidates.isEmpty else {
        throw JOSEError(.noPrivateKey, "\(path): no private key in it; signing needs one")
      }
    }
    if let kid = arguments["kid"].map({ ByteString($0) }) {
      let named = candidates.filter { $0.kid == kid }
      if named.isEmpty, candidates.count == 1, candidates[0].kid == nil {
        candidates[0].kid = kid
      } else {
        candidates = named
      }
    }
    if let name = names?.first { candidates = candidates.filter { $0.fits(name) } }
    guard candidates.count == 1, let jwk = candidates.first else {
      throw JOSEError(
        .badKey,
        candidates.isEmpty
          ? "\(path): no key in it that fits --kid and --alg"
          : "\(path): \(candidates.count) keys fit; choose one with --kid")
    }
    guard let algorithm = names?.first?.algorithm ?? jwk.algorithm?.algorithm else {
      let fitting = Algorithm.allCases.filter { jwk.fits(AlgorithmName($0)) }.map(\.name)
      throw arguments.usage(
        "\(path): the key leaves its algorithm open; choose with --alg \(fitting.joined(separator: "|"))"
      )
    }
    if let weakness = jwk.weakness(for: algorithm), !arguments.has("allow-weak-keys") {
      throw JOSEError(.weakKey, "\(path): \(weakness); --allow-weak-keys uses it all the same")
    }
    do { try jwk.check(allNumbers: false) } catch {
      throw JOSEError(error.code, "\(path): \(error.detail)")
    }
    return SigningKeys(jwk, algorithm)
  }
}
