// File calls that fail, and processes that die, at every point (debug builds only).
// Owns: walking through the calls of a command. Must never: know which call does what.

import Foundation
import Testing

@Suite("File calls that fail and processes that die")
struct FaultTests {
  /// A command that changes a ring, and how to make what it starts from.
  struct Change: CustomTestStringConvertible {
    var words: [String]
    var prepare: [[String]]
    var testDescription: String { "keys " + words.joined(separator: " ") }

    static let all = [
      Change(words: ["init", "--alg", "ES256", "--publish-to", "copy.json"], prepare: []),
      Change(
        words: ["generate"],
        prepare: [["init", "--alg", "ES256", "--publish-to", "copy.json"]]),
      Change(
        words: ["import", "--as", "active", "f/es.jwk"],
        prepare: [["init", "--empty", "--alg", "ES256", "--publish-to", "copy.json"]]),
      Change(
        words: ["publish", "--out", "out.json"],
        prepare: [["init", "--alg", "ES256", "--publish-to", "copy.json"], ["generate"]]),
    ]

    /// A directory in which the command can run.
    func workspace() throws -> Workspace {
      let space = try Workspace()
      for words in prepare {
        let made = try space.jotmill(["keys"] + words)
        #expect(made.status == 0)
      }
      return space
    }
  }

  /// Calls are walked through until the command no longer meets its fault.
  static let mostCalls = 300

