// RFC 3339 date-times, spans of seconds, and arithmetic that saturates.
// Owns: the tests of Timestamp and Seconds.

import Testing

@testable import JOSE

@Suite struct TimestampTests {
  @Test(
    "Known date-times",
    arguments: [
      ("1970-01-01T00:00:00Z", 0, 0), ("2011-03-22T18:43:00Z", 1_300_819_380, 0),
      ("1985-04-12T23:20:50.52Z", 482_196_050, 520_000_000),
      ("1996-12-19T16:39:57-08:00", 851_042_397, 0),
      ("1990-12-31T23:59:60Z", 662_688_000, 0), ("1990-12-31T15:59:60-08:00", 662_688_000, 0),
      ("1937-01-01T12:00:27.87+00:20", -1_041_337_173, 870_000_000),
      ("2000-02-29T00:00:00Z", 951_782_400, 0), ("2024-02-29t12:00:00z", 1_709_208_000, 0),
      ("2024-02-29 12:00:00Z", 1_709_208_000, 0),
      ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999),
      ("2026-11-21T07:00:00.1234567899Z", 1_795_244_400, 123_456_789),
      ("2026-11-21T07:00:00-00:00", 1_795_244_400, 0),
      ("2026-11-21T00:00:00+23:59", 1_795_132_860, 0),
      ("0000-01-01T00:00:00Z", -62_167_219_200, 0), ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
      ("2038-01-19T03:14:08Z", 2_147_483_648, 0), ("1900-03-01T00:00:00Z", -2_203_891_200, 0),
    ])
  func known(text: String, seconds: Int64, nanos: Int32) {
    #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds, nanoseconds: nanos))
  }

  @Test(
    "Texts that are no date-time",
    arguments: [
      "", "2026-11-21", "2026-11-21T07:00:00", "2026-11-21T07:00Z", "2026-11-21T07:00:00.Z",
      "2026-11-21T07:00:00.5", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
      "2026-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
      "2026-01-32T00:00:00Z",
      "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:61Z",
      "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00+1:00",
      "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01", "2026-01-01T00:00:00+01:",
      "2026-01-01T00:00:00+",
      "2026-01-01T00:00:00+01:0", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00Z ",
      " 2026-01-01T00:00:00Z",
      "26-01-01T00:00:00Z", "+2026-01-01T00:00:00Z", "-026-01-01T00:00:00Z", "2026/01/01T00:00:00Z",
      "2026-01-01X00:00:00Z", "2026-01-01T00.00.00Z", "2026-1-01T00:00:00ZZ",
      "20260101T000000Z0000",
      "2026-01-01T00:00:00,5Z", "2026-01-01T-1:00:00Z", "2026-01-01T00:00:00.5+", "1300819380",
      "２０26-01-01T00:00:00Z", "2026-01-01T00:00:00+00:000", "2026-01-01T00:00:00.1.2Z",
    ])
  func refused(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test("The calendar agrees with counting days one year after another, leap years and all")
  func calendar() {
    var day: Int64 = -719_528
    for year in 0...9999 {
      let isLeap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0
      let padded = String(repeating: "0", count: 4 - "\(year)".count) + "\(year)"
      for (text, offset) in [
        ("\(padded)-01-01T00:00:00Z", Int64(0)), ("\(padded)-02-28T00:00:00Z", 58),
        ("\(padded)-03-01T00:00:00Z", isLeap ? 60 : 59),
        ("\(padded)-12-31T00:00:00Z", isLeap ? 365 : 364),
      ] {
        let time = Timestamp(seconds: (day + offset) * 86_400)
        if time.rfc3339 != text || Timestamp(rfc3339: text) != time { Issue.record("\(text)") }
      }
      #expect((Timestamp(rfc3339: "\(padded)-02-29T00:00:00Z") != nil) == isLeap)
      day += isLeap ? 366 : 365
    }
  }

  @Test("Random whole seconds of the years 0 to 9999: written and read is the identity")
  func roundTrip() {
    var random = SeededRandom(for: "RFC 3339")
    for _ in 0..<5000 {
      let time = Timestamp(seconds: Int64(random.below(315_569_520_000)) - 62_167_219_200)
      #expect(Timestamp(rfc3339: time.rfc3339) == time)
    }
  }

  @Test("Times beyond four-digit years are written without a crash, the ends of the clock included")
  func farTimes() {
    #expect(Timestamp(seconds: 253_402_300_800).rfc3339 == "10000-01-01T00:00:00Z")
    #expect(Timestamp(seconds: -62_167_219_201).rfc3339 == "-0001-12-31T23:59:59Z")
    #expect(Timestamp(seconds: .max).rfc3339.hasSuffix("Z"))
    #expect(Timestamp(seconds: .min).rfc3339.hasPrefix("-"))
    #expect(Timestamp(seconds: .min + 86_399).rfc3339.hasPrefix("-"))
  }

  @Test("Order looks at seconds first, then at nanoseconds")
  func order() {
    let times = [(-2, 5), (-1, 0), (-1, 999_999_999), (0, 0), (0, 1), (1, 0)].map {
      Timestamp(seconds: $0.0, nanoseconds: $0.1)
    }
    for (i, a) in times.enumerated() {
      for (j, b) in times.enumerated() {
        #expect((a < b) == (i < j))
        #expect((a == b) == (i == j))
      }
    }
  }

  @Test("Adding and taking away saturates, and never wraps")
  func saturation() {
    let time = Timestamp(seconds: 100, nanoseconds: 7)
    #expect(time + Seconds(20) == Timestamp(seconds: 120, nanoseconds: 7))
    #expect(time - Seconds(20) == Timestamp(seconds: 80, nanoseconds: 7))
    #expect((time + Seconds(.max)).seconds == .max)
    #expect((time - Seconds(.max)).seconds == 100 - Int64.max)
    #expect((Timestamp(seconds: -100) - Seconds(.max)).seconds == .min)
    #expect((time - Seconds(.min)).seconds == .max)
    #expect((Timestamp(seconds: .min) + Seconds(-1)).seconds == .min)
    #expect((Timestamp(seconds: .max) - Seconds(-1)).seconds == .max)
  }

  @Test(
    "Spans are read in seconds, minutes, hours, days and weeks",
    arguments: [
      ("0", 0), ("0s", 0), ("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400),
      ("30d", 2_592_000),
      ("2w", 1_209_600), ("007", 7), ("3660000d", 316_224_000_000),
      ("316224000000", 316_224_000_000),
    ])
  func spans(text: String, count: Int64) {
    #expect(Seconds(text) == Seconds(count))
  }

  @Test(
    "Texts that are no span",
    arguments: [
      "", "s", "m", "-1", "+1", "1.5h", "1 d", " 1", "1ms", "1M", "1D", "1y", "1h30m", "٣s", "0x1",
      "3660001d", "316224000001", "999999999999w", "9999999999999", "99999999999999999999",
    ])
  func noSpans(text: String) {
    #expect(Seconds(text) == nil)
  }

  @Test("A span's own text reads back as the span")
  func spanText() {
    var random = SeededRandom(for: "Seconds")
    let known: [(Int64, String)] = [
      (0, "0s"), (1, "1s"), (90, "90s"), (60, "1m"), (900, "15m"), (3600, "1h"), (86_400, "1d"),
      (2_592_000, "30d"), (5400, "90m"),
    ]
    for (count, text) in known { #expect(Seconds(count).text == text) }
    for unit in [Int64(1), 60, 3600, 86_400] {
      for _ in 0..<200 {
        let span = Seconds(Int64(random.below(3_660_000)) * unit)
        #expect(Seconds(span.text) == span)
      }
    }
  }
}
