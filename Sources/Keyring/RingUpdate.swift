// Changing a ring on disk: one change at a time under the lock, durable in the order that keeps
// verifiers safe, and finished by the next run where this one dies.
// Owns: the order of writes. Must never: publish a key whose private half is not safe, or let the
// set hold what keyring.json does not.

internal import Files
public import JOSE

/// Something that a change did, for whoever reports it.
public enum RingEvent: Sendable, Equatable {
  case made(ByteString)
  case imported(ByteString)
  /// Every copy of the set holds it; `activation` says when it signs.
  case published(ByteString)
  case promoted(ByteString)
  case withdrew(ByteString)
  /// A next key that never signed was taken out.
  case dropped(ByteString)
  case revoked(ByteString)
  case deletedPrivateHalf(ByteString)
  case forgot(ByteString)
  case removedOrphan(String)
  case wroteSet(String)
  /// Something has come due that a later run carries out.
  case remembered
  case changedPolicy, encrypted, decrypted, resetClock
}

/// What an update left: the ring as it now is, what was done, and which copy could not be written.
public struct RingOutcome: Sendable {
  public var ring: Ring
  public var now: Timestamp
  public var events: [RingEvent]
  /// `.notPublished`: all else is done, and a later run makes up for it.
  public var problem: KeyringError?
}

extension RingDirectory {
  /// Makes the directory and a ring in it, with `key` as the one that signs. What a run that died
  /// left of the same ring is finished.
  public static func create(
    _ path: String, policy: Policy, key: JWK? = nil, passphrase: Passphrase? = nil,
    rehearsal: Bool = false, at clock: @autoclosure @escaping () -> Timestamp
  ) throws -> RingOutcome {
    try policy.check()
    try makeFolder(path, mode: 0o755)
    let made = RingDirectory(
      path: path, directory: try OpenFile.open(path, .readDirectory), passphrase: passphrase)
    do {
      try made.directory.makeDirectory(privateName, mode: 0o700)
      try made.directory.sync()
    } catch {
      guard error.alreadyExists else { throw error }
    }
    try made.checkPrivateFolder()
    try made.checkTargets(policy)
    return try made.withLock {
      let now = clock()
      var ring = Ring(policy: policy, changed: now.roundedDown)
      ring.isRehearsal = rehearsal
      ring.isEncrypted = passphrase != nil
      var update = RingUpdate(made, ring, isSaved: false, now: now, clock: clock)
      if try made.directory.status(of: ringName) != nil {
        let present = try made.load()
        let isUnfinished = present.keys.allSatisfy { $0.phase(at: now) == .pending } && key != nil
        guard isUnfinished, present.policy == policy, present.isRehearsal == rehearsal,
          present.isEncrypted == ring.isEncrypted
        else {
          throw KeyringError(.alreadyARing, "\(path): already holds a ring; nothing was changed")
        }
        update = RingUpdate(made, present, isSaved: true, now: now, clock: clock)
      }
      if let key, update.ring.keys.isEmpty { try update.add(key, policy.algorithm) }
      try update.settle()
      return update.outcome
    }
  }

  /// Makes a folder, durably; one that is there is taken.
  private static func makeFolder(_ path: String, mode: UInt16) throws {
    do {
      try OpenFile.makeDirectory(path, mode: mode)
      try OpenFile.open(OpenFile.split(path).directory, .readDirectory).sync()
    } catch {
      guard error.alreadyExists else { throw error }
    }
  }

  /// Runs `change` under the ring's exclusive lock.
  public func withLock<R>(_ change: () throws -> R) throws -> R {
    guard !isDryRun else { return try change() }
    let lock = try OpenFile.open(
      Self.lockName, in: directory, .lock(mode: 0o600), followsLinks: false)
    if let owner = try fileOwner { try lock.setOwner(owner) }
    try lock.lock(waiting: true)
    return try withExtendedLifetime(lock) { try change() }
  }

  /// One change of the ring. Under the lock: reads it, at the time that `clock` says then; finishes
  /// what a run that died had begun; runs `body`; makes its changes durable. A copy of the set that
  /// can't be written holds up nothing but the keys that wait for it: the outcome names it. What
  /// `body` did not settle before it throws is not done.
  ///
  /// Throws `.clockBehind` for a clock earlier than the ring's last change less the clock skew,
  /// unless `resettingClock`.
  public func update(
    at clock: @autoclosure @escaping () -> Timestamp, resettingClock: Bool = false,
    _ body: (inout RingUpdate) throws -> Void
  ) throws -> RingOutcome {
    try withLock {
      let ring = try load()
      let now = clock()
      guard now + ring.policy.clockSkew >= ring.changed || resettingClock else {
        throw KeyringError(
          .clockBehind,
          "\(path): the clock says \(now.rfc3339), but the ring was changed at "
            + "\(ring.changed.rfc3339); set the clock, or if that one was wrong run: jotmill keys "
            + "rotate --reset-clock")
      }
      try checkPrivateFolder()
      var update = RingUpdate(self, ring, isSaved: true, now: now, clock: clock)
      if resettingClock { update.resetClock() } else { try update.settle() }
      try body(&update)
      try update.settle()
      return update.outcome
    }
  }
}

