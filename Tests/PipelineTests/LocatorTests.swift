// Where the token stands in a line, for every kind of line.
// Owns: lines by hand. Must never: verify anything.

import JOSE
import Testing

@testable import Pipeline

@Suite struct LocatorTests {
  private static let token = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"

  /// The token that was found, or the code of why there is none.
  private func find(_ line: String, _ format: InputFormat = .auto, _ field: String? = nil) -> String
  {
    var locator = Locator(format, field: field.flatMap { JSONPointer($0) })
    // Something before and behind the line, which must not be looked at.
    let bytes = Array("\(Self.token)\n\(line)\n\(Self.token)".utf8)
    let start = Self.token.utf8.count + 1
    var scratch = Array("before".utf8)
    switch locator.find(bytes.span, start..<start + line.utf8.count, scratch: &scratch) {
    case .token(let place):
      return place.unescaped.map { "unescaped:" + Array(scratch[$0]).text }
        ?? Array(bytes[place.line]).text
    case .rejected(let rejection): return "\(rejection.code)"
    }
  }

  private static let cases: [(line: String, format: InputFormat, field: String?, found: String)] = {
    let t = token
    return [
      // A raw token, white space around it.
      (t, .auto, nil, t), (t, .token, nil, t), ("  \t\(t) \r", .auto, nil, t),
      ("\(t)\r", .token, nil, t), ("", .auto, nil, "no_token"), (" \t\r", .auto, nil, "no_token"),
      ("", .token, nil, "no_token"), ("", .json, nil, "no_token"), ("", .log, nil, "no_token"),
      // Shapes that are meant as tokens and will be judged as such.
      ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln=", .auto, nil, "eyJhbGciOiJIUzI1NiJ9.e30.c2ln="),
      ("eyJhbGciOiJIUzI1NiJ9.e3+/.c2ln", .auto, nil, "eyJhbGciOiJIUzI1NiJ9.e3+/.c2ln"),
      ("\(t).x.y", .auto, nil, "\(t).x.y"), ("\(t).x", .auto, nil, "\(t).x"),
      ("eyJhbGciOiJIUzI1NiJ9.e30", .auto, nil, "eyJhbGciOiJIUzI1NiJ9.e30"),
      ("anything at all", .token, nil, "anything at all"),
      (
        "eyJhbGciOiJIUzI1NiJ9.{\"a\":1,\"b\":2}.c2ln", .auto, nil,
        "eyJhbGciOiJIUzI1NiJ9.{\"a\":1,\"b\":2}.c2ln"
      ),
      ("e30.e30.", .auto, nil, "e30.e30."), ("e30.e30", .auto, nil, "e30.e30"),
      // Columns without blanks are no token, whatever they begin with.
      ("\(t),200,GET", .auto, nil, t), ("\(t);www.example.com", .auto, nil, t),
      ("ewr1-a.example.net,\(t)", .auto, nil, t), ("eyes.example.net,\(t)", .auto, nil, t),
      ("eyes.example.net:80", .auto, nil, "no_token"), ("e3.example.net", .log, nil, "no_token"),
      ("\(t.replacing(".", with: "%2E"))", .auto, nil, "unescaped:\(t)"),
      ("eyJhbGciOiJIUzI1NiJ9.e30%2Ec2ln", .auto, nil, "unescaped:\(t)"),
      // Log lines: the first word that is shaped like a JWS.
      ("GET /a?token=\(t)&b=1 HTTP/1.1", .auto, nil, t),
      ("Authorization: Bearer \(t)", .auto, nil, t),
      ("cookie: a=b; jwt=\(t); c=d", .auto, nil, t), ("say \"\(t)\", please", .auto, nil, t),
      ("www.example.com GET \(t)", .auto, nil, t), ("10.0.0.1 v1.2.3 \(t)", .log, nil, t),
      ("\(t) and \(t)x", .log, nil, t), (t, .log, nil, t),
      ("www.example.com said no", .auto, nil, "no_token"), ("a.b.c", .log, nil, "no_token"),
      ("no dots here", .auto, nil, "no_token"), ("...", .log, nil, "no_token"),
      ("five parts \(t).x.y", .log, nil, "no_token"),
      // JSON records.
      ("{\"token\":\"\(t)\"}", .auto, nil, t), ("{\"access_token\":\"\(t)\"}", .json, nil, t),
      ("{\"authorization\":\"Bearer \(t)\"}", .auto, nil, t),
      ("{\"authorization\":\"bEARER\\t \(t) \"}", .auto, nil, "unescaped:\(t)"),
      ("{\"access_token\":\"x.y.z\",\"token\":\"\(t)\"}", .auto, nil, t),
      ("{\"token\":null,\"access_token\":\"\(t)\"}", .auto, nil, t),
      ("{\"to\\u006ben\":\"\(t)\"}", .auto, nil, t),
      ("{\"token\":\"\(t.replacing(".", with: "\\u002E"))\"}", .auto, nil, "unescaped:\(t)"),
      ("{\"token\":\"\"}", .auto, nil, "no_token"), ("{\"token\":\" \"}", .auto, nil, "no_token"),
      ("{\"other\":\"\(t)\"}", .auto, nil, t), ("{\"a\":{\"b\":[\"x\",\"\(t)\"]}}", .auto, nil, t),
      ("{\"n\":1}", .auto, nil, "no_token"), ("{}", .json, nil, "no_token"),
      ("{\"token\":\"Basic abc\"}", .auto, nil, "no_token"),
      // A field by name.
      ("{\"a\":{\"b\":[0,\"\(t)\"]}}", .auto, "/a/b/1", t),
      ("{\"token\":\"\(t)\"}", .auto, "/other", "no_token"),
      ("{\"a\":7,\"token\":\"\(t)\"}", .auto, "/a", "no_token"),
      ("{\"a/b\":{\"~\":\"Bearer \(t)\"}}", .json, "/a~1b/~0", t),
      ("{\"\":\"\(t)\"}", .auto, "/", t),
      ("{\"a\":[\"\(t)\"]}", .auto, "/a/00", "no_token"),
      ("{\"a\":[\"\(t)\"]}", .auto, "/a/-", "no_token"),
      // Broken records, and serializations that are not accepted.
      ("{\"token\":\"\(t)\"", .auto, nil, "malformed"),
      ("{\"token\":\"\(t)\"} x", .json, nil, "malformed"),
      ("{\"token\":\"\(t)\",\"token\":\"\(t)\"}", .auto, nil, "malformed"),
      ("[\"\(t)\"]", .json, nil, "malformed"), ("\"\(t)\"", .json, nil, "malformed"),
      (t, .json, nil, "malformed"),
      (
        "{\"payload\":\"e30\",\"signatures\":[{\"protected\":\"e30\",\"signature\":\"c2ln\"}]}",
        .auto, nil, "malformed"
      ),
      (
        "{\"payload\":\"e30\",\"protected\":\"e30\",\"signature\":\"c2ln\"}", .auto, nil,
        "malformed"
      ),
      ("{\"protected\":\"e30\",\"ciphertext\":\"c2ln\"}", .auto, nil, "malformed"),
    ]
  }()

