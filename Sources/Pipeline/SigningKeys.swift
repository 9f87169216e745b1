// Which key signs now: a fixed one, or the active key of a ring that is looked at again and again.
// Owns: following a ring. Must never: sign with a key before its activation or after its successor's.

package import JOSE
package import Keyring
internal import Synchronization

/// What a worker needs to sign a chunk.
package struct SigningKey: Sendable {
  package var jwk: JWK
  package var algorithm: Algorithm
  /// Rules of the ring that the key belongs to; nil for a key from a file.
  package var ring: RingRules?
  /// Changes whenever the key or its rules do.
  package var generation: Int

  package struct RingRules: Sendable, Equatable {
    package var maxTokenTTL: Seconds
    package var activation: Timestamp
    package var clockSkew: Seconds
    /// What verifiers allow.
    package var leeway: Seconds
  }
}

/// Shared by the workers of a run.
package final class SigningKeys: Sendable {
  private let directory: RingDirectory?
  private let interval: Seconds
  private let state: Mutex<State>

  private struct State {
    var key: SigningKey
    var ring: Ring?
    var checked: Timestamp
  }

  /// Signs with `jwk` alone.
  package init(_ jwk: JWK, _ algorithm: Algorithm) {
    (directory, interval) = (nil, Seconds(0))
    state = Mutex(
      State(
        key: SigningKey(jwk: jwk, algorithm: algorithm, ring: nil, generation: 0), ring: nil,
        checked: Timestamp(seconds: 0)))
  }

  /// Signs with the key that is active in the ring at each moment, which is read again after
  /// `interval`. Throws when there is none.
  package init(_ directory: RingDirectory, at now: Timestamp, every interval: Seconds = Seconds(1))
    throws
  {
    (self.directory, self.interval) = (directory, interval)
    let ring = try directory.load()
    let key = try Self.activeKey(directory, ring, at: now, generation: 0)
    state = Mutex(State(key: key, ring: ring, checked: now))
  }

  /// The key for what is signed at `now`. The ring is read again when the time has come, or the clock
  /// was set back.
  package func current(at now: Timestamp) throws -> SigningKey {
    guard let directory else { return state.withLock { $0.key } }
    return try state.withLock { state in
      if now >= state.checked + interval || now < state.checked {
        state.ring = try directory.load()
        state.checked = now
      }
      guard let ring = state.ring, let active = ring.activeKey(at: now) else {
        throw KeyringError(.noActiveKey, "\(directory.path): no key is active")
      }
      let rules = Self.rules(ring, active)
      if active.kid != state.key.jwk.kid || rules != state.key.ring {
        state.key = try Self.activeKey(
          directory, ring, at: now, generation: state.key.generation + 1)
      }
      return state.key
    }
  }

  private static func rules(_ ring: Ring, _ key: RingKey) -> SigningKey.RingRules {
    // A key stays in the set as long as the longest limit that it knew asks: a run that signs with
    // it past its time, by a clock that is behind, must not go by a later and longer one.
    SigningKey.RingRules(
      maxTokenTTL: min(ring.policy.maxTokenTTL, key.maxTokenTTL),
      activation: key.activation ?? key.created, clockSkew: ring.policy.clockSkew,
      leeway: ring.policy.leeway)
  }

  private static func activeKey(
    _ directory: RingDirectory, _ ring: Ring, at now: Timestamp, generation: Int
  ) throws -> SigningKey {
    guard let active = ring.activeKey(at: now) else {
      throw KeyringError(
        .noActiveKey,
        "\(directory.path): no key is active; \"jotmill keys generate\" makes one in an empty ring")
    }
    let jwk: JWK
    do { jwk = try directory.privateKey(active) } catch {
      // It may just have been revoked: then another one signs by now.
      let present = try directory.load()
      guard let other = present.activeKey(at: now), other.kid != active.kid else { throw error }
      return try activeKey(directory, present, at: now, generation: generation)
    }
    do { try jwk.check(allNumbers: false) } catch {
      throw KeyringError(.badFormat, "\(directory.path): key \"\(active.kid)\": \(error.detail)")
    }
    return SigningKey(
      jwk: jwk, algorithm: active.algorithm.algorithm, ring: rules(ring, active),
      generation: generation)
  }
}
