// The users of a file in memory: their records as text, and an index by name and mail address.
// Owns: uniqueness. Must never: hold two users that one login could mean, lose a member that it does
// not know, or print a verifier.

internal import Files
public import JOSE

/// One user, as read from a record.
public struct User: Sendable {
  /// As it was given: the `sub` of the user's tokens.
  public var username: ByteString
  public var email: ByteString?
  public var verifier: PasswordVerifier
  public var isDisabled: Bool
  /// When the record was made, and when a person last changed it; nil where the file does not say.
  public var created: Timestamp?
  public var changed: Timestamp?

  public init(
    username: ByteString, email: ByteString? = nil, verifier: PasswordVerifier,
    isDisabled: Bool = false, created: Timestamp? = nil, changed: Timestamp? = nil
  ) {
    (self.username, self.email, self.verifier) = (username, email, verifier)
    (self.isDisabled, self.created, self.changed) = (isDisabled, created, changed)
  }
}

/// All users, in the file's order. A value: what one holder changes no other sees. About 40 octets
/// a user beside the text itself.
public struct Users: Sendable {
  struct Record: Sendable {
    /// Where its line begins in `text`, and how long it is without its line end.
    var start: UInt32
    var count: UInt16
    /// Where the name and the address stand in the line, without quotes; no address is empty.
    var name: Part
    var email: Part
    /// Its line in the file it was read from; 0 for nowhere.
    var line: UInt32
    var isDisabled = false
    var isRemoved = false

    struct Part: Sendable {
      var start: UInt16 = 0
      var count: UInt16 = 0
      var isEscaped = false
    }

    var range: Range<Int> { Int(start)..<Int(start) + Int(count) }

    func range(_ part: Part) -> Range<Int> {
      let from = Int(start) + Int(part.start)
      return from..<from + Int(part.count)
    }
  }

  /// The whole of a file of users has at most 1 GiB, about four million of them.
  public static let mostOctets = 1 << 30
  /// A record has at most 64 KiB.
  static let mostRecordOctets = Int(UInt16.max)

  /// Lines that were read, and behind them those that were added or changed.
  var text: [UInt8] = []
  var records: [Record] = []
  var table: [Slot] = []
  var keys = 0
  /// What the file was when it was read.
  var source: FileStatus?
  public private(set) var count = 0
  /// Something was added, changed or removed since it was read.
  public internal(set) var isChanged = false

  public init() {}

  // MARK: Looking up

  /// The place of the user whose name or address is one with `login`, by the rule of UserName.
  public func find(_ login: ByteString) -> Int? {
    find(login.bytes.span, 0..<login.bytes.count)
  }

  /// The same for octets in place; allocates nothing for ASCII.
  public func find(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    // No other spelling of a name is four times as long; comparing takes time by the length.
    guard range.count <= 4 * UserName.mostOctets else { return nil }
    return slot(bytes, range)?.place
  }

  /// The place of the user whose name is exactly these octets, as a token's `sub` has it.
  public func find(subject: ByteString) -> Int? {
    find(subject: subject.bytes.span, 0..<subject.bytes.count)
  }

  /// The same for octets in place.
  public func find(subject bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard let slot = slot(bytes, range), case let record = records[slot.place],
      withName(record, record.name, { $0.order($1, bytes, range) == 0 })
    else { return nil }
    return slot.place
  }

  /// Whether the user at `place` is disabled; cheaper than asking for the user.
  public func isDisabled(_ place: Int) -> Bool { records[place].isDisabled }

  /// The user at a place that `find` or `places` gave.
  public func user(_ place: Int) -> User {
    var document = JSONDocument()
    let range = records[place].range
    guard document.parse(text.span, range) == nil,
      let user = try? UserRecord.user(document, text.span)
    else { preconditionFailure("records are checked before they are taken in") }
    return user
  }

  /// The places of all users, in order.
  public var places: some Sequence<Int> {
    records.indices.lazy.filter { !records[$0].isRemoved }
  }

  func username(_ place: Int) -> ByteString {
    spelling(records[place], records[place].name)
  }

  private func spelling(_ record: Record, _ part: Record.Part) -> ByteString {
    withName(record, part) { ByteString($0.copy($1)) }
  }

  // MARK: Changing

