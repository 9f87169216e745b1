// Decodes tokens without verifying them: pretty for a person, or a JSON line for a program.
// Owns: that view. Must never: call anything valid, or let token text drive a terminal.

package import JOSE

package struct InspectOptions: Sendable {
  package var asJSON = false
  package var format = InputFormat.auto
  package var field: JSONPointer?
  package var inputNames: [ByteString]?
  package var maxLine = 1 << 20
  package var styled = false

  package init() {}
}

package struct InspectProcessor: ChunkProcessor {
  private let options: InspectOptions
  private var locator: Locator
  private var scratch: [UInt8] = []
  private var json: [UInt8] = []
  private var header = JSONDocument()
  private var payload = JSONDocument()

  package init(_ options: InspectOptions) {
    self.options = options
    locator = Locator(options.format, field: options.field)
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, _) = chunk.kind {
      if isFirst { reject(chunk.firstLine, chunk, .tooLarge, &result) }
      return
    }
    let bytes = chunk.bytes.span
    var start = 0
    var line = chunk.firstLine
    while start < chunk.count {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<chunk.count) ?? chunk.count
      scratch.removeAll(keepingCapacity: true)
      if end - start > options.maxLine {
        reject(line, chunk, .tooLarge, &result)
      } else {
        switch locator.find(bytes, start..<end, scratch: &scratch) {
        case .rejected(let rejection): reject(line, chunk, rejection, &result)
        case .token(let place):
          if let unescaped = place.unescaped {
            let text = scratch
            inspect(text.span, unescaped, line, chunk, &result)
          } else {
            inspect(bytes, place.line, line, chunk, &result)
          }
        }
      }
      start = end + 1
      line += 1
    }
  }

  private mutating func inspect(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ line: Int, _ chunk: borrowing Chunk,
    _ result: inout ChunkResult
  ) {
    guard let token = UnverifiedJWS(bytes, range) else {
      return reject(line, chunk, .malformed, &result)
    }
    var headerText: [UInt8] = []
    var payloadText: [UInt8] = []
    var signature: [UInt8] = []
    guard Base64URL.decode(bytes, token.header, into: &headerText),
      Base64URL.decode(bytes, token.payload, into: &payloadText),
      Base64URL.decode(bytes, token.signature, into: &signature)
    else { return reject(line, chunk, .badBase64, &result) }
    switch header.parse(headerText) {
    case .syntax: return reject(line, chunk, .badHeader, &result)
    case .duplicateMember: return reject(line, chunk, .duplicateMember, &result)
    case nil: break
    }
    guard header.nodes[0].kind == .object else { return reject(line, chunk, .badHeader, &result) }
    let hasClaims = payload.parse(payloadText) == nil && payload.nodes[0].kind == .object
    result.summary.count(Rejections())
    if options.asJSON {
      LineText.open(line, chunk.input, options.inputNames, to: &result.output)
      result.output.append(",\"header\":")
      header.appendCompact(headerText.span, to: &result.output)
      if hasClaims {
        result.output.append(",\"claims\":")
        payload.appendCompact(payloadText.span, to: &result.output)
      } else {
        result.output.append(",\"payload\":\"")
        result.output.append(bytes, token.payload)
        result.output.append("\"")
      }
      result.output.append(",\"signature_octets\":")
      result.output.append(decimal: signature.count)
      result.output.append("}\n")
      return
    }
    title(line, chunk.input, &result.output)
    section("header", &result.output)
    members(header, headerText.span, chunk.now, &result.output)
    section("claims, NOT verified", &result.output)
    if hasClaims {
      members(payload, payloadText.span, chunk.now, &result.output)
    } else {
      result.output.append(text: "    no JSON object: \(payloadText.count) octets\n")
    }
    section("signature, NOT verified", &result.output)
    result.output.append(
      text: "    \(signature.count) \(signature.count == 1 ? "octet" : "octets")\n\n")
  }

  // MARK: For a program

  private func reject(
    _ line: Int, _ chunk: borrowing Chunk, _ rejection: Rejection, _ result: inout ChunkResult
  ) {
    result.summary.count(Rejections(rejection))
    if options.asJSON {
      LineText.open(line, chunk.input, options.inputNames, to: &result.output)
      result.output.append(",\"error\":\"")
      result.output.append(rejection.code)
      result.output.append("\"}\n")
    } else {
      title(line, chunk.input, &result.output)
      result.output.append("    ")
      result.output.append(rejection.code)
      result.output.append("\n\n")
    }
  }

  // MARK: For a person

  private func title(_ line: Int, _ input: Int, _ out: inout [UInt8]) {
    if options.styled { out.append("\u{1b}[1m") }
    if let names = options.inputNames {
      Self.appendPrintable(names[input], to: &out)
      out.append(text: " ")
    }
    out.append(text: "line \(line)")
    if options.styled { out.append("\u{1b}[0m") }
    out.append("\n")
  }

  private func section(_ name: String, _ out: inout [UInt8]) {
    out.append(text: options.styled ? "  \u{1b}[2m\(name)\u{1b}[0m\n" : "  \(name)\n")
  }

  private func members(
    _ document: JSONDocument, _ bytes: Span<UInt8>, _ now: Timestamp, _ out: inout [UInt8]
  ) {
    var names: [(ByteString, Int)] = []
    var child = 1
    while child < Int(document.nodes[0].next) {
      names.append((ByteString(document.unescaped(child, in: bytes)), child + 1))
      child = Int(document.nodes[child + 1].next)
    }
    let width = min(24, names.map { $0.0.bytes.count }.max() ?? 0)
    for (name, value) in names {
      var line: [UInt8] = []
      Self.appendPrintable(name, to: &line)
      line.append(
        contentsOf: repeatElement(UInt8(ascii: " "), count: max(0, width - line.count) + 2))
      let text = bytes.copy(document.textRange(value))
      Self.appendPrintable(ByteString(text), to: &line)
      let isTime = ["exp", "nbf", "iat", "auth_time", "access_token_iat"].contains(name)
      if isTime, document.nodes[value].kind == .number {
        line.append(
          text: "  \(Self.describe(NumericDate(bytes, document.nodes[value].range), name, now))")
      }
      out.append("    ")
      out.append(contentsOf: line)
      out.append("\n")
    }
  }

  /// `2026-11-21T07:00:00Z, expired 3 days ago`.
  private static func describe(_ time: NumericDate, _ name: ByteString, _ now: Timestamp) -> String
  {
    // Past the year 9999 a date says nothing; the clock's arithmetic saturates anyway.
    let dates: Range<Int64> = -253_402_300_799..<253_402_300_800
    guard dates.contains(time.floor.seconds) else { return "far from any date" }
    let distance = time.floor.seconds - now.seconds
    let isPast = time <= now
    let span = Seconds(abs(distance)).words
    let relation = distance == 0 ? "just now" : isPast ? "\(span) ago" : "in \(span)"
    let verb =
      name == "exp" && isPast ? "expired " : name == "nbf" && !isPast ? "not before then, " : ""
    return "\(time.floor.rfc3339), \(verb)\(relation)"
  }

  /// Text that can't move a terminal's cursor or turn its writing direction: control characters,
  /// also those past ASCII, and bidirectional marks are written as `\u{...}`.
  package static func appendPrintable(_ text: ByteString, to out: inout [UInt8]) {
    for scalar in text.description.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f,
        0xfeff, 0xe0000...0xe007f:
        out.append(text: "\\u{\(String(scalar.value, radix: 16))}")
      default: out.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
  }
}
