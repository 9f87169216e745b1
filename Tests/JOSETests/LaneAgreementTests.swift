// Kernels, engines and OpenSSL on random signatures, good and bad, in batches of every size.
// Owns: the drawing. LaneReferee compares.
//
// JOTMILL_LONG=1 draws a million valid and a million mutated ones for each algorithm, with
// thousands of keys, on all processors. In a debug build that takes days; in a release build,
//
//   swift build -c release -Xswiftc -enable-testing --build-tests
//   JOTMILL_LONG=1 swift test -c release -Xswiftc -enable-testing --skip-build --filter LaneAgreement
//
// hours. JOTMILL_LONG=N draws N of each, and JOTMILL_LANES=ES256,EdDSA only those algorithms.

import Dispatch
import Foundation
import Synchronization
import Testing

@testable import JOSE

@Suite struct LaneAgreementTests {
  /// Keys, signatures by them, each valid one with a mutated one behind it, and what OpenSSL says.
  struct Pool {
    let referee: LaneReferee
    var cases: [LaneCase] = []
    var truth: [Bool] = []

    init(
      _ algorithms: [Algorithm], keys: Int, signatures: Int, _ random: inout SeededRandom
    ) throws {
      var signers: [(Algorithm, LaneSigner)] = []
      for algorithm in algorithms {
        signers += try LaneSigner.keys(algorithm, keys).map { (algorithm, $0) }
      }
      referee = LaneReferee(signers.map(\.1.jwk))
      var valid: [LaneCase] = []
      for i in 0..<signatures {
        let key = i % signers.count
        let (algorithm, signer) = signers[key]
        // Often about a block of a hash; else of any length.
        let length = random.below(2) == 0 ? random.below(260) : random.below(3001)
        let message = random.bytes(length)
        valid.append(
          LaneCase(
            key: key, algorithm: algorithm, message: message,
            signature: try signer.sign(message, algorithm), name: "valid"))
      }
      for one in valid {
        let jwk = signers[one.key].1.jwk
        cases += [one, one.mutated(jwk, valid, &random)]
      }
      truth = try referee.openSSLAnswers(cases)
      for i in stride(from: 0, to: cases.count, by: 2) where !truth[i] {
        Issue.record("OpenSSL rejects a good signature: \(cases[i])")
      }
    }

    /// A random batch; of mutated ones about one in `share`.
    func draw(
      _ count: Int, mutatedShare share: Int, _ random: inout SeededRandom
    ) -> ([LaneCase], [Bool]) {
      let places = (0..<count).map { _ in
        random.below(cases.count / 2) * 2 + (random.below(share) == 0 ? 1 : 0)
      }
      return (places.map { cases[$0] }, places.map { truth[$0] })
    }
  }

  static let long = ProcessInfo.processInfo.environment["JOTMILL_LONG"]

  @Test(
    "Kernels and OpenSSL agree in batches of every size", arguments: Algorithm.lanes)
  func sizes(_ algorithm: Algorithm) throws {
    var random = SeededRandom(for: "batch sizes, \(algorithm.name)")
    let pool = try Pool([algorithm], keys: 8, signatures: 96, &random)
    // Without optimisation a kernel takes longer than OpenSSL: then some sizes, others each time.
    let isRSA = algorithm.family != .ecdsa && algorithm.family != .edDSA
    for size in 1...300 where size <= 25 || random.below(isRSA ? 80 : 25) == 0 || size == 300 {
      let (cases, truth) = pool.draw(size, mutatedShare: 2, &random)
      try pool.referee.compare(cases, known: truth, withEngines: false)
    }
  }

  @Test("Engines agree on batches of many keys and all algorithms")
  func mixed() throws {
    var random = SeededRandom(for: "mixed batches")
    let pool = try Pool(Algorithm.lanes, keys: 4, signatures: 240, &random)
    // All of the pool once, in both orders: each mutated one is asked about.
    try pool.referee.compare(pool.cases, known: pool.truth)
    try pool.referee.compare(pool.cases.reversed(), known: pool.truth.reversed())
    for size in [1, 2, 3, 7, 8, 9, 31, 65, 129, 300] {
      let (cases, truth) = pool.draw(size, mutatedShare: 10, &random)
      try pool.referee.compare(cases, known: truth)
    }
  }

  @Test(
    "A million of each, in batches of every size", .enabled(if: long != nil),
    arguments: Algorithm.lanes)
  func millions(_ algorithm: Algorithm) throws {
    if let only = ProcessInfo.processInfo.environment["JOTMILL_LANES"],
      !only.split(separator: ",").contains(where: { $0 == algorithm.name })
    {
      return
    }
    let goal = max(Int(Self.long ?? "") ?? 0, Self.long == "1" ? 1_000_000 : 0)
    let progress = Progress(algorithm.name, goal)
    let errors = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: ProcessInfo.processInfo.activeProcessorCount) {
      worker in
      do {
        var random = SeededRandom(for: "millions, \(algorithm.name), \(worker)")
        var size = 0
        // Each round has keys of its own, and every size once.
        while progress.goesOn {
          let pool = try Pool([algorithm], keys: 24, signatures: 22_575, &random)
          var order = Array(pool.cases.indices)
          order.shuffle(using: &random)
          var at = 0
          while at < order.count {
            size = size % 300 + 1
            let places = order[at..<min(at + size, order.count)]
            at += size
            let cases = places.map { pool.cases[$0] }
            let tally = try pool.referee.compare(cases, known: places.map { pool.truth[$0] })
            progress.add(tally, mutated: places.count { $0 % 2 == 1 })
          }
        }
      } catch { errors.withLock { $0.append("\(error)") } }
    }
    #expect(errors.withLock { $0 } == [])
    print("lanes: \(progress.text)")
  }

  /// Counts for all workers, and says now and then how far they are.
  private final class Progress: Sendable {
    private struct State {
      var (valid, invalid, mutated, redone, said) = (0, 0, 0, 0, 0)
    }
    private let name: String
    private let goal: Int
    private let began = Date()
    private let state = Mutex(State())

    init(_ name: String, _ goal: Int) { (self.name, self.goal) = (name, goal) }

    var goesOn: Bool { state.withLock { min($0.valid, $0.mutated) < goal } }

    func add(_ tally: LaneReferee.Tally, mutated: Int) {
      let says = state.withLock {
        $0.valid += tally.valid
        $0.invalid += tally.invalid
        $0.mutated += mutated
        $0.redone += tally.redone
        guard $0.valid >= $0.said + 50_000 else { return false }
        $0.said = $0.valid
        return true
      }
      if says { print("lanes: \(text)") }
    }

    var text: String {
      state.withLock {
        "\(name): \($0.valid) valid, \($0.mutated) mutated, \($0.invalid) rejected, "
          + "\($0.redone) judged alone, \(Int(Date().timeIntervalSince(began))) s"
      }
    }
  }
}
