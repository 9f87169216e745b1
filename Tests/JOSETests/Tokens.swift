// Tokens for tests: made by the signer under test, verified by the engine under test.
// Owns: the one way in which tests come by a VerifiedJWS.

import Testing

@testable import JOSE

enum Token {
  /// The compact JWS of `payload` under `header`, both as they stand.
  static func make(
    _ payload: String, header: String? = nil, key: JWK, _ algorithm: Algorithm
  ) throws -> [UInt8] {
    var token = Base64URL.encode((header ?? "{\"alg\":\"\(algorithm.name)\"}").octets)
    token.append(UInt8(ascii: "."))
    token += Base64URL.encode(payload.octets)
    var signature: [UInt8] = []
    try Signer(key, algorithm).sign(token.span, 0..<token.count, into: &signature)
    return token + [UInt8(ascii: ".")] + Base64URL.encode(signature)
  }

  /// Verifies a token as the pipeline does; the octets of its payload, nil when it is not valid.
  static func verify(_ token: [UInt8], _ keys: KeySet, raw: Bool = false) throws -> [UInt8]? {
    let bytes = token.span
    guard let parts = UnverifiedJWS(bytes, 0..<token.count),
      case .header(let header) = JOSEHeader.read(bytes, parts.header, raw: raw),
      case .key(let key) = keys.choose(header.algorithm, kid: header.kid)
    else { return nil }
    var decoded: [UInt8] = []
    guard Base64URL.decode(bytes, parts.signature, into: &decoded) else { return nil }
    let signature = 0..<decoded.count
    if header.isUnencoded {
      decoded.append(bytes, parts.payload)
    } else {
      guard Base64URL.decode(bytes, parts.payload, into: &decoded) else { return nil }
    }
    var batch = SignatureBatch()
    let index = batch.append(
      key: key, header.algorithm.algorithm, input: parts.signingInput, signature: signature,
      payload: signature.upperBound..<decoded.count)
    try OpenSSLEngine(keys).verify(&batch, input: bytes, octets: decoded.span)
    return batch.verified(index).map { Array(decoded[$0.payload]) }
  }

  static func keys(_ keys: JWK...) -> KeySet {
    var set = KeySet()
    set.allowWeakKeys = true
    for key in keys { #expect(set.add(key, source: "a test") == nil) }
    return set
  }
}
