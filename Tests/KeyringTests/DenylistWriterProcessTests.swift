// Entries appended by several processes at once, which are killed, fail or prune meanwhile: none is
// there twice, and none that was reported is lost.
// Owns: what must hold of the reports and the file together.

import Files
import JOSE
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A ring, and what jobs did to its denylist.
private struct Revoked {
  let folder = Folder()
  var reports: [String] = []
  var ring: String { "\(folder.path)/ring" }
  var path: String { "\(ring)/denylist.ndjson" }

  init() throws {
    _ = try RingDirectory.make(ring, policy: Sample.policy(), at: Sample.start)
  }

  mutating func job(
    _ kind: Job.Kind = .revoke, seed: UInt64, _ change: (inout Job) -> Void = { _ in }
  ) -> Job {
    let name = "report \(reports.count)"
    reports.append(name)
    var job = Job(kind: kind, ring: ring, report: "\(folder.path)/\(name)", seed: seed)
    change(&job)
    return job
  }

  /// Whether pruning keeps it.
  static func isLive(_ entry: PlainEntry) -> Bool { entry.exp.map { $0 > 1_800_000_040 } ?? true }

  /// Every line is needed besides those before it, what was reported is there, and a verifier that
  /// follows the list says so.
  @discardableResult
  func check(isPruned: Bool = false, _ when: String = "") throws -> Reports {
    let reports = try Reports(folder, reports)
    let text = try folder.contents("ring/denylist.ndjson")
    #expect(text.isEmpty || text.hasSuffix("\n"))
    #expect(try folder.mode("ring/denylist.ndjson") == 0o644)
    var entries: [ByteString: [PlainEntry]] = [:]
    for line in text.split(separator: "\n") {
      let entry = try PlainEntry(line: line)
      let others = entries[entry.text] ?? []
      #expect(!others.contains { $0.covers(entry) }, "\(line) is needless \(when)")
      entries[entry.text] = others + [entry]
    }
    let list = try [Denylist.load(path)]
    for words in reports.spent + reports.known {
      let entry = PlainEntry(Job.entry(try #require(Int(words[1]))), at: Job.now)
      if isPruned, !Self.isLive(entry) { continue }
      #expect(
        entries[entry.text]?.contains { $0.covers(entry) } ?? false, "\(entry) is lost \(when)")
      #expect(
        try list.match(claims: entry.token.claims, kid: entry.token.kid) != nil, "\(entry) \(when)")
    }
    let added = reports.spent.filter { words in
      !isPruned || Self.isLive(PlainEntry(Job.entry(Int(words[1])!), at: Job.now))
    }
    #expect(Set(added.map { $0[1] }).count == added.count, "added twice \(when)")
    return reports
  }
}

@Suite(.enabled(if: Job.mine == nil)) struct DenylistWriterProcessTests {
  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func `threads of four processes add each entry once, and a follower sees all of them`(
    seed: UInt64
  ) throws {
    var revoked = try Revoked()
    var follower = try DenylistFollower(path: revoked.path, mayBeMissing: true)
    let jobs = try (0..<4).map { i in
      try revoked.job(seed: seed * 10 + UInt64(i)) {
        ($0.threads, $0.calls, $0.tokens, $0.most) = (8, 12, 2000, 12)
      }.start()
    }
    for _ in 0..<20 {
      let reports = try Reports(revoked.folder, revoked.reports)
      _ = try follower.refresh()
      for words in reports.spent {
        let entry = PlainEntry(Job.entry(Int(words[1])!), at: Job.now)
        #expect(
          try follower.lists.match(claims: entry.token.claims, kid: entry.token.kid) != nil)
      }
      usleep(10_000)
    }
    for job in jobs { #expect(try Job.end(job)) }
    let reports = try revoked.check()
    #expect(reports.errors.isEmpty && reports.spent.count > 400 && reports.known.count > 400)
  }

  @Test func `processes that are killed at any moment lose nothing and add nothing twice`() throws {
    var revoked = try Revoked()
    var random = Seeded(1)
    for round in 0..<5 {
      let jobs = try (0..<4).map { i in
        try revoked.job(seed: UInt64(round * 10 + i)) {
          ($0.threads, $0.calls, $0.tokens, $0.most) = (4, 100_000, 500_000, 40)
        }.start()
      }
      try Job.wait {
        try Reports(revoked.folder, Array(revoked.reports.suffix(4))).spent.count >= 100
      }
      usleep(UInt32(random.next() % 20_000))
      for job in jobs {
        usleep(UInt32(random.next() % 3000))
        kill(job, SIGKILL)
      }
      for job in jobs { #expect(try !Job.end(job)) }
    }
    // Cuts what the last one left.
    #expect(try revoked.job(seed: 99).run())
    let reports = try revoked.check()
    #expect(reports.errors.isEmpty && reports.spent.count > 500)
  }

  @Test func `pruning loses no entry that others append`() throws {
    var revoked = try Revoked()
    var jobs = try (0..<3).map { i in
      try revoked.job(seed: UInt64(i)) {
        ($0.threads, $0.calls, $0.tokens, $0.most) = (4, 60, 6000, 20)
      }.start()
    }
    jobs.append(try revoked.job(.pruneList, seed: 0) { $0.calls = 60 }.start())
    for job in jobs { #expect(try Job.end(job)) }
    let reports = try revoked.check(isPruned: true)
    #expect(reports.errors.isEmpty && reports.pruned > 100, "\(reports.errors) \(reports.pruned)")
  }

  #if DEBUG
    private static func small(_ job: inout Job) { (job.tokens, job.calls) = (100, 2) }

    private func walk(
      _ kind: Job.Kind, from first: Int = 1, by step: Int = 1, _ fault: String,
      _ check: (inout Revoked, _ hasDied: Bool) throws -> Bool
    ) throws {
      var start = try Revoked()
      #expect(try start.job(seed: 1, Self.small).run())
      let text = try start.folder.contents("ring/denylist.ndjson")
      for call in stride(from: first, to: 200, by: step) {
        var revoked = try Revoked()
        try revoked.folder.file("ring/denylist.ndjson", text + text.prefix(40))
        let job = revoked.job(kind, seed: 2, Self.small)
        let hasDied = try !job.run(fault: "\(call):\(fault)")
        #expect(try revoked.job(seed: 2, Self.small).run())
        let goesOn = try check(&revoked, hasDied)
        try revoked.check(isPruned: kind == .pruneList, "after \(fault) at call \(call)")
        guard goesOn else {
          #expect(call > 20, "the job makes some calls")
          return
        }
      }
      Issue.record("the job makes too many calls")
    }

    @Test(arguments: [Job.Kind.revoke, .pruneList])
    func `after a death at any file call nothing is lost or there twice`(kind: Job.Kind) throws {
      try walk(kind, "kill") { _, hasDied in hasDied }
    }

    @Test(arguments: [Job.Kind.revoke, .pruneList], [("ENOSPC", 1), ("EIO", 2), ("EACCES", 3)])
    func `after any file call that fails nothing is lost or there twice`(
      kind: Job.Kind, code: (name: String, first: Int)
    ) throws {
      var good = 0
      try walk(kind, from: code.first, by: 3, code.name) { revoked, hasDied in
        let errors = try Reports(revoked.folder, revoked.reports).errors
        #expect(!hasDied && errors.count <= 1, "\(errors)")
        good = errors.isEmpty ? good + 1 : 0
        return good < 4
      }
    }
  #endif
}
