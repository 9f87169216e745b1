// Text of the report: names from tokens made harmless, numbers and times as people read them.
// Owns: escaping. Must never: let a name become markup, turn the text around it, hide in white
// space, or take more room than a line or two.

internal import JOSE
internal import Pipeline

enum ReportText {
  /// Longer names are cut, with their whole length noted.
  static let nameLimit = 64

  /// A name from a token or a log as HTML that shows every character of it: those that can't be
  /// seen or would turn the text stand there as `\u{202E}`.
  static func name(_ name: ByteString) -> String {
    if name == Summary.other { return "<span class=\"muted\">all others together</span>" }
    if name.isEmpty { return "<span class=\"esc\">(empty)</span>" }
    let scalars = Array(start(of: name))
    var out = "<bdi class=\"name\">"
    var marks = 0
    for (index, scalar) in scalars.prefix(nameLimit).enumerated() {
      marks = isMark(scalar) ? marks + 1 : 0
      // A blank at an end is not seen; marks on nothing, or many of them, reach beyond their line.
      let isEnd = index == 0 || index == scalars.count - 1
      if isPlain(scalar), marks <= 2, !isEnd || scalar != " ", index > 0 || marks == 0 {
        out += escaped(scalar)
      } else {
        out += "<span class=\"esc\">\(code(scalar))</span>"
      }
    }
    out += "</bdi>"
    if scalars.count > nameLimit {
      // Longer names were cut when they were counted: how long they were is not known any more.
      let isCut =
        name.bytes.count > Summary.nameLimit - 4 && name.bytes.suffix(3) == Array("…".utf8)[...]
      let length = "\(isCut ? "over " : "")\(number(isCut ? Summary.nameLimit : name.bytes.count))"
      out += "<span class=\"muted\">… (\(length) octets)</span>"
    }
    return out
  }

  /// A little more than is shown, so that only a part of a long name is looked at.
  private static func start(of name: ByteString) -> String.UnicodeScalarView {
    String(decoding: name.bytes.prefix(4 * nameLimit + 4), as: UTF8.self).unicodeScalars
  }

  /// The same for an attribute or a tooltip, where nothing can be styled.
  static func plainName(_ name: ByteString) -> String {
    if name == Summary.other { return "all others together" }
    let scalars = start(of: name)
    let text = scalars.prefix(nameLimit).map {
      isPlain($0) && !isMark($0) ? escaped($0) : code($0)
    }.joined()
    return scalars.count > nameLimit ? text + "…" : text
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "&": "&amp;"
    case "<": "&lt;"
    case ">": "&gt;"
    case "\"": "&quot;"
    case "'": "&#39;"
    default: String(Character(scalar))
    }
  }

  private static func code(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "\\u{\(digits)}"
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .spacingMark: true
    default: false
    }
  }

  /// Whether a reader sees it as what it is, wherever it stands.
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
      .unassigned:
      false
    case .spaceSeparator: scalar == " "
    default:
      scalar != "\u{fffd}" && !scalar.properties.isDefaultIgnorableCodePoint
        && !scalar.properties.isNoncharacterCodePoint
    }
  }

  // MARK: Numbers and times

  static func number(_ n: Int) -> String { Terminal.grouped(n) }

  /// `1 line`, `2,000 lines`.
  static func count(_ n: Int, _ one: String, _ many: String) -> String {
    n == 1 ? "1 \(one)" : "\(number(n)) \(many)"
  }

  /// `3.2%`; never 0% of something or 100% of less than all.
  static func share(_ part: Int, of whole: Int) -> String {
    guard whole > 0, part > 0 else { return "0%" }
    guard part < whole else { return "100%" }
    let percent = 100 * Double(part) / Double(whole)
    if percent < 0.1 { return "&lt;0.1%" }
    if percent > 99.9 { return "&gt;99.9%" }
    return "\(Terminal.fixed(percent, 1))%"
  }

  /// A coordinate in percent.
  static func percent(_ x: Double) -> String { "\(Terminal.fixed(x, 2))%" }

  /// `2026-01-31`
  static func date(_ time: Timestamp) -> String { String(time.rfc3339.dropLast(10)) }

  /// `2026-01-31 07:00`
  static func minute(_ time: Timestamp) -> String {
    "\(date(time)) \(time.rfc3339.suffix(9).prefix(5))"
  }

  /// As exact as a bucket of `step` seconds.
  static func bucket(_ start: Timestamp, _ step: Int64) -> String {
    switch step {
    case ..<86_400: "\(minute(start)) – \((start + Seconds(step)).rfc3339.suffix(9).prefix(5))"
    case 86_400: date(start)
    default: "\(date(start)) – \(date(start + Seconds(step - 86_400)))"
    }
  }
}
