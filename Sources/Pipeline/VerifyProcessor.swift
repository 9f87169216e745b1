// Turns lines into verdicts: find and check a chunk's tokens, judge each one, write, count.
// Owns: the order of these steps. Must never: show claims of a token whose signature did not hold,
// or write a raw token into a verdict.

package import JOSE
internal import Keyring

package struct VerifyProcessor: ChunkProcessor {
  private let options: VerifyOptions
  private let keys: VerificationKeys
  private let makeEngine: @Sendable ([KeySet.Key]) -> any SignatureEngine
  // Made of one generation of the keys; `follow` makes them anew together.
  private var generation = -1
  private var trust: Trust
  private var tokens: ChunkTokens
  /// Taken from `options.time` once: it holds a pointer, which costs a reference each time.
  private let isNow: Bool
  private let isLineTime: Bool
  private let fixedTime: Timestamp?
  /// The policy of each issuer.
  private var policies: [ClaimsPolicy] = []
  /// Decoded payloads and signatures of the chunk.
  private var octets: [UInt8] = []
  private var claims = Claims()
  private var issuers = IssuerCounts()
  private var details = DetailCounts()
  private var verdicts: VerdictWriter

  package init(
    _ options: VerifyOptions, keys: VerificationKeys,
    engine makeEngine: @escaping @Sendable ([KeySet.Key]) -> any SignatureEngine = {
      OpenSSLEngine($0)
    }
  ) throws {
    self.options = options
    self.keys = keys
    self.makeEngine = makeEngine
    verdicts = VerdictWriter(options)
    (isNow, isLineTime) = (options.time.isNow, options.time.isLine)
    fixedTime = if case .fixed(let time) = options.time { time } else { nil }
    let current = try keys.current()
    trust = current.trust
    tokens = ChunkTokens(options, current, makeEngine(current.trust.keys))
    follow(current)
  }

  /// Takes the keys as they are now. Between chunks: a choice of key is good for one generation.
  private mutating func follow(_ current: VerificationKeys.Current) {
    guard current.generation != generation else { return }
    if generation >= 0 {
      trust = current.trust
      tokens = ChunkTokens(options, current, makeEngine(trust.keys))
    }
    generation = current.generation
    policies = trust.issuers.map { issuer in
      var policy = options.policy
      if policy.audiences.isEmpty { policy.audiences = issuer.audiences }
      return policy
    }
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      return oversized(chunk, isFirst, isLast, &result)
    }
    let current = try keys.current()
    follow(current)
    let bytes = chunk.bytes.span
    // Taken out while a span of it is lent; put back for its capacity.
    var octets = exchange(&self.octets, with: [])
    defer { self.octets = octets }
    try tokens.read(bytes, chunk.count, into: &octets)
    let denylists = current.denylists.allSatisfy(\.isEmpty) ? [] : current.denylists
    for index in tokens.lines.indices {
      judge(index, chunk, bytes, octets.span, denylists, &result)
    }
    tokens.flush(into: &result.summary)
    issuers.flush(into: &result.summary)
    result.summary.linesWithMore += tokens.linesWithMore
    if options.countsDetails { details.flush(into: &result.summary) }
  }

  // MARK: A line

  private mutating func judge(
    _ index: Int, _ chunk: borrowing Chunk, _ bytes: Span<UInt8>, _ octets: Span<UInt8>,
    _ denylists: [[Denylist]], _ result: inout ChunkResult
  ) {
    let line = tokens.lines[index]
    let moment = isLineTime ? line.moment : Moment(fixedTime ?? chunk.now)
    var reasons = line.rejection.map(Rejections.init) ?? Rejections()
    verdicts.begin()
    var iat: Timestamp?
    for i in line.tokens {
      let judged = judge(tokens.tokens[i], octets, moment, chunk.now, denylists)
      reasons.formUnion(judged.reasons)
      if options.countsDetails, judged.hasClaims {
        let kid = tokens.headers.entries[judged.token.header].kid
        let time = details.countToken(
          claims, octets, kid: kid ?? trust.keys[judged.key].jwk.kid, reasons: judged.reasons)
        iat = iat ?? time
      }
      verdicts.add(judged, tokens, claims, bytes, octets, trust)
    }
    let number = chunk.firstLine + index
    if isShown(reasons.isEmpty) {
      verdicts.finish(
        .init(number: number, input: chunk.input, range: line.range, moment: line.moment), reasons,
        bytes, &result.output)
    }
    // Of a line that is too long only its count is known, wherever it was cut.
    if options.countsDetails, line.rejection != .tooLarge {
      details.countLine(bytes, line.range, time: line.moment?.earliest ?? iat, reasons: reasons)
    }
    note(number, chunk, reasons, &result)
    if !reasons.isEmpty, options.keepsRejects {
      result.rejects.append(bytes, line.range)
      result.rejects.append(UInt8(ascii: "\n"))
    }
  }

  // MARK: A token

  /// Judges one token; its claims, if it has any to show, are those in `claims` then.
  private mutating func judge(
    _ token: ChunkTokens.Token, _ octets: Span<UInt8>, _ moment: Moment?, _ now: Timestamp,
    _ denylists: [[Denylist]]
  ) -> JudgedToken {
    var judged = JudgedToken(token)
    if let rejection = token.rejection {
      judged.reasons.insert(rejection)
    } else if let verified = tokens.verified(token) {
      judged.key = verified.key
      judge(verified, octets, moment, now, denylists, &judged)
    } else {
      judged.reasons.insert(.badSignature)
    }
    if token.header >= 0 { tokens.count(token.header, accepted: judged.reasons.isEmpty) }
    if judged.hasClaims {
      issuers.count(claims, octets, accepted: judged.reasons.isEmpty)
    }
    return judged
  }

  private mutating func judge(
    _ verified: VerifiedJWS, _ octets: Span<UInt8>, _ moment: Moment?, _ now: Timestamp,
    _ denylists: [[Denylist]], _ judged: inout JudgedToken
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
      judged.reasons = policies[issuer].judge(claims, octets, acceptsTyp: acceptsTyp, at: moment)
      if let schema = options.schema, !schema.accepts(claims.document, 0, octets) {
        judged.reasons.insert(.schema)
      }
      if !isNow { judged.expiredNow = policies[issuer].isExpired(claims, octets, at: now) }
    }
    if !trust.windows.isEmpty { judgeWindow(verified.key, octets, &judged) }
    if !denylists.isEmpty { judgeRevocation(header, octets, moment, now, denylists, &judged) }
  }

  /// Apart from `judge`, so that keys without windows pay for none of it.
  @inline(never)
  private func judgeWindow(_ key: Int, _ octets: Span<UInt8>, _ judged: inout JudgedToken) {
    guard let window = trust.windows[key] else { return }
    judged.reasons.formUnion(
      judged.hasClaims ? window.failures(claims, octets) : window.failuresWithoutClaims)
  }

  /// The same for denylists.
  @inline(never)
  private func judgeRevocation(
    _ header: Int, _ octets: Span<UInt8>, _ moment: Moment?, _ now: Timestamp,
    _ denylists: [[Denylist]], _ judged: inout JudgedToken
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

  // MARK: Counting

  private func isShown(_ accepted: Bool) -> Bool {
    options.only.map { $0 == (accepted ? .valid : .invalid) } ?? true
  }

  private func note(
    _ line: Int, _ chunk: borrowing Chunk, _ reasons: Rejections, _ result: inout ChunkResult
  ) {
    result.summary.count(reasons)
    if !reasons.isEmpty, result.notes.count < RejectedLine.limit {
      result.notes.append(RejectedLine(input: chunk.input, line: line, reasons: reasons))
    }
  }

  /// A line over the limit: one verdict with its first piece; its bytes only ever pass through.
  private func oversized(
    _ chunk: borrowing Chunk, _ isFirst: Bool, _ isLast: Bool, _ result: inout ChunkResult
  ) {
    let piece = 0..<chunk.count
    let endsInNewline = chunk.count > 0 && chunk.bytes[chunk.count - 1] == UInt8(ascii: "\n")
    if isFirst { note(chunk.firstLine, chunk, Rejections(.tooLarge), &result) }
    if options.keepsRejects {
      result.rejects.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.rejects.append(UInt8(ascii: "\n")) }
    }
    guard isShown(false) else { return }
    if options.print == .line, !options.redacts {
      result.output.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.output.append(UInt8(ascii: "\n")) }
    } else if isFirst {
      verdicts.tooLarge(chunk.firstLine, chunk.input, &result.output)
    }
  }
}
