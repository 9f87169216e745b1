// File calls that fail, and processes that die, at every point (debug builds only).
// Owns: walking through the calls of a command. Must never: know which call does what.

import Foundation
import Testing

@Suite("File calls that fail and processes that die")
struct FaultTests {
  /// A command that changes a ring, and how to make what it starts from.
  struct Change: CustomTestStringConvertible {
    var words: [String]
    /// Commands of `jotmill keys`; one that opens with `$` is a shell's.
    var prepare: [[String]]
    /// The clock of a ring for rehearsals, for looking at it afterwards.
    var at: String?
    /// One of the copies can't be written at any time.
    var isStuck = false
    /// What says that all is done already.
    var already: String?
    /// A call costs a passphrase's many rounds: fewer of them are tried.
    var isSlow = false
    /// Nobody would sign if a new key waited for every copy: it does not.
    var isUrgent = false

    var testDescription: String { "keys " + words.joined(separator: " ") }

    private static let initial = ["init", "--alg", "ES256", "--publish-to", "copy.json"]
    private static let start = "2026-01-01T00:00:00Z"
    private static let rehearsal =
      initial + ["--rehearsal", "--at", start, "--publish-to", "second.json"]
    private static let withNext = [
      rehearsal, ["rotate", "--if-due", "--at", "2026-01-01T00:01:00Z"],
    ]
    private static let later = "2026-01-03T00:00:00Z"

    static let all = [
      Change(words: initial, prepare: [], already: "already holds a ring"),
      Change(words: ["generate"], prepare: [initial]),
      Change(
        words: ["import", "--as", "active", "f/es.jwk"],
        prepare: [["init", "--empty", "--alg", "ES256", "--publish-to", "copy.json"]],
        already: "is there already"),
      Change(words: ["publish", "--out", "out.json"], prepare: [initial, ["generate"]]),
      Change(
        words: ["publish"],
        prepare: [
          ["$", "mkdir gone"], initial + ["--publish-to", "gone/copy.json"],
          ["$", "mv gone away && jotmill keys generate -q; rm copy.json"],
        ], isStuck: true),
      // Everything at once: a key leaves the set, another is made, a private half goes.
      Change(
        words: ["rotate", "--if-due", "--at", "2026-03-02T00:01:00Z"],
        prepare: withNext + [
          ["rotate", "--if-due", "--at", "2026-01-31T00:00:00Z"],
          ["rotate", "--if-due", "--at", "2026-02-15T00:00:00Z"],
        ], at: "2026-03-02T00:02:00Z"),
      Change(
        words: ["rotate", "--now", "--at", later], prepare: withNext, at: "2026-01-03T00:00:05Z",
        already: "there is no next key"),
      Change(
        words: ["retire", "--at", later, "--", "ACTIVE"], prepare: withNext,
        at: "2026-01-03T00:00:05Z"),
      Change(words: ["revoke", "--at", later, "--", "ACTIVE"], prepare: withNext, at: later),
      Change(
        words: ["revoke", "--all", "--at", later], prepare: withNext, at: later, isUrgent: true),
      Change(
        words: ["policy", "alg=EdDSA", "period=40d", "--at", later], prepare: withNext, at: later),
      Change(
        words: ["prune", "--before", "2026-02-20T00:00:00Z", "--orphans", "--at", later2],
        prepare: withNext + [
          ["import", "--as", "archived", "--alg", "RS256", "f/rsa.public.pem", "--at", later],
          ["rotate", "--if-due", "--at", "2026-01-31T00:00:00Z"],
          ["$", "echo '{}' >keys/private/orphan.jwk; chmod 600 keys/private/orphan.jwk"],
        ], at: later2),
      Change(
        words: ["encrypt", "--passphrase-file", "pass"],
        prepare: [["$", "echo open sesame >pass; chmod 600 pass"], initial], isSlow: true),
      Change(
        words: ["decrypt", "--passphrase-file", "pass"],
        prepare: [
          ["$", "echo open sesame >pass; chmod 600 pass"],
          initial + ["--passphrase-file", "pass"],
        ], isSlow: true),
    ]
    private static let later2 = "2026-02-28T00:00:00Z"

    /// A directory in which the command can run.
    func workspace() throws -> Workspace {
      let space = try Workspace()
      for words in prepare {
        let made =
          words[0] == "$" ? try space.shell(words[1]) : try space.jotmill(["keys"] + words)
        #expect(made.status == 0, "\(words): \(made.errors)")
      }
      return space
    }

