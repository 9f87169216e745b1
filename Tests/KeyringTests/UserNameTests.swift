// Which names users may have, and which two are one.

import JOSE
import Testing

@testable import Keyring

@Suite("Names of users")
struct UserNameTests {
  static func isSame(_ a: String, _ b: String) -> Bool {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    let same = UserName.isSame(a.span, 0..<a.count, b.span, 0..<b.count)
    if same {
      #expect(UserName.hash(a.span, 0..<a.count) == UserName.hash(b.span, 0..<b.count))
    }
    return same
  }

  @Test(
    "one name in two spellings",
    arguments: [
      ("ada", "Ada"), ("ada", "ADA"), ("zo\u{eb}", "zoe\u{308}"), ("ZO\u{cb}", "zoe\u{308}"),
      ("strauß", "STRAUSS"), ("strauß", "strau\u{1e9e}"), ("kim", "\u{212a}im"),
      ("sam", "\u{17f}am"), ("irma", "\u{131}rma"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("Вера", "вера"),
      ("finn", "\u{fb01}nn"),
      ("\u{c5}sa", "\u{212b}sa"), ("q\u{323}\u{307}", "q\u{307}\u{323}"),
      ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
    ])
  func same(_ names: (String, String)) { #expect(Self.isSame(names.0, names.1)) }

  @Test(
    "two names",
    arguments: [
      ("ada", "ad"), ("ada", "ada "), ("ada", "adá"), ("zoe", "zoë"), ("a_b", "a-b"), ("", "a"),
      ("ada1", "adal"), ("i\u{307}", "i"), ("[", "{"), ("@", "`"), ("12345678a", "12345678"),
    ])
  func different(_ names: (String, String)) { #expect(!Self.isSame(names.0, names.1)) }

  @Test(
    "may be a user's",
    arguments: [
      "a", "Ada", "ada.lovelace+test@example.com", "-rf", "o'neill", "zoë", "zoe\u{308}", "Вера",
      "σίσυφος", "李小龍", "한글", "नमस्ते", "李bruce", "strauß", "\u{1f80}",
      String(repeating: "x", count: 255),
    ])
  func good(_ name: String) throws { try UserName.check(ByteString(name)) }

  @Test(
    "may be nobody's",
    arguments: [
      "", " ", "ada lovelace", "ada\n", "ada\u{0}", "ada\u{7f}", "ada\u{a0}", "ada\u{85}",
      // Invisible, reversing, filling.
      "ada\u{200b}", "ada\u{200d}", "\u{202e}ada", "ada\u{ad}", "ada\u{feff}", "a\u{fe0f}",
      "\u{3164}", "\u{2800}", "a\u{34f}", "a\u{180b}",
      // Wide letters, ligatures, mathematics, circles, superscripts.
      "\u{ff41}da", "\u{1d41a}da", "\u{24d0}da", "ad\u{aa}", "\u{2090}x", "\u{fa19}",
      // No letters.
      "ada😀", "ada٣", "ada→", "ada\u{fffd}", "\u{301}a", "a\u{e000}",
      // Two scripts that look alike in one name.
      "\u{430}da", "p\u{430}ypal", "αda", "ВеpА", "ա\u{6f}", "Ꭺda",
      String(repeating: "x", count: 256),
    ])
  func bad(_ name: String) {
    #expect(throws: KeyringError(.badName, "")) { try UserName.check(ByteString(name)) }
  }

  @Test("octets that are no UTF-8 are no name")
  func octets() {
    for bytes in [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]] as [[UInt8]] {
      #expect(throws: KeyringError(.badName, "")) { try UserName.check(ByteString(bytes)) }
    }
  }

  @Test("mail addresses: ASCII, with one spelling")
  func emails() throws {
    for good in [
      "a@b", "ada@example.com", "ada+x@EXAMPLE.com", "a@[127.0.0.1]", "x@xn--bcher-kva.de",
    ] {
      try UserName.checkEmail(ByteString(good))
    }
    for bad in [
      "", "ada", "@", "a@", "@b", "a b@c", "a@b c", "a@b.", "a@b\n", "\"ada\"@example.com",
      "zoë@example.com", "a@bücher.de", "a@b@c", "Ada <ada@example.com>",
      String(repeating: "x", count: 250) + "@b.org",
    ] {
      #expect(throws: KeyringError(.badName, "")) { try UserName.checkEmail(ByteString(bad)) }
    }
  }
}
