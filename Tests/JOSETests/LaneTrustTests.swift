// What happens when a kernel is wrong, and that OpenSSL is asked as often as promised.
// Owns: the tests of Lanes, LaneSelfTest and LaneEngine's confirmations.

#if DEBUG
  import CLanes
  import Foundation
  import Testing

  @testable import JOSE

  @Suite struct LaneTrustTests {
    /// Kernels on, with answers turned over as `turns` says of their numbers, from 1 on.
    private struct Bench {
      let reports = LaneReports()
      let lanes: Lanes
      let engine: LaneEngine
      let signers: [LaneSigner]

      init(_ signers: [LaneSigner], _ unit: Lanes.Unit = .widest, tableOctets: Int = 1 << 30) {
        self.signers = signers
        var keys = KeySet()
        for signer in signers { #expect(keys.add(signer.jwk, source: "a test") == nil) }
        lanes = Lanes(.everywhere, unit, tableOctets: tableOctets, report: reports.add)
        engine = LaneEngine(keys.keys, lanes)
      }

      /// Asks about one batch: of each of `isGood` a good signature or a forged one, by all keys in
      /// turn.
      func verify(_ isGood: [Bool], turning turns: (@Sendable (Int) -> Bool)? = nil) throws
        -> [Bool]
      {
        var made: [[UInt8]] = []
        for signer in signers { made.append(try signer.sign("m".octets, signer.algorithms[0])) }
        var batch = SignatureBatch()
        let input = "mn".octets
        for (place, isGood) in isGood.enumerated() {
          let key = place % signers.count
          let at = made[..<key].reduce(0) { $0 + $1.count }
          _ = batch.append(
            key: key, signers[key].algorithms[0], input: isGood ? 0..<1 : 1..<2,
            signature: at..<at + made[key].count, payload: 0..<0)
        }
        let octets = made.flatMap { $0 }
        try LaneFault.$plan.withValue(turns.map { LaneFault.Plan($0) }) {
          try engine.verify(&batch, input: input.span, octets: octets.span)
        }
        return batch.entries.map { $0.answer == .valid }
      }
    }

    private static let known = 24

    private func keys(_ lane: Lane) throws -> [LaneSigner] {
      switch lane {
      case .rsa2048: [.rsa(RawRSA(2048))]
      case .rsa3072: [.rsa(RawRSA(3072))]
      case .rsa4096: [.rsa(RawRSA(4096))]
      case .p256: [try .curve(.es256)]
      case .ed25519: [try .curve(.edDSA)]
      }
    }

    /// Good and forged ones in turn.
    private func mixture(_ count: Int) -> [Bool] { (0..<count).map { $0 % 2 == 0 } }

    @Test(
      "The self-test passes with both units, and fails for each single wrong answer",
      arguments: Lane.allCases)
    func selfTest(_ lane: Lane) {
      for unit in clanes_unit.present {
        #expect(LaneSelfTest.failure(of: lane, on: unit) == nil)
        for wrong in 1...Self.known {
          LaneFault.$plan.withValue(.init { $0 == wrong }) {
            #expect(LaneSelfTest.failure(of: lane, on: unit)?.contains("[\(wrong - 1)]") == true)
          }
        }
      }
    }

    @Test(
      "A kernel that fails its self-test judges nothing, and is told of once",
      arguments: Lane.allCases)
    func failedSelfTest(_ lane: Lane) throws {
      let bench = Bench(try keys(lane))
      let expected = mixture(40)
      #expect(try bench.verify(expected, turning: { $0 == 7 }) == expected)
      guard bench.lanes.canUse(lane) else { return }
      #expect(bench.lanes.haveFailed)
      #expect(bench.reports.all.count == 1 && bench.reports.all[0].contains("self-test"))
      #expect(bench.engine.openSSL.asked == 40)
      // From here on nobody asks a kernel: it would be wrong again.
      #expect(try bench.verify(expected, turning: { _ in true }) == expected)
      #expect(bench.engine.openSSL.asked == 80 && bench.reports.all.count == 1)
    }

    @Test("A failed self-test turns off the kernels that passed theirs, in the same batch too")
    func failedSelfTestOfOne() throws {
      let bench = Bench([try .curve(.es256), try .curve(.edDSA)])
      let expected = (0..<40).map { $0 % 4 < 2 }
      // P-256 passes, and accepts a forged one after that; then Ed25519's self-test fails.
      let wrong = [Self.known + 2, Self.known + 20 + 3]
      #expect(try bench.verify(expected, turning: { wrong.contains($0) }) == expected)
      #expect(bench.lanes.haveFailed && bench.reports.all.count == 1)
    }

    @Test(
      "A rejection of a good signature: OpenSSL's answers stand for all, one report, lanes off",
      arguments: Lane.allCases)
    func wrongRejection(_ lane: Lane) throws {
      let bench = Bench(try keys(lane))
      guard bench.lanes.canUse(lane) else { return }
      let good = [Bool](repeating: true, count: 40)
      #expect(try bench.verify(good) == good)
      #expect(!bench.lanes.haveFailed)
      let before = bench.engine.openSSL.asked
      #expect(try bench.verify(good, turning: { $0 == 13 }) == good)
      #expect(bench.lanes.haveFailed && bench.reports.all.count == 1)
      #expect(bench.engine.openSSL.asked >= before + 40, "all of the batch again")
      let report = try #require(bench.reports.all.first)
      for part in ["kernel: invalid", "OpenSSL: valid", "algorithm: \(lane.algorithm.name)"] {
        #expect(report.contains(part), "\(report)")
      }
      let after = bench.engine.openSSL.asked
      #expect(try bench.verify(mixture(40), turning: { _ in true }) == mixture(40))
      #expect(bench.engine.openSSL.asked == after + 40 && bench.reports.all.count == 1)
    }

    @Test("An acceptance of a forged signature is met after two thousand at the latest")
    func wrongAcceptance() throws {
      let bench = Bench([try .curve(.edDSA)])
      #expect(try bench.verify([true]) == [true])
      let forged = [Bool](repeating: false, count: 50)
      var accepted = 0
      while !bench.lanes.haveFailed, accepted < 3000 {
        accepted += try bench.verify(forged, turning: { _ in true }).count { $0 }
      }
      #expect(bench.lanes.haveFailed && accepted < 2000, "\(accepted) were accepted")
      #expect(bench.reports.all.count == 1)
      #expect(bench.reports.all[0].contains("kernel: valid"))
      // The batch in which it came out has no wrong answer at all.
      #expect(accepted % 50 == 0)
    }

    @Test("Of accepts about one in a thousand is asked, and all rejects until there are many")
    func shares() throws {
      let bench = Bench([try .curve(.edDSA)])
      let batch = [Bool](repeating: true, count: 500)
      for _ in 0..<24 { #expect(try bench.verify(batch) == batch) }
      // 12 are expected; each distance is even over 1 to 1999.
      let asked = bench.engine.openSSL.asked
      #expect((4...24).contains(asked), "\(asked) of 12,000 accepts were asked")
      #expect(!bench.lanes.haveFailed)
      let few = [Bool](repeating: false, count: 200)
      #expect(try bench.verify(few) == few)
      #expect(bench.engine.openSSL.asked == asked + 200, "each rejection is confirmed")
    }

    @Test("In a flood of forged ones OpenSSL confirms some thousands, then one in eight")
    func flood() throws {
      let bench = Bench([try .curve(.edDSA)])
      let count = 10_000
      let batch = [Bool](repeating: false, count: 250)
      for _ in 0..<count / batch.count { #expect(try bench.verify(batch) == batch) }
      let asked = bench.engine.openSSL.asked
      let least = 4096 + (count - 4096) / 8 - 400
      #expect((least...4096 + count / 8 + 900).contains(asked), "\(asked) of \(count)")
      #expect(!bench.lanes.haveFailed)
      // A kernel that rejects all good ones is found out in spite of that.
      let good = [Bool](repeating: true, count: 250)
      #expect(try bench.verify(good, turning: { _ in true }).count { $0 } >= 0)
      #expect(bench.lanes.haveFailed)
    }

    @Test("Signatures that were judged alone are asked about each time")
    func judgedAlone() throws {
      // u1 G = u2 Q; a key that makes such a signature hold.
      let e = Big(Encoded.digest(256, "m".octets)) % P256.n
      let u1 = 1 + Big.random(below: P256.n - 1)
      let r = P256.multiple(2 * u1)!.x % P256.n
      let s = e * u1.inverse(P256.n)! % P256.n
      let key = P256.jwk(P256.multiple(e * r.inverse(P256.n)!)!)
      var keys = KeySet()
      #expect(keys.add(key, source: "a test") == nil)
      let lanes = Lanes(.everywhere, .widest) { Issue.record("\($0)") }
      let engine = LaneEngine(keys.keys, lanes)
      let (input, octets) = ("m".octets, r.octets(32) + s.octets(32))
      var batch = SignatureBatch()
      for _ in 0..<100 {
        _ = batch.append(key: 0, .es256, input: 0..<1, signature: 0..<64, payload: 0..<0)
      }
      // In a flood, too, when not each rejection is confirmed.
      lanes.count(judged: 0, confirmed: 1 << 40)
      #expect(!lanes.confirmsAll)
      try engine.verify(&batch, input: input.span, octets: octets.span)
      #expect(batch.entries.allSatisfy { $0.answer == .valid })
      #expect(engine.openSSL.asked == 100)
    }

    @Test("The report has no signing input in it, and all that is needed to see it again")
    func report() throws {
      let bench = Bench([try .curve(.es256)])
      let message = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJBbGljZSBTLiBlY3JldCJ9".octets
      let signature = try bench.signers[0].sign(message, .es256)
      var batch = SignatureBatch()
      for _ in 0..<9 {
        _ = batch.append(
          key: 0, .es256, input: 0..<message.count, signature: 0..<64, payload: 0..<0)
      }
      try LaneFault.$plan.withValue(.init { $0 == Self.known + 5 }) {
        try bench.engine.verify(&batch, input: message.span, octets: signature.span)
      }
      let report = try #require(bench.reports.all.first)
      #expect(!report.contains("eyJ"), "neither header nor payload")
      #expect(report.contains(signature.base64url))
      #expect(report.contains(Encoded.digest(256, message).base64url))
      #expect(report.contains("this one at 4"))
    }
  }
#endif
