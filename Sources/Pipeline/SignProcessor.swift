// Turns claims records into tokens: compose, sign, write.
// Owns: the header and the output's form. Must never: sign with a key whose time is over.

internal import JOSE

package struct SignProcessor: ChunkProcessor {
  private let options: SignOptions
  private let keys: SigningKeys
  private var key: SigningKey?
  private var signer: Signer?
  /// The encoded header and its dot, for `key`.
  private var headerText: [UInt8] = []
  private var composer: ClaimsComposer
  private var payload: [UInt8] = []
  private var token: [UInt8] = []

  package init(_ options: SignOptions, keys: SigningKeys) {
    self.options = options
    self.keys = keys
    composer = ClaimsComposer(options)
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
        ? (Rejection.tooLarge, nil) : composer.compose(bytes, text, into: &payload)
      if let (rejection, detail) = failure {
        reject(line, chunk, rejection, detail, &result)
        if options.keepsRejects {
          result.rejects.append(bytes, start..<end)
          result.rejects.append(UInt8(ascii: "\n"))
        }
      } else {
        try sign()
        result.summary.count(Rejections())
        write(line, chunk.input, &result.output)
      }
      start = end + 1
      line += 1
    }
  }

  /// The key, its header and the chunk's times, from one reading of the clock.
  private mutating func prepare(_ now: Timestamp) throws {
    let current = try keys.current(at: now)
    if key?.generation != current.generation {
      signer = try Signer(current.jwk, current.algorithm)
      var header: [UInt8] = Array("{\"alg\":\"\(current.algorithm.name)\"".utf8)
      func add(_ name: ByteString, _ json: [UInt8]) {
        header.append(UInt8(ascii: ","))
        JSONText.appendString(name, to: &header)
        header.append(UInt8(ascii: ":"))
        header.append(contentsOf: json)
      }
      if let kid = current.jwk.kid { add("kid", JSONValue.string(kid).text()) }
      if let typ = options.typ { add("typ", JSONValue.string(typ).text()) }
      for (name, json) in options.header { add(name, json) }
      header.append(UInt8(ascii: "}"))
      headerText = Base64URL.encode(header) + [UInt8(ascii: ".")]
    }
    key = current
    composer.beginChunk(at: now, ring: current.ring)
  }

  private mutating func sign() throws(JOSEError) {
    guard let signer else { preconditionFailure("a chunk is prepared before its records") }
    token.removeAll(keepingCapacity: true)
    token.append(contentsOf: headerText)
    var made = exchange(&token, with: [])
    var signature = exchange(&payload, with: [])
    Base64URL.encode(signature.span, 0..<signature.count, into: &made)
    signature.removeAll(keepingCapacity: true)
    try signer.sign(made.span, 0..<made.count, into: &signature)
    made.append(UInt8(ascii: "."))
    Base64URL.encode(signature.span, 0..<signature.count, into: &made)
    (token, payload) = (made, signature)
  }

  // MARK: Output

  private func write(_ line: Int, _ input: Int, _ out: inout [UInt8]) {
    if options.format == .json {
      LineText.open(line, input, options.inputNames, to: &out)
      out.append(",\"token\":\"")
      out.append(contentsOf: token)
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
