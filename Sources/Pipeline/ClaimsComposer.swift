// Composes the claims that are signed from a record and the options (SPEC section 4).
// Owns: which claims are added, and what a record must fulfil. Must never: rewrite what a record
// says unless told to, or let through claims that a verifier would have to reject.

package import JOSE

package struct SignOptions: Sendable {
  package enum Format: String, Sendable, CaseIterable { case token, json }

  /// Fixed claims to add, name and JSON text, in this order.
  package var claims: [(name: ByteString, json: [UInt8])] = []
  /// `nbf`: this long after now.
  package var notBefore: Seconds?
  /// `exp`: this long after now; nil is `defaultTTL`, which replaces no record's own.
  package var ttl: Seconds?
  package static let defaultTTL = Seconds(15 * 60)
  package var addsID = true
  /// A refresh token for each access token, which ends this long after now; nil: none.
  package var refreshTTL: Seconds?
  /// Replace what a record has, in place of filling in what it lacks.
  package var overrides = false
  /// Add nothing, sign the record's bytes.
  package var asIs = false
  package var typ: ByteString? = "JWT"
  /// Further header members, name and JSON text.
  package var header: [(name: ByteString, json: [UInt8])] = []
  package var format = Format.token
  package var inputNames: [ByteString]?
  package var keepsRejects = false
  package var maxLine = 1 << 20
  /// nil: the clock.
  package var at: Timestamp?

  package init() {}

  /// RFC 9068 section 2.2.
  fileprivate static let accessTokenClaims: [ByteString] = [
    "iss", "exp", "aud", "sub", "client_id", "iat", "jti",
  ]

  /// Whether `typ` says that tokens are RFC 9068's.
  package var isAccessTokenProfile: Bool {
    var policy = ClaimsPolicy()
    policy.typ = "at+jwt"
    return policy.accepts(typ: typ)
  }
}

/// One a worker: it holds scratch space.
struct ClaimsComposer: Sendable {
  private let options: SignOptions
  private let requiresAccessTokenClaims: Bool
  private var ring: SigningKey.RingRules?
  private var now = Timestamp(seconds: 0)
  /// The claims to add in this chunk, but for the ids.
  private var additions: [Addition] = []
  private var claims = Claims()
  /// The claims that are signed, if a refresh token, a ring or a profile asks about them.
  private(set) var composed = Claims()
  private var ids = RandomIDs()

  private struct Addition: Sendable {
    var name: ByteString
    /// `,"name":value`.
    var text: [UInt8]
    /// Also where the record has such a claim.
    var replaces: Bool

    init(_ name: ByteString, _ json: [UInt8], replaces: Bool) {
      self.name = name
      self.replaces = replaces
      text = [UInt8(ascii: ",")]
      JSONText.appendString(name, to: &text)
      text.append(UInt8(ascii: ":"))
      text.append(contentsOf: json)
    }
  }

  init(_ options: SignOptions) {
    self.options = options
    requiresAccessTokenClaims = options.isAccessTokenProfile
  }

  /// Fixes the times that this chunk's records get, and the ring's rules for them.
  mutating func beginChunk(at now: Timestamp, ring: SigningKey.RingRules?) {
    self.now = now
    self.ring = ring
    func decimal(_ time: Timestamp) -> [UInt8] { Array(String(time.seconds).utf8) }
    additions = options.claims.map { Addition($0.name, $0.json, replaces: options.overrides) }
    if let notBefore = options.notBefore {
      additions.append(Addition("nbf", decimal(now + notBefore), replaces: options.overrides))
    }
    additions.append(Addition("iat", decimal(now), replaces: false))
    let ttl = options.ttl ?? SignOptions.defaultTTL
    additions.append(
      Addition("exp", decimal(now + ttl), replaces: options.overrides && options.ttl != nil))
  }

  /// Leaves the claims to sign in `payload`, or says what is wrong with the record at `text`.
  mutating func compose(
    _ bytes: Span<UInt8>, _ text: Range<Int>, into payload: inout [UInt8]
  ) -> (Rejection, String?)? {
    payload.removeAll(keepingCapacity: true)
    switch claims.parse(unsigned: bytes, text) {
    case .badPayload: return (.badJSON, text.isEmpty ? "an empty line" : "not a JSON object")
    case let other?: return (other, "a member name stands there twice")
    case nil: break
    }
    if options.asIs {
      payload.append(bytes, text)
    } else {
      fill(bytes, text, into: &payload)
    }
    // What is added is of the right type but for --claim, and the record's own claims are looked at
    // where they stand: a second parse is only for rules about the result.
    let isOpen = options.overrides || !options.claims.isEmpty || options.refreshTTL != nil
    guard requiresAccessTokenClaims || ring != nil || isOpen && !options.asIs else {
      return options.asIs ? nil : Self.wrongType(claims, bytes)
    }
    if let rejection = composed.parse(unsigned: payload.span, 0..<payload.count) {
      return (rejection, "the claims with what is added are no claims set")
    }
    return check(payload.span)
  }

