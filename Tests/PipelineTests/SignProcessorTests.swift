// What sign makes of a record, octet for octet.
// Owns: records by hand and a fixed clock. Every token that is made here verifies.

import JOSE
import Testing

@testable import Pipeline

@Suite struct SignProcessorTests {
  /// A fixed time, so that payloads can be stated whole.
  private static let times = "\"iat\":1000,\"exp\":1900"

  private func processor(
    _ change: (inout SignOptions) -> Void = { _ in }
  ) -> SignProcessor {
    var options = SignOptions()
    options.at = Timestamp(seconds: 1000, nanoseconds: 999_999_999)
    options.addsID = false
    change(&options)
    return SignProcessor(options, keys: SigningKeys(Sample.secret(), .hs256))
  }

  private func verify(_ token: String) throws {
    var options = VerifyOptions()
    options.time = .fixed(Timestamp(seconds: 1001))
    options.raw = true
    var verifier = try VerifyProcessor(options, keys: Sample.keys(Sample.secret()))
    #expect(try verifier.result(token).output.text.contains("\"valid\":true"))
  }

  /// The payload that is signed for a record, or the code of why none is.
  private func payload(
    _ record: String, _ change: (inout SignOptions) -> Void = { _ in }
  ) throws -> String {
    var processor = processor(change)
    let result = try processor.result(record + "\n")
    let lines = result.output.lines
    #expect(lines.count == 1)
    guard let token = lines.first, !token.isEmpty else {
      #expect(result.summary.lines == Summary.Count(accepted: 0, rejected: 1))
      return "\(result.summary.errorCounts[0].code)"
    }
    #expect(result.summary.lines == Summary.Count(accepted: 1, rejected: 0))
    try verify(token)
    return Sample.segment(1, of: token)
  }

  @Test(
    "the record's own text is kept and the added claims stand behind it",
    arguments: [
      ("{\"a\":1}", "{\"a\":1,+}"), ("{}", "{+}"), ("{ }", "{ +}"),
      ("  {\"a\":1}\t\r", "{\"a\":1,+}"),
      ("{ \"a\" : 1.00e2 }", "{ \"a\" : 1.00e2 ,+}"),
      ("{\"a\":{\"exp\":1,\"b\":[{},[]]}}", "{\"a\":{\"exp\":1,\"b\":[{},[]]},+}"),
      ("{\"z\":\"\\u0041\\/é\",\"a\":null}", "{\"z\":\"\\u0041\\/é\",\"a\":null,+}"),
    ])
  func kept(_ record: String, _ expected: String) throws {
    #expect(try payload(record) == expected.replacing("+", with: Self.times))
  }

  @Test(
    "claims that are there already are not added",
    arguments: [
      ("{\"iat\":5}", "{\"iat\":5,\"exp\":1900}"), ("{\"exp\":5.5}", "{\"exp\":5.5,\"iat\":1000}"),
      ("{\"\\u0065xp\":5}", "{\"\\u0065xp\":5,\"iat\":1000}"),
      ("{\"iat\":1,\"exp\":2}", "{\"iat\":1,\"exp\":2}"),
    ])
  func present(_ record: String, _ expected: String) throws {
    #expect(try payload(record) == expected)
  }

  private static func fixed(_ options: inout SignOptions) {
    options.claims = [
      ("iss", Array("\"me\"".utf8)), ("aud", Array("[\"x\",\"y\"]".utf8)),
      ("a\"b", Array("{}".utf8)),
    ]
    options.notBefore = Seconds(5)
    options.ttl = Seconds(60)
  }

