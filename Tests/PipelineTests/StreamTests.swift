// Streams of every awkward shape through every way a run can go.
// Owns: the shapes. The verifier owns the ways.

import JOSE
import Testing

@testable import Pipeline

@Suite struct StreamTests {
  private static let maxLine = 20

  /// Name and input; a line may have 20 octets.
  static let shapes: [(name: String, text: String)] = {
    func line(_ n: Int) -> String { String(repeating: "a", count: n) }
    return [
      ("empty", ""),
      ("one newline", "\n"),
      ("only newlines", "\n\n\n\n\n\n\n"),
      ("one line", "abc\n"),
      ("no final newline", "abc\ndef"),
      ("one octet", "a"),
      ("CRLF", "abc\r\n\r\nx\r\n\r"),
      ("NUL and control characters", "a\0b\n\0\n\u{1}\u{7f}\t\u{b}x\n\0"),
      ("just under, at and over the limit", "\(line(19))\n\(line(20))\n\(line(21))\n"),
      ("at the limit without a newline", "\(line(20))"),
      ("over the limit without a newline", "\(line(21))"),
      ("twice the limit without a newline", "ab\n\(line(40))"),
      ("the limit with CR", "\(line(18))\r\n\(line(19))\r\n\(line(20))\r\n"),
      ("oversized first", "\(line(50))\nb\nc\n"),
      ("oversized in the middle", "a\n\(line(50))\nb\n"),
      ("oversized last", "a\nb\n\(line(50))\n"),
      ("several oversized in a row", "\(line(21))\n\(line(50))\n\(line(22))\n\(line(300))\n\nx\n"),
      ("oversized between newlines", "\n\n\(line(64))\n\n\n\(line(63))\n\n"),
      ("oversized, then a last line", "\(line(64))\nend"),
      ("oversized of one chunk exactly", "\(line(63))\n\(line(64))\n\(line(127))\n\(line(128))"),
      ("many short lines", String(repeating: "y\nx\n\n", count: 40)),
    ]
  }()

  @Test("every line comes out once, in order, however it arrives", arguments: shapes.indices)
  func comesOut(_ index: Int) throws {
    let (name, text) = Self.shapes[index]
    let input = Array(text.utf8)
    let found = try StreamVerifier(maxLine: Self.maxLine).verify(input) {
      EchoProcessor(maxLine: Self.maxLine)
    }
    var expected: [UInt8] = []
    var rejects: [UInt8] = []
    for (i, line) in twin(input).enumerated() {
      expected += Array("0:\(i + 1):".utf8) + line + [10]
      if line.count > Self.maxLine || line.contains(UInt8(ascii: "x")) { rejects += line + [10] }
    }
    #expect(found.output.text == expected.text, "\(name)")
    #expect(found.rejects.text == rejects.text, "\(name)")
    #expect(found.summary.lines.total == twin(input).count, "\(name)")
  }

  @Test func `binary input of any bytes comes out as it was`() throws {
    var random = Seeded(11)
    let input = (0..<1500).map { _ in UInt8.random(in: 0...255, using: &random) }
    let found = try StreamVerifier(maxLine: 200).verify(input) { EchoProcessor(maxLine: 200) }
    var expected: [UInt8] = []
    for (i, line) in twin(input).enumerated() {
      expected += Array("0:\(i + 1):".utf8) + line + [10]
    }
    #expect(found.output == expected)
  }

