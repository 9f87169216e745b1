// A denylist's entry as anybody would read it.
// Owns: which entry makes another one needless. Must never: share a line of code with what it checks.

import JOSE
import Keyring
import Testing

/// What of an entry counts, and a line of a list as it would be read by anybody.
struct PlainEntry: Hashable {
  var kind: String
  var text: ByteString
  var iss: ByteString?
  var before: Timestamp?
  var revokedAt: Timestamp?
  var exp: Int?

  /// `now`: when it is appended.
  init(_ entry: DenylistWriter.Entry, at now: Timestamp) {
    switch entry.subject {
    case .jti(let text): (kind, self.text) = ("jti", text)
    case .family(let text): (kind, self.text) = ("family", text)
    case .kid(let text): (kind, self.text) = ("kid", text)
    case .sub(let text, let before): (kind, self.text, self.before) = ("sub", text, before)
    }
    iss = entry.iss
    revokedAt = entry.revokedAt ?? Timestamp(seconds: now.seconds)
    exp = entry.exp.map { Int($0.seconds) + ($0.nanoseconds > 0 ? 1 : 0) }
  }

  init(line: Substring) throws {
    let value = try JSONValue(parsing: Array(line.utf8))
    func time(_ name: ByteString) throws -> Timestamp? {
      try value[name]?.string.map { try #require(Timestamp(rfc3339: $0.description)) }
    }
    kind = try #require(
      ["jti", "family", "kid", "sub"].first { value[ByteString($0)] != nil })
    text = try #require(value[ByteString(kind)]?.string)
    iss = value["iss"]?.string
    (before, revokedAt, exp) = (try time("before"), try time("revoked_at"), value["exp"]?.int)
  }

  /// Whether whoever has this one needs no `other`.
  func covers(_ other: PlainEntry) -> Bool {
    guard kind == other.kind, text == other.text, iss == nil || iss == other.iss else {
      return false
    }
    if let before, let its = other.before, before < its { return false }
    if let revokedAt {
      guard let its = other.revokedAt, revokedAt <= its else { return false }
    }
    guard let exp else { return true }
    return other.exp.map { exp >= $0 } ?? false
  }

  /// The claims and the kid of a token that it revokes.
  var token: (claims: String, kid: String?) {
    var members: [JSONValue.Member] = []
    if let iss { members.append(.init(name: "iss", value: .string(iss))) }
    if kind != "kid" { members.append(.init(name: ByteString(kind), value: .string(text))) }
    if let before {
      members.append(.init(name: "iat", value: .number(Int(before.seconds) - 1)))
    }
    return (
      String(decoding: JSONValue.object(members).text(), as: UTF8.self),
      kind == "kid" ? text.description : nil
    )
  }
}
