// A ring in simulated time: many processes rotate it at random moments, some die, some weeks are
// missed, and verifiers hold copies of the set as old as the policy allows.
// Owns: the only true clock. Every process gets one that is ahead of it by up to the clock skew.
//
//   JOTMILL_LONG=1     a whole year and a million tokens, in place of eight weeks
//   JOTMILL_SEED=N     the same world again

import Foundation
import Testing

@Suite("Many processes, one ring, simulated time") struct YearTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isLong = environment["JOTMILL_LONG"] != nil

  /// The policy of the ring, in seconds.
  private static let (skew, leeway, maxAge) = (60, 60, 3600)
  private static let maxTokenTTL = 8 * 86_400

  private struct Batch {
    var kid: String
    var lines: [Substring]
    /// By the true clock, and by the signer's.
    var signed: Int
    var stamped: Int
    var expires: Int
  }

  private struct World {
    let space: Workspace
    var random: SeededGenerator
    var now = 1_767_225_600
    /// What verifiers could fetch from each time on: the kids, and the file.
    var history: [(from: Int, kids: Set<String>, text: [UInt8])] = []
    var batches: [Batch] = []
    var tokens = 0
    var deaths = 0
    var rotations = 0

    mutating func ahead() -> Int { Int.random(in: 0...skew, using: &random) }

    /// Remembers what is published now, in the ring and in its copy, whole at every moment.
    mutating func fetch() throws {
      for name in ["keys/jwks.json", "copy.json"] {
        let text = space.read(name)
        let set = try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any]
        let keys = try #require(set?["keys"] as? [[String: Any]])
        let kids = Set(keys.compactMap { $0["kid"] as? String })
        // The copy may lag behind the ring's own file; a verifier may hold either.
        if history.last?.text != text { history.append((now, kids, text)) }
      }
    }
  }

  @Test func `every token that is signed is verified as long as it lives`() throws {
    let seed = Self.environment["JOTMILL_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1_000_000)
    print("vectors: the year's seed is \(seed)")
    var world = World(space: try Workspace(), random: SeededGenerator(seed))
    let end = world.now + (Self.isLong ? 365 : 56) * 86_400
    try run(
      world, ["keys", "init", "--rehearsal", "--alg", "RS256", "--publish-to", "copy.json"],
      at: world.now)
    try world.fetch()
    var changes = [
      (world.now + 20 * 86_400, ["alg=EdDSA"]),
      (world.now + 40 * 86_400, ["alg=ES256", "period=20d"]),
    ]
    var outage = 0
    while world.now < end {
      try advance(&world)
      if outage < world.now, Int.random(in: 0..<30, using: &world.random) == 0 {
        outage = world.now + Int.random(in: 1...35, using: &world.random) * 86_400
      }
      if let change = changes.first, change.0 <= world.now {
        changes.removeFirst()
        try run(world, ["keys", "policy"] + change.1, at: world.now + world.ahead())
        try world.fetch()
      }
      try step(&world, rotates: outage < world.now, seed)
      if try oneSigns(world) == false {
        Issue.record("seed \(seed): not one signer at \(world.now)")
      }
    }
    try check(world, seed)
    #expect(world.rotations > 10)
    if Self.isLong { #expect(world.tokens >= 1_000_000 && world.deaths > 50) }
    print(
      "vectors: seed \(seed): \(world.tokens) tokens, \(world.rotations) rotations, "
        + "\(world.deaths) deaths, \(world.history.count) versions of the set")
  }

  /// To a random moment within a day and a half, half of the time to one near a key's turn.
  private func advance(_ world: inout World) throws {
    let far = Int.random(in: 60...130_000, using: &world.random)
    var next = world.now + far
    if Bool.random(using: &world.random) {
      let ring = try json(world.space.read("keys/keyring.json"))
      let keys = ring["keys"] as? [[String: Any]] ?? []
      let reader = ISO8601DateFormatter()
      let times = keys.flatMap { key in
        ["activation", "archived", "published"].compactMap { key[$0] as? String }
          .compactMap { reader.date(from: $0) }.map { Int($0.timeIntervalSince1970) }
      }
      let near = [0, 1, -1, 59, 61, 121, 125, -61, 3601].randomElement(using: &world.random)!
      let turns = times.map { $0 + near }.filter { $0 > world.now && $0 < next }
      next = turns.min() ?? next
    }
    world.now = next
  }

  /// Eight rotations and two signers at once, each by a clock of its own.
  private func step(_ world: inout World, rotates: Bool, _ seed: UInt64) throws {
    let space = world.space
    var rotating: [Child] = []
    var signing: [(child: Child, stamp: Int, ttl: Int)] = []
    // Two run at once on this many cores; the others wait for the lock, or have just had it.
    for i in 0..<(rotates ? 10 : 2) {
      let stamp = world.now + world.ahead()
      if i == 3 || !rotates {
        let ttl = Bool.random(using: &world.random) ? Self.maxTokenTTL : 900
        let words = ["sign", "-q", "--at", "\(stamp)", "--ttl", "\(ttl)s", "claims"]
        if !space.exists("claims") {
          let count = Self.isLong ? 1300 : 100
          try space.write("claims", String(repeating: "{}\n", count: count))
        }
        signing.append((try space.start(words), stamp, ttl))
        if rotates { continue }
      }
      guard rotates else { continue }
      let words = ["keys", "rotate", "--if-due", "-q", "--at", "\(stamp)"]
      let dies = Int.random(in: 0..<4, using: &world.random) == 0
      let call = Int.random(in: 1...110, using: &world.random)
      rotating.append(try space.start(words, fault: dies ? "\(call):kill" : nil))
    }
    try world.fetch()
    for child in rotating {
      let outcome = try child.end()
      world.rotations += 1
      if outcome.status == 128 + SIGKILL {
        world.deaths += 1
      } else {
        #expect(outcome.status == 0, "seed \(seed): \(outcome.errors)")
      }
    }
    try world.fetch()
    for (child, stamp, ttl) in signing {
      let outcome = try child.end()
      #expect(outcome.status == 0, "seed \(seed) at \(world.now): \(outcome.errors)")
      let header = String(outcome.output.prefix { $0 != "." })
      let kid = try #require(json(Self.base64URL(header))["kid"] as? String)
      let lines = outcome.lines
      // One reading of the clock: one key.
      #expect(lines.allSatisfy { $0.hasPrefix(header + ".") })
      world.tokens += lines.count
      let batch = Batch(
        kid: kid, lines: lines, signed: world.now, stamped: stamp, expires: stamp + ttl)
      try verify(batch, world, seed)
      world.batches.append(batch)
      world.batches[world.batches.count - 1].lines = []
    }
  }

  /// The signatures hold by the oldest set that a verifier may hold; `check` looks at all the others.
  private func verify(_ batch: Batch, _ world: World, _ seed: UInt64) throws {
    let old = world.history.last { $0.from <= world.now - Self.maxAge } ?? world.history[0]
    try world.space.write("old.json", old.text)
    try world.space.write("tokens", batch.lines.joined(separator: "\n") + "\n")
    let outcome = try world.space.jotmill([
      "verify", "-q", "--jwks", "old.json", "--leeway", "\(Self.leeway + Self.skew)s", "--at",
      "\(world.now)", "--print", "none", "tokens",
    ])
    #expect(outcome.status == 0, "seed \(seed): signed at \(batch.signed) by \(batch.kid)")
  }

  private func oneSigns(_ world: World) throws -> Bool {
    let outcome = try world.space.jotmill(["keys", "list", "--json", "--at", "\(world.now)"])
    let keys = try json(outcome.out)["keys"] as? [[String: Any]] ?? []
    return keys.count { $0["phase"] as? String == "active" } == 1
  }

  /// Every batch against every set that a verifier may have held while a token of it lived.
  private func check(_ world: World, _ seed: UInt64) throws {
    var failures = 0
    for batch in world.batches {
      // Fetched at any time from the allowed age before it was signed until it is dead.
      let (first, last) = (batch.signed - Self.maxAge, batch.expires + Self.leeway)
      for (i, version) in world.history.enumerated() {
        let until = i + 1 < world.history.count ? world.history[i + 1].from : .max
        guard version.from < last, until > first, !version.kids.contains(batch.kid) else {
          continue
        }
        failures += 1
        if failures < 5 {
          Issue.record(
            "seed \(seed): \(batch.kid), signed at \(batch.signed), is not in the set of \(version.from)"
          )
        }
      }
    }
    // By the signers' clocks one key follows another: never back to an earlier one.
    var turn: [String: Int] = [:]
    for batch in world.batches.sorted(by: { ($0.stamped, $0.signed) < ($1.stamped, $1.signed) }) {
      let place = turn[batch.kid] ?? turn.count
      turn[batch.kid] = place
      #expect(place == turn.count - 1, "seed \(seed): two keys signed around \(batch.stamped)")
    }
    // What is left of it is whole.
    let audit = try world.space.jotmill(["keys", "audit", "--at", "\(world.now)"])
    let found = audit.lines.filter { !$0.hasPrefix("orphan") && !$0.hasSuffix("nothing to mend") }
    #expect(found.allSatisfy { $0.hasPrefix("overdue") || $0.hasPrefix("unfinished") }, "\(found)")
  }

  private func run(_ world: World, _ words: [String], at time: Int) throws {
    let outcome = try world.space.jotmill(words + ["-q", "--at", "\(time)"])
    #expect(outcome.status == 0, "\(words): \(outcome.errors)")
  }

  private func json(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  private static func base64URL(_ text: String) -> [UInt8] {
    var text = text.replacing("-", with: "+").replacing("_", with: "/")
    while text.count % 4 > 0 { text += "=" }
    return Data(base64Encoded: text).map(Array.init) ?? []
  }
}

/// SplitMix64: the same world for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