  @Test func `several inputs are read in the order given, empty and missing ones among them`()
    throws
  {
    let inputs: [StreamVerifier.Input] = [
      .bytes([]), .bytes(Array("a\nb".utf8)), .missing, .bytes([]), .bytes(Array("c".utf8)),
      .bytes(Array("\(String(repeating: "d", count: 70))".utf8)), .bytes(Array("x\n\n".utf8)),
      .missing,
    ]
    let found = try StreamVerifier(maxLine: Self.maxLine).verify(inputs) {
      EchoProcessor(maxLine: Self.maxLine)
    }
    #expect(
      found.output.text
        == "1:1:a\n1:2:b\n4:1:c\n5:1:\(String(repeating: "d", count: 70))\n6:1:x\n6:2:\n")
    #expect(found.unreadable == 2)
    #expect(found.notes == ["5:1 [\"too_large\"]", "6:1 [\"no_token\"]"])
  }

  /// Lines of every kind that a verifier may meet.
  private static func mixed() throws -> String {
    let good = try Sample.token("{\"iss\":\"a\",\"sub\":\"s\",\"exp\":2000}")
    let spaced = try Sample.token("{ \"iss\" : \"b\" , \"n\" : 1.50e3 }")
    let expired = try Sample.token("{\"iss\":\"a\",\"exp\":1000}")
    let foreign = try Sample.token("{}", Sample.secret("k1", fill: 9))
    let unknown = try Sample.token("{}", header: "{\"alg\":\"HS256\",\"kid\":\"other\"}")
    let duplicate = try Sample.token("{\"a\":1,\"a\":2}")
    let escaped = good.replacing(".", with: "\\u002e")
    return [
      good, spaced, "", expired, "  \(good)\r", foreign, unknown, "not a token", duplicate,
      "{\"token\":\"\(good)\"}", "{\"access_token\":\"Bearer \(expired)\",\"x\":[1,2,{}]}",
      "{\"token\":\"\(escaped)\"}", "{\"token\":7}", "{broken", "GET /?t=\(good)&x HTTP/1.1",
      good.dropLast(2) + "", "a.b.c", "\(good).x.y", "\0\u{1}", good + "=", unknown, good,
      String(repeating: "z", count: 700), good, "{\"token\":\"\(escaped)\"}", expired,
    ].joined(separator: "\n")
  }

  @Test(
    "valid and invalid tokens give the same verdicts in every way",
    arguments: VerifyOptions.Print.allCases, [nil] + VerifyOptions.Filter.allCases)
  func sameVerdicts(_ print: VerifyOptions.Print, _ only: VerifyOptions.Filter?) throws {
    let text = try Self.mixed()
    var options = VerifyOptions()
    options.time = .fixed(Timestamp(seconds: 1500))
    options.print = print
    options.only = only
    options.keepsRejects = true
    options.maxLine = 600
    options.inputNames = ["one", "two"]
    let half = text.utf8.count / 2
    let bytes = Array(text.utf8)
    let inputs: [StreamVerifier.Input] = [.bytes(bytes), .bytes(Array(bytes[half...]))]
    let some = StreamVerifier.ways.enumerated().filter { $0.offset % 11 == 0 }.map(\.element)
    let ways = print == .verdict && only == nil ? StreamVerifier.ways : some
    let found = try StreamVerifier(maxLine: 600).verify(inputs, ways: ways) { [options] in
      try VerifyProcessor(options, keys: Sample.keys(Sample.secret()))
    }
    let total = twin(bytes).count + twin(Array(bytes[half...])).count
    #expect(found.summary.lines.total == total)
    #expect(found.summary.lines.accepted > 5 && found.summary.lines.rejected > 10)
    #expect(found.rejects.lines.count == found.summary.lines.rejected)
    let shown =
      switch only {
      case nil: total
      case .valid: found.summary.lines.accepted
      case .invalid: found.summary.lines.rejected
      }
    #expect(found.output.lines.count == (print == .none ? 0 : shown))
  }

  @Test func `records are signed, or answered, one line for one line in every way`() throws {
    let text = [
      "{\"iss\":\"a\",\"n\":1.0}", "", "[]", "{\"a\":1,\"a\":2}", "{\"exp\":\"soon\"}", " {} \r",
      "{\"deep\":{\"x\":[1,2]}}", "{", String(repeating: "w", count: 80), "{\"last\":true}",
    ].joined(separator: "\n")
    for format in SignOptions.Format.allCases {
      var options = SignOptions()
      options.addsID = false
      options.at = Timestamp(seconds: 1000)
      options.format = format
      options.maxLine = 60
      options.keepsRejects = true
      let keys = SigningKeys(Sample.secret(), .hs256)
      let found = try StreamVerifier(maxLine: 60).verify(Array(text.utf8)) { [options] in
        SignProcessor(options, keys: keys)
      }
      #expect(found.output.lines.count == 10)
      #expect(found.summary.lines.accepted == 4)
      #expect(found.rejects.lines.count == 6)
    }
  }

  @Test func `inspected lines are the same in every way`() throws {
    let text = try Self.mixed()
    for asJSON in [true, false] {
      var options = InspectOptions()
      options.asJSON = asJSON
      options.maxLine = 600
      let ways = StreamVerifier.ways.filter { $0.workers == 2 || $0.lines == 5 }
        .filter { if case .file = $0.feed { true } else { false } }
      let found = try StreamVerifier(maxLine: 600).verify([.bytes(Array(text.utf8))], ways: ways) {
        [options] in InspectProcessor(options)
      }
      if asJSON { #expect(found.output.lines.count == twin(Array(text.utf8)).count) }
    }
  }
}

/// The lines of `bytes`, found the slow way.
func twin(_ bytes: [UInt8]) -> [[UInt8]] {
  var lines: [[UInt8]] = []
  var line: [UInt8] = []
  for byte in bytes {
    if byte == 10 {
      lines.append(line)
      line = []
    } else {
      line.append(byte)
    }
  }
  if bytes.last.map({ $0 != 10 }) ?? false { lines.append(line) }
  return lines
}
