// Finds the tokens of a line: a raw token, a JSON record's member, or words in a log line.
// Owns: what a line is (SPEC section 3). Must never: judge a token, or copy a line.

package import JOSE

package enum InputFormat: String, Sendable, CaseIterable { case auto, token, json, log }

/// One a worker: it holds scratch space.
package struct Locator: Sendable {
  /// Where a token stands.
  package struct Place: Sendable, Equatable {
    /// What of the line is the token, its escapes included.
    package var line: Range<Int>
    /// Its letters in the caller's scratch, if it was written with escapes.
    package var unescaped: Range<Int>?
  }

  package enum Found: Sendable, Equatable {
    case token(Place)
    case rejected(Rejection)
  }

  private let format: InputFormat
  /// Where a JSON record holds its token; nil looks at the usual members.
  private let field: JSONPointer?
  private var document = JSONDocument()
  /// Whether the last line was a JSON record, which `document` holds.
  private var isRecord = false

  private static let usualFields = ["/token", "/access_token", "/authorization"].compactMap {
    JSONPointer($0)
  }

  package init(_ format: InputFormat, field: JSONPointer?) {
    self.format = format
    self.field = field
  }

  /// Finds the token in `bytes[line]` (no line end). An escaped one is appended to `scratch`.
  package mutating func find(
    _ bytes: Span<UInt8>, _ line: Range<Int>, scratch: inout [UInt8]
  ) -> Found {
    find(bytes, line, opening: TextLanes.word(bytes, line), scratch: &scratch)
  }

  /// The same where it is known with which letters and dots the line begins.
  mutating func find(
    _ bytes: Span<UInt8>, _ line: Range<Int>, opening: TextLanes.Word, scratch: inout [UInt8]
  ) -> Found {
    isRecord = false
    let text = LineText.trim(bytes, line)
    guard !text.isEmpty else { return .rejected(.noToken) }
    if opening.range == text, opening.dots == 2, format == .auto || format == .token {
      return .token(Place(line: text))
    }
    switch format {
    case .token: return .token(Place(line: text))
    case .json: return inRecord(bytes, text, &scratch)
    case .log: return inText(bytes, text, &scratch)
    case .auto:
      if bytes[text.lowerBound] == UInt8(ascii: "{") { return inRecord(bytes, text, &scratch) }
      return Self.isTokenShaped(bytes, text)
        ? .token(Place(line: text)) : inText(bytes, text, &scratch)
    }
  }

  /// Finds the next token of the line in which `find` found the one at `first`, from `from` on.
  package func findNext(
    _ bytes: Span<UInt8>, _ line: Range<Int>, after from: Int, besides first: Place,
    scratch: inout [UInt8]
  ) -> Place? {
    // A line that is one word holds no other.
    guard format != .token else { return nil }
    var from = from
    while from < line.upperBound,
      let word = TokenSearch.nextJWS(bytes, in: from..<line.upperBound)
    {
      if !word.range.overlaps(first.line) { return Self.place(word, bytes, &scratch) }
      from = word.range.upperBound
    }
    return nil
  }

  /// The time that the last line found in gives for itself: a log line by its stamp, a JSON record
  /// by the member at `pointer`, if that is where to look.
  package func time(
    _ bytes: Span<UInt8>, _ line: Range<Int>, log: Bool, member pointer: JSONPointer?
  ) -> Moment? {
    guard isRecord else { return log ? LineTime.ofLog(bytes, LineText.trim(bytes, line)) : nil }
    guard let pointer, let node = document.value(at: pointer, in: bytes) else { return nil }
    return LineTime.ofMember(document, node, bytes)
  }

  private mutating func inRecord(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ scratch: inout [UInt8]
  ) -> Found {
    guard document.parse(bytes, line, isPublic: true) == nil, document.nodes[0].kind == .object
    else {
      return .rejected(.malformed)
    }
    isRecord = true
    if let field {
      guard let value = document.value(at: field, in: bytes),
        document.nodes[value].kind == .string
      else { return .rejected(.noToken) }
      return token(value, bytes, &scratch)
    }
    for pointer in Self.usualFields {
      if let value = document.value(at: pointer, in: bytes),
        document.nodes[value].kind == .string
      {
        return token(value, bytes, &scratch)
      }
    }
    let found = inText(bytes, line, &scratch)
    if case .rejected = found, isOtherSerialization(bytes) { return .rejected(.malformed) }
    return found
  }

  /// A JWS or JWE in a JSON serialization (RFC 7515 section 7.2, RFC 7516 section 7.2), which is
  /// not accepted.
  private func isOtherSerialization(_ bytes: Span<UInt8>) -> Bool {
    func has(_ name: StaticString, _ kind: JSONDocument.Kind) -> Bool {
      document.member(name, in: bytes).map { document.nodes[$0].kind == kind } ?? false
    }
    return has("payload", .string) && (has("signatures", .array) || has("signature", .string))
      || has("ciphertext", .string)
  }

  private func token(_ value: Int, _ bytes: Span<UInt8>, _ scratch: inout [UInt8]) -> Found {
    let node = document.nodes[value]
    guard node.escaped else {
      let word = Self.withoutScheme(bytes, node.range)
      return Self.isWords(bytes, word) ? .rejected(.noToken) : .token(Place(line: word))
    }
    let start = scratch.count
    JSONText.unescape(bytes, node.range, into: &scratch)
    let word = Self.withoutScheme(scratch.span, start..<scratch.count)
    if Self.isWords(scratch.span, word) { return .rejected(.noToken) }
    return .token(Place(line: Self.place(of: word, scratch, bytes, node.range), unescaped: word))
  }

  /// Where in a member's text the word stands that it holds; all of it if that can't be told.
  private static func place(
    of word: Range<Int>, _ scratch: [UInt8], _ bytes: Span<UInt8>, _ text: Range<Int>
  ) -> Range<Int> {
    guard let found = TokenSearch.next(bytes, in: text)?.range else { return text }
    var letters: [UInt8] = []
    TextEscape.undo(bytes, found, into: &letters)
    return scratch.span.equals(word, letters) ? found : text
  }

  /// Nothing, or more than one word: another scheme's credentials, or prose.
  private static func isWords(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
    text.isEmpty || bytes.firstIndex(of: UInt8(ascii: " "), in: text) != nil
  }

  private static let bearer = Array("bearer".utf8)

  /// Skips `Bearer ` (RFC 6750; schemes compare without case) and white space around the token.
  private static func withoutScheme(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    let text = LineText.trim(bytes, range)
    guard text.count >= 6, text.count == 6 || LineText.isBlank(bytes[text.lowerBound + 6]) else {
      return text
    }
    for i in 0..<6 where bytes[text.lowerBound + i] | 0x20 != bearer[i] { return text }
    return LineText.trim(bytes, text.lowerBound + 6..<text.upperBound)
  }

  private func inText(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ scratch: inout [UInt8]
  ) -> Found {
    guard let word = TokenSearch.nextJWS(bytes, in: line) else { return .rejected(.noToken) }
    return .token(Self.place(word, bytes, &scratch))
  }

  private static func place(
    _ word: TokenWord, _ bytes: Span<UInt8>, _ scratch: inout [UInt8]
  ) -> Place {
    guard word.isEscaped else { return Place(line: word.range) }
    let start = scratch.count
    TextEscape.undo(bytes, word.range, into: &scratch)
    return Place(line: word.range, unescaped: start..<scratch.count)
  }

  /// Whether a line is one word that is meant as a token: a JWS, also one whose base64 is wrong, or
  /// a JWE. What it is worth is judged later.
  private static func isTokenShaped(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
    guard bytes.firstIndex(of: UInt8(ascii: " "), in: text) == nil,
      bytes.firstIndex(of: UInt8(ascii: "\t"), in: text) == nil
    else { return false }
    if opensObject(bytes, text) {
      guard bytes.firstIndex(of: UInt8(ascii: "."), in: text) != nil else { return false }
      if isBase64(bytes, text) { return true }
      // A payload may be any text (RFC 7797). A row of columns that begins with a token is no token.
      guard let parts = UnverifiedJWS(bytes, text) else { return false }
      return isBase64(bytes, parts.header) && isBase64(bytes, parts.signature)
    }
    let word = TextLanes.word(bytes, text)
    return word.range == text && (word.dots == 2 || word.dots == 4)
  }

  /// Letters, dots, and what other base64 alphabets have beside.
  private static func isBase64(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
    var at = text.lowerBound
    while true {
      at = TextLanes.word(bytes, at..<text.upperBound).range.upperBound
      guard at < text.upperBound else { return true }
      switch bytes[at] {
      case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "/"): at += 1
      default: return false
      }
    }
  }

  /// An object's text in base64url, the empty object's too.
  private static func opensObject(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
    TokenOpening.opensObject(bytes, word)
      || word.count >= 4 && bytes.equals(word.lowerBound..<word.lowerBound + 4, "e30.")
  }
}
