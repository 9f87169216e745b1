// What will happen to a ring, worked out with the very functions that change it, and whether its
// promises hold all that time.
// Owns: the simulation and its proof. Must never: touch a file or a clock, or change the ring.

public import JOSE

/// The future of a ring under a schedule that runs `rotate --if-due` every `interval`.
public struct Plan: Sendable {
  public struct Event: Sendable, Equatable {
    public enum Kind: String, Sendable {
      case made, published, signs, retires, privateHalfDeleted = "private_half_deleted", withdrawn
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
    prove()
    events.sort { ($0.time, $0.kid) < ($1.time, $1.kid) }
  }

  /// More runs that change something than any sensible plan has: a policy of seconds over years.
  private static let mostRuns = 20_000

  private mutating func simulate(_ interval: Seconds) {
    var now = max(from, ring.changed)
    var made = 0
    var runs = 0
    while now <= until {
      let tasks = ring.tasks(at: now)
      for task in tasks {
        switch task {
        case .publish: break
        case .withdraw(let kids): ring.withdraw(kids, at: now)
        case .makeKey:
          guard var jwk = ring.keys.last?.jwk else { break }
          made += 1
          jwk.kid = ByteString("new key \(made)")
          ring.addPending(jwk, ring.policy.algorithm, at: now)
        case .deletePrivateHalves(let kids): ring.stampPrivateDeleted(kids, at: now)
        case .remember: ring.changed = now
        }
      }
      ring.markPublished(at: now)
      runs += 1
      guard runs < Self.mostRuns else {
        until = now
        break
      }
      // The next run that has anything to do: at a key's next time, or right after one that only
      // recorded that something is due.
      let times = ring.keys.flatMap { key in
        [key.activation, key.retired, key.archived, key.privateHalfDue(ring.policy)]
          .compactMap { $0 }.filter { $0 > now }
      }
      guard let next = tasks.isEmpty ? times.min() : now + interval else { break }
      now = next
    }
    for key in ring.keys {
      note(key.created, .made, key.kid)
      note(key.published, .published, key.kid)
      note(key.activation, .signs, key.kid)
      note(key.revocation == nil ? key.retired : nil, .retires, key.kid)
      note(key.privateDeleted, .privateHalfDeleted, key.kid)
      note(key.withdrawn, .withdrawn, key.kid)
    }
  }

  private mutating func note(_ time: Timestamp?, _ kind: Event.Kind, _ kid: ByteString) {
    guard let time, time >= from.roundedDown, time <= until else { return }
    events.append(Event(time: time, kind: kind, kid: kid))
  }

  // MARK: The proof

  /// The promises of a ring over its whole recorded and simulated life, from the view of a verifier
  /// whose set is as old as the policy allows and hosts whose clocks are off by the skew.
  private mutating func prove() {
    let policy = ring.policy
    let signers = ring.keys.filter { $0.activation != nil && $0.revocation == nil }
      .sorted { $0.activation! < $1.activation! }
    for (index, key) in signers.enumerated() {
      let activation = key.activation!
      let isFirst = index == 0 || key.published.map { $0 + Seconds(1) > activation } ?? true
      if !isFirst, activation > from, let published = key.published {
        // A host whose clock is ahead signs early; a verifier fetched its set long before.
        if activation < published + policy.jwksMaxAge + policy.skews(2) {
          violations.append(
            "\(key.kid) signs from \(activation.rfc3339) on, before every cache has it")
        }
      }
      if let retired = key.retired {
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
        if index + 1 < signers.count, signers[index + 1].activation != retired, retired > from {
          violations.append(
            "\(key.kid) stops at \(retired.rfc3339), but the next key signs from "
              + "\(signers[index + 1].activation!.rfc3339) on")
        }
      }
    }
    let times = Set(events.map(\.time)).union([from, until])
    for time in times.sorted() {
      let active = ring.keys.count { key in
        key.revocation == nil && (key.activation.map { $0 <= time } ?? false)
          && (key.retired.map { time < $0 } ?? true)
      }
      if active != 1, !signers.isEmpty {
        violations.append(
          active == 0
            ? "no key signs at \(time.rfc3339)" : "\(active) keys sign at \(time.rfc3339)")
      }
    }
  }
}
