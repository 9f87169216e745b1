// Turns lines into entries of a denylist, and each line into word of what became of it.
// Owns: which lines say what to revoke, and the form of the answers. Must never: answer for a line
// before its entries are durable, or take a claim of a token that is not verified, unless that was
// asked for.

internal import JOSE
package import Keyring

package struct RevokeProcessor: ChunkProcessor {
  /// What is to be answered for a line.
  private struct Answer {
    /// Its entries; of a line that is refused those of the tokens that were not.
    var entries: Range<Int>
    var reasons = Rejections()
    var detail: String?
  }

  private let options: VerifyOptions
  private let list: DenylistWriter
  private let keys: VerificationKeys
  private let life: @Sendable () throws -> TokenLife?
  // As of the chunk.
  private var generation: Int
  private var tokens: ChunkTokens
  private var revocation = TokenRevocation(nil)
  private var reader = RevocationReader()
  private var claims = Claims()
  /// Decoded payloads and signatures of the chunk.
  private var octets: [UInt8] = []
  /// What the records of the chunk say, in order.
  private var records: [RevocationReader.Found] = []
  private var answers: [Answer] = []
  private var entries: [DenylistWriter.Entry] = []

  /// `life`: how long the tokens may live, asked for each chunk; nil if nobody knows.
  package init(
    _ options: VerifyOptions, keys: VerificationKeys, list: DenylistWriter,
    life: @escaping @Sendable () throws -> TokenLife?
  ) throws {
    (self.options, self.list, self.keys, self.life) = (options, list, keys, life)
    let current = try keys.current()
    generation = current.generation
    tokens = ChunkTokens(options, current)
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      return oversized(chunk, isFirst, isLast, &result)
    }
    try follow()
    // The clock, also for a regular file: a long run revokes what is issued meanwhile.
    let now = Timestamp.now
    let bytes = chunk.bytes.span
    // Taken out while spans of them are lent; put back for their capacity.
    var octets = exchange(&self.octets, with: [])
    defer { self.octets = octets }
    try read(bytes, chunk.count, at: now, &octets)
    collect(octets.span, at: now)
    let outcomes = try list.append(entries, at: .now)
    for index in answers.indices { answer(index, outcomes, chunk, bytes, &result) }
    tokens.flush(into: &result.summary)
    result.summary.linesWithMore += tokens.linesWithMore
  }

  /// Takes the keys and the policy as they are now: a run on a pipe outlives them.
  private mutating func follow() throws {
    revocation = TokenRevocation(try life())
    let current = try keys.current()
    guard current.generation != generation else { return }
    generation = current.generation
    tokens = ChunkTokens(options, current)
  }

  // MARK: Lines

  private mutating func read(
    _ bytes: Span<UInt8>, _ count: Int, at now: Timestamp, _ octets: inout [UInt8]
  ) throws(JOSEError) {
    records.removeAll(keepingCapacity: true)
    var records = exchange(&self.records, with: [])
    var reader = self.reader
    let format = options.format
    try tokens.read(bytes, count, into: &octets) { bytes, range in
      let text = LineText.trim(bytes, range)
      let isObject = !text.isEmpty && bytes[text.lowerBound] == UInt8(ascii: "{")
      guard !text.isEmpty, format == .json || format == .auto && isObject,
        let found = reader.read(bytes, text, at: now)
      else { return false }
      records.append(found)
      return true
    }
    (self.records, self.reader) = (records, reader)
  }

  private mutating func collect(_ octets: Span<UInt8>, at now: Timestamp) {
    answers.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    var record = 0
    for line in tokens.lines {
      let first = entries.count
      var answer = Answer(entries: first..<first)
      if let rejection = line.rejection { answer.reasons.insert(rejection) }
      if line.isTaken {
        switch records[record] {
        case .entry(let entry): entries.append(entry)
        case .refused(let rejection, let detail):
          answer.reasons.insert(rejection)
          answer.detail = detail
        }
        record += 1
      }
      for index in line.tokens {
        let token = tokens.tokens[index]
        let reasons = take(token, octets, at: now)
        answer.reasons.formUnion(reasons)
        if token.header >= 0 { tokens.count(token.header, accepted: reasons.isEmpty) }
      }
      answer.entries = first..<entries.count
      answers.append(answer)
    }
  }

  /// Takes the entries for a token, or says why there are none. As of when it is good is not asked:
  /// one that has expired, or is by a key that was revoked, may be listed too.
  private mutating func take(
    _ token: ChunkTokens.Token, _ octets: Span<UInt8>, at now: Timestamp
  ) -> Rejections {
    if let rejection = token.rejection { return Rejections(rejection) }
    let failure: Rejection?
    if let payload = token.unverifiedPayload {
      failure = claims.parse(unsigned: octets, payload)
    } else if let verified = tokens.verified(token) {
      failure = claims.parse(verified, octets)
    } else {
      failure = .badSignature
    }
    if let failure { return Rejections(failure) }
    return revocation.append(claims, octets, at: now, to: &entries)
  }

  // MARK: Answers

  private func answer(
    _ index: Int, _ outcomes: [DenylistWriter.Outcome], _ chunk: borrowing Chunk,
    _ bytes: Span<UInt8>, _ result: inout ChunkResult
  ) {
    let answer = answers[index]
    let number = chunk.firstLine + index
    var added = 0
    for i in answer.entries where outcomes[i] == .added { added += 1 }
    LineText.open(number, chunk.input, options.inputNames, to: &result.output)
    guard !answer.reasons.isEmpty else {
      result.summary.count(Rejections())
      result.output.append(",\"revoked\":true,\"added\":")
      result.output.append(decimal: added)
      result.output.append("}\n")
      return
    }
    refuse(number, chunk, answer.reasons, answer.detail, &result)
    if !answer.entries.isEmpty {
      result.output.append(",\"added\":")
      result.output.append(decimal: added)
    }
    result.output.append("}\n")
    if options.keepsRejects {
      result.rejects.append(bytes, tokens.lines[index].range)
      result.rejects.append(UInt8(ascii: "\n"))
    }
  }

  /// Counts a line, and goes on with the object that answers it.
  private func refuse(
    _ line: Int, _ chunk: borrowing Chunk, _ reasons: Rejections, _ detail: String?,
    _ result: inout ChunkResult
  ) {
    result.summary.count(reasons)
    result.output.append(",\"revoked\":")
    VerdictWriter.appendOutcome(reasons, to: &result.output)
    if let detail {
      result.output.append(",\"detail\":")
      JSONText.appendString(ByteString(detail), to: &result.output)
    }
    guard result.notes.count < RejectedLine.limit else { return }
    result.notes.append(
      RejectedLine(input: chunk.input, line: line, reasons: reasons, detail: detail))
  }

  /// A line over the limit: one answer with its first piece; its bytes only ever pass through.
  private func oversized(
    _ chunk: borrowing Chunk, _ isFirst: Bool, _ isLast: Bool, _ result: inout ChunkResult
  ) {
    if isFirst {
      LineText.open(chunk.firstLine, chunk.input, options.inputNames, to: &result.output)
      refuse(chunk.firstLine, chunk, Rejections(.tooLarge), nil, &result)
      result.output.append("}\n")
    }
    guard options.keepsRejects else { return }
    result.rejects.append(chunk.bytes.span, 0..<chunk.count)
    if isLast, result.rejects.last != UInt8(ascii: "\n") {
      result.rejects.append(UInt8(ascii: "\n"))
    }
  }
}
