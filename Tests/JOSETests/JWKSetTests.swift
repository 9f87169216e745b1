// JWK sets: a broken key is left out and named, its siblings stay (RFC 7517 section 5).
// Owns: the tests of JWKSet.

import Testing

@testable import JOSE

@Suite struct JWKSetTests {
  @Test("Keys that cannot be used here are skipped and named by position and kid; the others stay")
  func brokenSiblings() throws {
    let good = try newKey("ES256").publicValue.text().text
    let set = try JWKSet.parse(
      """
      {"x":1,"keys":[
        {"kty":"EC","kid":"bad curve","crv":"P-192","x":"AA","y":"AA"},
        \(good),
        {"kty":"oct","kid":"no k"},
        {"kty":"??"},
        7, null, [], "text",
        {"kty":"RSA","kid":5,"n":"AQAB","e":"AQAB"},
        {"kty":"OKP","kid":"short \\u0078","crv":"Ed25519","x":"AAAA"},
        {"kty":"oct","kid":"last","k":"QUFB"}
      ]}
      """.octets)
    #expect(set.keys.count == 2)
    #expect(set.keys.last?.kid == "last")
    #expect(set.skipped.count == 9)
    #expect(set.skipped[0].hasPrefix("key 1 (kid \"bad curve\"): "))
    #expect(set.skipped[1].hasPrefix("key 3 (kid \"no k\"): "))
    #expect(set.skipped[2].hasPrefix("key 4: "))
    #expect(set.skipped[3].hasPrefix("key 5: "))
    #expect(set.skipped[8].hasPrefix("key 10 (kid \"short x\"): "))
  }

  @Test("A single JWK is a set of one, and its faults are errors")
  func single() throws {
    let set = try JWKSet.parse(#"{"kty":"oct","k":"QUFB"}"#.octets)
    #expect(set.keys.count == 1 && set.skipped.isEmpty)
    #expect(failure { try JWKSet.parse("{}".octets) }?.code == .badKey)
  }

  @Test(
    "Texts that are no set",
    arguments: [
      ("[]", JOSEError.Code.badKey), ("7", .badKey), (#"{"keys":{}}"#, .badKey),
      (#"{"keys":null}"#, .badKey),
      (#"{"keys":"x"}"#, .badKey), ("", .badJSON), (#"{"keys":[]"#, .badJSON),
      (#"{"keys":[],"keys":[]}"#, .badJSON), (#"{"keys":[{"kty":"oct","kty":"oct"}]}"#, .badJSON),
      ("\u{feff}{\"keys\":[]}", .badJSON),
    ])
  func noSet(text: String, code: JOSEError.Code) {
    #expect(failure { try JWKSet.parse(text.octets) }?.code == code)
  }

  @Test("An empty set is a set, unknown members are ignored, and the limit holds")
  func limits() throws {
    #expect(try JWKSet.parse(#"{"keys":[]}"#.octets).keys.isEmpty)
    let one = #"{"kty":"oct","k":"QUFB","x5c":["…"],"exp":5,"ext":true,"other":{"k":1}}"#
    func set(_ count: Int) -> [UInt8] {
      "{\"keys\":[\(Array(repeating: one, count: count).joined(separator: ","))]}".octets
    }
    #expect(try JWKSet.parse(set(3), limit: 3).keys.count == 3)
    #expect(
      failure { try JWKSet.parse(set(4), limit: 3) }?.code == .badKey)
  }

  @Test("An RSA number with leading zeros is the same number")
  func leadingZeros() throws {
    let plain = try jwk(RFC.key7515A2)
    guard case .rsa(let n, let e) = plain.material else {
      Issue.record("an RSA key")
      return
    }
    let padded = try jwk(
      """
      {"kty":"RSA","n":"\(([0, 0] + n).base64url)","e":"\(([0] + e).base64url)"}
      """)
    #expect(padded.material == plain.material)
    #expect(padded.thumbprint == plain.thumbprint)
    #expect(plain.kind == "RSA 2048")
  }
}