  /// The record's own text with the added claims behind its members.
  private mutating func fill(
    _ bytes: Span<UInt8>, _ text: Range<Int>, into payload: inout [UInt8]
  ) {
    let document = claims.document
    var isEmpty = document.nodes.count == 1
    if additions.contains(where: { $0.replaces && present($0.name, bytes) }) {
      payload.append(UInt8(ascii: "{"))
      var child = 1
      while child < Int(document.nodes[0].next) {
        if !additions.contains(where: {
          $0.replaces && document.equals(child, text: $0.name, in: bytes)
        }) {
          if payload.count > 1 { payload.append(UInt8(ascii: ",")) }
          payload.append(bytes, document.textRange(child))
          payload.append(UInt8(ascii: ":"))
          payload.append(bytes, document.textRange(child + 1))
        }
        child = Int(document.nodes[child + 1].next)
      }
      isEmpty = payload.count == 1
    } else {
      payload.append(bytes, text.lowerBound..<text.upperBound - 1)
    }
    for addition in additions where addition.replaces || !present(addition.name, bytes) {
      // The first comma of the text is there to be left out.
      payload.append(addition.text.span, (isEmpty ? 1 : 0)..<addition.text.count)
      isEmpty = false
    }
    if options.addsID, claims.jti == Claims.absent {
      payload.append(isEmpty ? "\"jti\":\"" : ",\"jti\":\"")
      ids.append(to: &payload)
      payload.append(UInt8(ascii: "\""))
    }
    payload.append(UInt8(ascii: "}"))
  }

  private func present(_ name: ByteString, _ bytes: Span<UInt8>) -> Bool {
    claims.document.member(named: name, in: bytes) != nil
  }

  // MARK: Rules

  /// The rules for the composed claims: their types, those of RFC 9068 and of the ring.
  private func check(_ bytes: Span<UInt8>) -> (Rejection, String?)? {
    if !options.asIs || ring != nil, let wrong = Self.wrongType(composed, bytes) { return wrong }
    if requiresAccessTokenClaims {
      for name in SignOptions.accessTokenClaims where isMissing(name, bytes) {
        return (.missingClaim, "typ at+jwt requires \"\(name)\" (RFC 9068 section 2.2)")
      }
    }
    guard let ring else { return nil }
    guard case .some(let exp?) = composed.time(composed.exp, bytes) else {
      return (.missingClaim, "a keyring signs no token without \"exp\"")
    }
    if exp > now + ring.maxTokenTTL {
      return (
        .outlivesKey, "\"exp\" is more than the ring's max_token_ttl \(ring.maxTokenTTL.text) away"
      )
    }
    guard case .some(let iat?) = composed.time(composed.iat, bytes) else {
      return (.missingClaim, "a keyring signs no token without \"iat\"")
    }
    // A key signs before its time where the clock is behind; it is then the ring's only one.
    if iat < min(ring.activation, Timestamp(seconds: now.seconds)) {
      return (.badClaim, "\"iat\" is before the key's activation")
    }
    if iat > now + ring.clockSkew { return (.badClaim, "\"iat\" is in the future") }
    return nil
  }

  /// A claim that is null says nothing.
  private func isMissing(_ name: ByteString, _ bytes: Span<UInt8>) -> Bool {
    composed.document.member(named: name, in: bytes).map {
      composed.document.nodes[$0].kind == .null
    } ?? true
  }

  /// A registered claim whose value no verifier may accept (RFC 7519 section 4.1).
  private static func wrongType(
    _ claims: borrowing Claims, _ bytes: Span<UInt8>
  ) -> (Rejection, String?)? {
    func isWrong(_ node: Int, _ kind: JSONDocument.Kind) -> Bool {
      node != Claims.absent && claims.document.nodes[node].kind != kind
    }
    var name: StaticString?
    if isWrong(claims.iss, .string) { name = "iss" }
    if isWrong(claims.sub, .string) { name = "sub" }
    if isWrong(claims.jti, .string) { name = "jti" }
    if isWrong(claims.exp, .number) { name = "exp" }
    if isWrong(claims.nbf, .number) { name = "nbf" }
    if isWrong(claims.iat, .number) { name = "iat" }
    if isWrong(claims.aud, .string) {
      let node = claims.document.nodes[claims.aud]
      if node.kind != .array { name = "aud" }
      for child in claims.aud + 1..<max(claims.aud + 1, Int(node.next))
      where claims.document.nodes[child].kind != .string { name = "aud" }
    }
    return name.map { (.badClaim, "\"\($0)\" is of the wrong type") }
  }
}
