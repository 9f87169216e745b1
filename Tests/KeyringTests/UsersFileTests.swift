// Users on disk: what is read and refused, what a change keeps, and changes that meet.

import Dispatch
import Files
import Foundation
import JOSE
import Testing

@testable import Keyring

@Suite("Files of users")
struct UsersFileTests {
  static let verifier = try! PasswordVerifier(parsing: ByteString(PasswordSamples.all[0].verifier))
  static let other = try! PasswordVerifier(parsing: ByteString(PasswordSamples.all[1].verifier))
  static let now = Timestamp(seconds: 1_800_000_000)

  static func user(_ name: String, _ email: String? = nil, disabled: Bool = false) -> User {
    User(
      username: ByteString(name), email: email.map { ByteString($0) }, verifier: verifier,
      isDisabled: disabled, created: now, changed: now)
  }

  static func line(_ name: String, _ more: String = "") -> String {
    #"{"username":"\#(name)","password":"\#(verifier.text)"\#(more)}"#
  }

  /// A file with `lines`.
  static func make(_ folder: Folder, _ lines: [String], mode: UInt16 = 0o600) throws -> UsersFile {
    try folder.file("u", lines.map { $0 + "\n" }.joined(), mode: mode)
    return try UsersFile("\(folder.path)/u")
  }

  // MARK: Reading

