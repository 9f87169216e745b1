// Text by many octets at once, as spans: what CLanes does where the processor can.
// Owns: the borders of what C may read and write. Must never: be given a secret, or be the only
// code that can do a thing with one.

internal import CLanes

package enum TextLanes {
  /// The most that a kernel may use of what the processor has: the tests compare them all.
  enum Instructions: UInt32, CaseIterable {
    case portable, avx2, avx512

    fileprivate var most: clanes_text { clanes_text(rawValue: rawValue) }
    /// What is used in its place where the processor has less.
    var best: Instructions? { Instructions(rawValue: clanes_text_best(most).rawValue) }
  }

  /// A row of base64url letters and dots.
  package struct Word: Equatable {
    package var range: Range<Int>
    /// How many of them are dots, and where the first two are, if there are that many.
    package var dots: Int
    package var firstDot: Int
    package var secondDot: Int
  }

  /// The row at `range`'s start, up to another octet or its end.
  package static func word(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Word {
    word(bytes, range, .avx512)
  }

  @inline(__always)
  static func word(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ instructions: Instructions
  ) -> Word {
    unsafe bytes.extracting(range).withUnsafeBufferPointer { text in
      let start = range.lowerBound
      guard let first = text.baseAddress else {
        return Word(range: range, dots: 0, firstDot: start, secondDot: start)
      }
      let word = unsafe clanes_word_at(instructions.most, first, text.count)
      return Word(
        range: start..<start + word.count, dots: word.dots, firstDot: start + word.dot.0,
        secondDot: start + word.dot.1)
    }
  }

  /// Decodes letters from the start of `text` into `out`: all of them, or whole blocks as long as
  /// all are of the alphabet. Returns how many it took, all or a multiple of four.
  @unsafe static func decodeBase64URL(
    _ text: UnsafeBufferPointer<UInt8>, into out: UnsafeMutableBufferPointer<UInt8>,
    _ instructions: Instructions = .avx512
  ) -> Int {
    guard !text.isEmpty else { return 0 }
    precondition(out.count >= text.count / 4 * 3 + slack, "room for whole blocks")
    return unsafe clanes_base64url_decode(
      instructions.most, text.baseAddress!, text.count, out.baseAddress!)
  }

  /// Octets behind the last one decoded that may be overwritten.
  static let slack = 8

  /// Sets a bit for each octet of `text` that stands in no string of JSON as it is, and for what is
  /// behind the text. False, and nothing set, where the processor can't.
  @unsafe static func markJSON(
    _ text: UnsafeBufferPointer<UInt8>, into marks: UnsafeMutableBufferPointer<UInt64>,
    _ instructions: Instructions = .avx512
  ) -> Bool {
    guard !text.isEmpty else { return false }
    precondition(marks.count > text.count / 64, "room for a bit behind the text")
    return unsafe clanes_json_marks(
      instructions.most, text.baseAddress!, text.count, marks.baseAddress!) != 0
  }
}
