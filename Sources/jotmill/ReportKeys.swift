// The report's picture of keys: when each says that it signed, and when its tokens were issued.
// Owns: its rows. Must never: show a use outside a window by colour alone, or leave one out without
// a word.

internal import JOSE
internal import Pipeline

struct ReportKeys {
  struct Row {
    var kid: ByteString
    var description: KeyDescription?
    var uses = Summary.Uses()
    var undated = 0
    /// By bucket of the axis.
    var dated: [Summary.Uses]
  }

  private var rows: [Row] = []
  let axis: ReportAxis
  private let other: Summary.Uses
  /// Times of use off the axis, which are drawn at its edges.
  private var hasOutliers = false

  static let mostRows = 40

  /// nil when nothing is known of any key.
  init?(_ summary: Summary) {
    guard let axis = Self.axis(summary) else { return nil }
    self.axis = axis
    other = summary.uses.other
    var byKid: [ByteString: Row] = [:]
    func row(_ kid: ByteString) -> Row {
      byKid[kid]
        ?? Row(
          kid: kid, description: summary.keys[kid],
          dated: [Summary.Uses](repeating: .init(), count: axis.count))
    }
    for kid in summary.keys.keys { byKid[kid] = row(kid) }
    for (key, uses) in summary.uses.counts.sorted(by: { $0.key < $1.key }) {
      var found = row(key.kid)
      byKid[key.kid] = nil
      found.uses += uses
      if let start = key.start {
        if axis.bucket(start.seconds) == nil { hasOutliers = true }
        found.dated[axis.nearest(start.seconds)] += uses
      } else {
        found.undated = found.undated.plus(uses.total)
      }
      byKid[key.kid] = found
    }
    rows = byKid.values.sorted { Self.order($0, $1) }
  }

  /// In the order in which they signed; what is not known comes last.
  private static func order(_ a: Row, _ b: Row) -> Bool {
    func opens(_ row: Row) -> Int64 { row.description?.window?.opens?.seconds ?? .max }
    return (opens(a), a.kid) < (opens(b), b.kid)
  }

  private static func axis(_ summary: Summary) -> ReportAxis? {
    let used = summary.uses.counts.compactMap { key, uses in
      key.start.map { (start: $0.seconds, total: uses.total) }
    }
    let lines = summary.overTime.counts.map { (start: $0.key.seconds, total: $0.value.total) }
    let bounds = summary.keys.values.flatMap { key in
      [key.window?.opens, key.window?.closes, key.revocation?.since].compactMap { $0?.seconds }
    }
    let least = max(3600, summary.uses.step)
    guard let core = ReportAxis(of: used.isEmpty ? lines : used, least: least) else {
      guard let first = bounds.min(), let last = bounds.max() else { return nil }
      return ReportAxis(from: first, until: last, least: least)
    }
    // Windows lead a little way out of the time that was looked at.
    let (from, until) = (core.from.seconds, core.until.seconds - 1)
    let room = max(least, (until - from) / 4)
    return ReportAxis(
      from: min(from, max(from - room, bounds.min() ?? from)),
      until: max(until, min(until + room, bounds.max() ?? until)), least: least)
  }

  // MARK: The section

  var html: String {
    let shown = chosen
    var out = legend(shown)
    out += "<div class=\"keys\" role=\"table\" aria-label=\"Keys and their uses\">\n"
    out += axisRow(isTop: true)
    for row in shown { out += html(row) }
    if shown.count > 8 { out += axisRow(isTop: false) }
    out += "</div>\n"
    var notes: [String] = []
    if rows.count > shown.count {
      notes.append("and \(ReportText.count(rows.count - shown.count, "more key", "more keys"))")
    }
    if hasOutliers {
      notes.append(
        "Tokens that say they were issued before or after this time are drawn at its edges.")
    }
    if other.total > 0 {
      notes.append(
        "\(ReportText.count(other.total, "use", "uses")) on rare days were not kept apart.")
    }
    return out + notes.map { "<p class=\"note\">\($0)</p>\n" }.joined()
  }

  /// Of too many rows, those that something is to be said of.
  private var chosen: [Row] {
    guard rows.count > Self.mostRows else { return rows }
    let ranked = rows.sorted { a, b in
      let (x, y) = (a.uses.outside.plus(a.uses.revoked), b.uses.outside.plus(b.uses.revoked))
      if x != y { return x > y }
      if a.uses.total != b.uses.total { return a.uses.total > b.uses.total }
      return Self.order(a, b)
    }
    return ranked.prefix(Self.mostRows).sorted { Self.order($0, $1) }
  }

