// jotmill grant: options to keys, users, rules and a run.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum GrantCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    var options = GrantOptions()
    let omitted = try Streams.list(arguments, "omit")
    if let name = omitted.first(where: { !["type", "fresh", "family"].contains($0) }) {
      throw arguments.usage("--omit leaves out type, fresh or family, not \"\(name)\"")
    }
    options.access = try access(arguments, saysType: !omitted.contains("type"))
    options.saysFresh = !omitted.contains("fresh")
    options.saysFamily = !omitted.contains("family")
    options.refreshTTL =
      try arguments.value("refresh-ttl", "a span such as 7d", Seconds.init) ?? options.refreshTTL
    options.rotatesRefresh = arguments.has("rotate-refresh")
    options.scope = try scope(arguments)
    let grace = try arguments.value("reuse-grace", "a span such as 30s", Seconds.init)
    let cost = try arguments.value(
      "scrypt", "N,R,P such as 16384,8,1, within 1 GiB", UsersCommand.cost)
    guard !arguments.has("users") || !arguments.has("no-users") else {
      throw arguments.usage("--users and --no-users contradict each other")
    }
    let directory = try SignCommand.ring(arguments, at: options.access.at)
    try Streams.checkOutputs(
      arguments, besides: directory, [arguments["users"] ?? directory.usersPath])
    options.policy = policy(arguments)
    let at = options.access.at ?? Timestamp.now
    // For each chunk: verifiers refuse a revoked key's tokens at once.
    let signing = try SigningKeys(directory, at: at, every: Seconds(0))
    let verification = try KeySources.verification(by: directory, arguments)
    let refreshTokens = try RefreshTokens(
      directory, areSpent: options.rotatesRefresh, grace: grace ?? Seconds(30))
    let (users, rehashes) = try self.users(arguments, directory) ?? (nil, nil)

    // Last of what can fail: outputs are open from here on. A token that was spent for an answer is
    // not spent again for another one.
    var streams = try Streams(
      arguments, chunkBytes: 128 << 10, showsRejected: true, keepsOutput: true)
    // A password takes 50 ms: a burst of them is answered, and a signal obeyed, within seconds.
    streams.run.limits.chunkLines = 128
    streams.run.wipesInput = true
    streams.lanes = Engine.lanes(arguments)
    options.lanes = streams.lanes
    options.access.maxLine = streams.maxLine
    var logins: Logins?
    if let users, let rehashes {
      logins = Logins(users, rehashes, cost: cost ?? .interactive, atOnce: streams.run.workers)
    }
    let sources = GrantSources(
      signing: signing, verification: verification, refreshTokens: refreshTokens, users: users,
      logins: logins)
    let outcome = streams.run { [options] in try GrantProcessor(options, sources) }
    rehashes?.finish()
    return streams.finish(outcome)
  }

  /// What jotmill says by itself.
  private static let taken: [ByteString] = [
    "sub", "fresh", "scope", "family", "type", "iat", "exp", "nbf", "jti", "access_token_jti",
    "access_token_iat",
  ]

  private static func access(
    _ arguments: Arguments, saysType: Bool
  ) throws -> SignOptions {
    var options = SignOptions()
    options.claims = try ClaimOptions.claims(arguments)
    if let name = options.claims.map(\.name).first(where: taken.contains) {
      throw arguments.usage("--claim \(name) is not possible: a grant decides it")
    }
    if saysType { options.claims.append(("type", JSONValue.string("access").text())) }
    options.ttl = try arguments.value("access-ttl", "a span such as 15m", Seconds.init)
    options.notBefore = try arguments.value("nbf", "a span such as 0s", Seconds.init)
    options.typ = ClaimOptions.typ(arguments)
    options.header = try ClaimOptions.header(arguments)
    options.at = try arguments.value("at", "an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    // RFC 9068: said once, before the first request.
    if options.isAccessTokenProfile,
      let name = ["iss", "aud", "client_id"].first(where: { name in
        !options.claims.contains { $0.name == ByteString(name) }
      })
    {
      let option = name == "client_id" ? "--claim client_id=JSON" : "--\(name)"
      throw arguments.usage("--typ at+jwt asks for \(option) (RFC 9068 section 2.2)")
    }
    return options
  }

  private static func policy(_ arguments: Arguments) -> ClaimsPolicy {
    var policy = ClaimsPolicy()
    policy.issuers = arguments.all("iss").map { ByteString($0) }
    policy.audiences = arguments.all("aud").map { ByteString($0) }
    return policy
  }

  private static func scope(_ arguments: Arguments) throws -> Scope? {
    guard arguments.has("scope"), var scope = Scope("") else { return nil }
    for text in arguments.all("scope") {
      guard let words = Scope(ByteString(text)) else {
        throw arguments.usage(
          "--scope is words with one space between them, such as \"read write\"")
      }
      scope.add(words)
    }
    return scope
  }

  private static func users(
    _ arguments: Arguments, _ directory: RingDirectory
  ) throws -> (FollowedUsers?, Rehashes?)? {
    guard !arguments.has("no-users") else { return nil }
    let path = arguments["users"] ?? directory.usersPath
    do {
      let file = try UsersFile(path)
      let users = try FollowedUsers(file, follows: 0, report: KeySources.reportUnchanged)
      return (users, Rehashes(file) { Terminal.error($0) })
    } catch let error as FileError where error.isMissing {
      throw arguments.usage(
        "\(path): no such file; \"jotmill users add\" or \"import\" makes it, and with --no-users "
          + "refresh tokens are exchanged whoever their subject is")
    }
  }
}
