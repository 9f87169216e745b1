// Refresh tokens exchanged by runs that fail or die at any file call (debug builds only).
// Owns: what must hold of what was answered and what was recorded.

import Foundation
import Testing

@Suite("Grants that fail and die")
struct GrantFaultTests {
  private static let isLong = ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil
  private static let mostCalls = 400

  /// What has been answered, and which families were to be revoked.
  private struct Seen {
    var exchanged: Set<String> = []
    var reused: Set<String> = []
  }

  /// Exchanges every token, the first one once more: with no grace, that revokes its family.
  private static func run(_ grants: Grants, _ space: Workspace, fault: String?) throws -> Outcome {
    let words = ["grant", "-q", "-j", "1", "--rotate-refresh", "--reuse-grace", "0s", "requests"]
    try space.write("requests", (grants.requests + [grants.requests[0]]).map { $0 + "\n" }.joined())
    return try space.start(words, fault: fault).end()
  }

  private static func look(
    _ outcome: Outcome, _ grants: Grants, _ space: Workspace, _ seen: inout Seen, _ when: String
  ) throws {
    let text = String(decoding: space.read("keys/grants.ndjson"), as: UTF8.self)
    let listed = String(decoding: space.read("keys/denylist.ndjson"), as: UTF8.self)
    for (request, line) in zip(grants.requests + [grants.requests[0]], outcome.lines) {
      // The last line of a run that died may be a part of one.
      guard line.hasSuffix("}") else { continue }
      let claims = try Grants.claims("refresh_token", of: request)
      let id = try #require(claims["jti"] as? String)
      if line.contains("\"access_token\"") {
        #expect(seen.exchanged.insert(id).inserted, "\(when): \(id) was exchanged twice")
        #expect(text.contains("\"\(id)\""), "\(when): \(id) was answered and not recorded")
      } else if line.contains("exchanged before"), outcome.status != 2 {
        // A run that could not write the list says so by its status, after the answers that it owes.
        let family = try #require(claims["family"] as? String)
        #expect(listed.contains("\"\(family)\""), "\(when): the family is not on the denylist")
      }
    }
  }

  private static func walk(_ code: String, step: Int) throws {
    let grants = try Grants(count: 5)
    var call = 1
    var count = 0
    while call <= mostCalls {
      let when = "\(code) at call \(call)"
      let space = try grants.space.copy()
      var seen = Seen()
      let failed = try run(grants, space, fault: "\(call):\(code)")
      try look(failed, grants, space, &seen, when)
      if failed.status == 1, code == "kill" { break }
      #expect([1, 2, 128 + SIGKILL].contains(failed.status), "\(when): \(failed.status)")
      if failed.status == 2 { #expect(failed.errors.hasPrefix("jotmill: "), "\(when)") }
      count += failed.status == 1 ? 0 : 1
      let again = try run(grants, space, fault: nil)
      #expect(again.status == 1, "\(when): \(again.errors)")
      #expect(again.lines.count == 6, "\(when)")
      try look(again, grants, space, &seen, "the run after \(when)")
      // What was neither answered nor recorded by the first run was answered by the second.
      let text = String(decoding: space.read("keys/grants.ndjson"), as: UTF8.self)
      for request in grants.requests {
        #expect(text.contains("\"\(try Grants.id(request))\""), "\(when): never exchanged")
      }
      call += step
    }
    #expect(call < mostCalls || code != "kill", "the run makes more calls than \(mostCalls)")
    #expect(count > 5, "\(code): hardly a call failed")
  }

  @Test("what was answered was recorded, and is never answered again, wherever the process ends")
  func deaths() throws { try Self.walk("kill", step: Self.isLong ? 1 : 2) }

  @Test(
    "a call that fails ends the run or is no matter; nothing is answered without its record",
    arguments: ["ENOSPC", "EIO", "EACCES"])
  func failures(_ code: String) throws { try Self.walk(code, step: Self.isLong ? 1 : 9) }
}
