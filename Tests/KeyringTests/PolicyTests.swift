// Which policies are safe, at their very edges.
// Owns: random policies. Must never: need a ring on disk.

import JOSE
import Testing

@testable import Keyring

@Suite struct PolicyTests {
  private func accepts(_ change: (inout Policy) -> Void) -> Bool {
    var policy = Sample.policy()
    change(&policy)
    do { try policy.check() } catch {
      #expect(error.code == .unsafePolicy)
      #expect(!error.detail.isEmpty)
      return false
    }
    return true
  }

  @Test func `the defaults are those of the contract, and safe`() {
    let policy = Sample.policy()
    #expect(policy.period.text == "30d" && policy.publishAhead.text == "1d")
    #expect(policy.maxTokenTTL.text == "8d" && policy.leeway.text == "1m")
    #expect(policy.clockSkew.text == "1m" && policy.jwksMaxAge.text == "1h")
    #expect(accepts { _ in })
  }

  @Test func `a key may not sign before every cache has it, to the second`() {
    var random = Seeded(31)
    for _ in 0..<500 {
      let skew = Int64.random(in: 0...600, using: &random)
      let cache = Int64.random(in: 0...90_000, using: &random)
      let ahead = cache + 2 * skew
      func accepts(_ ahead: Int64, _ period: Int64) -> Bool {
        self.accepts {
          $0.clockSkew = Seconds(skew)
          $0.jwksMaxAge = Seconds(cache)
          $0.publishAhead = Seconds(ahead)
          $0.period = Seconds(period)
        }
      }
      let period = ahead + 2 * skew + 1
      #expect(accepts(ahead, period), "\(skew) \(cache)")
      #expect(accepts(ahead + 1, period + 1))
      #expect(!accepts(ahead - 1, period + 1000), "publish_ahead one second short")
      #expect(!accepts(ahead, period - 1), "period one second short")
    }
  }

  @Test func `tokens live for a while, and RSA keys have sensible sizes`() {
    #expect(!accepts { $0.maxTokenTTL = Seconds(0) })
    #expect(accepts { $0.maxTokenTTL = Seconds(1) })
    for (bits, isGood) in [
      (2047, false), (2048, true), (16_384, true), (16_385, false), (0, false),
    ] {
      #expect(accepts { $0.rsaBits = bits } == isGood, "\(bits)")
    }
  }

  @Test(
    "a ring of any policy that is accepted can be written and read back",
    arguments: ["1d", "100d", "36500d", "1000000d", "3000000d"])
  func longPeriods(_ text: String) throws {
    let span = try #require(Seconds(text))
    for change in [\Policy.period, \Policy.maxTokenTTL, \Policy.leeway, \Policy.publishAhead] {
      var policy = Sample.policy()
      policy[keyPath: change] = span
      if change == \Policy.publishAhead { policy.period = Seconds(span.count + 1000) }
      guard (try? policy.check()) != nil else { continue }
      var ring = Sample.ring(policy)
      try ring.take("a", at: Sample.start)
      try ring.take("b", at: Sample.start + Seconds(5))
      #expect(throws: Never.self) { try Ring(parsing: ring.text) }
    }
  }
}
