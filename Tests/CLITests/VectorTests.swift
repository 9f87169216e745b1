// Public conformance vectors through the program, as a user would check them.
// Owns: how a folder of tokens becomes a command. The vectors are no part of this project.

import Foundation
import Testing

/// One folder: a key set, tokens and what is expected of each.
private struct VectorGroup: Decodable {
  struct Arguments: Decodable {
    var at: Int?
    var leeway: Int?
    var iss: String?
    var aud: String?
  }
  struct Case: Decodable {
    var id: String
    var valid: Bool
    var level: String
    var note: String
  }
  struct Verdict: Decodable { var valid: Bool }

  var mode: String
  var args: Arguments
}

@Suite("Conformance vectors")
struct VectorTests {
  /// JOTMILL_VECTORS, or `shared/vectors` beside the package.
  private static let folder: URL = {
    if let named = ProcessInfo.processInfo.environment["JOTMILL_VECTORS"] {
      return URL(fileURLWithPath: named)
    }
    let package = Workspace.tests.deletingLastPathComponent().deletingLastPathComponent()
    return package.deletingLastPathComponent().appendingPathComponent("shared/vectors")
  }()

  private static func groups() -> [URL] {
    guard let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    else { return [] }
    let files = all.compactMap { $0 as? URL }.filter { $0.lastPathComponent == "group.json" }
    return files.map { $0.deletingLastPathComponent() }.sorted { $0.path < $1.path }
  }

  @Test(
    "every token that must or should be accepted is, and no other",
    arguments: ["openssl", "lanes", "portable", "auto"])
  func tokens(_ engine: String) throws {
    let groups = Self.groups()
    guard !groups.isEmpty else {
      print("vectors: the folder \(Self.folder.path) is absent; no case was run")
      return
    }
    var run = 0
    var otherwise: [String] = []
    for group in groups {
      let (cases, accepted) = try Self.answers(group, engine)
      run += cases.count
      for (expected, isAccepted) in zip(cases, accepted) where expected.valid != isAccepted {
        let line = "\(expected.id): \(isAccepted ? "accepted" : "rejected"); \(expected.note)"
        if expected.level == "policy" {
          otherwise.append(line)
        } else {
          Issue.record("\(expected.level): \(line)")
        }
      }
    }
    print(
      "vectors: \(run) token cases run with \(engine), \(otherwise.count) policy cases answered "
        + "otherwise")
    for line in otherwise { print("  \(line)") }
    #expect(run > 0)
  }

  private static func answers(
    _ group: URL, _ engine: String
  ) throws -> ([VectorGroup.Case], [Bool]) {
    let decoder = JSONDecoder()
    func file(_ name: String) throws -> Data {
      try Data(contentsOf: group.appendingPathComponent(name))
    }
    let settings = try decoder.decode(VectorGroup.self, from: file("group.json"))
    let cases = try file("expect.jsonl").split(separator: 0x0a)
      .map { try decoder.decode(VectorGroup.Case.self, from: $0) }
    var words = [
      "verify", "-q", "--engine", engine, "--input", "token", "--jwks", group.path + "/jwks.json",
    ]
    if settings.mode == "jws" { words.append("--raw") }
    if let at = settings.args.at { words += ["--at", "\(at)"] }
    if let leeway = settings.args.leeway { words += ["--leeway", "\(leeway)s"] }
    if let iss = settings.args.iss { words += ["--iss", iss] }
    if let aud = settings.args.aud { words += ["--aud", aud] }
    let outcome = try Workspace().jotmill(words + [group.path + "/tokens.txt"])
    // A set without a usable key: nothing can be accepted by it.
    if outcome.status == 2 {
      #expect(outcome.errors.contains("no usable key") || outcome.errors.contains("no key"))
      return (cases, cases.map { _ in false })
    }
    let verdicts = try outcome.out.split(separator: 0x0a)
      .map { try decoder.decode(VectorGroup.Verdict.self, from: Data($0)).valid }
    #expect(verdicts.count == cases.count, "a verdict for each token of \(group.path)")
    return (cases, verdicts)
  }
}