/// A ring while it is being changed: the value, and the lock held on its directory.
public struct RingUpdate {
  public private(set) var ring: Ring
  /// When the change was begun.
  public let now: Timestamp
  private var events: [RingEvent] = []
  private var problem: KeyringError?
  private let directory: RingDirectory
  private let clock: () -> Timestamp
  /// The ring as it was found: what it recorded then is what an earlier run saw.
  private let found: Ring
  private var isSaved: Bool

  fileprivate init(
    _ directory: RingDirectory, _ ring: Ring, isSaved: Bool, now: Timestamp,
    clock: @escaping () -> Timestamp
  ) {
    (self.directory, self.ring, found) = (directory, ring, ring)
    (self.isSaved, self.now, self.clock) = (isSaved, now, clock)
  }

  fileprivate var outcome: RingOutcome {
    RingOutcome(ring: ring, now: now, events: events, problem: problem)
  }

  // MARK: Changes, durable once settled

  /// Adds `jwk` as the next key, or as the one that signs where none does.
  public mutating func add(_ jwk: JWK, _ name: AlgorithmName, imported: Bool = false) throws {
    try ring.policy.check()
    try checkIsNew(jwk)
    try directory.writePrivateHalf(jwk, into: ring)
    ring.addPending(jwk, name, at: now, imported: imported)
    isSaved = false
    events.append(imported ? .imported(ring.keys.last!.kid) : .made(ring.keys.last!.kid))
  }

  /// Adds `jwk` as a key that only verifies old tokens. A secret is kept to do so; the private half
  /// of a pair is of no use any more and is not taken in.
  public mutating func addArchived(_ jwk: JWK, _ name: AlgorithmName) throws {
    try checkIsNew(jwk)
    if jwk.isSymmetric { try directory.writePrivateHalf(jwk, into: ring) }
    ring.addArchived(jwk, name, at: now)
    isSaved = false
    events.append(.imported(ring.keys.last!.kid))
  }

  private func checkIsNew(_ jwk: JWK) throws(KeyringError) {
    guard let kid = jwk.kid, ring.index(of: kid) == nil else {
      throw KeyringError(
        .keyExists, "\(directory.path): kid \"\(jwk.kid ?? "")\" is there already")
    }
  }

  /// Carries out what is due. `makeKey` gives the key that is made if one is.
  public mutating func rotate(_ makeKey: (Policy) throws -> JWK) throws {
    for task in found.tasks(at: now) {
      switch task {
      // Done by settling.
      case .publish: break
      case .withdraw(let kids):
        ring.withdraw(kids, at: now)
        events += kids.map { .withdrew($0) }
      case .makeKey:
        guard ring.successor(at: now) == nil else { break }
        try add(try makeKey(ring.policy), ring.policy.algorithm)
      case .deletePrivateHalves(let kids): ring.stampPrivateDeleted(kids, at: now)
      case .remember: _ = witness()
      }
      if task.changesRing { isSaved = false }
    }
    try settle()
  }

  /// Records the time of this change, for a later one that takes away what is over by it. Returns
  /// the time that an earlier one recorded, later than `now` at most by what clocks may differ.
  public mutating func witness() -> Timestamp {
    ring.changed = max(ring.changed, now.roundedDown)
    isSaved = false
    events.append(.remembered)
    return found.changed
  }

  /// Lets the next key sign early.
  public mutating func promote(emergency: Bool) throws {
    let kid: ByteString
    do { kid = try ring.promote(at: now, emergency: emergency) } catch {
      throw KeyringError(error.code, "\(directory.path): \(error.detail)")
    }
    isSaved = false
    events.append(.promoted(kid))
  }

