// Reading and writing what stands in a parsed text: unescaping, compaction, pointers, values.
// Owns: the tests of JSONText, JSONPointer and JSONValue. The grammar has its own file.

import Testing

@testable import JOSE

@Suite struct JSONTextTests {
  private func compact(_ text: String) throws -> String {
    var document = JSONDocument()
    let bytes = text.octets
    try #require(document.parse(bytes) == nil)
    var out: [UInt8] = []
    document.appendCompact(bytes.span, to: &out)
    return out.text
  }

  private func unescape(_ content: String) throws -> [UInt8] {
    let bytes = "\"\(content)\"".octets
    var document = JSONDocument()
    try #require(document.parse(bytes) == nil)
    return document.unescaped(0, in: bytes.span)
  }

  @Test("Each escape gives its character, others are kept")
  func escapes() throws {
    #expect(try unescape(#"\"\\\/\b\f\n\r\t"#) == [0x22, 0x5c, 0x2f, 8, 12, 10, 13, 9])
    #expect(
      try unescape(#"\u0000\u001f\u007F\u0080\u07ff\u0800\uffff"#)
        == [0, 0x1f, 0x7f] + "\u{80}\u{7ff}\u{800}\u{ffff}".octets)
    #expect(
      try unescape(#"\ud834\udd1e-\uD800\uDC00-\uDBFF\uDFFF"#)
        == "\u{1d11e}-\u{10000}-\u{10ffff}".octets)
    #expect(try unescape("grüße 日本 𝄞") == "grüße 日本 𝄞".octets)
    #expect(try unescape(#"\\u0041"#) == #"\u0041"#.octets)
    #expect(try unescape("") == [])
  }

  @Test("Every scalar value written as an escape comes back as itself")
  func everyScalar() throws {
    var random = SeededRandom(for: "JSON scalars")
    for _ in 0..<3000 {
      guard let scalar = Unicode.Scalar(UInt32(random.below(0x110000))) else { continue }
      let spelled = String(scalar).utf16.map {
        "\\u" + String(String(UInt32($0) + 0x10000, radix: 16).dropFirst())
      }.joined()
      #expect(try unescape(spelled) == String(scalar).octets)
    }
  }

  @Test("Comparing with a text looks at characters, not at spellings or canonical equivalence")
  func comparing() {
    let bytes = #"{"\u0065xp":"caf\u00e9","exp2":"cafe\u0301"}"#.octets
    var document = JSONDocument()
    #expect(document.parse(bytes) == nil)
    #expect(document.has(1, "exp", in: bytes))
    #expect(!document.has(1, "\\u0065xp", in: bytes))
    #expect(document.has(2, text: "caf\u{e9}", in: bytes))
    #expect(!document.has(2, text: "cafe\u{301}", in: bytes))
    #expect(document.has(4, text: "cafe\u{301}", in: bytes))
    #expect(document.find("exp", in: bytes) == 2)
    #expect(document.find(named: "exp2", in: bytes) == 4)
    #expect(document.find("exp3", in: bytes) == nil)
    #expect(document.find("ex", of: 2, in: bytes) == nil, "a string has no members")
  }

  @Test("Compaction drops white space between tokens and nothing else")
  func compaction() throws {
    let text =
      " { \"a b\" : [ 1.50 , -0 , 1E+05 ,\n\"x y\\u0020\" , { },[] ,null],\t\"c\":{\"d\": 1} }\r\n"
    #expect(try compact(text) == #"{"a b":[1.50,-0,1E+05,"x y\u0020",{},[],null],"c":{"d":1}}"#)
    for same in [#"{"a":" "}"#, "1.0", "\"\"", "[]", #"["a",{"b":[]}]"#] {
      #expect(try compact(same) == same)
      #expect(try compact(" \(same)\n") == same)
    }
  }

