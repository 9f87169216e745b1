// What is not as it should be in a ring and around it.
// Owns: the findings. Must never: change anything, or need a passphrase.

internal import Files
public import JOSE

/// One thing that an operator should mend.
public struct Finding: Sendable, Equatable {
  public enum Code: String, Sendable, CaseIterable {
    case permissions
    case weakKey = "weak_key"
    case overdueRotation = "overdue_rotation"
    case noSigner = "no_signer"
    case severalSigners = "several_signers"
    case missingPrivateHalf = "missing_private_half"
    case orphan
    case unknownPublishedKey = "unknown_published_key"
    case copyOutOfDate = "copy_out_of_date"
    case sameKeyTwice = "same_key_twice"
    case unsafePolicy = "unsafe_policy"
    case clock
    case unfinished
    case notEncrypted = "not_encrypted"
    case badFile = "bad_file"
  }
  public var code: Code
  /// What, where, and what to do.
  public var detail: String

  init(_ code: Code, _ detail: String) { (self.code, self.detail) = (code, detail) }
}

extension RingDirectory {
  /// Everything that `keys audit` reports, in a fixed order. Needs no lock: a change that is under
  /// way may show as unfinished.
  public func audit(at now: Timestamp) throws -> [Finding] {
    let ring = try load()
    var found: [Finding] = []
    try auditPermissions(&found)
    do { try ring.policy.check() } catch {
      found.append(Finding(.unsafePolicy, "\(error.detail); change it with: jotmill keys policy"))
    }
    if now + ring.policy.clockSkew < ring.changed {
      found.append(
        Finding(
          .clock,
          "the ring was changed at \(ring.changed.rfc3339), which is still to come; set the clock, "
            + "or if that one was wrong run: jotmill keys rotate --reset-clock"))
    }
    auditRotation(ring, now, &found)
    auditKeys(ring, now, &found)
    try auditPrivateHalves(ring, now, &found)
    try auditCopies(ring, &found)
    try auditRecords(&found)
    return found
  }

  private func auditRotation(_ ring: Ring, _ now: Timestamp, _ found: inout [Finding]) {
    let active = ring.activeKey(at: now)
    let signers = ring.keys.filter { $0.phase(at: now) == .active }
    if signers.count > 1 {
      found.append(
        Finding(
          .severalSigners,
          "\(signers.map(\.kid.description).joined(separator: " and ")) sign at once; take one out "
            + "with: jotmill keys revoke"))
    }
    if active == nil {
      found.append(
        Finding(
          .noSigner,
          ring.keys.isEmpty
            ? "the ring holds no key; make one with: jotmill keys generate"
            : "no key signs; make one with: jotmill keys rotate --if-due"))
    }
    let pending = ring.keys.filter { $0.phase(at: now) == .pending }
    for key in pending {
      found.append(
        Finding(
          .unfinished,
          "\(key.kid) is not published everywhere yet; run: jotmill keys rotate --if-due"))
    }
    guard let active, let activation = active.activation else { return }
    let isOver = activation + ring.policy.period < now
    if isOver, active.retired == nil {
      found.append(
        Finding(
          .overdueRotation,
          "\(active.kid) should have stopped signing at "
            + "\((activation + ring.policy.period).rfc3339); run: jotmill keys rotate --if-due"))
    } else if ring.successor(at: now) == nil, activation + ring.policy.publishAhead < now {
      found.append(
        Finding(
          .overdueRotation,
          "there is no next key, a \(ring.policy.publishAhead.text) after \(active.kid) began to "
            + "sign; does the schedule run? jotmill keys rotate --if-due makes it"))
    }
    let late = ring.keys.filter { key in
      key.withdrawn == nil && key.revocation == nil
        && (key.archived.map { $0 + ring.policy.publishAhead < now } ?? false)
    }
    for key in late {
      found.append(
        Finding(
          .overdueRotation,
          "\(key.kid) should have left the set at \(key.archived!.rfc3339); run: jotmill keys "
            + "rotate --if-due"))
    }
  }

