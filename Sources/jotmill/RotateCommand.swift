// jotmill keys: rotate, retire, revoke, encrypt, decrypt, prune.
// Owns: what is said about verifiers that a change catches unprepared. Must never: decide what is
// due; Keyring does.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum RotateCommand {
  static func rotate(_ arguments: Arguments) throws -> Int32 {
    let wanted = ["if-due", "now", "reset-clock"].filter(arguments.has)
    guard wanted.count == 1 else {
      throw arguments.usage(
        "say which: --if-due does what is due, --now lets the next key sign early, --reset-clock "
          + "undoes a wrong clock's plans")
    }
    if arguments.has("emergency"), !arguments.has("now") {
      throw arguments.usage("--emergency goes with --now")
    }
    let context = try KeysContext(arguments)
    if arguments.has("reset-clock") {
      return try context.report(try context.update(resettingClock: true) { _ in })
    }
    let outcome = try rotateIfDue(context)
    guard arguments.has("now") else {
      // An empty ring: whoever put this into cron should hear of it.
      guard outcome.ring.activeKey(at: outcome.now) != nil || outcome.problem != nil else {
        throw KeyringError(
          .noActiveKey,
          "\(context.directory.path): no key is active; \"jotmill keys generate\" makes one in an "
            + "empty ring")
      }
      return try context.report(outcome)
    }
    return try promote(context, after: outcome, emergency: arguments.has("emergency"))
  }

  /// Does what is due. An RSA key takes a moment to find: outside the lock, and for nothing only
  /// where another run makes one meanwhile.
  private static func rotateIfDue(_ context: KeysContext) throws -> RingOutcome {
    let ring = try context.directory.load()
    let needsKey = ring.tasks(at: context.now).contains(.makeKey)
    let fresh = needsKey ? try KeysCommand.makeKey(ring.policy) : nil
    return try context.update { update in
      try update.rotate { policy in
        if let fresh, fresh.fits(policy.algorithm) { return fresh }
        return try KeysCommand.makeKey(policy)
      }
    }
  }

  /// Lets the next key sign early, waits until it does, and makes the one after it.
  private static func promote(
    _ context: KeysContext, after first: RingOutcome, emergency: Bool
  ) throws -> Int32 {
    guard !first.ring.keys.isEmpty else {
      throw KeyringError(
        .noActiveKey,
        "\(context.directory.path): no key is active; \"jotmill keys generate\" makes one in an "
          + "empty ring")
    }
    var outcome: RingOutcome
    do { outcome = try context.update { try $0.promote(emergency: emergency) } } catch {
      // What was due is done, whatever became of the rest.
      if !first.events.isEmpty { _ = try context.report(first) }
      throw error
    }
    guard case .promoted(let kid)? = outcome.events.last(where: Self.isPromotion),
      let index = outcome.ring.index(of: kid), let turn = outcome.ring.keys[index].activation
    else { return try context.report(outcome) }
    var extra: [String] = []
    if emergency, let published = outcome.ring.keys[index].published {
      extra += missing(outcome.ring, published, outcome.now)
    }
    // Two seconds at most, so that whoever comes next finds the new key signing.
    if context.isRealClock, !context.directory.isDryRun {
      let wait = turn.seconds - outcome.now.seconds
      if wait <= 2 { Clock.sleep(until: turn.seconds) }
      if wait <= 2 { outcome.merge(try rotateIfDue(context)) }
    }
    outcome.events = first.events + outcome.events
    return try context.report(outcome, extra: extra)
  }

  private static func isPromotion(_ event: RingEvent) -> Bool {
    if case .promoted = event { true } else { false }
  }

  /// How long verifiers may miss a key that signs since `now`.
  private static func missing(_ ring: Ring, _ published: Timestamp, _ now: Timestamp) -> [String] {
    let known = ring.cachesGone(after: published)
    guard known > now else { return [] }
    return ["until \(known.rfc3339) verifiers may hold a set without it and reject its tokens"]
  }

  static func retire(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    let ring = try context.directory.load()
    let kid = ByteString(arguments.operands[0])
    guard let index = ring.index(of: kid) else {
      throw KeyringError(.noSuchKey, "\(context.directory.path): no key \"\(kid)\"")
    }
    let key = ring.keys[index]
    if let retired = key.retired, retired <= context.now {
      let outcome = try context.update { _ in }
      return try context.report(
        outcome, extra: ["\(kid) stopped signing at \(retired.rfc3339) already"], quietly: true)
    }
    guard ring.activeKey(at: context.now)?.kid == kid else {
      throw KeyringError(
        .wrongKind,
        "\(context.directory.path): \(kid) is \(key.phase(at: context.now).rawValue), not active; "
          + "jotmill keys revoke takes out any key")
    }
    let outcome = try rotateIfDue(context)
    return try promote(context, after: outcome, emergency: arguments.has("emergency"))
  }

  static func revoke(_ arguments: Arguments) throws -> Int32 {
    guard arguments.operands.isEmpty == arguments.has("all") else {
      throw arguments.usage(
        arguments.has("all") ? "--all takes every key; leave the KID out" : "name a KID, or --all")
    }
    let context = try KeysContext(arguments)
    let since =
      try arguments.value("since", "an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    let ring = try context.directory.load()
    let kids = arguments.operands.map { ByteString($0) }
    for kid in kids where ring.index(of: kid) == nil {
      throw KeyringError(.noSuchKey, "\(context.directory.path): no key \"\(kid)\"")
    }
    let fresh = try KeysCommand.makeKey(ring.policy)
    var failure: (any Error)?
    var chosen: [ByteString] = []
    let outcome = try context.update { update in
      let now = update.now
      // One without a private half here can't have leaked from here.
      let all = try update.ring.keys.filter { key in
        guard key.revocation == nil else { return false }
        return try key.phase(at: now) != .archived || context.directory.hasPrivateHalf(key.kid)
      }.map(\.kid)
      chosen = arguments.has("all") ? all : kids
      // One that is out already stays out; revoking it again only adds to what is known of it.
      let news = chosen.filter { kid in
        let old = update.ring.index(of: kid).flatMap { update.ring.keys[$0].revocation }
        let isEarlier = since.map { since in old?.since.map { since < $0 } ?? false } ?? false
        return old == nil || since == nil && old?.since != nil || isEarlier
          || arguments.has("reason")
      }
      // Without a passphrase, say, what was revoked is out all the same.
      failure = try update.revoke(news, since: since, reason: arguments["reason"]) { policy in
        fresh.fits(policy.algorithm) ? fresh : try KeysCommand.makeKey(policy)
      }
    }
    let status = try context.report(outcome, extra: afterRevoking(outcome, chosen))
    guard let failure else { return status }
    Terminal.error("no key signs now, since none could be made: \(failure)")
    return 2
  }

  /// What caches go on accepting, and what they miss.
  private static func afterRevoking(_ outcome: RingOutcome, _ chosen: [ByteString]) -> [String] {
    var notes = outcome.events.isEmpty ? ["revoked already; nothing was changed"] : []
    let ring = outcome.ring
    let gone = chosen.compactMap { kid -> Timestamp? in
      guard let key = ring.index(of: kid).map({ ring.keys[$0] }), !key.jwk.isSymmetric,
        key.published != nil, key.withdrawn == nil, let at = key.revocation?.at
      else { return nil }
      // Until this run's set was in place, for what was revoked just now.
      return ring.cachesGone(after: at + Seconds(outcome.now.nanoseconds > 0 ? 1 : 0))
    }.max()
    if let gone, gone > outcome.now {
      notes.append(
        "until \(gone.rfc3339) verifiers may hold a set with what was revoked and accept its tokens"
      )
    }
    if let active = ring.activeKey(at: outcome.now), let published = active.published {
      if active.activation.map({ $0 >= Timestamp(seconds: outcome.now.seconds) }) ?? false {
        let isNew = outcome.events.contains(.made(active.kid))
        if !isNew { notes.append("\(active.kid) signs from now on") }
        notes += missing(ring, published, outcome.now)
      }
    }
    return notes
  }

  // MARK: At rest

  static func encrypt(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    guard try !context.directory.load().isEncrypted else {
      return try context.report(
        try context.update { _ in }, extra: ["the private halves are under a passphrase already"],
        quietly: true)
    }
    let directory = try RingDirectory.open(
      context.directory.path, passphrase: try Passphrases.new(arguments),
      dryRun: context.directory.isDryRun)
    let outcome = try directory.update(at: context.now) { try $0.setEncrypted(true) }
    return try context.report(outcome)
  }

  static func decrypt(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    let isEncrypted = try context.directory.load().isEncrypted
    let outcome = try context.update { try $0.setEncrypted(false) }
    return try context.report(
      outcome, extra: isEncrypted ? [] : ["the private halves are under no passphrase"],
      quietly: true)
  }

  static func prune(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    var before: Timestamp?
    if let text = arguments["before"] {
      if let span = Seconds(text), text.utf8.last.map({ $0 > 0x39 }) ?? false {
        before = context.now - span
      } else {
        before =
          try arguments.value(
            "before", "an RFC 3339 time, Unix seconds or a span such as 365d", Streams.time) ?? nil
      }
    }
    let outcome = try context.update { update in
      try update.deletePrivateHalves()
      if let before { try update.forget(before: before) }
      if arguments.has("orphans") { try update.removeOrphans() }
    }
    return try context.report(
      outcome, extra: outcome.events.isEmpty ? ["nothing to delete"] : [], quietly: true)
  }
}

extension RingOutcome {
  /// Takes in what a later change did.
  fileprivate mutating func merge(_ later: RingOutcome) {
    (ring, now) = (later.ring, later.now)
    events += later.events
    problem = later.problem ?? problem
  }
}
