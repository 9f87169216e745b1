// What is JSON and what is not: the public test suite, the slow twin on mutated texts, UTF-8.
// Owns: the tests of JSONDocument's grammar. Duplicate names have a file of their own.

import Foundation
import Testing

@testable import JOSE

@Suite struct JSONGrammarTests {
  /// Texts that the suite accepts and SPEC section 9 refuses, for a member name that stands twice.
  static let duplicates = [
    "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json",
  ]

  @Test("JSONTestSuite: y_ parses, n_ does not, i_ as the twin decides; two y_ hold duplicates")
  func publicSuite() throws {
    guard let files = Vectors.files("json-test-suite") else { return }
    var seen = 0
    for file in files where file.pathExtension == "json" {
      let name = file.lastPathComponent
      let text = try octets(file)
      let answer = jsonFailure(text)
      if Self.duplicates.contains(name) {
        #expect(answer == .duplicateMember, "\(name)")
      } else if name.hasPrefix("y_") {
        #expect(answer == nil, "\(name)")
      } else if name.hasPrefix("n_") {
        #expect(answer == .syntax, "\(name)")
      }
      // The deepest text would overflow nothing, but costs the twin its patience.
      if text.count < 10_000 {
        #expect((answer == nil) == (JSONTwin.judge(text) == .valid), "\(name)")
      }
      seen += 1
    }
    Vectors.ran(seen, "json-test-suite")
  }

  @Test("Tens of thousands of mutated texts: the fast reader and the slow twin agree")
  func twinAgrees() {
    var random = SeededRandom(for: "JSON twin")
    let seeds = [
      #"{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}"#,
      #"{"a":[1,-0,0.5,1e5,-2.25E-3,10e+2],"b":{"c":null,"d":[[],{}]},"e":"\u0041\n"}"#,
      #"["\ud83d\ude00","\"\\\/\b\f\n\r\t","grüße","日本語","𝄞",""]"#,
      " \t\r\n { \"long name of a member\" : \"long text of a value, 8 by 8\" } \n",
      #"{"a":1,"b":2,"\u0061b":3,"ba":[{"a":1,"a\u0000":2}],"":{"":0}}"#,
      "[[[[[[[[[[1]]]]]]]]]]", "true", "false", "null", "-12.5e-7", "\"x\"", "0",
    ].map(\.octets)
    let pieces = [
      "\"", "\\", "\\u", "\\u00", "\\ud800", "\\udc00", "\\uD834\\uDD1E", "{", "}", "[", "]", ",",
      ":",
      "0", "-", ".", "e", "E+", "00", "1", "true", "null", "nul", " ", "\n", "\u{7f}", "\u{0}",
      "\u{1f}",
      "é", "\u{feff}", "//", "/**/", "NaN", "'", "\"a\":1,", "\"a\":", "\u{2028}",
    ].map(\.octets)
    let members = ["\"a\":1,", "\"\\u0061\":1,", "\"\\u0065xp\":0,", "\"\":0,", "\"b\":{},"].map(
      \.octets)
    var counts: [String: Int] = [:]
    for _ in 0..<40_000 {
      var text = seeds[random.below(seeds.count)]
      for _ in 0..<1 + random.below(3) {
        let place = random.below(text.count + 1)
        switch random.below(7) {
        case 0 where place < text.count: text[place] ^= 1 << UInt8(random.below(8))
        case 1 where place < text.count: text[place] = random.byte()
        case 2 where place < text.count:
          text.removeSubrange(place..<min(text.count, place + 1 + random.below(4)))
        case 3:
          // A member more in front: the same name twice, unless it is not known yet.
          let places = text.indices.filter { text[$0] == UInt8(ascii: "{") }
          guard let place = places.randomElement(using: &random) else { continue }
          text.insert(contentsOf: members[random.below(members.count)], at: place + 1)
        case 4:
          let from = random.below(text.count + 1)
          let piece = text[from..<min(text.count, from + random.below(12))]
          text.insert(contentsOf: Array(piece), at: place)
        default: text.insert(contentsOf: pieces[random.below(pieces.count)], at: place)
        }
        if text.isEmpty { text = [0x30] }
      }
      let (fast, slow) = (jsonFailure(text), JSONTwin.judge(text))
      counts["\(slow)", default: 0] += 1
      // A text with a duplicate and a mistake behind it may be refused for either.
      let agree =
        switch slow {
        case .valid: fast == nil
        case .duplicate: fast == .duplicateMember
        case .syntax: fast != nil
        }
      if !agree {
        Issue.record("\(text.text) \(text): fast \(String(describing: fast)) slow \(slow)")
      }
    }
    #expect(counts["valid", default: 0] > 500 && counts["duplicate", default: 0] > 200)
  }

