// jotmill verify: options to a policy, a key set and a run.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum VerifyCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = VerifyOptions()
    options.policy = try policy(arguments)
    options.allowed = try Streams.algorithms(arguments)
    options.time = try time(arguments)
    options.raw = arguments.has("raw")
    options.triesAllKeys = arguments.has("try-all")
    options.format = arguments["input"].flatMap { InputFormat(rawValue: $0) } ?? .auto
    options.field = try arguments.value(
      "field", "an RFC 6901 pointer such as /request/token", JSONPointer.init)
    options.tokens = arguments["tokens"].flatMap { VerifyOptions.Tokens(rawValue: $0) } ?? .first
    options.print = arguments["print"].flatMap { VerifyOptions.Print(rawValue: $0) } ?? .verdict
    options.only = arguments["only"].flatMap { VerifyOptions.Filter(rawValue: $0) }
    options.redacts = arguments.has("redact")
    try checkTogether(arguments, options)
    if let path = arguments["schema"] { options.schema = try schema(path) }
    if arguments.has("denylist-types") {
      options.denylistTypes = try denylistTypes(arguments)
    }
    options.users = try users(arguments)
    options.memory = try memory(arguments)
    try KeySources.checkStandardInput(arguments)
    let keys = try KeySources.verification(arguments)

    if options.print == .none, arguments.has("output") {
      throw arguments.usage("--print none writes nothing, so --output has no place beside it")
    }
    let showsVerdicts = options.print == .verdict && options.only != .valid
    var streams = try Streams(
      arguments, chunkBytes: 256 << 10, output: options.print == .none,
      showsRejected: !showsVerdicts)
    streams.lanes = Engine.lanes(arguments)
    options.lanes = streams.lanes
    options.maxLine = streams.maxLine
    options.inputNames = streams.inputNames
    options.keepsRejects = streams.run.rejects != nil
    options.countsDetails = arguments.has("report") || arguments.has("summary-json")
    var outcome = streams.run { [options] in try VerifyProcessor(options, keys: keys) }
    if options.countsDetails {
      for issuer in keys.trust.issuers { outcome.summary.describe(issuer.keys) }
    }
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

  private static func time(_ arguments: Arguments) throws -> VerifyOptions.Time {
    let member = try arguments.value(
      "at-field", "an RFC 6901 pointer such as /time", JSONPointer.init)
    let at = try arguments.value("at", "now, an RFC 3339 time or Unix seconds", Streams.time)
    guard arguments.has("at-log") || member != nil else {
      return (at ?? nil).map { .fixed($0) } ?? .now
    }
    guard at == nil else {
      throw arguments.usage(
        "--at is one time for all lines, --at-log and --at-field are each line's own")
    }
    return .line(log: arguments.has("at-log"), member: member)
  }

  /// Options that say nothing, or something else than they seem to, beside each other.
  private static func checkTogether(_ arguments: Arguments, _ options: VerifyOptions) throws {
    if options.raw {
      let claims = [
        "iss", "aud", "sub", "token-type", "fresh", "require", "max-age", "at", "at-log",
        "at-field", "leeway", "schema", "trust", "denylist-types", "users",
      ]
      if let name = claims.first(where: arguments.has) {
        throw arguments.usage("--raw looks at no claims, so --\(name) can't be checked")
      }
      if options.print == .claims { throw arguments.usage("--raw has no claims to print") }
    }
    if options.redacts, options.print != .line {
      throw arguments.usage("--redact is for --print line; a verdict holds no token")
    }
    if options.tokens == .all, options.print == .claims {
      throw arguments.usage("--print claims is for one token a line, --tokens all for all of them")
    }
    try KeySources.checkTogether(arguments)
  }

  private static func schema(_ path: String) throws -> JSONSchema {
    do { return try JSONSchema(parsing: try KeySources.read(path)) } catch let error as JOSEError {
      throw JOSEError(error.code, "\(path): \(error.detail)")
    }
  }

  private static func users(_ arguments: Arguments) throws -> FollowedUsers? {
    guard let path = arguments["users"] else { return nil }
    let interval = arguments.has("reload") ? 1.0 : nil
    return try FollowedUsers(
      try UsersFile(path), follows: interval, report: KeySources.reportUnchanged)
  }

  private static func denylistTypes(_ arguments: Arguments) throws -> Denylist.TokenTypes {
    try Streams.list(arguments, "denylist-types").reduce(into: []) { types, name in
      switch name {
      case "access": types.insert(.access)
      case "refresh": types.insert(.refresh)
      default: throw arguments.usage("--denylist-types is access, refresh or both, not \"\(name)\"")
      }
    }
  }

  /// The memory of signatures; nil when it is turned off.
  private static func memory(_ arguments: Arguments) throws -> SignatureMemory? {
    guard arguments["cache"] != "0" else { return nil }
    let octets = try arguments.value("cache", "a size such as 64M, up to 1G, or 0", Streams.size)
    guard let memory = SignatureMemory(octets: octets ?? 16 << 20) else {
      throw arguments.usage("--cache is at least 64K, or 0 for none")
    }
    return memory
  }
}
