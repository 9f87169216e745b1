// The compact serialization (RFC 7515 section 7.1): where its parts are, and what its header says.
// Owns: the header's rules. Must never: look at a payload before its signature holds.

/// A compact JWS whose signature nobody has checked. Ranges point into the line's bytes.
package struct UnverifiedJWS: Sendable {
  package var header: Range<Int>
  package var payload: Range<Int>
  package var signature: Range<Int>

  /// What is signed: header, dot, payload (RFC 7515 section 5.2).
  package var signingInput: Range<Int> { header.lowerBound..<payload.upperBound }

  /// The three parts of `bytes[range]`; nil unless exactly two dots stand in it.
  package init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard let first = bytes.firstIndex(of: UInt8(ascii: "."), in: range),
      let second = bytes.firstIndex(of: UInt8(ascii: "."), in: first + 1..<range.upperBound),
      bytes.firstIndex(of: UInt8(ascii: "."), in: second + 1..<range.upperBound) == nil
    else { return nil }
    header = range.lowerBound..<first
    payload = first + 1..<second
    signature = second + 1..<range.upperBound
  }
}

extension UnverifiedJWS {
  /// The parts of a row of letters and dots; nil unless exactly two dots stand in it.
  package init?(_ word: TextLanes.Word) {
    guard word.dots == 2 else { return nil }
    header = word.range.lowerBound..<word.firstDot
    payload = word.firstDot + 1..<word.secondDot
    signature = word.secondDot + 1..<word.range.upperBound
  }
}

/// What jotmill reads in a JOSE header.
package struct JOSEHeader: Sendable {
  package var algorithm: AlgorithmName
  package var kid: ByteString?
  package var typ: ByteString?
  /// RFC 7797: the payload stands in the token as it is.
  package var isUnencoded = false

  package enum Reading: Sendable {
    case header(JOSEHeader)
    /// With what the header says of alg and kid, as far as it could be read.
    case rejected(Rejection, alg: ByteString?, kid: ByteString?)
  }

  /// Header members that a `crit` may not name (RFC 7515 section 4.1.11).
  private static let standard: [ByteString] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
  ]

  /// Reads a header segment. `raw` allows RFC 7797's `b64: false`, which no JWT may have.
  package static func read(_ bytes: Span<UInt8>, _ segment: Range<Int>, raw: Bool) -> Reading {
    var json: [UInt8] = []
    guard Base64URL.decode(bytes, segment, into: &json) else {
      return .rejected(.badBase64, alg: nil, kid: nil)
    }
    var document = JSONDocument()
    switch document.parse(json) {
    case .syntax: return .rejected(.badHeader, alg: nil, kid: nil)
    case .duplicateMember: return .rejected(.duplicateMember, alg: nil, kid: nil)
    case nil: break
    }
    return read(document, json.span, raw: raw)
  }

  private static func read(_ document: JSONDocument, _ json: Span<UInt8>, raw: Bool) -> Reading {
    func string(_ name: StaticString, orNull: Bool = false) -> (ByteString?, isBad: Bool) {
      guard let index = document.member(name, in: json) else { return (nil, false) }
      switch document.nodes[index].kind {
      case .string: return (ByteString(document.unescaped(index, in: json)), false)
      case .null: return (nil, !orNull)
      default: return (nil, true)
      }
    }
    guard document.nodes[0].kind == .object else {
      return .rejected(.badHeader, alg: nil, kid: nil)
    }
    let (kid, badKid) = string("kid")
    let (alg, badAlg) = string("alg")
    let (typ, badTyp) = string("typ", orNull: true)
    guard !badKid, !badAlg, !badTyp, let alg else {
      return .rejected(.badHeader, alg: alg, kid: kid)
    }
    guard let name = AlgorithmName(alg.description), ByteString(alg.description) == alg else {
      return .rejected(.unsupportedAlg, alg: alg, kid: kid)
    }
    var header = JOSEHeader(algorithm: name, kid: kid, typ: typ)

    var understood: [ByteString] = []
    if let index = document.member("crit", in: json) {
      guard case .array(let items) = JSONValue(document, index, json), !items.isEmpty else {
        return .rejected(.badHeader, alg: alg, kid: kid)
      }
      for item in items {
        guard let critical = item.string, !standard.contains(critical),
          document.member(named: critical, in: json) != nil, !understood.contains(critical)
        else { return .rejected(.badHeader, alg: alg, kid: kid) }
        guard critical == "b64" else { return .rejected(.unsupportedCrit, alg: alg, kid: kid) }
        understood.append(critical)
      }
    }
    if let index = document.member("b64", in: json) {
      guard case .bool(let encoded) = JSONValue(document, index, json) else {
        return .rejected(.badHeader, alg: alg, kid: kid)
      }
      if !encoded {
        guard raw, understood.contains("b64") else {
          return .rejected(.unsupportedCrit, alg: alg, kid: kid)
        }
        header.isUnencoded = true
      }
    }
    return .header(header)
  }
}

/// A compact JWS whose signature holds. Only SignatureBatch makes one, and only this has claims.
package struct VerifiedJWS: Sendable {
  /// Where the payload stands in the batch's decoded octets.
  package let payload: Range<Int>
  /// The key that verified it, by its index in the key set.
  package let key: Int
}
