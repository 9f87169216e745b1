// Judges the tokens of a chunk: by which keys, as of when, by which rules.
// Owns: which checks a token must pass, and following the keys and the users. Must never: write
// anything, or look at a claim of a token whose signature did not hold.

internal import JOSE
internal import Keyring

/// A token and what is said of it.
struct JudgedToken {
  var token: ChunkTokens.Token
  var reasons = Rejections()
  /// The key that verified it, -1 for none.
  var key = -1
  /// The payload is a claims set, and the signature over it holds.
  var hasClaims = false
  /// Told where the token was judged as of another time.
  var expiredNow: Bool?
  /// Revoked since the time as of which it was judged.
  var revokedNow = false

  init(_ token: ChunkTokens.Token) { self.token = token }
}

/// One a worker.
struct TokenJudge {
  private let options: VerifyOptions
  private let keys: VerificationKeys
  // Made of one generation of the keys; `follow` makes them anew together.
  private var generation = -1
  private(set) var trust: Trust
  private(set) var tokens: ChunkTokens
  /// The policy of each issuer.
  private var policies: [ClaimsPolicy] = []
  /// Those of this chunk; empty where none revokes anything.
  private var denylists: [[Denylist]] = []
  /// Those of this chunk.
  private var users = Users()
  private let asksUsers: Bool
  /// Taken from `options.time` once: it holds a pointer, which costs a reference each time.
  private let isNow: Bool
  /// The claims of the token that was judged last, if it has any.
  private(set) var claims = Claims()

  init(_ options: VerifyOptions, keys: VerificationKeys) throws {
    self.options = options
    self.keys = keys
    isNow = options.time.isNow
    asksUsers = options.users != nil
    let current = try keys.current()
    trust = current.trust
    tokens = ChunkTokens(options, current)
    follow(current)
  }

  // MARK: A chunk

  /// Takes in the tokens of a chunk's lines, by the keys as they are now. `octets` gets what is
  /// decoded, for judging the tokens.
  mutating func read(_ bytes: Span<UInt8>, _ count: Int, into octets: inout [UInt8]) throws {
    let current = try keys.current()
    follow(current)
    try tokens.read(bytes, count, into: &octets)
    denylists = current.denylists.allSatisfy(\.isEmpty) ? [] : current.denylists
    if let followed = options.users { users = followed.current() }
  }

  /// Lets go of what a chunk alone needs: a long denylist must not stand in memory twice.
  mutating func endChunk() {
    denylists = []
    if asksUsers { users = Users() }
  }

  /// Takes the keys as they are now. Between chunks: a choice of key is good for one generation.
  private mutating func follow(_ current: VerificationKeys.Current) {
    guard current.generation != generation else { return }
    if generation >= 0 {
      trust = current.trust
      tokens = ChunkTokens(options, current)
    }
    generation = current.generation
    policies = trust.issuers.map { issuer in
      var policy = options.policy
      if policy.audiences.isEmpty { policy.audiences = issuer.audiences }
      return policy
    }
  }

  /// Allows another leeway than the policy says, for what is judged from now on.
  mutating func allow(_ leeway: Seconds) {
    for i in policies.indices { policies[i].leeway = leeway }
  }

  mutating func count(_ header: Int, accepted: Bool) { tokens.count(header, accepted: accepted) }
  mutating func flush(into summary: inout Summary) { tokens.flush(into: &summary) }

  // MARK: A token

  /// Judges a token of the chunk as of `moment`; its claims, if it has any to show, are those in
  /// `claims` then. nil `moment`: nobody knows when it was used.
  mutating func judge(
    _ token: ChunkTokens.Token, _ octets: Span<UInt8>, at moment: Moment?, now: Timestamp
  ) -> JudgedToken {
    var judged = JudgedToken(token)
    if let rejection = token.rejection {
      judged.reasons.insert(rejection)
    } else if let verified = tokens.verified(token) {
      judged.key = verified.key
      judge(verified, octets, moment, now, &judged)
    } else {
      judged.reasons.insert(.badSignature)
    }
    return judged
  }

  private mutating func judge(
    _ verified: VerifiedJWS, _ octets: Span<UInt8>, _ moment: Moment?, _ now: Timestamp,
    _ judged: inout JudgedToken
  ) {
    let header = judged.token.header
    let acceptsTyp = tokens.headers.entries[header].acceptsTyp
    if options.raw {
      if !acceptsTyp { judged.reasons.insert(.wrongTyp) }
    } else if let rejection = claims.parse(verified, octets) {
      judged.reasons.insert(rejection)
    } else {
      judged.hasClaims = true
      let issuer = tokens.headers.entries[header].issuer
      // Through a span: an element of an array would be counted as used, and each of its lists.
      judged.reasons = policies.span[issuer].judge(
        claims, octets, acceptsTyp: acceptsTyp, at: moment)
      if let schema = options.schema, !schema.accepts(claims.document, 0, octets) {
        judged.reasons.insert(.schema)
      }
      if asksUsers { judgeSubject(octets, &judged) }
      if !isNow { judged.expiredNow = policies[issuer].isExpired(claims, octets, at: now) }
    }
    if !trust.windows.isEmpty { judgeWindow(verified.key, octets, &judged) }
    if !denylists.isEmpty { judgeRevocation(header, octets, moment, now, &judged) }
  }

  /// Apart from `judge`, so that keys without windows pay for none of it.
  @inline(never)
  private func judgeWindow(_ key: Int, _ octets: Span<UInt8>, _ judged: inout JudgedToken) {
    guard let window = trust.windows[key] else { return }
    judged.reasons.formUnion(
      judged.hasClaims ? window.failures(claims, octets) : window.failuresWithoutClaims)
  }

  /// The same for users. They are those of now, as of whatever time the token is judged: a file of
  /// users does not say since when one is disabled.
  @inline(never)
  private func judgeSubject(_ octets: Span<UInt8>, _ judged: inout JudgedToken) {
    guard claims.sub != Claims.absent else { return judged.reasons.insert(.missingClaim) }
    let node = claims.document.nodes[claims.sub]
    guard node.kind == .string else { return judged.reasons.insert(.badClaim) }
    let place =
      node.escaped
      ? users.find(subject: ByteString(claims.document.unescaped(claims.sub, in: octets)))
      : users.find(subject: octets, node.range)
    if place.map(users.isDisabled) ?? true { judged.reasons.insert(.unknownSubject) }
  }

  /// The same for denylists.
  @inline(never)
  private func judgeRevocation(
    _ header: Int, _ octets: Span<UInt8>, _ moment: Moment?, _ now: Timestamp,
    _ judged: inout JudgedToken
  ) {
    // A leaked key's thief leaves out the name that it is listed by.
    let kid = tokens.headers.entries[header].kid ?? trust.keys[judged.key].jwk.kid
    for file in trust.issuers[tokens.headers.entries[header].issuer].denylists {
      for list in denylists[file] {
        let match: Denylist.Match? =
          if judged.hasClaims {
            list.match(claims, octets, kid: kid, types: options.denylistTypes)
          } else {
            // A payload that is no claims names nothing but its key.
            kid.flatMap { list.kid($0.bytes.span, 0..<$0.bytes.count) }
          }
        guard let match else { continue }
        // Nobody knows when: a token revoked at any time may have been used after it.
        let earliest = moment?.earliest ?? now
        if match.revokedAt.map({ $0 <= earliest }) ?? true {
          judged.reasons.insert(.revokedToken)
        } else if let time = match.revokedAt, time <= now {
          judged.revokedNow = true
        }
      }
    }
    if judged.reasons.contains(.revokedToken) { judged.revokedNow = false }
  }
}
