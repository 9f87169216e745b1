// Users that follow their file: each change is seen, and a file that is no good changes nothing.
// Owns: a file in a temporary folder and a clock that the test moves. Must never: wait.

import Files
import JOSE
import Synchronization
import Testing

@testable import Keyring
@testable import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file of users that changes, and what is said about it.
final class WatchedUsers: Sendable {
  let folder = Folder()
  let time = Mutex(100.0)
  let reports = Mutex<[String]>([])

  init(_ records: String...) throws { try write(records.joined()) }

  var path: String { "\(folder.path)/u" }
  var reported: [String] { reports.withLock { $0 } }

  func write(_ text: String) throws {
    try OpenFile.open(folder.path, .readDirectory).replace(
      "u", contents: Array(text.utf8), mode: 0o600)
  }

  func follow(each interval: Double?) throws -> FollowedUsers {
    try FollowedUsers(
      UsersFile(path), follows: interval, clock: { self.time.withLock { $0 } },
      report: { text in self.reports.withLock { $0.append(text) } })
  }

  func wait(_ seconds: Double = 1) { time.withLock { $0 += seconds } }

  /// A record; `name` as JSON has it.
  static func record(_ name: String, _ more: String = "") -> String {
    let verifier = "$pbkdf2-sha256$1000$AAECAwQFBgc$" + String(repeating: "A", count: 43)
    return #"{"username":"\#(name)","password":"\#(verifier)"\#(more)}"# + "\n"
  }
}

@Suite struct FollowedUsersTests {
  private func names(_ users: Users) -> [String] {
    users.places.map { users.username($0).description }
  }

  @Test func `the file is looked at again when the interval is over, and not before`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = try watched.follow(each: 1)
    try watched.write(WatchedUsers.record("ada") + WatchedUsers.record("bob"))
    watched.wait(0.5)
    #expect(names(users.current()) == ["ada"])
    watched.wait(0.5)
    #expect(names(users.current()) == ["ada", "bob"])
    try watched.write(WatchedUsers.record("bob"))
    #expect(names(users.current()) == ["ada", "bob"])
    watched.wait()
    #expect(names(users.current()) == ["bob"])
    #expect(watched.reported.isEmpty)
  }

  @Test func `an interval of nothing looks at every call`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = try watched.follow(each: 0)
    for name in ["bob", "eve", "zoe"] {
      try watched.write(WatchedUsers.record(name))
      #expect(names(users.current()) == [name])
    }
  }

  @Test func `without an interval the users stay as they were`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = try watched.follow(each: nil)
    try watched.write(WatchedUsers.record("bob"))
    watched.wait(1000)
    #expect(names(users.current()) == ["ada"])
    unlink(watched.path)
    watched.wait(1000)
    #expect(names(users.current()) == ["ada"] && watched.reported.isEmpty)
  }

  @Test func `a file that can't be used leaves the users as they were, and is reported once`()
    throws
  {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = try watched.follow(each: 1)
    try watched.write(WatchedUsers.record("bob") + "{")
    for _ in 0..<3 {
      watched.wait()
      #expect(names(users.current()) == ["ada"])
    }
    #expect(watched.reported.count == 1)
    #expect(watched.reported.first?.contains("line 2") == true, "\(watched.reported)")
    unlink(watched.path)
    watched.wait()
    #expect(names(users.current()) == ["ada"])
    try watched.write(WatchedUsers.record("bob"))
    chmod(watched.path, 0o644)
    watched.wait()
    #expect(names(users.current()) == ["ada"])
    #expect(watched.reported.count == 3, "\(watched.reported)")
    #expect(watched.reported.last?.contains("chmod 600") == true, "\(watched.reported)")
    chmod(watched.path, 0o600)
    watched.wait()
    #expect(names(users.current()) == ["bob"])
    // What was said once is not said again.
    try watched.write(WatchedUsers.record("ada") + "{")
    watched.wait()
    #expect(names(users.current()) == ["bob"] && watched.reported.count == 3)
  }

  @Test func `a file that fails ever differently is reported twenty times`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = try watched.follow(each: 0)
    for lines in 1...25 {
      try watched.write(String(repeating: "\n", count: lines) + "{")
      #expect(names(users.current()) == ["ada"])
    }
    #expect(watched.reported.count == 20)
  }

  @Test func `the report may ask for the users`() throws {
    let watched = try WatchedUsers(WatchedUsers.record("ada"))
    let users = Mutex<FollowedUsers?>(nil)
    let asked = Mutex<[String]>([])
    let followed = try FollowedUsers(
      UsersFile(watched.path), follows: 0,
      report: { _ in
        let found = users.withLock { $0 }?.current()
        asked.withLock { $0 = found.map(self.names) ?? [] }
      })
    users.withLock { $0 = followed }
    try watched.write("{")
    _ = followed.current()
    #expect(asked.withLock { $0 } == ["ada"])
  }

  @Test func `what can't be read at the start is thrown`() throws {
    #expect(throws: KeyringError.self) { try WatchedUsers("{").follow(each: 1) }
    let watched = try WatchedUsers()
    unlink(watched.path)
    #expect(throws: FileError.self) { try watched.follow(each: nil) }
  }
}