  private func legend(_ rows: [Row]) -> String {
    func entry(_ shape: String, _ words: String) -> String {
      "<span class=\"key\"><svg width=\"18\" height=\"14\" aria-hidden=\"true\">\(shape)</svg>"
        + "\(words)</span>"
    }
    func middle(_ shape: String) -> String { "<g transform=\"translate(9 7)\">\(shape)</g>" }
    let uses =
      "<rect class=\"use\" x=\"3\" y=\"5\" width=\"4\" height=\"8\"/>"
      + "<rect class=\"use\" x=\"9\" y=\"1\" width=\"4\" height=\"12\"/>"
    var out = "<div class=\"legend\">" + entry(uses, "tokens issued")
    let windows = rows.compactMap { $0.description?.window }
    if !windows.isEmpty {
      out += entry(
        "<rect class=\"win\" x=\"1\" y=\"3\" width=\"16\" height=\"8\"/>", "the key signs")
    }
    if windows.contains(where: { $0.ends != nil }) {
      out += entry(
        "<rect class=\"life\" y=\"5\" width=\"18\" height=\"4\"/>", "its last tokens end")
    }
    if rows.contains(where: { $0.uses.outside > 0 }) {
      out += entry(middle(Self.diamond), "tokens issued outside")
    }
    if rows.contains(where: { $0.uses.revoked > 0 || $0.description?.revocation != nil }) {
      out += entry(middle(Self.cross), "revoked, and tokens of it")
    }
    return out + "</div>\n"
  }

  static let diamond = "<path class=\"out\" d=\"M0 -5.5L5 0L0 5.5L-5 0Z\"/>"
  static let cross = "<path class=\"rev\" d=\"M-4 -4L4 4M-4 4L4 -4\"/>"

  private func axisRow(isTop: Bool) -> String {
    let ticks =
      isTop
      ? axis.drawing(top: 32, bottom: 36, labelsAt: 13)
      : axis.drawing(top: 0, bottom: 4, labelsAt: 16)
    return "<div class=\"keyaxis\" aria-hidden=\"true\"><div class=\"who\"></div>"
      + "<svg width=\"100%\" height=\"\(isTop ? 36 : 34)\">\(ticks)</svg></div>\n"
  }

  // MARK: One key

  private func html(_ row: Row) -> String {
    var out = "<div class=\"keyrow\" role=\"row\"><div class=\"who\" role=\"rowheader\">"
    out += "<span class=\"kid\">\(ReportText.name(row.kid))</span> "
    if let description = row.description {
      out += "<span class=\"alg\">\(ReportText.name(description.algorithm))</span> "
      if let revocation = description.revocation {
        out += "<span class=\"tag\">revoked"
        if let since = revocation.since { out += " since \(ReportText.date(since))" }
        out += "</span>"
      }
    }
    out += "<span class=\"uses\">\(uses(row))</span></div>"
    out += "<div class=\"line\" role=\"cell\"><svg width=\"100%\" height=\"58\" role=\"img\" "
    out += "aria-label=\"\(label(row))\">\n"
    out += grid + window(row) + revocation(row) + marks(row)
    return out + "</svg></div></div>\n"
  }

  private func uses(_ row: Row) -> String {
    guard row.uses.total > 0 else { return "no use" }
    var parts = [ReportText.count(row.uses.total, "use", "uses")]
    if row.uses.outside > 0 {
      parts.append("<b class=\"badtext\">◆ \(ReportText.number(row.uses.outside)) outside</b>")
    }
    if row.uses.revoked > 0 {
      parts.append("<b class=\"badtext\">✕ \(ReportText.number(row.uses.revoked)) revoked</b>")
    }
    if row.undated > 0 { parts.append("\(ReportText.number(row.undated)) without iat") }
    return parts.joined(separator: " · ")
  }

  private func label(_ row: Row) -> String {
    var parts = ["key \(ReportText.plainName(row.kid))", words(row)]
    parts.append("\(ReportText.number(row.uses.inside)) uses inside")
    parts.append("\(ReportText.number(row.uses.outside)) outside")
    parts.append("\(ReportText.number(row.uses.revoked)) although revoked")
    return parts.joined(separator: ", ")
  }

  private var grid: String {
    axis.canvas.ticks.map { tick in
      let x = ReportText.percent(axis.canvas.x(tick.time))
      return "<line class=\"tick\" x1=\"\(x)\" x2=\"\(x)\" y1=\"0\" y2=\"58\"/>"
    }.joined()
  }
}
