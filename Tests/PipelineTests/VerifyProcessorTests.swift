// Verdicts, letter for letter.
// Owns: tokens made for one line each. The checks themselves are tested with the claims policy.

import JOSE
import Testing

@testable import Pipeline

@Suite struct VerifyProcessorTests {
  private func processor(
    _ change: (inout VerifyOptions) -> Void = { _ in }
  ) throws -> VerifyProcessor {
    var options = VerifyOptions()
    options.time = .fixed(Timestamp(seconds: 1500))
    change(&options)
    return try VerifyProcessor(options, keys: Sample.keys(Sample.secret()))
  }

  @Test func `verdicts hold line, file, valid, errors, alg, kid and claims in this order`() throws {
    let good = try Sample.token("{\"sub\":\"s\",\"exp\":2000}")
    let bare = try Sample.token("{}", header: "{\"typ\":\"JWT\",\"alg\":\"HS256\"}")
    let late = try Sample.token("{\"exp\":1500,\"nbf\":9999,\"iat\":9999}")
    let forged = try Sample.token("{\"sub\":\"s\"}", Sample.secret("k1", fill: 1))
    let list = try Sample.token("[1]")
    let text = "\(good)\n\(bare)\n\(late)\n\(forged)\n\(list)\n\nnothing\n"
    // Judged as of 1500, when the chunk's own time was 0.
    let plain = [
      ",\"valid\":true,\"expired_now\":false,\"alg\":\"HS256\",\"kid\":\"k1\","
        + "\"claims\":{\"sub\":\"s\",\"exp\":2000}}",
      ",\"valid\":true,\"expired_now\":false,\"alg\":\"HS256\",\"claims\":{}}",
      ",\"valid\":false,\"errors\":[\"expired\",\"not_yet_valid\",\"issued_in_future\"],"
        + "\"expired_now\":false,\"alg\":\"HS256\",\"kid\":\"k1\",\"claims\":{\"exp\":1500,\"nbf\":9999,\"iat\":9999}}",
      ",\"valid\":false,\"errors\":[\"bad_signature\"],\"alg\":\"HS256\",\"kid\":\"k1\"}",
      ",\"valid\":false,\"errors\":[\"bad_payload\"],\"alg\":\"HS256\",\"kid\":\"k1\"}",
      ",\"valid\":false,\"errors\":[\"no_token\"]}", ",\"valid\":false,\"errors\":[\"no_token\"]}",
    ]
    var processor = try processor()
    #expect(
      try processor.lines(text) == plain.enumerated().map { "{\"line\":\($0 + 1)\($1)" })
    var named = try self.processor { $0.inputNames = ["dir/a \"b\"\n.log"] }
    #expect(
      try named.lines(text)
        == plain.enumerated().map {
          "{\"line\":\($0 + 1),\"file\":\"dir/a \\\"b\\\"\\n.log\"\($1)"
        })
  }

  @Test(
    "claims are the token's own text without the white space between",
    arguments: [
      ("{\"n\":1.0}", "{\"n\":1.0}"),
      (
        " {\t\"n\" : 12345678901234567890123.4500e-7 ,\r\n \"b\" : [ 1 , { } , [ ] ] } ",
        "{\"n\":12345678901234567890123.4500e-7,\"b\":[1,{},[]]}"
      ),
      ("{\"s\":\" a  b \\u0020\\/ \"}", "{\"s\":\" a  b \\u0020\\/ \"}"),
      (
        "{ \"\\u0061\" : -0.0 , \"e\\u0301\":\"\\ud83d\\ude00\" }",
        "{\"\\u0061\":-0.0,\"e\\u0301\":\"\\ud83d\\ude00\"}"
      ),
      ("{\"z\":1,\"a\":2,\"\":null,\"t\":true}", "{\"z\":1,\"a\":2,\"\":null,\"t\":true}"),
      ("{\"u\":\"é\u{301}\u{7f}\u{2028}\"}", "{\"u\":\"é\u{301}\u{7f}\u{2028}\"}"),
      ("{}", "{}"), (" { } ", "{}"),
    ])
  func compaction(_ payload: String, _ compact: String) throws {
    var processor = try processor()
    let found = try processor.result(try Sample.token(payload)).output
    let expected =
      "{\"line\":1,\"valid\":true,\"expired_now\":false,\"alg\":\"HS256\",\"kid\":\"k1\","
      + "\"claims\":\(compact)}\n"
    #expect(found == Array(expected.utf8))
  }

  @Test func `no bit of a token whose signature does not hold shows its claims`() throws {
    let token = Array(try Sample.token("{\"marker\":\"seen\"}").utf8)
    let dot = try #require(token.firstIndex(of: UInt8(ascii: ".")))
    var processor = try processor()
    for i in dot + 1..<token.count where token[i] != UInt8(ascii: ".") {
      var broken = token
      broken[i] = broken[i] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      let verdict = try processor.result(broken.text).output.text
      #expect(verdict.contains("\"valid\":false"), "\(i)")
      #expect(!verdict.contains("claims") && !verdict.contains("marker"), "\(i)")
    }
  }

  @Test func `a verdict never repeats the token`() throws {
    let token = try Sample.token("{\"exp\":1}")
    let text = [token, token.dropLast() + "", token + ".x", "{\"token\":\"\(token)\"}"]
    var processor = try processor()
    let parts = token.split(separator: ".").map { String($0) }
    for line in try processor.lines(text.joined(separator: "\n")) {
      for part in parts { #expect(!line.contains(part)) }
    }
  }

  @Test func `claims and line print only what they are asked for`() throws {
    let good = try Sample.token("{ \"a\" : 1 }")
    let expired = try Sample.token("{\"exp\":1}")
    let text = "  \(good)\r\n\(expired)\nno\tend"
    var claims = try processor { $0.print = .claims }
    #expect(try claims.result(text).output.text == "{\"a\":1}\n\n\n")
    var line = try processor { $0.print = .line }
    #expect(try line.result(text).output.text == text + "\n")
    var valid = try processor {
      $0.print = .line
      $0.only = .valid
      $0.keepsRejects = true
    }
    let result = try valid.result(text)
    #expect(result.output.text == "  \(good)\r\n")
    #expect(result.rejects.text == "\(expired)\nno\tend\n")
    var none = try processor { $0.print = .none }
    let counted = try none.result(text)
    #expect(counted.output.isEmpty)
    #expect(counted.summary.lines == Summary.Count(accepted: 1, rejected: 2))
    #expect(counted.notes.map(\.line) == [2, 3])
  }

  @Test func `raw verifies any payload and shows no claims`() throws {
    let kid = "\"alg\":\"HS256\",\"kid\":\"k1\""
    let text = try Sample.token("plain text, \"no\" JSON")
    let object = try Sample.token("{\"exp\":1}")
    let crit = "{\(kid),\"b64\":false,\"crit\":[\"b64\"]}"
    var input = Base64URL.encode(Array(crit.utf8)) + Array(".$02".utf8)
    var signature: [UInt8] = []
    try Signer(Sample.secret(), .hs256).sign(input.span, 0..<input.count, into: &signature)
    input += Array(".".utf8) + Base64URL.encode(signature)
    let unencoded = input.text
    var raw = try processor {
      $0.raw = true
      $0.format = .token
    }
    let accepted = ",\"valid\":true,\"alg\":\"HS256\",\"kid\":\"k1\"}"
    let lines = "\(text)\n\(object)\n\(unencoded)\n\(text)A\n"
    let found = try raw.lines(lines)
    #expect(
      found[0...2] == [
        "{\"line\":1\(accepted)", "{\"line\":2\(accepted)", "{\"line\":3\(accepted)",
      ])
    #expect(found[3].contains("\"valid\":false"))
    var jwt = try processor { $0.format = .token }
    let asJWT = try jwt.lines(lines)
    #expect(asJWT[0].contains("[\"bad_payload\"]"))
    #expect(asJWT[1].contains("[\"expired\"]"))
    #expect(asJWT[2].contains("\"errors\":[\"unsupported_crit\"]"))
  }

  @Test func `every code of section 8 that a token can earn`() throws {
    let header = "{\"alg\":\"HS256\",\"kid\":\"k1\"}"
    let good = try Sample.token("{}")
    let parts = good.split(separator: ".").map { String($0) }
    func token(_ header: String) throws -> String { try Sample.token("{}", header: header) }
    let cases: [(String, String)] = [
      ("a.b", "no_token"), ("\(good).a", "malformed"), ("\(parts[0]).\(parts[1])", "malformed"),
      ("\(parts[0]).\(parts[1])=.\(parts[2])", "bad_base64"),
      ("\(parts[0])=.\(parts[1]).\(parts[2])", "bad_base64"),
      ("\(parts[0]).\(parts[1]).\(parts[2])=", "bad_base64"),
      (try token("[]"), "bad_header"), (try token("{\"kid\":\"k1\"}"), "bad_header"),
      (try token("{\"alg\":\"HS256\",\"a\":{\"b\":1,\"\\u0062\":2}}"), "duplicate_member"),
      (try token("{\"alg\":\"none\"}"), "unsupported_alg"),
      (try token("{\"alg\":\"hs256\"}"), "unsupported_alg"),
      (try token("{\"alg\":\"RS256\",\"kid\":\"k1\"}"), "alg_mismatch"),
      (try token("{\"alg\":\"HS256\",\"kid\":\"K1\"}"), "unknown_key"),
      (try token("{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}"), "unsupported_crit"),
      (try token("{\"alg\":\"HS256\",\"crit\":[]}"), "bad_header"),
      ("\(parts[0]).\(parts[1]).", "bad_signature"), ("\(parts[0])..\(parts[2])", "bad_signature"),
      (try Sample.token("", header: header), "bad_payload"),
      (try Sample.token("{\"a\":{\"b\":1,\"b\":2}}", header: header), "duplicate_member"),
      (try Sample.token("{\"exp\":\"1\"}", header: header), "bad_claim"),
      (try Sample.token("{\"exp\":1}", header: header), "expired"),
    ]
    for (line, code) in cases {
      var processor = try processor()
      let verdict = try processor.result(line).output.text
      #expect(verdict.contains("\"errors\":[\"\(code)\"]"), "\(code): \(verdict)")
    }
  }

  @Test func `summary counts algorithms, kids and issuers of a chunk`() throws {
    let one = try Sample.token("{\"iss\":\"one\"}")
    let old = try Sample.token("{\"iss\":\"one\",\"exp\":1}")
    let two = try Sample.token("{\"iss\":\"tw\\u006f\"}")
    let forged = try Sample.token("{\"iss\":\"three\"}", Sample.secret("k1", fill: 1))
    var processor = try processor()
    let text = [one, two, old, forged, two, "x", one].joined(separator: "\n")
    let summary = try processor.result(text).summary
    #expect(summary.lines == Summary.Count(accepted: 4, rejected: 3))
    #expect(
      summary.byIssuer == [
        "one": Summary.Count(accepted: 2, rejected: 1),
        "two": Summary.Count(accepted: 2, rejected: 0),
      ])
    #expect(summary.byKid == ["k1": Summary.Count(accepted: 4, rejected: 2)])
    #expect(summary.byAlgorithm == ["HS256": Summary.Count(accepted: 4, rejected: 2)])
    #expect(try processor.result(text).summary == summary)
  }

  @Test func `thousands of issuers in one chunk are each counted`() throws {
    let tokens = try (0..<300).map { try Sample.token("{\"iss\":\"i\($0 % 100)\"}") }
    var processor = try processor { $0.print = .none }
    let summary = try processor.result(tokens.joined(separator: "\n")).summary
    #expect(summary.byIssuer.count == 100)
    #expect(summary.byIssuer.values.allSatisfy { $0 == Summary.Count(accepted: 3, rejected: 0) })
  }

  @Test func `the time is the chunk's unless one is fixed`() throws {
    let token = try Sample.token("{\"exp\":1000}")
    var fixed = try processor { $0.time = .fixed(Timestamp(seconds: 999)) }
    #expect(try fixed.result(token, now: Timestamp(seconds: 5000)).output.text.contains(":true"))
    var free = try processor { $0.time = .now }
    #expect(try free.result(token, now: Timestamp(seconds: 999)).output.text.contains(":true"))
    #expect(try free.result(token, now: Timestamp(seconds: 1000)).output.text.contains("expired"))
  }
}