  @Test("finds by name and address, in whatever case, and nothing else")
  func finding() throws {
    let folder = Folder()
    let file = try Self.make(
      folder,
      [
        Self.line("ada", #","email":"Ada@Example.com","created":"2026-11-21T07:00:00Z""#), "",
        Self.line("grace@example.com", #","email":"grace@example.com","disabled":true"#),
        Self.line(#"zo\u00eb"#, #","x":{"y":[1.0]}"#) + "\r",
      ])
    let users = try file.load()
    #expect(users.count == 3)
    for login in ["ada", "ADA", "ada@example.com", "ADA@EXAMPLE.COM"] {
      #expect(users.find(ByteString(login)) == 0, "\(login)")
    }
    #expect(users.find("Grace@example.com") == 1)
    #expect(users.find("zo\u{eb}") == 2 && users.find("ZOE\u{308}") == 2)
    for login in ["", "ad", "ada@example.co", "grace", "zoe", "\u{430}da"] {
      #expect(users.find(ByteString(login)) == nil, "\(login)")
    }
    #expect(users.find(subject: "ada") == 0)
    #expect(users.find(subject: "Ada") == nil && users.find(subject: "ada@example.com") == nil)
    #expect(users.find(subject: "zo\u{eb}") == 2 && users.find(subject: "zoe\u{308}") == nil)
    let ada = users.user(0)
    #expect(ada.email == "Ada@Example.com" && ada.created != nil && ada.changed == nil)
    #expect(!ada.isDisabled && users.user(1).isDisabled)
    #expect(!users.isDisabled(0) && users.isDisabled(1))
    #expect(users.user(2).username == "zo\u{eb}" && users.user(2).verifier == Self.verifier)
    #expect(Array(users.places) == [0, 1, 2])
  }

  static let broken: [(String, KeyringError.Code, String)] = [
    ("{", .badFormat, "not valid JSON"), (String(line("ada").dropLast()), .badFormat, "JSON"),
    ("[]", .badFormat, "not an object"), ("\u{feff}" + line("ada"), .badFormat, "JSON"),
    (line("ada", #","x":1,"\u0078":2"#), .badFormat, "twice"),
    (line("ada", #","username":"bob""#), .badFormat, "twice"),
    (#"{"password":"x"}"#, .badFormat, #"no "username""#),
    (#"{"username":"ada"}"#, .badFormat, #"no "password""#),
    (#"{"username":"ada","password":"correct horse"}"#, .badVerifier, "no verifier"),
    (#"{"username":"ada","password":"$2b$31$x"}"#, .badVerifier, "cost"),
    (#"{"username":7,"password":"x"}"#, .badFormat, "no string"),
    (line(""), .badName, "empty"), (line("a b"), .badName, "space"),
    (line("p\u{430}ypal"), .badName, "mixes"), (line("ada", #","email":"ada""#), .badName, "mail"),
    (line("ada", #","disabled":"yes""#), .badFormat, "disabled"),
    (line("ada", #","created":17"#), .badFormat, "created"),
    (line("ada", #","changed":"today""#), .badFormat, "changed"),
    (line("ROOT"), .userExists, #"already as "root" (line 1)"#),
    (line("root"), .userExists, #""root" is there already (line 1)"#),
    (line("root@example.com"), .userExists, "one name"),
    (line("ada", #","email":"ROOT@example.COM""#), .userExists, "one name"),
    (line("ada", #","email":"ops@example.com""#), .userExists, "ops@example.com"),
    (line("ada", #","x":"\#(String(repeating: "x", count: 65_536))""#), .badFormat, "64 KiB"),
  ]

  @Test("a bad line is named, and nothing of a verifier is told", arguments: broken.indices)
  func brokenLines(_ index: Int) throws {
    let (line, code, words) = Self.broken[index]
    let folder = Folder()
    let first = Self.line("root", #","email":"Root@Example.com""#)
    let file = try Self.make(
      folder, [first, "", Self.line("ops@example.com"), line, Self.line("last")])
    do {
      _ = try file.load()
      Issue.record("was read")
    } catch let error as KeyringError {
      #expect(error.code == code, "\(error)")
      #expect(error.detail.contains(": line 4: "), "\(error)")
      #expect(error.detail.contains(words), "\(error)")
      #expect(!error.detail.contains("correct horse") && !error.detail.contains("AQTNTB"))
    }
  }

  @Test("a last line without its newline counts; half a line does not pass")
  func lastLine() throws {
    let folder = Folder()
    try folder.file("u", Self.line("ada") + "\n" + Self.line("bob"), mode: 0o600)
    #expect(try UsersFile("\(folder.path)/u").load().count == 2)
    try folder.file("v", Self.line("ada") + "\n" + Self.line("bob").dropLast(), mode: 0o600)
    #expect(throws: KeyringError(.badFormat, "")) { try UsersFile("\(folder.path)/v").load() }
    try folder.file("w", "", mode: 0o600)
    #expect(try UsersFile("\(folder.path)/w").load().count == 0)
  }

  @Test("a file that others can read, a link, a folder: refused, for changes too")
  func permissions() throws {
    let folder = Folder()
    let file = try Self.make(folder, [Self.line("ada")])
    for mode in [0o640, 0o604, 0o660, 0o606, 0o644] as [UInt16] {
      try OpenFile.open("\(folder.path)/u", .read).setMode(mode)
      #expect(throws: KeyringError(.unsafePermissions, "")) { try file.load() }
      #expect(throws: KeyringError(.unsafePermissions, "")) {
        try file.update { try $0.add(Self.user("bob")) }
      }
    }
    try OpenFile.open("\(folder.path)/u", .read).setMode(0o600)
    folder.link("link", to: "u")
    #expect(throws: FileError.self) { try UsersFile("\(folder.path)/link").load() }
    folder.link("other.lock", to: "u")
    #expect(throws: FileError.self) {
      try UsersFile("\(folder.path)/other").update(creating: true) { _ in }
    }
    #expect(throws: (any Error).self) { try UsersFile("\(folder.path)/").load() }
    #expect(throws: FileError.self) { try UsersFile("\(folder.path)/no/u") }
    do {
      _ = try UsersFile("\(folder.path)/none").load()
      Issue.record("was read")
    } catch let error as FileError {
      #expect(error.isMissing)
    }
    try OpenFile.open(folder.path, .readDirectory).setMode(0o777)
    #expect(throws: KeyringError(.unsafePermissions, "")) { try file.load() }
    // As in /tmp: others can add names there, and replace none.
    try OpenFile.open(folder.path, .readDirectory).setMode(0o1777)
    #expect(try file.load().count == 1)
  }

  @Test("is read again only when it was replaced")
  func reading() throws {
    let folder = Folder()
    let file = try Self.make(folder, [Self.line("ada")])
    let users = try file.load()
    #expect(try file.load(ifChangedFrom: users) == nil)
    try file.update { try $0.add(Self.user("bob")) }
    #expect(try file.load(ifChangedFrom: users)?.count == 2)
  }

  // MARK: Changing

  @Test("a change keeps every other octet: members it does not know, their order, digits, escapes")
  func keeping() throws {
    let folder = Folder()
    let odd =
      #"{ "n" : 1.50 , "username":"b\u006fb", "disabled":false,"#
      + #""password":"\#(Self.verifier.text)" , "roles":["a" ,"\u00e9"]}"#
    let file = try Self.make(folder, [Self.line("ada"), "", odd + "\r", Self.line("zed")])
    try file.update { users in
      try users.set(Self.other, at: try #require(users.find("bob")), time: Self.now)
    }
    let bob =
      #"{"n":1.50,"username":"b\u006fb","disabled":false,"password":"\#(Self.other.text)","#
      + #""roles":["a" ,"\u00e9"],"changed":"2027-01-15T08:00:00Z"}"#
    #expect(
      try folder.contents("u") == Self.line("ada") + "\n" + bob + "\n" + Self.line("zed") + "\n")
    try file.update { try $0.set(disabled: true, at: $0.find("BOB")!, time: Self.now) }
    #expect(try folder.contents("u").contains(#""disabled":true,"password""#))
    try file.update { try $0.set(disabled: false, at: $0.find("BOB")!, time: Self.now) }
    #expect(try !folder.contents("u").contains("disabled"))
    #expect(try folder.mode("u") == 0o600 && folder.mode("u.lock") == 0o600)
  }

  @Test("adds, refuses a second one of a name, removes, and lets the name be used again")
  func adding() throws {
    let folder = Folder()
    let file = try UsersFile("\(folder.path)/u")
    #expect(throws: FileError.self) { try file.update { _ in } }
    try file.update(creating: true) { users in
      try users.add(Self.user("ada", "ada@example.com"))
      try users.add(Self.user("bob", "bob@example.com", disabled: true))
    }
    for (name, email) in [
      ("ADA", nil), ("ada@EXAMPLE.com", nil), ("carl", "ADA@example.com"),
      ("carl", "bob@example.com"),
    ] as [(String, String?)] {
      #expect(throws: KeyringError(.userExists, "")) {
        try file.update { try $0.add(Self.user(name, email)) }
      }
    }
    let before = try folder.contents("u")
    #expect(throws: KeyringError(.userExists, "")) {
      try file.update { users in
        try users.add(Self.user("carl"))
        try users.add(Self.user("Carl"))
      }
    }
    #expect(try folder.contents("u") == before, "all or nothing")
    try file.update { users in
      users.remove(users.find("ada@example.com")!)
      #expect(users.find("ada") == nil && users.find("ada@example.com") == nil)
      try users.add(Self.user("Ada@example.com"))
      #expect(users.count == 2)
    }
    let users = try file.load()
    #expect(users.places.map { users.user($0).username } == ["bob", "Ada@example.com"])
    #expect(users.user(0).isDisabled)
  }

  @Test("nothing is written where nothing changed")
  func unchanged() throws {
    let folder = Folder()
    let file = try Self.make(folder, [Self.line("ada")])
    let users = try file.load()
    try file.update { _ in }
    #expect(try file.rehash([]) == [])
    #expect(try file.load(ifChangedFrom: users) == nil)
  }

  @Test("a rehash takes the place of the verifier that was checked, and of no other")
  func rehashing() throws {
    let folder = Folder()
    let file = try Self.make(
      folder, ["ada", "bob", "carl"].map { Self.line($0, #","changed":"2026-11-21T07:00:00Z""#) })
    let (old, new) = (Self.verifier, Self.other)
    try file.update { users in
      try users.set(new, at: users.find("bob")!, time: Self.now)
      users.remove(users.find("carl")!)
    }
    let another = try PasswordVerifier.make(
      PasswordVerifierTests.secret("x"), cost: PasswordVerifierTests.cheap)
    let done = try file.rehash([
      .init(username: "ada", old: old, new: another),
      .init(username: "bob", old: old, new: another),
      .init(username: "carl", old: old, new: another),
      .init(username: "ADA", old: another, new: new),
    ])
    #expect(done == [true, false, false, false])
    let users = try file.load()
    #expect(users.user(users.find("ada")!).verifier == another)
    #expect(users.user(users.find("bob")!).verifier == new)
    // No person changed it.
    #expect(users.user(users.find("ada")!).changed == Timestamp(rfc3339: "2026-11-21T07:00:00Z"))
  }

  @Test("changes that meet are all made")
  func meeting() throws {
    let folder = Folder()
    let path = "\(folder.path)/u"
    DispatchQueue.concurrentPerform(iterations: 8) { worker in
      for i in 0..<10 {
        do {
          try UsersFile(path).update(creating: true) {
            try $0.add(Self.user("user-\(worker)-\(i)"))
          }
        } catch { Issue.record("\(error)") }
      }
    }
    #expect(try UsersFile(path).load().count == 80)
    #expect(try folder.directory.names() == ["u", "u.lock"])
  }

  @Test("a random walk of changes agrees with a dictionary, whatever the file is read from")
  func walk() throws {
    var random = Seeded(UInt64.random(in: 0...UInt64.max))
    let folder = Folder()
    let file = try UsersFile("\(folder.path)/u")
    var twin: [String: Bool] = [:]
    for _ in 0..<40 {
      try file.update(creating: true) { users in
        for _ in 0..<25 {
          let name = "u\(Int.random(in: 0..<150, using: &random))"
          let place = users.find(ByteString(name.uppercased()))
          #expect((place != nil) == (twin[name] != nil))
          switch Int.random(in: 0..<4, using: &random) {
          case 0:
            if let place { users.remove(place) }
            twin[name] = nil
          case 1:
            guard let place else { continue }
            let disabled = Bool.random(using: &random)
            try users.set(disabled: disabled, at: place, time: Self.now)
            twin[name] = disabled
          default:
            guard place == nil else { continue }
            try users.add(Self.user(name, "\(name)@example.com"))
            twin[name] = false
          }
        }
      }
      let users = try file.load()
      #expect(users.count == twin.count)
      for (name, disabled) in twin {
        let place = try #require(users.find(ByteString("\(name)@Example.COM")))
        #expect(
          users.isDisabled(place) == disabled && users.username(place) == ByteString(name))
      }
    }
  }

  @Test(
    "many users, with figures for the reader",
    .enabled(if: ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil))
  func many() throws {
    let folder = Folder()
    let file = try UsersFile("\(folder.path)/u")
    let most = 200_000
    var began = Clock.monotonic
    func lap(_ what: String) {
      print("users: \(what): \(((Clock.monotonic - began) * 100).rounded() / 100) s")
      began = Clock.monotonic
    }
    try file.update(creating: true) { users in
      for i in 0..<most { try users.add(Self.user("user-\(i)", "user-\(i)@example.com")) }
      lap("added")
    }
    lap("written")
    let users = try file.load()
    lap("loaded, \(users.text.count >> 20) MiB")
    #expect(users.count == most)
    var found = 0
    for i in 0..<most where users.find(ByteString("User-\(i)@example.com")) == i { found += 1 }
    lap("found by address")
    #expect(found == most)
    try file.rehash(
      (0..<1000).map {
        .init(username: ByteString("user-\($0 * 7)"), old: Self.verifier, new: Self.other)
      })
    lap("1,000 rehashed")
    print("users: peak \(Process.peakMemory >> 20) MiB")
  }
}
