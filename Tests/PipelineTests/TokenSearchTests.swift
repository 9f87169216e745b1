// Which words of a text are found to be tokens, whatever is around them and however they are written.
// Owns: the texts. Must never: depend on a machine's speed, only on how time grows.

import JOSE
import Testing

@testable import Pipeline

@Suite(.timeLimit(.minutes(20))) struct TokenSearchTests {
  private static let header = "eyJhbGciOiJIUzI1NiJ9"
  private static let payload = "eyJuIjoxfQ"
  private static let signature = "Nl0SPGpyn_IYXCOZhZv-KHqn6PaRtgGCz3YPZ05EhaQ"
  private static let token = "\(header).\(payload).\(signature)"

  private func words(_ text: [UInt8]) -> [TokenWord] {
    var found: [TokenWord] = []
    var from = 0
    while let word = TokenSearch.next(text.span, in: from..<text.count) {
      found.append(word)
      from = word.range.upperBound
    }
    return found
  }

  /// The first JWS of a text, with its escapes undone.
  private func jws(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard let word = TokenSearch.nextJWS(bytes.span, in: 0..<bytes.count) else { return nil }
    var letters: [UInt8] = []
    TextEscape.undo(bytes.span, word.range, into: &letters)
    return letters.text
  }

  private func parts(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return words(bytes).map { Array(bytes[$0.range]).text }
  }

  // MARK: The twin

  private static let pieces: [String] = [
    header, payload, signature, token, "ewogICJhbGciOiJIUzI1NiJ9", "ewr1-production-web3",
    "eyAgICAgICAgICAgIA", "ew0KDQoNCiJ4Ijox", "e30", "eyJ", "yJhbGciOiJIUzI1NiJ9", "yJ", "e", "y",
    "w", "J", "k", "A", "m", "n", "u", "x", "0", "2", "5", "6", "65", "25", ".", ".", ".", "..",
    "...", "=", "==", "=.", "%", "\\", "\\\\", "%2E", "%2e", "%252E", "%25252e", "\\u002e",
    "\\u002E",
    "\\\\u002e", "\\x2e", "%5Cu002e", "%5C%5Cu002e", "\\u00252E", "%65", "%2565", "\\u0065",
    "\\x65",
    "%5Cx65", "%79", "\\u004a", "%3D", "\\u003d", "%5C", "\\u005c", "\\n", "\\t", "%5Cn", "\\u201c",
    "%20", "%0A", "\\u000a", "\"", "\\\"", " ", ",", ";", "&", "[32m", "\u{1b}[0m", "#012", "\\033",
    "é", "\u{201c}", "\0", "+", "/", "u00", "\\u00", "%2",
  ]

  @Test("random texts: the words are those of the plain twin", arguments: 0..<8)
  func agrees(_ seed: UInt64) {
    var random = Seeded(900 + seed)
    var (escaped, whole) = (0, 0)
    for _ in 0..<1500 {
      let count = Int.random(in: 1...14, using: &random)
      let text = (0..<count).map { _ in Self.pieces.randomElement(using: &random)! }.joined()
      let bytes = Array(text.utf8)
      let (found, expected) = (words(bytes), PlainTokenSearch(bytes).words())
      guard found == expected else {
        Issue.record("\(text)\n\(found)\n\(expected)")
        return
      }
      escaped += found.filter(\.isEscaped).count
      whole += found.filter(\.isJWS).count
    }
    // The texts are worth the name.
    #expect(escaped > 150 && whole > 40, "\(escaped), \(whole)")
  }

  @Test func `every octet at every alignment ends a word or does not`() {
    for octet in UInt8.min...UInt8.max {
      for offset in 0..<9 {
        for length in 12..<21 {
          let lead = [UInt8](repeating: 0x20, count: offset)
          let word = Array("eyJhbGciOiJIUzI1NiJ9".utf8.prefix(length))
          let text = lead + word + [octet] + Array("xy z".utf8)
          let goesOn = PlainTokenSearch.Unit.isLetter(octet) || octet == UInt8(ascii: ".")
          let end = offset + length + (goesOn ? 3 : 0)
          guard words(text).map(\.range) == [offset..<end] else {
            Issue.record("octet \(octet) at \(offset + length)")
            return
          }
        }
      }
    }
  }

  @Test func `three octets open an object where they spell one, at every alignment`() {
    let rest = Array("gICAgICAgIHgi".utf8)
    for second in UInt8.min...UInt8.max {
      for third in UInt8.min...UInt8.max where "yw5J".utf8.contains(second) || third == 0x4a {
        let offset = Int(second ^ third) % 11
        let lead = [UInt8](repeating: second == 0x20 ? 0x21 : 0x20, count: offset)
        let text = lead + [0x65, second, third] + rest + [0x20]
        guard words(text) == PlainTokenSearch(text).words() else {
          Issue.record("e, \(second), \(third) at \(offset)")
          return
        }
      }
    }
  }

  @Test func `an opening is found wherever it stands, the end of the text too`() {
    for offset in 0..<40 {
      for lead in [" ", "6", "e", "\0", "\u{80}", "5"] {
        let before = String(repeating: lead, count: offset) + " "
        for opening in ["", "%65", "\\u0065"] {
          let word = opening + (opening.isEmpty ? "eyJhbGciOi" : "yJhbGciOi")
          #expect(parts(before + word) == [word], "\(offset) of \(lead)")
        }
      }
    }
  }

  // MARK: What is around

  private static let around: [(before: String, behind: String)] = [
    ("", ""), (" ", " "), ("\"", "\""), ("'", "'"), ("[", "]"), ("(", ")"), ("<", ">"), ("{", "}"),
    ("=", "&"), (";", ";"), (",", ","), (":", ","), ("/", "/"), ("?t=", "&x"), ("Bearer+", "|"),
    ("%20", "%20"), ("%3D", "%26"), ("%253D", "%2526"), ("%22", "%22"), ("%2520", "%2520"),
    ("%25252525253D", "%25252525253D"), ("\\n", "\\n"), ("\\t", "\\r"), ("\\\"", "\\\""),
    ("\\\\n", "\\\\n"), ("\\\\\\\"", "\\\\\\\""), ("\\x22", "\\x22"), ("\\u0022", "\\u0022"),
    ("\\\\u0022", "\\\\u0022"), ("\\u003d", "\\u0026"), ("\\u000a", "\\u000A"), ("%5Cn", "%5Cn"),
    ("%5C%22", "%5C%22"), ("\\u201c", "\\u201d"), ("\\u2041", "\\u2e65"), ("\u{201c}", "\u{2026}"),
    ("\0", "\0"),
    ("\u{1b}[32m", "\u{1b}[0m"), ("\\u001b[1;31m", "\\u001b[0m"), ("#012", "#012"),
    ("a\\011", "\\011b"), ("x ", "."), ("x ", "..."), ("x ", ". And"), ("x ", ".\""), ("", "%2E "),
    ("", "\\u002e\\n"), ("&quot;", "&quot;"), ("%", "%"), ("\\", "\\"), ("100%25", "%"),
  ]

  /// How programs write a token in other words.
  static let spellings: [(name: String, of: @Sendable (String) -> String)] = [
    ("as it is", { $0 }),
    ("%2E", { $0.replacing(".", with: "%2E") }), ("%2e", { $0.replacing(".", with: "%2e") }),
    ("%252E", { $0.replacing(".", with: "%252E") }),
    ("%2525252E", { $0.replacing(".", with: "%2525252E") }),
    ("\\x2e", { $0.replacing(".", with: "\\x2e") }),
    ("\\u002e", { $0.replacing(".", with: "\\u002e") }),
    ("\\\\u002E", { $0.replacing(".", with: "\\\\u002E") }),
    ("JSON four deep", { $0.replacing(".", with: "\\\\\\\\\\\\\\\\u002e") }),
    ("%5Cu002e", { $0.replacing(".", with: "%5Cu002e") }),
    ("%255C%255Cu002e", { $0.replacing(".", with: "%255C%255Cu002e") }),
    ("\\u00252e", { $0.replacing(".", with: "\\u00252e") }),
    ("\\u005cu002e", { $0.replacing(".", with: "\\u005cu002e") }),
    ("\\u0065", { $0.replacing("eyJ", with: "\\u0065yJ") }),
    ("%65%79", { $0.replacing("eyJ", with: "%65%79J") }),
    ("all as %", { $0.utf8.map { "%" + hex($0) }.joined() }),
    ("all as %25", { $0.utf8.map { "%25" + hex($0) }.joined() }),
    ("all as \\u", { $0.utf8.map { "\\u00" + hex($0) }.joined() }),
    ("all as \\x", { $0.utf8.map { "\\x" + hex($0) }.joined() }),
  ]

  private static func hex(_ octet: UInt8) -> String {
    let digits = String(octet, radix: 16)
    return digits.count < 2 ? "0" + digits : digits
  }

  @Test("the token is found in whatever spelling", arguments: spellings.indices)
  func spelling(_ index: Int) {
    let (name, spell) = Self.spellings[index]
    for (before, behind) in Self.around {
      // Behind a backslash or a percent sign an escape begins another way.
      if index > 0, before.hasSuffix("\\") || before.hasSuffix("%") { continue }
      let text = before + spell(Self.token) + behind
      #expect(jws(text) == Self.token, "\(name): \(text)")
      #expect(parts(text) == [spell(Self.token)], "\(name): \(text)")
    }
  }

  @Test func `what surrounds a token can be encoded without another one being found`() {
    for (before, behind) in Self.around where !"\\%".contains(before.last ?? " ") {
      // Nobody escapes half of a terminal's command.
      if before.contains("[1;") { continue }
      let text = before + Self.token + behind
      let percent = text.utf8.map { octet -> String in
        PlainTokenSearch.Unit.isLetter(octet) || octet == 0x2e
          ? String(UnicodeScalar(octet)) : "%" + Self.hex(octet)
      }.joined()
      #expect(jws(percent) == Self.token, "\(percent)")
      var json: [UInt8] = []
      JSONText.appendString(ByteString(text), to: &json)
      #expect(jws(json.text) == Self.token, "\(json.text)")
    }
  }

  @Test func `an unsecured token keeps the dot it ends in, other words give up theirs`() {
    let unsecured = "\(Self.header).\(Self.payload)."
    for behind in ["", " ", "\"", ".", "...", ". x"] {
      #expect(jws("it is " + unsecured + behind) == unsecured)
    }
    #expect(jws(unsecured.replacing(".", with: "%2E") + ".") == unsecured)
    let detached = "\(Self.header)..\(Self.signature)"
    #expect(jws(detached + ".") == detached)
    // A header that is cut short is no JWS, and hides none behind it.
    #expect(jws("\(Self.header)... and \(Self.token)") == Self.token)
    #expect(parts("\(Self.header)...") == [Self.header])
    #expect(jws("\(Self.header)..") == nil)
  }

  @Test func `padding inside a token is part of it`() {
    for sign in ["=", "%3D", "\\u003d", "%253D"] {
      for count in 1...2 {
        let padding = String(repeating: sign, count: count)
        let padded = "\(Self.header)\(padding).\(Self.payload)\(padding).\(Self.signature)"
        #expect(parts("x=\(padded)\(padding) y") == [padded])
      }
    }
    // Where no part follows it is the text's own.
    for behind in ["=", "=.", "==. And", "=&", "===.x", "=.="] {
      #expect(parts("\(Self.token)\(behind)") == [Self.token])
    }
  }

  @Test func `words that are no tokens are left alone`() {
    for text in [
      "ewr1-production-web3.example.net", "ewr1.example.net", "eyes.example.com", "v1.2.3-eyJ.x",
      "ewk0-the-quick-brown.fox.example", "EYJHBGCIOIJIUZI1NIJ9.EYJ.X", "eyJhbGc.eyJh.sig", "...",
      "ew00000000000000.example.org", "eyBBBBBBBBBBBBBBBB.x.y",
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "aHR0cHM6Ly93d3cuZXhhbXBsZS5jb20.aeyJhbGciOiJIUzI1NiJ9", "xeyJhbGciOiJIUzI1NiJ9.a.b",
      "9f86d081884c7d65-65-6565%6565", "%65 yJhbGciOiJIUzI1NiJ9",
    ] {
      #expect(parts(text) == [], "\(text)")
      #expect(jws("\(text) \(Self.token)") == Self.token, "\(text)")
    }
  }

  @Test func `a word is not cut where an earlier part of it looked like an opening`() {
    for word in ["aeyJ.\(Self.payload).\(Self.signature)", "xeyJx.yeyJ.\(Self.payload)"] {
      #expect(parts(" \(word) ") == [word])
    }
  }

  // MARK: Time

  @Test(
    "time grows with the length of a line, not faster",
    arguments: [
      ".eyJ", "eyJ", ";eyJ", "aeyJ", ".", "%25", "\\u00", "\\", "%", "25", "65", "%65", "%2565",
      "u0065",
      "\\u0065", "\\\\u0065yJ", "%65yJ", "%2E", "a%2E", "=.a", "==.", "eyJhbGciOi=.", "eyJhbGciOi.",
      "eyJhbGciOi%2E", "ewr1-prod1.", "eyJhbGciOiJIUzI1NiJ9..", "eyJhbGciOiJIUzI1NiJ9.e.s ", "m",
      "[3m",
      "#012", "1;", "\\n", "%5C", "%5Cn", "eyAgICAg", "ewoKCgoK",
    ])
  func growth(_ piece: String) {
    let ends = [("", ""), ("eyJhbGciOi", ""), ("%65", ""), ("%", ".eyJhbGciOi")]
    for (lead, tail) in ends {
      func time(_ length: Int) -> Int {
        let middle = String(repeating: piece, count: length / piece.count)
        let text = Array((lead + middle + tail).utf8)
        return (0..<3).map { _ in threadTime { _ = words(text) } }.min()!
      }
      let (short, long) = (time(4 << 10), time(64 << 10))
      #expect(long < short * 64 + 5_000_000, "\(lead) \(piece) \(tail): \(short), \(long)")
    }
  }
}
