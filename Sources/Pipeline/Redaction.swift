// Lines without their tokens: every word that is one, was one, or is cut from one is replaced.
// Owns: what stands in a token's place. Must never: leave a signature, or write text from a token
// that could hold one or break the line's own syntax.

internal import JOSE

/// What is known of one token of a line.
struct RedactedToken: Sendable {
  /// Where it stands.
  var place: Range<Int>
  /// What replaces it, in the caller's labels.
  var label: Range<Int>
}

enum Redaction {
  /// Appends `[jwt kid=… jti=… valid]`, or the codes of why it is not. Names that nobody vouches for
  /// are left out by the caller.
  static func appendLabel(
    kid: ByteString?, jti: ByteString?, _ reasons: Rejections, to out: inout [UInt8]
  ) {
    out.append("[jwt")
    if let kid { append(" kid=", kid, to: &out) }
    if let jti { append(" jti=", jti, to: &out) }
    out.append(UInt8(ascii: " "))
    if reasons.isEmpty {
      out.append("valid")
    } else {
      var isFirst = true
      for reason in reasons {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        out.append(reason.code)
      }
    }
    out.append(UInt8(ascii: "]"))
  }

  /// Whether what stands where a token should may be a piece of one: one that is cut in its payload
  /// ends in a dot and a signature.
  static func isLike(_ bytes: Span<UInt8>, _ place: Range<Int>) -> Bool {
    if TokenSearch.next(bytes, in: place) != nil { return true }
    var letters = 0
    for i in place {
      letters = TokenSearch.isLetter(bytes[i]) ? letters + 1 : 0
      if letters == shortestSecret {
        return bytes.firstIndex(of: UInt8(ascii: "."), in: place) != nil
      }
    }
    return false
  }

  /// Of a signature or a payload, in letters.
  private static let shortestSecret = 20
  private static let longestName = 64

  /// A name as far as it can neither end a string of the line nor hide a token.
  private static func append(_ title: StaticString, _ name: ByteString, to out: inout [UInt8]) {
    guard TokenSearch.next(name.bytes.span, in: 0..<name.bytes.count) == nil else { return }
    out.append(title)
    for c in name.bytes.prefix(longestName) {
      let isPlain = TokenSearch.isLetter(c) || ".:~+/=@|".utf8.contains(c)
      out.append(isPlain ? c : UInt8(ascii: "?"))
    }
    if name.bytes.count > longestName { out.append("...") }
  }

  /// Appends `bytes[line]`; `tokens` are those of the line that were judged, in order.
  static func append(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ tokens: [RedactedToken], labels: [UInt8],
    to out: inout [UInt8]
  ) {
    var at = line.lowerBound
    var rest = tokens[...]
    while at < line.upperBound {
      let word = TokenSearch.next(bytes, in: at..<line.upperBound)
      while let first = rest.first, first.place.upperBound <= at { rest.removeFirst() }
      let token = rest.first
      guard word != nil || token != nil else { break }
      // The two overlap where the word is the token, or more or less of it.
      let start = min(
        word?.range.lowerBound ?? .max, max(token?.place.lowerBound ?? .max, at))
      var end = start
      var label: Range<Int>?
      if let token, token.place.lowerBound <= start || word?.range.overlaps(token.place) ?? false {
        end = token.place.upperBound
        label = token.label
      }
      if let word, word.range.lowerBound <= max(start, end) {
        end = max(end, word.range.upperBound)
      }
      out.append(bytes, at..<start)
      if let label {
        out.append(labels.span, label)
      } else {
        out.append("[jwt unverified]")
      }
      at = end
    }
    if at < line.upperBound { out.append(bytes, at..<line.upperBound) }
  }
}