  @Test("64 levels are accepted and 65 refused, for arrays, objects and both")
  func depth() {
    func nested(_ depth: Int, _ open: [String], _ close: [String]) -> [UInt8] {
      let opening = (0..<depth).map { open[$0 % open.count] }.joined()
      let closing = (0..<depth).reversed().map { close[$0 % close.count] }.joined()
      return (opening + "0" + closing).octets
    }
    for (open, close) in [(["["], ["]"]), (["{\"a\":"], ["}"]), (["[", "{\"a\":"], ["]", "}"])] {
      #expect(jsonFailure(nested(64, open, close)) == nil)
      #expect(jsonFailure(nested(65, open, close)) == .syntax)
      #expect(jsonFailure(nested(50_000, open, close)) == .syntax)
    }
    #expect(jsonFailure(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == .syntax)
    let sideBySide = "[" + Array(repeating: "[[]]", count: 200).joined(separator: ",") + "]"
    #expect(jsonFailure(sideBySide.octets) == nil, "depth is not a count of arrays")
  }

  @Test(
    "Texts that lenient readers take and RFC 8259 does not",
    arguments: [
      "", " ", "\u{feff}{}", "{}\u{feff}", "NaN", "[NaN]", "Infinity", "-Infinity", "[1,]",
      "{\"a\":1,}",
      "{a:1}", "{'a':1}", "/**/{}", "{}//", "{} x", "{}{}", "[1]2", "[1 2]", "01", "-01", "+1",
      "1.",
      ".5", "1e", "1e+", "0x10", "1_000", "--1", "- 1", "1 .5", "True", "tru", "truex", "nulll",
      "\"\u{1}\"", "\"\n\"", "\"\t\"", "\"\\x41\"", "\"\\u12\"", "\"\\u 123\"", "\"\\u+123\"",
      "\"\\u12G4\"",
      "\"\\", "\"", "\"\\\"", "\"\\u", "\"\\u004\"", "\u{a0}1", "\u{b}1", "\u{c}1", "1\u{0}", "[",
      "{",
      "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\" 1}", "{1:1}", "{null:1}", "[,1]", "[1,,1]", ":", ",",
      "]",
    ])
  func refused(text: String) {
    #expect(jsonFailure(text.octets) == .syntax)
    #expect(JSONTwin.judge(text.octets) == .syntax)
  }

