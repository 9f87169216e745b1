// A running verify that follows its keys.
// Owns: replacing keys under a process that goes on.

import Foundation
import Testing

@Suite("verify --reload")
struct ReloadTests {
  /// A workspace with an EC key `old` and an RSA key `new`, sets of each, and a token by each.
  private static func prepare() throws -> (Workspace, old: String, new: String) {
    let space = try Workspace()
    let made = try space.shell(
      """
      set -e
      jq -c '{keys: [.]}' f/es.public.jwk >old.json
      jq -cs '{keys: .}' f/es.public.jwk f/rsa.public.jwk >both.json
      cp old.json set.json
      for k in es rsa; do echo '{}' | jotmill sign --key f/$k.jwk --as-is; done
      """)
    #expect(made.status == 0 && made.lines.count == 2, "\(made.errors)")
    return (space, String(made.lines[0]) + "\n", String(made.lines[1]) + "\n")
  }

  private static func words(_ more: String...) -> [String] { ["verify", "--no-summary"] + more }

  /// Feeds `line` until its verdict holds `text`: a check comes at most a second late.
  private static func wait(_ child: Child, _ line: String, _ text: String) -> Bool {
    let limit = Date(timeIntervalSinceNow: 10)
    while Date() < limit {
      let before = child.outputSoFar.count { $0 == 0x0a }
      child.write(line)
      guard child.waitForOutput(seconds: 5, { $0.count { $0 == 0x0a } > before }) else { break }
      let last = child.outputSoFar.split(separator: 0x0a).last.map { Array($0) } ?? []
      if String(decoding: last, as: UTF8.self).contains(text) { return true }
      usleep(100_000)
    }
    return false
  }

  private static func replace(_ space: Workspace, _ source: String) throws {
    let done = try space.shell("cp \(source) set.new && mv set.new set.json")
    #expect(done.status == 0)
  }

  @Test("a key that a set gains is known within about a second, in the same process")
  func followed() throws {
    let (space, old, new) = try Self.prepare()
    let child = try space.start(Self.words("--reload", "--jwks", "set.json"), input: .pipe)
    #expect(Self.wait(child, new, "unknown_key"))
    try Self.replace(space, "both.json")
    let replaced = Date()
    #expect(Self.wait(child, new, "\"valid\":true"))
    #expect(Date().timeIntervalSince(replaced) < 5)
    #expect(Self.wait(child, old, "\"valid\":true"))
    try Self.replace(space, "old.json")
    #expect(Self.wait(child, new, "unknown_key"), "a key that is taken out is followed too")
    #expect(try child.end().status == 1)
  }

  @Test("a broken set keeps the keys and is reported once; a mended one is taken")
  func broken() throws {
    let (space, old, new) = try Self.prepare()
    let child = try space.start(
      Self.words("--reload", "--jwks", "set.json", "--only", "valid", "--print", "claims"),
      input: .pipe)
    child.write(old)
    #expect(child.waitForOutput(seconds: 10) { $0 == Array("{}\n".utf8) })
    try space.write("set.json", "{\"keys\":[")
    for _ in 1..<12 {
      usleep(250_000)
      child.write(old)
    }
    #expect(child.waitForOutput(seconds: 5) { $0.count { $0 == 0x0a } == 12 })
    try Self.replace(space, "both.json")
    let limit = Date(timeIntervalSinceNow: 10)
    while child.outputSoFar.count(where: { $0 == 0x0a }) == 12, Date() < limit {
      child.write(new)
      usleep(100_000)
    }
    let outcome = try child.end()
    #expect(outcome.lines.count > 12, "\(outcome.errors)")
    let reports = outcome.errors.split(separator: "\n").filter { !$0.contains("line") }
    #expect(reports == ["jotmill: set.json: not valid JSON; what was read before stays in force"])
  }

  @Test("a note on the keys is given once, not at each reload")
  func notes() throws {
    let (space, _, new) = try Self.prepare()
    let made = try space.shell(
      """
      set -e
      for s in old both; do jq -c '.keys += [{"kty":"x"}]' $s.json >t; mv t $s.json; done
      cp old.json set.json
      """)
    #expect(made.status == 0)
    let child = try space.start(Self.words("--reload", "--jwks", "set.json"), input: .pipe)
    #expect(Self.wait(child, new, "unknown_key"))
    for (set, answer) in [
      ("both.json", "valid\":true"), ("old.json", "unknown"), ("both.json", "valid\":true"),
    ] {
      try Self.replace(space, set)
      #expect(Self.wait(child, new, answer))
    }
    let outcome = try child.end()
    let notes = outcome.errors.split(separator: "\n").filter { $0.contains("skipped") }
    #expect(notes.count == 2 && Set(notes).count == 2, "key 2 of one set, key 3 of the other")
  }

