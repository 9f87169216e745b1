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
  package private(set) var family = absent

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
    (accessTokenJTI, family) = (Self.absent, Self.absent)
    // What a token says is no secret, nor what one is about to say.
    switch document.parse(bytes, range, isPublic: true) {
    case .syntax: return .badPayload
    case .duplicateMember: return .duplicateMember
    case nil: break
    }
    guard document.nodes[0].kind == .object else { return .badPayload }
    let end = Int(document.nodes[0].next)
    var child = 1
    while child < end {
      let node = document.nodes[child]
      let value = child + 1
      if node.escaped {
        note(ByteString(document.unescaped(child, in: bytes)), value)
      } else {
        // By length first: most names need no comparison at all.
        switch node.range.count {
        case 3: noteShort(bytes, Int(node.start), value)
        case 4: if named(child, "type", bytes) { type = value }
        case 5: if named(child, "fresh", bytes) { fresh = value }
        case 6: if named(child, "family", bytes) { family = value }
        case 16: if named(child, "access_token_jti", bytes) { accessTokenJTI = value }
        default: break
        }
      }
      child = Int(document.nodes[value].next)
    }
    return nil
  }

  @inline(__always)
  private mutating func noteShort(_ bytes: Span<UInt8>, _ at: Int, _ value: Int) {
    switch (bytes[at], bytes[at + 1], bytes[at + 2]) {
    case (UInt8(ascii: "i"), UInt8(ascii: "s"), UInt8(ascii: "s")): iss = value
    case (UInt8(ascii: "s"), UInt8(ascii: "u"), UInt8(ascii: "b")): sub = value
    case (UInt8(ascii: "a"), UInt8(ascii: "u"), UInt8(ascii: "d")): aud = value
    case (UInt8(ascii: "e"), UInt8(ascii: "x"), UInt8(ascii: "p")): exp = value
    case (UInt8(ascii: "n"), UInt8(ascii: "b"), UInt8(ascii: "f")): nbf = value
    case (UInt8(ascii: "i"), UInt8(ascii: "a"), UInt8(ascii: "t")): iat = value
    case (UInt8(ascii: "j"), UInt8(ascii: "t"), UInt8(ascii: "i")): jti = value
    default: break
    }
  }

  /// A name that was written with escapes.
  private mutating func note(_ name: ByteString, _ value: Int) {
    if name.bytes.count == 3 { noteShort(name.bytes.span, 0, value) }
    if name == "type" { type = value }
    if name == "fresh" { fresh = value }
    if name == "access_token_jti" { accessTokenJTI = value }
    if name == "family" { family = value }
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
