// jotmill users import: an application's table of users, as CSV or NDJSON.
// Owns: which column means what. Must never: add some of a file's users and not the others, or show
// a verifier, which may be a plain password.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum UsersImport {
  /// What stands in a file about one user.
  private struct Row {
    var line: Int
    var username: ByteString?
    var email: ByteString?
    var verifier: ByteString?
    var disabled: ByteString?
    var active: ByteString?
  }

  private struct Problem: Error {
    var line: Int
    var what: String
  }

  /// Standard error names so many bad lines.
  private static let mostProblems = 20

  static func run(_ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let path = arguments.operands[0]
    let file = path == "-" ? OpenFile.standardInput : try OpenFile.open(path, .read)
    let text = try file.readAll(limit: Users.mostOctets)
    let shown = path == "-" ? "standard input" : path
    let now = Timestamp.now.roundedDown
    var problems: [Problem] = []
    var added = 0
    func addAll(to users: inout Users) throws {
      users.forgetLines()
      try rows(text, arguments, shown) { row in
        do throws(Problem) {
          try add(row, to: &users, at: now)
          added += 1
        } catch { problems.append(error) }
      }
      guard problems.isEmpty else { throw refusal(problems, shown) }
    }
    if arguments.has("dry-run") {
      var users = Users()
      do { users = try context.file.load() } catch let error as FileError where error.isMissing {}
      try addAll(to: &users)
    } else {
      try context.update(creating: true) { users in try addAll(to: &users) }
    }
    try tell(added, arguments)
    return 0
  }

  private static func tell(_ added: Int, _ arguments: Arguments) throws {
    let isDry = arguments.has("dry-run")
    if arguments.has("json") {
      let value = JSONValue.object(["dry_run": .bool(isDry), "imported": .number(added)])
      try OpenFile.standardOutput.write(value.text(pretty: true))
    } else if !arguments.has("quiet") {
      let users = "\(Terminal.grouped(added)) \(added == 1 ? "user" : "users")"
      try Jotmill.print(
        isDry ? "\(users) can be imported; nothing was changed\n" : "imported \(users)\n")
    }
  }

  /// All that is wrong, as far as a person wants to read.
  private static func refusal(_ problems: [Problem], _ path: String) -> KeyringError {
    for problem in problems.prefix(mostProblems) {
      Terminal.error("\(path): line \(problem.line): \(problem.what)")
    }
    let rest = problems.count - mostProblems
    if rest > 0 { Terminal.error("\(path): \(Terminal.grouped(rest)) more lines that are no good") }
    return KeyringError(.badFormat, "\(path): nothing was imported")
  }

  private static func add(
    _ row: Row, to users: inout Users, at now: Timestamp
  ) throws(Problem) {
    do throws(KeyringError) {
      guard let username = row.username else {
        throw KeyringError(.badFormat, "no username")
      }
      guard let text = row.verifier else {
        throw KeyringError(
          .badVerifier,
          "no verifier; its column is hashed_password, password_hash, verifier, "
            + "password or what --column names")
      }
      let verifier: PasswordVerifier
      do { verifier = try PasswordVerifier(parsing: text) } catch {
        throw KeyringError(error.code, "\"\(username.shortened)\": \(error.detail)")
      }
      let isDisabled = try flag(row.disabled, "disabled") ?? false
      let isActive = try flag(row.active, "is_active") ?? true
      try users.add(
        User(
          username: username, email: row.email, verifier: verifier,
          isDisabled: isDisabled || !isActive, created: now, changed: now), line: row.line)
    } catch { throw Problem(line: row.line, what: error.detail) }
  }

  /// nil for a column that is not there or empty.
  private static func flag(_ text: ByteString?, _ name: String) throws(KeyringError) -> Bool? {
    guard let text else { return nil }
    switch text.description.lowercased() {
    case "true", "t", "yes", "y", "1": return true
    case "false", "f", "no", "n", "0": return false
    default:
      throw KeyringError(.badFormat, "\(name) is neither true nor false, nor 1 nor 0")
    }
  }

  // MARK: Files

  private static let verifierNames = ["hashed_password", "password_hash", "verifier", "password"]

  private static func rows(
    _ text: [UInt8], _ arguments: Arguments, _ path: String, _ body: (Row) -> Void
  ) throws {
    let first = text.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
    let names = arguments["column"].map { [$0] } ?? verifierNames
    guard first != UInt8(ascii: "[") else {
      throw KeyringError(
        .badFormat, "\(path): is a JSON array; an object a line is read (jq -c '.[]' makes them)")
    }
    do throws(Problem) {
      if first == UInt8(ascii: "{") {
        try objects(text, names, body)
      } else {
        try records(text, names, body)
      }
    } catch {
      throw KeyringError(.badFormat, "\(path): line \(error.line): \(error.what)")
    }
  }

  private static func records(
    _ text: [UInt8], _ verifierNames: [String], _ body: (Row) -> Void
  ) throws(Problem) {
    var csv = CSV(text)
    func next() throws(Problem) -> CSV.Record? {
      do throws(CSV.Failure) { return try csv.next() } catch {
        throw Problem(line: error.line, what: error.what)
      }
    }
    guard let header = try next() else { throw Problem(line: 1, what: "no header row") }
    let names = header.fields.map { ByteString($0.description.lowercased()) }
    func column(_ wanted: String) throws(Problem) -> Int? {
      let places = names.indices.filter { names[$0] == ByteString(wanted.lowercased()) }
      guard places.count < 2 else {
        throw Problem(line: header.line, what: "column \"\(wanted)\" stands there twice")
      }
      return places.first
    }
    guard let username = try column("username") else {
      throw Problem(line: header.line, what: "no column \"username\" in the header row")
    }
    var verifier: Int?
    for name in verifierNames where verifier == nil { verifier = try column(name) }
    guard let verifier else {
      let known = verifierNames.joined(separator: ", ")
      throw Problem(line: header.line, what: "no column of verifiers (\(known)) in the header row")
    }
    let (email, disabled) = (try column("email"), try column("disabled"))
    let active = try column("is_active")
    while let record = try next() {
      guard record.fields.count == header.fields.count else {
        throw Problem(
          line: record.line,
          what: "\(record.fields.count) fields under a header of \(header.fields.count)")
      }
      func value(_ column: Int?) -> ByteString? {
        column.map { record.fields[$0] }.flatMap { $0.isEmpty ? nil : $0 }
      }
      body(
        Row(
          line: record.line, username: value(username), email: value(email),
          verifier: value(verifier), disabled: value(disabled), active: value(active)))
    }
  }

  private static func objects(
    _ text: [UInt8], _ verifierNames: [String], _ body: (Row) -> Void
  ) throws(Problem) {
    var document = JSONDocument()
    var start = 0
    var line = 0
    while start < text.count {
      line += 1
      let end = text.span.firstIndex(of: 0x0a, in: start..<text.count) ?? text.count
      defer { start = end + 1 }
      if text[start..<end].allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
      let failure = document.parse(text.span, start..<end)
      guard failure == nil, document.nodes[0].kind == .object else {
        throw Problem(
          line: line,
          what: failure == .duplicateMember
            ? "a member stands there twice" : "not a JSON object on one line")
      }
      func value(_ name: String) throws(Problem) -> ByteString? {
        guard let index = document.member(named: ByteString(name), in: text.span) else {
          return nil
        }
        switch document.nodes[index].kind {
        case .null: return nil
        case .string:
          let found = ByteString(document.unescaped(index, in: text.span))
          return found.isEmpty ? nil : found
        case .bool, .number: return ByteString(text.span.copy(document.textRange(index)))
        default: throw Problem(line: line, what: "\"\(name)\" is no plain value")
        }
      }
      var row = Row(line: line)
      row.username = try value("username")
      row.email = try value("email")
      for name in verifierNames where row.verifier == nil { row.verifier = try value(name) }
      row.disabled = try value("disabled")
      row.active = try value("is_active")
      body(row)
    }
  }
}