  @Test("the default ring is followed, and no longer when others can write it")
  func ring() throws {
    let space = try Workspace()
    let made = try space.shell(
      """
      set -e
      jotmill keys init --empty --alg ES256 >/dev/null
      jotmill keys import --as active f/es.jwk >/dev/null
      echo '{"exp":4000000000}' | jotmill sign --key f/rsa.jwk --as-is
      """)
    #expect(made.status == 0 && made.lines.count == 1, "\(made.errors)")
    let line = made.output
    let child = try space.start(Self.words("--reload"), input: .pipe)
    #expect(Self.wait(child, line, "unknown_key"))
    let imported = try space.shell(
      "chmod g+w keys && jotmill keys import --keyring keys --as archived f/rsa.jwk && sleep 1.5")
    #expect(imported.status == 0, "\(imported.errors)")
    child.write(line)
    #expect(child.waitForOutput(seconds: 5) { $0.count { $0 == 0x0a } >= 2 })
    #expect(!String(decoding: child.outputSoFar, as: UTF8.self).contains("\"valid\":true"))
    #expect(try space.shell("chmod g-w keys").status == 0)
    // Another program signed it: whatever its window says, the key is known.
    let limit = Date(timeIntervalSinceNow: 10)
    func isKnown() -> Bool {
      child.outputSoFar.split(separator: 0x0a).last.map {
        !String(decoding: $0, as: UTF8.self).contains("unknown_key")
      } ?? false
    }
    while !isKnown(), Date() < limit {
      child.write(line)
      usleep(200_000)
    }
    #expect(isKnown())
    let errors = try child.end().errors.split(separator: "\n")
    #expect(errors.count { $0.contains("using the keyring in keys") } == 1)
    #expect(errors.count { $0.contains("can be written by others") } == 1)
  }

  @Test("who is disabled during a run is refused; without --reload, to the end not")
  func users() throws {
    let space = try Workspace()
    let made = try space.shell("echo x | jotmill users add -q --users u ada")
    #expect(made.status == 0, "\(made.errors)")
    let line = try Workspace.token(#"{"sub":"ada"}"#) + "\n"
    let words = Self.words("--secret", "f/secret", "--users", "u")
    let (child, other) = try (
      space.start(words + ["--reload"], input: .pipe), space.start(words, input: .pipe)
    )
    #expect(Self.wait(child, line, "\"valid\":true") && Self.wait(other, line, "\"valid\":true"))
    #expect(try space.jotmill(["users", "disable", "--users", "u", "ada"]).status == 0)
    #expect(Self.wait(child, line, "unknown_subject"))
    other.write(line)
    #expect(try space.shell("cp -p u good && echo '{' >>u").status == 0)
    for _ in 0..<5 {
      usleep(500_000)
      child.write(line)
    }
    #expect(try space.shell("mv good u && jotmill users enable -q --users u ada").status == 0)
    #expect(Self.wait(child, line, "\"valid\":true"))
    let outcome = try child.end()
    #expect(!outcome.lines.isEmpty && outcome.lines.last?.contains("\"valid\":true") == true)
    let reports = outcome.errors.split(separator: "\n").filter { !$0.contains(": unknown_sub") }
    #expect(reports == ["jotmill: u: line 2: not valid JSON; what was read before stays in force"])
    let unfollowed = try other.end()
    #expect(unfollowed.status == 0 && unfollowed.lines.count >= 2, "\(unfollowed.errors)")
  }

  @Test("without --reload the keys of the start are used to the end")
  func notAsked() throws {
    let (space, _, new) = try Self.prepare()
    let child = try space.start(Self.words("--jwks", "set.json"), input: .pipe)
    #expect(Self.wait(child, new, "unknown_key"))
    try Self.replace(space, "both.json")
    usleep(1_500_000)
    child.write(new)
    let outcome = try child.end()
    #expect(outcome.lines.count == 2 && outcome.lines.allSatisfy { $0.contains("unknown_key") })
  }
}
