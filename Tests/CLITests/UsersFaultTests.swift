// Changes of a file of users that fail, or die, at every file call (debug builds only), and changes
// that meet. Owns: walking through the calls of `jotmill users`.

import Foundation
import Testing

@Suite("Changes of users that fail and die")
struct UsersFaultTests {
  /// A change, and which users there are without it and with it.
  struct Change: CustomTestStringConvertible {
    var words: [String]
    /// The file that standard input is.
    var input: String?
    var before: [String]
    var after: [String]
    /// What says that it is done already.
    var already: String?

    var testDescription: String { "users " + words.joined(separator: " ") }

    private static let start = ["ada enabled", "bob disabled"]

    static let all = [
      Change(
        words: ["add", "carl", "--scrypt", "8192,8,1"], input: "pass", before: start,
        after: start + ["carl enabled"], already: "is there already"),
      Change(
        words: ["add", "--users", "new", "carl", "--scrypt", "8192,8,1"], input: "pass",
        before: [], after: ["carl enabled"], already: "is there already"),
      Change(
        words: ["passwd", "ada", "--scrypt", "8192,8,1"], input: "pass", before: start,
        after: start),
      Change(words: ["disable", "ada"], before: start, after: ["ada disabled", "bob disabled"]),
      Change(
        words: ["remove", "bob"], before: start, after: ["ada enabled"], already: "no user"),
      Change(
        words: ["import", "table.csv"], before: start,
        after: start + ["dora enabled", "emil disabled"], already: "is there already"),
    ]

    var file: String { words.contains("new") ? "new" : "keys/users.ndjson" }

    func workspace() throws -> Workspace {
      let space = try Workspace()
      let verifier = "$2b$04$......................w74bL5gU7LSJClZClCa.Pkz14aTv/XO"
      try space.write("pass", "open sesame\n")
      try space.write(
        "table.csv",
        "username,verifier,disabled\ndora,\(verifier),\nemil,\(verifier),1\n")
      let made = try space.shell(
        """
        jotmill keys init -q --alg ES256 &&
        printf 'username,verifier,disabled\\nada,%s,\\nbob,%s,1\\n' '\(verifier)' '\(verifier)' |
        jotmill users import -q -
        """)
      #expect(made.status == 0, "\(made.errors)")
      return space
    }

    func run(_ space: Workspace, fault: String? = nil) throws -> Outcome {
      let input = input.map { Child.Input.file("\(space.work)/\($0)") } ?? .nothing
      return try space.start(["users"] + words, input: input, fault: fault).end()
    }

    /// Who is in the file now: the users before or after it, whole and private.
    func check(_ space: Workspace, _ when: String) throws -> [String] {
      guard space.exists(file) else {
        #expect(before.isEmpty, "\(when)")
        return []
      }
      #expect(space.mode(file) == 0o600, "\(when)")
      let folder = words.contains("new") ? "" : "keys"
      for name in space.names(folder) where name.contains("users") || name.contains("new") {
        #expect(space.mode("\(folder)/\(name)") == 0o600, "\(name) \(when)")
      }
      let named = words.contains("new") ? ["--users", "new"] : []
      let listed = try space.jotmill(["users", "list", "--json"] + named)
      #expect(listed.status == 0, "\(when): \(listed.errors)")
      let value = try? JSONSerialization.jsonObject(with: Data(listed.out)) as? [String: Any]
      let users = (value?["users"] as? [[String: Any]] ?? []).map { user in
        "\(user["username"] ?? "") \(user["disabled"] as? Bool == true ? "disabled" : "enabled")"
      }
      #expect(users == before || users == after, "\(when): \(users)")
      return users
    }
  }

  static let mostCalls = 80

  @Test("after a death at any call the same command completes", arguments: Change.all)
  func deaths(_ change: Change) throws {
    let start = try change.workspace()
    for call in 1...Self.mostCalls {
      let space = try start.copy()
      let died = try change.run(space, fault: "\(call):kill")
      _ = try change.check(space, "after a death at call \(call)")
      guard died.status == 128 + SIGKILL else {
        #expect(died.status == 0 && call > 10, "\(call): \(died.errors)")
        return
      }
      let again = try change.run(space)
      let isAlready = change.already.map { again.errors.contains($0) } ?? false
      #expect(again.status == 0 || isAlready, "call \(call): \(again.errors)")
      #expect(try change.check(space, "after the run that followed \(call)") == change.after)
      let left = space.names("keys").filter { $0.hasSuffix(".new") && !isAlready }
      #expect(left.isEmpty, "call \(call) left \(left)")
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  @Test(
    "a call that fails ends the command with status 2 and a message, and it completes later",
    arguments: Change.all, ["ENOSPC", "EIO", "EACCES"])
  func failures(_ change: Change, _ code: String) throws {
    let start = try change.workspace()
    for call in 1...Self.mostCalls {
      let space = try start.copy()
      let when = "\(code) at call \(call)"
      let failed = try change.run(space, fault: "\(call):\(code)")
      let users = try change.check(space, "after \(when)")
      if failed.status == 0 {
        #expect(users == change.after, "\(when)")
        let next = try change.run(try start.copy(), fault: "\(call):kill")
        if next.status != 128 + SIGKILL { return }
        continue
      }
      #expect(failed.status == 2, "\(when): \(failed.status)")
      #expect(failed.errors.hasPrefix("jotmill: "), "\(when)")
      let left = (space.names("keys") + space.names("")).filter { $0.hasSuffix(".new") }
      #expect(left.isEmpty, "\(when) left \(left)")
      let again = try change.run(space)
      let isAlready = change.already.map { again.errors.contains($0) } ?? false
      #expect(again.status == 0 || isAlready, "\(when): \(again.errors)")
      #expect(try change.check(space, "after the run that followed \(when)") == change.after)
    }
    Issue.record("the command makes more than \(Self.mostCalls) calls")
  }

  @Test("changes of several processes are all made, and readers see whole files meanwhile")
  func meeting() throws {
    let space = try Change.all[0].workspace()
    let children = try (0..<12).map { i in
      try space.start(
        ["users", "add", "-q", "--scrypt", "8192,8,1", "user-\(i)"],
        input: .file("\(space.work)/pass"))
    }
    for _ in 0..<20 {
      let listed = try space.jotmill(["users", "list"])
      #expect(listed.status == 0, "\(listed.errors)")
    }
    for child in children {
      let outcome = try child.end()
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try space.jotmill(["users", "list"]).lines.count == 15)
  }
}
