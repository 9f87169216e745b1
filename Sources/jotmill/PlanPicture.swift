// The timeline of a plan as one SVG file, for READMEs and auditors.
// Owns: its layout, its words and what of a key is shown. Must never: let text from outside become
// markup, refer to anything outside the file, hold a script, or show a phase by its colour alone.

internal import JOSE
internal import Keyring

enum PlanPicture {
  static func svg(_ plan: Plan, title: String) -> [UInt8] {
    let rows = relevant(plan)
    let canvas = TimeCanvas(from: plan.from, until: plan.until)
    let top = 162.0
    let bottom = top + 22 + Double(max(1, min(rows.count, mostRows))) * rowHeight + 4
    let footer = footer(plan, rows.count)
    let isTall = rows.count > 12
    let footerTop = bottom + (isTall ? 62 : 30)
    let height = footerTop + Double(footer.count) * 18

    var drawing = SVGDrawing(
      height: height, title: "Key plan of \(title)", summary: summary(plan, rows.count),
      style: PlanPictureStyle.css, definitions: PlanPictureStyle.patterns)
    header(plan, title, to: &drawing)
    if !rows.isEmpty { legend(rows, canvas, at: 112, to: &drawing) }
    drawing.rect(canvas.left, top, canvas.now - canvas.left, bottom - top, "past")
    axis(canvas, top, bottom, repeatsBelow: isTall, to: &drawing)
    var rowTop = top + 22
    for key in rows.prefix(mostRows) {
      row(key, canvas, rowTop, to: &drawing)
      rowTop += rowHeight
    }
    if rows.isEmpty {
      drawing.text(canvas.left + 60, rowTop + 20, "muted", "no key is known in this time")
    }
    handOvers(rows, canvas, top + 22, to: &drawing)
    drawing.line(canvas.now, top, canvas.now, bottom, "now")
    drawing.text(canvas.now + 5, top + 14, "nowtext", "now")
    for (index, line) in footer.enumerated() {
      drawing.text(24, footerTop + Double(index) * 18, line.style, line.text)
    }
    return drawing.finished
  }

  private static let rowHeight = 30.0
  private static let barHeight = 18.0
  /// Browsers draw no image that is taller than 32,767 pixels.
  private static let mostRows = 1000

  // MARK: What is shown

  private enum Phase: String, CaseIterable {
    case ahead, signs, verifies, waits, revoked

    var words: String {
      switch self {
      case .ahead: "published ahead"
      case .signs: "signs"
      case .verifies: "verifies"
      case .waits: "waits for a run"
      case .revoked: "revoked"
      }
    }

    var legend: String { self == .verifies ? "verifies until its last token is dead" : words }
  }

  private struct Segment {
    var phase: Phase
    var from: Timestamp
    /// nil: no end is known.
    var until: Timestamp?
  }

  private static func relevant(_ plan: Plan) -> [RingKey] {
    plan.ring.keys.filter { key in
      let end = key.revocation.map { max($0.at, key.archived ?? $0.at) } ?? key.withdrawn
      return key.created <= plan.until && end.map { $0.seconds >= plan.from.seconds } ?? true
    }
  }

  private static func segments(_ key: RingKey) -> [Segment] {
    let leaves = leaves(key)
    var segments: [Segment] = []
    func add(_ phase: Phase, _ from: Timestamp?, _ until: Timestamp?) {
      let end = [until, leaves].compactMap { $0 }.min()
      guard let from, end.map({ from < $0 }) ?? true else { return }
      segments.append(Segment(phase: phase, from: from, until: end))
    }
    add(.waits, key.created, key.published)
    add(.waits, key.archived, leaves)
    add(.verifies, key.retired, key.archived)
    add(.ahead, key.published, key.activation)
    add(.signs, key.activation, key.retired)
    if let revocation = key.revocation {
      segments.append(Segment(phase: .revoked, from: revocation.at, until: key.archived))
    }
    return segments
  }

  private static func leaves(_ key: RingKey) -> Timestamp? { key.revocation?.at ?? key.withdrawn }

  // MARK: One key