  @Test("a line is found to be what it is", arguments: cases.indices)
  func lines(_ index: Int) {
    let (line, format, field, found) = Self.cases[index]
    #expect(find(line, format, field) == found, "\(format): \(line)")
  }

  @Test func `one locator gives the same answers in any order of lines`() {
    var seeded = Seeded(4)
    var locator = Locator(.auto, field: nil)
    for _ in 0..<300 {
      let (line, format, field, expected) = Self.cases.randomElement(using: &seeded)!
      guard format == .auto, field == nil else { continue }
      let bytes = Array(line.utf8)
      var scratch: [UInt8] = []
      let found =
        switch locator.find(bytes.span, 0..<bytes.count, scratch: &scratch) {
        case .token(let place):
          place.unescaped.map { "unescaped:" + Array(scratch[$0]).text }
            ?? Array(bytes[place.line]).text
        case .rejected(let rejection): "\(rejection.code)"
        }
      #expect(found == expected)
    }
  }

  @Test func `a JWE or a token of four dots is malformed as a line and in a record`() throws {
    var processor = try VerifyProcessor(VerifyOptions(), keys: Sample.keys(Sample.secret()))
    let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y3Q.dGFn"
    let found = try processor.lines("\(jwe)\n{\"token\":\"\(jwe)\"}\n\(Self.token).\n")
    for (i, line) in found.enumerated() {
      #expect(line == "{\"line\":\(i + 1),\"valid\":false,\"errors\":[\"malformed\"]}")
    }
    #expect(found.count == 3)
  }
}
