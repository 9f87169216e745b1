// Tokens spent by several processes at once, which are killed, fail or prune meanwhile: each token is
// spent once.
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

/// A ring, and what jobs did to its ledger.
private struct Spent {
  let folder = Folder()
  var reports: [String] = []
  /// The ledger held tokens before the first job.
  var isContinued = false
  var ring: String { "\(folder.path)/ring" }

  init() throws {
    _ = try RingDirectory.make(ring, policy: Sample.policy(), at: Sample.start)
  }

  mutating func job(
    _ kind: Job.Kind = .spend, seed: UInt64, _ change: (inout Job) -> Void = { _ in }
  ) -> Job {
    let name = "report \(reports.count)"
    reports.append(name)
    var job = Job(kind: kind, ring: ring, report: "\(folder.path)/\(name)", seed: seed)
    change(&job)
    return job
  }

  struct Record: Hashable {
    var seconds: Int64
    var family: String
  }

  /// Every record of the file, which must be whole lines, each token once.
  func records() throws -> [GrantLedger.Spending: Record] {
    let text = try folder.contents("ring/grants.ndjson")
    #expect(text.isEmpty || text.hasSuffix("\n"))
    #expect(try folder.mode("ring/grants.ndjson") == 0o600)
    var found: [GrantLedger.Spending: Record] = [:]
    for line in text.split(separator: "\n") {
      let value = try JSONValue(parsing: Array(line.utf8))
      let exp = Timestamp(seconds: Int64(try #require(value["exp"]?.int)))
      let token = GrantLedger.Spending(
        iss: value["iss"]?.string, jti: try #require(value["jti"]?.string), family: nil, exp: exp)
      let time = try #require(value["spent_at"]?.string)
      #expect(found[token] == nil, "\(token) twice")
      found[token] = Record(
        seconds: try #require(Timestamp(rfc3339: time.description)).seconds,
        family: value["family"]?.string.map { $0.description } ?? "-")
    }
    return found
  }

  /// `isWhole`: no process died or failed, so that every record was reported. Pruned tokens, the
  /// even ones, may be spent again.
  @discardableResult
  func check(
    isWhole: Bool, isPruned: Bool = false, _ when: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Reports {
    let reports = try Reports(folder, reports)
    let records = try records()
    var acknowledged = Set<Int>()
    for (words, isSpent) in reports.spent.map({ ($0, true) }) + reports.known.map({ ($0, false) }) {
      let i = try #require(Int(words[1]))
      if isPruned && i % 2 == 0 { continue }
      #expect(
        records[Job.token(i)]
          == Record(seconds: try #require(Int64(words[2])), family: String(words[3])),
        "\(words) \(when)", sourceLocation: sourceLocation)
      guard isSpent else { continue }
      #expect(
        acknowledged.insert(i).inserted, "token \(i) was spent twice \(when)",
        sourceLocation: sourceLocation)
    }
    let live = records.keys.filter { !isPruned || $0.exp > Job.now }
    if isWhole, !isContinued {
      #expect(acknowledged.count == live.count, sourceLocation: sourceLocation)
    }
    return reports
  }
}

extension GrantLedger.Spending: Hashable {
  public func hash(into hasher: inout Hasher) {
    hasher.combine(iss)
    hasher.combine(jti)
  }
}

@Suite(.enabled(if: Job.mine == nil)) struct GrantLedgerProcessTests {
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `of all threads of four processes one spends a token`(seed: UInt64) throws {
    var spent = try Spent()
    let jobs = try (0..<4).map { i in
      try spent.job(seed: seed * 10 + UInt64(i)) {
        ($0.threads, $0.calls, $0.tokens, $0.most) = (8, 12, 600, 12)
      }.start()
    }
    for job in jobs { #expect(try Job.end(job)) }
    let reports = try spent.check(isWhole: true)
    #expect(reports.errors.isEmpty)
    #expect(reports.spent.count > 400 && reports.known.count > 400)
  }

  @Test func `processes that are killed at any moment leave no token to be spent twice`() throws {
    var spent = try Spent()
    var random = Seeded(1)
    var killed = 0
    for round in 0..<6 {
      let jobs = try (0..<4).map { i in
        try spent.job(seed: UInt64(round * 10 + i)) {
          ($0.threads, $0.calls, $0.tokens, $0.most) = (4, 100_000, 200_000, 40)
        }.start()
      }
      // At work, and then at some moment.
      try Job.wait {
        try Reports(spent.folder, Array(spent.reports.suffix(4))).spent.count >= 100
      }
      usleep(UInt32(random.next() % 20_000))
      for job in jobs {
        usleep(UInt32(random.next() % 3000))
        kill(job, SIGKILL)
      }
      for job in jobs where try !Job.end(job) { killed += 1 }
    }
    // Cuts what the last one left.
    #expect(try spent.job(seed: 99).run())
    let reports = try spent.check(isWhole: false)
    #expect(killed == 24 && reports.errors.isEmpty && reports.spent.count > 600)
  }

  @Test func `pruning takes no record that others append, and none that is needed`() throws {
    var spent = try Spent()
    var jobs = try (0..<3).map { i in
      try spent.job(seed: UInt64(i)) {
        ($0.threads, $0.calls, $0.tokens, $0.most) = (4, 60, 3000, 20)
      }.start()
    }
    jobs.append(try spent.job(.prune, seed: 0) { $0.calls = 60 }.start())
    for job in jobs { #expect(try Job.end(job)) }
    let reports = try spent.check(isWhole: true, isPruned: true)
    #expect(reports.errors.isEmpty && reports.pruned > 100, "\(reports.errors) \(reports.pruned)")
  }

  @Test(arguments: [0, 1, 2, 50, 150, 500, 1000, 100_000])
  func `a file that can't grow stays whole, and what did not fit is not spent`(room: Int) throws {
    var spent = try Spent()
    let path = "\(spent.ring)/grants.ndjson"
    // Larger than the reports, which may not grow beyond the limit either.
    #expect(try spent.job(seed: 1) { ($0.tokens, $0.most) = (400, 60) }.run())
    let size = Int(try #require(try OpenFile.status(at: path)).size)
    // So few a call that some ask for nothing but what others have been refused.
    func change(_ job: inout Job) { (job.tokens, job.calls, job.most) = (400, 60, 2) }
    let job = spent.job(seed: 2) {
      change(&$0)
      $0.fileLimit = size + room
    }
    #expect(try job.run())
    let full = try Reports(spent.folder, spent.reports)
    #expect(full.errors.isEmpty == (room == 100_000), "\(full.errors)")
    // Nor known to the same process, when it is asked for once more.
    try spent.check(isWhole: true)
    // The same requests: what was refused is spent now.
    #expect(try spent.job(seed: 2, change).run())
    #expect(try spent.check(isWhole: true).errors == full.errors)
  }

  #if DEBUG
    /// A ledger to begin with, and a torn line behind it.
    private func torn() throws -> String {
      var spent = try Spent()
      #expect(try spent.job(seed: 1) { ($0.tokens, $0.calls) = (60, 2) }.run())
      let text = try spent.folder.contents("ring/grants.ndjson")
      return text + text.prefix(50)
    }

    /// Calls are walked through until the job no longer meets its fault.
    private func walk(
      _ kind: Job.Kind, from first: Int = 1, by step: Int = 1, _ fault: String,
      _ check: (inout Spent, _ call: Int, _ hasDied: Bool) throws -> Bool
    ) throws {
      let torn = try torn()
      for call in stride(from: first, to: 200, by: step) {
        var spent = try Spent()
        try spent.folder.file("ring/grants.ndjson", torn, mode: 0o600)
        spent.isContinued = true
        let job = spent.job(kind, seed: 2) { ($0.tokens, $0.calls) = (60, 2) }
        let hasDied = try !job.run(fault: "\(call):\(fault)")
        if try !check(&spent, call, hasDied) {
          #expect(call > 20, "the job makes some calls")
          return
        }
      }
      Issue.record("the job makes too many calls")
    }

    @Test(arguments: [Job.Kind.spend, .prune])
    func `after a death at any file call each token is spent once`(kind: Job.Kind) throws {
      try walk(kind, "kill") { spent, call, hasDied in
        #expect(try spent.job(seed: 2) { ($0.tokens, $0.calls) = (60, 2) }.run())
        let reports = try spent.check(
          isWhole: !hasDied, isPruned: kind == .prune, "after a death at call \(call)")
        #expect(reports.errors.isEmpty)
        return hasDied
      }
    }

    @Test(arguments: [Job.Kind.spend, .prune], [("ENOSPC", 1), ("EIO", 2), ("EACCES", 3)])
    func `after any file call that fails each token is spent once`(
      kind: Job.Kind, code: (name: String, first: Int)
    ) throws {
      var good = 0
      try walk(kind, from: code.first, by: 3, code.name) { spent, call, hasDied in
        let failed = try Reports(spent.folder, spent.reports)
        #expect(!hasDied && failed.errors.count <= 1, "\(failed.errors)")
        #expect(try spent.job(seed: 2) { ($0.tokens, $0.calls) = (60, 2) }.run())
        // Brought back, so that the second time all was spent.
        try spent.check(
          isWhole: true, isPruned: kind == .prune, "after \(code.name) at call \(call)")
        // Some failures make no difference, such as one of removing what is not there.
        good = failed.errors.isEmpty ? good + 1 : 0
        return good < 4
      }
    }

    /// New tokens, and those that another process spent, which may have died before it synced them.
    @Test(arguments: [(tokens: 10_000, seed: 2), (tokens: 60, seed: 1)])
    func `nothing is answered before it is synced`(tokens: Int, seed: Int) throws {
      for call in 1...2 {
        var spent = try Spent()
        #expect(try spent.job(seed: 1) { ($0.tokens, $0.calls) = (60, 1) }.run())
        // The folder's when the file is opened; the file's.
        let job = spent.job(seed: UInt64(seed)) { ($0.tokens, $0.calls) = (tokens, 1) }
        #expect(try job.run(fault: "\(call):EIO@sync"))
        #expect(try spent.check(isWhole: true).errors.count == 1)
      }
    }
  #endif
}
