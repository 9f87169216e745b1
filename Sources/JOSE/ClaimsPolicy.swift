// The checks on a verified token's claims (RFC 7519 sections 4.1 and 7.2, SPEC section 3).
// Owns: one independent check a rule; every failure is listed. Must never: read a clock, stop at
// the first failure, or judge a token that is not verified.

/// What a verifier asks of claims. An empty policy still checks exp, nbf and iat.
public struct ClaimsPolicy: Sendable {
  /// `iss` must be one of these; empty means any.
  public var issuers: [ByteString] = []
  /// `aud` must name one of these; empty means it is not looked at.
  public var audiences: [ByteString] = []
  public var subject: ByteString?
  /// The header's `typ`, compared without case and without an `application/` prefix.
  public var typ: ByteString?
  public var tokenType: TokenType?
  public var requiresFresh = false
  public var required: [ByteString] = []
  /// The most that may have passed since `iat`.
  public var maxAge: Seconds?
  /// How far clocks may differ; widens every comparison with the time.
  public var leeway = Seconds(0)

  public enum TokenType: String, Sendable { case access, refresh }

  public init() {}

  /// Whether the header's `typ` is the one asked for, if one is.
  package func accepts(typ headerTyp: ByteString?) -> Bool {
    typ.map { Self.isSameMediaType($0, headerTyp) } ?? true
  }

  /// Every check that fails for `claims` throughout `moment`; nil: nobody knows when, and that is a
  /// failure of its own. `acceptsTyp` is what `accepts(typ:)` said of the token's header, which many
  /// tokens share.
  package func judge(
    _ claims: Claims, _ bytes: Span<UInt8>, acceptsTyp: Bool, at moment: Moment?
  ) -> Rejections {
    var failures = Rejections()
    if moment == nil { failures.insert(.noTime) }
    checkTimes(claims, bytes, moment, &failures)
    if !issuers.isEmpty {
      checkText(claims, claims.iss, bytes, issuers, .wrongIssuer, &failures)
    }
    if let subject {
      checkText(claims, claims.sub, bytes, [subject], .wrongSubject, &failures)
    }
    if !audiences.isEmpty { checkAudience(claims, bytes, &failures) }
    if !acceptsTyp { failures.insert(.wrongTyp) }
    if let tokenType { checkTokenType(tokenType, claims, bytes, &failures) }
    if requiresFresh { checkFresh(claims, bytes, &failures) }
    for name in required {
      let value = claims.document.member(named: name, in: bytes)
      if value.map({ claims.document.nodes[$0].kind == .null }) ?? true {
        failures.insert(.missingClaim)
      }
    }
    return failures
  }

  /// Whether `exp` has passed at `now`; false without one that is a number.
  package func isExpired(_ claims: Claims, _ bytes: Span<UInt8>, at now: Timestamp) -> Bool {
    guard case .some(let exp?) = claims.time(claims.exp, bytes) else { return false }
    return exp <= now - leeway
  }

  private func checkTimes(
    _ claims: Claims, _ bytes: Span<UInt8>, _ moment: Moment?, _ failures: inout Rejections
  ) {
    // What ends must have ended when the interval begins; what begins, not have begun at its end.
    let early = moment.map { $0.earliest - leeway }
    let late = moment.map { $0.latest + leeway }
    switch claims.time(claims.exp, bytes) {
    case .some(let exp?): if let early, exp <= early { failures.insert(.expired) }
    case .some(nil): failures.insert(.badClaim)
    case .none: break
    }
    switch claims.time(claims.nbf, bytes) {
    case .some(let nbf?): if let late, nbf > late { failures.insert(.notYetValid) }
    case .some(nil): failures.insert(.badClaim)
    case .none: break
    }
    switch claims.time(claims.iat, bytes) {
    case .some(let iat?):
      if let late, iat > late { failures.insert(.issuedInFuture) }
      if let maxAge, let early, iat < early - maxAge { failures.insert(.tooOld) }
    case .some(nil): failures.insert(.badClaim)
    case .none: if maxAge != nil { failures.insert(.missingClaim) }
    }
  }

  private func checkText(
    _ claims: Claims, _ node: Int, _ bytes: Span<UInt8>, _ accepted: [ByteString],
    _ rejection: Rejection, _ failures: inout Rejections
  ) {
    guard node != Claims.absent else { return failures.insert(.missingClaim) }
    guard claims.document.nodes[node].kind == .string else { return failures.insert(.badClaim) }
    for text in accepted where claims.document.equals(node, text: text, in: bytes) { return }
    failures.insert(rejection)
  }

  /// A string, or an array of strings of which any may match (RFC 7519 section 4.1.3).
  private func checkAudience(
    _ claims: Claims, _ bytes: Span<UInt8>, _ failures: inout Rejections
  ) {
    guard claims.aud != Claims.absent else { return failures.insert(.missingClaim) }
    let node = claims.document.nodes[claims.aud]
    if node.kind == .string {
      return checkText(claims, claims.aud, bytes, audiences, .wrongAudience, &failures)
    }
    guard node.kind == .array else { return failures.insert(.badClaim) }
    var found = false
    for child in claims.aud + 1..<max(Int(node.next), claims.aud + 1) {
      guard claims.document.nodes[child].kind == .string else { return failures.insert(.badClaim) }
      for text in audiences where claims.document.equals(child, text: text, in: bytes) {
        found = true
      }
    }
    if !found { failures.insert(.wrongAudience) }
  }

  private func checkTokenType(
    _ wanted: TokenType, _ claims: Claims, _ bytes: Span<UInt8>, _ failures: inout Rejections
  ) {
    if claims.type == Claims.absent {
      // fastapi-jwt-auth3's refresh tokens carry no `type`, but the jti of their access token.
      guard claims.accessTokenJTI != Claims.absent else { return failures.insert(.missingClaim) }
      if wanted != .refresh { failures.insert(.wrongTokenType) }
      return
    }
    guard claims.document.nodes[claims.type].kind == .string else {
      return failures.insert(.badClaim)
    }
    if !claims.document.equals(claims.type, text: ByteString(wanted.rawValue), in: bytes) {
      failures.insert(.wrongTokenType)
    }
  }

  private func checkFresh(_ claims: Claims, _ bytes: Span<UInt8>, _ failures: inout Rejections) {
    guard claims.fresh != Claims.absent, claims.document.nodes[claims.fresh].kind == .bool,
      bytes[Int(claims.document.nodes[claims.fresh].start)] == UInt8(ascii: "t")
    else { return failures.insert(.notFresh) }
  }

  /// RFC 7515 section 4.1.9: `application/` may be left out; media types compare without case.
  static func isSameMediaType(_ a: ByteString, _ b: ByteString?) -> Bool {
    guard let b else { return false }
    func plain(_ text: ByteString) -> ArraySlice<UInt8> {
      let lower = text.bytes.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
      let prefix = Array("application/".utf8)
      return lower.starts(with: prefix) ? lower[prefix.count...] : lower[...]
    }
    return plain(a) == plain(b)
  }
}
