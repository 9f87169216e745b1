// jotmill users: add, passwd, disable, enable, remove, list.
// Owns: how users are changed by hand and shown. Must never: print a verifier.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

/// The file of users of one command line, and how a change of it is told.
struct UsersContext {
  let arguments: Arguments
  let file: UsersFile

  init(_ arguments: Arguments) throws {
    self.arguments = arguments
    guard !arguments.has("users") || !arguments.has("keyring") else {
      throw arguments.usage("--users and --keyring name two files of users; give one")
    }
    if let path = arguments["users"] {
      file = try UsersFile(path)
    } else {
      file = try UsersFile(try KeySources.ring(arguments).usersPath)
    }
  }

  func load() throws -> Users {
    try explainingMissing { try file.load() }
  }

  func update<R>(creating: Bool = false, _ body: (inout Users) throws -> R) throws -> R {
    try explainingMissing { try file.update(creating: creating, body) }
  }

  private func explainingMissing<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as FileError where error.isMissing {
      throw KeyringError(
        .noSuchUser, "\(file.path): no such file; \"jotmill users add\" or \"import\" makes it")
    }
  }

  /// Adds a user; an error names the file.
  func add(_ user: User, to users: inout Users) throws(KeyringError) {
    do { try users.add(user) } catch {
      throw KeyringError(error.code, "\(file.path): \(error.detail)")
    }
  }

  /// The user whom an operator named, by name or address.
  func find(_ name: String, in users: Users) throws -> Int {
    guard let place = users.find(ByteString(name)) else {
      throw KeyringError(.noSuchUser, "\(file.path): no user \"\(ByteString(name).shortened)\"")
    }
    return place
  }

  /// The cost that `--scrypt` asks for.
  func cost() throws -> ScryptCost {
    try arguments.value("scrypt", "N,R,P such as 16384,8,1, within 1 GiB", UsersCommand.cost)
      ?? .interactive
  }

  /// Says what was done, as `(event, user, words)`.
  func report(
    _ events: [(event: String, username: ByteString, words: String)], notes: [String] = []
  ) throws {
    if arguments.has("json") {
      let value = JSONValue.object([
        "events": .array(
          events.map { event in
            .object(["event": .string(event.event), "username": .string(event.username)])
          }),
        "notes": .array(notes.map { .string($0) }),
      ])
      try OpenFile.standardOutput.write(value.text(pretty: true))
    } else if !arguments.has("quiet") {
      let lines = events.map(\.words) + notes
      try Jotmill.print(lines.map { Terminal.printable($0) + "\n" }.joined())
    }
  }
}

enum UsersCommand {
  /// The least memory of a new verifier: below it guessing is cheap.
  private static let leastMemory = 8 << 20

  static func add(_ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let cost = try newCost(context)
    let username = ByteString(arguments.operands[0])
    let email = arguments["email"].map { ByteString($0) }
    // Before the password is asked for.
    try UserName.check(username)
    if let email { try UserName.checkEmail(email) }
    var present = Users()
    do { present = try context.file.load() } catch let error as FileError where error.isMissing {}
    try context.add(
      User(username: username, email: email, verifier: try placeholder.get()), to: &present)
    let verifier = try PasswordVerifier.make(try Passwords.new(of: username), cost: cost)
    let now = Timestamp.now.roundedDown
    try context.update(creating: true) { users in
      try context.add(
        User(
          username: username, email: email, verifier: verifier,
          isDisabled: arguments.has("disabled"), created: now, changed: now), to: &users)
    }
    let state = arguments.has("disabled") ? ", disabled" : ""
    try context.report([("added", username, "added \(username)\(state)")])
    return 0
  }

  static func passwd(_ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let cost = try newCost(context)
    let users = try context.load()
    let username = users.user(try context.find(arguments.operands[0], in: users)).username
    let verifier = try PasswordVerifier.make(try Passwords.new(of: username), cost: cost)
    let isDisabled = try context.update { users in
      let place = try context.find(username.description, in: users)
      try users.set(verifier, at: place, time: Timestamp.now.roundedDown)
      return users.user(place).isDisabled
    }
    try context.report(
      [("changed_password", username, "\(username) has a new password")],
      notes: isDisabled ? ["\(username) stays disabled"] : [])
    return 0
  }

  static func disable(_ arguments: Arguments) throws -> Int32 {
    try setDisabled(true, arguments)
  }
  static func enable(_ arguments: Arguments) throws -> Int32 {
    try setDisabled(false, arguments)
  }

  private static func setDisabled(_ disabled: Bool, _ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let done = disabled ? "disabled" : "enabled"
    var events: [(event: String, username: ByteString, words: String)] = []
    var notes: [String] = []
    try context.update { users in
      for name in arguments.operands {
        let place = try context.find(name, in: users)
        let user = users.user(place)
        if user.isDisabled == disabled {
          notes.append("\(user.username) is \(done) already")
        } else {
          try users.set(disabled: disabled, at: place, time: Timestamp.now.roundedDown)
          events.append((done, user.username, "\(done) \(user.username)"))
        }
      }
    }
    try context.report(events, notes: notes)
    return 0
  }

  static func remove(_ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let removed = try context.update { users in
      try arguments.operands.map { name in
        let place = try context.find(name, in: users)
        let username = users.user(place).username
        users.remove(place)
        return username
      }
    }
    try context.report(removed.map { ("removed", $0, "removed \($0)") })
    return 0
  }

  // MARK: Costs

  /// `16384,8,1`; nil for what scrypt or the limits don't allow.
  static func cost(_ text: String) -> ScryptCost? {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 3, let n = numbers[0], let r = numbers[1], let p = numbers[2], n > 1,
      n & (n - 1) == 0
    else { return nil }
    return ScryptCost(logN: n.trailingZeroBitCount, r: r, p: p)
  }

  private static func newCost(_ context: UsersContext) throws -> ScryptCost {
    let cost = try context.cost()
    guard cost.memory >= leastMemory else {
      throw context.arguments.usage(
        "--scrypt takes less than 8 MiB, which makes guessing cheap; the least is 8192,8,1")
    }
    return cost
  }

  /// Stands for the verifier of a user who is only tried out.
  private static let placeholder = Result {
    try PasswordVerifier(parsing: "$2b$04$......................w74bL5gU7LSJClZClCa.Pkz14aTv/XO")
  }
}
