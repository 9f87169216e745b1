// Points in time and spans of it: the clock's, NumericDate's (RFC 7519 section 2), RFC 3339's.
// Owns: exact comparison and saturation. Must never: read a clock or use floating point.

/// A point in time, in nanoseconds since 1970, UTC. Arithmetic saturates.
public struct Timestamp: Hashable, Sendable, Comparable {
  /// Whole seconds, rounded down.
  public var seconds: Int64
  /// 0 ..< 1,000,000,000.
  public var nanoseconds: Int32

  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  public static func < (a: Timestamp, b: Timestamp) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }

  public static func + (time: Timestamp, span: Seconds) -> Timestamp {
    let (sum, overflow) = time.seconds.addingReportingOverflow(span.count)
    return Timestamp(
      seconds: overflow ? (span.count < 0 ? .min : .max) : sum, nanoseconds: time.nanoseconds)
  }

  public static func - (time: Timestamp, span: Seconds) -> Timestamp {
    time + Seconds(span.count == .min ? .max : -span.count)
  }
}

/// When a token was used, as exactly as is known: a point, or an interval as wide as the resolution
/// of the stamp that told it.
package struct Moment: Sendable, Equatable {
  package var earliest: Timestamp
  /// Not earlier than `earliest`; within the interval.
  package var latest: Timestamp

  package init(_ point: Timestamp) { (earliest, latest) = (point, point) }

  /// From `start` for `width` nanoseconds, from 1 to a second.
  package init(_ start: Timestamp, width: Int32) {
    earliest = start
    let end = Int64(start.nanoseconds) + Int64(width) - 1
    latest = Timestamp(seconds: start.seconds, nanoseconds: Int32(end % 1_000_000_000))
    if end >= 1_000_000_000 { latest = latest + Seconds(1) }
  }
}

/// A length of time in whole seconds.
public struct Seconds: Hashable, Sendable, Comparable {
  public var count: Int64
  public init(_ count: Int64) { self.count = count }
  public static func < (a: Seconds, b: Seconds) -> Bool { a.count < b.count }

  /// Reads `90`, `90s`, `15m`, `24h`, `30d`, `2w`; nil for anything else or past 10,000 years.
  public init?(_ text: String) {
    var digits = Array(text.utf8)
    var unit: Int64 = 1
    switch digits.last {
    case UInt8(ascii: "s"): digits.removeLast()
    case UInt8(ascii: "m"): (unit, _) = (60, digits.removeLast())
    case UInt8(ascii: "h"): (unit, _) = (3600, digits.removeLast())
    case UInt8(ascii: "d"): (unit, _) = (86_400, digits.removeLast())
    case UInt8(ascii: "w"): (unit, _) = (604_800, digits.removeLast())
    default: break
    }
    guard !digits.isEmpty, digits.count <= 12, digits.allSatisfy({ $0 &- 0x30 < 10 }) else {
      return nil
    }
    let n = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) } * unit
    guard n <= 10_000 * 366 * 86_400 else { return nil }
    count = n
  }

  /// The shortest exact spelling: `15m`, `30d`, `90s`.
  public var text: String {
    for (unit, letter) in [(Int64(86_400), "d"), (3600, "h"), (60, "m")]
    where count != 0 && count % unit == 0 { return "\(count / unit)\(letter)" }
    return "\(count)s"
  }

  /// For a person, in the largest unit that gives at least 2: `45 days`, `3 hours`, `1 second`.
  package var words: String {
    let units: [(Int64, String)] = [
      (31_556_952, "years"), (86_400, "days"), (3600, "hours"), (60, "minutes"),
    ]
    for (unit, name) in units where count >= 2 * unit { return "\(count / unit) \(name)" }
    return count == 1 ? "1 second" : "\(count) seconds"
  }
}

