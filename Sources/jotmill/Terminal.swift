// What goes to standard error for people: errors, notes, hints, progress, the summary table.
// Owns: its wording's shape, colours and width. Must never: print unescaped text from tokens, or
// fail a run because standard error can't be written.

internal import Files
internal import JOSE
internal import Pipeline
internal import Synchronization

enum Terminal {
  static func error(_ message: String) { write("jotmill: \(printable(message))\n") }
  static func plain(_ message: String) { write("\(printable(message))\n") }

  static func write(_ text: String) { try? OpenFile.standardError.write(Array(text.utf8)) }

  static func printable(_ text: String) -> String {
    var out: [UInt8] = []
    InspectProcessor.appendPrintable(ByteString(text), to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  enum ColorChoice: String { case auto, always, never }

  /// Whether to style text on `file` (no-color.org; TERM=dumb).
  static func isStyled(_ choice: ColorChoice, _ file: OpenFile) -> Bool {
    switch choice {
    case .always: return true
    case .never: return false
    case .auto:
      let noColor = Process.environment("NO_COLOR") ?? ""
      return file.isTerminal && noColor.isEmpty && Process.environment("TERM") != "dumb"
    }
  }

  static func red(_ text: String, _ isStyled: Bool) -> String {
    isStyled ? "\u{1b}[31m\(text)\u{1b}[0m" : text
  }

  static func bold(_ text: String, _ isStyled: Bool) -> String {
    isStyled ? "\u{1b}[1m\(text)\u{1b}[0m" : text
  }

  /// `1234567` as `1,234,567`.
  static func grouped(_ n: Int) -> String {
    var out = ""
    for (i, digit) in String(n).reversed().enumerated() {
      if i > 0, i % 3 == 0, digit != "-" { out.append(",") }
      out.append(digit)
    }
    return String(out.reversed())
  }

  /// `12.3 MB`, decimal units.
  static func bytes(_ n: Double) -> String {
    var value = n
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 1000 { return unit == "B" ? "\(Int(value)) B" : "\(fixed(value, 1)) \(unit)" }
      value /= 1000
    }
    return "\(fixed(value, 1)) TB"
  }

  /// `x` with `digits` decimals, rounded half away from zero.
  static func fixed(_ x: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    guard x.isFinite, abs(x) < 1e15 else { return "-" }
    let whole = Int((abs(x) * scale).rounded())
    let sign = x < 0 && whole > 0 ? "-" : ""
    if digits == 0 { return "\(sign)\(whole)" }
    let fraction = String(whole % Int(scale))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(sign)\(whole / Int(scale)).\(zeros)\(fraction)"
  }

  /// Rows in aligned columns: the first to the left, the others to the right if they are numbers.
  static func table(_ rows: [[String]], indent: String = "", numbers: Bool = true) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { c in rows.map { $0.count > c ? $0[c].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = indent
      for (c, cell) in row.enumerated() {
        let pad = String(repeating: " ", count: widths[c] - cell.count)
        if c > 0 { line += "  " }
        let isLast = c == row.count - 1
        line += c > 0 && numbers ? pad + cell : isLast ? cell : cell + pad
      }
      return line + "\n"
    }.joined()
  }
}

/// Standard error during one run: the bar, and the first rejected lines.
final class Messages: Sendable {
  struct Options: Sendable {
    var isQuiet = false
    var isStyled = false
    var showsBar = false
    /// Rejected lines are named here because the output does not show them.
    var showsRejected = true
    var inputNames: [String]?
  }

  private struct State {
    var shown = 0
    var rejected = 0
    var lastDrawn = 0.0
    var hasBar = false
  }

  private let options: Options
  private let started = Clock.monotonic
  private let state = Mutex(State())

  init(_ options: Options) { self.options = options }

  /// Called by the run for each chunk, in order.
  func update(_ notes: [RejectedLine], _ progress: RunProgress) {
    guard !options.isQuiet else { return }
    state.withLock { state in
      var text = ""
      state.rejected = progress.rejected
      if options.showsRejected {
        for note in notes where state.shown < RejectedLine.limit {
          text += "jotmill: \(describe(note))\n"
          state.shown += 1
        }
      }
      let now = Clock.monotonic
      // Ten times a second is smooth; a run of a few milliseconds shows no bar at all.
      let draws = options.showsBar && now - max(state.lastDrawn, started) >= 0.1
      if state.hasBar && !text.isEmpty { text = "\r\u{1b}[K" + text }
      if draws {
        text += "\r" + bar(progress, now - started) + "\u{1b}[K"
        state.lastDrawn = now
        state.hasBar = true
      } else if !text.isEmpty {
        state.hasBar = false
      }
      if !text.isEmpty { Terminal.write(text) }
    }
  }

  /// Takes the bar away and says how many rejected lines were not named.
  func finish() {
    state.withLock { state in
      if state.hasBar { Terminal.write("\r\u{1b}[K") }
      guard !options.isQuiet, options.showsRejected, state.rejected > state.shown else { return }
      let rest = state.rejected - state.shown
      Terminal.write(
        "jotmill: \(Terminal.grouped(rest)) \(state.shown > 0 ? "more " : "")"
          + "\(rest == 1 ? "line" : "lines") rejected\n")
    }
  }

  private func describe(_ note: RejectedLine) -> String {
    let place = options.inputNames.map { "\(Terminal.printable($0[note.input])): " } ?? ""
    let codes = note.reasons.map { "\($0.code)" }.joined(separator: ", ")
    return "\(place)line \(note.line): \(codes)"
      + (note.detail.map { ": \(Terminal.printable($0))" } ?? "")
  }

  private func bar(_ progress: RunProgress, _ seconds: Double) -> String {
    let lines = progress.accepted + progress.rejected
    var parts: [String] = []
    if let total = progress.totalBytes, total > 0 {
      let share = min(1, Double(progress.bytesRead) / Double(total))
      let filled = Int(share * 20)
      parts.append(
        "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
          + "] \(Int(share * 100))%")
      if share > 0.01, share < 1 {
        let left = Int((seconds / share * (1 - share)).rounded(.up))
        parts.append(left < 90 ? "\(left) s left" : "\((left + 59) / 60) min left")
      }
    } else {
      parts.append(Terminal.bytes(Double(progress.bytesRead)))
    }
    parts.append("\(Terminal.grouped(Int(Double(lines) / max(seconds, 0.001)))) lines/s")
    let columns = OpenFile.standardError.columns ?? 80
    let rejected = progress.rejected > 0 ? "\(Terminal.grouped(progress.rejected)) rejected" : ""
    let text = String(parts.joined(separator: "  ").prefix(max(10, columns - 1)))
    guard !rejected.isEmpty, text.count + 2 + rejected.count < columns else { return text }
    return text + "  " + Terminal.red(rejected, options.isStyled)
  }
}
