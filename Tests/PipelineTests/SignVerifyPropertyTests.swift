// Random claims records, signed and verified: what goes in comes out, octet for octet.
// Owns: the generator of records. Each failure names the seed that repeats it.

import JOSE
import Testing

@testable import Pipeline

@Suite struct SignVerifyPropertyTests {
  /// A value as JSON text without white space, in any spelling that JSON has.
  private func value(_ random: inout Seeded, depth: Int) -> String {
    switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &random) {
    case 0: return ["null", "true", "false"].randomElement(using: &random)!
    case 1, 2: return number(&random)
    case 3, 4: return string(&random)
    case 5:
      let items = (0..<Int.random(in: 0...4, using: &random)).map { _ in
        value(&random, depth: depth + 1)
      }
      return "[\(items.joined(separator: ","))]"
    default: return "{\(members(&random, depth: depth + 1).joined(separator: ","))}"
    }
  }

  private func number(_ random: inout Seeded) -> String {
    let digits = String(UInt64.random(in: 0...(.max), using: &random))
    let whole = ["0", "7", digits, digits + digits].randomElement(using: &random)!
    let sign = Bool.random(using: &random) ? "-" : ""
    let fraction = ["", ".0", ".\(digits)", ".00100"].randomElement(using: &random)!
    let exponent = ["", "e5", "E+07", "e-300", "E0"].randomElement(using: &random)!
    return sign + whole + fraction + exponent
  }

  private func string(_ random: inout Seeded) -> String {
    let parts = [
      "a", "Z", " ", "/", "\\/", "\\\"", "\\\\", "\\n", "\\u0000", "\\u00e9", "é", "e\u{301}",
      "\u{7f}",
      "\\ud83d\\ude00", "😀", "\u{2028}", "<", "&", "\\b",
    ]
    let content = (0..<Int.random(in: 0...12, using: &random)).map { _ in
      parts.randomElement(using: &random)!
    }
    return "\"\(content.joined())\""
  }

  /// Members with names that differ, none of them a registered claim.
  private func members(_ random: inout Seeded, depth: Int) -> [String] {
    (0..<Int.random(in: 0...5, using: &random)).map { i in
      let name = string(&random).dropLast() + "_\(i)\""
      return "\(name):\(value(&random, depth: depth))"
    }
  }

  @Test func `members of random records come out byte for byte`() throws {
    let base = UInt64(Timestamp.now.seconds)
    print("SignVerifyPropertyTests: seed \(base)")
    var random = Seeded(base)
    let records = (0..<400).map { _ in members(&random, depth: 0).joined(separator: ",") }
    let spaced = records.map { Bool.random(using: &random) ? "{\($0)}" : " { \($0) }\r" }
    for name in ["HS256", "EdDSA", "ES256"] {
      let jwk = try JWK.generate(for: AlgorithmName(name)!)
      var sign = SignOptions()
      sign.at = Timestamp(seconds: 1000)
      sign.addsID = false
      var signer = SignProcessor(
        sign, keys: SigningKeys(jwk, AlgorithmName(name)!.algorithm))
      var verify = VerifyOptions()
      verify.time = .fixed(Timestamp(seconds: 1001))
      var verifier = try VerifyProcessor(verify, keys: Sample.keys(jwk))

      let tokens = try signer.result(spaced.map { $0 + "\n" }.joined())
      #expect(tokens.summary.lines == Summary.Count(accepted: records.count, rejected: 0))
      let verdicts = try verifier.result(tokens.output.text).output.lines
      try #require(verdicts.count == records.count)
      for (i, record) in records.enumerated() {
        let claims = record.isEmpty ? "" : record + ","
        let expected =
          "{\"line\":\(i + 1),\"valid\":true,\"expired_now\":false,\"alg\":\"\(name)\","
          + "\"kid\":\"\(jwk.kid!)\",\"claims\":{\(claims)\"iat\":1000,\"exp\":1900}}"
        // As octets: Swift's strings take canonically equivalent spellings for equal.
        let same = verdicts[i].utf8.elementsEqual(expected.utf8)
        #expect(same, "seed \(base), record \(i): \(verdicts[i]) is not \(expected)")
      }
    }
  }
}
