// Finds words in running text that are, or once were, tokens: in log lines of any program.
// Owns: what a word is, in plain, percent-encoded and JSON-escaped text, and which ones look like a
// JWS. Must never: judge a token, allocate, or look at an octet more than a fixed number of times.

internal import JOSE

/// A word of base64url letters and dots in which some part begins as a JSON object's text does.
struct TokenWord: Sendable, Equatable {
  var range: Range<Int>
  /// Whether some of its letters or dots were written as `%2E`, `\x2e` or `\u002e`.
  var isEscaped = false
  /// Two dots, and a first part that can be a header: the word is meant as a JWS.
  var isJWS = false
}

enum TokenSearch {
  /// `{"alg":""}` in base64url: no header is shorter.
  private static let shortestHeader = 14
  /// A part that opens an object and is shorter hides nothing: it is a word of some language.
  private static let shortestPart = 8

  /// The first word in `bytes[range]` that could be a token or a piece of one.
  static func next(_ bytes: Span<UInt8>, in range: Range<Int>) -> TokenWord? {
    var from = range.lowerBound
    while let opening = nextOpening(bytes, from, range.upperBound) {
      var word = TokenWord(range: opening..<opening)
      guard let start = start(bytes, from, opening, &word.isEscaped) else {
        from = opening + 1
        continue
      }
      let end = end(bytes, opening, range.upperBound, &word.isEscaped)
      word.range = start..<end
      if isWorthLooking(bytes, &word) { return word }
      from = end
    }
    return nil
  }

  /// The first JWS-shaped word in `bytes[range]`.
  static func nextJWS(_ bytes: Span<UInt8>, in range: Range<Int>) -> TokenWord? {
    var from = range.lowerBound
    while let word = next(bytes, in: from..<range.upperBound) {
      if word.isJWS { return word }
      from = word.range.upperBound
    }
    return nil
  }

