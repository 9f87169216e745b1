// Phases, activation and retirement as pure functions of timestamps.
// Owns: the rules of SPEC section 6 as tables. Must never: touch a file or a clock.

import JOSE
import Testing

@testable import Keyring

@Suite struct PhaseTests {
  private func key(
    published: Int64? = nil, activation: Int64? = nil, retired: Int64? = nil,
    archived: Int64? = nil, revoked: Int64? = nil
  ) throws -> RingKey {
    func time(_ seconds: Int64?) -> Timestamp? { seconds.map { Timestamp(seconds: $0) } }
    return RingKey(
      jwk: try Sample.key(kid: "k"), algorithm: Sample.ed25519, created: Timestamp(seconds: 0),
      published: time(published), activation: time(activation), retired: time(retired),
      archived: time(archived), maxTokenTTL: Seconds(10),
      revocation: revoked.map { .init(at: Timestamp(seconds: $0), since: nil, reason: nil) })
  }

  @Test func `each boundary turns the phase at its very instant`() throws {
    typealias Phase = RingKey.Phase
    let life = try key(published: 100, activation: 200, retired: 300, archived: 400)
    let turns: [(Int64, Phase, Phase)] = [
      (200, .next, .active), (300, .active, .retiring), (400, .retiring, .archived),
    ]
    for (time, before, after) in turns {
      #expect(life.phase(at: Timestamp(seconds: time - 1)) == before)
      #expect(life.phase(at: Timestamp(seconds: time - 1, nanoseconds: 999_999_999)) == before)
      #expect(life.phase(at: Timestamp(seconds: time)) == after)
      #expect(life.phase(at: Timestamp(seconds: time + 1)) == after)
    }
    #expect(life.phase(at: Timestamp(seconds: .min)) == .next)
    #expect(life.phase(at: Timestamp(seconds: .max)) == .archived)
  }