  @Test func `fixed claims fill in what a record lacks`() throws {
    let nbf = "\"nbf\":1005"
    let all = "\"iss\":\"me\",\"aud\":[\"x\",\"y\"],\"a\\\"b\":{},\(nbf),\"iat\":1000,\"exp\":1060"
    #expect(try payload("{}", Self.fixed) == "{\(all)}")
    #expect(
      try payload("{\"aud\":\"mine\",\"nbf\":7,\"a\\u0022b\":1}", Self.fixed)
        == "{\"aud\":\"mine\",\"nbf\":7,\"a\\u0022b\":1,\"iss\":\"me\",\"iat\":1000,\"exp\":1060}")
  }

  @Test(
    "override replaces members wherever they stand",
    arguments: [
      ("{\"iss\":1,\"q\":2,\"r\":3}", "{\"q\":2,\"r\":3,+}"),
      ("{\"iss\":\"o\",\"q\":2,\"r\":3}", "{\"q\":2,\"r\":3,+}"),
      ("{\"q\":2,\"iss\":\"o\",\"r\":3}", "{\"q\":2,\"r\":3,+}"),
      ("{\"q\":2,\"r\":3,\"iss\":\"o\"}", "{\"q\":2,\"r\":3,+}"),
      ("{\"iss\":\"o\"}", "{+}"), ("{\"\\u0069ss\":\"o\",\"aud\":\"o\",\"exp\":1}", "{+}"),
      ("{ \"q\" : { \"iss\" : 1 } , \"exp\" : 5 }", "{\"q\":{ \"iss\" : 1 },+}"),
      ("{\"q\":1}", "{\"q\":1,+}"),
    ])
  func override(_ record: String, _ expected: String) throws {
    let found = try payload(record) { options in
      options.claims = [("iss", Array("\"me\"".utf8)), ("aud", Array("\"x\"".utf8))]
      options.ttl = Seconds(60)
      options.overrides = true
    }
    let all = "\"iss\":\"me\",\"aud\":\"x\",\"iat\":1000,\"exp\":1060"
    #expect(found == expected.replacing("+", with: all))
  }

  @Test func `override leaves a record's own times without a ttl of its own`() throws {
    let record = "{\"iat\":5,\"exp\":7}"
    #expect(try payload(record) { $0.overrides = true } == record)
  }

  @Test func `as is signs the record's bytes`() throws {
    for record in ["{}", "{ \"a\" : [ 1 ] }", "{\"exp\":1}"] {
      #expect(try payload(record) { $0.asIs = true } == record)
    }
    #expect(try payload("[]") { $0.asIs = true } == "bad_json")
  }

  @Test(
    "a record that no verifier may accept is not signed",
    arguments: [
      ("", "bad_json"), ("  ", "bad_json"), ("{", "bad_json"), ("[1]", "bad_json"),
      ("7", "bad_json"),
      ("{\"a\":1}x", "bad_json"), ("{\"a\":\"\u{1}\"}", "bad_json"), ("\u{feff}{}", "bad_json"),
      ("{\"a\":NaN}", "bad_json"), ("{\"a\":1,\"a\":2}", "duplicate_member"),
      ("{\"a\":{\"b\":1,\"\\u0062\":2}}", "duplicate_member"), ("{\"exp\":\"1\"}", "bad_claim"),
      ("{\"nbf\":true}", "bad_claim"), ("{\"iat\":null}", "bad_claim"),
      ("{\"iss\":1}", "bad_claim"),
      ("{\"sub\":{}}", "bad_claim"), ("{\"jti\":1}", "bad_claim"), ("{\"aud\":1}", "bad_claim"),
      ("{\"aud\":[\"a\",1]}", "bad_claim"), ("{\"aud\":[[\"a\"]]}", "bad_claim"),
      ("{\"aud\":{\"a\":\"b\"}}", "bad_claim"),
    ])
  func refused(_ record: String, _ code: String) throws {
    #expect(try payload(record) == code)
  }

  @Test func `ids are version 4 UUIDs, each different`() throws {
    var processor = processor { $0.addsID = true }
    let result = try processor.result(String(repeating: "{}\n", count: 700))
    var seen: Set<String> = []
    for token in result.output.lines {
      let text = Sample.segment(1, of: token)
      let value = try JSONValue(parsing: Array(text.utf8))
      let id = try #require(value["jti"]?.string).bytes
      seen.insert(id.text)
      #expect(id.count == 36)
      for (i, c) in id.enumerated() {
        switch i {
        case 8, 13, 18, 23: #expect(c == UInt8(ascii: "-"))
        case 14: #expect(c == UInt8(ascii: "4"))
        case 19: #expect("89ab".utf8.contains(c))
        default: #expect("0123456789abcdef".utf8.contains(c))
        }
      }
      #expect(text == "{\(Self.times),\"jti\":\"\(id.text)\"}")
    }
    #expect(seen.count == 700)
    #expect(
      try payload("{\"jti\":\"own\"}") { $0.addsID = true } == "{\"jti\":\"own\",\(Self.times)}")
  }

  @Test func `the header holds alg, kid, typ and what is added, in this order`() throws {
    var plain = processor()
    #expect(
      Sample.segment(0, of: try plain.lines("{}")[0])
        == "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}")
    var rich = processor {
      $0.typ = "a\"b"
      $0.header = [("jku", Array("\"https://x\"".utf8)), ("n", Array("1.0".utf8))]
    }
    #expect(
      Sample.segment(0, of: try rich.lines("{}")[0])
        == "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"a\\\"b\",\"jku\":\"https://x\",\"n\":1.0}")
    var options = SignOptions()
    options.typ = nil
    var bare = SignProcessor(options, keys: SigningKeys(Sample.secret(nil), .hs512))
    #expect(Sample.segment(0, of: try bare.lines("{}")[0]) == "{\"alg\":\"HS512\"}")
  }

  @Test func `at+jwt asks for every claim of RFC 9068`() throws {
    let names = ["iss", "aud", "sub", "client_id", "jti"]
    let members = names.map { "\"\($0)\":\"x\"" }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] as [ByteString] {
      let whole = "{\(members.joined(separator: ","))}"
      #expect(try payload(whole) { $0.typ = typ } == "\(whole.dropLast()),\(Self.times)}")
      for i in names.indices {
        var fewer = members
        fewer.remove(at: i)
        let record = "{\(fewer.joined(separator: ","))}"
        #expect(try payload(record) { $0.typ = typ } == "missing_claim", "\(names[i])")
      }
    }
    let null = "{\(members.joined(separator: ","))}".replacing(
      "\"client_id\":\"x\"", with: "\"client_id\":null")
    #expect(try payload(null) { $0.typ = "at+jwt" } == "missing_claim", "null is no client_id")
  }

  @Test func `the JSON format answers each line, with the file's name where there are several`()
    throws
  {
    var processor = processor {
      $0.format = .json
      $0.inputNames = ["a\tb"]
      $0.keepsRejects = true
      $0.maxLine = 20
    }
    let result = try processor.result(
      "{}\n[]\r\n{\"a\":1,\"a\":2}\n\(String(repeating: "x", count: 21))")
    let lines = result.output.lines
    let open = ",\"file\":\"a\\tb\""
    #expect(lines[0].hasPrefix("{\"line\":1\(open),\"token\":\"ey") && lines[0].hasSuffix("\"}"))
    #expect(
      lines[1] == "{\"line\":2\(open),\"error\":\"bad_json\",\"detail\":\"not a JSON object\"}")
    #expect(lines[2].hasPrefix("{\"line\":3\(open),\"error\":\"duplicate_member\",\"detail\":"))
    #expect(lines[3] == "{\"line\":4\(open),\"error\":\"too_large\"}")
    #expect(
      result.rejects.text == "[]\r\n{\"a\":1,\"a\":2}\n\(String(repeating: "x", count: 21))\n")
    #expect(result.notes.map(\.line) == [2, 3, 4])
  }

  @Test func `without a fixed time a token says when it was signed, not when the run began`() throws
  {
    // A run over a file may take hours; its key and its times must be those of the moment.
    var processor = processor { $0.at = nil }
    let before = Timestamp.now.seconds
    let token = try processor.lines("{}")[0]
    let value = try JSONValue(parsing: Array(Sample.segment(1, of: token).utf8))
    #expect(try #require(value["iat"]?.int) >= before)
  }
}
