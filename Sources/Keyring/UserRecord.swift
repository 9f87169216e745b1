// One line of users.ndjson.
// Owns: its members. Must never: take a record whose verifier could not be checked later, drop a
// member that it does not know, or say what a verifier is.
//
//   {"username":"ada","email":"ada@example.com","password":"$scrypt$…","disabled":true,
//    "created":"2026-11-21T07:56:25Z","changed":"2026-11-21T07:56:25Z"}

internal import JOSE

enum UserRecord {
  static func text(_ user: User) -> [UInt8] {
    JSONValue.object([
      "username": .string(user.username),
      "email": user.email.map { .string($0) },
      "password": .string(user.verifier.text),
      "disabled": user.isDisabled ? .bool(true) : nil,
      "created": user.created.map { .string($0.rfc3339) },
      "changed": user.changed.map { .string($0.rfc3339) },
    ]).text()
  }

  /// Reads lines one after the other.
  struct Reader: ~Copyable {
    private var document = JSONDocument()

    /// Checks the record at `bytes[range]`; its `start` is where that begins.
    mutating func read(
      _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(KeyringError) -> Users.Record {
      guard range.count <= Users.mostRecordOctets else {
        throw KeyringError(.badFormat, "longer than 64 KiB")
      }
      switch document.parse(bytes, range) {
      case .syntax: throw KeyringError(.badFormat, "not valid JSON")
      case .duplicateMember: throw KeyringError(.badFormat, "a member stands there twice")
      case nil: break
      }
      _ = try UserRecord.user(document, bytes)
      func part(_ name: StaticString) -> Users.Record.Part {
        guard let index = document.member(name, in: bytes),
          case let node = document.nodes[index], node.kind == .string
        else { return .init() }
        return .init(
          start: UInt16(Int(node.start) - range.lowerBound), count: UInt16(node.range.count),
          isEscaped: node.escaped)
      }
      return Users.Record(
        start: UInt32(range.lowerBound), count: UInt16(range.count), name: part("username"),
        email: part("email"), line: 0)
    }
  }

  /// The user of a parsed record. Throws `.badFormat`, `.badName` or `.badVerifier`.
  static func user(
    _ document: JSONDocument, _ bytes: Span<UInt8>
  ) throws(KeyringError) -> User {
    guard document.nodes[0].kind == .object else {
      throw KeyringError(.badFormat, "not an object")
    }
    func string(_ name: StaticString) throws(KeyringError) -> ByteString? {
      guard let index = document.member(name, in: bytes), document.nodes[index].kind != .null
      else { return nil }
      guard document.nodes[index].kind == .string else {
        throw KeyringError(.badFormat, "\"\(name)\" is no string")
      }
      return ByteString(document.unescaped(index, in: bytes))
    }
    func time(_ name: StaticString) throws(KeyringError) -> Timestamp? {
      guard let text = try string(name) else { return nil }
      guard let time = Timestamp(rfc3339: text.bytes.span) else {
        throw KeyringError(.badFormat, "\"\(name)\" is no RFC 3339 time")
      }
      return time
    }
    guard let username = try string("username") else {
      throw KeyringError(.badFormat, "no \"username\"")
    }
    try UserName.check(username)
    let email = try string("email")
    if let email { try UserName.checkEmail(email) }
    guard let password = try string("password") else {
      throw KeyringError(.badFormat, "no \"password\"")
    }
    let verifier: PasswordVerifier
    do { verifier = try PasswordVerifier(parsing: password) } catch {
      throw KeyringError(error.code, "\"password\": \(error.detail)")
    }
    var user = User(username: username, email: email, verifier: verifier)
    if let index = document.member("disabled", in: bytes) {
      guard document.nodes[index].kind == .bool else {
        throw KeyringError(.badFormat, "\"disabled\" is neither true nor false")
      }
      user.isDisabled = bytes[Int(document.nodes[index].start)] == UInt8(ascii: "t")
    }
    user.created = try time("created")
    user.changed = try time("changed")
    return user
  }

  /// The record with other values for `members`, nil leaving one out; new ones come last. All else
  /// is as it was written.
  static func edited(
    _ document: JSONDocument, _ bytes: Span<UInt8>, _ members: [(StaticString, JSONValue?)]
  ) -> [UInt8] {
    var out: [UInt8] = [UInt8(ascii: "{")]
    func separate() { if out.count > 1 { out.append(UInt8(ascii: ",")) } }
    var left = members
    var child = 1
    while child < Int(document.nodes[0].next) {
      let value = child + 1
      if let index = left.firstIndex(where: { document.equals(child, $0.0, in: bytes) }) {
        let (_, new) = left.remove(at: index)
        if let new {
          separate()
          out.append(bytes, document.textRange(child))
          out.append(UInt8(ascii: ":"))
          new.append(to: &out)
        }
      } else {
        separate()
        out.append(bytes, document.textRange(child))
        out.append(UInt8(ascii: ":"))
        out.append(bytes, document.textRange(value))
      }
      child = Int(document.nodes[value].next)
    }
    for (name, new) in left {
      guard let new else { continue }
      separate()
      out.append(UInt8(ascii: "\""))
      out.append(name)
      out.append("\":")
      new.append(to: &out)
    }
    out.append(UInt8(ascii: "}"))
    return out
  }
}