  private static func row(
    _ key: RingKey, _ canvas: TimeCanvas, _ top: Double, to drawing: inout SVGDrawing
  ) {
    let kid = key.kid.description
    let bar = top + (rowHeight - barHeight) / 2
    let baseline = bar + 13
    drawing.line(24, top + rowHeight, canvas.right, top + rowHeight, "grid")
    drawing.text(24, baseline, "kid", SVGDrawing.shortened(kid, to: 16), tooltip: kid)
    drawing.text(204, baseline, "muted end", key.algorithm.algorithm.name)
    for segment in segments(key) {
      let until = segment.until.map { "until \($0.rfc3339)" } ?? "on"
      let tooltip = "\(kid): \(segment.phase.words) from \(segment.from.rfc3339) \(until)"
      guard let (x, width) = canvas.range(segment.from, segment.until) else { continue }
      switch segment.phase {
      case .waits:
        // Every key waits a minute for the next run; only a wait that can be seen is worth a line.
        guard width > TimeCanvas.leastWidth else { continue }
        drawing.line(x, bar + 9, x + width, bar + 9, "waits", tooltip: tooltip)
      case .revoked:
        revoked(segment.from, x, width, bar, canvas, tooltip, to: &drawing)
      case .ahead, .signs, .verifies:
        drawing.rect(x, bar, width, barHeight, segment.phase.rawValue, tooltip: tooltip)
        label(segment, x, width, baseline, canvas, to: &drawing)
      }
    }
    if key.revocation == nil, let left = key.withdrawn, canvas.shows(left) {
      let x = canvas.x(left)
      drawing.line(
        x, bar - 4, x, bar + barHeight + 4, "leaves",
        tooltip: "\(kid): leaves the set at \(left.rfc3339)")
    }
  }

  private static func label(
    _ segment: Segment, _ x: Double, _ width: Double, _ baseline: Double, _ canvas: TimeCanvas,
    to drawing: inout SVGDrawing
  ) {
    let words = segment.phase.words
    let choices = [
      "\(words) \(canvas.short(segment.from, segment.until))", words,
      words.split(separator: " ").first.map(String.init) ?? words,
    ]
    // The line of `now` would cross the letters: the longer side of it is the label's.
    let cut = min(max(canvas.now, x), x + width)
    let isLeft = cut - x > x + width - cut
    let (start, room) = isLeft ? (x, cut - x) : (cut, x + width - cut)
    guard let text = choices.first(where: { SVGDrawing.width($0) + 14 <= room }) else { return }
    let middle = start + room / 2
    let half = SVGDrawing.width(text) / 2 + 3
    // Letters on hatching are hard to read.
    if segment.phase == .verifies {
      drawing.rect(middle - half, baseline - 11, 2 * half, 14, "under")
    }
    drawing.text(middle, baseline, "label mid on-\(segment.phase.rawValue)", text)
  }

  private static func revoked(
    _ time: Timestamp, _ x: Double, _ width: Double, _ bar: Double, _ canvas: TimeCanvas,
    _ tooltip: String, to drawing: inout SVGDrawing
  ) {
    let text = "revoked \(canvas.short(time))"
    let middle = bar + barHeight / 2
    drawing.line(x, middle, x + width, middle, "revoked", tooltip: tooltip)
    if canvas.shows(time) { drawing.cross(x, middle, "cross") }
    let labelWidth = SVGDrawing.width(text) * 1.1 + 8
    let crossesNow = x + 9 < canvas.now && x + 9 + labelWidth > canvas.now
    let start = crossesNow ? canvas.now + 2 : x + 9
    drawing.rect(start, bar + 2, labelWidth, 14, "paper-under")
    drawing.text(start + 4, bar + 13, "label bad", text)
  }

  /// From the bar of a key that stops to the bar of the one that begins to sign at that moment.
  private static func handOvers(
    _ rows: [RingKey], _ canvas: TimeCanvas, _ top: Double, to drawing: inout SVGDrawing
  ) {
    for (index, key) in rows.prefix(mostRows).enumerated() {
      guard let time = key.activation, canvas.shows(time),
        let before = rows[..<index].lastIndex(where: { $0.retired == time && $0.activation != nil })
      else { continue }
      let x = canvas.x(time)
      let inset = (rowHeight - barHeight) / 2
      drawing.arrow(
        x, top + Double(before + 1) * rowHeight - inset, top + Double(index) * rowHeight + inset,
        "hand", tooltip: "\(rows[before].kid) hands over to \(key.kid) at \(time.rfc3339)")
    }
  }

  // MARK: Around the keys

