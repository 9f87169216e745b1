// What a judged line becomes: a verdict, its claims, the line itself, or the line without tokens.
// Owns: the form of the output. Must never: judge, or allocate for each record.

internal import JOSE

/// One a worker: it collects what is said of a line's tokens, and then writes the line.
struct VerdictWriter {
  struct Line {
    var number: Int
    var input: Int
    var range: Range<Int>
    /// The time that the line gives for itself.
    var moment: Moment?
  }

  private let options: VerifyOptions
  /// A line's verdict is that of one token, and holds no more than the token's.
  private let isPlain: Bool
  /// The members of a verdict behind its `errors`, or with several tokens whole objects.
  private var members: [UInt8] = []
  private var claims: [UInt8] = []
  private var labels: [UInt8] = []
  private var redacted: [RedactedToken] = []

  init(_ options: VerifyOptions) {
    self.options = options
    isPlain =
      options.print == .verdict && options.tokens == .first && options.inputNames == nil
      && options.time.isNow
  }

  /// Forgets the line before.
  mutating func begin() {
    // Emptying an array that is empty is a call that lines without a token can do without.
    if !members.isEmpty { members.removeAll(keepingCapacity: true) }
    if !claims.isEmpty { claims.removeAll(keepingCapacity: true) }
    if !labels.isEmpty { labels.removeAll(keepingCapacity: true) }
    if !redacted.isEmpty { redacted.removeAll(keepingCapacity: true) }
  }

  // MARK: An accepted token

  /// Appends the verdict of line `number` if that is all there is to write, as for most tokens: the
  /// one of the line, accepted, its claims (in `octets`) without white space. Else nothing, and
  /// false. `header`: what of `texts` stands in a verdict.
  func appendAccepted(
    _ number: Int, _ judged: borrowing JudgedToken, _ texts: Span<UInt8>, _ header: Range<Int>,
    _ octets: Span<UInt8>, _ claims: Range<Int>?, _ out: inout [UInt8]
  ) -> Bool {
    guard isPlain, judged.reasons.isEmpty, !judged.revokedNow, let claims else { return false }
    out.append(addingCapacity: header.count + claims.count + 64) { output in
      output.append("{\"line\":")
      output.append(decimal: number)
      output.append(",\"valid\":true")
      output.append(texts, header)
      output.append(",\"claims\":")
      output.append(octets, claims)
      output.append("}\n")
    }
    return true
  }

  // MARK: Tokens

  /// Takes what is said of the line's next token, whose claims are in `claims`.
  mutating func add(
    _ judged: JudgedToken, _ tokens: borrowing ChunkTokens, _ claims: borrowing Claims,
    _ bytes: Span<UInt8>, _ octets: Span<UInt8>, _ trust: Trust
  ) {
    switch options.print {
    case .none: return
    case .claims:
      if judged.hasClaims, judged.reasons.isEmpty {
        claims.document.appendCompact(octets, to: &self.claims)
      }
    case .line:
      if options.redacts { addLabel(judged, tokens, claims, bytes, octets, trust) }
    case .verdict:
      if options.tokens == .all {
        members.append(members.isEmpty ? "{\"valid\":" : ",{\"valid\":")
        Self.appendOutcome(judged.reasons, to: &members)
      }
      addMembers(judged, tokens, claims, octets)
      if options.tokens == .all { members.append(UInt8(ascii: "}")) }
    }
  }

  private mutating func addMembers(
    _ judged: JudgedToken, _ tokens: borrowing ChunkTokens, _ claims: borrowing Claims,
    _ octets: Span<UInt8>
  ) {
    if let expired = judged.expiredNow {
      members.append(expired ? ",\"expired_now\":true" : ",\"expired_now\":false")
    }
    if judged.revokedNow { members.append(",\"revoked_now\":true") }
    if judged.token.header >= 0 {
      members.append(
        tokens.headers.texts.span, tokens.headers.entries[judged.token.header].verdictText)
    }
    if judged.hasClaims {
      members.append(",\"claims\":")
      claims.document.appendCompact(octets, to: &members)
    }
  }

  private mutating func addLabel(
    _ judged: JudgedToken, _ tokens: borrowing ChunkTokens, _ claims: borrowing Claims,
    _ bytes: Span<UInt8>, _ octets: Span<UInt8>, _ trust: Trust
  ) {
    let token = judged.token
    // What stands where a token should, and is nothing like one, can stay.
    guard token.rejection != .malformed || token.isEscaped || Redaction.isLike(bytes, token.place)
    else { return }
    // A name that is no key's may be anything, somebody's password too.
    var kid: ByteString?
    if token.entry >= 0, let named = tokens.headers.entries[token.header].kid,
      trust.keys[tokens.headers.entries[token.header].key].jwk.kid == named
    {
      kid = named
    }
    let jti = judged.hasClaims ? claims.string(claims.jti, octets) : nil
    let start = labels.count
    Redaction.appendLabel(kid: kid, jti: jti, judged.reasons, to: &labels)
    redacted.append(RedactedToken(place: token.place, label: start..<labels.count))
  }

  // MARK: The line

  /// Appends the line's output. `reasons` are those of all its tokens.
  mutating func finish(
    _ line: Line, _ reasons: Rejections, _ bytes: Span<UInt8>, _ out: inout [UInt8]
  ) {
    switch options.print {
    case .none: return
    case .claims: out.append(contentsOf: claims)
    case .line:
      if options.redacts, reasons.contains(.tooLarge) {
        out.append("[jotmill: too_large]")
      } else if options.redacts {
        redacted.sort { $0.place.lowerBound < $1.place.lowerBound }
        Redaction.append(bytes, line.range, redacted, labels: labels, to: &out)
      } else {
        out.append(bytes, line.range)
      }
    case .verdict:
      LineText.open(line.number, line.input, options.inputNames, to: &out)
      out.append(",\"valid\":")
      Self.appendOutcome(reasons, to: &out)
      if let moment = line.moment {
        out.append(",\"at\":\"")
        moment.earliest.append(to: &out, withFraction: true)
        out.append(UInt8(ascii: "\""))
      }
      if options.tokens == .all { out.append(",\"tokens\":[") }
      out.append(contentsOf: members)
      out.append(options.tokens == .all ? "]}" : "}")
    }
    out.append(UInt8(ascii: "\n"))
  }

  /// A line that is longer than one may be.
  func tooLarge(_ number: Int, _ input: Int, _ out: inout [UInt8]) {
    switch options.print {
    case .none: return
    case .claims: break
    case .line: out.append("[jotmill: too_large]")
    case .verdict:
      LineText.open(number, input, options.inputNames, to: &out)
      out.append(",\"valid\":")
      Self.appendOutcome(Rejections(.tooLarge), to: &out)
      out.append(options.tokens == .all ? ",\"tokens\":[]}" : "}")
    }
    out.append(UInt8(ascii: "\n"))
  }

  /// Appends `true`, or `false,"errors":[…]`.
  static func appendOutcome(_ reasons: Rejections, to out: inout [UInt8]) {
    guard !reasons.isEmpty else { return out.append("true") }
    out.append("false,\"errors\":[")
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
