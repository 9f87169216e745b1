// What will happen to a ring, worked out with the very functions that change it, and whether its
// promises hold all that time.
// Owns: the simulation and its proof. Must never: touch a file or a clock, or change the ring.

public import JOSE

/// The future of a ring under a schedule that runs `rotate --if-due` every `interval`, each time as
/// late as that allows.
public struct Plan: Sendable {
  public struct Event: Sendable, Equatable {
    public enum Kind: String, Sendable {
      case made, published, signs, retires
      case privateHalfDeleted = "private_half_deleted"
      case withdrawn
    }
    public var time: Timestamp
    public var kind: Kind
    public var kid: ByteString
  }

  public var from: Timestamp
  public var until: Timestamp
  /// The ring as it will be; keys that are still to be made are named `new key N`.
  public var ring: Ring
  /// In the order of their times.
  public var events: [Event]
  /// In words, each promise that does not hold; empty when all do.
  public var violations: [String]
  /// There are more rotations than are followed; `until` is where they were left.
  public var isCutShort = false

  /// Simulates `ring` from `now` on for `span`.
  public init(
    of ring: Ring, from now: Timestamp, for span: Seconds, interval: Seconds = Seconds(60)
  ) {
    from = now
    until = now + span
    self.ring = ring
    events = []
    violations = []
    do { try ring.policy.check() } catch { violations.append("the policy: \(error.detail)") }
    simulate(interval)
    for key in self.ring.keys { note(key) }
    // At one instant in the order of the ring.
    events = events.enumerated().sorted {
      ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
    }.map(\.element)
    prove()
  }

  /// A policy of seconds looked at over years: nobody reads further.
  private static let mostRuns = 10_000

  private mutating func simulate(_ interval: Seconds) {
    let start = max(from, ring.changed)
    var now = start
    var made = 0
    var run = 0
    while now <= until {
      guard run < Self.mostRuns else {
        (until, isCutShort) = (now, true)
        return
      }
      run += 1
      let tasks = ring.tasks(at: now)
      for task in tasks {
        switch task {
        case .publish: break
        case .withdraw(let kids): ring.withdraw(kids, at: now)
        case .makeKey:
          made += 1
          ring.addPending(placeholder(made), ring.policy.algorithm, at: now)
        case .deletePrivateHalves(let kids): ring.stampPrivateDeleted(kids, at: now)
        case .remember: ring.changed = now
        }
      }
      ring.markPublished(at: now)
      // The run after next has nothing to do before a key's next time, unless this one left it
      // something.
      let times = ring.keys.flatMap { key in
        [key.activation, key.retired, key.archived, key.privateHalfDue(ring.policy)]
          .compactMap { $0 }.filter { $0 > now }
      }
      guard let next = tasks.isEmpty ? times.min() : now + interval else { return }
      let passed = next.seconds - start.seconds
      let runs = (passed + interval.count - 1) / interval.count
      now = max(now, start + Seconds(runs * interval.count))
    }
  }

  /// A key that is still to be made: only its kind and its name count here.
  private func placeholder(_ number: Int) -> JWK {
    let isSecret = ring.policy.algorithm.algorithm.family == .hmac
    var jwk = JWK(isSecret ? .oct : .okp(.ed25519, x: [UInt8](repeating: 0, count: 32)))
    jwk.kid = ByteString("new key \(number)")
    return jwk
  }

  private mutating func note(_ key: RingKey) {
    let times: [(Timestamp?, Event.Kind)] = [
      (key.created, .made), (key.published, .published), (key.activation, .signs),
      (key.revocation == nil ? key.retired : nil, .retires),
      (key.privateDeleted, .privateHalfDeleted), (key.withdrawn, .withdrawn),
    ]
    for (time, kind) in times {
      guard let time, time >= from.roundedDown, time <= until else { continue }
      if let revocation = key.revocation, kind == .signs, time > revocation.at { continue }
      events.append(Event(time: time, kind: kind, kid: key.kid))
    }
  }

  // MARK: The proof

  /// The promises of a ring over its simulated life, from the view of a verifier whose set is as
  /// old as the policy allows and of hosts whose clocks are off by the skew.
  private mutating func prove() {
    let signers = ring.keys.filter { $0.activation != nil && $0.revocation == nil }
      .sorted { $0.activation! < $1.activation! }
    guard let last = signers.last else {
      violations.append("no key signs; make one with: jotmill keys generate")
      return
    }
    for key in signers { prove(key) }
    for (key, next) in zip(signers, signers.dropFirst()) {
      let turn = next.activation!
      guard turn > from || key.retired.map({ $0 > from }) ?? true else { continue }
      guard let retired = key.retired else {
        violations.append("\(key.kid) and \(next.kid) both sign from \(turn.rfc3339) on")
        continue
      }
      if retired > turn {
        violations.append(
          "\(key.kid) and \(next.kid) both sign from \(turn.rfc3339) to \(retired.rfc3339)")
      } else if retired < turn, retired > from {
        violations.append("no key signs from \(retired.rfc3339) to \(turn.rfc3339)")
      }
    }
    if let retired = last.retired, retired <= until {
      violations.append("no key signs from \(retired.rfc3339) on")
    }
  }

  private mutating func prove(_ key: RingKey) {
    let policy = ring.policy
    let activation = key.activation!
    // The first key of a ring, or one after a revocation, signs as soon as it is published.
    if let published = key.published, published < activation, activation > from,
      activation < published + policy.jwksMaxAge + policy.skews(2)
    {
      violations.append(
        "\(key.kid) signs from \(activation.rfc3339) on, before every cache has it")
    }
    guard let retired = key.retired else { return }
    let lastNeeded = retired + key.maxTokenTTL + policy.leeway + policy.skews(2)
    if let withdrawn = key.withdrawn, withdrawn < lastNeeded, withdrawn > from {
      violations.append(
        "\(key.kid) leaves the set at \(withdrawn.rfc3339), while tokens of it live until "
          + lastNeeded.rfc3339)
    }
    if let deleted = key.privateDeleted, deleted < retired + policy.skews(2), deleted > from {
      violations.append(
        "the private half of \(key.kid) is deleted at \(deleted.rfc3339), while it signs until "
          + retired.rfc3339)
    }
  }
}
