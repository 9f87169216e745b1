// The promises of a ring under random policies, policy changes, missed runs, early hand-overs, and
// hosts whose clocks differ: no token is ever missing from a set that a verifier may hold.
// Owns: a world of hosts and verifiers with one real time, that only the test knows.

import JOSE
import Testing

@testable import Keyring

@Suite struct InvariantTests {
  /// What verifiers could fetch, and how long they might keep it, from some real time on.
  private struct Entry {
    var from: Double
    var kids: Set<ByteString>
    var maxAge: Double
    var leeway: Double
  }

  private struct World {
    var ring: Ring
    /// The ring as it was before its last change, and when that was: runs look again each second.
    var before: (ring: Ring, until: Double)?
    var history: [Entry] = []
    var tokens: [(kid: ByteString, signed: Double, expiry: Double)] = []
    /// Between 0 and this, in seconds, is how far a host's clock is ahead of real time.
    var skew: Double
    var random: Seeded
    var made = 0
    let jwk: JWK

    func clock(_ real: Double, _ ahead: Double) -> Timestamp {
      let time = real + ahead
      return Timestamp(
        seconds: Int64(time.rounded(.down)),
        nanoseconds: Int32((time - time.rounded(.down)) * 999_999_999))
    }

    mutating func ahead() -> Double { Double.random(in: 0...skew, using: &random) }

    mutating func key() -> JWK {
      made += 1
      var key = jwk
      key.kid = ByteString("k\(made)")
      return key
    }

    /// One change by some host, as the directory makes it: the set is written before the stamp.
    mutating func change(_ real: Double, _ body: (inout World, Timestamp) throws -> Void) rethrows {
      let now = clock(real, ahead())
      let old = ring
      try body(&self, now)
      note(real)
      // A copy that can't be written leaves its key pending for a later run.
      if Int.random(in: 0..<10, using: &random) > 0 { ring.markPublished(at: now) }
      before = (old, real + 1)
    }

    mutating func note(_ real: Double) {
      let kids = Set(ring.publishedKeys.compactMap(\.kid))
      history.append(
        Entry(
          from: real, kids: kids, maxAge: Double(ring.policy.jwksMaxAge.count),
          leeway: Double(ring.policy.leeway.count)))
    }

    mutating func sign(_ real: Double) {
      let now = clock(real, ahead())
      var seen = ring
      if let before, real < before.until, Bool.random(using: &random) { seen = before.ring }
      guard let key = seen.activeKey(at: now) else { return }
      #expect(key.privateDeleted == nil, "a key without its private half is to sign")
      #expect(
        ring.index(of: key.kid).map { ring.keys[$0].privateDeleted == nil } ?? false,
        "the private half is gone while a host signs with it")
      let ttl = min(seen.policy.maxTokenTTL, key.maxTokenTTL)
      // A token's times are the host's, in whole seconds.
      tokens.append((key.kid, real, Double(now.seconds + ttl.count)))
    }

