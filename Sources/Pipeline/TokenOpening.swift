// Where the base64url of a JSON object may begin in running text: the scan that every line goes
// through.
// Owns: the letters of an opening. Must never: allocate, or miss one that words could have.

internal import JOSE

enum TokenOpening {
  private static let e = UInt8(ascii: "e")

  /// The first letter, or its escape, from `from` on of three with which the base64url of `{"`
  /// begins, or of `{` and white space. Where it is an escape the other two may be as well.
  static func next(_ bytes: Span<UInt8>, _ from: Int, _ end: Int) -> Range<Int>? {
    var at = from
    // Eight places at a time: an `e` with a `y` or a `w` behind it, or the digits of an escaped `e`.
    while at + 9 <= end {
      let first = bytes.word(at: at)
      let second = bytes.word(at: at + 1)
      let letters = zeroes(first, 0x65) & (zeroes(second, 0x79) | zeroes(second, 0x77))
      var found = (letters | zeroes(first, 0x36) & zeroes(second, 0x35)) & (0x80 &* Self.ones)
      while found != 0 {
        if let letter = letter(bytes, at + found.trailingZeroBitCount / 8, from, end) {
          return letter
        }
        found &= found - 1
      }
      at += 8
    }
    while at + 2 < end {
      if let letter = letter(bytes, at, from, end) { return letter }
      at += 1
    }
    return nil
  }

  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// The top bit of each octet that is `octet`; also of some behind one that is, and other bits.
  @inline(__always)
  private static func zeroes(_ word: UInt64, _ octet: UInt64) -> UInt64 {
    let word = word ^ (octet &* Self.ones)
    return (word &- Self.ones) & ~word
  }

  @inline(__always)
  private static func letter(
    _ bytes: Span<UInt8>, _ at: Int, _ least: Int, _ end: Int
  ) -> Range<Int>? {
    guard at + 2 < end else { return nil }
    if bytes[at] == e {
      return isOpening(bytes[at + 1], bytes[at + 2]) ? at..<at + 1 : nil
    }
    return bytes[at] == 0x36 && bytes[at + 1] == 0x35 ? escaped(bytes, at + 2, least, end) : nil
  }

  @inline(never)
  private static func escaped(
    _ bytes: Span<UInt8>, _ behind: Int, _ least: Int, _ end: Int
  ) -> Range<Int>? {
    guard let first = TextEscape.before(behind, bytes, least), first.octet == e else { return nil }
    let second = TextEscape.at(behind, bytes, end) ?? TextEscape(octet: bytes[behind], length: 1)
    let next = behind + second.length
    guard next < end else { return nil }
    let third = TextEscape.at(next, bytes, end)?.octet ?? bytes[next]
    return isOpening(second.octet, third) ? behind - first.length..<behind : nil
  }

  /// Whether an `e` and these are the letters of `{"`, or of `{` with a space, tab or line end.
  @inline(__always)
  private static func isOpening(_ second: UInt8, _ third: UInt8) -> Bool {
    switch second {
    case UInt8(ascii: "y"):
      return third &- UInt8(ascii: "I") < 4 || third &- UInt8(ascii: "A") < 4
    case UInt8(ascii: "w"):
      return third &- UInt8(ascii: "k") < 8 || third &- UInt8(ascii: "0") < 4
    default: return false
    }
  }

  /// Whether `bytes[part]`, without escapes, begins as the base64url of `{` and white space, if any,
  /// and then a name or `}`. Host names such as `ewr1-web.example.net` do not.
  static func opensObject(_ bytes: Span<UInt8>, _ part: Range<Int>) -> Bool {
    guard part.count >= 3, bytes[part.lowerBound] == e,
      isOpening(bytes[part.lowerBound + 1], bytes[part.lowerBound + 2])
    else { return false }
    var bits: UInt32 = 0
    var count = -8
    for i in part {
      guard let value = value(bytes[i]) else { return true }
      bits = bits << 6 | value
      count += 6
      // The brace is behind the first eight bits.
      guard count >= 8 else { continue }
      count -= 8
      switch UInt8(truncatingIfNeeded: bits >> UInt32(count)) {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): continue
      case UInt8(ascii: "\""), UInt8(ascii: "}"): return true
      default: return false
      }
    }
    return true
  }

  private static func value(_ c: UInt8) -> UInt32? {
    switch c {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return UInt32(c - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return UInt32(c - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt32(c - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "-"): return 62
    case UInt8(ascii: "_"): return 63
    default: return nil
    }
  }
}
