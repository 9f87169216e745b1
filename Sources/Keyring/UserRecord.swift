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
      let members = try Members(document, bytes)
      try members.check(document, bytes)
      func part(_ index: Int?) -> Users.Record.Part {
        guard let index else { return .init() }
        let node = document.nodes[index]
        return .init(
          start: UInt16(Int(node.start) - range.lowerBound), count: UInt16(node.range.count),
          isEscaped: node.escaped)
      }
      return Users.Record(
        start: UInt32(range.lowerBound), count: UInt16(range.count),
        name: part(members.username), email: part(members.email), line: 0,
        isDisabled: members.isDisabled(document, bytes))
    }
  }

  /// Where the values of a record's members stand, as nodes of the document; null is none.
  private struct Members {
    var username: Int?
    var email: Int?
    var password: Int?
    var disabled: Int?
    var created: Int?
    var changed: Int?

    init(_ document: JSONDocument, _ bytes: Span<UInt8>) throws(KeyringError) {
      guard document.nodes[0].kind == .object else {
        throw KeyringError(.badFormat, "not an object")
      }
      func string(_ value: Int, _ name: StaticString) throws(KeyringError) -> Int? {
        switch document.nodes[value].kind {
        case .string: return value
        case .null: return nil
        default: throw KeyringError(.badFormat, "\"\(name)\" is no string")
        }
      }
      var child = 1
      while child < Int(document.nodes[0].next) {
        let value = child + 1
        if document.equals(child, "username", in: bytes) {
          username = try string(value, "username")
        } else if document.equals(child, "email", in: bytes) {
          email = try string(value, "email")
        } else if document.equals(child, "password", in: bytes) {
          password = try string(value, "password")
        } else if document.equals(child, "created", in: bytes) {
          created = try string(value, "created")
        } else if document.equals(child, "changed", in: bytes) {
          changed = try string(value, "changed")
        } else if document.equals(child, "disabled", in: bytes) {
          guard document.nodes[value].kind == .bool else {
            throw KeyringError(.badFormat, "\"disabled\" is neither true nor false")
          }
          disabled = value
        }
        child = Int(document.nodes[value].next)
      }
    }

    func isDisabled(_ document: JSONDocument, _ bytes: Span<UInt8>) -> Bool {
      disabled.map { bytes[Int(document.nodes[$0].start)] == UInt8(ascii: "t") } ?? false
    }

    /// Checks every value; allocates nothing where nothing is escaped and names are ASCII.
    func check(_ document: JSONDocument, _ bytes: Span<UInt8>) throws(KeyringError) {
      func characters<R>(
        _ index: Int, _ body: (Span<UInt8>, Range<Int>) throws(KeyringError) -> R
      ) throws(KeyringError) -> R {
        guard document.nodes[index].escaped else {
          return try body(bytes, document.nodes[index].range)
        }
        let text = document.unescaped(index, in: bytes)
        return try body(text.span, 0..<text.count)
      }
      guard let username else { throw KeyringError(.badFormat, "no \"username\"") }
      try characters(username, UserName.check)
      if let email { try characters(email, UserName.checkEmail) }
      guard let password else { throw KeyringError(.badFormat, "no \"password\"") }
      do throws(KeyringError) {
        try characters(password) { (text, range) throws(KeyringError) in
          _ = try PasswordLayout(text, range)
        }
      } catch {
        throw KeyringError(error.code, "\"password\": \(error.detail)")
      }
      for (index, name) in [(created, "created"), (changed, "changed")] {
        guard let index else { continue }
        guard try characters(index, { Timestamp(rfc3339: $0, $1) }) != nil else {
          throw KeyringError(.badFormat, "\"\(name)\" is no RFC 3339 time")
        }
      }
    }
  }

  /// The user of a record that `Reader` has checked.
  static func user(_ document: JSONDocument, _ bytes: Span<UInt8>) throws(KeyringError) -> User {
    let members = try Members(document, bytes)
    func string(_ index: Int?) -> ByteString? {
      index.map { ByteString(document.unescaped($0, in: bytes)) }
    }
    guard let username = string(members.username), let password = string(members.password) else {
      preconditionFailure("records are checked before they are taken in")
    }
    return User(
      username: username, email: string(members.email),
      verifier: try PasswordVerifier(parsing: password),
      isDisabled: members.isDisabled(document, bytes),
      created: string(members.created).flatMap { Timestamp(rfc3339: $0.bytes.span) },
      changed: string(members.changed).flatMap { Timestamp(rfc3339: $0.bytes.span) })
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
