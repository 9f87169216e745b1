// The report's tables by name: issuers, algorithms, kids, subjects, addresses.
// Owns: which rows are shown. Must never: show more of a table than a page has room for.

internal import JOSE
internal import Pipeline

enum ReportTables {
  /// A table with valid and rejected counts; the most frequent names first.
  static func verdicts(
    _ table: [ByteString: Summary.Count], _ title: String, _ heading: String, limit: Int = 12
  ) -> String {
    guard !table.isEmpty else { return "" }
    let rows = ordered(table)
    let most = rows.map(\.count.total).max() ?? 0
    var out = open(title)
    out += "<thead><tr><th scope=\"col\">\(heading)</th><th scope=\"col\" class=\"num\">Valid</th>"
    out += "<th scope=\"col\" class=\"num\">Rejected</th>\(compared)</tr></thead>\n<tbody>\n"
    for (name, count) in rows.prefix(limit) {
      out += "<tr><th scope=\"row\">\(ReportText.name(name))</th>"
      out += "<td class=\"num\">\(ReportText.number(count.accepted))</td>"
      out += "<td class=\"num\(count.rejected > 0 ? " some" : "")\">"
      out += "\(ReportText.number(count.rejected))</td>"
      out += "<td class=\"share\">\(bar(count.accepted, count.rejected, of: most))</td></tr>\n"
    }
    return out + close(rows.count, limit)
  }

  /// A table of what was rejected.
  static func rejected(
    _ table: [ByteString: Summary.Count], _ title: String, _ heading: String, limit: Int = 15
  ) -> String {
    guard !table.isEmpty else { return "" }
    let rows = ordered(table)
    let most = rows.map(\.count.rejected).max() ?? 0
    var out = open(title)
    out += "<thead><tr><th scope=\"col\">\(heading)</th>"
    out += "<th scope=\"col\" class=\"num\">Rejected</th>\(compared)</tr></thead>\n<tbody>\n"
    for (name, count) in rows.prefix(limit) {
      out += "<tr><th scope=\"row\">\(ReportText.name(name))</th>"
      out += "<td class=\"num\">\(ReportText.number(count.rejected))</td>"
      out += "<td class=\"share\">\(bar(0, count.rejected, of: most))</td></tr>\n"
    }
    return out + close(rows.count, limit)
  }

  private static let compared =
    "<th scope=\"col\" class=\"share\"><span class=\"unseen\">Compared</span></th>"

  private static func open(_ title: String) -> String {
    "<section class=\"half\"><h2>\(title)</h2>\n<table>\n"
  }

  private static func close(_ count: Int, _ limit: Int) -> String {
    var out = "</tbody></table>\n"
    if count > limit {
      out += "<p class=\"note\">and \(ReportText.number(count - limit)) more</p>\n"
    }
    return out + "</section>\n"
  }

  /// Most frequent first; what stands for all others comes last, if there is room for it.
  private static func ordered(
    _ table: [ByteString: Summary.Count]
  ) -> [(name: ByteString, count: Summary.Count)] {
    let rows = Summary.rows(table)
    return rows.filter { $0.name != Summary.other } + rows.filter { $0.name == Summary.other }
  }

  /// Valid and rejected side by side, as long as their part of `most`. The numbers stand beside it.
  static func bar(_ accepted: Int, _ rejected: Int, of most: Int) -> String {
    func width(_ n: Int) -> Double { n > 0 ? max(0.8, 100 * Double(n) / Double(max(1, most))) : 0 }
    let (good, bad) = (width(accepted), width(rejected))
    var out = "<svg class=\"bar\" width=\"100%\" height=\"10\" aria-hidden=\"true\">"
    if good > 0 {
      out += "<rect class=\"ok\" width=\"\(ReportText.percent(good))\" height=\"10\"/>"
    }
    if bad > 0 {
      // At the very end there would be no room for the least width.
      let x = min(good, 100 - bad)
      out += "<rect class=\"no\" x=\"\(ReportText.percent(max(0, x)))\""
      out += " width=\"\(ReportText.percent(bad))\" height=\"10\"/>"
    }
    return out + "</svg>"
  }
}
