// Turns claims records into tokens: compose, sign, write.
// Owns: the header and the output's form. Must never: sign with a key whose time is over.

internal import JOSE

package struct SignProcessor: ChunkProcessor {
  private let options: SignOptions
  private var signer: TokenSigner
  private var composer: ClaimsComposer
  private var refresher: RefreshComposer?
  private var ring: SigningKey.RingRules?
  private var payload: [UInt8] = []
  private var refreshPayload: [UInt8] = []
  private var token: [UInt8] = []
  private var refreshToken: [UInt8] = []

  package init(_ options: SignOptions, keys: SigningKeys) {
    self.options = options
    let access = TokenSigner.Header(typ: options.typ, members: options.header)
    // Where typ tells what a token is for, a refresh token must not say what its access token does.
    let refresh = TokenSigner.Header(
      typ: options.typ == nil ? nil : "JWT", members: options.header)
    signer = TokenSigner(keys, [access, refresh])
    composer = ClaimsComposer(options)
    let jku = options.header.first { $0.name == "jku" }?.json
    refresher = options.refreshTTL.map { RefreshComposer(ttl: $0, jku: jku) }
  }

  package mutating func process(
    _ chunk: borrowing Chunk, into result: inout ChunkResult
  ) throws {
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      if isFirst { reject(chunk.firstLine, chunk, .tooLarge, nil, &result) }
      if options.keepsRejects {
        result.rejects.append(chunk.bytes.span, 0..<chunk.count)
        if isLast, result.rejects.last != UInt8(ascii: "\n") {
          result.rejects.append(UInt8(ascii: "\n"))
        }
      }
      return
    }
    // The clock, also for a regular file: a long run follows a rotation.
    let now = options.at ?? Timestamp.now
    try prepare(now)
    let bytes = chunk.bytes.span
    var start = 0
    var line = chunk.firstLine
    while start < chunk.count {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<chunk.count) ?? chunk.count
      let text = LineText.trim(bytes, start..<end)
      let failure =
        end - start > options.maxLine
        ? (Rejection.tooLarge, nil) : compose(bytes, text)
      if let (rejection, detail) = failure {
        reject(line, chunk, rejection, detail, &result)
        if options.keepsRejects {
          result.rejects.append(bytes, start..<end)
          result.rejects.append(UInt8(ascii: "\n"))
        }
      } else {
        try signer.sign(payload, header: 0, into: &token)
        if refresher != nil { try signer.sign(refreshPayload, header: 1, into: &refreshToken) }
        result.summary.count(Rejections())
        write(line, chunk.input, &result.output)
      }
      start = end + 1
      line += 1
    }
  }

  /// The key and the chunk's times, from one reading of the clock.
  private mutating func prepare(_ now: Timestamp) throws {
    let key = try signer.prepare(at: now)
    ring = key.ring
    composer.beginChunk(at: now, ring: key.ring)
    refresher?.beginChunk(at: now, kid: key.jwk.kid)
    if let refresher, let ring = key.ring, refresher.expiry > now + ring.maxTokenTTL {
      throw JOSEError(
        .badKey,
        "--refresh-ttl is longer than the ring's max_token_ttl \(ring.maxTokenTTL.text)")
    }
  }

  private mutating func compose(
    _ bytes: Span<UInt8>, _ text: Range<Int>
  ) -> (Rejection, String?)? {
    if let failure = composer.compose(bytes, text, into: &payload) { return failure }
    guard refresher != nil else { return nil }
    let access = payload
    let isMade = refresher?.compose(
      composer.composed, access.span, family: nil, into: &refreshPayload)
    return isMade == true
      ? nil : (.missingClaim, "a refresh token names its access token's \"jti\"")
  }

  // MARK: Output

  private func write(_ line: Int, _ input: Int, _ out: inout [UInt8]) {
    if options.format == .json {
      LineText.open(line, input, options.inputNames, to: &out)
      out.append(refresher == nil ? ",\"token\":\"" : ",\"access_token\":\"")
      out.append(contentsOf: token)
      if refresher != nil {
        out.append("\",\"refresh_token\":\"")
        out.append(contentsOf: refreshToken)
      }
      out.append("\"}\n")
    } else {
      out.append(contentsOf: token)
      out.append(UInt8(ascii: "\n"))
    }
  }

  private func reject(
    _ line: Int, _ chunk: borrowing Chunk, _ rejection: Rejection, _ detail: String?,
    _ result: inout ChunkResult
  ) {
    result.summary.count(Rejections(rejection))
    if options.format == .json {
      LineText.open(line, chunk.input, options.inputNames, to: &result.output)
      result.output.append(",\"error\":\"")
      result.output.append(rejection.code)
      result.output.append(UInt8(ascii: "\""))
      if let detail {
        result.output.append(",\"detail\":")
        JSONText.appendString(ByteString(detail), to: &result.output)
      }
      result.output.append(UInt8(ascii: "}"))
    }
    result.output.append(UInt8(ascii: "\n"))
    if result.notes.count < RejectedLine.limit {
      result.notes.append(
        RejectedLine(
          input: chunk.input, line: line, reasons: Rejections(rejection), detail: detail))
    }
  }
}
