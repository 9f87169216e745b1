// Revoking by several processes at once, which are killed, fail and find no room: what was answered
// stands in the list, and nothing stands there twice.
// Owns: what must hold of the answers and the list together.

import Foundation
import Testing

@Suite("Revoking: what is answered is durable, and nothing is there twice")
struct RevokeTests {
  private static let isLong = ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil
  private static let revoke = ["revoke", "-q", "--unverified", "--denylist", "list"]

  private static func id(_ n: Int) -> String { "id-\(n)" }

  /// A record a line, ids `numbers`. `isLong`: a few hundred make a chunk.
  private static func records(_ numbers: some Sequence<Int>, isLong: Bool = false) -> [UInt8] {
    let reason = isLong ? String(repeating: "r", count: 1000) : ""
    return Array(
      numbers.map { "{\"jti\":\"\(id($0))\",\"iss\":\"x\",\"exp\":9e9,\"reason\":\"\(reason)\"}\n" }
        .joined().utf8)
  }

  /// The ids of the list, each of whose lines is whole.
  private static func listed(_ space: Workspace, _ name: String = "list") throws -> [String] {
    let text = space.read(name)
    #expect(text.isEmpty || text.last == 0x0a)
    return try text.split(separator: 0x0a).map { line in
      let value = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
      return try #require(value?["jti"] as? String)
    }
  }

  private struct Answer: Decodable {
    var line: Int
    var revoked: Bool
    var added: Int?
  }

  /// The whole lines of an output; the last one may be cut where the program died.
  private static func answers(_ output: [UInt8]) throws -> [Answer] {
    try output.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().map {
      try JSONDecoder().decode(Answer.self, from: Data($0))
    }
  }

  @Test("processes that revoke overlapping ids add each once, and say who did")
  func several() throws {
    let space = try Workspace()
    let (processes, count) = (4, Self.isLong ? 400_000 : 12_000)
    let children = try (0..<processes).map { i in
      // Each begins elsewhere and has half of all, in an order of its own.
      let numbers = (0..<count / 2).map { ($0 + i * count / processes) % count }
      try space.write("ids \(i)", Self.records(i % 2 == 0 ? numbers : numbers.reversed()))
      return try space.start(Self.revoke + ["-j", "2"], input: .file("\(space.work)/ids \(i)"))
    }
    var added = 0
    for child in children {
      let outcome = try child.end()
      #expect(outcome.status == 0, "\(outcome.errors)")
      let answers = try Self.answers(outcome.out)
      #expect(answers.map(\.line) == Array(1...count / 2))
      #expect(answers.allSatisfy { $0.revoked && $0.added != nil })
      added += answers.reduce(0) { $0 + ($1.added ?? 0) }
    }
    let listed = try Self.listed(space)
    #expect(added == count)
    #expect(listed.count == count)
    #expect(Set(listed) == Set((0..<count).map(Self.id)))
  }

