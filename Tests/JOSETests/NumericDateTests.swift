// JSON numbers as points in time, against a twin that works on decimal strings of any length.
// Owns: the tests of NumericDate. Must never: use floating point.

import Testing

@testable import JOSE

/// A decimal number of any size: ±digits × 10^exponent, digits without leading zeros.
private struct Decimal {
  var isNegative: Bool
  var digits: [UInt8]
  var exponent: Int

  init(_ text: String) {
    var rest = Substring(text)
    isNegative = rest.hasPrefix("-")
    if isNegative { rest.removeFirst() }
    let parts = rest.split(whereSeparator: { $0 == "e" || $0 == "E" })
    let halves = parts[0].split(separator: ".")
    let fraction = halves.count > 1 ? String(halves[1]) : ""
    digits = (String(halves[0]) + fraction).utf8.drop { $0 == 0x30 }.map { $0 - 0x30 }
    exponent = (parts.count > 1 ? Int(parts[1])! : 0) - fraction.utf8.count
    if digits.isEmpty { (isNegative, exponent) = (false, 0) }
  }

  /// The time in nanoseconds, times 10^9 again so that it stands beside a number of seconds.
  init(_ time: Timestamp) {
    let nanos = Int128(time.seconds) * 1_000_000_000 + Int128(time.nanoseconds)
    self.init("\(nanos)e-9")
  }

  /// Digits of the part in front of the decimal point; 0 or less for a number below 1.
  var magnitude: Int { digits.isEmpty ? Int.min : digits.count + exponent }

  static func compare(_ a: Decimal, _ b: Decimal) -> Int {
    if a.digits.isEmpty && b.digits.isEmpty { return 0 }
    let (signA, signB) = (a.sign, b.sign)
    if signA != signB { return signA < signB ? -1 : 1 }
    let size =
      a.magnitude != b.magnitude
      ? (a.magnitude < b.magnitude ? -1 : 1) : compareDigits(a.digits, b.digits)
    return size * signA
  }

  private var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }

  private static func compareDigits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    for i in 0..<max(a.count, b.count) {
      let (x, y) = (i < a.count ? a[i] : 0, i < b.count ? b[i] : 0)
      if x != y { return x < y ? -1 : 1 }
    }
    return 0
  }

  /// The value rounded down to a nanosecond, and whether that lost anything.
  var floor: (Timestamp, isAbove: Bool) {
    if digits.isEmpty { return (Timestamp(seconds: 0), false) }
    if magnitude > 18 { return (Timestamp(seconds: isNegative ? .min : .max), false) }
    let kept = max(0, magnitude + 9)
    var nanos: Int128 = 0
    for i in 0..<kept { nanos = nanos * 10 + Int128(i < digits.count ? digits[i] : 0) }
    let isAbove = digits.dropFirst(kept).contains { $0 != 0 }
    if isNegative { nanos = -nanos - (isAbove ? 1 : 0) }
    var seconds = nanos / 1_000_000_000
    if nanos - seconds * 1_000_000_000 < 0 { seconds -= 1 }
    let rest = nanos - seconds * 1_000_000_000
    return (Timestamp(seconds: Int64(seconds), nanoseconds: Int32(rest)), isAbove)
  }
}

@Suite struct NumericDateTests {
  private func read(_ text: String) -> NumericDate {
    let bytes = "[\(text)]".octets
    return NumericDate(bytes.span, 1..<bytes.count - 1)
  }

  private func expectAgreement(_ text: String) {
    let (fast, slow) = (read(text), Decimal(text).floor)
    if fast.floor != slow.0 || fast.isAbove != slow.isAbove {
      Issue.record("\(text): \(fast.floor) \(fast.isAbove), not \(slow)")
    }
    guard (0..<1_000_000_000).contains(fast.floor.nanoseconds) else {
      Issue.record("\(text): nanoseconds \(fast.floor.nanoseconds)")
      return
    }
  }

