// Answers token requests: check who asks, sign, record, write (SPEC section 7).
// Owns: the order of these steps, and what a token is granted for. Must never: let a request through
// that is not durable, tell by words or by work why a password was refused, or widen a scope.

internal import JOSE
internal import Keyring

package struct GrantProcessor: ChunkProcessor {
  private typealias Failure = GrantRequest.Failure

  /// A line's, as far as it is known before the tokens that it is for are spent.
  private struct Answer {
    var failure: Failure?
    /// In `texts`.
    var text = 0..<0
    /// In `spendings`.
    var spending: Int?
  }

  /// For whom and what a token is made.
  private struct Grant {
    var subject: ByteString
    var scope: Scope?
    var family: ByteString
    /// The refresh token that it is granted for; nil for a login.
    var spending: GrantLedger.Spending?
    /// What a new refresh token is for; nil makes none.
    var refresh: Refresh?

    struct Refresh { var scope: Scope? }
  }

  private let options: GrantOptions
  private let sources: GrantSources
  private var judge: TokenJudge
  private var signer: TokenSigner
  private var composer: ClaimsComposer
  private var refresher: RefreshComposer
  private var ids = RandomIDs()
  private var document = JSONDocument()
  /// The ring's, as of the chunk.
  private var leeway: Seconds?
  // Of the chunk.
  private var octets: [UInt8] = []
  /// A line's each.
  private var requests: [Result<GrantRequest, Failure>] = []
  private var answers: [Answer] = []
  private var texts: [UInt8] = []
  private var spendings: [GrantLedger.Spending] = []
  // Of a token.
  private var claims: [UInt8] = []
  private var payload: [UInt8] = []
  private var token: [UInt8] = []

  package init(_ options: GrantOptions, _ sources: GrantSources) throws {
    self.options = options
    self.sources = sources
    judge = try TokenJudge(options.verification(of: sources.users), keys: sources.verification)
    let access = TokenSigner.Header(typ: options.access.typ, members: options.access.header)
    let refresh = TokenSigner.Header(
      typ: options.access.typ == nil ? nil : "JWT", members: options.access.header)
    signer = TokenSigner(sources.signing, [access, refresh])
    composer = ClaimsComposer(options.access)
    let jku = options.access.header.first { $0.name == "jku" }?.json
    refresher = RefreshComposer(ttl: options.refreshTTL, jku: jku)
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, _) = chunk.kind {
      if isFirst { write(Self.tooLarge, chunk.firstLine, chunk, &result) }
      return
    }
    let bytes = chunk.bytes.span
    readRequests(bytes, chunk.count)
    // Their passwords are wiped with the last reference to them.
    defer { requests.removeAll(keepingCapacity: true) }
    // First: it may take seconds, and what is judged afterwards is judged as of now.
    let attempts = self.attempts
    let checked = try attempts.isEmpty ? [] : sources.logins?.check(attempts) ?? []
    // The clock, also for a regular file. What is read after it holds for tokens that are made by it:
    // whoever is disabled or revoked later is so later than they were issued.
    let now = options.access.at ?? Timestamp.now
    var logins = try attempts.isEmpty ? [] : (sources.logins?.confirm(checked, attempts) ?? [])[...]
    try prepare(now)
    // Taken out while a span of it is lent; put back for its capacity.
    var octets = exchange(&self.octets, with: [])
    defer { self.octets = octets }
    try judge.read(bytes, chunk.count, into: &octets)
    // As other verifiers do: the hosts of a ring have clocks of their own. The present one: spent
    // tokens are forgotten by it.
    if let leeway { judge.allow(leeway) }
    answers.removeAll(keepingCapacity: true)
    texts.removeAll(keepingCapacity: true)
    spendings.removeAll(keepingCapacity: true)
    for index in requests.indices {
      answers.append(try answer(index, octets.span, &logins, now))
    }
    judge.endChunk()
    let (outcomes, problem) = try sources.refreshTokens.exchange(spendings, at: now)
    result.failure = problem
    for (index, answer) in answers.enumerated() {
      let failure = answer.failure ?? answer.spending.flatMap { Self.failure(outcomes[$0]) }
      if let failure {
        write(failure, chunk.firstLine + index, chunk, &result)
      } else {
        result.output.append(texts.span, answer.text)
        result.summary.count(Rejections())
      }
    }
  }

  /// The key and the chunk's times, from one reading of the clock.
  private mutating func prepare(_ now: Timestamp) throws {
    let key = try signer.prepare(at: now)
    composer.beginChunk(at: now, ring: key.ring)
    refresher.beginChunk(at: now, kid: key.jwk.kid)
    leeway = key.ring?.leeway
    guard let most = key.ring?.maxTokenTTL else { return }
    for (name, ttl) in [
      ("--access-ttl", options.access.ttl ?? SignOptions.defaultTTL),
      ("--refresh-ttl", options.refreshTTL),
    ] where ttl > most {
      throw JOSEError(.badKey, "\(name) is longer than the ring's max_token_ttl \(most.text)")
    }
  }

  // MARK: A request

  private mutating func readRequests(_ bytes: Span<UInt8>, _ count: Int) {
    requests.removeAll(keepingCapacity: true)
    var start = 0
    while start < count {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<count) ?? count
      requests.append(request(bytes, start..<end))
      start = end + 1
    }
  }

  private mutating func request(
    _ bytes: Span<UInt8>, _ line: Range<Int>
  ) -> Result<GrantRequest, Failure> {
    guard line.count <= options.access.maxLine else { return .failure(Self.tooLarge) }
    let read = GrantRequest.read(bytes, LineText.trim(bytes, line), &document)
    guard case .success(let request) = read, case .password = request.kind else { return read }
    if sources.logins == nil {
      return .failure(
        Failure(.unsupportedGrantType, "there are no users here whose passwords could be checked"))
    }
    if let scope = request.scope, let most = options.scope, !scope.isWithin(most) {
      return .failure(Self.widened)
    }
    return read
  }

  /// Those of the requests that are logins, in order.
  private var attempts: [Logins.Attempt] {
    requests.compactMap { request in
      guard case .success(let request) = request,
        case .password(let username, let password) = request.kind
      else { return nil }
      return Logins.Attempt(username: username, password: password)
    }
  }

  /// Takes the next of `logins` for a login.
  private mutating func answer(
    _ index: Int, _ octets: Span<UInt8>, _ logins: inout ArraySlice<ByteString?>, _ now: Timestamp
  ) throws -> Answer {
    let decision: Result<Grant, Failure>
    switch requests[index] {
    case .failure(let failure): return Answer(failure: failure)
    case .success(let request):
      switch request.kind {
      case .password:
        decision = passwordGrant(logins.popFirst() ?? nil, request.scope)
      case .refreshToken:
        decision = refreshGrant(judge.tokens.lines[index], octets, request.scope, now)
      }
    }
    switch decision {
    case .failure(let failure): return Answer(failure: failure)
    case .success(let grant): return try sign(grant)
    }
  }

  private mutating func passwordGrant(
    _ username: ByteString?, _ scope: Scope?
  ) -> Result<Grant, Failure> {
    guard let username else { return .failure(Self.wrongPassword) }
    return .success(
      Grant(
        subject: username, scope: scope, family: ids.next(), spending: nil,
        refresh: .init(scope: scope)))
  }

  private mutating func refreshGrant(
    _ line: ChunkTokens.Line, _ octets: Span<UInt8>, _ wanted: Scope?, _ now: Timestamp
  ) -> Result<Grant, Failure> {
    guard let index = line.tokens.first else { return .failure(Self.refused([.malformed])) }
    let judged = judge.judge(judge.tokens.tokens[index], octets, at: Moment(now), now: now)
    guard judged.reasons.isEmpty else { return .failure(Self.refused(Array(judged.reasons))) }
    let claims = judge.claims
    // The new access token says what the options do: a token for elsewhere is not exchanged.
    if options.policy.issuers.isEmpty, claims.iss != Claims.absent {
      return .failure(Self.refused([.wrongIssuer]))
    }
    if !Self.isFor(options.policy.audiences, claims, octets) {
      return .failure(Self.refused([.wrongAudience]))
    }
    guard let subject = claims.string(claims.sub, octets),
      let jti = claims.string(claims.jti, octets),
      case .some(let exp?) = claims.time(claims.exp, octets),
      claims.iss == Claims.absent || claims.string(claims.iss, octets) != nil,
      claims.family == Claims.absent || claims.string(claims.family, octets) != nil,
      let granted = Self.scope(of: claims, octets)
    else { return .failure(Self.refused([.badClaim])) }
    // A token of another program may belong to no family: then it begins one.
    let family = claims.string(claims.family, octets) ?? jti
    let spending = GrantLedger.Spending(
      iss: claims.string(claims.iss, octets), jti: jti, family: family, exp: exp.roundedUp)
    guard spending.isStorable else {
      return .failure(Failure(.invalidRequest, "iss, jti or family of the token is too long"))
    }
    if let wanted, !wanted.isWithin(options.scope.map(granted.limited) ?? granted) {
      return .failure(Self.widened)
    }
    let scope = wanted ?? options.scope.map(granted.limited) ?? granted
    return .success(
      Grant(
        subject: subject, scope: scope, family: family, spending: spending,
        refresh: options.rotatesRefresh ? .init(scope: granted) : nil))
  }

  /// Whether a token is for all of these; where there are none, for nobody in particular.
  private static func isFor(
    _ audiences: [ByteString], _ claims: borrowing Claims, _ octets: Span<UInt8>
  ) -> Bool {
    guard claims.aud != Claims.absent, !audiences.isEmpty else {
      return claims.aud == Claims.absent && audiences.isEmpty
    }
    let end = Int(claims.document.nodes[claims.aud].next)
    return audiences.allSatisfy { audience in
      (claims.aud..<max(end, claims.aud + 1)).contains {
        claims.document.nodes[$0].kind == .string
          && claims.document.equals($0, text: audience, in: octets)
      }
    }
  }

  /// nil for one that is not words with spaces between them; no words without one.
  private static func scope(of claims: borrowing Claims, _ octets: Span<UInt8>) -> Scope? {
    guard let node = claims.document.member("scope", in: octets) else { return Scope("") }
    return claims.string(node, octets).flatMap { Scope($0) }
  }

  // MARK: Tokens

  /// Leaves the answer's text in `texts`, and what is to be spent for it in `spendings`.
  private mutating func sign(_ grant: Grant) throws -> Answer {
    var record = exchange(&claims, with: [])
    var payload = exchange(&self.payload, with: [])
    defer { (claims, self.payload) = (record, payload) }
    record.removeAll(keepingCapacity: true)
    record.append("{\"sub\":")
    JSONText.appendString(grant.subject, to: &record)
    if options.saysFresh {
      record.append(grant.spending == nil ? ",\"fresh\":true" : ",\"fresh\":false")
    }
    let scope = grant.scope?.text
    if let scope {
      record.append(",\"scope\":")
      JSONText.appendString(scope, to: &record)
    }
    // In access tokens too: a family that is revoked takes all of them along.
    if options.saysFamily {
      record.append(",\"family\":")
      JSONText.appendString(grant.family, to: &record)
    }
    record.append("}")
    if let (rejection, detail) = composer.compose(record.span, 0..<record.count, into: &payload) {
      return Answer(failure: Failure(rejection, detail ?? "the access token can't be made"))
    }
    let start = texts.count
    try signer.sign(payload, header: 0, into: &token)
    texts.append("{\"access_token\":\"")
    texts.append(contentsOf: token)
    texts.append("\",\"token_type\":\"bearer\",\"expires_in\":")
    texts.append(decimal: Int((options.access.ttl ?? SignOptions.defaultTTL).count))
    if let refresh = grant.refresh {
      let isMade = refresher.compose(
        composer.composed, payload.span, family: grant.family, scope: refresh.scope?.text,
        into: &record)
      precondition(isMade, "an access token gets a jti")
      try signer.sign(record, header: 1, into: &token)
      texts.append(",\"refresh_token\":\"")
      texts.append(contentsOf: token)
      texts.append("\"")
    }
    if let scope {
      texts.append(",\"scope\":")
      JSONText.appendString(scope, to: &texts)
    }
    texts.append("}\n")
    var answer = Answer(text: start..<texts.count)
    if let spending = grant.spending {
      answer.spending = spendings.count
      spendings.append(spending)
    }
    return answer
  }

  // MARK: Failures

  private static let tooLarge = Failure(.tooLarge, "the line is longer than --max-line")
  private static let wrongPassword = Failure(
    .invalidGrant, "the username or the password is wrong")
  private static let widened = Failure(.invalidScope, "more is asked for than may be granted")

  private static func refused(_ reasons: [Rejection]) -> Failure {
    let codes = reasons.map { "\($0.code)" }.joined(separator: ", ")
    return Failure(.invalidGrant, "the refresh token is refused: \(codes)")
  }

  private static func failure(_ outcome: RefreshTokens.Outcome) -> Failure? {
    switch outcome {
    case .accepted: nil
    case .reused: Failure(.invalidGrant, "the refresh token was exchanged before")
    case .revoked: refused([.revokedToken])
    }
  }

  private func write(
    _ failure: Failure, _ line: Int, _ chunk: borrowing Chunk, _ result: inout ChunkResult
  ) {
    result.summary.count(Rejections(failure.rejection))
    result.output.append("{\"error\":\"")
    result.output.append(failure.rejection.code)
    result.output.append("\",\"error_description\":")
    JSONText.appendString(ByteString(failure.detail), to: &result.output)
    result.output.append("}\n")
    if result.notes.count < RejectedLine.limit {
      result.notes.append(
        RejectedLine(
          input: chunk.input, line: line, reasons: Rejections(failure.rejection),
          detail: failure.detail))
    }
  }
}
