// jotmill sign: options to claims, a key and a run.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum SignCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = try claims(arguments)
    options.typ = ClaimOptions.typ(arguments)
    options.header = try ClaimOptions.header(arguments)
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
    options.claims = try ClaimOptions.claims(arguments)
    for (name, _) in options.claims where ["iat", "exp", "jti", "nbf"].contains(name) {
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
    let directory = try ring(arguments, at: at)
    return try SigningKeys(directory, at: at ?? Timestamp.now)
  }

  /// The ring to sign with; `at` is the clock of one for rehearsals.
  static func ring(_ arguments: Arguments, at: Timestamp?) throws -> RingDirectory {
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
    return directory
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
