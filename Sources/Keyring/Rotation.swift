// How a ring changes with time: what is due, and each change as a pure function of ring and time.
// Owns: when a key signs, stops, leaves the set and loses its private half. Must never: touch a file
// or a clock, or take away on the word of one clock reading what only that reading says is over.

public import JOSE

/// Something that a run has to do. Empty: the ring is as it should be.
public enum RingTask: Sendable, Equatable {
  /// Finish publishing keys that an earlier run made.
  case publish([ByteString])
  /// Take keys out of the set: every token of theirs is dead.
  case withdraw([ByteString])
  /// Make the next key, or the active one where none signs.
  case makeKey
  case deletePrivateHalves([ByteString])
  /// Record that something has come due, for a later run to carry out.
  case remember
}

extension Ring {
  /// What is due at `now`, in the order in which it is done.
  ///
  /// What can't be undone needs two witnesses: a key leaves the set, and a private half is deleted,
  /// only where an earlier run recorded a time (`changed`) that is past the due time as well. A
  /// clock that jumps ahead for one run so destroys nothing: the next run is refused or agrees.
  public func tasks(at now: Timestamp) -> [RingTask] {
    var tasks: [RingTask] = []
    let pending = keys.filter { $0.phase(at: now) == .pending }.map(\.kid)
    if !pending.isEmpty { tasks.append(.publish(pending)) }
    let over = keys.filter {
      $0.revocation == nil && $0.withdrawn == nil && ($0.archived.map { $0 <= now } ?? false)
    }
    let leaving = over.filter { $0.archived! <= changed }
    if !leaving.isEmpty { tasks.append(.withdraw(leaving.map(\.kid))) }
    // A ring that never had a signer waits for the one that it was made for.
    if pending.isEmpty, successor(at: now) == nil, keys.contains(where: { $0.activation != nil }) {
      tasks.append(.makeKey)
    }
    let unneeded = keys.filter { key in key.privateHalfDue(policy).map { $0 <= now } ?? false }
    let deletable = unneeded.filter { $0.privateHalfDue(policy)! <= changed }
    if !deletable.isEmpty { tasks.append(.deletePrivateHalves(deletable.map(\.kid))) }
    if tasks.isEmpty, !over.isEmpty || !unneeded.isEmpty { tasks.append(.remember) }
    return tasks
  }

  // MARK: A key's way

  /// Adds a key that nobody was told of yet.
  package mutating func addPending(
    _ jwk: JWK, _ algorithm: AlgorithmName, at now: Timestamp, imported: Bool = false
  ) {
    keys.append(
      RingKey(
        jwk: jwk.publicHalf, algorithm: algorithm, created: now.roundedDown,
        maxTokenTTL: policy.maxTokenTTL, isImported: imported))
    changed = now.roundedDown
  }

  /// Adds a key that only verifies old tokens.
  package mutating func addArchived(_ jwk: JWK, _ algorithm: AlgorithmName, at now: Timestamp) {
    addPending(jwk, algorithm, at: now, imported: true)
    let last = keys.count - 1
    keys[last].retired = changed
    keys[last].archived = changed
    keys[last].withdrawn = changed
  }

  /// Records that every copy of the set holds the pending keys since `now`, and fixes when each
  /// signs: at once where no key does, else when the period of the one before it is over and every
  /// cache has it. Returns their kids.
  @discardableResult
  package mutating func markPublished(at now: Timestamp) -> [ByteString] {
    let pending = keys.indices.filter { keys[$0].phase(at: now) == .pending }
    for index in pending {
      changed = now.roundedDown
      guard let last = lastSigner, let previous = keys[last].activation else {
        keys[index].published = now.roundedDown
        keys[index].activation = now.roundedDown
        continue
      }
      // Rounded up, so that no cache is counted on too early.
      let stamp = now.roundedUp
      keys[index].published = stamp
      activate(index, after: last, at: max(previous + policy.period, earliestActivation(stamp)))
    }
    return pending.map { keys[$0].kid }
  }

  /// The earliest time for a key published at `stamp` to sign, as planned.
  private func earliestActivation(_ stamp: Timestamp) -> Timestamp {
    max(stamp + policy.publishAhead, cachesUntil ?? stamp)
  }

  /// The key that signs, or will, and has no successor yet: the end of the chain.
  private var lastSigner: Int? {
    keys.lastIndex {
      $0.activation != nil && $0.retired == nil && $0.revocation == nil && $0.withdrawn == nil
    }
  }

  /// The key that signs until `index` does.
  private func predecessor(of index: Int) -> Int? {
    guard let activation = keys[index].activation else { return lastSigner }
    return keys.indices.last {
      $0 != index && keys[$0].retired == activation && keys[$0].revocation == nil
        && keys[$0].withdrawn == nil
    }
  }

