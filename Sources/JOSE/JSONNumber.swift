// A JSON number's exact value, read where it stands: sign, significant digits, power of ten.
// Owns: comparing numbers of any length and any exponent. Must never: round, saturate, use floating
// point or copy digits. Only exponents of more than 18 digits cost an allocation.

/// The value 0.DDD × 10^point with the digits in the bytes it was read from. Neither the first nor
/// the last digit is zero; zero itself has no digits and no sign.
struct JSONNumber: Sendable {
  private(set) var isNegative: Bool
  /// From the first significant digit to behind the last; a decimal point may stand among them.
  private var digits: Range<Int>
  /// How many significant digits there are.
  private var count: Int
  /// The power of ten without the exponent, when that is `exponent`; else the sum of both.
  private var point: Int
  /// The digits of an exponent too long for `point`; empty when there is none.
  private var exponent: Range<Int>
  private var exponentIsNegative = false

  var isZero: Bool { count == 0 }

  /// Whether the fraction is zero: of 1.0 and 1e2 too.
  var isInteger: Bool {
    isZero || (exponent.isEmpty ? point >= count : !exponentIsNegative)
  }

  /// `range` holds a number that JSONDocument accepted.
  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var at = range.lowerBound
    let negative = bytes[at] == UInt8(ascii: "-")
    if negative { at += 1 }
    var first: Int? = nil
    var last = at
    var dot: Int? = nil
    while at < range.upperBound {
      let c = bytes[at]
      if c == UInt8(ascii: ".") {
        dot = at
      } else {
        guard c &- 0x30 < 10 else { break }
        if c != 0x30 {
          if first == nil { first = at }
          last = at
        }
      }
      at += 1
    }
    exponent = 0..<0
    guard let first else {
      (isNegative, digits, count, point) = (false, 0..<0, 0, 0)
      return
    }
    isNegative = negative
    digits = first..<last + 1
    let unit = dot ?? at
    count = digits.count - (digits.contains(unit) ? 1 : 0)
    point = first < unit ? unit - first : unit + 1 - first
    guard at < range.upperBound else { return }
    at += 1
    exponentIsNegative = bytes[at] == UInt8(ascii: "-")
    if exponentIsNegative || bytes[at] == UInt8(ascii: "+") { at += 1 }
    while at < range.upperBound, bytes[at] == 0x30 { at += 1 }
    guard range.upperBound - at <= 18 else {
      exponent = at..<range.upperBound
      return
    }
    var power = 0
    while at < range.upperBound {
      power = power * 10 + Int(bytes[at] - 0x30)
      at += 1
    }
    point += exponentIsNegative ? -power : power
  }

  /// The value when it is a whole number from 0 to Int.max, saturated above; else nil.
  func length(_ bytes: Span<UInt8>) -> Int? {
    guard !isZero else { return 0 }
    guard !isNegative, isInteger else { return nil }
    guard exponent.isEmpty, point <= 18 else { return .max }
    var value = 0
    var left = point
    for i in digits where bytes[i] != UInt8(ascii: ".") {
      value = value * 10 + Int(bytes[i] - 0x30)
      left -= 1
    }
    for _ in 0..<left { value *= 10 }
    return value
  }

  /// Below, at or above zero as this number, read from `bytes`, is less than, equal to or greater
  /// than `other`, read from `its`.
  func order(_ bytes: Span<UInt8>, _ other: JSONNumber, _ its: Span<UInt8>) -> Int {
    if isZero || other.isZero { return sign - other.sign }
    guard isNegative == other.isNegative else { return sign - other.sign }
    return magnitudeOrder(bytes, other, its) * sign
  }

  private var sign: Int { isZero ? 0 : isNegative ? -1 : 1 }

  private func magnitudeOrder(
    _ bytes: Span<UInt8>, _ other: JSONNumber, _ its: Span<UInt8>
  ) -> Int {
    if exponent.isEmpty && other.exponent.isEmpty {
      if point != other.point { return point < other.point ? -1 : 1 }
    } else {
      let powers = power(bytes).order(other.power(its))
      if powers != 0 { return powers }
    }
    var a = digits.lowerBound
    var b = other.digits.lowerBound
    while a < digits.upperBound, b < other.digits.upperBound {
      if bytes[a] == UInt8(ascii: ".") { a += 1 }
      if its[b] == UInt8(ascii: ".") { b += 1 }
      if bytes[a] != its[b] { return bytes[a] < its[b] ? -1 : 1 }
      a += 1
      b += 1
    }
    // What is left begins with a digit or ends with one that is not zero.
    return count - other.count
  }

  /// A power of ten of any length.
  private struct Power {
    var isNegative: Bool
    /// Decimal, the least first, no zero at the end.
    var digits: [UInt8]

    func order(_ other: Power) -> Int {
      guard isNegative == other.isNegative else { return isNegative ? -1 : 1 }
      let size =
        digits.count != other.digits.count
        ? digits.count - other.digits.count
        : digits.reversed().lexicographicallyPrecedes(other.digits.reversed())
          ? -1 : digits == other.digits ? 0 : 1
      return isNegative ? -size : size
    }
  }

  /// The whole power of ten: exponent plus point.
  private func power(_ bytes: Span<UInt8>) -> Power {
    if exponent.isEmpty {
      return Power(isNegative: point < 0, digits: Self.decimal(point.magnitude))
    }
    // A point is a place in a text, so it never outweighs an exponent of 19 digits: the sum has
    // the exponent's sign.
    var sum = exponent.reversed().map { bytes[$0] - 0x30 }
    let adds = (point < 0) == exponentIsNegative
    var carry = 0
    let small = Self.decimal(point.magnitude)
    for i in sum.indices {
      let step = (i < small.count ? Int(small[i]) : 0) + carry
      let digit = Int(sum[i]) + (adds ? step : -step)
      carry = digit > 9 || digit < 0 ? 1 : 0
      sum[i] = UInt8((digit + 10) % 10)
    }
    if carry > 0 { sum.append(1) }
    while sum.last == 0 { sum.removeLast() }
    return Power(isNegative: exponentIsNegative, digits: sum)
  }

  private static func decimal(_ number: UInt) -> [UInt8] {
    var digits: [UInt8] = []
    var rest = number
    while rest > 0 {
      digits.append(UInt8(rest % 10))
      rest /= 10
    }
    return digits
  }
}
