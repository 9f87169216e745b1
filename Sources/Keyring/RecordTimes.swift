// Times as the append-only files of a ring write and keep them.
// Owns: which times they can hold. Must never: read a clock.

package import JOSE

extension Timestamp {
  private static let years: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

  /// Whether it lies in the years that RFC 3339 can write, and within what is held to the nanosecond.
  var isWritable: Bool {
    Self.years.contains(seconds)
      && Timestamp(nanosecondsSince1970: Denylist.nanoseconds(self)) == self
  }

  /// The next whole second, or the last or first one that RFC 3339 can write.
  var wholeSeconds: Int64 {
    let up = nanoseconds > 0 && seconds < .max ? seconds + 1 : seconds
    return min(max(up, Self.years.lowerBound), Self.years.upperBound)
  }

  init(nanosecondsSince1970 time: Int64) {
    let (seconds, rest) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
    self =
      rest < 0
      ? Timestamp(seconds: seconds - 1, nanoseconds: Int32(rest + 1_000_000_000))
      : Timestamp(seconds: seconds, nanoseconds: Int32(rest))
  }
}

extension NumericDate {
  /// The first time in nanoseconds that is not before it.
  package var roundedUp: Timestamp {
    guard isAbove else { return floor }
    return floor.nanoseconds == 999_999_999
      ? Timestamp(seconds: floor.seconds == .max ? .max : floor.seconds + 1)
      : Timestamp(seconds: floor.seconds, nanoseconds: floor.nanoseconds + 1)
  }
}