/// A JSON number read as seconds since 1970, exactly: any fraction, any exponent.
package struct NumericDate: Sendable, Equatable {
  /// The value rounded down to a nanosecond; saturated far outside the clock's range.
  package var floor: Timestamp
  /// Whether the value is greater than `floor`.
  package var isAbove: Bool

  package static func < (a: NumericDate, b: Timestamp) -> Bool { a.floor < b }
  package static func <= (a: NumericDate, b: Timestamp) -> Bool {
    a.floor < b || a.floor == b && !a.isAbove
  }
  package static func > (a: NumericDate, b: Timestamp) -> Bool { !(a <= b) }

  package init(_ time: Timestamp) { (floor, isAbove) = (time, false) }

  /// `range` holds a number that JSONDocument accepted.
  package init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var value: Int64 = 0
    var rest = range
    // The first eight of a date's ten at once.
    if range.count >= 8, let eight = Self.eightDigits(bytes.word(at: range.lowerBound)) {
      value = eight
      rest = range.lowerBound + 8..<range.upperBound
    }
    for i in rest {
      let digit = bytes[i] &- 0x30
      guard digit < 10, i - range.lowerBound < 18 else {
        self = Self.general(bytes, range)
        return
      }
      value = value * 10 + Int64(digit)
    }
    (floor, isAbove) = (Timestamp(seconds: value), false)
  }

  /// The number that eight octets spell, the first one lowest; nil unless all are digits.
  @inline(__always)
  private static func eightDigits(_ word: UInt64) -> Int64? {
    var digits = word ^ eachOctet(0x30)
    guard (digits | (digits &+ eachOctet(0x76))) & eachOctet(0x80) == 0 else { return nil }
    // Neighbours become numbers below 100, then below 10,000, then one number.
    digits = (digits &* 10 &+ digits >> 8) & 0x00ff_00ff_00ff_00ff
    digits = (digits &* 100 &+ digits >> 16) & 0x0000_ffff_0000_ffff
    return Int64((digits &* 10_000 &+ digits >> 32) & 0xffff_ffff)
  }

  /// Signs, fractions, exponents and long numbers.
  private static func general(_ bytes: Span<UInt8>, _ range: Range<Int>) -> NumericDate {
    var at = range.lowerBound
    let negative = bytes[at] == UInt8(ascii: "-")
    if negative { at += 1 }
    var digits: [UInt8] = []
    // Where the decimal point stands among `digits`, which hold no leading zero.
    var point = 0
    var inFraction = false
    while at < range.upperBound, bytes[at] | 0x20 != UInt8(ascii: "e") {
      let c = bytes[at]
      at += 1
      if c == UInt8(ascii: ".") {
        inFraction = true
        continue
      }
      if digits.isEmpty && c == 0x30 {
        if inFraction { point -= 1 }
        continue
      }
      digits.append(c - 0x30)
      if !inFraction { point += 1 }
    }
    if at < range.upperBound {
      at += 1
      let minus = bytes[at] == UInt8(ascii: "-")
      if minus || bytes[at] == UInt8(ascii: "+") { at += 1 }
      var exponent = 0
      while at < range.upperBound {
        exponent = min(exponent * 10 + Int(bytes[at] - 0x30), 1 << 40)
        at += 1
      }
      point += minus ? -exponent : exponent
    }
    while digits.last == 0 { digits.removeLast() }
    guard !digits.isEmpty else { return NumericDate(Timestamp(seconds: 0)) }
    guard point <= 18 else { return NumericDate(Timestamp(seconds: negative ? .min : .max)) }

    func digit(_ i: Int) -> Int64 { i >= 0 && i < digits.count ? Int64(digits[i]) : 0 }
    var seconds: Int64 = 0
    var nanos: Int64 = 0
    if point > 0 { for i in 0..<point { seconds = seconds * 10 + digit(i) } }
    for i in 0..<9 { nanos = nanos * 10 + digit(point + i) }
    let above = digits.count > point + 9
    if negative {
      // -x rounded down: the next nanosecond below when x is not a whole number of them.
      if above { nanos += 1 }
      seconds = -seconds
      if nanos > 0 {
        seconds -= 1
        nanos = 1_000_000_000 - nanos
      }
    }
    var result = NumericDate(Timestamp(seconds: seconds, nanoseconds: Int32(nanos)))
    result.isAbove = above
    return result
  }
}
