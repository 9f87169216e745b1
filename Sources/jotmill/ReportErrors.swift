// The report's table of errors: what each means, when it occurred and how often.
// Owns: a plain sentence for each code. Must never: leave a code without one.

internal import JOSE
internal import Pipeline

struct ReportErrors {
  private let summary: Summary
  private let axis: ReportAxis?

  init(_ summary: Summary) {
    self.summary = summary
    let rows = summary.errorDays.counts.map { (start: $0.key.start.seconds, total: $0.value.total) }
    let axis = ReportAxis(of: rows, least: TimeTable<ErrorDay, Summary.Count>.day, fewest: 1)
    // Two days make no picture.
    self.axis = axis.flatMap { $0.count > 2 ? $0 : nil }
  }

  var html: String {
    let rows = summary.errorRows
    guard let most = rows.first?.count else { return "<p>No line was rejected.</p>\n" }
    var out = "<div class=\"wide\"><table class=\"errors\">\n<thead><tr>"
    out += "<th scope=\"col\">Error</th>"
    if let axis {
      out += "<th scope=\"col\" class=\"when\">\(ReportText.date(axis.from)) – "
      out += "\(ReportText.date(axis.until - Seconds(1)))</th>"
    }
    out += "<th scope=\"col\" class=\"num\">Lines</th><th scope=\"col\" class=\"share\">"
    out += "<span class=\"unseen\">Compared</span></th></tr></thead>\n<tbody>\n"
    for (reason, count) in rows {
      out += "<tr><th scope=\"row\"><code>\(reason.code)</code>"
      out += "<span class=\"means\">\(Self.meaning(reason))</span></th>"
      if axis != nil { out += "<td class=\"when\">\(spark(reason))</td>" }
      out += "<td class=\"num\">\(ReportText.number(count))</td>"
      out += "<td class=\"share\">\(ReportTables.bar(0, count, of: most))</td></tr>\n"
    }
    out += "</tbody></table></div>\n"
    let sum = rows.reduce(0) { $0.plus($1.count) }
    if sum > summary.lines.rejected {
      out += "<p class=\"note\">A line with several errors counts under each of them.</p>\n"
    }
    return out
  }

  /// One code's lines by day, as high as its own greatest day.
  private func spark(_ reason: Rejection) -> String {
    guard let axis else { return "" }
    var buckets = [Int](repeating: 0, count: axis.count)
    for (key, count) in summary.errorDays.counts where key.reason == reason {
      let bucket = axis.nearest(key.start.seconds)
      buckets[bucket] = buckets[bucket].plus(count.rejected)
    }
    guard let most = buckets.max(), most > 0, let peak = buckets.firstIndex(of: most) else {
      return "<span class=\"muted\">at times unknown</span>"
    }
    let words =
      "most: \(ReportText.number(most)) on \(ReportText.bucket(axis.time(peak), axis.step))"
    var out = "<svg class=\"spark\" width=\"100%\" height=\"26\" aria-hidden=\"true\">"
    for (index, count) in buckets.enumerated() where count > 0 {
      let height = max(1.5, 24 * Double(count) / Double(most))
      out += "<rect class=\"bad\" x=\"\(ReportText.percent(axis.width * Double(index)))\""
      out += " width=\"\(ReportText.percent(axis.width * 0.86))\""
      out += " y=\"\(Terminal.fixed(25 - height, 1))\" height=\"\(Terminal.fixed(height, 1))\"/>"
    }
    out += "<line class=\"base\" x1=\"0\" x2=\"100%\" y1=\"25.5\" y2=\"25.5\"/></svg>"
    return out + "<span class=\"peak\">\(words)</span>"
  }

  /// What the code says of a line, in a sentence for people who do not run jotmill.
  static func meaning(_ reason: Rejection) -> String {
    switch reason {
    case .noToken: "Nothing on the line looks like a token."
    case .tooLarge: "The line is longer than the limit that was set."
    case .malformed: "The token does not have the three parts of a signed token."
    case .badBase64: "A part of the token is not strict base64url."
    case .badHeader: "The token’s header is no valid JSON object, or breaks a rule."
    case .badPayload: "The token’s payload is no JSON object."
    case .duplicateMember: "A name stands twice in the token, so that it could be read two ways."
    case .unsupportedAlg: "The header asks for an algorithm that is not supported, or for none."
    case .algNotAllowed: "The algorithm was not on the list of those allowed."
    case .algMismatch: "The header names an algorithm that the key is not for."
    case .unsupportedCrit: "The token demands an extension that is not supported."
    case .unknownKey: "The token names a key that is not among the trusted ones."
    case .ambiguousKey: "The token names no key, and more than one could be meant."
    case .weakKey: "The key is too weak to be trusted."
    case .badSignature: "The signature does not hold: forged, damaged, or signed by another key."
    case .noTime: "The line names no time at which the token could be judged."
    case .expired: "The token was used after its end."
    case .notYetValid: "The token was used before its beginning."
    case .issuedInFuture: "The token says it was issued later than it was used."
    case .tooOld: "The token was issued longer ago than allowed."
    case .wrongIssuer: "The token is by another issuer."
    case .wrongAudience: "The token was made for somebody else."
    case .wrongSubject: "The token is about another subject."
    case .unknownSubject: "The token’s subject is no enabled user."
    case .wrongTyp: "The token’s header declares another type."
    case .wrongTokenType: "An access token was wanted and a refresh token came, or the reverse."
    case .notFresh: "The token does not come from a fresh login."
    case .missingClaim: "A claim that was asked for is not there."
    case .badClaim: "A claim has the wrong type."
    case .schema: "The claims do not match the schema."
    case .untrustedIssuer: "The token’s issuer is not on the list of trusted ones."
    case .revokedToken: "The token had been revoked when it was used."
    case .revokedKey: "The token was signed by a key that is revoked."
    case .outsideKeyWindow:
      "The token’s times do not fit the time in which its key signed, as with a stolen old key."
    case .badJSON: "The record is no valid JSON object."
    case .outlivesKey: "The token would live longer than its key allows."
    case .invalidRequest: "The request is not well-formed."
    case .invalidGrant: "The credentials were wrong, spent or expired."
    case .invalidScope: "The request asks for a scope that is not allowed."
    case .unsupportedGrantType: "The request asks for a grant type that is not supported."
    }
  }
}