  @Test(
    "keys of every shape at every time",
    arguments: [Int64.min, -1, 0, 99, 100, 199, 200, 299, 300, 399, 400, .max])
  func shapes(_ now: Int64) throws {
    let time = Timestamp(seconds: now)
    #expect(try key().phase(at: time) == .pending)
    #expect(try key(published: 100).phase(at: time) == .next)
    #expect(
      try key(published: 100, activation: 200).phase(at: time) == (now < 200 ? .next : .active))
    // Imported to verify only: never a new key, also where the clock is behind the import's.
    #expect(try key(retired: 300, archived: 300).phase(at: time) == .archived)
    for revoked in [Int64.min, 0, 250, .max] {
      #expect(try key(revoked: revoked).phase(at: time) == .revoked)
      #expect(
        try key(published: 1, activation: 200, retired: 300, archived: 400, revoked: revoked)
          .phase(at: time) == .revoked)
    }
  }

  // MARK: Publishing

  @Test func `the first key signs at once`() throws {
    var ring = Sample.ring()
    let now = Timestamp(seconds: Sample.start.seconds, nanoseconds: 300)
    try ring.take("a", at: now)
    #expect(ring.keys[0].published == Sample.start)
    #expect(ring.keys[0].activation == Sample.start)
    #expect(ring.keys[0].retired == nil && ring.keys[0].archived == nil)
    #expect(ring.activeKey(at: Sample.start)?.kid == "a")
    // A host whose clock is behind signs with it all the same: it is the one that others sign with.
    #expect(ring.activeKey(at: Sample.start - Seconds(1))?.kid == "a")
    #expect(ring.successor(at: Sample.start - Seconds(1)) == nil)
  }

  @Test(
    "a successor is active a period after its predecessor, or once every cache has it",
    arguments: [10, 2_505_599, 2_505_600, 2_505_601, 25_920_000] as [Int64])
  func successor(_ delay: Int64) throws {
    var policy = Sample.policy()
    policy.clockSkew = Seconds(7)
    policy.leeway = Seconds(11)
    policy.maxTokenTTL = Seconds(1000)
    var ring = Sample.ring(policy)
    try ring.take("a", at: Sample.start)
    let now = Sample.start + Seconds(delay)
    try ring.take("b", at: now)
    let activation = max(Sample.start + Seconds(30 * 86_400), now + Seconds(86_400))
    #expect(ring.keys[1].published == now)
    #expect(ring.keys[1].activation == activation)
    #expect(ring.keys[0].retired == activation)
    #expect(ring.keys[0].archived == activation + Seconds(1000 + 11 + 2 * 7))
    #expect(ring.keys[1].retired == nil && ring.keys[1].archived == nil)
    #expect(ring.successor(at: now)?.kid == "b")
    #expect(ring.activeKey(at: activation - Seconds(1))?.kid == "a")
    #expect(ring.activeKey(at: activation)?.kid == "b")
    #expect(ring.successor(at: activation) == nil)
  }

  @Test func `a fraction of a second is rounded up, so that no cache is counted on too early`()
    throws
  {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    let late = Sample.start + Seconds(100 * 86_400)
    ring.addPending(try Sample.key(kid: "b"), Sample.ed25519, at: late)
    ring.markPublished(at: Timestamp(seconds: late.seconds, nanoseconds: 1))
    #expect(ring.keys[1].published == late + Seconds(1))
    #expect(ring.keys[1].activation == late + Seconds(1 + 86_400))
  }

  @Test func `a later policy shortens no life that was fixed`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    try ring.take("b", at: Sample.start + Seconds(5))
    let before = ring.keys
    ring.policy.period = Seconds(2 * 86_400)
    ring.policy.maxTokenTTL = Seconds(1)
    for i in before.indices {
      #expect(ring.keys[i].activation == before[i].activation)
      #expect(ring.keys[i].archived == before[i].archived)
    }
    // The key keeps the largest limit that was in force while it may sign.
    let now = ring.keys[1].activation!
    try ring.take("c", at: now)
    #expect(ring.keys[1].archived == now + Seconds(2 * 86_400 + 8 * 86_400 + 60 + 120))
  }

  @Test func `the longest life is the largest that was ever allowed, unless a key was imported`()
    throws
  {
    var ring = Sample.ring()
    #expect(ring.longestTokenLife(at: Sample.start) == ring.policy.maxTokenTTL)
    try ring.take("a", at: Sample.start)
    let long = ring.policy.maxTokenTTL
    ring.policy.maxTokenTTL = Seconds(1)
    #expect(ring.longestTokenLife(at: Sample.start) == long)
    ring.policy.maxTokenTTL = Seconds(long.count + 1)
    #expect(ring.longestTokenLife(at: Sample.start) == Seconds(long.count + 1))
    #expect(ring.policy.slack == Seconds(60 + 2 * 60))
    // What it signed elsewhere is dead when its own life here is over.
    ring.keys[0].isImported = true
    #expect(ring.longestTokenLife(at: Sample.start) == nil)
    ring.keys[0].archived = Sample.start + Seconds(100)
    #expect(ring.longestTokenLife(at: Sample.start + Seconds(99)) == nil)
    #expect(ring.longestTokenLife(at: Sample.start + Seconds(100)) != nil)
    ring.keys[0].activation = nil
    #expect(ring.longestTokenLife(at: Sample.start + Seconds(100)) == nil)
  }

  @Test func `publishing twice changes nothing`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    let text = ring.text
    #expect(ring.markPublished(at: Sample.start + Seconds(9)).isEmpty)
    #expect(ring.text == text)
  }

  @Test func `an imported archived key never signs and is never published`() throws {
    var ring = Sample.ring()
    ring.addArchived(try Sample.key(kid: "old"), Sample.ed25519, at: Sample.start)
    #expect(ring.keys[0].phase(at: Sample.start) == .archived)
    #expect(ring.activeKey(at: Sample.start) == nil && ring.successor(at: Sample.start) == nil)
    #expect(ring.publishedKeys.isEmpty)
    try ring.take("a", at: Sample.start + Seconds(5))
    #expect(ring.activeKey(at: Sample.start + Seconds(5))?.kid == "a")
    #expect(ring.keys[0].phase(at: Sample.start + Seconds(5)) == .archived)
  }

  @Test func `the published set holds public halves of keys that verify, and no secret`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    try ring.take("b", at: Sample.start + Seconds(5))
    ring.addPending(try Sample.key(kid: "c"), Sample.ed25519, at: Sample.start + Seconds(6))
    func published() -> [String] { ring.publishedKeys.map { $0.kid!.description } }
    #expect(published() == ["a", "b", "c"])
    // Being over by the clock is not enough: the ring must have recorded it.
    ring.withdraw(["a"], at: ring.keys[0].archived!)
    #expect(published() == ["b", "c"])
    #expect(ring.keys[0].phase(at: Sample.start) == .archived, "whatever the clock says later")
    ring.keys[0].withdrawn = nil
    ring.keys[1].revocation = .init(at: Sample.start, since: nil, reason: nil)
    #expect(published() == ["a", "c"])
    let set = try JWKSet.parse(ring.publishedSet)
    #expect(set.keys.count == 2 && set.keys.allSatisfy { !$0.hasPrivateHalf })

    var secrets = Sample.ring(Sample.policy(AlgorithmName("HS256")!))
    secrets.addPending(
      try Sample.key(AlgorithmName("HS256")!), AlgorithmName("HS256")!, at: Sample.start)
    #expect(secrets.publishedKeys.isEmpty)
    #expect(
      String(decoding: secrets.publishedSet, as: UTF8.self)
        == "{\n  \"keys\": []\n}\n")
  }

  @Test func `at every instant exactly one key signs, published long enough before`() throws {
    var random = Seeded(77)
    let jwk = try Sample.key()
    for _ in 0..<40 {
      var policy = Sample.policy()
      policy.clockSkew = Seconds(Int64.random(in: 0...60, using: &random))
      policy.publishAhead = Seconds(3600 + 120 + Int64.random(in: 0...5000, using: &random))
      policy.period = Seconds(
        policy.publishAhead.count + 121 + .random(in: 0...90_000, using: &random))
      try policy.check()
      var ring = Sample.ring(policy)
      var now = Sample.start
      for i in 0..<8 {
        var key = jwk
        key.kid = ByteString("k\(i)")
        ring.addPending(key, Sample.ed25519, at: now)
        ring.markPublished(at: now)
        now = max(now, ring.keys[i].activation!) + Seconds(.random(in: 0...200_000, using: &random))
      }
      for i in 1..<8 {
        #expect(ring.keys[i].activation! >= ring.keys[i].published! + policy.publishAhead)
        #expect(ring.keys[i].activation! >= ring.keys[i - 1].activation! + policy.period)
      }
      for _ in 0..<100 {
        let time = Sample.start + Seconds(.random(in: 0...2_000_000, using: &random))
        #expect(ring.keys.count { $0.phase(at: time) == .active } == 1)
      }
    }
  }
}
