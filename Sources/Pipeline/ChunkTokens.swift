// The tokens of a chunk's lines, from where they stand to whether their signatures hold.
// Owns: locating, splitting, decoding, choosing keys, the batches. Must never: look at a claim of a
// token that is not verified, its issuer's name for choosing keys aside.

internal import JOSE

/// One a worker; its storage is used again from chunk to chunk.
struct ChunkTokens {
  struct Line: Sendable {
    var range: Range<Int>
    /// Why no token of the line is judged.
    var rejection: Rejection?
    /// The caller has seen to it: it was not searched for tokens.
    var isTaken = false
    /// The time that the line gives for itself, if that is asked for.
    var moment: Moment?
    /// In `tokens`.
    var tokens: Range<Int>
  }

  struct Token: Sendable {
    /// In the line's bytes, escapes included.
    var place: Range<Int>
    var isEscaped: Bool
    var rejection: Rejection?
    /// Index in the header memory, -1 without a header.
    var header = -1
    /// Index in the batch of its kind, -1 without one.
    var entry = -1
    /// Its signature was checked before.
    var isKnown = false
    /// Where its payload stands among the decoded octets, if nobody is to verify it.
    var unverifiedPayload: Range<Int>?
  }

  private let options: VerifyOptions
  /// Where a line's own time is, if that is asked for.
  private let time: (log: Bool, member: JSONPointer?)?
  private let trust: Trust
  private let engine: any SignatureEngine
  private var locator: Locator
  private(set) var headers: HeaderMemory
  private(set) var lines: [Line] = []
  private(set) var tokens: [Token] = []
  /// Lines of the chunk on which a token stands that is not judged.
  private(set) var linesWithMore = 0
  private var batch = SignatureBatch()
  /// Tokens that were written with escapes: their letters stand in `scratch`.
  private var escapedBatch = SignatureBatch()
  private var scratch: [UInt8] = []
  private var document = JSONDocument()
  /// A token of the chunk may be by more than one key.
  private var hasOtherKeys = false

  /// For one generation of the keys.
  init(_ options: VerifyOptions, _ current: VerificationKeys.Current) {
    self.options = options
    engine =
      options.lanes.map { LaneEngine(current.trust.keys, $0) } ?? OpenSSLEngine(current.trust.keys)
    time = if case .line(let log, let member) = options.time { (log, member) } else { nil }
    trust = current.trust
    locator = Locator(options.format, field: options.field)
    headers = HeaderMemory(trust, generation: current.generation, options)
  }