  @Test("kill -9: every line that was answered stands in the list, and the next run does the rest")
  func killed() throws {
    let count = Self.isLong ? 400_000 : 20_000
    let space = try Workspace()
    try space.write("ids", Self.records(0..<count))
    var interrupted = 0
    for round in 0..<(Self.isLong ? 40 : 5) {
      unlink("\(space.work)/list")
      let child = try space.start(Self.revoke, input: .file("\(space.work)/ids"))
      let wanted = count * (round % 8) / 9
      _ = child.waitForOutput(seconds: 60) { $0.count > wanted * 36 }
      child.send(SIGKILL)
      let outcome = try child.end()
      let answers = try Self.answers(outcome.out)
      if answers.count < count { interrupted += 1 }
      let text = space.read("list")
      let whole = Set(
        text.split(separator: 0x0a).compactMap { line in
          (try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])?["jti"]
            as? String
        })
      let lost = answers.filter { !whole.contains(Self.id($0.line - 1)) }
      #expect(lost.isEmpty, "round \(round): \(lost.count) of \(answers.count)")
      #expect(answers.allSatisfy { $0.revoked && $0.added == 1 })
      let again = try space.jotmill(Self.revoke + ["ids"])
      #expect(again.status == 0, "\(again.errors)")
      let listed = try Self.listed(space)
      #expect(listed.count == count, "round \(round)")
      #expect(Set(listed).count == count)
    }
    #expect(interrupted > 2, "some died in the middle")
  }

  @Test(
    "a call that fails ends the run with status 2; what was answered is there, the rest is not",
    arguments: ["ENOSPC", "EIO", "EDQUOT"])
  func failing(_ code: String) throws {
    let count = 600
    let ids = Self.records(0..<count, isLong: true)
    var met = 0
    for operation in ["write", "sync", "open", "lock", "truncate"] {
      for call in 1...(Self.isLong ? 40 : 6) {
        let space = try Workspace()
        try space.write("ids", ids)
        let when = "\(code) at \(operation) \(call)"
        let words = Self.revoke + ["-j", "1", "ids"]
        let failed = try space.jotmill(words, fault: "\(call):\(code)@\(operation)")
        let answers = try Self.answers(failed.out)
        let listed = try Self.listed(space)
        #expect(Set(listed).count == listed.count, "\(when)")
        #expect(answers.allSatisfy { $0.revoked && $0.added == 1 }, "\(when)")
        #expect(Set(listed).isSuperset(of: answers.map { Self.id($0.line - 1) }), "\(when)")
        if failed.status == 0 {
          #expect(answers.count == count && listed.count == count, "\(when)")
          continue
        }
        met += 1
        #expect(failed.status == 2, "\(when): \(failed.status)")
        #expect(failed.errors.hasPrefix("jotmill: "), "\(when)")
        #expect(answers.count < count, "\(when)")
        #expect(try space.jotmill(words).status == 0, "\(when)")
        #expect(try Self.listed(space).count == count, "\(when)")
      }
    }
    #expect(met > 5, "\(met) faults were met")
  }

  /// The order of the calls alone makes it so: a kill can't tell what a power failure would.
  @Test("no answer is written before the entries are, and are synced")
  func order() throws {
    let space = try Workspace()
    try space.write("ids", Self.records(0..<600, isLong: true))
    try space.write("list", "")
    // Each sync in turn is not reached; what had been answered by then shows the order.
    var answered: [Int] = []
    while answered.count < 10 {
      try space.write("list", "")
      let died = try space.jotmill(
        Self.revoke + ["-j", "1", "ids"], fault: "\(answered.count + 1):kill@sync")
      guard died.status == 128 + SIGKILL else { break }
      answered.append(try Self.answers(died.out).count)
    }
    // Of the folder, when the list is opened; then one a chunk, and each chunk's answers after it.
    #expect(answered.count == 4, "\(answered)")
    #expect(answered.prefix(2) == [0, 0], "\(answered)")
    #expect(zip(answered.dropFirst(), answered.dropFirst(2)).allSatisfy(<), "\(answered)")
  }

  @Test("answers that can't be written end the run with status 2, and the entries stay")
  func fullOutput() throws {
    let space = try Workspace()
    try space.write("ids", Self.records(0..<100))
    let outcome = try space.start(Self.revoke + ["ids"], output: "/dev/full").end()
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("No space left"))
    #expect(try Self.listed(space).count == 100)
    let again = try space.jotmill(Self.revoke + ["ids"])
    #expect(try Self.answers(again.out).allSatisfy { $0.added == 0 })
  }

  @Test("a pipe is answered at once while it stays open, and the list holds what was answered")
  func dripped() throws {
    let space = try Workspace()
    let child = try space.start(Self.revoke, input: .pipe)
    for n in 1...10 {
      child.write(Self.records([n]))
      #expect(child.waitForOutput(seconds: 5) { $0.count { $0 == 0x0a } == n }, "line \(n)")
      #expect(try Self.listed(space).count == n)
    }
    #expect(try child.end().status == 0)
  }

  @Test("a signal ends the run after what is in flight, and a verifier that follows sees it all")
  func stopped() throws {
    let space = try Workspace()
    let token = try Workspace.token(#"{"jti":"id-7"}"#)
    try space.write("list", "")
    let verifier = try space.start(
      ["verify", "-q", "--secret", "f/secret", "--denylist", "list", "--reload"], input: .pipe)
    verifier.write(token + "\n")
    #expect(verifier.waitForOutput(seconds: 5) { $0.contains(0x0a) })
    let child = try space.start(Self.revoke, input: .pipe)
    child.write("{\"jti\":\"id-7\"}\n")
    #expect(child.waitForOutput(seconds: 5) { $0.contains(0x0a) })
    child.send(SIGTERM)
    #expect(try child.end().status == 128 + SIGTERM)
    sleep(2)
    verifier.write(token + "\n")
    let lines = try verifier.end().lines
    #expect(lines.count == 2 && lines[0].contains(#""valid":true"#))
    #expect(lines.last?.contains("revoked_token") ?? false)
  }

  @Test("a run follows its ring: its later keys, and how long tokens then live")
  func follows() throws {
    let space = try Workspace()
    let made = try space.shell("jotmill keys init -q --alg EdDSA --max-token-ttl 1d")
    #expect(made.status == 0, "\(made.errors)")
    let child = try space.start(["revoke", "-q"], input: .pipe)
    child.write("{\"jti\":\"one\"}\n")
    #expect(child.waitForOutput(seconds: 20) { $0.count { $0 == 0x0a } == 1 })
    let later = try space.shell(
      """
      set -e
      for i in 1 2; do jotmill keys rotate -q --now --emergency; done
      jotmill keys policy -q max_token_ttl=200d
      echo '{"sub":"x"}' | jotmill sign -q --refresh --refresh-ttl 150d | jq -r .refresh_token
      """)
    #expect(later.status == 0, "\(later.errors)")
    child.write(later.out)
    let outcome = try child.end()
    #expect(outcome.status == 0 && outcome.lines.last == #"{"line":2,"revoked":true,"added":3}"#)
    let ends = try space.shell(
      "jq -s '(.[] | select(.family).exp) > (.[] | select(.type == \"refresh\").exp)' keys/denylist.ndjson"
    )
    #expect(ends.output == "true\n", "a family lives as long as its tokens")
  }
}
