// The time of a log line against a plain twin, over stamps that a seed made and spoiled.
// Owns: the twin, which copies what it looks at and never counts an index across two loops.

import JOSE
import Testing

@testable import Pipeline

@Suite struct LineTimeTwinTests {
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `random and spoiled lines give what the plain twin gives`(seed: UInt64) {
    var random = Seeded(seed)
    var found = 0
    for _ in 0..<6000 {
      let line = Self.line(&random)
      let before = Array("x[".utf8)
      let bytes = before + line + Array("0Z]\"".utf8)
      let time = LineTime.ofLog(bytes.span, 2..<2 + line.count)
      #expect(time == PlainTime.ofLog(line), "\(line.text)")
      if time != nil { found += 1 }
    }
    #expect(found > 400, "most of the work is on lines that have a time: \(found)")
  }

  @Test func `every cut of a stamp and every octet in each place`() {
    for stamp in [
      "2026-11-21T08:00:00.5+01:00", "2026-11-21 08:00:00Z", "[2026-11-21T08:00:00+0100]",
      "- [21/Nov/2026:08:00:00.5 +0000] x",
    ] {
      let whole = Array(stamp.utf8)
      for cut in 0...whole.count {
        for start in 0...cut {
          let line = Array(whole[start..<cut])
          #expect(LineTime.ofLog(line.span, 0..<line.count) == PlainTime.ofLog(line))
        }
      }
      for place in whole.indices {
        for octet in UInt8.min ... .max {
          var line = whole
          line[place] = octet
          #expect(
            LineTime.ofLog(line.span, 0..<line.count) == PlainTime.ofLog(line), "\(line.text)")
        }
      }
    }
  }

  private static func line(_ random: inout Seeded) -> [UInt8] {
    func pick(_ texts: [String]) -> String { texts.randomElement(using: &random)! }
    var line: [UInt8] = []
    for _ in 0..<Int.random(in: 0..<6, using: &random) {
      let day = pick(["21", "21", "01", "31", "29", "00"])
      let clock = pick(["08:00:00", "08:00:00", "23:59:60", "24:00:00", "08:00:59"])
      let fraction = pick(["", "", "", ".5", ",25", ".000000000123", "."])
      let zone = pick(["Z", "Z", "Z", "+00:00", "+0000", "-0430", "+23:59", ""])
      let year = pick(["2026", "2026", "2026", "0000", "9999", "2028"])
      switch Int.random(in: 0..<10, using: &random) {
      case 0...2:
        let month = pick(["Nov", "Nov", "Feb", "Dec", "nov", "Xxx"])
        let end = pick(["]", "]", "] \"", "", "]]"])
        line +=
          "[\(day)/\(month)/\(year):\(clock)\(fraction) \(pick(["+0000", "+0000", "-0430", ""]))\(end)"
          .utf8
      case 3...5:
        let text =
          "\(year)-\(pick(["11", "11", "02", "00"]))-\(day)\(pick(["T", " ", "t"]))\(clock)\(fraction)\(zone)"
        line += pick(["\(text)", "[\(text)]", "[\(text)"]).utf8
      case 6: line += pick(["\"", "\\\"", "\\\\\"", "\\", "[", "]", "\"\""]).utf8
      case 7: line += (0..<8).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      default: line += pick(["-", "192.0.2.7", "x", "\"a b\"", "2026-11-21", "2026/11/21"]).utf8
      }
      line += pick([" ", " ", " ", "  ", ""]).utf8
    }
    for _ in 0..<Int.random(in: 0..<2, using: &random) where !line.isEmpty {
      let at = Int.random(in: 0..<line.count, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: line[at] = UInt8.random(in: 0x20..<0x7f, using: &random)
      case 1: line.remove(at: at)
      default: line.removeSubrange(at...)
      }
    }
    return line
  }
}

/// What LineTime says, by splitting and copying.
private enum PlainTime {
  static func ofLog(_ line: [UInt8]) -> Moment? {
    let words = line.split(separator: 0x20).map { Array($0) }
    var leading: [Moment] = []
    // Behind the first word stands one space when the time follows its date.
    for place in 0..<2 where place < words.count {
      if let time = rfc3339(plain(words[place])) ?? joined(line, words, place) {
        leading.append(time)
      } else if leading.isEmpty, isDate(plain(words[place])) {
        return nil
      }
    }
    var stamps: [Moment?] = []
    var quoted = false
    for (at, octet) in line.enumerated() {
      if octet == 0x22 {
        // Backslashes that stand before a bracket or quote belong to that.
        let before = line[..<at].reversed().prefix { $0 == 0x5c }.count
        if before % 2 == 0 { quoted.toggle() }
      } else if octet == 0x5b, !quoted, let stamp = commonLog(Array(line[(at + 1)...])) {
        stamps.append(stamp.first)
      }
    }
    let readable = stamps.compactMap { $0 }
    guard Set(readable.map(\.earliest)).count <= 1, Set(readable.map(\.latest)).count <= 1 else {
      return nil
    }
    guard let first = leading.first else {
      return readable.count == stamps.count ? readable.first : nil
    }
    let all = (leading + readable).map { abs($0.earliest.seconds - first.earliest.seconds) }
    return all.allSatisfy { $0 <= 60 } ? first : nil
  }

