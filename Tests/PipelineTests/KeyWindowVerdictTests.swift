// Verdicts by keys with windows and revoked keys, however the tokens arrive.
// Owns: which failures stand beside which. The bounds are tested with KeyWindow.

import JOSE
import Testing

@testable import Pipeline

@Suite struct KeyWindowVerdictTests {
  private static let free = Sample.secret("free", fill: 1)
  private static let ring = Sample.secret("ring", fill: 2)
  private static let revoked = Sample.secret("revoked", fill: 3)
  private static let since = Sample.secret("since", fill: 4)

  private static func keys() -> VerificationKeys {
    var window = KeyWindow()
    window.opens = Timestamp(seconds: 1000)
    window.closes = Timestamp(seconds: 2000)
    window.ends = Timestamp(seconds: 3000)
    var set = KeySet()
    #expect(set.add(free, source: "") == nil)
    #expect(set.add(ring, source: "", window: window) == nil)
    window.revocation = .init(since: nil)
    #expect(set.add(revoked, source: "", window: window) == nil)
    window.revocation = .init(since: Timestamp(seconds: 1500))
    #expect(set.add(since, source: "", window: window) == nil)
    set.addRevoked(kid: "gone", algorithm: AlgorithmName("HS256")!)
    return VerificationKeys(set)
  }

  private static func token(_ payload: String, _ jwk: JWK, signedBy other: JWK? = nil) throws
    -> String
  {
    let header = "{\"alg\":\"HS256\",\"kid\":\"\(jwk.kid!)\"}"
    return try Sample.token(payload, header: header, other ?? jwk)
  }

  /// Tokens and the failures that their verdicts list.
  private static func cases() throws -> [(token: String, errors: [String])] {
    let inside = "{\"iat\":1500,\"exp\":2600}"
    let beyond = "{\"iat\":999,\"exp\":2600}"
    let (out, bad) = ("outside_key_window", "revoked_key")
    return [
      (try token(inside, free), []), (try token("{}", free), []),
      (try token(inside, ring), []), (try token(beyond, ring), [out]),
      (try token("{\"exp\":2600}", ring), [out]),
      (try token("{\"iat\":1500,\"exp\":3001}", ring), [out]),
      (try token("{\"iat\":2001,\"exp\":100}", ring), ["expired", out]),
      (try token("{\"iat\":\"x\",\"nbf\":9999}", ring), ["not_yet_valid", "bad_claim", out]),
      (try token(inside, revoked), [bad]), (try token(beyond, revoked), [bad, out]),
      (try token("{\"iat\":1500,\"exp\":1}", revoked), ["expired", bad]),
      // The signature comes first: who forges a token says nothing about the key.
      (try token(beyond, revoked, signedBy: free), ["bad_signature"]),
      (try token(beyond, ring, signedBy: revoked), ["bad_signature"]),
      (try token("[]", revoked), ["bad_payload", bad]), (try token("[]", ring), ["bad_payload"]),
      (try token("{\"iat\":1499.9,\"exp\":2600}", since), []),
      (try token(inside, since), [bad]), (try token("{}", since), [bad, out]),
      (try token(inside, Sample.secret("gone")), [bad]),
    ]
  }

  private static func errors(_ verdict: String) throws -> [String] {
    let value = try JSONValue(parsing: Array(verdict.utf8))
    guard case .array(let errors)? = value["errors"] else { return [] }
    return errors.map { $0.string?.description ?? "" }
  }

  @Test func `each failure is listed, and listed the same in every way`() throws {
    let cases = try Self.cases()
    var text = cases.map { $0.token + "\n" }.joined()
    for (token, _) in cases {
      text += "{\"token\":\"\(token.replacing(".", with: "\\u002e"))\"}\n"
    }
    var options = VerifyOptions()
    options.time = .fixed(Timestamp(seconds: 2500))
    options.keepsRejects = true
    let keys = Self.keys()
    let found = try StreamVerifier().verify(Array(text.utf8)) { [options] in
      try VerifyProcessor(options, keys: keys)
    }
    try #require(found.output.lines.count == 2 * cases.count)
    for (i, line) in found.output.lines.enumerated() {
      let (_, expected) = cases[i % cases.count]
      #expect(try Self.errors(line) == expected, "\(line)")
      let showsClaims = !["bad_signature", "bad_payload"].contains(expected.first)
      #expect(line.contains("\"claims\":") == (showsClaims && !line.contains("\"gone\"")))
    }
    let accepted = 2 * cases.count { $0.errors.isEmpty }
    #expect(found.summary.lines.accepted == accepted)
  }

  @Test func `raw: a revoked key is revoked, and no window is judged`() throws {
    var options = VerifyOptions()
    options.raw = true
    var processor = try VerifyProcessor(options, keys: Self.keys())
    for payload in ["text", "{}", "{\"iat\":1}"] {
      for (jwk, expected) in [
        (Self.free, []), (Self.ring, []), (Self.revoked, ["revoked_key"]), (Self.since, []),
      ] {
        let verdict = try processor.lines(try Self.token(payload, jwk))[0]
        #expect(try Self.errors(verdict) == expected, "\(payload) \(jwk.kid!)")
      }
    }
    options.policy.typ = "x"
    processor = try VerifyProcessor(options, keys: Self.keys())
    let verdict = try processor.lines(try Self.token("text", Self.revoked))[0]
    #expect(try Self.errors(verdict) == ["wrong_typ", "revoked_key"])
  }
}
