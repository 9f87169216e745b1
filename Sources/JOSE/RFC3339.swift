// RFC 3339 date-times to and from timestamps, by civil-calendar arithmetic.
// Owns: the calendar. Must never: use a time zone database or a locale.

extension Timestamp {
  /// Reads `2026-11-21T07:00:00Z`, with a fraction and an offset if present; nil otherwise.
  /// A leap second (`:60`) is read as the following second.
  public init?(rfc3339 text: String) {
    let c = Array(text.utf8)
    self.init(rfc3339: c.span, 0..<c.count)
  }

  /// The same of octets in place.
  package init?(rfc3339 bytes: Span<UInt8>) { self.init(rfc3339: bytes, 0..<bytes.count) }

  /// Reads the text at `range` of `bytes`, without allocating.
  package init?(rfc3339 bytes: Span<UInt8>, _ range: Range<Int>) {
    let c = bytes.extracting(range)
    guard c.count >= 20, c[4] == UInt8(ascii: "-"), c[7] == UInt8(ascii: "-"),
      c[10] | 0x20 == UInt8(ascii: "t") || c[10] == UInt8(ascii: " "),
      c[13] == UInt8(ascii: ":"), c[16] == UInt8(ascii: ":"),
      let year = Self.number(c, 0, 4), let month = Self.number(c, 5, 2),
      let day = Self.number(c, 8, 2), let hour = Self.number(c, 11, 2),
      let minute = Self.number(c, 14, 2), let second = Self.number(c, 17, 2),
      (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var at = 19
    var nanos: Int32 = 0
    if c[at] == UInt8(ascii: ".") {
      at += 1
      var scale: Int32 = 100_000_000
      let start = at
      while at < c.count, c[at] &- 0x30 < 10 {
        nanos += Int32(c[at] - 0x30) * scale
        scale /= 10
        at += 1
      }
      guard at > start, at < c.count else { return nil }
    }
    var offset: Int64 = 0
    switch c[at] {
    case UInt8(ascii: "Z"), UInt8(ascii: "z"): at += 1
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      guard let hours = Self.number(c, at + 1, 2), at + 3 < c.count,
        c[at + 3] == UInt8(ascii: ":"), let minutes = Self.number(c, at + 4, 2),
        hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * 60 * (c[at] == UInt8(ascii: "-") ? -1 : 1)
      at += 6
    default: return nil
    }
    guard at == c.count else { return nil }
    let day0 = Self.daysFromCivil(year, month, day)
    self.init(
      seconds: day0 * 86_400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: nanos)
  }

  private static func number(_ c: Span<UInt8>, _ from: Int, _ count: Int) -> Int64? {
    guard from + count <= c.count else { return nil }
    var n: Int64 = 0
    for i in from..<from + count {
      guard c[i] &- 0x30 < 10 else { return nil }
      n = n * 10 + Int64(c[i] - 0x30)
    }
    return n
  }

  /// `2026-11-21T07:00:00Z`; the fraction is left out. Years past 9999 and before 0 are
  /// written as they come.
  public var rfc3339: String {
    var text: [UInt8] = []
    append(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends what `rfc3339` is, without allocating; with the fraction if that is asked for and there
  /// is one.
  package func append(to out: inout [UInt8], withFraction: Bool = false) {
    // Rounded down without a step outside Int64: a saturated time stands at its very end.
    let isBefore = seconds % 86_400 < 0
    let day = seconds / 86_400 - (isBefore ? 1 : 0)
    let rest = seconds % 86_400 + (isBefore ? 86_400 : 0)
    let (y, m, d) = Self.civil(day)
    func two(_ n: Int64, then mark: Unicode.Scalar) {
      out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: n / 10))
      out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: n % 10))
      out.append(UInt8(ascii: mark))
    }
    if y < 0 { out.append(UInt8(ascii: "-")) }
    var least: UInt64 = 1000
    while least > 1, y.magnitude < least {
      out.append(UInt8(ascii: "0"))
      least /= 10
    }
    out.append(decimal: Int(y.magnitude))
    out.append(UInt8(ascii: "-"))
    two(m, then: "-")
    two(d, then: "T")
    two(rest / 3600, then: ":")
    two(rest / 60 % 60, then: ":")
    two(rest % 60, then: withFraction && nanoseconds != 0 ? "." : "Z")
    guard withFraction, nanoseconds != 0 else { return }
    var fraction = nanoseconds
    var unit: Int32 = 100_000_000
    while fraction > 0 {
      out.append(UInt8(ascii: "0") + UInt8(fraction / unit))
      (fraction, unit) = (fraction % unit, unit / 10)
    }
    out.append(UInt8(ascii: "Z"))
  }

  private static func days(in month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (years begin in March).
  private static func daysFromCivil(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let m = (5 * dayOfYear + 2) / 153
    let month = m < 10 ? m + 3 : m - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * m + 2) / 5 + 1)
  }
}
