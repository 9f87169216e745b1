// Turns lines into verdicts: judge a chunk's tokens, write, count.
// Owns: the order of these steps. Must never: write a raw token into a verdict.

internal import JOSE

package struct VerifyProcessor: ChunkProcessor {
  private let options: VerifyOptions
  private var judge: TokenJudge
  private let isLineTime: Bool
  private let isAcceptedShown: Bool
  private let fixedTime: Timestamp?
  /// Decoded payloads and signatures of the chunk.
  private var octets: [UInt8] = []
  private var issuers = IssuerCounts()
  private var details = DetailCounts()
  private var verdicts: VerdictWriter

  package init(_ options: VerifyOptions, keys: VerificationKeys) throws {
    self.options = options
    judge = try TokenJudge(options, keys: keys)
    verdicts = VerdictWriter(options)
    isLineTime = options.time.isLine
    isAcceptedShown = options.only != .invalid
    fixedTime = if case .fixed(let time) = options.time { time } else { nil }
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      return oversized(chunk, isFirst, isLast, &result)
    }
    let bytes = chunk.bytes.span
    // Taken out while a span of it is lent; put back for its capacity.
    var octets = exchange(&self.octets, with: [])
    defer { self.octets = octets }
    try judge.read(bytes, chunk.count, into: &octets)
    for index in judge.tokens.lines.indices {
      answer(index, chunk, bytes, octets.span, &result)
    }
    judge.endChunk()
    judge.flush(into: &result.summary)
    issuers.flush(into: &result.summary)
    result.summary.linesWithMore += judge.tokens.linesWithMore
    if options.countsDetails { details.flush(into: &result.summary) }
  }

  // MARK: A line

  private mutating func answer(
    _ index: Int, _ chunk: borrowing Chunk, _ bytes: Span<UInt8>, _ octets: Span<UInt8>,
    _ result: inout ChunkResult
  ) {
    let line = judge.tokens.lines[index]
    let moment = isLineTime ? line.moment : Moment(fixedTime ?? chunk.now)
    let number = chunk.firstLine + index
    var reasons = line.rejection.map(Rejections.init) ?? Rejections()
    verdicts.begin()
    var iat: Timestamp?
    var isWritten = false
    for i in line.tokens {
      let judged = judge.judge(judge.tokens.tokens[i], octets, at: moment, now: chunk.now)
      let (isAccepted, header) = (judged.reasons.isEmpty, judged.token.header)
      reasons.formUnion(judged.reasons)
      if header >= 0 { judge.count(header, accepted: isAccepted) }
      if judged.hasClaims {
        issuers.count(judge.claims, octets, accepted: isAccepted)
        if options.countsDetails {
          let kid = judge.tokens.headers.entries[header].kid
          let time = details.countToken(
            judge.claims, octets, kid: kid ?? judge.trust.keys[judged.key].jwk.kid,
            reasons: judged.reasons)
          iat = iat ?? time
        }
      }
      isWritten =
        judged.hasClaims && reasons.isEmpty && isAcceptedShown
        && verdicts.appendAccepted(
          number, judged, judge.tokens.headers.texts.span,
          judge.tokens.headers.entries[header].verdictText, octets,
          judge.claims.document.compactRange, &result.output)
      if !isWritten { verdicts.add(judged, judge.tokens, judge.claims, bytes, octets, judge.trust) }
    }
    if !isWritten, isShown(reasons.isEmpty) {
      verdicts.finish(
        .init(number: number, input: chunk.input, range: line.range, moment: line.moment), reasons,
        bytes, &result.output)
    }
    // Of a line that is too long only its count is known, wherever it was cut.
    if options.countsDetails, line.rejection != .tooLarge {
      details.countLine(bytes, line.range, time: line.moment?.earliest ?? iat, reasons: reasons)
    }
    note(number, chunk, reasons, &result)
    if !reasons.isEmpty, options.keepsRejects {
      result.rejects.append(bytes, line.range)
      result.rejects.append(UInt8(ascii: "\n"))
    }
  }

  // MARK: Counting

  private func isShown(_ accepted: Bool) -> Bool {
    options.only.map { $0 == (accepted ? .valid : .invalid) } ?? true
  }

  private func note(
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
    let piece = 0..<chunk.count
    let endsInNewline = chunk.count > 0 && chunk.bytes[chunk.count - 1] == UInt8(ascii: "\n")
    if isFirst { note(chunk.firstLine, chunk, Rejections(.tooLarge), &result) }
    if options.keepsRejects {
      result.rejects.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.rejects.append(UInt8(ascii: "\n")) }
    }
    guard isShown(false) else { return }
    if options.print == .line, !options.redacts {
      result.output.append(chunk.bytes.span, piece)
      if isLast && !endsInNewline { result.output.append(UInt8(ascii: "\n")) }
    } else if isFirst {
      verdicts.tooLarge(chunk.firstLine, chunk.input, &result.output)
    }
  }
}
