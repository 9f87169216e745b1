// Claims judged as the pipeline judges them: from a token that was really signed and verified.
// Owns: the helper of the claims tests.

import Testing

@testable import JOSE

/// The usual time of the claims tests: 2011-03-22T18:43:00Z, RFC 7519's example.
let noon: Int64 = 1_300_819_380

enum Judging {
  private static let key = try! newKey("HS256")

  /// What the claims set itself is refused for, or every check that fails.
  static func rejections(
    _ payload: String, _ policy: ClaimsPolicy = ClaimsPolicy(), typ: String? = nil,
    at seconds: Int64 = noon, nanos: Int32 = 0
  ) throws -> [Rejection] {
    let token = try Token.make(payload, key: key, .hs256)
    let split = UnverifiedJWS(token.span, 0..<token.count)
    let parts = try #require(split)
    var octets: [UInt8] = []
    guard Base64URL.decode(token.span, parts.signature, into: &octets) else { return [.badBase64] }
    let signature = 0..<octets.count
    guard Base64URL.decode(token.span, parts.payload, into: &octets) else { return [.badBase64] }
    var batch = SignatureBatch()
    let index = batch.append(
      key: 0, .hs256, input: parts.signingInput, signature: signature,
      payload: signature.upperBound..<octets.count)
    try OpenSSLEngine(Token.keys(key)).verify(&batch, input: token.span, octets: octets.span)
    let verified = try #require(batch.verified(index))
    var claims = Claims()
    // A claims value is used again and again: nothing of the one before may stay.
    let other =
      #"{"iss":"x","sub":"x","aud":"x","exp":0,"nbf":9e9,"iat":9e9,"jti":"x","type":"x","fresh":1}"#
    _ = claims.parse(unsigned: other.octets.span, 0..<other.utf8.count)
    if let refused = claims.parse(verified, octets.span) { return [refused] }
    let acceptsTyp = policy.accepts(typ: typ.map { ByteString($0) })
    return Array(
      policy.judge(
        claims, octets.span, acceptsTyp: acceptsTyp,
        at: Moment(Timestamp(seconds: seconds, nanoseconds: nanos))))
  }
}