  private func auditKeys(_ ring: Ring, _ now: Timestamp, _ found: inout [Finding]) {
    var seen: [ByteString: ByteString] = [:]
    for key in ring.keys where !key.jwk.isSymmetric {
      if let twin = seen[key.jwk.thumbprint] {
        found.append(
          Finding(.sameKeyTwice, "\(twin) and \(key.kid) are the same key under two kids"))
      }
      seen[key.jwk.thumbprint] = key.kid
      guard key.phase(at: now) != .archived, key.phase(at: now) != .revoked else { continue }
      if let weakness = key.jwk.weakness(for: key.algorithm.algorithm) {
        found.append(Finding(.weakKey, "\(key.kid): \(weakness); rotate it out"))
      }
    }
  }

  private func auditPrivateHalves(
    _ ring: Ring, _ now: Timestamp, _ found: inout [Finding]
  ) throws {
    guard try directory.status(of: Self.privateName)?.kind == .directory else { return }
    for name in try orphans(ring) {
      let isTemporary = name.utf8.first == UInt8(ascii: ".")
      found.append(
        Finding(
          isTemporary ? .unfinished : .orphan,
          isTemporary
            ? "\(path)/\(Self.privateName)/\(name): left by a run that died; run: jotmill keys "
              + "rotate --if-due"
            : "\(path)/\(Self.privateName)/\(name): belongs to no key of the ring; remove it with: "
              + "jotmill keys prune --orphans"))
    }
    let halves = try privateFolder()
    for key in ring.keys {
      let plain = try halves.status(of: Self.plainName(key.kid)) != nil
      let encrypted = try halves.status(of: Self.encryptedName(key.kid)) != nil
      let phase = key.phase(at: now)
      if !plain, !encrypted, [.pending, .next, .active].contains(phase), key.privateDeleted == nil {
        found.append(
          Finding(
            .missingPrivateHalf,
            "\(path)/\(Self.privateName)/\(Self.plainName(key.kid)): the private half of the "
              + "\(phase.rawValue) key is not there; take the key out with: jotmill keys revoke "
              + "-- \(key.kid)"))
      }
      if plain || encrypted, key.privateDeleted != nil {
        found.append(
          Finding(
            .unfinished,
            "the private half of \(key.kid) should be deleted; run: jotmill keys rotate --if-due"))
      }
      if plain, ring.isEncrypted {
        found.append(
          Finding(
            .notEncrypted,
            "\(path)/\(Self.privateName)/\(Self.plainName(key.kid)): is not under the ring's "
              + "passphrase"))
      }
    }
  }

  private func auditCopies(_ ring: Ring, _ found: inout [Finding]) throws {
    let set = ring.publishedSet
    let here = "\(path)/\(Self.setName)"
    let text = try publishedText()
    if let text, let parsed = try? JWKSet.parse(text) {
      for jwk in parsed.keys {
        guard let kid = jwk.kid, ring.index(of: kid) != nil else {
          found.append(
            Finding(
              .unknownPublishedKey,
              "\(here): holds \(jwk.kid.map { "the key \($0)" } ?? "a key without a kid"), which the "
                + "ring does not know; where is it from? jotmill keys publish writes the set anew"))
          continue
        }
      }
    }
    if text != set {
      found.append(
        Finding(.copyOutOfDate, "\(here): is not what the ring says; run: jotmill keys publish"))
    }
    for target in ring.policy.publishTo {
      var copy: [UInt8]?
      do { copy = try OpenFile.open(target, .read).readAll() } catch {
        found.append(Finding(.copyOutOfDate, "\(error)"))
        continue
      }
      if copy != set {
        found.append(
          Finding(.copyOutOfDate, "\(target): is not the published set; run: jotmill keys publish"))
      }
    }
    guard let discovery = try currentDiscovery(ring) else { return }
    let folders = [path] + ring.policy.publishTo.map { OpenFile.split($0).directory }
    for folder in folders {
      let name = "\(folder)/\(Self.discoveryName)"
      guard let copy = try? OpenFile.open(name, .read).readAll(), copy != discovery else {
        continue
      }
      found.append(
        Finding(
          .copyOutOfDate, "\(name): is not what the ring says; run: jotmill keys publish"))
    }
  }
}
