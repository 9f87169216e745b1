// Finds words in running text that are, or once were, tokens: in log lines of any program.
// Owns: what a word is, in plain, percent-encoded and JSON-escaped text, and which ones look like a
// JWS. Must never: judge a token, look at an octet more than a fixed number of times, or allocate
// for a word without escapes.

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
    // Behind the last word that was looked at.
    var least = range.lowerBound
    var from = least
    while let opening = TokenOpening.next(bytes, from, range.upperBound) {
      var word = TokenWord(range: opening)
      guard let start = start(bytes, least, opening.lowerBound, &word.isEscaped) else {
        from = opening.upperBound
        continue
      }
      let end = end(bytes, opening.lowerBound, range.upperBound, &word.isEscaped)
      word.range = start..<end
      if isWorthLooking(bytes, &word) { return word }
      (least, from) = (end, end)
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
      if let escape = TextEscape.before(at, bytes, least) {
        guard isLetter(escape.octet) || escape.octet == dot else { break }
        guard at < opening || escape.octet == dot else { return nil }
        isEscaped = true
        at -= escape.length
      } else if isLetter(bytes[at - 1]) {
        guard at < opening else {
          return TextEscape.isControl(before: at, bytes, least) ? at : nil
        }
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
    while end < limit {
      if let escape = TextEscape.at(end, bytes, limit),
        isLetter(escape.octet) || escape.octet == dot
      {
        isEscaped = true
        end += escape.length
      } else if let next = behindPadding(bytes, end, limit, &isEscaped) {
        end = next
      } else {
        break
      }
      end = plainEnd(bytes, end, limit)
    }
    return end
  }

  /// Behind `=.` or `==.` at `at` where another part follows: some issuers pad the parts of a token,
  /// and what is behind the dot is a signature all the same.
  private static func behindPadding(
    _ bytes: Span<UInt8>, _ at: Int, _ limit: Int, _ isEscaped: inout Bool
  ) -> Int? {
    var next = at
    var escapes = false
    func take(where isRight: (UInt8) -> Bool) -> Bool {
      guard next < limit else { return false }
      let escape = TextEscape.at(next, bytes, limit)
      guard isRight(escape?.octet ?? bytes[next]) else { return false }
      next += escape?.length ?? 1
      if escape != nil { escapes = true }
      return true
    }
    guard take(where: { $0 == UInt8(ascii: "=") }) else { return nil }
    _ = take(where: { $0 == UInt8(ascii: "=") })
    guard take(where: { $0 == dot }) else { return nil }
    let behind = next
    guard take(where: isLetter) else { return nil }
    if escapes { isEscaped = true }
    return behind
  }

  private static func plainEnd(_ bytes: Span<UInt8>, _ at: Int, _ limit: Int) -> Int {
    TextLanes.word(bytes, at..<limit).range.upperBound
  }

  /// Whether a part of the word opens an object and is long enough to matter. Sets `isJWS`, and
  /// takes off the full stops of a sentence that ends in it.
  private static func isWorthLooking(_ bytes: Span<UInt8>, _ word: inout TokenWord) -> Bool {
    guard word.isEscaped else { return isPlainWorthLooking(bytes, &word) }
    var text: [UInt8] = []
    TextEscape.undo(bytes, word.range, into: &text)
    var plain = TokenWord(range: 0..<text.count)
    guard isPlainWorthLooking(text.span, &plain) else { return false }
    let end = TextEscape.index(bytes, word.range, plain.range.upperBound)
    word.range = word.range.lowerBound..<end
    word.isJWS = plain.isJWS
    return true
  }

  private static func isPlainWorthLooking(_ bytes: Span<UInt8>, _ word: inout TokenWord) -> Bool {
    var isWorth = false
    var isHeader = false
    var dots = 0
    var part = word.range.lowerBound
    while true {
      let next = bytes.firstIndex(of: dot, in: part..<word.range.upperBound)
      let end = next ?? word.range.upperBound
      if end - part >= shortestPart, TokenOpening.opensObject(bytes, part..<end) {
        isWorth = true
        if dots == 0 { isHeader = end - part >= shortestHeader }
      }
      guard let next else { break }
      dots += 1
      part = next + 1
    }
    guard isWorth else { return false }
    var end = word.range.upperBound
    // An unsecured token ends in a dot of its own; a header alone may be cut short by three.
    while bytes[end - 1] == dot, !isHeader || dots != 2 || bytes[end - 2] == dot {
      (dots, end) = (dots - 1, end - 1)
    }
    word.range = word.range.lowerBound..<end
    word.isJWS = isHeader && dots == 2
    return true
  }
}
