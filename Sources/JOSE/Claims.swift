// A verified token's claims: the JSON, and where the registered ones stand (RFC 7519 section 4.1).
// Owns: finding claims in one pass. Must never: be made from a token that is not verified.

package struct Claims: Sendable {
  package private(set) var document = JSONDocument()
  /// Node of each claim's value, or `absent`.
  package private(set) var iss = absent
  package private(set) var sub = absent
  package private(set) var aud = absent
  package private(set) var exp = absent
  package private(set) var nbf = absent
  package private(set) var iat = absent
  package private(set) var jti = absent
  package private(set) var type = absent
  package private(set) var fresh = absent
  package private(set) var accessTokenJTI = absent

  package static let absent = -1

  package init() {}

  /// Reads the payload of `token` in `octets`; reuses its storage. Returns why it is no claims set.
  package mutating func parse(_ token: VerifiedJWS, _ octets: Span<UInt8>) -> Rejection? {
    parse(octets, token.payload)
  }

  /// Reads a record that is about to be signed.
  package mutating func parse(unsigned bytes: Span<UInt8>, _ range: Range<Int>) -> Rejection? {
    parse(bytes, range)
  }

  private mutating func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Rejection? {
    (iss, sub, aud, exp, nbf) = (Self.absent, Self.absent, Self.absent, Self.absent, Self.absent)
    (iat, jti, type, fresh) = (Self.absent, Self.absent, Self.absent, Self.absent)
    accessTokenJTI = Self.absent
    switch document.parse(bytes, range) {
    case .syntax: return .badPayload
    case .duplicateMember: return .duplicateMember
    case nil: break
    }
    guard document.nodes[0].kind == .object else { return .badPayload }
    let end = Int(document.nodes[0].next)
    var child = 1
    while child < end {
      let node = document.nodes[child]
      if node.escaped || node.range.count == 3 {
        if named(child, "iss", bytes) { iss = child + 1 }
        if named(child, "sub", bytes) { sub = child + 1 }
        if named(child, "aud", bytes) { aud = child + 1 }
        if named(child, "exp", bytes) { exp = child + 1 }
        if named(child, "nbf", bytes) { nbf = child + 1 }
        if named(child, "iat", bytes) { iat = child + 1 }
        if named(child, "jti", bytes) { jti = child + 1 }
      }
      if named(child, "type", bytes) { type = child + 1 }
      if named(child, "fresh", bytes) { fresh = child + 1 }
      if named(child, "access_token_jti", bytes) { accessTokenJTI = child + 1 }
      child = Int(document.nodes[child + 1].next)
    }
    return nil
  }

  @inline(__always)
  private func named(_ node: Int, _ name: StaticString, _ bytes: Span<UInt8>) -> Bool {
    document.equals(node, name, in: bytes)
  }

  /// A time claim: nil when absent, `.some(nil)` when it is no number.
  package func time(_ node: Int, _ bytes: Span<UInt8>) -> NumericDate?? {
    guard node != Self.absent else { return .none }
    guard document.nodes[node].kind == .number else { return .some(nil) }
    return .some(NumericDate(bytes, document.nodes[node].range))
  }

  /// A claim's characters when it is a string.
  package func string(_ node: Int, _ bytes: Span<UInt8>) -> ByteString? {
    guard node != Self.absent, document.nodes[node].kind == .string else { return nil }
    return ByteString(document.unescaped(node, in: bytes))
  }
}