  /// Takes keys out at once. Where none would be left to sign, a new key is made and published
  /// first, so that at no moment nobody signs, or a key that no set holds. Returns why that could
  /// not be done; the keys are taken out all the same.
  public mutating func revoke(
    _ kids: [ByteString], since: Timestamp?, reason: String?, _ makeKey: (Policy) throws -> JWK
  ) throws -> (any Error)? {
    var failure: (any Error)?
    var after = ring
    for kid in kids { try? after.revoke(kid, since: since, reason: reason, at: now) }
    if after.needsSigner(at: now), after.successor(at: now) == nil {
      do {
        try add(try makeKey(ring.policy), ring.policy.algorithm)
        try settle()
      } catch {
        failure = error
      }
    }
    for kid in kids {
      do { try ring.revoke(kid, since: since, reason: reason, at: now) } catch {
        throw KeyringError(error.code, "\(directory.path): \(error.detail)")
      }
      events.append(.revoked(kid))
    }
    isSaved = isSaved && kids.isEmpty
    return failure
  }

  /// Puts a policy into force; `makeKey` gives the next key where the policy's kind of key changed.
  public mutating func adopt(_ policy: Policy, _ makeKey: (Policy) throws -> JWK) throws {
    try directory.checkTargets(policy)
    let dropped = try ring.adopt(policy, at: now)
    isSaved = false
    events.append(.changedPolicy)
    guard let dropped else { return }
    events.append(.dropped(dropped))
    try add(try makeKey(policy), policy.algorithm)
  }

  /// Forgets keys whose every token was dead before `time`, their private halves first.
  public mutating func forget(before time: Timestamp) throws {
    let gone = ring.forgettable(before: time, at: now)
    guard !gone.isEmpty else { return }
    let kept = ring.keys.filter { gone.contains($0.kid) && $0.privateDeleted == nil }.map(\.kid)
    ring.stampPrivateDeleted(kept, at: now)
    isSaved = false
    try settle()
    events += ring.forget(before: time, at: now).map { .forgot($0) }
    isSaved = false
  }

  /// Deletes the private halves that are no longer needed, whether or not an earlier run saw so.
  public mutating func deletePrivateHalves() throws {
    let due = ring.keys.filter { key in
      key.privateHalfDue(ring.policy).map { $0 <= now } ?? false
    }.map(\.kid)
    guard !due.isEmpty else { return }
    ring.stampPrivateDeleted(due, at: now)
    isSaved = false
  }

  /// Removes the files of private/ that no key of the ring explains.
  public mutating func removeOrphans() throws {
    for name in try directory.orphans(ring) {
      if !directory.isDryRun { try directory.privateFolder().remove(name) }
      events.append(.removedOrphan(name))
    }
    if !directory.isDryRun { try directory.privateFolder().sync() }
  }

  /// Puts the private halves under the passphrase, or takes them out from under it.
  public mutating func setEncrypted(_ encrypted: Bool) throws {
    guard ring.isEncrypted != encrypted else { return }
    _ = try directory.convertPrivateHalves(of: ring, encrypted: encrypted)
    ring.isEncrypted = encrypted
    ring.changed = max(ring.changed, now.roundedDown)
    isSaved = false
    events.append(encrypted ? .encrypted : .decrypted)
  }

  fileprivate mutating func resetClock() {
    ring.resetClock(to: now)
    isSaved = false
    events.append(.resetClock)
  }

  // MARK: Making it durable

  /// Makes the disk agree with the ring: keyring.json, then the set and its copies, then the stamps
  /// of keys that all of them hold, then the private halves that are to go. `rewriting` writes the
  /// set also where it is the same.
  public mutating func settle(rewriting: Bool = false) throws {
    try save()
    let isPending = ring.keys.contains { $0.phase(at: now) == .pending }
    // A copy that looks right may be one that a dead run renamed and did not sync.
    let (written, problem) = try directory.publish(ring, rewriting: rewriting || isPending)
    events += written.map { .wroteSet($0) }
    self.problem = problem
    // Where every key that signed was revoked, waiting for one copy would stop all signing.
    let isUrgent = ring.needsSigner(at: now) && ring.keys.contains { $0.revocation != nil }
    if isPending, problem == nil || isUrgent {
      events += ring.markPublished(at: clock()).map { .published($0) }
      isSaved = false
      try save()
    }
    events += try directory.removeUnneeded(ring).map { .deletedPrivateHalf($0) }
  }

  private mutating func save() throws {
    guard !isSaved else { return }
    let text = ring.text
    // Whatever was asked for, a ring that could not be read again is not written.
    do { _ = try Ring(parsing: text) } catch {
      throw KeyringError(
        .badFormat,
        "\(directory.path): not recorded, since it could not be read again: \(error.detail)")
    }
    if !directory.isDryRun {
      try directory.directory.replace(
        RingDirectory.ringName, contents: text, mode: 0o644, owner: try directory.fileOwner)
    }
    isSaved = true
  }
}

extension RingTask {
  fileprivate var changesRing: Bool { if case .publish = self { false } else { true } }
}
