// The time axis of a chart in the report: from when to when, in how large buckets.
// Owns: the choice. Must never: let a few times far away from all others squeeze the chart, or draw
// more buckets than a page has room for.

internal import JOSE
internal import Pipeline

struct ReportAxis {
  /// Seconds in a bucket.
  let step: Int64
  /// Where the first bucket begins.
  let start: Int64
  let count: Int

  static let mostBuckets = 120
  /// A chart with fewer would have a bar or two as broad as a hand.
  static let fewestBuckets = 12

  var from: Timestamp { Timestamp(seconds: start) }
  var until: Timestamp { Timestamp(seconds: start + step * Int64(count)) }
  var canvas: TimeCanvas { TimeCanvas(percentFrom: from, until: until) }

  /// The buckets that hold all of `first ... last`, none smaller than `least`; as many before and
  /// behind as it takes for `fewest`.
  init(from first: Int64, until last: Int64, least: Int64, fewest: Int = fewestBuckets) {
    let day: Int64 = 86_400
    var steps: [Int64] = [3600, 7200, 10_800, 21_600, 43_200, day, 2 * day, 7 * day]
    while (steps.last ?? day) * Int64(Self.mostBuckets) < 700_000_000_000 {
      steps.append((steps.last ?? day) * 2)
    }
    let fits = { (step: Int64) in
      Self.index(last, step) - Self.index(first, step) < Self.mostBuckets
    }
    step = steps.first { $0 >= least && fits($0) } ?? 700_000_000_000
    let held = Int(Self.index(last, step) - Self.index(first, step)) + 1
    count = max(held, fewest)
    start = (Self.index(first, step) - Int64((count - held) / 2)) * step + Self.offset(step)
  }

  /// The axis of what was counted; nil when there is nothing. Of times that stand apart from
  /// the others at most one in 400 at each end is left off, if the rest then has four times the
  /// room.
  init?(of counts: [(start: Int64, total: Int)], least: Int64, fewest: Int = fewestBuckets) {
    let sorted = counts.filter { $0.total > 0 }.sorted { $0.start < $1.start }
    guard let first = sorted.first?.start, let last = sorted.last?.start else { return nil }
    let spare = sorted.reduce(0) { $0.plus($1.total) } / 400
    func end(_ rows: some Sequence<(start: Int64, total: Int)>, _ outermost: Int64) -> Int64 {
      var left = spare
      for row in rows {
        left -= min(left + 1, row.total)
        if left < 0 { return row.start }
      }
      return outermost
    }
    let low = end(sorted, first)
    let high = end(sorted.reversed(), last)
    let isApart = low <= high && (high - low + least) < (last - first) / 4
    self.init(
      from: isApart ? low : first, until: isApart ? high : last, least: least, fewest: fewest)
  }

  /// The bucket that holds `seconds`; nil if it is off the axis.
  func bucket(_ seconds: Int64) -> Int? {
    let index = Self.index(seconds, step) - Self.index(start, step)
    return (0..<Int64(count)).contains(index) ? Int(index) : nil
  }

  /// The same, with the nearest one for what is off the axis.
  func nearest(_ seconds: Int64) -> Int {
    let index = Self.index(seconds, step) - Self.index(start, step)
    return Int(min(max(0, index), Int64(count) - 1))
  }

  func time(_ bucket: Int) -> Timestamp { Timestamp(seconds: start + step * Int64(bucket)) }

  /// Width of a bucket in percent.
  var width: Double { 100 / Double(count) }

  /// Weeks begin on Mondays, and 1970 on a Thursday.
  private static func offset(_ step: Int64) -> Int64 { step % 604_800 == 0 ? 4 * 86_400 : 0 }

  private static func index(_ seconds: Int64, _ step: Int64) -> Int64 {
    let shifted = seconds - offset(step)
    return shifted / step - (shifted % step < 0 ? 1 : 0)
  }

  // MARK: Drawn

  /// Labels and, from `top` to `bottom`, the lines of the ticks. On narrow pages some labels are
  /// left out.
  func drawing(top: Double, bottom: Double, labelsAt y: Double) -> String {
    var out = ""
    let ticks = canvas.ticks
    // A label with its year under it stays.
    let first = ticks.firstIndex { $0.context != nil } ?? 0
    for (index, tick) in ticks.enumerated() {
      let x = canvas.x(tick.time)
      // Where there is no room beside the chart, a label at its very edge would be cut off.
      let edge = x < 4 ? " first" : x > 96 ? " last" : ""
      let distance = abs(index - first) % 4
      let rank = distance == 0 ? "" : distance == 2 ? " t2" : " t3"
      let at = ReportText.percent(x)
      out += "<line class=\"tick\" x1=\"\(at)\" x2=\"\(at)\" y1=\"\(Terminal.fixed(top, 0))\""
      out += " y2=\"\(Terminal.fixed(bottom, 0))\"/>"
      out += "<text class=\"lab\(edge)\(rank)\" x=\"\(at)\" y=\"\(Terminal.fixed(y, 0))\">"
      out += "\(tick.label)</text>"
      if let context = tick.context {
        out += "<text class=\"lab ctx\(edge)\" x=\"\(at)\" y=\"\(Terminal.fixed(y + 14, 0))\">"
        out += "\(context)</text>"
      }
    }
    return out
  }
}