  /// Takes in the lines of a chunk and checks their signatures. `octets` gets the decoded payloads
  /// and signatures. Lines that `takes` says yes to are left to it.
  mutating func read(
    _ bytes: Span<UInt8>, _ count: Int, into octets: inout [UInt8],
    takes: (Span<UInt8>, Range<Int>) -> Bool = { _, _ in false }
  ) throws(JOSEError) {
    lines.removeAll(keepingCapacity: true)
    tokens.removeAll(keepingCapacity: true)
    octets.removeAll(keepingCapacity: true)
    scratch.removeAll(keepingCapacity: true)
    batch.removeAll()
    escapedBatch.removeAll()
    hasOtherKeys = false
    linesWithMore = 0
    headers.beginChunk()
    var start = 0
    while start < count {
      // The letters of a token hold no line end: most lines are looked through but once.
      let opening = TextLanes.word(bytes, start..<count)
      let behind = opening.range.upperBound..<count
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: behind) ?? count
      read(bytes, line: start..<end, opening, &octets, takes)
      start = end + 1
    }
    var plain = exchange(&batch, with: SignatureBatch())
    defer { batch = plain }
    try check(&plain, bytes, octets.span, areEscaped: false)
    guard escapedBatch.count > 0 else { return }
    var escaped = exchange(&escapedBatch, with: SignatureBatch())
    defer { escapedBatch = escaped }
    let letters = exchange(&scratch, with: [])
    defer { scratch = letters }
    try check(&escaped, letters.span, octets.span, areEscaped: true)
  }

  /// The token if its signature holds.
  func verified(_ token: Token) -> VerifiedJWS? {
    guard token.entry >= 0 else { return nil }
    return token.isEscaped ? escapedBatch.verified(token.entry) : batch.verified(token.entry)
  }

  mutating func count(_ header: Int, accepted: Bool) { headers.count(header, accepted: accepted) }
  mutating func flush(into summary: inout Summary) { headers.flush(into: &summary) }

  // MARK: Lines

  private mutating func read(
    _ bytes: Span<UInt8>, line range: Range<Int>, _ opening: TextLanes.Word,
    _ octets: inout [UInt8], _ takes: (Span<UInt8>, Range<Int>) -> Bool
  ) {
    let first = tokens.count
    var line = Line(range: range, tokens: first..<first)
    if range.count > options.maxLine {
      line.rejection = .tooLarge
    } else if takes(bytes, range) {
      line.isTaken = true
    } else {
      let found = locator.find(bytes, range, opening: opening, scratch: &scratch)
      if let time { line.moment = locator.time(bytes, range, log: time.log, member: time.member) }
      switch found {
      case .rejected(let rejection): line.rejection = rejection
      case .token(let place):
        add(bytes, place, opening, &octets)
        var at = options.tokens == .all ? range.lowerBound : place.line.upperBound
        while let next = locator.findNext(
          bytes, range, after: at, besides: place, scratch: &scratch)
        {
          guard options.tokens == .all else {
            linesWithMore += 1
            break
          }
          add(bytes, next, nil, &octets)
          at = next.line.upperBound
        }
      }
    }
    line.tokens = first..<tokens.count
    lines.append(line)
  }

  private mutating func add(
    _ bytes: Span<UInt8>, _ place: Locator.Place, _ opening: TextLanes.Word?,
    _ octets: inout [UInt8]
  ) {
    var token = Token(place: place.line, isEscaped: place.unescaped != nil)
    if let unescaped = place.unescaped {
      let text = exchange(&scratch, with: [])
      parse(text.span, UnverifiedJWS(text.span, unescaped), &octets, &token)
      scratch = text
    } else if let opening, opening.range == place.line {
      parse(bytes, UnverifiedJWS(opening), &octets, &token)
    } else {
      parse(bytes, UnverifiedJWS(bytes, place.line), &octets, &token)
    }
    tokens.append(token)
  }

  // MARK: Tokens

  private mutating func parse(
    _ bytes: Span<UInt8>, _ parts: UnverifiedJWS?, _ octets: inout [UInt8], _ token: inout Token
  ) {
    guard let parts else {
      token.rejection = .malformed
      return
    }
    let start = octets.count
    var issuer = 0
    if trust.asksForIssuer {
      guard Base64URL.decode(bytes, parts.payload, into: &octets, isPublic: true) else {
        token.rejection = .badBase64
        return
      }
      guard let found = claimedIssuer(octets.span, start..<octets.count) else {
        token.rejection = .untrustedIssuer
        return
      }
      issuer = found
    }
    token.header = headers.find(bytes, parts.header, issuer: issuer)
    let header = token.header
    if let rejection = headers.entries[header].rejection {
      token.rejection = rejection
      return
    }
    if headers.entries[header].isUnencoded {
      octets.append(bytes, parts.payload)
    } else if !trust.asksForIssuer,
      !Base64URL.decode(bytes, parts.payload, into: &octets, isPublic: true)
    {
      token.rejection = .badBase64
      return
    }
    let middle = octets.count
    guard Base64URL.decode(bytes, parts.signature, into: &octets, isPublic: true) else {
      token.rejection = .badBase64
      return
    }
    guard !options.isUnverified else {
      token.unverifiedPayload = start..<middle
      return
    }
    var key = headers.entries[header].key
    if let number = headers.entries[header].number, let memory = options.memory {
      let found = memory.find(
        .init(header: number, payloadCount: middle - start), octets.span, start..<octets.count)
      if let found { (key, token.isKnown) = (found, true) }
    }
    if !headers.entries[header].others.isEmpty { hasOtherKeys = true }
    let algorithm = headers.entries[header].algorithm
    let (signature, isKnown) = (middle..<octets.count, token.isKnown)
    func add(to batch: inout SignatureBatch) -> Int {
      batch.append(
        key: key, algorithm, input: parts.signingInput, signature: signature,
        payload: start..<middle, isKnown: isKnown)
    }
    token.entry = token.isEscaped ? add(to: &escapedBatch) : add(to: &batch)
  }

  /// The issuer that an unverified payload names. Its keys alone are tried then, so a name that is
  /// not the signer's own leads nowhere.
  private mutating func claimedIssuer(_ octets: Span<UInt8>, _ payload: Range<Int>) -> Int? {
    guard document.parse(octets, payload, isPublic: true) == nil,
      let node = document.member("iss", in: octets), document.nodes[node].kind == .string
    else { return nil }
    return trust.issuer(named: ByteString(document.unescaped(node, in: octets)))
  }

  // MARK: Signatures

  private mutating func check(
    _ batch: inout SignatureBatch, _ input: Span<UInt8>, _ octets: Span<UInt8>,
    areEscaped: Bool
  ) throws(JOSEError) {
    try engine.verify(&batch, input: input, octets: octets)
    var round = 0
    while hasOtherKeys, retry(&batch, round, areEscaped) {
      try engine.verify(&batch, input: input, octets: octets)
      round += 1
    }
    guard let memory = options.memory else { return }
    for token in tokens
    where token.isEscaped == areEscaped && token.entry >= 0 && !token.isKnown {
      guard let verified = batch.verified(token.entry),
        let number = headers.number(ofVerified: token.header)
      else { continue }
      memory.insert(
        .init(header: number, payloadCount: verified.payload.count), octets,
        batch.octets(token.entry), verifiedBy: verified.key)
    }
  }

  /// Asks about the tokens that no key has verified yet with the next key that each may be by.
  private func retry(_ batch: inout SignatureBatch, _ round: Int, _ areEscaped: Bool) -> Bool {
    var isAsked = false
    for token in tokens
    where token.isEscaped == areEscaped && token.entry >= 0
      && batch.answer(token.entry) == .invalid
    {
      let others = headers.entries[token.header].others
      guard round < others.count else { continue }
      batch.retry(token.entry, key: others[round])
      isAsked = true
    }
    return isAsked
  }
}
