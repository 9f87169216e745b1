// A ring as a value: its policy and every key it ever had. Phases follow from timestamps and time.
// Owns: the rules of time. Must never: touch a file or a clock.

public import JOSE

/// One key of a ring. Every time is absolute and stored, so that a policy change shortens no life.
public struct RingKey: Sendable {
  /// The public half; for a secret only its kid and algorithm.
  public var jwk: JWK
  public var algorithm: AlgorithmName
  public var created: Timestamp
  /// When the last copy of the set that holds it was in place; nil while it is not published.
  public var published: Timestamp?
  /// When it begins to sign; nil for a key that never signs here.
  public var activation: Timestamp?
  /// When its successor begins to sign, once there is one.
  public var retired: Timestamp?
  /// When it leaves the published set: every token that it may have signed is dead.
  public var archived: Timestamp?
  /// The largest max_token_ttl in force while it may sign (T*).
  public var maxTokenTTL: Seconds
  public var revocation: Revocation?
  /// When its private half was deleted.
  public var privateDeleted: Timestamp?

  public struct Revocation: Sendable, Equatable {
    public var at: Timestamp
    /// Tokens issued before this time stay good; nil: none do.
    public var since: Timestamp?
    public var reason: String?
  }

  public var kid: ByteString { jwk.kid ?? "" }

  public enum Phase: String, Sendable, CaseIterable {
    case pending, next, active, retiring, archived, revoked
  }

  /// The key's phase: a pure function of its timestamps and `now`.
  public func phase(at now: Timestamp) -> Phase {
    if revocation != nil { return .revoked }
    if let archived, archived <= now { return .archived }
    // A key that only verifies was never published; a clock that is behind makes it no new key.
    guard published != nil else { return archived == nil ? .pending : .archived }
    if let retired, retired <= now { return .retiring }
    if let activation, activation <= now { return .active }
    return .next
  }
}

public struct Ring: Sendable {
  public var policy: Policy
  /// In the order in which they were made.
  public var keys: [RingKey] = []
  /// When the ring was last changed.
  public var changed: Timestamp
  /// Made by `init --rehearsal`: `--at` is its clock.
  public var isRehearsal = false

  public init(policy: Policy, changed: Timestamp) {
    self.policy = policy
    self.changed = changed
  }

  public func index(of kid: ByteString) -> Int? { keys.firstIndex { $0.kid == kid } }

  /// The key that signs at `now`: of those in phase `active`, the one that became it last.
  public func activeKey(at now: Timestamp) -> RingKey? {
    keys.filter { $0.phase(at: now) == .active }.max {
      ($0.activation ?? $0.created) < ($1.activation ?? $1.created)
    }
  }

  /// The key that will sign next, published or not.
  public func successor(at now: Timestamp) -> RingKey? {
    keys.first { [.pending, .next].contains($0.phase(at: now)) }
  }

  /// The keys that the published set holds at `now`. Secrets are never among them.
  public func publishedKeys(at now: Timestamp) -> [JWK] {
    keys.filter {
      !$0.jwk.isSymmetric && [.pending, .next, .active, .retiring].contains($0.phase(at: now))
    }.map(\.jwk)
  }

  /// The set as it is published (RFC 7517 section 5).
  package func publishedSet(at now: Timestamp) -> [UInt8] {
    JSONValue.object(["keys": .array(publishedKeys(at: now).map(\.publicValue))]).text(pretty: true)
  }

  /// Adds a key that nobody was told of yet.
  package mutating func addPending(_ jwk: JWK, _ algorithm: AlgorithmName, at now: Timestamp) {
    keys.append(
      RingKey(
        jwk: jwk.publicHalf, algorithm: algorithm, created: now, maxTokenTTL: policy.maxTokenTTL))
    changed = now
  }

  /// Records that every copy of the set holds the key since `now`, and fixes when it signs: at once
  /// for the first key of a ring, else when the active key's period is over and every cache has it.
  package mutating func markPublished(_ kid: ByteString, at now: Timestamp) {
    guard let index = index(of: kid), keys[index].phase(at: now) == .pending else { return }
    guard let active = keys.lastIndex(where: { $0.activation != nil && $0.revocation == nil }),
      let previous = keys[active].activation
    else {
      keys[index].published = Timestamp(seconds: now.seconds)
      keys[index].activation = Timestamp(seconds: now.seconds)
      changed = now
      return
    }
    // Times are kept in whole seconds: rounded up, so that no cache is counted on too early.
    let stamp = Timestamp(seconds: now.nanoseconds > 0 ? now.seconds + 1 : now.seconds)
    keys[index].published = stamp
    changed = now
    let activation = max(previous + policy.period, stamp + policy.publishAhead)
    keys[index].activation = activation
    keys[active].retired = activation
    keys[active].archived =
      activation + keys[active].maxTokenTTL + policy.leeway + Seconds(2 * policy.clockSkew.count)
  }

  /// Adds a key that only verifies old tokens.
  package mutating func addArchived(_ jwk: JWK, _ algorithm: AlgorithmName, at now: Timestamp) {
    addPending(jwk, algorithm, at: now)
    keys[keys.count - 1].archived = now
    keys[keys.count - 1].retired = now
  }
}
