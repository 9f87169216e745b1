// One line of denylist.ndjson: an object with what is revoked, from when on and until when it matters.
// Owns: the format. Must never: pass over a member that it does not know, or revoke less than is
// written.
//
//     iss         whose tokens are meant; without it, any issuer's
//     jti | family | kid | sub    one of them: a token's id, a family of tokens, a key, a subject
//     before      with sub, and always there: tokens issued earlier, or without a time
//     revoked_at  from then on; without it, since ever
//     type        "access" or "refresh": what the token was, for people
//     exp         nothing that is meant lives longer: from then on the entry may be pruned. On every
//                 kind; it changes no verdict
//     reason      for people
//
// Times are RFC 3339's or Unix seconds.

internal import JOSE

/// Reads lines, one after the other.
struct DenylistLine: Sendable {
  struct Members {
    var kind: DenylistTable.Kind
    /// Node of the text that says what is revoked.
    var subject: Int
    /// Node of the issuer.
    var iss: Int?
    /// As the table holds it, moved so that more is revoked. With `sub` alone.
    var before: Int64?
    var revokedAt: Int64
    /// Moved so that the entry stays longer; nil: it always stays.
    var exp: Timestamp?
  }

  var document = JSONDocument()

  /// What stands in a line; nil if it is blank, or if it is the last of a file, without a newline,
  /// and its writer died within it.
  mutating func members(
    _ bytes: Span<UInt8>, _ range: Range<Int>, isLast: Bool
  ) throws(BadLine) -> Members? {
    switch document.parse(bytes, range) {
    case .syntax:
      if isLast || Self.isBlank(bytes, range) { return nil }
      throw BadLine("not valid JSON")
    case .duplicateMember: throw BadLine("a member stands there twice")
    case nil: break
    }
    guard document.nodes[0].kind == .object else { throw BadLine("not an object") }
    let found = try texts(bytes)
    guard let (kind, subject) = found.subject else {
      throw BadLine("none of \"jti\", \"family\", \"sub\" and \"kid\"")
    }
    guard (kind == .sub) == (found.before != nil) else {
      throw BadLine(
        kind == .sub ? "\"sub\" without \"before\"" : "\"before\" goes with \"sub\" only")
    }
    return Members(
      kind: kind, subject: subject, iss: found.iss,
      before: found.before.map { Denylist.nanoseconds($0.roundedUp) },
      revokedAt: found.revokedAt.map { Denylist.nanoseconds($0.floor) } ?? Denylist.always,
      exp: found.exp?.roundedUp)
  }

  /// The text of a node with escapes; nil for one without, which is what stands in its range.
  func unescaped(_ node: Int, _ bytes: Span<UInt8>) -> [UInt8]? {
    document.nodes[node].escaped ? document.unescaped(node, in: bytes) : nil
  }

  private static func isBlank(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for i in range where bytes[i] != 0x20 && bytes[i] != 0x09 && bytes[i] != 0x0d { return false }
    return true
  }

  /// The members that a line may have.
  struct Texts {
    /// Node of each value.
    var iss: Int?
    var subject: (kind: DenylistTable.Kind, node: Int)?
    var reason: Int?
    var before: NumericDate?
    var revokedAt: NumericDate?
    var exp: NumericDate?
    var type: DenylistWriter.Entry.TokenType?
  }

  /// What stands in `document`, which is an object.
  func texts(_ bytes: Span<UInt8>) throws(BadLine) -> Texts {
    var found = Texts()
    var child = 1
    while child < Int(document.nodes[0].next) {
      let value = child + 1
      if let kind = subjectKind(child, bytes) {
        guard found.subject == nil else {
          throw BadLine("more than one of \"jti\", \"family\", \"sub\" and \"kid\"")
        }
        guard document.nodes[value].kind == .string else {
          throw BadLine("\"\(name(child, bytes))\" is no string")
        }
        found.subject = (kind, value)
      } else if document.equals(child, "iss", in: bytes) {
        guard document.nodes[value].kind == .string else { throw BadLine("\"iss\" is no string") }
        found.iss = value
      } else if document.equals(child, "revoked_at", in: bytes) {
        found.revokedAt = try time(child, bytes)
      } else if document.equals(child, "exp", in: bytes) {
        found.exp = try time(child, bytes)
      } else if document.equals(child, "before", in: bytes) {
        found.before = try time(child, bytes)
      } else if document.equals(child, "type", in: bytes) {
        found.type = try type(value, bytes)
      } else if document.equals(child, "reason", in: bytes) {
        found.reason = value
      } else {
        throw BadLine("member \"\(name(child, bytes))\" is not known")
      }
      child = Int(document.nodes[value].next)
    }
    return found
  }

  /// What a member of this name says is revoked, if it does.
  func subjectKind(_ node: Int, _ bytes: Span<UInt8>) -> DenylistTable.Kind? {
    if document.equals(node, "jti", in: bytes) { return .jti }
    if document.equals(node, "sub", in: bytes) { return .sub }
    if document.equals(node, "kid", in: bytes) { return .kid }
    if document.equals(node, "family", in: bytes) { return .family }
    return nil
  }

  /// Says what the token was; its jti is listed for every kind of token all the same.
  private func type(
    _ value: Int, _ bytes: Span<UInt8>
  ) throws(BadLine) -> DenylistWriter.Entry.TokenType {
    if document.nodes[value].kind == .string {
      if document.equals(value, "access", in: bytes) { return .access }
      if document.equals(value, "refresh", in: bytes) { return .refresh }
    }
    throw BadLine("\"type\" is neither \"access\" nor \"refresh\"")
  }

  /// The years that RFC 3339 can write. Milliseconds taken for seconds lie beyond: a revocation
  /// would wait for them for ever.
  private static let firstTime = Timestamp(seconds: -62_167_219_200)
  private static let lastTime = Timestamp(seconds: 253_402_300_799, nanoseconds: 999_999_999)

  /// The time of the member whose name is node `child`.
  private func time(_ child: Int, _ bytes: Span<UInt8>) throws(BadLine) -> NumericDate {
    let node = document.nodes[child + 1]
    var found: NumericDate?
    switch node.kind {
    case .number:
      let time = NumericDate(bytes, node.range)
      if time.floor >= Self.firstTime, time.floor <= Self.lastTime { found = time }
    case .string:
      if node.escaped {
        let text = document.unescaped(child + 1, in: bytes)
        found = Timestamp(rfc3339: text.span, 0..<text.count).map { NumericDate($0) }
      } else {
        found = Timestamp(rfc3339: bytes, node.range).map { NumericDate($0) }
      }
    default: break
    }
    guard let found else {
      throw BadLine("\"\(name(child, bytes))\" is neither an RFC 3339 time nor Unix seconds")
    }
    return found
  }

  private func name(_ node: Int, _ bytes: Span<UInt8>) -> String {
    ByteString(document.unescaped(node, in: bytes)).shortened
  }
}
