// Reads JWKs and JWK sets (RFC 7517 sections 4 and 5) from parsed JSON.
// Owns: what makes a JWK well formed. Must never: repair a key, or let one broken key of a set
// take the others with it.

extension JWK {
  /// Reads one JWK. Throws `.badJSON`, `.badKey` (broken), `.unsupportedKey` (cannot be used here).
  public static func parse(_ text: [UInt8]) throws(JOSEError) -> JWK {
    var document = JSONDocument()
    if let failure = document.parse(text) { throw JOSEError(failure) }
    return try JWKReader(document: document).key(at: 0, text.span)
  }
}

/// A JWK set: the keys that can be used, and why each other one can't.
public struct JWKSet: Sendable {
  public var keys: [JWK] = []
  /// A person's description of each key that was left out, with its position and kid.
  public var skipped: [String] = []

  public init() {}

  /// Reads a JWK set, or a single JWK as a set of one. More than `limit` keys are refused.
  public static func parse(_ text: [UInt8], limit: Int = 10_000) throws(JOSEError) -> JWKSet {
    var document = JSONDocument()
    if let failure = document.parse(text) { throw JOSEError(failure) }
    let bytes = text.span
    var set = JWKSet()
    let reader = JWKReader(document: document)
    guard document.nodes[0].kind == .object else {
      throw JOSEError(.badKey, "not a JWK or JWK set: the JSON is no object")
    }
    guard let list = document.member("keys", in: bytes) else {
      set.keys = [try reader.key(at: 0, bytes)]
      return set
    }
    guard document.nodes[list].kind == .array else {
      throw JOSEError(.badKey, "not a JWK set: \"keys\" is no array")
    }
    var child = list + 1
    var position = 0
    while child < Int(document.nodes[list].next) {
      position += 1
      guard position <= limit else {
        throw JOSEError(.badKey, "more than \(limit) keys in one set")
      }
      do {
        set.keys.append(try reader.key(at: child, bytes))
      } catch {
        let kid = document.member("kid", of: child, in: bytes).flatMap {
          document.nodes[$0].kind == .string
            ? " (kid \"\(ByteString(document.unescaped($0, in: bytes)).shortened)\")" : nil
        }
        set.skipped.append("key \(position)\(kid ?? ""): \(error.detail)")
      }
      child = Int(document.nodes[child].next)
    }
    return set
  }
}

extension JOSEError {
  init(_ failure: JSONFailure) {
    switch failure {
    case .syntax: self.init(.badJSON, "not valid JSON")
    case .duplicateMember: self.init(.badJSON, "a JSON member stands there twice")
    }
  }
}

private struct JWKReader {
  let document: JSONDocument

  func key(at index: Int, _ bytes: Span<UInt8>) throws(JOSEError) -> JWK {
    guard document.nodes[index].kind == .object else { throw JOSEError(.badKey, "not an object") }
    guard let kty = try text("kty", index, bytes) else { throw JOSEError(.badKey, "no \"kty\"") }
    var jwk: JWK
    switch kty {
    case "RSA": jwk = try rsa(index, bytes)
    case "EC": jwk = try ec(index, bytes)
    case "OKP": jwk = try okp(index, bytes)
    case "oct":
      guard let k = try secret("k", index, bytes) else { throw JOSEError(.badKey, "no \"k\"") }
      guard k.count > 0 else { throw JOSEError(.badKey, "an empty secret") }
      jwk = JWK(secret: k)
    default: throw JOSEError(.unsupportedKey, "kty \"\(kty.shortened)\" is not known here")
    }
    jwk.kid = try text("kid", index, bytes)
    jwk.use = try text("use", index, bytes)
    if let ops = document.member("key_ops", of: index, in: bytes) {
      guard case .array(let items) = JSONValue(document, ops, bytes),
        items.allSatisfy({ $0.string != nil })
      else { throw JOSEError(.badKey, "\"key_ops\" is no array of strings") }
      jwk.keyOps = items.compactMap(\.string)
    }
    if let alg = try text("alg", index, bytes) {
      guard let name = AlgorithmName(alg.description), ByteString(alg.description) == alg else {
        throw JOSEError(
          .unsupportedKey, "alg \"\(alg.shortened)\" is no signature algorithm known here")
      }
      guard jwk.fits(name) else {
        throw JOSEError(.badKey, "alg \"\(alg.shortened)\" does not fit a key of type \(jwk.kind)")
      }
      if jwk.algorithm == nil { jwk.algorithm = name }
    }
    return jwk
  }

