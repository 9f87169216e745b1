// jotmill verify: options to a policy, a key set and a run.

internal import Files
internal import JOSE
internal import Pipeline

enum VerifyCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = VerifyOptions()
    options.policy = try policy(arguments)
    options.allowed = try Streams.algorithms(arguments)
    options.at =
      try arguments.value("at", "now, an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    options.raw = arguments.has("raw")
    options.format = arguments["input"].flatMap { InputFormat(rawValue: $0) } ?? .auto
    options.field = try arguments.value(
      "field", "an RFC 6901 pointer such as /request/token", JSONPointer.init)
    options.print = arguments["print"].flatMap { VerifyOptions.Print(rawValue: $0) } ?? .verdict
    options.only = arguments["only"].flatMap { VerifyOptions.Filter(rawValue: $0) }
    if options.raw {
      let claims = [
        "iss", "aud", "sub", "token-type", "fresh", "require", "max-age", "at", "leeway",
      ]
      if let name = claims.first(where: arguments.has) {
        throw arguments.usage("--raw looks at no claims, so --\(name) can't be checked")
      }
      if options.print == .claims { throw arguments.usage("--raw has no claims to print") }
    }
    try checkStandardInput(arguments)
    let keys = try KeySources.verification(arguments)

    if options.print == .none, arguments.has("output") {
      throw arguments.usage("--print none writes nothing, so --output has no place beside it")
    }
    let showsVerdicts = options.print == .verdict && options.only != .valid
    let streams = try Streams(
      arguments, chunkBytes: 256 << 10, output: options.print == .none,
      showsRejected: !showsVerdicts)
    options.maxLine = streams.maxLine
    options.inputNames = streams.inputNames
    options.keepsRejects = streams.run.rejects != nil
    let outcome = streams.run { [options] in VerifyProcessor(options, keys: keys) }
    return streams.finish(outcome)
  }

  private static func policy(_ arguments: Arguments) throws -> ClaimsPolicy {
    var policy = ClaimsPolicy()
    policy.issuers = arguments.all("iss").map { ByteString($0) }
    policy.audiences = arguments.all("aud").map { ByteString($0) }
    policy.subject = arguments["sub"].map { ByteString($0) }
    policy.typ = arguments["typ"].map { ByteString($0) }
    policy.tokenType = arguments["token-type"].flatMap { ClaimsPolicy.TokenType(rawValue: $0) }
    policy.requiresFresh = arguments.has("fresh")
    policy.required = try Streams.list(arguments, "require").map { ByteString($0) }
    policy.maxAge = try arguments.value("max-age", "a span such as 12h", Seconds.init)
    policy.leeway = try arguments.value("leeway", "a span such as 30s", Seconds.init) ?? Seconds(0)
    return policy
  }

  /// Standard input can be the tokens or a key, not both.
  private static func checkStandardInput(_ arguments: Arguments) throws {
    let asKey = ["jwks", "key", "secret"].flatMap(arguments.all).filter { $0 == "-" }.count
    let asInput = arguments.operands.isEmpty || arguments.operands.contains("-") ? 1 : 0
    if asKey + asInput > 1, asKey > 0 {
      throw arguments.usage("standard input can't be both a key and the lines; name a FILE")
    }
  }
}
