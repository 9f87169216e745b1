// Rotation as a pure function: what is due when, and what each change does to the times of keys.
// Owns: rings as values on a fake clock. Must never: touch a file.

import JOSE
import Testing

@testable import Keyring

@Suite struct RotationTests {
  private let day = Seconds(86_400)

  private func at(_ seconds: Int64) -> Timestamp { Sample.start + Seconds(seconds) }

  /// A ring whose active key began at the start and whose next one follows after the period.
  private func ring(_ change: (inout Policy) -> Void = { _ in }) throws -> Ring {
    var policy = Sample.policy()
    change(&policy)
    try policy.check()
    var ring = Sample.ring(policy)
    try ring.take("a", at: Sample.start)
    try ring.take("b", at: at(60))
    return ring
  }

  private func phases(_ ring: Ring, at now: Timestamp) -> [String] {
    ring.keys.map { $0.phase(at: now).rawValue }
  }

  // MARK: What is due

  @Test func `a ring with a next key and nothing over has nothing due`() throws {
    let ring = try ring()
    for seconds in [60, 61, 86_400, 30 * 86_400 - 1] as [Int64] {
      #expect(ring.tasks(at: at(seconds)).isEmpty)
    }
  }

  @Test func `an empty ring waits for its first key`() {
    #expect(Sample.ring().tasks(at: at(1000)).isEmpty)
  }

  @Test func `the first run after an activation makes the successor, however late it is`() throws {
    let ring = try ring()
    for seconds in [30 * 86_400, 31 * 86_400, 400 * 86_400] as [Int64] {
      #expect(ring.tasks(at: at(seconds)).contains(.makeKey))
    }
    var late = ring
    let now = at(400 * 86_400)
    try late.take("c", at: now)
    #expect(late.keys[2].activation == now + day, "every cache has it before it signs")
    #expect(late.activeKey(at: now)?.kid == "b", "the active key signs on")
    #expect(!late.tasks(at: now).contains(.makeKey), "exactly one")
  }

  @Test func `a key leaves the set only when two runs agree that it is over`() throws {
    var ring = try ring()
    let over = ring.keys[0].archived!
    #expect(!ring.tasks(at: over - Seconds(1)).contains(.withdraw(["a"])))
    #expect(!ring.tasks(at: over).contains(.withdraw(["a"])), "nobody has seen this time before")
    ring.changed = over
    #expect(ring.tasks(at: over).contains(.withdraw(["a"])))
    ring.withdraw(["a"], at: over)
    #expect(!ring.publishedKeys.contains { $0.kid == "a" })
  }

  @Test func `a private half goes a while after its key has stopped, seen by two runs`() throws {
    var ring = try ring { $0.clockSkew = Seconds(10) }
    let due = ring.keys[0].retired! + Seconds(20)
    try ring.take("c", at: ring.keys[0].retired!)
    for now in [due - Seconds(1), due, due + day] {
      #expect(!ring.tasks(at: now).contains(.deletePrivateHalves(["a"])))
    }
    #expect(ring.tasks(at: due) == [.remember])
    ring.changed = due
    #expect(ring.tasks(at: due - Seconds(1)).isEmpty, "the clock is behind what the ring saw")
    #expect(ring.tasks(at: due) == [.deletePrivateHalves(["a"])])
    ring.stampPrivateDeleted(["a"], at: due)
    #expect(ring.tasks(at: due).isEmpty)
  }

  @Test func `a secret stays until its last token is dead`() throws {
    let name = AlgorithmName("HS256")!
    var ring = Sample.ring(Sample.policy(name))
    for kid in ["a", "b", "c"] {
      let now = ring.keys.last?.activation ?? Sample.start
      ring.addPending(try Sample.key(name, kid: kid), name, at: now)
      ring.markPublished(at: now)
    }
    ring.changed = ring.keys[0].retired! + day
    let early = ring.tasks(at: ring.changed)
    #expect(!early.contains(.deletePrivateHalves(["a"])))
    ring.changed = ring.keys[0].archived!
    #expect(ring.tasks(at: ring.changed).contains(.deletePrivateHalves(["a"])))
  }

  // MARK: Clocks

