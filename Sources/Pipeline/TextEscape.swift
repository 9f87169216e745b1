// Octets that programs write in other words: `%2E`, `\x2e`, `\u002e`, and those of one inside another.
// Owns: their spelling, read from either end. Must never: allocate, or look at more octets than one
// escape may have.

/// An octet that was written as an escape.
struct TextEscape {
  /// 0 for one that stands for no octet of a word, such as `\n` or `\u201c`.
  var octet: UInt8
  var length: Int

  /// A bound, so that a long row of `%25` or of backslashes costs no more than its length.
  private static let longest = 32
  private static let percent = UInt8(ascii: "%")
  private static let backslash = UInt8(ascii: "\\")

  /// The escape that begins at `at`. Its `%` or backslash may itself be one, as in `%252E`,
  /// `%5Cu002e` and `\u00252E`, and its backslash may be doubled, as in JSON in JSON: `\\u002e`.
  static func at(_ start: Int, _ bytes: Span<UInt8>, _ limit: Int) -> TextEscape? {
    guard bytes[start] == percent || bytes[start] == backslash else { return nil }
    let limit = min(limit, start + longest)
    var read = TextEscape(octet: bytes[start], length: 1)
    while let more = read.followed(bytes, start, limit) { read = more }
    return read.length == 1 ? nil : read
  }

  /// With what stands behind it, if it is the first octet of an escape.
  private func followed(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) -> TextEscape? {
    var next = start + length
    if octet == Self.percent {
      guard next + 2 <= limit, let octet = Self.hex(bytes, next) else { return nil }
      return TextEscape(octet: octet, length: length + 2)
    }
    guard octet == Self.backslash else { return nil }
    while next + length <= limit, Self.repeats(bytes, start, length, next) { next += length }
    guard next + 3 <= limit else { return nil }
    if bytes[next] == UInt8(ascii: "x") {
      return Self.hex(bytes, next + 1).map { TextEscape(octet: $0, length: next + 3 - start) }
    }
    guard bytes[next] == UInt8(ascii: "u"), next + 5 <= limit,
      let high = Self.hex(bytes, next + 1), let low = Self.hex(bytes, next + 3)
    else { return nil }
    return TextEscape(octet: high == 0 ? low : 0, length: next + 5 - start)
  }

  private static func repeats(
    _ bytes: Span<UInt8>, _ first: Int, _ length: Int, _ second: Int
  ) -> Bool {
    for i in 0..<length where bytes[first + i] != bytes[second + i] { return false }
    return true
  }

  private static func hex(_ bytes: Span<UInt8>, _ at: Int) -> UInt8? {
    guard let high = digit(bytes[at]), let low = digit(bytes[at + 1]) else { return nil }
    return high << 4 | low
  }

  private static func digit(_ c: UInt8) -> UInt8? {
    if c &- 0x30 < 10 { return c - 0x30 }
    let letter = (c | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }

  /// The escape that ends right before `end`, and begins at `least` at the earliest.
  static func before(_ end: Int, _ bytes: Span<UInt8>, _ least: Int) -> TextEscape? {
    guard end - 2 >= least else { return nil }
    switch bytes[end - 1] {
    case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"),
      UInt8(ascii: "f"):
      if bytes[end - 2] == backslash { return TextEscape(octet: 0, length: 2) }
      if let before = hexBefore(end - 1, bytes, least), before.octet == backslash {
        return TextEscape(octet: 0, length: before.length + 1)
      }
    default: break
    }
    return hexBefore(end, bytes, least)
  }

  private static func hexBefore(_ end: Int, _ bytes: Span<UInt8>, _ least: Int) -> TextEscape? {
    let least = max(least, end - longest)
    guard end - 3 >= least, let octet = hex(bytes, end - 2) else { return nil }
    let before = bytes[end - 3]
    if before == percent { return TextEscape(octet: octet, length: 3) }
    if before == UInt8(ascii: "x") {
      guard let start = backslashes(before: end - 3, bytes, least) else { return nil }
      return TextEscape(octet: octet, length: end - start)
    }
    guard end - 5 >= least else { return nil }
    if before == 0x35, bytes[end - 4] == 0x32, let encoded = hexBefore(end - 2, bytes, least),
      encoded.octet == percent
    {
      return TextEscape(octet: octet, length: encoded.length + 2)
    }
    guard bytes[end - 5] == UInt8(ascii: "u"), let high = hex(bytes, end - 4),
      let start = backslashes(before: end - 5, bytes, least)
    else { return nil }
    return TextEscape(octet: high == 0 ? octet : 0, length: end - start)
  }

  /// Where the row of backslashes begins that ends right before `end`, all of them spelled alike.
  private static func backslashes(
    before end: Int, _ bytes: Span<UInt8>, _ least: Int
  ) -> Int? {
    var length = 1
    if end <= least { return nil }
    if bytes[end - 1] != backslash {
      guard let one = hexBefore(end, bytes, least), one.octet == backslash else { return nil }
      length = one.length
    }
    var start = end - length
    while start - length >= least, repeats(bytes, start - length, length, start) { start -= length }
    return start
  }

  /// Whether a control character ends right before `end` that is written with letters or digits and
  /// without hexadecimal ones: `ESC[32m` of a terminal, `#011` of rsyslog, `\011`.
  static func isControl(before end: Int, _ bytes: Span<UInt8>, _ least: Int) -> Bool {
    var start = end - 1
    if bytes[start] == UInt8(ascii: "m") {
      while start > least, end - start < longest,
        bytes[start - 1] &- 0x30 < 10 || bytes[start - 1] == UInt8(ascii: ";")
      {
        start -= 1
      }
      return octet(before: start, bytes, least) == UInt8(ascii: "[")
    }
    guard end - 4 >= least, bytes[end - 3] &- 0x30 < 4, bytes[end - 2] &- 0x30 < 8,
      bytes[start] &- 0x30 < 8
    else { return false }
    let opening = octet(before: end - 3, bytes, least)
    return opening == UInt8(ascii: "#") || opening == backslash
  }

  private static func octet(before end: Int, _ bytes: Span<UInt8>, _ least: Int) -> UInt8? {
    guard end > least else { return nil }
    return before(end, bytes, least)?.octet ?? bytes[end - 1]
  }

  /// Appends `bytes[range]` with its escapes undone.
  static func undo(_ bytes: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]) {
    var next = range.lowerBound
    while next < range.upperBound {
      let escape = at(next, bytes, range.upperBound)
      out.append(escape?.octet ?? bytes[next])
      next += escape?.length ?? 1
    }
  }

  /// Where in `bytes[range]` the octet stands that is the `count`th once escapes are undone.
  static func index(_ bytes: Span<UInt8>, _ range: Range<Int>, _ count: Int) -> Int {
    var next = range.lowerBound
    for _ in 0..<count { next += at(next, bytes, range.upperBound)?.length ?? 1 }
    return next
  }
}
