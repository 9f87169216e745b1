// The report of a verification: one HTML page for people, from a summary alone.
// Owns: its order and its words. Must never: hold a script, refer to anything outside the file, show
// a raw token, or differ for the same summary, title and time.

internal import Files
internal import JOSE
internal import Pipeline

enum Report {
  /// Writes the page to a file that appears when it is whole. `title` says what was verified.
  static func write(
    _ summary: Summary, title: String, to path: String, generated: Timestamp = .now
  ) throws {
    try Streams.write(html(summary, title: title, generated: generated), to: path)
  }

  /// The page. `generated` is the time that it says it was made at.
  static func html(_ summary: Summary, title: String, generated: Timestamp) -> [UInt8] {
    let verdicts = ReportVerdicts(summary)
    var out = head(title)
    out += "<header>\n<p class=\"kind\">Token verification report</p>\n"
    out += "<h1>\(ReportText.name(ByteString(title)))</h1>\n<p class=\"muted\">"
    if let verdicts { out += "\(verdicts.span) · " }
    out += "made \(ReportText.minute(generated)) UTC by jotmill \(Jotmill.version)</p>\n</header>\n"
    out += "<main>\n" + tiles(summary) + findings(summary)
    if summary.lines.total > 0 {
      out += section("Verdicts over time", verdicts?.html ?? "<p>No line has a time.</p>\n")
      out += section("Errors", ReportErrors(summary).html)
    }
    if let keys = ReportKeys(summary) {
      out += section(
        "Keys against their signing windows", keys.html,
        "Tokens whose signature held, by the time at which they say they were issued.")
    }
    out += "<div class=\"pair\">\n"
    out += ReportTables.verdicts(summary.byIssuer, "Issuers", "iss")
    out += ReportTables.verdicts(summary.byAlgorithm, "Algorithms", "alg")
    out += ReportTables.rejected(
      summary.rejectedSubjects, "Subjects of rejected tokens", "sub")
    out += ReportTables.rejected(
      summary.rejectedAddresses, "Where rejected lines came from", "Address")
    out += "</div>\n" + ReportTables.verdicts(summary.byKid, "Keys that tokens name", "kid")
    return Array((out + "</main>\n" + footer(summary) + "</body>\n</html>\n").utf8)
  }

  private static func head(_ title: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
    style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <title>Token verification: \(ReportText.plainName(ByteString(title)))</title>
    <style>
    \(ReportStyle.css)</style>
    </head>
    <body>
    \(ReportStyle.patterns)

    """
  }

  private static func section(_ title: String, _ content: String, _ lead: String = "") -> String {
    "<section>\n<h2>\(title)</h2>\n" + (lead.isEmpty ? "" : "<p class=\"lead\">\(lead)</p>\n")
      + content + "</section>\n"
  }

  // MARK: Headline numbers

  private static func tiles(_ summary: Summary) -> String {
    let lines = summary.lines
    let without = summary.linesWithoutToken
    let rejected = lines.rejected - without
    var tiles = [
      ("", "Lines", ReportText.number(lines.total), ""),
      (
        "good", "Valid", ReportText.number(lines.accepted),
        ReportText.share(lines.accepted, of: lines.total)
      ),
      (
        rejected > 0 ? "bad" : "", "Rejected", ReportText.number(rejected),
        ReportText.share(rejected, of: lines.total)
      ),
    ]
    if without > 0 {
      tiles.append(
        (
          "", "Without a token", ReportText.number(without),
          ReportText.share(without, of: lines.total)
        ))
    }
    let known = summary.keys.count
    if known > 0 {
      let used = Set(summary.uses.counts.keys.map(\.kid)).count
      tiles.append(("", "Keys", ReportText.number(known), "\(ReportText.number(used)) in use"))
    }
    if !summary.byIssuer.isEmpty {
      tiles.append(("", "Issuers", ReportText.number(summary.byIssuer.count), ""))
    }
    let html = tiles.map { style, name, value, more in
      "<div class=\"tile \(style)\"><dt>\(name)</dt><dd>\(value)"
        + (more.isEmpty ? "" : "<span>\(more)</span>") + "</dd></div>\n"
    }
    return "<dl class=\"tiles\">\n\(html.joined())</dl>\n"
  }

  /// What an auditor asks first, in sentences.
  private static func findings(_ summary: Summary) -> String {
    var items: [String] = []
    func count(_ reason: Rejection) -> Int { summary.errors[Int(reason.rawValue)] }
    func add(_ reason: Rejection, _ one: String, _ many: String) {
      guard count(reason) > 0 else { return }
      items.append(
        "<li class=\"bad\">\(ReportText.count(count(reason), one, many)) "
          + "<code>\(reason.code)</code></li>")
    }
    add(.revokedKey, "token is by a revoked key", "tokens are by a revoked key")
    add(
      .outsideKeyWindow, "token does not fit the time in which its key signed",
      "tokens do not fit the time in which their key signed")
    add(
      .badSignature, "token has a signature that does not hold",
      "tokens have a signature that does not hold")
    add(.revokedToken, "revoked token was used", "revoked tokens were used")
    if summary.linesWithMore > 0 {
      items.append(
        "<li class=\"bad\">"
          + ReportText.count(
            summary.linesWithMore, "line holds a further token that was not judged",
            "lines hold further tokens that were not judged") + " <code>--tokens all</code></li>")
    }
    if summary.lines.total == 0 {
      items.append("<li>No line was read.</li>")
    } else if summary.lines.rejected == 0 {
      items.append("<li class=\"good\">Every line holds a valid token.</li>")
    } else if summary.lines.accepted > 0, summary.lines.rejected == summary.linesWithoutToken {
      items.append("<li class=\"good\">Every token is valid.</li>")
    } else if items.isEmpty {
      items.append(
        "<li class=\"good\">No forged signature, no revoked key, and no token from outside its "
          + "key’s signing window.</li>")
    }
    return "<ul class=\"findings\">\n\(items.joined(separator: "\n"))\n</ul>\n"
  }

  private static func footer(_ summary: Summary) -> String {
    var notes = [
      "All times are UTC. A line is counted at the time that it names itself, else at the time at "
        + "which its token was issued, if the token’s signature holds.",
      "Subjects and issuers come from tokens whose signature holds; algorithms and key ids "
        + "from every token’s header, which anybody can write.",
    ]
    if !summary.rejectedAddresses.isEmpty {
      notes.append("An address is the first one that stands on a rejected line.")
    }
    let tables = [
      summary.byIssuer, summary.byAlgorithm, summary.byKid, summary.rejectedSubjects,
      summary.rejectedAddresses,
    ]
    if tables.contains(where: { $0[Summary.other] != nil }) {
      notes.append(
        "Some tables were full: their rarest names are counted together, and a name that came back "
          + "later may have been used more often than its number says.")
    }
    return "<footer>\n\(notes.map { "<p>\($0)</p>\n" }.joined())</footer>\n"
  }
}
