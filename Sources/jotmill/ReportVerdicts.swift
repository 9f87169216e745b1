// The report's chart of verdicts over time, and the same as a table.
// Owns: its layout. Must never: tell valid and rejected apart by colour alone.

internal import JOSE
internal import Pipeline

struct ReportVerdicts {
  private let summary: Summary
  private let axis: ReportAxis
  private var buckets: [Summary.Count]
  /// Lines at times that are off the axis.
  private var outliers = 0
  /// The earliest and the latest of them.
  private var outermost: Set<Int64> = []
  private var earliest = Int64.max
  private var latest = Int64.min

  /// nil when no line has a time.
  init?(_ summary: Summary) {
    self.summary = summary
    let table = summary.overTime
    let rows = table.counts.map { (start: $0.key.seconds, total: $0.value.total) }
    guard let axis = ReportAxis(of: rows, least: table.step) else { return nil }
    self.axis = axis
    buckets = [Summary.Count](repeating: .init(), count: axis.count)
    for (start, count) in table.counts where count.total > 0 {
      if let bucket = axis.bucket(start.seconds) {
        buckets[bucket] += count
        earliest = min(earliest, start.seconds)
        latest = max(latest, start.seconds)
      } else {
        outliers = outliers.plus(count.total)
        outermost.insert(start.seconds)
        if outermost.count > 2 { outermost = [outermost.min() ?? 0, outermost.max() ?? 0] }
      }
    }
  }

  /// When the lines were, for the head of the page.
  var span: String {
    let from = ReportText.minute(Timestamp(seconds: earliest))
    let until = ReportText.minute(Timestamp(seconds: latest) + Seconds(summary.overTime.step))
    return "\(from) – \(until) UTC"
  }

  private static let plot = (top: 12.0, bottom: 212.0, height: 252.0)

  /// The section's content.
  var html: String {
    var entries = [Self.key("ok", "valid"), Self.key("no", "rejected")]
    if !empties.isEmpty { entries.append(Self.key("gap", "no lines")) }
    let height = Terminal.fixed(Self.plot.height, 0)
    let base = Terminal.fixed(Self.plot.bottom, 0)
    let across = "x1=\"0\" x2=\"100%\" y1=\"\(base)\" y2=\"\(base)\""
    return """
      <div class="legend">\(entries.joined())</div>
      <div class="plot">\(scale)<svg class="chart" height="\(height)" width="100%" role="img" \
      aria-label="\(label)">
      \(rules)\(axis.drawing(top: Self.plot.top, bottom: Self.plot.bottom, labelsAt: 228))
      \(gaps)\(bars)<line class="base" \(across)/>
      </svg></div>
      \(notes)\(table)
      """
  }

  private static func key(_ style: String, _ words: String) -> String {
    "<span class=\"key\"><svg width=\"18\" height=\"12\" aria-hidden=\"true\">"
      + "<rect class=\"\(style)\" width=\"18\" height=\"12\"/></svg>\(words)</span>"
  }

  private var label: String {
    let unit =
      axis.step < 86_400
      ? ReportText.count(Int(axis.step / 3600), "hour", "hours")
      : ReportText.count(Int(axis.step / 86_400), "day", "days")
    return "Valid and rejected lines, a bar for each \(unit == "1 hour" ? "hour" : unit), "
      + "\(ReportText.minute(axis.from)) to \(ReportText.minute(axis.until)) UTC. "
      + "The same numbers stand in the table below."
  }

  // MARK: Bars

  private var most: Int { buckets.map(\.total).max() ?? 0 }

  /// 1, 2 or 5 times a power of ten, so that at most five lines stand above the base.
  private var lineStep: Int {
    var power = 1
    while power < most / 25 { power *= 10 }
    return [1, 2, 5].map { $0 * power }.first { most / $0 <= 5 } ?? max(1, most)
  }

  private func y(_ count: Int) -> Double {
    let height = Self.plot.bottom - Self.plot.top
    return Self.plot.bottom - height * Double(count) / Double(max(1, most))
  }

  private var values: [Int] {
    let step = lineStep
    return most < step ? [] : (1...most / step).map { $0 * step }
  }

  private var rules: String {
    values.map { value in
      let at = Terminal.fixed(y(value), 1)
      return "<line class=\"rule\" x1=\"0\" x2=\"100%\" y1=\"\(at)\" y2=\"\(at)\"/>"
    }.joined()
  }

