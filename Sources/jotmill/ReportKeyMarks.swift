// What stands on one key's row of the report: its window, its revocation, its uses.
// Owns: their places and shapes. Must never: draw a mark that a reader of the row could overlook.

internal import JOSE
internal import Pipeline

extension ReportKeys {
  /// Where a span stands in percent. One that goes on past an edge ends behind it, out of sight, so
  /// that it is seen to go on.
  private func place(_ from: Timestamp?, _ until: Timestamp?) -> (x: Double, width: Double)? {
    let canvas = axis.canvas
    guard from.map({ $0 < axis.until }) ?? true, until.map({ $0 > axis.from }) ?? true else {
      return nil
    }
    let x = from.flatMap { canvas.shows($0) ? canvas.x($0) : nil } ?? -2
    let end = until.flatMap { canvas.shows($0) ? canvas.x($0) : nil } ?? 102
    return (x, max(0.3, end - x))
  }

  private func rect(
    _ style: String, _ from: Timestamp?, _ until: Timestamp?, y: Int, height: Int
  ) -> String {
    guard let (x, width) = place(from, until) else { return "" }
    return "<rect class=\"\(style)\" x=\"\(ReportText.percent(x))\" width=\""
      + "\(ReportText.percent(width))\" y=\"\(y)\" height=\"\(height)\"/>"
  }

  /// When the key says that it signed.
  func words(_ row: Row) -> String {
    guard let window = row.description?.window else { return "signing time not known" }
    guard !window.neverOpens else { return "has never signed" }
    var words = "signs \(window.opens.map { "from \(ReportText.minute($0))" } ?? "since before")"
    words += window.closes.map { " until \(ReportText.minute($0))" } ?? ", no end is set"
    if let ends = window.ends { words += ", its last token ends \(ReportText.minute(ends))" }
    return words
  }

  /// The bar of its signing window, and of the time in which its last tokens end.
  func window(_ row: Row) -> String {
    guard let window = row.description?.window, !window.neverOpens else {
      let hasMarks = row.dated.contains { $0.total > 0 }
      return "<text class=\"lab start\" x=\"4\" y=\"\(hasMarks ? 38 : 33)\">\(words(row))</text>"
    }
    var out = "<g><title>\(words(row))</title>"
    out += rect("win", window.opens, window.closes, y: 30, height: 9)
    if let closes = window.closes, let ends = window.ends, ends > closes {
      out += rect("life", closes, ends, y: 32, height: 5)
    }
    return out + "</g>"
  }

  /// When it was revoked, and what of its life is void.
  func revocation(_ row: Row) -> String {
    guard let description = row.description, let revocation = description.revocation else {
      return ""
    }
    var out = ""
    let window = description.window
    if let (x, width) = place(revocation.since ?? window?.opens, window?.ends ?? window?.closes) {
      out += "<line class=\"rev dash\" x1=\"\(ReportText.percent(x))\" x2=\""
      out += "\(ReportText.percent(x + width))\" y1=\"34.5\" y2=\"34.5\"/>"
    }
    if let since = revocation.since, axis.canvas.shows(since) {
      let x = ReportText.percent(axis.canvas.x(since))
      out += "<line class=\"rev\" x1=\"\(x)\" x2=\"\(x)\" y1=\"4\" y2=\"56\">"
      out += "<title>revoked since \(ReportText.minute(since))</title></line>"
    }
    return out
  }

  /// Bars upwards for good uses; below the window marks for others.
  func marks(_ row: Row) -> String {
    let most = Double(max(1, row.dated.map(\.inside).max() ?? 1))
    let width = min(axis.width * 0.8, 4)
    var out = ""
    for (index, uses) in row.dated.enumerated() where uses.inside > 0 {
      let height = max(2, 24 * (Double(uses.inside) / most).squareRoot())
      let x = axis.width * (Double(index) + 0.5) - width / 2
      out += "<rect class=\"use\" x=\"\(ReportText.percent(x))\""
      out += " width=\"\(ReportText.percent(width))\" y=\"\(Terminal.fixed(28 - height, 1))\""
      out += " height=\"\(Terminal.fixed(height, 1))\"/>"
    }
    out += marks(row, \.outside, "issued outside the window", Self.diamond, y: 48)
    let both = row.uses.outside > 0 && row.uses.revoked > 0
    return out + marks(row, \.revoked, "by the revoked key", Self.cross, y: both ? 36 : 48) + "\n"
  }

  /// A mark for as many buckets as it is wide on a narrow page: side by side they can be told apart.
  private func marks(
    _ row: Row, _ count: KeyPath<Summary.Uses, Int>, _ words: String, _ shape: String, y: Int
  ) -> String {
    let together = max(1, axis.count / 36)
    var out = ""
    for first in stride(from: 0, to: axis.count, by: together) {
      let found = (first..<min(first + together, axis.count)).filter {
        row.dated[$0][keyPath: count] > 0
      }
      guard let from = found.first, let until = found.last else { continue }
      let total = found.reduce(0) { $0.plus(row.dated[$1][keyPath: count]) }
      let x = min(99, max(1, axis.width * (Double(from + until) / 2 + 0.5)))
      let time = ReportText.bucket(axis.time(from), axis.step * Int64(until - from + 1))
      out += "<svg class=\"mark\" x=\"\(ReportText.percent(x))\" y=\"\(y)\"><title>\(time): "
      out += "\(ReportText.number(total)) \(words)</title>\(shape)</svg>"
    }
    return out
  }
}
