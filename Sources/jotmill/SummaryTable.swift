// A summary as the table that people read: after a run, and from `jotmill summary`.
// Owns: its rows and their order. Must never: print unescaped text from tokens.

internal import JOSE
internal import Pipeline

enum SummaryTable {
  /// Counts by verdict, error, algorithm, kid and issuer; the ten most frequent names of each.
  static func text(_ summary: Summary, isStyled: Bool) -> String {
    let rejected = summary.lines.rejected
    var lines = Terminal.table([
      ["lines", Terminal.grouped(summary.lines.total)],
      ["valid", Terminal.grouped(summary.lines.accepted)],
      ["invalid", Terminal.grouped(rejected)],
    ]).split(separator: "\n").map(String.init)
    if rejected > 0 { lines[2] = Terminal.red(lines[2], isStyled) }
    var out = lines.joined(separator: "\n") + "\n"
    if !summary.errorCounts.isEmpty {
      out += "\n" + Terminal.bold("errors", isStyled) + "\n"
      out += Terminal.table(
        summary.errorCounts.map { ["\($0.code)", Terminal.grouped($0.count)] }, indent: "  ")
    }
    for (title, table) in [
      ("alg", summary.byAlgorithm), ("kid", summary.byKid), ("iss", summary.byIssuer),
    ] where !table.isEmpty {
      let rows = Summary.rows(table)
      var cells = [[title, "valid", "invalid"]]
      for (name, count) in rows.prefix(10) {
        cells.append([
          "  " + shortened(name), Terminal.grouped(count.accepted),
          Terminal.grouped(count.rejected),
        ])
      }
      out += "\n" + Terminal.table(cells)
      if rows.count > 10 { out += "  and \(Terminal.grouped(rows.count - 10)) more\n" }
    }
    return out
  }

  private static func shortened(_ name: ByteString) -> String {
    let text = Terminal.printable(name.description)
    return text.count > 48 ? text.prefix(47) + "…" : text
  }
}
