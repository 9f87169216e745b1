// A file of users on disk: read whole, replaced whole, by one process at a time.
// Owns: users.ndjson, its lock and its modes. Must never: follow a symbolic link, use a file that
// others can read or write, or let a reader see half a change.

internal import Files
public import JOSE

/// A file of users. Readers take no lock; a change holds `NAME.lock` beside it.
public final class UsersFile: Sendable {
  public let path: String
  private let name: String
  private let directory: OpenFile

  /// Throws `FileError` where there is no such directory. The file itself need not be there.
  public init(_ path: String) throws {
    let (folder, name) = OpenFile.split(path)
    guard !name.isEmpty else { throw FileError(refusing: path, "is no name of a file") }
    (self.path, self.name) = (path, name)
    directory = try OpenFile.open(folder, .readDirectory)
  }

  // MARK: Reading

  /// Throws `.badFormat`, `.badName`, `.badVerifier` or `.userExists`, naming the line;
  /// `.unsafePermissions`; `FileError`, `isMissing` without a file.
  public func load() throws -> Users {
    let file = try OpenFile.open(name, in: directory, .readInput, followsLinks: false)
    let status = try file.status()
    try checkSafe(status)
    var users = Users()
    users.source = status
    try users.readText(file, expecting: Int(status.size))
    try users.readLines(path)
    return users
  }

  /// nil where the file is still the one that `users` was read from.
  public func load(ifChangedFrom users: Users) throws -> Users? {
    let file = try OpenFile.open(name, in: directory, .readInput, followsLinks: false)
    return try file.status() == users.source ? nil : try load()
  }

  private func checkSafe(_ status: FileStatus) throws {
    try RingDirectory.checkPrivate(status, path)
    let folder = try directory.status()
    let isSticky = folder.mode & 0o1000 != 0
    guard folder.mode & 0o022 == 0 || isSticky else {
      throw KeyringError(
        .unsafePermissions,
        "\(directory.path): others can replace \(name) in it; mend it with: chmod go-w "
          + directory.path)
    }
  }

  // MARK: Changing

  /// One change: under the lock, reads the users as they then are, runs `body`, and replaces the
  /// file if `body` changed them. Nothing is written where `body` throws. `creating`: a file that is
  /// not there is begun.
  public func update<R>(creating: Bool = false, _ body: (inout Users) throws -> R) throws -> R {
    let owner = try fileOwner
    let lock = try OpenFile.open(
      RecordLog.lockName(of: name), in: directory, .lock(mode: 0o600), followsLinks: false)
    if let owner { try lock.setOwner(owner) }
    try lock.lock(waiting: true)
    return try withExtendedLifetime(lock) {
      var users = Users()
      do { users = try load() } catch let error as FileError where error.isMissing && creating {}
      let result = try body(&users)
      if users.isChanged { try save(users, owner) }
      return result
    }
  }

  /// A verifier that is to take an older one's place.
  public struct Rehash: Sendable {
    public var username: ByteString
    public var old: PasswordVerifier
    public var new: PasswordVerifier

    public init(username: ByteString, old: PasswordVerifier, new: PasswordVerifier) {
      (self.username, self.old, self.new) = (username, old, new)
    }
  }

  /// Puts every new verifier in the place of its old one, in one replacement of the file. A user who
  /// is gone, or whose verifier is not `old` any more, is left alone: somebody chose another password
  /// meanwhile. Returns which were put in place.
  @discardableResult
  public func rehash(_ swaps: [Rehash]) throws -> [Bool] {
    guard !swaps.isEmpty else { return [] }
    return try update { users in
      try swaps.map { swap in
        guard let place = users.find(subject: swap.username),
          users.user(place).verifier == swap.old
        else { return false }
        try users.set(swap.new, at: place, time: nil)
        return true
      }
    }
  }

  /// Whose the files are to be where root runs a command by hand.
  private var fileOwner: UInt32? {
    get throws {
      guard Process.userID == 0 else { return nil }
      let owner = try directory.status(of: name)?.owner ?? directory.status().owner
      return owner == 0 ? nil : owner
    }
  }

  private func save(_ users: Users, _ owner: UInt32?) throws {
    // One that could not be read again is not written.
    let octets = users.places.reduce(0) { $0 + users.records[$1].range.count + 1 }
    guard octets <= Users.mostOctets else {
      throw FileError(
        refusing: path, "would be larger than \(Users.mostOctets >> 20) MiB; nothing was changed")
    }
    try directory.replace(name, mode: 0o600, owner: owner) { file in
      var pending: [UInt8] = []
      pending.reserveCapacity(2 << 20)
      for place in users.records.indices where !users.records[place].isRemoved {
        pending.append(users.text.span, users.records[place].range)
        pending.append(UInt8(ascii: "\n"))
        if pending.count >= 1 << 20 {
          try file.write(pending)
          pending.removeAll(keepingCapacity: true)
        }
      }
      try file.write(pending)
      return true
    }
  }
}

extension Users {
  fileprivate mutating func readText(_ file: OpenFile, expecting size: Int) throws {
    guard size <= Self.mostOctets else {
      throw FileError(refusing: file.path, "larger than \(Self.mostOctets >> 20) MiB")
    }
    // One octet more, so that the end is seen without growing.
    text = [UInt8](repeating: 0, count: size + 1)
    var filled = 0
    while true {
      let n = try file.read(into: &text, at: filled, count: text.count - filled)
      if n == 0 { break }
      filled += n
      guard filled < text.count else {
        throw FileError(
          refusing: file.path, "changed while it was read; it is replaced, never added to")
      }
    }
    text.removeLast(text.count - filled)
  }

  fileprivate mutating func readLines(_ path: String) throws(KeyringError) {
    let newline = UInt8(ascii: "\n")
    var (lines, next) = (0, 0)
    while let found = text.span.firstIndex(of: newline, in: next..<text.count) {
      (lines, next) = (lines + 1, found + 1)
    }
    records.reserveCapacity(lines + 1)
    reserve(keys: 2 * (lines + 1))
    var reader = UserRecord.Reader()
    var start = 0
    var line = 0
    while start < text.count {
      line += 1
      let end = text.span.firstIndex(of: newline, in: start..<text.count) ?? text.count
      defer { start = end + 1 }
      if Self.isBlank(text.span, start..<end) { continue }
      do throws(KeyringError) {
        var record = try reader.read(text.span, start..<end)
        record.line = UInt32(truncatingIfNeeded: line)
        try index(record)
      } catch {
        throw KeyringError(error.code, "\(path): line \(line): \(error.detail)")
      }
    }
  }

  private static func isBlank(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for i in range where bytes[i] != 0x20 && bytes[i] != 0x09 && bytes[i] != 0x0d { return false }
    return true
  }
}
