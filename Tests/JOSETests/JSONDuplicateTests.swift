// Member names that stand twice, in small and large objects, plain and escaped; and time.
// Owns: the tests of duplicate detection. SPEC section 9: names are compared after unescaping.

import Testing

@testable import JOSE

@Suite struct JSONDuplicateTests {
  private func object(_ names: [String]) -> [UInt8] {
    ("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}").octets
  }

  /// The same name, each character as an escape.
  private func escaped(_ name: String) -> String {
    name.utf16.map { unit in
      "\\u" + String(String(UInt32(unit) + 0x10000, radix: 16).dropFirst())
    }.joined()
  }

  @Test(
    "Objects on both sides of every limit: all names different, then one of them twice",
    arguments: [2, 63, 64, 65, 66, 1000])
  func sizes(count: Int) {
    let names = (0..<count).map { "name\($0)" }
    #expect(jsonFailure(object(names)) == nil)
    #expect(jsonFailure(object(names.map(escaped))) == nil)
    for place in Set([0, 1, count / 2, count - 2, count - 1]) {
      for other in Set([0, count / 3, count - 1]) where other != place {
        var twice = names
        twice[place] = names[other]
        #expect(jsonFailure(object(twice)) == .duplicateMember, "\(place) \(other)")
        twice[place] = escaped(names[other])
        #expect(jsonFailure(object(twice)) == .duplicateMember, "\(place) \(other) escaped")
        #expect(jsonFailure(object(twice.map { $0.hasPrefix("\\") ? $0 : escaped($0) })) != nil)
      }
    }
  }

  @Test(
    "Different spellings of one name are one name",
    arguments: [
      ("a", "\\u0061"), ("a/b", "a\\/b"), ("\\n", "\\u000a"), ("\\\"", "\\u0022"),
      ("\\\\", "\\u005C"),
      ("é", "\\u00E9"), ("é", "\\u00e9"), ("𝄞", "\\uD834\\udd1e"), ("", ""), ("\\u0000", "\\u0000"),
      ("\\u00e9", "\\u00E9"), ("exp", "e\\u0078p"), ("\u{7f}", "\\u007f"),
    ])
  func spellings(one: String, other: String) {
    #expect(jsonFailure(object([one, other])) == .duplicateMember)
    #expect(jsonFailure(object([other, "x", one])) == .duplicateMember)
  }

  @Test("Names that only look alike are different names: no Unicode normalisation, no case")
  func lookalikes() {
    #expect(jsonFailure(object(["\u{e9}", "e\u{301}"])) == nil)
    #expect(jsonFailure(object(["\\u00e9", "e\\u0301"])) == nil)
    #expect(jsonFailure(object(["a", "A", "a ", " a", "a\\u0000", "", "\\u0000"])) == nil)
    #expect(jsonFailure(object(["\u{212b}", "\u{c5}"])) == nil)
  }

  @Test("At every depth, and not across objects")
  func depths() {
    for depth in 0..<63 {
      let inside = String(repeating: "{\"a\":", count: depth)
      let outside = String(repeating: "}", count: depth)
      #expect(jsonFailure("\(inside){\"a\":1,\"b\":2}\(outside)".octets) == nil)
      #expect(jsonFailure("\(inside){\"a\":1,\"\\u0061\":2}\(outside)".octets) == .duplicateMember)
    }
    #expect(jsonFailure(#"[{"a":1},{"a":1},{"b":{"a":1}}]"#.octets) == nil)
    #expect(jsonFailure(#"{"a":{"b":{"b":1}},"b":{"a":1}}"#.octets) == nil)
    #expect(jsonFailure(#"{"b":{"c":[{"x":1,"y":2}]},"c":0,"b":1}"#.octets) == .duplicateMember)
    #expect(jsonFailure(#"[{"a":[{"b":1,"c":2,"b":3}]}]"#.octets) == .duplicateMember)
  }

  @Test("Two names of one hash are two names, and each of them twice is still seen")
  func collidingHashes() {
    // The hash takes no notice of what is behind the first eight octets and before the last eight.
    for (one, other) in [
      ("eight....xlast", "eight....ylast"), ("12345678a12345", "12345678b12345"),
      ("aaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaabaaaaaaaaaaaa"),
    ].map({ ("\($0)6789", "\($1)6789") }) {
      let text = object([one, other])
      var document = JSONDocument()
      #expect(document.parse(text) == nil)
      #expect(document.nodes[1].next == document.nodes[3].next, "these names share a hash")
      #expect(jsonFailure(object([one, other, one])) == .duplicateMember)
      #expect(jsonFailure(object([one, other, escaped(other)])) == .duplicateMember)
      let many = (0..<40).flatMap { ["\(one)\($0)", "\(other)\($0)"] }
      #expect(jsonFailure(object(many)) == nil)
      #expect(jsonFailure(object(Array(many.prefix(60)))) == nil)
      #expect(jsonFailure(object(many + ["\(other)7"])) == .duplicateMember)
      #expect(jsonFailure(object(many.prefix(60) + ["\(one)7"])) == .duplicateMember)
    }
  }

  @Test("Names that meet in 64 buckets in thousands of small objects agree with a set")
  func randomObjects() {
    var random = SeededRandom(for: "JSON duplicates")
    for _ in 0..<2000 {
      let names = (0..<1 + random.below(70)).map { _ in "n\(random.below(1500))" }
      let expected: JSONFailure? = Set(names).count == names.count ? nil : .duplicateMember
      let spelled = names.map { random.below(4) == 0 ? escaped($0) : $0 }
      #expect(jsonFailure(object(spelled)) == expected, "\(names)")
    }
  }

  @Test("100,000 members, plain or escaped, are read in time that is not quadratic")
  func manyMembers() {
    for escape in [false, true] {
      let text = object((0..<100_000).map { escape ? "\\u006e\($0)" : "n\($0)" })
      let time = ContinuousClock().measure { #expect(jsonFailure(text) == nil) }
      #expect(time < .seconds(30), "\(time)")
    }
    let twice = object((0..<100_000).map { "n\($0)" } + ["\\u006e99999"])
    #expect(jsonFailure(twice) == .duplicateMember)
  }

  @Test("A thousand objects of 64 members with long names that share a beginning take little time")
  func manySmallObjects() {
    let beginning = String(repeating: "x", count: 200)
    let one = object((0..<64).map { "\(beginning)\($0)" }).text
    let text = ("[" + Array(repeating: one, count: 100).joined(separator: ",") + "]").octets
    let time = ContinuousClock().measure { #expect(jsonFailure(text) == nil) }
    #expect(time < .seconds(30), "\(time)")
  }
}