  @Test("after a death at any call the same command completes", arguments: Change.all)
  func deaths(_ change: Change) throws {
    let start = try change.workspace()
    for call in 1...Self.mostCalls {
      let space = try start.copy()
      let words = ["keys"] + change.words
      let died = try space.jotmill(words, fault: "\(call):kill")
      try Self.checkRing(space, "after a death at call \(call)")
      guard died.status == 128 + SIGKILL else {
        #expect(died.status == 0)
        #expect(call > 5, "the command made some calls")
        return
      }
      let isNew = change.words[0] == "init" && space.exists("keys/keyring.json")
      // Whatever was done of an import is done: the key is there.
      let again = try space.jotmill(isNew ? ["keys", "generate"] : words)
      let isThere = change.words[0] == "import" && again.errors.contains("is there already")
      #expect(again.status == 0 || isThere, "call \(call): \(again.errors)")
      try Self.checkRing(space, "after the run that followed a death at call \(call)")
      #expect(space.exists("keys/jwks.json") || isThere)
      if !isThere { try Self.checkWorks(space, call) }
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  @Test(
    "a call that fails ends the command with status 2 and a message",
    arguments: Change.all, ["ENOSPC", "EIO", "EACCES"])
  func failures(_ change: Change, _ code: String) throws {
    let start = try change.workspace()
    for call in 1...Self.mostCalls {
      let space = try start.copy()
      let words = ["keys"] + change.words
      let failed = try space.jotmill(words, fault: "\(call):\(code)")
      try Self.checkRing(space, "after \(code) at call \(call)")
      if failed.status == 0 {
        // The fault was never met, or met where it makes no difference: all the work is done.
        try Self.checkWorks(space, call)
        let next = try space.jotmill(words, fault: "\(call + 1):kill")
        if next.status != 128 + SIGKILL { return }
        continue
      }
      #expect(failed.status == 2, "\(code) at call \(call): \(failed.status)")
      #expect(failed.errors.hasPrefix("jotmill: "), "\(code) at call \(call)")
      #expect(!failed.errors.contains("Fatal"))
      // What it lived to see leaves no temporary file, and every private half is whole.
      let left = space.names("keys").filter { $0.hasSuffix(".new") }
      #expect(left.isEmpty, "\(code) at call \(call) left \(left)")
      for name in space.names("keys/private") {
        let half = Data(space.read("keys/private/\(name)"))
        #expect((try? JSONSerialization.jsonObject(with: half)) != nil, "\(code) at call \(call)")
      }
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  /// What holds at every instant: whole files, modes, nothing private in public.
  private static func checkRing(_ space: Workspace, _ when: String) throws {
    for name in ["keys/keyring.json", "keys/jwks.json", "copy.json", "out.json"]
    where space.exists(name) {
      let text = space.read(name)
      let value = try? JSONSerialization.jsonObject(with: Data(text)) as? [String: Any]
      #expect(value?["keys"] is [[String: Any]], "\(name) \(when)")
      #expect(!String(decoding: text, as: UTF8.self).contains(#""d""#), "\(name) \(when)")
      #expect(space.mode(name) == 0o644, "\(name) \(when)")
    }
    if space.exists("keys/private") {
      #expect(space.mode("keys/private") == 0o700, "private \(when)")
      for name in space.names("keys/private") {
        #expect(space.mode("keys/private/\(name)") & 0o077 == 0, "\(name) \(when)")
      }
    }
    // Whatever keyring.json says has a private half to it.
    if let ring = try? JSONSerialization.jsonObject(with: Data(space.read("keys/keyring.json"))),
      let keys = (ring as? [String: Any])?["keys"] as? [[String: Any]]
    {
      for key in keys {
        let kid = key["kid"] as? String ?? ""
        let half = space.read("keys/private/\(kid).jwk")
        #expect((try? JSONSerialization.jsonObject(with: Data(half))) != nil, "\(kid) \(when)")
      }
    }
  }

  /// A token that the ring signs is verified by what it has published; every copy is the same.
  private static func checkWorks(_ space: Workspace, _ call: Int) throws {
    try space.write("claims", "{}\n")
    let made = try space.jotmill(["sign", "-q", "-o", "token", "claims"])
    #expect(made.status == 0, "call \(call): \(made.errors)")
    let words = ["verify", "-q", "--jwks", "keys/jwks.json", "--print", "none", "token"]
    #expect(try space.jotmill(words).status == 0, "call \(call)")
    for name in ["copy.json", "out.json"] where space.exists(name) {
      #expect(space.read(name) == space.read("keys/jwks.json"), "call \(call): \(name)")
    }
  }

  @Test(
    "verify -o leaves no partial output behind when a call fails",
    arguments: ["ENOSPC", "EIO", "EACCES"])
  func verifyOutput(_ code: String) throws {
    let token = try Workspace.token("{}")
    let words = ["verify", "-q", "-j", "1", "--secret", "f/secret", "-o", "out", "tokens"]
    let expected = Array(#"{"line":1,"valid":true,"alg":"HS256","claims":{}}"#.utf8) + [0x0a]
    for call in 1...Self.mostCalls {
      let space = try Workspace()
      try space.write("tokens", token + "\n")
      let failed = try space.jotmill(words, fault: "\(call):\(code)")
      let names = space.names("").filter { $0 != "f" }
      if failed.status == 0 {
        #expect(names == ["out", "tokens"], "\(code) at call \(call)")
        #expect(space.read("out") == expected)
        let next = try space.jotmill(words, fault: "\(call + 1):kill")
        if next.status != 128 + SIGKILL { return }
        continue
      }
      #expect(failed.status == 2, "\(code) at call \(call): \(failed.status)")
      #expect(failed.errors.hasPrefix("jotmill: "), "\(code) at call \(call)")
      // Once it has its name it is whole; that its folder could not be synced is still an error.
      let isWhole = names == ["out", "tokens"] && space.read("out") == expected
      #expect(names == ["tokens"] || isWhole, "\(code) at call \(call)")
    }
  }

  @Test("an interrupted call is made again", arguments: Change.all)
  func interruptions(_ change: Change) throws {
    for operation in ["read", "write"] {
      let space = try change.workspace()
      let done = try space.jotmill(["keys"] + change.words, fault: "1:EINTR@\(operation)")
      #expect(done.status == 0, "\(operation): \(done.errors)")
    }
  }
}