  /// The key before `index` signs on: `index` never will.
  private mutating func release(_ index: Int, at now: Timestamp) {
    guard let activation = keys[index].activation, activation > now,
      let before = predecessor(of: index)
    else { return }
    let after = keys[index].retired.flatMap { turn in
      keys.indices.first {
        $0 != index && keys[$0].activation == turn && keys[$0].revocation == nil
      }
    }
    if let after, let turn = keys[after].activation {
      activate(after, after: before, at: turn)
    } else {
      keys[before].retired = nil
      keys[before].archived = nil
    }
  }

  private mutating func activate(_ index: Int, after previous: Int?, at time: Timestamp) {
    keys[index].activation = time
    guard let previous else { return }
    keys[previous].retired = time
    keys[previous].archived = endOfLife(keys[previous])
  }

  /// When the last token is dead that a key may have signed: its signer's clock and its verifier's
  /// may each be off.
  private func endOfLife(_ key: RingKey) -> Timestamp? {
    key.retired.map { $0 + key.maxTokenTTL + policy.leeway + policy.skews(2) }
  }

  /// Takes keys out of the set whose tokens are all dead.
  mutating func withdraw(_ kids: [ByteString], at now: Timestamp) {
    for kid in kids { keys[index(of: kid)!].withdrawn = now.roundedDown }
    changed = now.roundedDown
  }

  mutating func stampPrivateDeleted(_ kids: [ByteString], at now: Timestamp) {
    for kid in kids { keys[index(of: kid)!].privateDeleted = now.roundedDown }
    changed = now.roundedDown
  }

  // MARK: What an operator asks for

  /// Lets the published next key sign early. Throws `.tooEarly` when caches may not have it yet,
  /// unless it is an emergency, and `.noSuchKey` when there is no next key. Returns its kid.
  package mutating func promote(
    at now: Timestamp, emergency: Bool
  ) throws(KeyringError) -> ByteString {
    guard let next = successor(at: now), let index = index(of: next.kid) else {
      throw KeyringError(.noSuchKey, "there is no next key")
    }
    if emergency {
      if keys[index].published == nil { keys[index].published = now.roundedDown }
      activate(index, after: predecessor(of: index), at: now.roundedDown)
    } else {
      guard let published = next.published else {
        throw KeyringError(.tooEarly, "the next key \(next.kid) is not published everywhere yet")
      }
      let known = cachesGone(after: published)
      guard known <= now else {
        throw KeyringError(
          .tooEarly,
          "caches may not have the next key \(next.kid) before \(known.rfc3339); run this again "
            + "then, or with --emergency now")
      }
      // A second for runs that looked at the ring just before: they look again each second.
      let turn = now.roundedUp + Seconds(1)
      guard turn < next.activation ?? turn + Seconds(1) else { return next.kid }
      activate(index, after: predecessor(of: index), at: turn)
    }
    changed = now.roundedDown
    return next.kid
  }

  /// Takes a key out at once. Where it signs, the next key signs from now on; where it was the next
  /// one, the active key goes on. The caller makes a key where none is left (`needsSigner`).
  package mutating func revoke(
    _ kid: ByteString, since: Timestamp?, reason: String?, at now: Timestamp
  ) throws(KeyringError) {
    guard let index = index(of: kid) else {
      throw KeyringError(.noSuchKey, "no key \"\(kid)\"")
    }
    let stamp = now.roundedDown
    let phase = keys[index].phase(at: now)
    let signs = activeKey(at: now)?.kid == kid
    let next = signs ? successor(at: now).flatMap { self.index(of: $0.kid) } : nil
    if phase == .next, !signs { release(index, at: now) }
    if keys[index].retired.map({ $0 > stamp }) ?? true {
      // It stops now, and so its last token ends sooner than was planned.
      keys[index].retired = stamp
      keys[index].archived = nil
    }
    keys[index].archived = keys[index].archived ?? endOfLife(keys[index])
    // A second revocation makes the first one no weaker.
    let first = keys[index].revocation
    let bound = first.map { earlier in earlier.since.flatMap { a in since.map { min(a, $0) } } }
    keys[index].revocation = RingKey.Revocation(
      at: first?.at ?? stamp, since: bound ?? since, reason: reason ?? first?.reason)
    // A secret must stay to judge older tokens, where some remain good.
    if !(keys[index].jwk.isSymmetric && since != nil), keys[index].privateDeleted == nil {
      keys[index].privateDeleted = stamp
    }
    if let next, keys[next].published != nil { keys[next].activation = stamp }
    changed = stamp
  }

  /// Whether no key signs or is about to: after the active one was revoked without a next one.
  public func needsSigner(at now: Timestamp) -> Bool {
    activeKey(at: now) == nil
  }

