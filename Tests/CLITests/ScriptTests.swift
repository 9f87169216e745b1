// Each script is one test case.

import Foundation
import Testing

@Suite("Scripts: the specification by example")
struct ScriptTests {
  private static let all: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: Workspace.scripts.path)
    return (names ?? []).filter { $0.hasSuffix(".txt") }.sorted()
  }()

  /// All, or those whose names begin as JOTMILL_SCRIPTS says.
  static let files = all.filter {
    $0.hasPrefix(ProcessInfo.processInfo.environment["JOTMILL_SCRIPTS"] ?? "")
  }

  @Test("there are scripts to run")
  func found() { #expect(Self.all.count >= 35) }

  @Test("does what the script says", arguments: files)
  func script(_ name: String) throws {
    let script = try Script(Workspace.scripts.appendingPathComponent(name))
    for failure in try script.run() { Issue.record(Comment(rawValue: failure)) }
  }

  @Test("expected lines match octets, not characters")
  func expectations() {
    #expect(Expectation.matches(["a <n> b", "<...>"], Array("a 12 b\nx\ny\n".utf8)))
    #expect(!Expectation.matches(["a <n> b"], Array("a x b\n".utf8)))
    #expect(!Expectation.matches(["caf\u{e9}"], Array("cafe\u{301}\n".utf8)))
    #expect(!Expectation.matches(["a"], Array("a".utf8)))
    #expect(!Expectation.matches(["a"], Array("a\n\n".utf8)))
    #expect(Expectation.matches(["<...>", "z"], Array("z\n".utf8)))
  }
}