  private static func header(_ plan: Plan, _ title: String, to drawing: inout SVGDrawing) {
    let policy = plan.ring.policy
    let span = Seconds(plan.until.seconds - plan.from.seconds)
    drawing.text(24, 38, "title", "Key plan of \(SVGDrawing.shortened(title, to: 46))")
    drawing.text(
      24, 60, "muted", "\(plan.from.rfc3339) – \(plan.until.rfc3339) (\(span.text))")
    drawing.text(
      24, 78, "muted",
      "Policy: a key signs for \(policy.period.text), is published at least "
        + "\(policy.publishAhead.text) ahead, and its tokens live for \(policy.maxTokenTTL.text) "
        + "at most.")
  }

  private static func legend(
    _ rows: [RingKey], _ canvas: TimeCanvas, at y: Double, to drawing: inout SVGDrawing
  ) {
    let visible = rows.prefix(mostRows).flatMap { segments($0) }.filter { segment in
      let width = canvas.range(segment.from, segment.until)?.width ?? 0
      return width > (segment.phase == .waits ? TimeCanvas.leastWidth : 0)
    }
    let shown = Set(visible.map(\.phase))
    var x = 24.0
    func entry(_ text: String, _ swatch: (inout SVGDrawing, Double) -> Void) {
      swatch(&drawing, x)
      drawing.text(x + 28, y, "label", text)
      x += 28 + SVGDrawing.width(text) + 18
    }
    for phase in [Phase.ahead, .signs, .verifies] where shown.contains(phase) {
      entry(phase.legend) { $0.rect($1, y - 10, 22, 12, phase.rawValue) }
    }
    entry("hand-over") { $0.arrow($1 + 11, y - 13, y + 4, "hand") }
    entry("leaves the set") { $0.line($1 + 11, y - 13, $1 + 11, y + 5, "leaves") }
    if shown.contains(.waits) {
      entry(Phase.waits.words) { $0.line($1, y - 4, $1 + 22, y - 4, "waits") }
    }
    if shown.contains(.revoked) {
      entry(Phase.revoked.words) { drawing, x in
        drawing.line(x, y - 4, x + 22, y - 4, "revoked")
        drawing.cross(x + 5, y - 4, "cross")
      }
    }
  }

  private static func axis(
    _ canvas: TimeCanvas, _ top: Double, _ bottom: Double, repeatsBelow: Bool,
    to drawing: inout SVGDrawing
  ) {
    drawing.line(canvas.left, top, canvas.right, top, "axis")
    drawing.line(canvas.left, bottom, canvas.right, bottom, "axis")
    for tick in canvas.ticks {
      let x = canvas.x(tick.time)
      drawing.line(x, top - 4, x, bottom, "grid")
      drawing.text(x, top - 8, "muted mid", tick.label)
      if let context = tick.context { drawing.text(x, top - 21, "context mid", context) }
      if repeatsBelow {
        drawing.text(x, bottom + 16, "muted mid", tick.label)
        if let context = tick.context { drawing.text(x, bottom + 29, "context mid", context) }
      }
    }
  }

  private static let promises =
    "one key signs at every moment, every cache has it before it does, and none leaves the set "
    + "while a token of it lives."
  private static func summary(_ plan: Plan, _ count: Int) -> String {
    let broken = plan.violations.count
    let keys = count == 1 ? "1 key" : "\(count) keys"
    let breaches = broken == 1 ? "1 promise does not hold." : "\(broken) promises do not hold."
    return "\(keys) from \(plan.from.rfc3339) until \(plan.until.rfc3339): "
      + (broken > 0 ? breaches : promises)
  }

  private static func footer(_ plan: Plan, _ count: Int) -> [(style: String, text: String)] {
    var lines: [(style: String, text: String)] = []
    if count > mostRows {
      lines.append(("muted", "\(count - mostRows) later keys are not drawn."))
    }
    if plan.violations.isEmpty {
      lines.append(("good", "✓ holds: \(promises)"))
    }
    let most = 20
    for violation in plan.violations.prefix(most) {
      lines += SVGDrawing.wrapped("✗ broken: \(violation)", to: 110).map { ("broken", $0) }
    }
    if plan.violations.count > most {
      lines.append(("broken", "✗ and \(plan.violations.count - most) more"))
    }
    return lines
  }
}
