// Where a time stands on a picture, and the ticks of its axis.
// Owns: the scale and how a time is shortened for it. Must never: place a mark outside its edges.

internal import JOSE

struct TimeCanvas {
  let left: Double
  let right: Double
  /// Narrower than this nothing is seen.
  static let leastWidth = 2.0

  /// Where `from` stands.
  var now: Double { x(from) }

  private let from: Timestamp
  private let first: Timestamp
  private let last: Timestamp
  private let least: Double
  private var seconds: Double { Double(last.seconds) - Double(first.seconds) }

  /// On a picture that is 960 wide, from a little before `from`, so that what came before is hinted
  /// at, until `until`.
  init(from: Timestamp, until: Timestamp) {
    (left, right, least) = (216, 916, Self.leastWidth)
    let span = max(1, until.seconds - from.seconds)
    self.from = from
    first = from - Seconds(max(1, span / 20))
    last = from + Seconds(span)
  }

  /// In percent of a picture of any width, exactly from `start` until `end`.
  init(percentFrom start: Timestamp, until end: Timestamp) {
    (left, right, least) = (0, 100, 0.3)
    (from, first) = (start, start)
    last = max(end, start + Seconds(1))
  }

  func shows(_ time: Timestamp) -> Bool { time >= first && time <= last }

  func x(_ time: Timestamp) -> Double {
    let share = (Double(time.seconds) - Double(first.seconds)) / seconds
    return left + min(1, max(0, share)) * (right - left)
  }

  /// What is seen of a span: its left edge and width; nil if it is all outside.
  func range(_ from: Timestamp, _ until: Timestamp?) -> (x: Double, width: Double)? {
    guard from < last, until.map({ $0 > first }) ?? true else { return nil }
    let start = x(from)
    let width = max(least, x(until ?? last) - start)
    return (min(start, right - width), width)
  }

  /// As exact as the distance makes sense of: `07:30`, `2 Mar – 31 Mar`, `Mar 2031`.
  func short(_ times: Timestamp?...) -> String {
    let known = times.compactMap { $0 }
    let distance = known.map { abs(Double($0.seconds) - Double(from.seconds)) }.max() ?? 0
    return known.map { Self.short(Date($0), max(seconds, distance)) }.joined(separator: " – ")
  }

  private static func short(_ date: Date, _ distance: Double) -> String {
    if distance < 600 { return "\(date.clock):\(date.second)" }
    if distance < 86_400 { return date.clock }
    return distance < 300 * 86_400 ? date.dayAndMonth : "\(date.monthName) \(date.year)"
  }

  // MARK: Ticks

  struct Tick {
    var time: Timestamp
    var label: String
    /// The day or the year that it and those after it are in, where that is new.
    var context: String?
  }

  private static let mostTicks = 14.0

  var ticks: [Tick] {
    let spans: [Int64] = [
      1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
      1_209_600,
    ]
    let fits = { (step: Int64) in seconds / Double(step) <= Self.mostTicks }
    var ticks: [Tick] = []
    if let step = spans.first(where: fits) {
      ticks = times(every: step).map { tick($0, step) }
    } else {
      let months: [Int64] = [1, 3, 6, 12, 24, 60, 120, 240]
      let step = months.first { fits($0 * 2_629_746) } ?? 1200
      ticks = times(everyMonths: step).map { time in
        let date = Date(time)
        return step < 12
          ? Tick(time: time, label: date.monthName, context: date.year)
          : Tick(time: time, label: date.year)
      }
    }
    return onlyNewContexts(ticks)
  }

  private func tick(_ time: Timestamp, _ step: Int64) -> Tick {
    let date = Date(time)
    guard step < 86_400 else {
      return Tick(time: time, label: date.dayAndMonth, context: date.year)
    }
    return Tick(
      time: time, label: step < 60 ? "\(date.clock):\(date.second)" : date.clock,
      context: "\(date.dayAndMonth) \(date.year)")
  }

  private func times(every step: Int64) -> [Timestamp] {
    // 1970 began on a Thursday, weeks begin on Mondays.
    let offset: Int64 = step % 604_800 == 0 ? 4 * 86_400 : 0
    let past = (first.seconds - offset) % step
    let start = first.seconds - past + (past > 0 ? step : 0)
    return stride(from: start, through: last.seconds, by: Int(step)).map { Timestamp(seconds: $0) }
  }

  private func times(everyMonths step: Int64) -> [Timestamp] {
    let date = Date(first)
    var month = (Int64(date.year) ?? 0) * 12 + Int64(date.month) - 1
    month = (month + step) / step * step
    var times: [Timestamp] = []
    // Years that RFC 3339 can't write end the axis.
    while let time = Self.start(ofMonth: month), time <= last {
      times.append(time)
      month += step
    }
    return times
  }

  private static func start(ofMonth month: Int64) -> Timestamp? {
    let year = String(month / 12)
    let number = String(month % 12 + 1)
    let zeros = { (text: String, width: Int) in
      String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    return Timestamp(rfc3339: "\(zeros(year, 4))-\(zeros(number, 2))-01T00:00:00Z")
  }

  private func onlyNewContexts(_ ticks: [Tick]) -> [Tick] {
    ticks.indices.map { index in
      var tick = ticks[index]
      // The first gives way to a neighbour of its own: the two would not stand side by side.
      let isNew =
        index > 0
        ? ticks[index - 1].context != tick.context
        : ticks.count < 2 || ticks[1].context == tick.context
      if !isNew { tick.context = nil }
      return tick
    }
  }

  // MARK: Dates

  private struct Date {
    var year: String
    var month: Int
    var clock: String
    var second: String
    private var day: String

    init(_ time: Timestamp) {
      let text = time.rfc3339
      // Counted from the end: a year may have more than four digits.
      let rest = Array(text.suffix(16))
      year = String(text.dropLast(16))
      month = Int(String(rest[1...2])) ?? 1
      day = String(rest[4...5])
      clock = String(rest[7...11])
      second = String(rest[13...14])
    }

    var monthName: String {
      [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
      ][month - 1]
    }
    var dayAndMonth: String { "\(day.first == "0" ? String(day.dropFirst()) : day) \(monthName)" }
  }
}
