// Strict base64url: known answers, and a plain slow twin that must agree on every input.
// Owns: the tests of Base64URL. Must never: use the tables of the code under test.

import Testing

@testable import JOSE

/// base64url one bit at a time.
enum SlowBase64URL {
  static let letters = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var bits: [UInt8] = []
    for byte in bytes { for place in 0..<8 { bits.append(byte >> (7 - UInt8(place)) & 1) } }
    while bits.count % 6 != 0 { bits.append(0) }
    return stride(from: 0, to: bits.count, by: 6).map { at in
      letters[bits[at..<at + 6].reduce(0) { $0 * 2 + Int($1) }]
    }
  }

  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var bits: [UInt8] = []
    for letter in text {
      guard let value = letters.firstIndex(of: letter) else { return nil }
      for place in 0..<6 { bits.append(UInt8(value >> (5 - place) & 1)) }
    }
    let spare = bits.count % 8
    guard spare < 6, bits.suffix(spare).allSatisfy({ $0 == 0 }) else { return nil }
    return stride(from: 0, to: bits.count - spare, by: 8).map { at in
      bits[at..<at + 8].reduce(0) { $0 * 2 + $1 }
    }
  }
}

@Suite struct Base64URLTests {
  @Test(
    "The examples of RFC 4648 section 10, without their padding",
    arguments: [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
      ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
  func knownAnswers(plain: String, coded: String) {
    #expect(Base64URL.encode(plain.octets) == coded.octets)
    #expect(Base64URL.decode(coded.octets) == plain.octets)
  }

  @Test("The two letters that differ from base64, and the example of RFC 7515 appendix C")
  func urlAlphabet() {
    #expect(Base64URL.encode([0xfb, 0xff, 0xbf]) == "-_-_".octets)
    #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME".octets)
    #expect(Base64URL.decode("A-z_4ME".octets) == [3, 236, 255, 224, 193])
  }

  @Test("Every length from 0 to 200 agrees with the twin, and parse then write is the identity")
  func everyLength() {
    var random = SeededRandom(for: "Base64URL every length")
    for count in 0...200 {
      for bytes in [
        random.bytes(count), .init(repeating: 0, count: count),
        .init(repeating: 0xff, count: count),
      ] {
        let text = Base64URL.encode(bytes)
        #expect(text == SlowBase64URL.encode(bytes), "\(bytes)")
        #expect(text.count == Base64URL.encodedCount(count))
        #expect(Base64URL.decodedCount(text.count) == count)
        #expect(Base64URL.decode(text) == bytes, "\(bytes)")
      }
    }
  }

  @Test("Random letters: what decodes is written again as the very same text")
  func parseThenWrite() {
    var random = SeededRandom(for: "Base64URL parse then write")
    var good = 0
    for _ in 0..<4000 {
      let text = (0..<random.below(40)).map { _ in SlowBase64URL.letters[random.below(64)] }
      let decoded = Base64URL.decode(text)
      #expect(decoded == SlowBase64URL.decode(text), "\(text.text)")
      guard let decoded else { continue }
      good += 1
      #expect(Base64URL.encode(decoded) == text)
    }
    #expect(good > 500, "the random texts must not all be refused")
  }

  @Test("Every octet value at every place of texts of 1 to 9 letters agrees with the twin")
  func everyValueEverywhere() {
    for count in 1...9 {
      for place in 0..<count {
        var text = Array("AAAAAAAAA".utf8.prefix(count))
        for value in UInt8.min...UInt8.max {
          text[place] = value
          if Base64URL.decode(text) != SlowBase64URL.decode(text) {
            Issue.record("\(text)")
          }
        }
      }
    }
  }

  @Test(
    "Padding, other alphabets, white space, unused bits and impossible lengths are refused",
    arguments: [
      "Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "====", "Zm+v", "Zm/v", "Zm 9v", " Zm9v", "Zm9v ",
      "Zm9v\n", "\nZm9v", "Zm9\tv", "Zm9v\r\n", "A", "AAAAA", "Zh", "Zk", "Zv", "Zm9", "Zm-",
      "Zm.v",
      "Zm9v\u{0}", "Zm\u{e9}v", "AB", "AAB", "AAD", "AP", "__", "___",
    ])
  func refused(text: String) {
    #expect(Base64URL.decode(text.octets) == nil)
    #expect(SlowBase64URL.decode(text.octets) == nil)
  }

  @Test("Of the 64 last letters after one octet 4 are its spelling, after two octets 16")
  func unusedBits() {
    let letters = SlowBase64URL.letters
    #expect(letters.filter { Base64URL.decode([65, $0]) != nil }.count == 4)
    #expect(letters.filter { Base64URL.decode([65, 65, $0]) != nil }.count == 16)
    #expect(letters.filter { Base64URL.decode([65, 65, 65, 65, 65, $0]) != nil }.count == 4)
  }

  @Test("A failed decode leaves what stood in the output as it was; a good one appends")
  func outputIsKept() {
    var random = SeededRandom(for: "Base64URL output is kept")
    for count in 1...40 {
      for place in 0..<count {
        var text = Array(repeating: UInt8(ascii: "A"), count: count)
        text[place] = UInt8(ascii: "=")
        let before = random.bytes(random.below(20))
        var out = before
        #expect(!Base64URL.decode(text.span, 0..<count, into: &out))
        #expect(out == before)
      }
    }
    var out: [UInt8] = [1, 2, 3]
    #expect(Base64URL.decode("xxZm9vxx".octets.span, 2..<6, into: &out))
    #expect(out == [1, 2, 3] + "foo".octets)
    Base64URL.encode("..fo..".octets.span, 2..<4, into: &out)
    #expect(out == [1, 2, 3] + "fooZm8".octets)
  }

  @Test("Only the given range is read, whatever stands around it")
  func rangesOnly() {
    var random = SeededRandom(for: "Base64URL ranges")
    for _ in 0..<500 {
      let bytes = random.bytes(random.below(30))
      let (before, after) = (random.bytes(random.below(9)), random.bytes(random.below(9)))
      let whole = before + Base64URL.encode(bytes) + after
      var out: [UInt8] = []
      #expect(
        Base64URL.decode(whole.span, before.count..<whole.count - after.count, into: &out))
      #expect(out == bytes)
    }
  }
}