  @Test("UTF-16 and UTF-32 texts are refused, with and without a mark")
  func otherEncodings() {
    let text = "{\"alg\":\"HS256\"}"
    for encoding: String.Encoding in [
      .utf16, .utf16BigEndian, .utf16LittleEndian, .utf32, .utf32BigEndian, .utf32LittleEndian,
    ] { #expect(jsonFailure([UInt8](text.data(using: encoding)!)) == .syntax) }
  }

  @Test("Surrogates: pairs are accepted, halves refused, in values and names, in either case")
  func surrogates() {
    for pair in ["\\ud800\\udc00", "\\uDBFF\\uDFFF", "\\ud83D\\uDe00"] {
      #expect(jsonFailure("\"\(pair)\"".octets) == nil)
      #expect(jsonFailure("{\"\(pair)\":1}".octets) == nil)
    }
    for half in [
      "\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\ud800x", "\\ud800\\n", "\\ud800\\u0041",
      "\\ud800\\ud800", "\\udc00\\ud800", "\\ud800\\udbff", "\\ud800\\ue000", "\\ud800\\",
      "\\ud800\\u",
      "\\ud800\\udc0", "\\ud800 \\udc00", "\\ud800\\Udc00",
    ] {
      #expect(jsonFailure("\"\(half)\"".octets) == .syntax, "\(half)")
      #expect(jsonFailure("{\"\(half)\":1}".octets) == .syntax, "\(half)")
    }
    #expect(jsonFailure("[\"\\ud7ff\",\"\\ue000\",\"\\ufffe\",\"\\uffff\"]".octets) == nil)
  }

  @Test("Every two-octet sequence in a string is judged as the standard library judges it")
  func utf8Pairs() {
    for first in UInt8(0x80)...0xff {
      for second in UInt8.min...UInt8.max where second != 0x22 && second != 0x5c && second >= 0x20 {
        expectUTF8([first, second])
      }
    }
  }

  @Test("Longer sequences at the edges of RFC 3629's table, at every place in a word of eight")
  func utf8Edges() {
    let edges: [UInt8] = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]
    for first in UInt8(0xe0)...0xf8 {
      for second in edges {
        for third in [UInt8(0x7f), 0x80, 0xbf, 0xc0] {
          expectUTF8([first, second, third])
          for fourth in [UInt8(0x7f), 0x80, 0xbf, 0xc0] {
            expectUTF8([first, second, third, fourth])
          }
        }
      }
    }
    let good = ["\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}"]
    let bad: [[UInt8]] = [
      [0x80], [0xc1, 0xbf], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xf0, 0x8f, 0xbf, 0xbf],
      [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff], [0xc3], [0xe2, 0x82],
    ]
    for count in 0...17 {
      let filler = String(repeating: "x", count: count).octets
      for sequence in good.map(\.octets) + ["\u{10ffff}".octets] {
        #expect(jsonFailure([0x22] + filler + sequence + filler + [0x22]) == nil)
      }
      for sequence in bad {
        #expect(jsonFailure([0x22] + filler + sequence + filler + [0x22]) == .syntax)
        #expect(jsonFailure([0x22] + filler + sequence) == .syntax)
      }
    }
  }

  private func expectUTF8(_ sequence: [UInt8]) {
    let isValid = String(validating: sequence, as: UTF8.self) != nil
    if (jsonFailure([0x22] + sequence + [0x22]) == nil) != isValid { Issue.record("\(sequence)") }
  }

  @Test("Every octet value at every place of a word of eight: quotes, escapes, controls end a run")
  func everyValueInString() {
    for count in [1, 7, 8, 9, 16, 17] {
      for place in 0..<count {
        var text = [UInt8(0x22)] + Array(repeating: UInt8(ascii: "x"), count: count) + [0x22]
        for value in UInt8.min...UInt8.max {
          text[place + 1] = value
          let good = value >= 0x20 && value < 0x80 && value != 0x22 && value != 0x5c
          if (jsonFailure(text) == nil) != good { Issue.record("\(value) at \(place) of \(count)") }
        }
      }
    }
  }

  @Test("Only the given range is read; nothing behind it completes a text")
  func rangesOnly() {
    let text = "xx{\"a\":[1,2]}yy".octets
    var document = JSONDocument()
    #expect(document.parse(text, 2..<13) == nil)
    #expect(document.nodes[0].range == 2..<13)
    for end in 2..<13 { #expect(document.parse(text, 2..<end) == .syntax) }
    #expect(document.parse(text, 2..<14) == .syntax)
    #expect(document.parse("123456789\"".octets, 0..<9) == nil)
    #expect(document.parse("\"12345678\"".octets, 0..<9) == .syntax)
    #expect(document.parse("\"\\u0041\"".octets, 0..<6) == .syntax)
    #expect(document.parse("\"\u{e9}\"".octets, 0..<2) == .syntax)
    #expect(document.parse("true".octets, 0..<3) == .syntax)
  }
}
