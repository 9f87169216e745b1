// Turns lines into verdicts: locate, parse, check the chunk's signatures in one batch, judge, write.
// Owns: the order of these steps. Must never: show claims of a token whose signature did not hold,
// or write a raw token into a verdict.

package import JOSE

package struct VerifyProcessor: ChunkProcessor {
  private struct Record {
    var line: Range<Int32>
    var rejection: Rejection?
    /// Index in the header memory, -1 without a header.
    var header: Int32 = -1
    /// Index in the batch, or in `escapedBatch`.
    var entry: Int32 = -1
    var isEscaped = false
  }

  private let options: VerifyOptions
  private let keys: VerificationKeys
  private let makeEngine: @Sendable (KeySet) -> any SignatureEngine
  private var locator: Locator
  // Made of one generation of the keys; `follow` makes them anew together.
  private var generation: Int
  private var engine: any SignatureEngine
  private var headers: HeaderMemory
  /// Each key's window; empty when no key has one.
  private var windows: [KeyWindow?]
  private var records: [Record] = []
  /// Decoded payloads and signatures of the chunk.
  private var octets: [UInt8] = []
  private var batch = SignatureBatch()
  /// Tokens that a JSON record wrote with escapes: their bytes stand in `scratch`.
  private var escapedBatch = SignatureBatch()
  private var scratch: [UInt8] = []
  private var claims = Claims()
  private var issuers = IssuerCounts()

  package init(
    _ options: VerifyOptions, keys: VerificationKeys,
    engine makeEngine: @escaping @Sendable (KeySet) -> any SignatureEngine = { OpenSSLEngine($0) }
  ) {
    self.options = options
    self.keys = keys
    self.makeEngine = makeEngine
    locator = Locator(options.format, field: options.field)
    let (current, generation) = keys.current()
    self.generation = generation
    engine = makeEngine(current)
    headers = Self.headers(current, options)
    windows = current.windows
  }

  /// Takes the keys as they are now. Between chunks: a choice of key is good for one generation.
  private mutating func follow() {
    let (current, generation) = keys.current()
    guard generation != self.generation else { return }
    self.generation = generation
    engine = makeEngine(current)
    headers = Self.headers(current, options)
    windows = current.windows
  }

  private static func headers(_ keys: KeySet, _ options: VerifyOptions) -> HeaderMemory {
    HeaderMemory(keys, policy: options.policy, allowed: options.allowed, raw: options.raw)
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      return oversized(chunk, isFirst, isLast, &result)
    }
    follow()
    let bytes = chunk.bytes.span
    records.removeAll(keepingCapacity: true)
    octets.removeAll(keepingCapacity: true)
    scratch.removeAll(keepingCapacity: true)
    batch.removeAll()
    escapedBatch.removeAll()
    headers.beginChunk()
    var start = 0
    while start < chunk.count {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<chunk.count) ?? chunk.count
      read(bytes, start..<end)
      start = end + 1
    }
    // Taken out while spans of them are lent; put back for their capacity.
    let octets = exchange(&self.octets, with: [])
    let scratch = exchange(&self.scratch, with: [])
    defer { (self.octets, self.scratch) = (octets, scratch) }
    try engine.verify(&batch, input: bytes, octets: octets.span)
    if escapedBatch.count > 0 {
      try engine.verify(&escapedBatch, input: scratch.span, octets: octets.span)
    }
    let now = options.at ?? chunk.now
    for index in records.indices { judge(index, chunk, bytes, octets.span, now, &result) }
    headers.flush(into: &result.summary)
    issuers.flush(into: &result.summary)
  }

  // MARK: Before the signatures

  private mutating func read(_ bytes: Span<UInt8>, _ line: Range<Int>) {
    var record = Record(line: Int32(line.lowerBound)..<Int32(line.upperBound))
    if line.count > options.maxLine {
      record.rejection = .tooLarge
    } else {
      switch locator.find(bytes, line, scratch: &scratch) {
      case .rejected(let rejection): record.rejection = rejection
      case .token(let range): parse(bytes, range, &record)
      case .unescaped(let range):
        record.isEscaped = true
        let text = scratch
        parse(text.span, range, &record)
      }
    }
    records.append(record)
  }

  private mutating func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ record: inout Record
  ) {
    guard let token = UnverifiedJWS(bytes, range) else {
      record.rejection = .malformed
      return
    }
    let index = headers.find(bytes, token.header)
    record.header = Int32(index)
    if let rejection = headers.entries[index].rejection {
      record.rejection = rejection
      return
    }
    let start = octets.count
    if headers.entries[index].isUnencoded {
      octets.append(bytes, token.payload)
    } else if !Base64URL.decode(bytes, token.payload, into: &octets) {
      record.rejection = .badBase64
      return
    }
    let middle = octets.count
    guard Base64URL.decode(bytes, token.signature, into: &octets) else {
      record.rejection = .badBase64
      return
    }
    let (key, algorithm) = (headers.entries[index].key, headers.entries[index].algorithm)
    let (signature, payload) = (middle..<octets.count, start..<middle)
    let entry =
      record.isEscaped
      ? escapedBatch.append(
        key: key, algorithm, input: token.signingInput, signature: signature, payload: payload)
      : batch.append(
        key: key, algorithm, input: token.signingInput, signature: signature, payload: payload)
    record.entry = Int32(entry)
  }

  // MARK: After the signatures

  private mutating func judge(
    _ index: Int, _ chunk: borrowing Chunk, _ bytes: Span<UInt8>, _ octets: Span<UInt8>,
    _ now: Timestamp, _ result: inout ChunkResult
  ) {
    let record = records[index]
    let header = Int(record.header)
    var reasons = Rejections()
    var hasClaims = false
    if let rejection = record.rejection {
      reasons.insert(rejection)
    } else {
      let entry = Int(record.entry)
      let verified = record.isEscaped ? escapedBatch.verified(entry) : batch.verified(entry)
      if let verified {
        let acceptsTyp = headers.entries[header].acceptsTyp
        if options.raw {
          if !acceptsTyp { reasons.insert(.wrongTyp) }
        } else if let rejection = claims.parse(verified, octets) {
          reasons.insert(rejection)
        } else {
          hasClaims = true
          reasons = options.policy.judge(claims, octets, acceptsTyp: acceptsTyp, at: now)
        }
        if !windows.isEmpty { judgeWindow(verified.key, hasClaims ? octets : nil, &reasons) }
      } else {
        reasons.insert(.badSignature)
      }
    }
    let accepted = reasons.isEmpty
    if header >= 0 { headers.count(header, accepted: accepted) }
    if hasClaims { issuers.count(claims, octets, accepted: accepted) }
    let line = chunk.firstLine + index
    let range = Int(record.line.lowerBound)..<Int(record.line.upperBound)
    write(line, chunk, bytes, range, header, hasClaims ? octets : nil, reasons, &result)
    finish(line, chunk, reasons, &result)
    if !accepted, options.keepsRejects {
      result.rejects.append(bytes, range)
      result.rejects.append(UInt8(ascii: "\n"))
    }
  }

  /// Apart from `judge`, so that keys without windows pay for none of it.
  @inline(never)
  private func judgeWindow(_ key: Int, _ payloads: Span<UInt8>?, _ reasons: inout Rejections) {
    guard let window = windows[key] else { return }
    let failures =
      if let payloads { window.failures(claims, payloads) } else { window.failuresWithoutClaims }
    reasons.formUnion(failures)
  }

  private func isShown(_ accepted: Bool) -> Bool {
    options.only.map { $0 == (accepted ? .valid : .invalid) } ?? true
  }

  private func write(
    _ line: Int, _ chunk: borrowing Chunk, _ bytes: Span<UInt8>, _ range: Range<Int>,
    _ header: Int, _ payloads: Span<UInt8>?, _ reasons: Rejections, _ result: inout ChunkResult
  ) {
    let accepted = reasons.isEmpty
    guard isShown(accepted) else { return }
    switch options.print {
    case .none: return
    case .line: result.output.append(bytes, range)
    case .claims:
      if accepted, let payloads { claims.document.appendCompact(payloads, to: &result.output) }
    case .verdict:
      openVerdict(line, chunk.input, reasons, &result.output)
      if header >= 0 { result.output.append(contentsOf: headers.entries[header].verdictText) }
      if let payloads {
        result.output.append(",\"claims\":")
        claims.document.appendCompact(payloads, to: &result.output)
      }
      result.output.append(UInt8(ascii: "}"))
    }
    result.output.append(UInt8(ascii: "\n"))
  }

  private func openVerdict(
    _ line: Int, _ input: Int, _ reasons: Rejections, _ out: inout [UInt8]
  ) {
    LineText.open(line, input, options.inputNames, to: &out)
    if reasons.isEmpty {
      out.append(",\"valid\":true")
    } else {
      out.append(",\"valid\":false,\"errors\":[")
      var isFirst = true
      for reason in reasons {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        out.append(UInt8(ascii: "\""))
        out.append(reason.code)
        out.append(UInt8(ascii: "\""))
      }
      out.append(UInt8(ascii: "]"))
    }
  }

  private func finish(
    _ line: Int, _ chunk: borrowing Chunk, _ reasons: Rejections, _ result: inout ChunkResult
  ) {
    result.summary.count(reasons)
    if !reasons.isEmpty, result.notes.count < RejectedLine.limit {
      result.notes.append(RejectedLine(input: chunk.input, line: line, reasons: reasons))
    }
  }

  /// A line over the limit: one verdict with its first piece; its bytes only ever pass through.
  private func oversized(
    _ chunk: borrowing Chunk, _ isFirst: Bool, _ isLast: Bool, _ result: inout ChunkResult
  ) {
    let reasons = Rejections(.tooLarge)
    let piece = 0..<chunk.count
    let endsInNewline = chunk.count > 0 && chunk.bytes[chunk.count - 1] == UInt8(ascii: "\n")
    if isFirst { finish(chunk.firstLine, chunk, reasons, &result) }
    if options.keepsRejects {
      result.rejects.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.rejects.append(UInt8(ascii: "\n")) }
    }
    guard isShown(false) else { return }
    switch options.print {
    case .none: break
    case .line:
      result.output.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.output.append(UInt8(ascii: "\n")) }
    case .claims: if isFirst { result.output.append(UInt8(ascii: "\n")) }
    case .verdict:
      if isFirst {
        openVerdict(chunk.firstLine, chunk.input, reasons, &result.output)
        result.output.append("}\n")
      }
    }
  }
}
