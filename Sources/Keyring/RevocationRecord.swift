// A record of a stream that says what to revoke: a line as the denylist has it, in which `before` may
// be left out.
// Owns: which records they are, and what is wrong with one. Must never: pass over a member that it
// does not know: a mistyped `iss` would revoke everybody's.

package import JOSE

/// Reads records, one after the other.
package struct RevocationReader: Sendable {
  package enum Found: Sendable, Equatable {
    case entry(DenylistWriter.Entry)
    /// `bad_json`, `duplicate_member` or `invalid_request`.
    case refused(Rejection, detail: String)
  }

  private var line = DenylistLine()

  package init() {}

  /// What the record at `range` says. nil: it is an object with none of the members that name what is
  /// to be revoked. `now` stands for a `before` that is missing: all that was issued until then.
  package mutating func read(
    _ bytes: Span<UInt8>, _ range: Range<Int>, at now: Timestamp
  ) -> Found? {
    switch line.document.parse(bytes, range) {
    case .syntax: return .refused(.badJSON, detail: "not valid JSON")
    case .duplicateMember: return .refused(.duplicateMember, detail: "a member stands there twice")
    case nil: break
    }
    guard line.document.nodes[0].kind == .object else {
      return .refused(.badJSON, detail: "not an object")
    }
    guard namesSubject(bytes) else { return nil }
    do throws(BadLine) { return .entry(try entry(bytes, now)) } catch {
      return .refused(.invalidRequest, detail: error.what)
    }
  }

  private func namesSubject(_ bytes: Span<UInt8>) -> Bool {
    var child = 1
    while child < Int(line.document.nodes[0].next) {
      if line.subjectKind(child, bytes) != nil { return true }
      child = Int(line.document.nodes[child + 1].next)
    }
    return false
  }

  private func entry(
    _ bytes: Span<UInt8>, _ now: Timestamp
  ) throws(BadLine) -> DenylistWriter.Entry {
    func text(_ node: Int) -> ByteString { ByteString(line.document.unescaped(node, in: bytes)) }
    let found = try line.texts(bytes)
    guard let (kind, node) = found.subject else { throw BadLine("nothing to revoke") }
    guard kind == .sub || found.before == nil else {
      throw BadLine("\"before\" goes with \"sub\" only")
    }
    if let reason = found.reason, line.document.nodes[reason].kind != .string {
      throw BadLine("\"reason\" is no string")
    }
    let subject: DenylistWriter.Entry.Subject =
      switch kind {
      case .family: .family(text(node))
      case .kid: .kid(text(node))
      case .sub: .sub(text(node), before: found.before?.roundedUp ?? now)
      default: .jti(text(node))
      }
    let entry = DenylistWriter.Entry(
      subject, iss: found.iss.map(text), type: found.type, exp: found.exp?.roundedUp,
      revokedAt: found.revokedAt?.floor, reason: found.reason.map(text))
    guard entry.isStorable else {
      throw BadLine("a text is too long, or a time is before 1678 or after 2261")
    }
    return entry
  }
}