  @Test("Known answers: whole, fractional, negative, tiny, huge")
  func knownAnswers() {
    func expect(_ text: String, _ seconds: Int64, _ nanos: Int32, _ isAbove: Bool) {
      let date = read(text)
      #expect(date.floor == Timestamp(seconds: seconds, nanoseconds: nanos), "\(text)")
      #expect(date.isAbove == isAbove, "\(text)")
    }
    expect("0", 0, 0, false)
    expect("-0", 0, 0, false)
    expect("-0.0e5", 0, 0, false)
    expect("1300819380", 1_300_819_380, 0, false)
    expect("1300819380.5", 1_300_819_380, 500_000_000, false)
    expect("1.3008193805E9", 1_300_819_380, 500_000_000, false)
    expect("130081938050e-2", 1_300_819_380, 500_000_000, false)
    expect("0.9999999999", 0, 999_999_999, true)
    expect("-0.9999999999", -1, 0, true)
    expect("-0.5", -1, 500_000_000, false)
    expect("-1", -1, 0, false)
    expect("-1.000000001", -2, 999_999_999, false)
    expect("-1.0000000001", -2, 999_999_999, true)
    expect("1e-400", 0, 0, true)
    expect("-1e-400", -1, 999_999_999, true)
    expect("0e400", 0, 0, false)
    expect("0.000000001", 0, 1, false)
    expect("0.0000000001", 0, 0, true)
    expect("999999999999999999", 999_999_999_999_999_999, 0, false)
    expect("0.00000000000000000013e28", 1_300_000_000, 0, false)
    for far in [
      "1e400", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1e18",
      "1e99999999999999999999", "18446744073709551616", "1000000000000000000.5",
    ] {
      #expect(read(far).floor.seconds == .max, "\(far)")
      #expect(read("-" + far).floor.seconds == .min, "\(far)")
    }
    expect("1e-99999999999999999999", 0, 0, true)
  }

  @Test("A long mantissa and an exponent that undo each other are still exact")
  func longNumbers() {
    let zeros = String(repeating: "0", count: 5000)
    #expect(read("1300819380\(zeros)e-5000") == NumericDate(Timestamp(seconds: 1_300_819_380)))
    #expect(read("0.\(zeros)13e5002") == NumericDate(Timestamp(seconds: 13)))
    #expect(read("1.\(zeros)1").isAbove && read("1.\(zeros)1").floor.seconds == 1)
    #expect(!read("1.\(zeros)").isAbove)
  }

  @Test("Random numbers agree with the twin")
  func twinAgrees() {
    var random = SeededRandom(for: "NumericDate twin")
    for _ in 0..<20_000 {
      func digits(_ most: Int) -> String {
        let kind = random.below(4)
        return (0..<1 + random.below(most)).map { _ in
          kind == 0 ? "0" : kind == 1 ? "9" : "\(random.below(10))"
        }.joined()
      }
      let whole = digits(22).drop { $0 == "0" }
      var text = (random.below(3) == 0 ? "-" : "") + (whole.isEmpty ? "0" : whole)
      if random.below(2) == 0 { text += "." + digits(25) }
      if random.below(2) == 0 {
        text += ["e", "E", "e+", "E-", "e-"][random.below(5)] + "\(random.below(40))"
      }
      expectAgreement(text)
    }
  }

  @Test("Comparisons at the edges agree with comparing decimal strings")
  func comparisons() {
    let numbers = [
      "0", "-0", "1", "-1", "0.5", "-0.5", "1e-10", "-1e-10", "0.999999999", "0.9999999999",
      "1.0000000001",
      "-0.9999999999", "-1.0000000001", "1300819380", "1300819379.9999999999",
      "1300819380.0000000001",
      "1300819380.000000001", "1300819380.5", "-1300819380.5", "1e400", "-1e400",
      "9223372036854775807",
      "-9223372036854775808", "99999999999", "1e17", "13008193805e-1", "1300819380500000000000e-12",
    ]
    let times: [Timestamp] = [
      -1_300_819_381, -2, -1, 0, 1, 2, 1_300_819_379, 1_300_819_380, 99_999_999_999,
    ]
    .flatMap { second in
      [0, 1, 499_999_999, 500_000_000, 500_000_001, 999_999_999].map {
        Timestamp(seconds: second, nanoseconds: $0)
      }
    }
    for number in numbers {
      let date = read(number)
      for time in times {
        let order = Decimal.compare(Decimal(number), Decimal(time))
        if (date < time) != (order < 0) || (date <= time) != (order <= 0)
          || (date > time) != (order > 0)
        {
          Issue.record("\(number) beside \(time): \(order)")
        }
      }
    }
  }
}