  /// Puts a policy into force. Lives only ever grow: every key that is still in the set verifies as
  /// long as the old or the new policy asks, whichever is longer. A next key of another kind than
  /// `alg` asks for is dropped while nobody can have signed with it yet; returns its kid.
  package mutating func adopt(
    _ new: Policy, at now: Timestamp
  ) throws(KeyringError) -> ByteString? {
    try new.check()
    let old = policy
    guard (new.algorithm.algorithm.family == .hmac) == (old.algorithm.algorithm.family == .hmac)
    else {
      throw KeyringError(
        .unsafePolicy,
        "alg \(new.algorithm.algorithm.name): secrets are handed over and never published, key pairs "
          + "the other way round; make another ring for it")
    }
    policy = new
    changed = now.roundedDown
    if new.jwksMaxAge < old.jwksMaxAge {
      let gone = now.roundedUp + old.jwksMaxAge + old.skews(2)
      cachesUntil = max(gone, cachesUntil ?? gone)
    }
    for index in keys.indices where keys[index].withdrawn == nil {
      // A host whose clock is behind may sign with a key that has just retired.
      let stillSigns = keys[index].retired.map { $0 + policy.skews(2) > now } ?? true
      if stillSigns { keys[index].maxTokenTTL = max(keys[index].maxTokenTTL, new.maxTokenTTL) }
      if let end = endOfLife(keys[index]), let archived = keys[index].archived {
        keys[index].archived = max(archived, end)
      }
    }
    guard let next = successor(at: now).flatMap({ index(of: $0.kid) }) else { return nil }
    // Hosts whose clocks are ahead may be about to sign with it already.
    let margin = now.roundedUp + policy.skews(2) + Seconds(1)
    guard keys[next].activation ?? margin + Seconds(1) > margin else { return nil }
    let isOther = new.algorithm != old.algorithm && !keys[next].jwk.fits(new.algorithm)
    let isRSA = [.rsa, .rsaPSS].contains(keys[next].algorithm.algorithm.family)
    // What an imported key has signed elsewhere is not known: it stays.
    if !keys[next].isImported, isOther || isRSA && new.rsaBits != old.rsaBits {
      drop(next, at: now)
      return keys[next].kid
    }
    if let published = keys[next].published, let activation = keys[next].activation {
      let before = predecessor(of: next)
      let end = before.flatMap { keys[$0].archived }
      activate(next, after: before, at: max(activation, earliestActivation(published)))
      if let before, let end { keys[before].archived = max(keys[before].archived ?? end, end) }
    }
    return nil
  }

  /// Takes out a key that has never signed.
  private mutating func drop(_ index: Int, at now: Timestamp) {
    release(index, at: now)
    keys[index].activation = nil
    keys[index].retired = changed
    keys[index].archived = changed
    keys[index].withdrawn = changed
  }

  /// Forgets keys whose every token was dead before `time`. Returns their kids.
  package mutating func forget(before time: Timestamp, at now: Timestamp) -> [ByteString] {
    let gone = forgettable(before: time, at: now)
    guard !gone.isEmpty else { return [] }
    keys.removeAll { gone.contains($0.kid) }
    changed = now.roundedDown
    return gone
  }

  package func forgettable(before time: Timestamp, at now: Timestamp) -> [ByteString] {
    keys.filter { key in
      (key.withdrawn != nil || key.revocation != nil)
        && (key.archived.map { $0 < time && $0 <= now } ?? false)
    }.map(\.kid)
  }

  /// Undoes what a clock that ran ahead wrote down for times that are still to come: keys that it
  /// published are published anew, an early promotion is planned again, and the ring takes changes.
  package mutating func resetClock(to now: Timestamp) {
    let stamp = now.roundedDown
    for index in keys.indices where keys[index].revocation == nil {
      if keys[index].created > now { keys[index].created = stamp }
      if keys[index].withdrawn.map({ $0 > now }) ?? false {
        // One that never signed, or only verifies, stays out.
        let isOut = keys[index].activation == nil
        keys[index].withdrawn = isOut ? stamp : nil
        if isOut { (keys[index].retired, keys[index].archived) = (stamp, stamp) }
      }
      guard let published = keys[index].published, let activation = keys[index].activation,
        activation > now, let before = predecessor(of: index), let start = keys[before].activation
      else { continue }
      if published > now.roundedUp {
        keys[index].published = nil
        keys[index].activation = nil
        keys[before].retired = nil
        keys[before].archived = nil
      } else {
        let planned = max(start + policy.period, earliestActivation(published))
        activate(index, after: before, at: min(activation, planned))
      }
    }
    // The key that signs by now has begun to: tokens of the time to come are not outside its window.
    if let kid = activeKey(at: now)?.kid, let index = index(of: kid),
      keys[index].activation.map({ $0 > now }) ?? false
    {
      keys[index].activation = stamp
      keys[index].published = keys[index].published.map { min($0, stamp) }
    }
    changed = stamp
  }
}

extension Timestamp {
  package var roundedDown: Timestamp { Timestamp(seconds: seconds) }
  var roundedUp: Timestamp { Timestamp(seconds: nanoseconds > 0 ? seconds + 1 : seconds) }
}

extension Policy {
  /// How long after a token's `exp` somebody may take it for alive: a verifier allows a leeway, and
  /// its clock and the signer's may each be off.
  public var slack: Seconds { Seconds(leeway.count + skews(2).count) }

  /// So many times the clock skew.
  func skews(_ n: Int64) -> Seconds { Seconds(n * clockSkew.count) }
}