  /// The numbers beside the rules.
  private var scale: String {
    let labels = values.map { (ReportText.number($0), Terminal.fixed(y($0) + 4, 1)) }
    let width = (labels.map(\.0.utf8.count).max() ?? 0) * 8
    var out = "<svg width=\"\(width)\" height=\"\(Terminal.fixed(Self.plot.height, 0))\" "
    out += "aria-hidden=\"true\">"
    for (text, y) in labels {
      out += "<text class=\"lab end\" x=\"\(width)\" y=\"\(y)\">\(text)</text>"
    }
    return out + "</svg>"
  }

  private var bars: String {
    let width = min(axis.width * (axis.count > 60 ? 0.86 : 0.78), 6)
    var out = ""
    for (index, count) in buckets.enumerated() where count.total > 0 {
      let x = axis.width * (Double(index) + 0.5) - width / 2
      // What there is, is seen, however little.
      let rejected = count.rejected > 0 ? max(2, Self.plot.bottom - y(count.rejected)) : 0
      let accepted = count.accepted > 0 ? max(1, Self.plot.bottom - y(count.accepted)) : 0
      let words =
        "\(ReportText.bucket(axis.time(index), axis.step)): "
        + "\(ReportText.number(count.accepted)) valid, "
        + "\(ReportText.number(count.rejected)) rejected"
      out += "<g><title>\(words)</title>"
      func bar(_ style: String, _ top: Double, _ height: Double) {
        guard height > 0 else { return }
        out += "<rect class=\"\(style)\" x=\"\(ReportText.percent(x))\""
        out += " width=\"\(ReportText.percent(width))\" y=\"\(Terminal.fixed(top, 1))\""
        out += " height=\"\(Terminal.fixed(height, 1))\"/>"
      }
      let top = max(2, Self.plot.bottom - accepted - rejected)
      bar("ok", top + rejected, Self.plot.bottom - top - rejected)
      bar("no", top, rejected)
      out += "</g>\n"
    }
    return out
  }

  // MARK: Gaps

  /// Buckets without a line between others. Where every other one is empty, only longer gaps count.
  private var empties: [Range<Int>] {
    var found: [Range<Int>] = []
    var last: Int?
    for index in buckets.indices where buckets[index].total > 0 {
      if let last, index > last + 1 { found.append(last + 1..<index) }
      last = index
    }
    return found.count > 12 ? found.filter { $0.count > 1 } : found
  }

  private var gaps: String {
    empties.map { gap in
      let x = ReportText.percent(axis.width * Double(gap.lowerBound))
      let width = ReportText.percent(axis.width * Double(gap.count))
      let words =
        "no lines: \(ReportText.minute(axis.time(gap.lowerBound))) – "
        + ReportText.minute(axis.time(gap.upperBound))
      let top = Terminal.fixed(Self.plot.bottom - 14, 0)
      return "<rect class=\"gap\" x=\"\(x)\" width=\"\(width)\" y=\"\(top)\" height=\"14\">"
        + "<title>\(words)</title></rect>\n"
    }.joined()
  }

  // MARK: In words

  private var notes: String {
    var notes: [String] = []
    if outliers > 0 {
      let times = outermost.sorted().map { ReportText.minute(Timestamp(seconds: $0)) }
      notes.append(
        "\(ReportText.count(outliers, "line is", "lines are")) far from all others in time and not "
          + "drawn: \(times.joined(separator: ", ")).")
    }
    let other = summary.overTime.other.total
    if other > 0 {
      notes.append("\(ReportText.count(other, "line", "lines")) on rare days were not kept apart.")
    }
    let timed = summary.overTime.counts.values.reduce(other) { $0.plus($1.total) }
    let judged = summary.lines.total - summary.linesWithoutToken
    let untimed = judged - min(timed, judged)
    if untimed > 0 {
      notes.append(
        "\(ReportText.count(untimed, "line has", "lines have")) no time: neither the line names "
          + "one, nor does a token whose signature holds.")
    }
    return notes.map { "<p class=\"note\">\($0)</p>\n" }.joined()
  }

  private var table: String {
    var out = "<details><summary>The same as a table</summary>\n<div class=\"wide\"><table>\n"
    out += "<thead><tr><th scope=\"col\">Time (UTC)</th><th scope=\"col\" class=\"num\">Valid</th>"
    out += "<th scope=\"col\" class=\"num\">Rejected</th></tr></thead>\n<tbody>\n"
    for (index, count) in buckets.enumerated() where count.total > 0 {
      out += "<tr><th scope=\"row\">\(ReportText.bucket(axis.time(index), axis.step))</th>"
      out += "<td class=\"num\">\(ReportText.number(count.accepted))</td>"
      out += "<td class=\"num\">\(ReportText.number(count.rejected))</td></tr>\n"
    }
    return out + "</tbody></table></div></details>\n"
  }
}
