// Users on disk: what is read, found and refused.

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
}