    /// The command line, with the kid that ACTIVE stands for.
    func line(in space: Workspace) throws -> [String] {
      guard words.contains("ACTIVE") else { return ["keys"] + words }
      let ring = try #require(FaultTests.json(space, "keys/keyring.json"))
      let kid = (ring["keys"] as? [[String: Any]])?.first?["kid"] as? String
      let active = try #require(kid)
      return ["keys"] + words.map { $0 == "ACTIVE" ? active : $0 }
    }
  }

  /// Calls are walked through until the command no longer meets its fault.
  static let mostCalls = 400

  /// Every call, with a death and with every error; else some of them, from another one on each time.
  static let isLong = ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil

  @Test("after a death at any call the same command completes", arguments: Change.all)
  func deaths(_ change: Change) throws {
    let start = try change.workspace()
    let words = try change.line(in: start)
    let step = Self.isLong ? 1 : change.isSlow ? 11 : 4
    for call in stride(from: Int.random(in: 1...step), through: Self.mostCalls, by: step) {
      let space = try start.copy()
      let died = try space.jotmill(words, fault: "\(call):kill")
      try Self.checkRing(space, change, "after a death at call \(call)")
      guard died.status == 128 + SIGKILL else {
        #expect(died.status == (change.isStuck ? 2 : 0), "\(died.errors)")
        #expect(call > 5, "the command made some calls")
        return
      }
      let again = try space.jotmill(words)
      try Self.checkCompleted(again, change, "call \(call)")
      try Self.checkRing(space, change, "after the run that followed a death at call \(call)")
      try Self.checkWorks(space, change, "call \(call)")
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  @Test(
    "a call that fails ends the command with status 2 and a message, and it completes later",
    arguments: Change.all, ["ENOSPC", "EIO", "EACCES"])
  func failures(_ change: Change, _ code: String) throws {
    let start = try change.workspace()
    let words = try change.line(in: start)
    let step = Self.isLong ? 1 : change.isSlow ? 31 : 11
    for call in stride(from: Int.random(in: 1...step), through: Self.mostCalls, by: step) {
      let space = try start.copy()
      let when = "\(code) at call \(call)"
      let failed = try space.jotmill(words, fault: "\(call):\(code)")
      try Self.checkRing(space, change, "after \(when)", copiesMayLag: change.isUrgent)
      let isDone = failed.status == 0 || change.isStuck && failed.errors.contains("gone")
      if isDone || failed.errors.isEmpty {
        // The fault was never met, or met where it makes no difference: all the work is done.
        if failed.status == 0 { try Self.checkWorks(space, change, when) }
        let next = try start.copy().jotmill(words, fault: "\(call):kill")
        if next.status != 128 + SIGKILL { return }
        // Standard error itself could not be written.
        #expect(isDone || failed.status == 2, "\(when)")
        continue
      }
      #expect(failed.status == 2, "\(when): \(failed.status)")
      #expect(failed.errors.hasPrefix("jotmill: "), "\(when)")
      #expect(!failed.errors.contains("Fatal"))
      // What it lived to see leaves no temporary file, and every private half is whole.
      let left = space.names("keys").filter { $0.hasSuffix(".new") }
      #expect(left.isEmpty, "\(when) left \(left)")
      for name in space.names("keys/private") where name.hasSuffix(".jwk") {
        #expect(Self.json(space, "keys/private/\(name)") != nil, "\(when)")
      }
      let again = try space.jotmill(words)
      try Self.checkCompleted(again, change, when)
      try Self.checkRing(space, change, "after the run that followed \(when)")
      try Self.checkWorks(space, change, when)
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  private static func checkCompleted(
    _ outcome: Outcome, _ change: Change, _ when: String
  ) throws {
    let isAlready = change.already.map { outcome.errors.contains($0) } ?? false
    let isStuck = change.isStuck && outcome.status == 2 && outcome.errors.contains("gone")
    #expect(outcome.status == 0 || isAlready || isStuck, "\(when): \(outcome.errors)")
  }

  fileprivate static func json(_ space: Workspace, _ name: String) -> [String: Any]? {
    try? JSONSerialization.jsonObject(with: Data(space.read(name))) as? [String: Any]
  }

  /// What holds at every instant: whole files, modes, nothing private in public, one signer with a
  /// private half, and every published key in every copy.
  private static func checkRing(
    _ space: Workspace, _ change: Change, _ when: String, copiesMayLag: Bool = false
  ) throws {
    let copies = ["copy.json", "second.json"].filter(space.exists)
    for name in ["keys/keyring.json", "keys/jwks.json", "out.json"] + copies
    where space.exists(name) {
      #expect(json(space, name)?["keys"] is [[String: Any]], "\(name) \(when)")
      let text = String(decoding: space.read(name), as: UTF8.self)
      #expect(!text.contains(#""d""#), "\(name) \(when)")
      #expect(space.mode(name) == 0o644, "\(name) \(when)")
    }
    if space.exists("keys/private") {
      #expect(space.mode("keys/private") == 0o700, "private \(when)")
      for name in space.names("keys/private") {
        #expect(space.mode("keys/private/\(name)") & 0o077 == 0, "\(name) \(when)")
      }
    }
    guard space.exists("keys/keyring.json") else { return }
    let at = change.at.map { ["--at", $0] } ?? []
    let listed = try space.jotmill(["keys", "list", "--json"] + at)
    #expect(listed.status == 0, "\(when): \(listed.errors)")
    let value = try? JSONSerialization.jsonObject(with: Data(listed.out)) as? [String: Any]
    let keys = value?["keys"] as? [[String: Any]] ?? []
    let hasStarted = keys.contains {
      $0["activation"] is String && $0["phase"] as? String != "revoked"
    }
    let signers = keys.filter { $0["signs"] as? Bool == true }
    // Between a revocation and its replacement's publication nobody signs; the next run mends it.
    #expect(signers.count == (hasStarted ? 1 : 0), "\(signers.count) keys sign \(when)")
    let published = Set(kids(json(space, "keys/jwks.json")))
    for key in keys {
      let kid = key["kid"] as? String ?? ""
      let phase = key["phase"] as? String ?? ""
      let isOut = ["archived", "revoked", "pending"].contains(phase)
      if !isOut {
        #expect(published.contains(kid), "\(phase) \(kid) is not in the set \(when)")
        for copy in copies where !copiesMayLag {
          #expect(kids(json(space, copy)).contains(kid), "\(kid) is not in \(copy) \(when)")
        }
      }
      guard ["pending", "next", "active"].contains(phase) else { continue }
      let half = json(space, "keys/private/\(kid).jwk")
      #expect(half != nil || space.exists("keys/private/\(kid).jwe"), "\(kid) \(when)")
    }
  }

  private static func kids(_ set: [String: Any]?) -> [String] {
    (set?["keys"] as? [[String: Any]] ?? []).compactMap { $0["kid"] as? String }
  }

  /// A token that the ring signs is verified by what it has published; every copy is the same, and
  /// an audit finds nothing but what a death may leave.
  private static func checkWorks(_ space: Workspace, _ change: Change, _ when: String) throws {
    let at = change.at.map { ["--at", $0] } ?? []
    let pass = change.isSlow ? ["--passphrase-file", "pass"] : []
    try space.write("claims", "{}\n")
    let made = try space.jotmill(["sign", "-q", "-o", "token"] + pass + at + ["claims"])
    #expect(made.status == 0, "\(when): \(made.errors)")
    let words = ["verify", "-q", "--jwks", "keys/jwks.json", "--print", "none", "token"]
    #expect(try space.jotmill(words + at).status == 0, "\(when)")
    for name in ["copy.json", "second.json", "out.json"] where space.exists(name) {
      #expect(space.read(name) == space.read("keys/jwks.json"), "\(when): \(name)")
    }
    let audit = try space.jotmill(["keys", "audit"] + at)
    let found = audit.lines.filter {
      !$0.hasSuffix("nothing to mend") && !$0.hasPrefix("orphan") && !$0.hasPrefix("overdue")
        && !(change.isStuck && $0.contains("gone"))
        && !(change.isStuck && $0.hasPrefix("unfinished"))
    }
    #expect(found.isEmpty, "\(when): \(found)")
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
      let words = try change.line(in: space)
      let done = try space.jotmill(words, fault: "1:EINTR@\(operation)")
      #expect(done.status == (change.isStuck ? 2 : 0), "\(operation): \(done.errors)")
    }
  }
}
