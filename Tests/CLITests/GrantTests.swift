// A grant that runs for long, on a pipe: what others change meanwhile holds from the next request on.
// Owns: its conversations.

import Foundation
import Testing

@Suite("A grant on a pipe")
struct GrantTests {
  /// Sends a line and waits for its answer.
  private static func ask(_ child: Child, _ line: String) -> String {
    let before = child.outputSoFar.count { $0 == 0x0a }
    child.write(line.hasSuffix("\n") ? line : line + "\n")
    #expect(child.waitForOutput(seconds: 20) { $0.count { $0 == 0x0a } == before + 1 })
    return child.outputSoFar.split(separator: 0x0a).last.map { String(decoding: $0, as: UTF8.self) }
      ?? ""
  }

  private static let wrong =
    #"{"error":"invalid_grant","error_description":"the username or the password is wrong"}"#

  private static func start(_ grants: Grants, _ more: String...) throws -> Child {
    try grants.space.start(["grant", "-q", "--scrypt", "1024,8,1"] + more, input: .pipe)
  }

  @Test("users who are disabled, removed, added, or get another password")
  func users() throws {
    let grants = try Grants(count: 1)
    let child = try Self.start(grants)
    #expect(Self.ask(child, Grants.login("ada")).contains("access_token"))
    #expect(Self.ask(child, grants.requests[0]).contains("access_token"))
    func change(_ command: String) throws {
      #expect(try grants.space.shell("jotmill users \(command)").status == 0)
    }
    try change("disable -q ada")
    #expect(Self.ask(child, Grants.login("ada")) == Self.wrong)
    #expect(Self.ask(child, grants.requests[0]).contains("unknown_subject"))
    try change("enable -q ada && printf other | jotmill users passwd -q ada --scrypt 8192,8,1")
    #expect(Self.ask(child, Grants.login("ada")) == Self.wrong)
    #expect(Self.ask(child, Grants.login("ada", "other")).contains("access_token"))
    #expect(Self.ask(child, grants.requests[0]).contains("access_token"))
    try change("remove -q ada")
    #expect(Self.ask(child, Grants.login("ada", "other")) == Self.wrong)
    #expect(Self.ask(child, Grants.login("eve", "new")) == Self.wrong)
    try change("list >/dev/null; printf new | jotmill users add -q eve --scrypt 8192,8,1")
    #expect(Self.ask(child, Grants.login("eve", "new")).contains("access_token"))
    // A file that is no good leaves everybody as they were.
    try grants.space.write("keys/users.ndjson", "{\n")
    #expect(Self.ask(child, Grants.login("eve", "new")).contains("access_token"))
    #expect(Self.ask(child, Grants.login("ada", "other")) == Self.wrong)
    let outcome = try child.end()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("what was read before stays in force"))
  }

  @Test("a family that another process revokes, a token that another process spends")
  func families() throws {
    let grants = try Grants(count: 2)
    let child = try Self.start(grants, "--rotate-refresh", "--reuse-grace", "0s")
    let first = Self.ask(child, grants.requests[0])
    let spending = try grants.space.shell(
      """
      cat >request <<'E'
      \(grants.requests[1])
      E
      jotmill grant -q --rotate-refresh request
      """)
    #expect(spending.output.contains("refresh_token"))
    let next = try #require(
      try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any])
    let request = #"{"grant_type":"refresh_token","refresh_token":"\#(next["refresh_token"]!)"}"#
    // The other process has it that the first token comes again.
    let reuse = try grants.space.start(
      ["grant", "-q", "--rotate-refresh", "--reuse-grace", "0s"], input: .pipe)
    #expect(Self.ask(reuse, grants.requests[0]).contains("exchanged before"))
    #expect(Self.ask(child, request).contains("revoked_token"))
    #expect(Self.ask(child, grants.requests[1]).contains("exchanged before"))
    #expect(try reuse.end().status == 1)
    #expect(try child.end().status == 1)
  }

  @Test("a rotation of keys: old tokens are exchanged for ones by the new key")
  func rotation() throws {
    let grants = try Grants("EdDSA", count: 2)
    let child = try Self.start(grants, "--rotate-refresh")
    func kid(_ answer: String) throws -> String {
      try #require(try Grants.claims("refresh_token", of: answer)["kid"] as? String)
    }
    let old = try kid(Self.ask(child, grants.requests[0]))
    let turned = try grants.space.shell("jotmill keys rotate -q --now --emergency")
    #expect(turned.status == 0, "\(turned.errors)")
    #expect(try kid(Self.ask(child, grants.requests[1])) != old)
    let revoked = try grants.space.shell("jotmill keys revoke -q -- \(old)")
    #expect(revoked.status == 0, "\(revoked.errors)")
    #expect(Self.ask(child, grants.requests[0]).contains("revoked_key"))
    #expect(try child.end().status == 1)
  }

  @Test("a burst of logins is answered in order, each with its own tokens")
  func burst() throws {
    let grants = try Grants(count: 0)
    let child = try Self.start(grants)
    let names = (0..<200).map { $0 % 7 == 3 ? "eve" : $0 % 2 == 0 ? "ada" : "bob" }
    child.write(names.map { Grants.login($0) }.joined())
    let outcome = try child.end()
    #expect(outcome.status == 1 && outcome.lines.count == names.count)
    for (name, line) in zip(names, outcome.lines) {
      if name == "eve" {
        #expect(line == Self.wrong)
      } else {
        let subject = try Grants.claims("access_token", of: line)["sub"] as? String
        #expect(subject == name)
      }
    }
  }

  @Test("answers can't be had twice: -o keeps them however the run ends")
  func kept() throws {
    let grants = try Grants(count: 2)
    let space = grants.space
    func lines() -> [Substring] {
      String(decoding: space.read("answers"), as: UTF8.self).split(separator: "\n")
    }
    let stopped = try Self.start(grants, "--rotate-refresh", "-o", "answers")
    stopped.write(grants.requests[0] + "\n")
    let limit = Date(timeIntervalSinceNow: 20)
    while try grants.spent(isWhole: false).isEmpty, Date() < limit { usleep(1000) }
    usleep(200_000)
    stopped.send(SIGTERM)
    // It gets its name at the end, which the end of the input would bring about as well.
    let ended = Date(timeIntervalSinceNow: 20)
    while !space.exists("answers"), Date() < ended { usleep(1000) }
    #expect(try stopped.end().status == 143)
    #expect(lines().count == 1 && lines()[0].contains("access_token"))
    #expect(space.mode("answers") == 0o600)

    // The ledger can't be written any more, after the first answer of this run.
    try space.write("answers", "")
    let failing = try space.start(
      ["grant", "-q", "--rotate-refresh", "-o", "answers"], input: .pipe)
    failing.write(grants.requests[1] + "\n")
    let begun = Date(timeIntervalSinceNow: 20)
    while try grants.spent(isWhole: false).count < 2, Date() < begun { usleep(1000) }
    usleep(200_000)
    try space.write("keys/grants.ndjson", "not a line of a ledger\n")
    failing.write(grants.requests[0] + "\n")
    let outcome = try failing.end()
    #expect(outcome.status == 2 && outcome.errors.contains("grants.ndjson"))
    #expect(lines().count == 1 && lines()[0].contains("access_token"))
  }

  @Test("answers that can't get their name stay under another one, which is told")
  func unnamed() throws {
    let grants = try Grants(count: 1)
    let space = grants.space
    try space.write("request", grants.requests[0] + "\n")
    let outcome = try space.jotmill(
      ["grant", "-q", "--rotate-refresh", "-o", "answers", "request"], fault: "1:EACCES@rename")
    #expect(outcome.status == 2 && !space.exists("answers"))
    let left = space.names("").filter { $0.hasPrefix(".answers.") }
    try #require(left.count == 1)
    #expect(outcome.errors.contains(left[0]))
    #expect(String(decoding: space.read(left[0]), as: UTF8.self).contains("refresh_token"))
  }

  @Test("who gets another password, or is disabled, while an old one is checked is not let in")
  func meanwhile() throws {
    let grants = try Grants(count: 0)
    for (name, command) in [
      ("ada", "printf other | jotmill users passwd -q ada --scrypt 8192,8,1"),
      ("bob", "jotmill users disable -q bob"),
    ] {
      // Theirs is soon checked, and those behind it take their time.
      for crowd in [40, 80, 127] {
        let child = try grants.space.start(["grant", "-q", "--scrypt", "16384,8,1"], input: .pipe)
        child.write(
          Grants.login(name) + String(repeating: Grants.login("nobody"), count: crowd))
        usleep(300_000)
        let changed = try grants.space.shell(command)
        #expect(changed.status == 0, "\(changed.errors)")
        let isInTime = child.outputSoFar.isEmpty
        let outcome = try child.end()
        if isInTime {
          #expect(outcome.lines.allSatisfy { $0 == Self.wrong })
          break
        }
        #expect(crowd < 127, "the change was never in time")
      }
    }
  }

  @Test("the leeway is the ring's, as it is then")
  func leeway() throws {
    let grants = try Grants(count: 0)
    let space = grants.space
    #expect(try space.shell("jotmill keys policy -q leeway=1h").status == 0)
    let made = try space.shell(
      """
      echo '{"sub":"ada"}' | jotmill sign -q --refresh --refresh-ttl 1s |
      jq -c '{grant_type: "refresh_token", refresh_token}'
      """)
    let child = try Self.start(grants)
    sleep(2)
    #expect(Self.ask(child, made.output).contains("access_token"))
    #expect(try space.shell("jotmill keys policy -q leeway=0s").status == 0)
    #expect(Self.ask(child, made.output).contains("refused: expired"))
    #expect(try child.end().status == 1)
  }

  @Test("a ledger that is cut under a run ends it: what it forgot would be good again")
  func cut() throws {
    let grants = try Grants(count: 1)
    let child = try Self.start(grants, "--rotate-refresh")
    #expect(Self.ask(child, grants.requests[0]).contains("access_token"))
    try #require(truncate("\(grants.space.work)/keys/grants.ndjson", 0) == 0)
    child.write(grants.requests[0] + "\n")
    let outcome = try child.end()
    #expect(outcome.status == 2 && outcome.lines.count == 1)
    #expect(outcome.errors.contains("was cut or written over"))
  }
}