  private static func plain(_ word: [UInt8]) -> [UInt8] {
    guard word.count > 2, word.first == 0x5b else { return word }
    return Array(word.dropFirst().dropLast(word.last == 0x5d ? 1 : 0))
  }

  private static func joined(_ line: [UInt8], _ words: [[UInt8]], _ place: Int) -> Moment? {
    guard plain(words[place]).count == 10, place + 1 < words.count else { return nil }
    let both = words[place] + [0x20] + words[place + 1]
    var rest = line[...]
    for word in words[..<place] {
      rest = rest.drop { $0 == 0x20 }
      rest = rest.dropFirst(word.count)
    }
    return rest.drop { $0 == 0x20 }.starts(with: both) ? rfc3339(plain(both)) : nil
  }

  private static func isDate(_ word: [UInt8]) -> Bool {
    guard word.count == 10 || word.count > 10 && (word[10] | 0x20 == 0x74) else { return false }
    let shape = word.prefix(10).map {
      (0x30...0x39).contains($0) ? "9" : $0 == 0x2d || $0 == 0x2f ? "-" : "x"
    }
    return shape.joined() == "9999-99-99"
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// nil: no stamp begins here. Empty: one that can't be read.
  private static func commonLog(_ text: [UInt8]) -> [Moment]? {
    guard text.count >= 12, text[2] == 0x2f, text[6] == 0x2f, text[11] == 0x3a,
      let month = months.firstIndex(where: { $0.utf8.elementsEqual(text[3..<6]) })
    else { return nil }
    guard let close = text.firstIndex(of: 0x5d) else { return [] }
    let parts = text[..<close].split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].count == 5, parts[0].count >= 20 else { return [] }
    var clock = Array(parts[0])[12...]
    if clock.count > 8, clock[20] == 0x2c { clock[20] = 0x2e }
    guard clock.count == 8 || clock[20] == 0x2e else { return [] }
    clock = clock.prefix(8 + 10)
    let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
    let date = Array(text[7..<11]) + Array("-\(number)-".utf8) + text[0..<2] + Array("T".utf8)
    let fraction = parts[0].dropFirst(21)
    guard fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return [] }
    return rfc3339(date + clock + parts[1]).map { [$0] } ?? []
  }

  /// By the calendar, counted day by day.
  private static func rfc3339(_ word: [UInt8]) -> Moment? {
    guard word.count >= 20, word.count <= 40 else { return nil }
    var text = word
    let sign = text[text.count - 5]
    if text.count >= 24, sign == 0x2b || sign == 0x2d { text.insert(0x3a, at: text.count - 2) }
    let shape = text.map { (0x30...0x39).contains($0) ? UInt8(ascii: "9") : $0 }.text
    let isUTC = shape.last == "Z" || shape.last == "z"
    let zone = isUTC ? 1 : 6
    guard isUTC || shape.hasSuffix("+99:99") || shape.hasSuffix("-99:99") else { return nil }
    guard text.count >= 19 + zone else { return nil }
    let head = shape.utf8.prefix(19)
    guard ["T", "t", " "].contains(where: { "9999-99-99\($0)99:99:99".utf8.elementsEqual(head) })
    else { return nil }
    let fraction = text[19..<text.count - zone]
    guard fraction.isEmpty || fraction.first == 0x2e && fraction.count > 1,
      fraction.dropFirst().allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    func number(_ range: Range<Int>) -> Int { text[range].reduce(0) { $0 * 10 + Int($1) - 0x30 } }
    let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
    let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
    let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard (1...12).contains(month), (1...lengths[month - 1]).contains(day), hour < 24, minute < 60,
      second <= 60
    else { return nil }
    var offset = 0
    if !isUTC {
      let at = text.count - 6
      let (hours, minutes) = (number(at + 1..<at + 3), number(at + 4..<at + 6))
      guard hours < 24, minutes < 60 else { return nil }
      offset = (text[at] == 0x2d ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
    let leapDays = year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1
    let days = year * 365 + leapDays + lengths.prefix(month - 1).reduce(0, +) + day - 1 - 719_528
    let digits = fraction.dropFirst().prefix(9)
    let padded = digits.map { Int($0) - 0x30 } + [Int](repeating: 0, count: 9 - digits.count)
    var width: Int32 = 1_000_000_000
    for _ in digits { width /= 10 }
    return Moment(
      Timestamp(
        seconds: Int64(days * 86_400 + hour * 3600 + minute * 60 + second - offset),
        nanoseconds: Int32(padded.reduce(0) { $0 * 10 + $1 })), width: width)
  }
}