  /// Throws `.badName`, or `.userExists` where the name or the address is one with another user's.
  /// `line`: where the user was read, for errors about a later one; 0 for nowhere.
  public mutating func add(_ user: User, line: Int = 0) throws(KeyringError) {
    let taken = UserRecord.text(user)
    guard taken.count <= Self.mostRecordOctets else {
      throw KeyringError(.badName, "a record has \(Self.mostRecordOctets) octets at most")
    }
    try append(taken.span, 0..<taken.count, line: line)
    isChanged = true
  }

  /// Errors tell no more in which lines the users were found.
  public mutating func forgetLines() {
    for place in records.indices { records[place].line = 0 }
  }

  public mutating func remove(_ place: Int) {
    precondition(!records[place].isRemoved, "a user is removed once")
    records[place].isRemoved = true
    count -= 1
    isChanged = true
  }

  /// Gives the user another verifier. `time` is nil for a rehash, which no person asked for.
  public mutating func set(
    _ verifier: PasswordVerifier, at place: Int, time: Timestamp?
  ) throws(KeyringError) {
    var members: [(StaticString, JSONValue?)] = [("password", .string(verifier.text))]
    if let time { members.append(("changed", .string(time.rfc3339))) }
    try edit(place, members)
  }

  public mutating func set(
    disabled: Bool, at place: Int, time: Timestamp
  ) throws(KeyringError) {
    try edit(
      place, [("disabled", disabled ? .bool(true) : nil), ("changed", .string(time.rfc3339))])
  }

  /// Writes the record anew, behind the others' text; every other member stays as it was written.
  private mutating func edit(
    _ place: Int, _ members: [(StaticString, JSONValue?)]
  ) throws(KeyringError) {
    var document = JSONDocument()
    let failure = document.parse(text.span, records[place].range)
    precondition(failure == nil, "records are checked before they are taken in")
    let line = UserRecord.edited(document, text.span, members)
    guard line.count <= Self.mostRecordOctets else {
      throw KeyringError(
        .badFormat, "\"\(username(place).shortened)\": its record would be longer than 64 KiB")
    }
    var record = try take(line.span, 0..<line.count)
    record.line = records[place].line
    records[place] = record
    isChanged = true
  }

  /// Takes a line in as the last record. Throws without a file's name or line.
  mutating func append(
    _ bytes: Span<UInt8>, _ range: Range<Int>, line: Int
  ) throws(KeyringError) {
    var record = try take(bytes, range)
    record.line = UInt32(truncatingIfNeeded: line)
    try index(record)
  }

  /// Copies a line that stands elsewhere behind the text, after checking it.
  private mutating func take(
    _ bytes: Span<UInt8>, _ range: Range<Int>
  ) throws(KeyringError) -> Record {
    var reader = UserRecord.Reader()
    var record = try reader.read(bytes, range)
    guard text.count + range.count < Int(UInt32.max) else {
      throw KeyringError(.badFormat, "more users than a file can hold")
    }
    record.start = UInt32(text.count)
    text.append(bytes, range)
    return record
  }

  /// Puts a record of `text` into the index.
  mutating func index(_ record: Record) throws(KeyringError) {
    guard records.count < Slot.mostRecords else {
      throw KeyringError(.badFormat, "more users than a file can hold")
    }
    try checkIsNew(record, record.name)
    if record.email.count > 0 { try checkIsNew(record, record.email) }
    reserve(keys: keys + 2)
    records.append(record)
    count += 1
    insert(records.count - 1)
  }

  private func checkIsNew(_ record: Record, _ part: Record.Part) throws(KeyringError) {
    guard let slot = slot(of: record, part) else { return }
    let other = records[slot.place]
    throw exists(
      spelling(record, part), spelling(other, slot.isEmail ? other.email : other.name), other)
  }

  private func exists(
    _ name: ByteString, _ spelled: ByteString, _ other: Record
  ) -> KeyringError {
    let place = other.line > 0 ? " (line \(other.line))" : ""
    let twin =
      name == spelled
      ? "is there already\(place)"
      : "is there already as \"\(spelled.shortened)\"\(place), and the two are one name"
    return KeyringError(.userExists, "\"\(name.shortened)\" \(twin)")
  }
}
