// Finds the token in a line: a raw token, a JSON record's member, or a word in a log line.
// Owns: what a line is (SPEC section 3). Must never: judge a token, or copy a line.

package import JOSE

package enum InputFormat: String, Sendable, CaseIterable { case auto, token, json, log }

/// One a worker: it holds scratch space.
package struct Locator: Sendable {
  package enum Found: Sendable {
    case token(Range<Int>)
    /// In the caller's scratch: the token was written with JSON escapes.
    case unescaped(Range<Int>)
    case rejected(Rejection)
  }

  private let format: InputFormat
  /// Where a JSON record holds its token; nil looks at the usual members.
  private let field: JSONPointer?
  private var document = JSONDocument()

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
    let text = LineText.trim(bytes, line)
    guard !text.isEmpty else { return .rejected(.noToken) }
    switch format {
    case .token: return .token(text)
    case .json: return inRecord(bytes, text, &scratch)
    case .log: return inLog(bytes, text)
    case .auto:
      if bytes[text.lowerBound] == UInt8(ascii: "{") { return inRecord(bytes, text, &scratch) }
      return Self.isTokenShaped(bytes, text) ? .token(text) : inLog(bytes, text)
    }
  }

  private mutating func inRecord(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ scratch: inout [UInt8]
  ) -> Found {
    guard document.parse(bytes, line) == nil, document.nodes[0].kind == .object else {
      return .rejected(.malformed)
    }
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
    let found = inLog(bytes, line, isRecord: true)
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

  private func token(
    _ value: Int, _ bytes: Span<UInt8>, _ scratch: inout [UInt8]
  ) -> Found {
    let node = document.nodes[value]
    guard node.escaped else {
      let word = Self.withoutScheme(bytes, node.range)
      return Self.isWords(bytes, word) ? .rejected(.noToken) : .token(word)
    }
    let start = scratch.count
    JSONText.unescape(bytes, node.range, into: &scratch)
    let word = Self.withoutScheme(scratch.span, start..<scratch.count)
    return Self.isWords(scratch.span, word) ? .rejected(.noToken) : .unescaped(word)
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

  /// The first JWS-shaped word: base64url characters and exactly two dots, beginning like the
  /// base64url text of a JSON object.
  ///
  /// In a JSON record's text, the letter of an escape is no part of the word behind it.
  private func inLog(
    _ bytes: Span<UInt8>, _ line: Range<Int>, isRecord: Bool = false
  ) -> Found {
    var from = line.lowerBound
    while let dot = bytes.firstIndex(of: UInt8(ascii: "."), in: from..<line.upperBound) {
      var start = dot
      while start > from, Self.isWord(bytes[start - 1]) { start -= 1 }
      if isRecord, start > from, bytes[start - 1] == UInt8(ascii: "\\") {
        start += bytes[start] == UInt8(ascii: "u") ? 5 : 1
      }
      var end = dot
      while end < line.upperBound, Self.isWord(bytes[end]) || bytes[end] == UInt8(ascii: ".") {
        end += 1
      }
      from = end
      var dots = 0
      for i in dot..<end where bytes[i] == UInt8(ascii: ".") { dots += 1 }
      // More dots than a token has, and one of them last: a full stop that ends a sentence.
      while dots > 2, bytes[end - 1] == UInt8(ascii: ".") { (dots, end) = (dots - 1, end - 1) }
      if dots == 2, start < dot, Self.opensObject(bytes, start..<end) { return .token(start..<end) }
    }
    return .rejected(.noToken)
  }

  // MARK: Shapes

  @inline(__always)
  private static func isWord(_ c: UInt8) -> Bool {
    c &- 0x30 < 10 || (c | 0x20) &- 0x61 < 26 || c == UInt8(ascii: "-") || c == UInt8(ascii: "_")
  }

  /// `{"`, `{}` or `{` and white space, in base64url.
  private static func opensObject(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
    guard word.count >= 3, bytes[word.lowerBound] == UInt8(ascii: "e") else { return false }
    switch bytes[word.lowerBound + 1] {
    case UInt8(ascii: "y"), UInt8(ascii: "w"), UInt8(ascii: "3"): return true
    default: return false
    }
  }

  /// Whether a line is one word that is meant as a token: a JWS, also one whose base64 is wrong, or
  /// a JWE. What it is worth is judged later.
  private static func isTokenShaped(_ bytes: Span<UInt8>, _ text: Range<Int>) -> Bool {
    guard bytes.firstIndex(of: UInt8(ascii: " "), in: text) == nil,
      bytes.firstIndex(of: UInt8(ascii: "\t"), in: text) == nil
    else { return false }
    if opensObject(bytes, text) { return bytes.firstIndex(of: UInt8(ascii: "."), in: text) != nil }
    var dots = 0
    for i in text {
      if bytes[i] == UInt8(ascii: ".") { dots += 1 } else if !isWord(bytes[i]) { return false }
    }
    return dots == 2 || dots == 4
  }
}