  /// Appends the letters and dots of `bytes[range]`, a word, with its escapes undone.
  static func unescape(_ bytes: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]) {
    var at = range.lowerBound
    while at < range.upperBound {
      if let escape = escape(bytes, at, range.upperBound) {
        out.append(escape.octet)
        at += escape.length
      } else {
        out.append(bytes[at])
        at += 1
      }
    }
  }

  // MARK: Openings

  /// Where, from `from` on, three letters stand with which the base64url of `{"` begins, or of `{`
  /// and white space.
  static func nextOpening(_ bytes: Span<UInt8>, _ from: Int, _ end: Int) -> Int? {
    var at = from
    // Eight places at a time: an `e` with a `y` or a `w` behind it.
    while at + 9 <= end {
      let first = zeroes(bytes.word(at: at) ^ (0x65 &* Self.ones))
      let second = bytes.word(at: at + 1)
      var found =
        first & (zeroes(second ^ (0x79 &* Self.ones)) | zeroes(second ^ (0x77 &* Self.ones)))
      while found != 0 {
        let place = at + found.trailingZeroBitCount / 8
        if place + 2 < end, opensObject(bytes, place) { return place }
        found &= found - 1
      }
      at += 8
    }
    while at + 2 < end {
      if bytes[at] == UInt8(ascii: "e"), opensObject(bytes, at) { return at }
      at += 1
    }
    return nil
  }

  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// The top bit of each octet that is zero, and no other.
  @inline(__always)
  private static func zeroes(_ word: UInt64) -> UInt64 {
    let low = 0x7f &* Self.ones
    return ~((word & low) &+ low | word | low)
  }

  /// Whether the letters at `at`, of which the first is an `e`, are those of `{"`, or of `{` with a
  /// space, tab or line end.
  @inline(__always)
  static func opensObject(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
    let third = bytes[at + 2]
    switch bytes[at + 1] {
    case UInt8(ascii: "y"):
      return third &- UInt8(ascii: "I") < 4 || third &- UInt8(ascii: "A") < 4
    case UInt8(ascii: "w"):
      return third &- UInt8(ascii: "k") < 8 || third &- UInt8(ascii: "0") < 4
    default: return false
    }
  }

  // MARK: Words

  @inline(__always)
  static func isLetter(_ c: UInt8) -> Bool {
    c &- 0x30 < 10 || (c | 0x20) &- 0x61 < 26 || c == UInt8(ascii: "-") || c == UInt8(ascii: "_")
  }

  private static let dot = UInt8(ascii: ".")

  /// Where the word begins that has an opening at `opening`; nil if a letter stands right before it.
  private static func start(
    _ bytes: Span<UInt8>, _ least: Int, _ opening: Int, _ isEscaped: inout Bool
  ) -> Int? {
    var at = opening
    while at > least {
      if let escape = escapeBefore(bytes, at, least) {
        guard let octet = escape.octet, isLetter(octet) || octet == dot else { break }
        guard at < opening || octet == dot else { return nil }
        isEscaped = true
        at -= escape.length
      } else if isLetter(bytes[at - 1]) {
        guard at < opening else { return nil }
        at -= 1
      } else if bytes[at - 1] == dot {
        at -= 1
      } else {
        break
      }
    }
    return at
  }

  /// Behind the last of the letters and dots from `at` on.
  private static func end(
    _ bytes: Span<UInt8>, _ at: Int, _ limit: Int, _ isEscaped: inout Bool
  ) -> Int {
    var end = plainEnd(bytes, at, limit)
    while end < limit, let escape = escape(bytes, end, limit),
      isLetter(escape.octet) || escape.octet == dot
    {
      isEscaped = true
      end = plainEnd(bytes, end + escape.length, limit)
    }
    return end
  }

  private static func plainEnd(_ bytes: Span<UInt8>, _ at: Int, _ limit: Int) -> Int {
    var at = at
    while at + 8 <= limit {
      let others = ~wordOctets(bytes.word(at: at)) & (0x80 &* Self.ones)
      guard others == 0 else { return at + others.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < limit, isLetter(bytes[at]) || bytes[at] == dot { at += 1 }
    return at
  }

  /// The top bit of each octet that is a letter or a dot.
  @inline(__always)
  private static func wordOctets(_ word: UInt64) -> UInt64 {
    let low = word & (0x7f &* Self.ones)
    func between(_ octets: UInt64, _ first: UInt64, _ last: UInt64) -> UInt64 {
      (octets &+ (0x80 - first) &* Self.ones) & ~(octets &+ (0x7f - last) &* Self.ones)
    }
    let lower = low | 0x20 &* Self.ones
    // `@` and `[` to `^` become no letter of the range by that bit; `_` is one of its own.
    return
      (between(lower, 0x61, 0x7a) | between(low, 0x30, 0x39) | between(low, 0x2d, 0x2e)
      | between(low, 0x5f, 0x5f)) & ~word & (0x80 &* Self.ones)
  }

  /// Whether a part of the word opens an object and is long enough to matter. Sets `isJWS`, and
  /// takes off the full stops of a sentence that ends in it.
  private static func isWorthLooking(_ bytes: Span<UInt8>, _ word: inout TokenWord) -> Bool {
    if word.isEscaped {
      var text: [UInt8] = []
      unescape(bytes, word.range, into: &text)
      var plain = TokenWord(range: 0..<text.count)
      defer { word.isJWS = plain.isJWS }
      return isWorthLooking(text.span, &plain)
    }
    var isWorth = false
    var isHeader = false
    var dots = 0
    var part = word.range.lowerBound
    while true {
      let next = bytes.firstIndex(of: dot, in: part..<word.range.upperBound)
      let end = next ?? word.range.upperBound
      if end - part >= shortestPart, bytes[part] == UInt8(ascii: "e"), opensObject(bytes, part) {
        isWorth = true
        if dots == 0 { isHeader = end - part >= shortestHeader }
      }
      guard let next else { break }
      dots += 1
      part = next + 1
    }
    guard isWorth else { return false }
    var end = word.range.upperBound
    // An unsecured token ends in a dot of its own.
    while bytes[end - 1] == dot, !isHeader || dots != 2 { (dots, end) = (dots - 1, end - 1) }
    word.range = word.range.lowerBound..<end
    word.isJWS = isHeader && dots == 2
    return true
  }

  // MARK: Escapes

  struct Escape {
    var octet: UInt8
    var length: Int
  }

  /// `%252E` is a dot encoded twice. A bound, so that a long row of 25s costs no more than its length.
  private static let mostEncodings = 3

  /// The escape that begins at `at`: `%2E` (also encoded again: `%252E`), `\x2e` or `\u002e`.
  static func escape(_ bytes: Span<UInt8>, _ at: Int, _ limit: Int) -> Escape? {
    switch bytes[at] {
    case UInt8(ascii: "%"):
      var digits = at + 1
      for _ in 0..<mostEncodings
      where digits + 4 <= limit && bytes[digits] == 0x32 && bytes[digits + 1] == 0x35 {
        digits += 2
      }
      guard digits + 2 <= limit, let octet = hex(bytes, digits) else { return nil }
      return Escape(octet: octet, length: digits + 2 - at)
    case UInt8(ascii: "\\"):
      guard at + 4 <= limit else { return nil }
      if bytes[at + 1] == UInt8(ascii: "x") {
        return hex(bytes, at + 2).map { Escape(octet: $0, length: 4) }
      }
      guard bytes[at + 1] == UInt8(ascii: "u"), at + 6 <= limit, bytes[at + 2] == 0x30,
        bytes[at + 3] == 0x30
      else { return nil }
      return hex(bytes, at + 4).map { Escape(octet: $0, length: 6) }
    default: return nil
    }
  }

  private static func hex(_ bytes: Span<UInt8>, _ at: Int) -> UInt8? {
    func digit(_ c: UInt8) -> UInt8? {
      if c &- 0x30 < 10 { return c - 0x30 }
      let letter = (c | 0x20) &- 0x61
      return letter < 6 ? letter + 10 : nil
    }
    guard let high = digit(bytes[at]), let low = digit(bytes[at + 1]) else { return nil }
    return high << 4 | low
  }

  private struct EscapeBefore {
    /// nil for one that stands for no octet of a word, such as `\n` or `\u201c`.
    var octet: UInt8?
    var length: Int
  }

  /// The escape that ends right before `at`.
  private static func escapeBefore(
    _ bytes: Span<UInt8>, _ at: Int, _ least: Int
  ) -> EscapeBefore? {
    let backslash = UInt8(ascii: "\\")
    if at - 2 >= least, bytes[at - 2] == backslash {
      switch bytes[at - 1] {
      case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"),
        UInt8(ascii: "f"):
        return EscapeBefore(octet: nil, length: 2)
      default: return nil
      }
    }
    guard at - 3 >= least, hex(bytes, at - 2) != nil else { return nil }
    var digits = at - 2
    for _ in 0..<mostEncodings
    where digits - 3 >= least && bytes[digits - 2] == 0x32 && bytes[digits - 1] == 0x35 {
      digits -= 2
    }
    if digits - 1 >= least, bytes[digits - 1] == UInt8(ascii: "%") {
      return EscapeBefore(octet: hex(bytes, at - 2), length: at - digits + 1)
    }
    if at - 4 >= least, bytes[at - 3] == UInt8(ascii: "x"), bytes[at - 4] == backslash {
      return EscapeBefore(octet: hex(bytes, at - 2), length: 4)
    }
    guard at - 6 >= least, bytes[at - 5] == UInt8(ascii: "u"), bytes[at - 6] == backslash,
      let high = hex(bytes, at - 4)
    else { return nil }
    return EscapeBefore(octet: high == 0 ? hex(bytes, at - 2) : nil, length: 6)
  }
}
