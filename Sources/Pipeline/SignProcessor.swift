// Turns claims records into tokens (SPEC section 4).
// Owns: which claims are added, and the record's rules. Must never: rewrite what a record says
// unless told to, or sign a record that a verifier would have to reject.

package import JOSE

package struct SignOptions: Sendable {
  package enum Format: String, Sendable, CaseIterable { case token, json }

  /// Fixed claims to add, name and JSON text, in this order.
  package var claims: [(name: ByteString, json: [UInt8])] = []
  /// `nbf`: this long after now.
  package var notBefore: Seconds?
  /// `exp`: this long after now; nil is `defaultTTL`, which replaces no record's own.
  package var ttl: Seconds?
  package static let defaultTTL = Seconds(15 * 60)
  package var addsID = true
  /// Replace what a record has, in place of filling in what it lacks.
  package var overrides = false
  /// Add nothing, sign the record's bytes.
  package var asIs = false
  package var typ: ByteString? = "JWT"
  /// Further header members, name and JSON text.
  package var header: [(name: ByteString, json: [UInt8])] = []
  package var format = Format.token
  package var inputNames: [ByteString]?
  package var keepsRejects = false
  package var maxLine = 1 << 20
  /// nil: the clock.
  package var at: Timestamp?

  package init() {}

  /// RFC 9068 section 2.2.
  fileprivate static let accessTokenClaims: [ByteString] = [
    "iss", "exp", "aud", "sub", "client_id", "iat", "jti",
  ]

  fileprivate var isAccessTokenProfile: Bool {
    var policy = ClaimsPolicy()
    policy.typ = "at+jwt"
    return policy.accepts(typ: typ)
  }
}