  @Test(
    "The examples of RFC 6901 section 5",
    arguments: [
      ("/foo/0", "bar"), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"), ("/e^f", "3"), ("/g|h", "4"),
      ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"),
    ])
  func pointers(pointer: String, expected: String) throws {
    let bytes =
      #"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#
      .octets
    var document = JSONDocument()
    try #require(document.parse(bytes) == nil)
    let parsed = try #require(JSONPointer(pointer))
    let found = try #require(document.find(at: parsed, in: bytes))
    #expect(bytes[document.nodes[found].range] == expected.octets[...])
  }

  @Test("Pointers that lead nowhere, and texts that are no pointers")
  func pointersToNothing() throws {
    let bytes = #"{"a":[10,{"b":[]},[[20]]],"0":1}"#.octets
    var document = JSONDocument()
    try #require(document.parse(bytes) == nil)
    func at(_ text: String) throws -> Int? {
      document.find(at: try #require(JSONPointer(text)), in: bytes)
    }
    #expect(try at("") == 0)
    for path in [
      "/b", "/a/3", "/a/-", "/a/00", "/a/01", "/a/+1", "/a/ 1", "/a/-1", "/a/", "/a/0/x",
      "/a/1/b/0",
      "/a/99999999999999999999999", "/0/0", "//", "/a/1/", "/a/x", "/A",
    ] { #expect(try at(path) == nil, "\(path)") }
    #expect(try at("/a/2/0/0").map { bytes[document.nodes[$0].range].first } == UInt8(ascii: "2"))
    #expect(try at("/0") != nil, "in an object digits are a name")
    for text in ["a", "/~", "/~2", "/a~", "#/a", " /a"] { #expect(JSONPointer(text) == nil) }
    #expect(JSONPointer("/~01")?.tokens == ["~1"])
  }

  @Test("Values: parse, write, parse is the identity, digits and order included")
  func values() throws {
    let text = #"{"b":[1.50,-0,1E5,{"z":null,"a":true}],"a":"x\"\\y","":[],"é":{}}"#
    let value = try JSONValue(parsing: text.octets)
    #expect(value.text() == text.octets)
    #expect(try JSONValue(parsing: value.text(pretty: true)) == value)
    #expect(value["a"]?.string == "x\"\\y")
    #expect(value["b"]?.array?.count == 4)
    #expect(value["b"]?.array?[3]["a"]?.bool == true)
    #expect(value["b"]?.array?[2].int == nil, "1E5 is no plain integer")
    #expect(value["c"] == nil && JSONValue.null["a"] == nil)
    #expect(JSONValue.object(["a": .number(1), "b": nil]).text() == #"{"a":1}"#.octets)
    #expect(throws: JSONFailure.duplicateMember) {
      try JSONValue(parsing: #"{"a":1,"a":1}"#.octets)
    }
  }

  @Test("Written strings hold no raw control and no broken UTF-8, and read back as themselves")
  func writtenStrings() throws {
    for value in UInt8.min..<0x80 {
      let text = ByteString([value, 0x41])
      let written = JSONValue.string(text).text()
      #expect(written.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
      #expect(try JSONValue(parsing: written).string == text)
    }
    let broken = JSONValue.string(ByteString([0x61, 0xff, 0xc3])).text()
    #expect(try JSONValue(parsing: broken).string == "a\u{fffd}\u{fffd}")
    #expect(JSONValue.string("\u{e9}e\u{301}").text() == "\"\u{e9}e\u{301}\"".octets)
  }

  @Test("Strings compare byte for byte, where Swift's own comparison would not")
  func byteStrings() {
    #expect(ByteString("\u{e9}") != ByteString("e\u{301}"))
    #expect("\u{e9}" == "e\u{301}", "the trap that ByteString is there for")
    #expect(Set([ByteString("\u{e9}"), ByteString("e\u{301}")]).count == 2)
    #expect(ByteString("a") < "b" && !(ByteString("b") < "a") && ByteString("") < "a")
    var out: [UInt8] = []
    for number in [0, 7, -7, 10, 1_234_567_890, Int.max, Int.min] { out.append(decimal: number) }
    #expect(out == "07-71012345678909223372036854775807-9223372036854775808".octets)
  }
}
