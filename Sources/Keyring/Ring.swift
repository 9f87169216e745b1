// A ring as a value: its policy and every key it ever had. Phases follow from timestamps and time.
// Owns: what a ring is at an instant. Must never: touch a file or a clock.

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
  /// When every token that it may have signed is dead.
  public var archived: Timestamp?
  /// When it was taken out of the published set for good.
  public var withdrawn: Timestamp?
  /// The largest max_token_ttl in force while it may sign (T*).
  public var maxTokenTTL: Seconds
  public var revocation: Revocation?
  /// When its private half was deleted.
  public var privateDeleted: Timestamp?
  /// Brought in from elsewhere: it may have signed before the ring knew it.
  public var isImported = false

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
    // What was taken away does not come back when a clock is set back.
    if withdrawn != nil { return .archived }
    if let archived, archived <= now { return .archived }
    // A key that only verifies was never published; a clock that is behind makes it no new key.
    guard published != nil else { return archived == nil ? .pending : .archived }
    if let retired, retired <= now || privateDeleted != nil { return .retiring }
    if let activation, activation <= now { return .active }
    return .next
  }

  /// When tokens by the key can be genuine (SPEC section 3). What an imported key signed before the
  /// ring knew it is not known.
  public func window(_ policy: Policy) -> KeyWindow {
    var window = KeyWindow()
    window.revocation = revocation.map { KeyWindow.Revocation(since: $0.since) }
    window.requiresTimes = !isImported
    guard let activation else {
      window.neverOpens = !isImported
      // One that only verifies signed nothing after it was brought in.
      window.closes = isImported ? retired.map { $0 + policy.clockSkew } : nil
      return window
    }
    window.opens = isImported ? nil : activation - policy.clockSkew
    window.closes = retired.map { $0 + policy.clockSkew }
    window.ends = archived
    return window
  }

  /// When its private half is no longer needed: a host whose clock is behind has stopped signing.
  /// A secret also verifies, so it stays as long as a token may live.
  func privateHalfDue(_ policy: Policy) -> Timestamp? {
    guard activation != nil || !isImported, privateDeleted == nil else { return nil }
    return jwk.isSymmetric ? archived : retired.map { $0 + policy.skews(2) }
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
  /// Private halves are kept under a passphrase.
  public var isEncrypted = false
  /// Until when a verifier may hold a set fetched under an earlier, longer `jwks_max_age`.
  public var cachesUntil: Timestamp?

  public init(policy: Policy, changed: Timestamp) {
    self.policy = policy
    self.changed = changed
  }

  public func index(of kid: ByteString) -> Int? { keys.firstIndex { $0.kid == kid } }

  /// The key that signs at `now`: of those in phase `active`, the one that became it last. Where the
  /// clock is behind all of them - it was set back, or the key before was revoked by a host whose
  /// clock is ahead - the first that is published: it is the one that other hosts sign with.
  public func activeKey(at now: Timestamp) -> RingKey? {
    let active = keys.filter { $0.phase(at: now) == .active }.max {
      ($0.activation ?? $0.created) < ($1.activation ?? $1.created)
    }
    return active ?? keys.first { $0.phase(at: now) == .next }
  }

  /// The key that will sign next, published or not.
  public func successor(at now: Timestamp) -> RingKey? {
    let active = activeKey(at: now)?.kid
    return keys.first {
      [.pending, .next].contains($0.phase(at: now)) && $0.kid != active
    }
  }

  /// The keys that the published set holds: it follows from what the ring records, not from a clock.
  /// Secrets are never among them.
  public var publishedKeys: [JWK] {
    keys.filter { $0.revocation == nil && $0.withdrawn == nil && !$0.jwk.isSymmetric }.map(\.jwk)
  }

  /// The set as it is published (RFC 7517 section 5).
  package var publishedSet: [UInt8] {
    JSONValue.object(["keys": .array(publishedKeys.map(\.publicValue))]).text(pretty: true)
  }

  /// How long after it was issued a token of the ring's may live, by the largest max_token_ttl that
  /// was ever in force; nil where a key was imported: what lives of its tokens, and how long, nobody
  /// knows until its own life is over.
  public func longestTokenLife(at now: Timestamp) -> Seconds? {
    let isKnown = keys.allSatisfy { key in
      !key.isImported || key.activation != nil && key.archived.map { $0 <= now } ?? false
    }
    return isKnown ? keys.map(\.maxTokenTTL).reduce(policy.maxTokenTTL, max) : nil
  }

  /// Until when a verifier may still hold a set that was fetched before `time`.
  public func cachesGone(after time: Timestamp) -> Timestamp {
    max(time + policy.jwksMaxAge + policy.skews(2), cachesUntil ?? time)
  }
}