package struct SignProcessor: ChunkProcessor {
  private let options: SignOptions
  private let keys: SigningKeys
  private let requiresAccessTokenClaims: Bool
  private var key: SigningKey?
  private var signer: Signer?
  /// The encoded header and its dot, for `key`.
  private var headerText: [UInt8] = []
  private var claims = Claims()
  private var payload: [UInt8] = []
  private var token: [UInt8] = []
  /// Random octets for the chunk's ids.
  private var random: [UInt8] = []
  private var randomUsed = 0
  /// The claims to add in this chunk, but for the ids.
  private var additions: [Addition] = []

  private struct Addition: Sendable {
    var name: ByteString
    /// `,"name":value`.
    var text: [UInt8]
    /// Also where the record has such a claim.
    var replaces: Bool

    init(_ name: ByteString, _ json: [UInt8], replaces: Bool) {
      self.name = name
      self.replaces = replaces
      text = [UInt8(ascii: ",")]
      JSONText.appendString(name, to: &text)
      text.append(UInt8(ascii: ":"))
      text.append(contentsOf: json)
    }
  }

  package init(_ options: SignOptions, keys: SigningKeys) {
    self.options = options
    self.keys = keys
    requiresAccessTokenClaims = options.isAccessTokenProfile
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
      let text = Self.trim(bytes, start..<end)
      let failure =
        end - start > options.maxLine
        ? (Rejection.tooLarge, nil) : compose(bytes, text, now)
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
    func decimal(_ time: Timestamp) -> [UInt8] { Array(String(time.seconds).utf8) }
    additions = options.claims.map { Addition($0.name, $0.json, replaces: options.overrides) }
    if let notBefore = options.notBefore {
      additions.append(Addition("nbf", decimal(now + notBefore), replaces: options.overrides))
    }
    additions.append(Addition("iat", decimal(now), replaces: false))
    let ttl = options.ttl ?? SignOptions.defaultTTL
    additions.append(
      Addition("exp", decimal(now + ttl), replaces: options.overrides && options.ttl != nil))
  }

  // MARK: One record

  /// Leaves the claims to sign in `payload`, or says what is wrong with the record.
  private mutating func compose(
    _ bytes: Span<UInt8>, _ text: Range<Int>, _ now: Timestamp
  ) -> (Rejection, String?)? {
    payload.removeAll(keepingCapacity: true)
    switch claims.parse(unsigned: bytes, text) {
    case .badPayload: return (.badJSON, text.isEmpty ? "an empty line" : "not a JSON object")
    case let other?: return (other, "a member name stands there twice")
    case nil: break
    }
    if options.asIs {
      payload.append(bytes, text)
    } else {
      if let name = wrongType(bytes) { return (.badClaim, "\"\(name)\" is of the wrong type") }
      fill(bytes, text)
    }
    return check(now)
  }

  /// A registered claim whose value no verifier may accept (RFC 7519 section 4.1).
  private func wrongType(_ bytes: Span<UInt8>) -> String? {
    let nodes = claims.document.nodes
    for (name, node) in [("iss", claims.iss), ("sub", claims.sub), ("jti", claims.jti)]
    where node != Claims.absent && nodes[node].kind != .string { return name }
    for (name, node) in [("exp", claims.exp), ("nbf", claims.nbf), ("iat", claims.iat)]
    where node != Claims.absent && nodes[node].kind != .number { return name }
    if claims.aud != Claims.absent, nodes[claims.aud].kind != .string {
      guard nodes[claims.aud].kind == .array else { return "aud" }
      for child in nodes[claims.aud + 1..<Int(nodes[claims.aud].next)] where child.kind != .string {
        return "aud"
      }
    }
    return nil
  }

  /// The record's own text with the added claims behind its members.
  private mutating func fill(_ bytes: Span<UInt8>, _ text: Range<Int>) {
    let document = claims.document
    var isEmpty = document.nodes.count == 1
    if additions.contains(where: { $0.replaces && present($0.name, bytes) }) {
      payload.append(UInt8(ascii: "{"))
      var child = 1
      while child < Int(document.nodes[0].next) {
        if !additions.contains(where: {
          $0.replaces && document.equals(child, text: $0.name, in: bytes)
        }) {
          if payload.count > 1 { payload.append(UInt8(ascii: ",")) }
          payload.append(bytes, document.textRange(child))
          payload.append(UInt8(ascii: ":"))
          payload.append(bytes, document.textRange(child + 1))
        }
        child = Int(document.nodes[child + 1].next)
      }
      isEmpty = payload.count == 1
    } else {
      payload.append(bytes, text.lowerBound..<text.upperBound - 1)
    }
    for addition in additions where addition.replaces || !present(addition.name, bytes) {
      // The first comma of the text is there to be left out.
      payload.append(addition.text.span, (isEmpty ? 1 : 0)..<addition.text.count)
      isEmpty = false
    }
    if options.addsID, claims.jti == Claims.absent {
      payload.append(isEmpty ? "\"jti\":\"" : ",\"jti\":\"")
      appendID()
      payload.append(UInt8(ascii: "\""))
    }
    payload.append(UInt8(ascii: "}"))
  }

  private func present(_ name: ByteString, _ bytes: Span<UInt8>) -> Bool {
    claims.document.member(named: name, in: bytes) != nil
  }

  /// The rules for what `payload` now says: those of RFC 9068 and of the ring.
  private mutating func check(_ now: Timestamp) -> (Rejection, String?)? {
    guard requiresAccessTokenClaims || key?.ring != nil else { return nil }
    var final = Claims()
    let made = exchange(&payload, with: [])
    defer { payload = made }
    let bytes = made.span
    if let rejection = final.parse(unsigned: bytes, 0..<made.count) { return (rejection, nil) }
    if requiresAccessTokenClaims {
      for name in SignOptions.accessTokenClaims
      where final.document.member(named: name, in: bytes) == nil {
        return (.missingClaim, "typ at+jwt requires \"\(name)\" (RFC 9068 section 2.2)")
      }
    }
    guard let ring = key?.ring else { return nil }
    switch final.time(final.exp, bytes) {
    case .none: return (.missingClaim, "a keyring signs no token without \"exp\"")
    case .some(nil): return (.badClaim, "\"exp\" is no number")
    case .some(let exp?):
      if exp > now + ring.maxTokenTTL {
        return (
          .outlivesKey,
          "\"exp\" is more than the ring's max_token_ttl \(ring.maxTokenTTL.text) away"
        )
      }
    }
    switch final.time(final.iat, bytes) {
    case .none: return nil
    case .some(nil): return (.badClaim, "\"iat\" is no number")
    case .some(let iat?):
      if iat < ring.activation { return (.badClaim, "\"iat\" is before the key's activation") }
      if iat > now + ring.clockSkew { return (.badClaim, "\"iat\" is in the future") }
    }
    return nil
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

  /// Appends a random UUID (RFC 9562 section 5.4).
  private mutating func appendID() {
    if randomUsed + 16 > random.count {
      random = randomOctets(4096)
      randomUsed = 0
    }
    for i in 0..<16 {
      var octet = random[randomUsed + i]
      if i == 6 { octet = octet & 0x0f | 0x40 }
      if i == 8 { octet = octet & 0x3f | 0x80 }
      if i == 4 || i == 6 || i == 8 || i == 10 { payload.append(UInt8(ascii: "-")) }
      payload.append(Self.hexDigit(octet >> 4))
      payload.append(Self.hexDigit(octet & 15))
    }
    randomUsed += 16
  }

  @inline(__always)
  private static func hexDigit(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
  }

  // MARK: Output

  private func write(_ line: Int, _ input: Int, _ out: inout [UInt8]) {
    if options.format == .json {
      open(line, input, &out)
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
      open(line, chunk.input, &result.output)
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

  private func open(_ line: Int, _ input: Int, _ out: inout [UInt8]) {
    out.append("{\"line\":")
    out.append(decimal: line)
    if let names = options.inputNames {
      out.append(",\"file\":")
      JSONText.appendString(names[input], to: &out)
    }
  }

  private static func trim(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    func isBlank(_ c: UInt8) -> Bool { c == 0x20 || c == 0x09 || c == 0x0d }
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    return start..<end
  }
}
