// SVG 1.1 text, an element at a time.
// Owns: escaping, and how wide text is taken to be. Must never: write text from outside as it came.

struct SVGDrawing {
  private var out = ""

  init(height: Double, title: String, summary: String, style: String, definitions: String) {
    let size = Terminal.fixed(height, 0)
    out += "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\""
    out += " width=\"960\" height=\"\(size)\" viewBox=\"0 0 960 \(size)\" role=\"img\""
    out += " aria-labelledby=\"jotmill-title jotmill-desc\">\n"
    out += "<title id=\"jotmill-title\">\(Self.escaped(title))</title>\n"
    out += "<desc id=\"jotmill-desc\">\(Self.escaped(summary))</desc>\n"
    out += "<style>\n\(style)</style>\n<defs>\n\(definitions)</defs>\n"
    rect(0.5, 0.5, 959, height - 1, "paper")
  }

  /// The whole file.
  var finished: [UInt8] { Array((out + "</svg>\n").utf8) }

  mutating func rect(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String,
    tooltip: String? = nil
  ) {
    let size = " width=\"\(number(width))\" height=\"\(number(height))\""
    element("rect", "x=\"\(number(x))\" y=\"\(number(y))\"" + size, style, tooltip)
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String, tooltip: String? = nil
  ) {
    path("M\(number(x1)) \(number(y1))L\(number(x2)) \(number(y2))", style, tooltip)
  }

  /// Straight down from `y1`, its tip at `y2`.
  mutating func arrow(
    _ x: Double, _ y1: Double, _ y2: Double, _ style: String, tooltip: String? = nil
  ) {
    let head = "m-3.5 -5l3.5 5l3.5 -5"
    path("M\(number(x)) \(number(y1))V\(number(y2))\(head)", style, tooltip)
  }

  mutating func cross(_ x: Double, _ y: Double, _ style: String) {
    path("M\(number(x - 5)) \(number(y - 5))l10 10m-10 0l10 -10", style, nil)
  }

  mutating func text(
    _ x: Double, _ y: Double, _ style: String, _ text: String, tooltip: String? = nil
  ) {
    let title = tooltip.map { "<title>\(Self.escaped($0))</title>" } ?? ""
    out += "<text x=\"\(number(x))\" y=\"\(number(y))\" class=\"\(style)\">"
    out += "\(title)\(Self.escaped(text))</text>\n"
  }

  private mutating func path(_ data: String, _ style: String, _ tooltip: String?) {
    element("path", "d=\"\(data)\"", style, tooltip)
  }

  private mutating func element(
    _ name: String, _ attributes: String, _ style: String, _ tooltip: String?
  ) {
    out += "<\(name) \(attributes) class=\"\(style)\""
    out += tooltip.map { "><title>\(Self.escaped($0))</title></\(name)>\n" } ?? "/>\n"
  }

  private func number(_ x: Double) -> String { Terminal.fixed(x, 1) }

  // MARK: Text

  /// `text` as character data; what can't be seen, or XML can't hold, is left out.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: if isVisible(scalar) { out.unicodeScalars.append(scalar) }
      }
    }
    return out
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    // Among `format` are the marks that turn the direction of the text around them.
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: !scalar.properties.isNoncharacterCodePoint
    }
  }

  /// At most `count` characters, the middle left out.
  static func shortened(_ text: String, to count: Int) -> String {
    let scalars = Array(text.unicodeScalars.filter(isVisible))
    guard scalars.count > count else { return text }
    var out = String.UnicodeScalarView()
    out.append(contentsOf: scalars.prefix(count / 2))
    out.append("…")
    out.append(contentsOf: scalars.suffix(count - count / 2 - 1))
    return String(out)
  }

  /// Lines of at most `count` characters, broken between words.
  static func wrapped(_ text: String, to count: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ").map({ shortened(String($0), to: count) }) {
      if let last = lines.last, last.count + 1 + word.count <= count {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(word)
      }
    }
    return lines
  }

  /// How wide a label of 11 pixels is in DejaVu Sans, one of the widest fonts that it may meet.
  static func width(_ text: String) -> Double {
    text.unicodeScalars.reduce(0) { sum, scalar in
      switch scalar {
      case "i", "j", "l", "I", " ", ".", ",", ":": sum + 3.5
      case "f", "r", "t", "-", "–": sum + 4.8
      case "m", "w", "M", "W": sum + 10
      default: sum + 6.9
      }
    }
  }
}