  private func rsa(_ index: Int, _ bytes: Span<UInt8>) throws(JOSEError) -> JWK {
    let n = try number("n", index, bytes)
    let e = try number("e", index, bytes)
    guard JWK.bits(n) >= 512, JWK.bits(n) <= 16_384 else {
      throw JOSEError(.unsupportedKey, "an RSA modulus of \(JWK.bits(n)) bits")
    }
    guard e.count <= n.count, !e.isEmpty else { throw JOSEError(.badKey, "a broken RSA exponent") }
    guard let d = try secret("d", index, bytes) else { return JWK(.rsa(n: n, e: e)) }
    guard document.member("oth", of: index, in: bytes) == nil else {
      throw JOSEError(.unsupportedKey, "an RSA key of more than two primes")
    }
    var numbers = [d]
    for name in ["p", "q", "dp", "dq", "qi"] as [StaticString] {
      if let part = try secret(name, index, bytes) { numbers.append(part) }
    }
    guard numbers.count == 1 || numbers.count == 6 else {
      throw JOSEError(.badKey, "some of p, q, dp, dq, qi but not all (RFC 7518 section 6.3.2)")
    }
    guard numbers.allSatisfy({ $0.count > 0 }) else {
      throw JOSEError(.badKey, "an empty private number")
    }
    return JWK(.rsa(n: n, e: e), secret: .rsa(numbers))
  }

  private func ec(_ index: Int, _ bytes: Span<UInt8>) throws(JOSEError) -> JWK {
    let curve = try self.curve(index, bytes)
    guard !curve.isOctetKeyPair else {
      throw JOSEError(.badKey, "crv \"\(curve.rawValue)\" is not for kty \"EC\"")
    }
    let x = try octets("x", index, bytes, count: curve.octets)
    let y = try octets("y", index, bytes, count: curve.octets)
    let d = try secret("d", index, bytes)
    if let d, d.count != curve.octets {
      throw JOSEError(.badKey, "\"d\" has \(d.count) octets, not \(curve.octets)")
    }
    return JWK(.ec(curve, x: x, y: y), secret: d.map { .scalar($0) })
  }

  private func okp(_ index: Int, _ bytes: Span<UInt8>) throws(JOSEError) -> JWK {
    let curve = try self.curve(index, bytes)
    guard curve.isOctetKeyPair else {
      throw JOSEError(.badKey, "crv \"\(curve.rawValue)\" is not for kty \"OKP\"")
    }
    let x = try octets("x", index, bytes, count: curve.octets)
    let d = try secret("d", index, bytes)
    if let d, d.count != curve.octets {
      throw JOSEError(.badKey, "\"d\" has \(d.count) octets, not \(curve.octets)")
    }
    return JWK(.okp(curve, x: x), secret: d.map { .scalar($0) })
  }

  private func curve(_ index: Int, _ bytes: Span<UInt8>) throws(JOSEError) -> Curve {
    guard let name = try text("crv", index, bytes) else { throw JOSEError(.badKey, "no \"crv\"") }
    guard let curve = Curve(name: name) else {
      throw JOSEError(.unsupportedKey, "crv \"\(name.shortened)\" is not known here")
    }
    return curve
  }

  /// The string member `name`; nil when it is not there.
  private func text(
    _ name: StaticString, _ index: Int, _ bytes: Span<UInt8>
  ) throws(JOSEError) -> ByteString? {
    guard let value = document.member(name, of: index, in: bytes) else { return nil }
    guard document.nodes[value].kind == .string else {
      throw JOSEError(.badKey, "\"\(name)\" is no string")
    }
    return ByteString(document.unescaped(value, in: bytes))
  }

  private func octets(
    _ name: StaticString, _ index: Int, _ bytes: Span<UInt8>
  ) throws(JOSEError) -> [UInt8]? {
    guard let value = document.member(name, of: index, in: bytes) else { return nil }
    let node = document.nodes[value]
    var out: [UInt8] = []
    out.reserveCapacity(node.range.count + 8)
    guard node.kind == .string, !node.escaped, Base64URL.decode(bytes, node.range, into: &out)
    else { throw JOSEError(.badKey, "\"\(name)\" is no base64url text") }
    return out
  }

  private func octets(
    _ name: StaticString, _ index: Int, _ bytes: Span<UInt8>, count: Int
  ) throws(JOSEError) -> [UInt8] {
    guard let out = try octets(name, index, bytes) else {
      throw JOSEError(.badKey, "no \"\(name)\"")
    }
    guard out.count == count else {
      throw JOSEError(.badKey, "\"\(name)\" has \(out.count) octets, not \(count)")
    }
    return out
  }

  /// A Base64urlUInt. Leading zeros, which some libraries write, are taken off.
  private func number(
    _ name: StaticString, _ index: Int, _ bytes: Span<UInt8>
  ) throws(JOSEError) -> [UInt8] {
    guard let out = try octets(name, index, bytes) else {
      throw JOSEError(.badKey, "no \"\(name)\"")
    }
    return Array(out.drop { $0 == 0 })
  }

  private func secret(
    _ name: StaticString, _ index: Int, _ bytes: Span<UInt8>
  ) throws(JOSEError) -> SecretBytes? {
    guard var out = try octets(name, index, bytes) else { return nil }
    return SecretBytes(consuming: &out)
  }
}