  @Test func `a clock a year ahead for one run takes nothing away`() throws {
    var ring = try ring()
    let wrong = at(370 * 86_400)
    for task in ring.tasks(at: wrong) {
      #expect(task == .makeKey, "\(task)")
    }
    // The run makes a successor, as it would after a year without one.
    ring.addPending(try Sample.key(kid: "c"), Sample.ed25519, at: wrong)
    ring.markPublished(at: wrong)
    let now = at(1000)
    #expect(phases(ring, at: now) == ["active", "next", "next"])
    #expect(Set(ring.publishedKeys.map { $0.kid! }) == ["a", "b", "c"])
    #expect(ring.activeKey(at: at(31 * 86_400))?.kid == "b")
    // The operator says that it was wrong: the key is published anew, and rotation goes on.
    ring.resetClock(to: now)
    #expect(ring.changed == now)
    #expect(ring.keys[1].retired == nil && ring.keys[2].phase(at: now) == .pending)
    ring.markPublished(at: now)
    #expect(ring.keys[2].activation == ring.keys[1].activation! + Seconds(30 * 86_400))
    #expect(ring.keys[1].activation == at(30 * 86_400), "what was planned before stays")
    #expect(Plan(of: ring, from: now, for: Seconds(200 * 86_400)).violations.isEmpty)
  }

  @Test func `a promotion by a clock that was ahead is planned again`() throws {
    var ring = try ring()
    let wrong = at(20 * 86_400)
    _ = try ring.promote(at: wrong, emergency: false)
    ring.resetClock(to: at(1000))
    #expect(ring.keys[1].activation == wrong + Seconds(1), "sooner than planned: it stands")
    #expect(ring.keys[0].retired == ring.keys[1].activation)
  }

