// Users on disk: what a change keeps, and changes that meet.

import Dispatch
import Files
import Foundation
import JOSE
import Testing

@testable import Keyring

@Suite("Changes of users")
struct UsersChangeTests {
  typealias Samples = UsersFileTests

  @Test("a change keeps every other octet: members it does not know, their order, digits, escapes")
  func keeping() throws {
    let folder = Folder()
    let odd =
      #"{ "n" : 1.50 , "username":"b\u006fb", "disabled":false,"#
      + #""password":"\#(Samples.verifier.text)" , "roles":["a" ,"\u00e9"]}"#
    let file = try Samples.make(folder, [Samples.line("ada"), "", odd + "\r", Samples.line("zed")])
    try file.update { users in
      try users.set(Samples.other, at: try #require(users.find("bob")), time: Samples.now)
    }
    let bob =
      #"{"n":1.50,"username":"b\u006fb","disabled":false,"password":"\#(Samples.other.text)","#
      + #""roles":["a" ,"\u00e9"],"changed":"2027-01-15T08:00:00Z"}"#
    #expect(
      try folder.contents("u") == Samples.line("ada") + "\n" + bob + "\n" + Samples.line("zed")
        + "\n")
    try file.update { try $0.set(disabled: true, at: $0.find("BOB")!, time: Samples.now) }
    #expect(try folder.contents("u").contains(#""disabled":true,"password""#))
    try file.update { try $0.set(disabled: false, at: $0.find("BOB")!, time: Samples.now) }
    #expect(try !folder.contents("u").contains("disabled"))
    #expect(try folder.mode("u") == 0o600 && folder.mode("u.lock") == 0o600)
  }

  @Test("adds, refuses a second one of a name, removes, and lets the name be used again")
  func adding() throws {
    let folder = Folder()
    let file = try UsersFile("\(folder.path)/u")
    #expect(throws: FileError.self) { try file.update { _ in } }
    try file.update(creating: true) { users in
      try users.add(Samples.user("ada", "ada@example.com"))
      try users.add(Samples.user("bob", "bob@example.com", disabled: true))
    }
    for (name, email) in [
      ("ADA", nil), ("ada@EXAMPLE.com", nil), ("carl", "ADA@example.com"),
      ("carl", "bob@example.com"),
    ] as [(String, String?)] {
      #expect(throws: KeyringError(.userExists, "")) {
        try file.update { try $0.add(Samples.user(name, email)) }
      }
    }
    let before = try folder.contents("u")
    #expect(throws: KeyringError(.userExists, "")) {
      try file.update { users in
        try users.add(Samples.user("carl"))
        try users.add(Samples.user("Carl"))
      }
    }
    #expect(try folder.contents("u") == before, "all or nothing")
    try file.update { users in
      users.remove(users.find("ada@example.com")!)
      #expect(users.find("ada") == nil && users.find("ada@example.com") == nil)
      try users.add(Samples.user("Ada@example.com"))
      #expect(users.count == 2)
    }
    let users = try file.load()
    #expect(users.places.map { users.user($0).username } == ["bob", "Ada@example.com"])
    #expect(users.user(0).isDisabled)
  }

  @Test("nothing is written where nothing changed")
  func unchanged() throws {
    let folder = Folder()
    let file = try Samples.make(folder, [Samples.line("ada")])
    let users = try file.load()
    try file.update { _ in }
    #expect(try file.rehash([]) == [])
    #expect(try file.load(ifChangedFrom: users) == nil)
  }

  @Test("a rehash takes the place of the verifier that was checked, and of no other")
  func rehashing() throws {
    let folder = Folder()
    let file = try Samples.make(
      folder,
      ["ada", "bob", "carl"].map { Samples.line($0, #","changed":"2026-11-21T07:00:00Z""#) })
    let (old, new) = (Samples.verifier, Samples.other)
    try file.update { users in
      try users.set(new, at: users.find("bob")!, time: Samples.now)
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
            try $0.add(Samples.user("user-\(worker)-\(i)"))
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
            try users.set(disabled: disabled, at: place, time: Samples.now)
            twin[name] = disabled
          default:
            guard place == nil else { continue }
            try users.add(Samples.user(name, "\(name)@example.com"))
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
      for i in 0..<most { try users.add(Samples.user("user-\(i)", "user-\(i)@example.com")) }
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
        .init(username: ByteString("user-\($0 * 7)"), old: Samples.verifier, new: Samples.other)
      })
    lap("1,000 rehashed")
    print("users: peak \(Process.peakMemory >> 20) MiB")
  }
}