    /// Why some verifier can't find a token's key while it lives; nil when every one can.
    func missing(_ token: (kid: ByteString, signed: Double, expiry: Double)) -> String? {
      var last = token.signed
      for (i, entry) in history.enumerated() {
        let until = i + 1 < history.count ? history[i + 1].from : .infinity
        guard until > token.signed else { continue }
        // By the clock that is furthest behind, real time itself, a verifier accepts it until then.
        let dies = token.expiry + entry.leeway
        if dies <= max(entry.from, token.signed) { break }
        last = min(until, dies)
        if dies < until { break }
      }
      for (i, entry) in history.enumerated() where !entry.kids.contains(token.kid) {
        let until = i + 1 < history.count ? history[i + 1].from : .infinity
        let canFetch = entry.from < last && min(until, last) + entry.maxAge > token.signed
        if canFetch {
          return
            "a token by \(token.kid), signed at \(token.signed), alive until \(last), is not in the "
            + "set of \(entry.from) to \(until), kept for \(entry.maxAge)"
        }
      }
      return nil
    }
  }

  private static func policy(_ random: inout Seeded, skew: Int64) -> Policy {
    var policy = Sample.policy()
    policy.clockSkew = Seconds(skew)
    let scale = [60, 3600, 86_400].randomElement(using: &random)! as Int64
    policy.jwksMaxAge = Seconds(.random(in: 0...scale, using: &random))
    policy.publishAhead = Seconds(
      policy.jwksMaxAge.count + 2 * skew + .random(in: 0...scale, using: &random))
    policy.period = Seconds(
      policy.publishAhead.count + 2 * skew + 1 + .random(in: 0...10 * scale, using: &random))
    policy.maxTokenTTL = Seconds(.random(in: 1...5 * scale, using: &random))
    policy.leeway = Seconds(.random(in: 0...600, using: &random))
    return policy
  }

  @Test("in any world every living token is in every set", arguments: 0..<60)
  func anyWorld(_ seed: Int) throws {
    var random = Seeded(UInt64(seed) &* 7919 &+ 11)
    let skew = [0, 1, 60, 300].randomElement(using: &random)! as Int64
    let policy = Self.policy(&random, skew: skew)
    try policy.check()
    var world = World(
      ring: Sample.ring(policy), skew: Double(skew), random: random, jwk: try Sample.key())
    var real = Double(Sample.start.seconds)
    world.ring.addPending(world.key(), Sample.ed25519, at: world.clock(real, 0))
    world.ring.markPublished(at: world.clock(real, 0))
    world.note(real)
    // The first key aside: whoever looks before it is published finds nothing, and holds nothing.
    for _ in 0..<400 {
      let span = Double(world.ring.policy.period.count)
      let step = [0.3, 5, span / 40, span / 8, span * 1.7].randomElement(using: &world.random)!
      real += Double.random(in: 0...step, using: &world.random)
      try happen(&world, real)
      for _ in 0..<3 { world.sign(real + Double.random(in: 0..<0.9, using: &world.random)) }
      let actives = world.ring.keys.count { $0.phase(at: world.clock(real, 0)) == .active }
      #expect(actives <= 1)
    }
    var shown = 0
    for token in world.tokens {
      guard let why = world.missing(token), shown < 3 else { continue }
      shown += 1
      Issue.record("seed \(seed): \(why)")
    }
    #expect(world.tokens.count > 1000 && world.made > 3)
  }

  /// Something that a host or an operator does.
  private func happen(_ world: inout World, _ real: Double) throws {
    switch Int.random(in: 0..<20, using: &world.random) {
    case 0:
      let skew = Int64(world.skew)
      let policy = Self.policy(&world.random, skew: skew)
      try world.change(real) { world, now in _ = try world.ring.adopt(policy, at: now) }
    case 1:
      world.change(real) { world, now in _ = try? world.ring.promote(at: now, emergency: false) }
    case 2...4: break
    default:
      world.change(real) { world, now in
        for task in world.ring.tasks(at: now) {
          switch task {
          case .publish, .remember: world.ring.changed = max(world.ring.changed, now)
          case .withdraw(let kids): world.ring.withdraw(kids, at: now)
          case .makeKey: world.ring.addPending(world.key(), Sample.ed25519, at: now)
          case .deletePrivateHalves(let kids): world.ring.stampPrivateDeleted(kids, at: now)
          }
        }
      }
    }
  }

  @Test(
    "a plan of any safe policy holds, and one of an unsafe policy is flagged", arguments: 0..<40)
  func plans(_ seed: Int) throws {
    var random = Seeded(UInt64(seed) &+ 500)
    let policy = Self.policy(&random, skew: .random(in: 0...300, using: &random))
    var ring = Sample.ring(policy)
    try ring.take("a", at: Sample.start)
    let span = Seconds(policy.period.count * 6)
    #expect(Plan(of: ring, from: Sample.start, for: span).violations == [])
    let before = ring.text
    #expect(ring.text == before, "a plan changes nothing")
    // What keyring.json could be made to say by hand.
    ring.policy.publishAhead = Seconds(
      .random(in: 0..<max(1, policy.jwksMaxAge.count + 2 * policy.clockSkew.count), using: &random))
    if ring.policy.publishAhead.count < policy.jwksMaxAge.count + 2 * policy.clockSkew.count {
      #expect(!Plan(of: ring, from: Sample.start, for: span).violations.isEmpty)
    }
  }

  @Test func `a plan says when a key would leave the set too early, or two would sign`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    try ring.take("b", at: Sample.start + Seconds(60))
    let span = Seconds(90 * 86_400)
    #expect(Plan(of: ring, from: Sample.start, for: span).violations.isEmpty)
    var early = ring
    early.keys[0].archived = ring.keys[0].retired! + Seconds(60)
    #expect(
      Plan(of: early, from: Sample.start, for: span).violations.contains {
        $0.contains("leaves the set")
      })
    var both = ring
    both.keys[0].retired = ring.keys[1].activation! + Seconds(60)
    #expect(
      Plan(of: both, from: Sample.start, for: span).violations.contains { $0.contains("both sign") }
    )
    var gap = ring
    gap.keys[0].retired = ring.keys[1].activation! - Seconds(60)
    #expect(
      Plan(of: gap, from: Sample.start, for: span).violations.contains {
        $0.contains("no key signs")
      })
    var hasty = ring
    hasty.keys[1].activation = Sample.start + Seconds(100)
    hasty.keys[0].retired = hasty.keys[1].activation
    #expect(
      Plan(of: hasty, from: Sample.start, for: span).violations.contains {
        $0.contains("every cache")
      })
  }
}