  @Test func `a ring that a clock ahead began signs by the right time, within its window`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: at(60 * 86_400))
    let now = at(86_400)
    ring.resetClock(to: now)
    #expect(ring.activeKey(at: now)?.kid == "a" && ring.keys[0].activation == now)
    #expect(ring.keys[0].window(ring.policy).opens == now - ring.policy.clockSkew)
  }

  @Test func `a key that was dropped by a clock ahead stays out when it is set right`() throws {
    var ring = try ring()
    var policy = ring.policy
    policy.algorithm = Sample.es256
    #expect(try ring.adopt(policy, at: at(10 * 86_400)) == "b")
    ring.addArchived(try Sample.key(kid: "old"), Sample.ed25519, at: at(10 * 86_400))
    ring.resetClock(to: at(86_400))
    #expect(ring.publishedKeys.map(\.kid) == ["a"])
    #expect(phases(ring, at: at(86_400)) == ["active", "archived", "archived"])
    #expect(ring.successor(at: at(86_400)) == nil)
  }

  @Test func `of two keys that wait in a row the first can go, and the second follows`() throws {
    var ring = try ring()
    try ring.take("c", at: at(70))
    let turn = ring.keys[2].activation
    try ring.revoke("b", since: nil, reason: nil, at: at(80))
    #expect(ring.keys[0].retired == turn && ring.keys[2].activation == turn)
    #expect(ring.keys[0].archived! > turn!)
    #expect(Plan(of: ring, from: at(80), for: Seconds(200 * 86_400)).violations.isEmpty)
  }

  @Test func `where the clock is set back past an activation, the key that is left signs`() throws {
    var ring = try ring()
    let turn = ring.keys[1].activation!
    #expect(ring.activeKey(at: turn - Seconds(3600))?.kid == "a", "its private half is still there")
    ring.stampPrivateDeleted(["a"], at: turn + Seconds(200))
    #expect(ring.activeKey(at: turn - Seconds(3400))?.kid == "b")
    #expect(ring.keys[0].phase(at: turn - Seconds(3400)) == .retiring)
  }

  // MARK: Early hand-overs

  @Test func `a next key that caches may not have is not promoted, but in an emergency`() throws {
    var ring = try ring()
    let known = at(60) + ring.policy.jwksMaxAge + Seconds(120)
    #expect(throws: KeyringError(.tooEarly, "")) {
      try ring.promote(at: known - Seconds(1), emergency: false)
    }
    #expect(ring.keys[1].activation == at(30 * 86_400))
    var urgent = ring
    #expect(try urgent.promote(at: at(61), emergency: true) == "b")
    #expect(urgent.activeKey(at: at(61))?.kid == "b")
    #expect(urgent.keys[0].retired == at(61))
    #expect(try ring.promote(at: known, emergency: false) == "b")
    // A second for runs that have just looked at the ring.
    #expect(ring.keys[1].activation == known + Seconds(1))
    #expect(ring.keys[0].retired == ring.keys[1].activation)
    #expect(
      ring.keys[0].archived == known + Seconds(1 + 8 * 86_400 + 60 + 120),
      "its life is counted anew")
  }

  @Test func `without a next key there is nothing to promote`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    #expect(throws: KeyringError(.noSuchKey, "")) {
      try ring.promote(at: at(5), emergency: true)
    }
  }

  // MARK: Revoking

  @Test func `revoking the active key lets the next one sign at once`() throws {
    var ring = try ring()
    try ring.revoke("a", since: nil, reason: "lost", at: at(1000))
    #expect(phases(ring, at: at(1000)) == ["revoked", "active"])
    #expect(ring.activeKey(at: at(1000) - Seconds(60))?.kid == "b", "by a clock that is behind too")
    #expect(ring.publishedKeys.map(\.kid) == ["b"])
    #expect(ring.keys[0].privateDeleted == at(1000))
    // Its last token ends sooner than was planned: a later `exp` is a forger's.
    #expect(ring.keys[0].archived == at(1000) + Seconds(8 * 86_400 + 180))
    #expect(ring.tasks(at: at(1000)) == [.makeKey])
    try ring.take("c", at: at(1001))
    #expect(ring.keys[2].activation == at(1000) + Seconds(30 * 86_400))
  }

  @Test func `revoking the only key leaves the ring in need of a signer, who signs at once`() throws
  {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    try ring.revoke("a", since: nil, reason: nil, at: at(5))
    #expect(ring.needsSigner(at: at(5)))
    #expect(ring.tasks(at: at(5)) == [.makeKey])
    try ring.take("b", at: at(6))
    #expect(ring.activeKey(at: at(6))?.kid == "b")
  }

  @Test func `revoking the next key lets the active one go on`() throws {
    var ring = try ring()
    try ring.revoke("b", since: nil, reason: nil, at: at(1000))
    #expect(ring.keys[0].retired == nil && ring.keys[0].archived == nil)
    #expect(ring.activeKey(at: at(40 * 86_400))?.kid == "a")
    try ring.take("c", at: at(1001))
    #expect(ring.keys[2].activation == at(30 * 86_400))
  }

  @Test func `a retired key never comes back to signing when what follows it is revoked`() throws {
    var ring = try ring()
    let now = ring.keys[1].activation! + Seconds(100)
    ring.addPending(try Sample.key(kid: "c"), Sample.ed25519, at: now)
    try ring.revoke("b", since: nil, reason: nil, at: now)
    try ring.revoke("c", since: nil, reason: nil, at: now)
    #expect(phases(ring, at: now) == ["retiring", "revoked", "revoked"])
    #expect(ring.activeKey(at: now) == nil)
    try ring.take("d", at: now)
    #expect(phases(ring, at: now) == ["retiring", "revoked", "revoked", "active"])
    #expect(ring.keys[0].retired == at(30 * 86_400))
  }

  @Test func `a second revocation makes the first one no weaker`() throws {
    var ring = try ring()
    try ring.revoke("a", since: at(100), reason: "one", at: at(1000))
    try ring.revoke("a", since: at(200), reason: nil, at: at(1001))
    #expect(ring.keys[0].revocation?.since == at(100) && ring.keys[0].revocation?.reason == "one")
    try ring.revoke("a", since: nil, reason: "two", at: at(1002))
    #expect(ring.keys[0].revocation?.since == nil && ring.keys[0].revocation?.at == at(1000))
    try ring.revoke("a", since: at(5), reason: nil, at: at(1003))
    #expect(ring.keys[0].revocation == .init(at: at(1000), since: nil, reason: "two"))
  }

  @Test func `windows say when a key's tokens can be genuine`() throws {
    var ring = try ring()
    let skew = ring.policy.clockSkew
    var window = ring.keys[0].window(ring.policy)
    #expect(window.opens == Sample.start - skew && window.requiresTimes)
    #expect(window.closes == ring.keys[0].retired! + skew)
    #expect(window.ends == ring.keys[0].archived && window.revocation == nil)
    try ring.revoke("a", since: at(7), reason: nil, at: at(1000))
    window = ring.keys[0].window(ring.policy)
    #expect(window.revocation?.since == at(7) && window.closes == at(1000) + skew)
    ring.addArchived(try Sample.key(kid: "old"), Sample.ed25519, at: at(5))
    window = ring.keys[2].window(ring.policy)
    #expect(!window.neverOpens && !window.requiresTimes && window.opens == nil)
    ring.addPending(try Sample.key(kid: "new"), Sample.ed25519, at: at(5))
    #expect(ring.keys[3].window(ring.policy).neverOpens)
  }

  // MARK: Policies

  @Test func `a longer limit for tokens lengthens the lives of keys that may still sign`() throws {
    var ring = try ring()
    let now = ring.keys[0].retired! + Seconds(121)
    var policy = ring.policy
    policy.maxTokenTTL = Seconds(20 * 86_400)
    let before = ring.keys[0].archived
    #expect(try ring.adopt(policy, at: now) == nil)
    #expect(ring.keys[0].archived == before, "it has stopped for good")
    #expect(ring.keys[1].maxTokenTTL == Seconds(20 * 86_400))
    try ring.take("c", at: now)
    #expect(ring.keys[1].archived == ring.keys[1].retired! + Seconds(20 * 86_400 + 60 + 120))
    policy.maxTokenTTL = Seconds(60)
    #expect(try ring.adopt(policy, at: now) == nil)
    #expect(ring.keys[1].maxTokenTTL == Seconds(20 * 86_400), "and never shortens one")
  }

  @Test func `caches that were told to hold longer are waited for after the age is lowered`() throws
  {
    var policy = Sample.policy()
    policy.jwksMaxAge = Seconds(20 * 3600)
    var ring = Sample.ring(policy)
    try ring.take("a", at: Sample.start)
    policy.jwksMaxAge = Seconds(60)
    policy.publishAhead = Seconds(180)
    policy.period = Seconds(3600)
    _ = try ring.adopt(policy, at: at(1000))
    try ring.take("b", at: at(1001))
    #expect(ring.keys[1].activation == at(1000 + 20 * 3600 + 120))
    #expect(throws: KeyringError(.tooEarly, "")) {
      try ring.promote(at: at(1001 + 400), emergency: false)
    }
  }

  @Test func `a longer time ahead holds for a next key that has not signed`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    let now = at(40 * 86_400)
    try ring.take("b", at: now)
    #expect(ring.keys[1].activation == now + day)
    var policy = ring.policy
    policy.publishAhead = Seconds(3 * 86_400)
    policy.jwksMaxAge = Seconds(2 * 86_400)
    _ = try ring.adopt(policy, at: now + Seconds(5))
    #expect(ring.keys[1].activation == now + Seconds(3 * 86_400))
    #expect(ring.keys[0].retired == ring.keys[1].activation)
  }

  @Test func `another algorithm replaces a next key that nobody can have signed with`() throws {
    var ring = try ring()
    var policy = ring.policy
    policy.algorithm = Sample.es256
    var late = ring
    #expect(try ring.adopt(policy, at: at(2000)) == "b")
    #expect(ring.keys[1].phase(at: at(2000)) == .archived && ring.keys[0].retired == nil)
    #expect(ring.publishedKeys.map(\.kid) == ["a"])
    ring.addPending(try Sample.key(Sample.es256, kid: "c"), Sample.es256, at: at(2000))
    ring.markPublished(at: at(2000))
    #expect(ring.keys[2].activation == at(30 * 86_400))
    // So shortly before its time, a host whose clock is ahead may sign with it already.
    let margin = at(30 * 86_400) - Seconds(121)
    #expect(try late.adopt(policy, at: margin) == nil)
    #expect(late.activeKey(at: at(30 * 86_400))?.kid == "b")
  }

  @Test func `a shorter leeway shortens no life that was fixed`() throws {
    var ring = try ring { $0.leeway = Seconds(3600) }
    let end = ring.keys[0].archived
    var policy = ring.policy
    policy.leeway = Seconds(0)
    _ = try ring.adopt(policy, at: at(100))
    #expect(ring.keys[0].archived == end)
  }

  @Test func `secrets and key pairs do not follow one another`() throws {
    var ring = try ring()
    var policy = ring.policy
    policy.algorithm = AlgorithmName("HS256")!
    #expect(throws: KeyringError(.unsafePolicy, "")) { try ring.adopt(policy, at: at(5)) }
  }

  @Test func `an imported next key stays when the algorithm changes`() throws {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    ring.addPending(try Sample.key(kid: "b"), Sample.ed25519, at: at(5), imported: true)
    ring.markPublished(at: at(5))
    var policy = ring.policy
    policy.algorithm = Sample.es256
    #expect(try ring.adopt(policy, at: at(10)) == nil)
    #expect(ring.keys[1].phase(at: at(10)) == .next)
  }

  @Test func `a policy that is not safe changes nothing`() throws {
    var ring = try ring()
    let before = ring.text
    var policy = ring.policy
    policy.publishAhead = Seconds(60)
    #expect(throws: KeyringError(.unsafePolicy, "")) { try ring.adopt(policy, at: at(5)) }
    #expect(ring.text == before)
  }

  @Test func `only keys that are out and over are forgotten`() throws {
    var ring = try ring()
    let over = ring.keys[0].archived!
    #expect(ring.forget(before: over + day, at: over + day).isEmpty, "it is still in the set")
    ring.withdraw(["a"], at: over)
    #expect(ring.forget(before: over, at: over + day).isEmpty)
    #expect(ring.forget(before: over + day, at: over - Seconds(1)).isEmpty)
    #expect(ring.forget(before: over + Seconds(1), at: over + day) == ["a"])
    #expect(ring.keys.map(\.kid) == ["b"])
  }
}
