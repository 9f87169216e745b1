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
    let before = ring.publishedKeys.compactMap(\.kid)
    let outcome = try context.update { update in
      let now = update.now
      let all = update.ring.keys.filter { key in
        key.revocation == nil && (key.phase(at: now) != .archived || key.privateDeleted == nil)
          && !(key.isImported && key.activation == nil)
      }.map(\.kid)
      let chosen = arguments.has("all") ? all : kids
      // One that is out already stays out; revoking it again only adds to what is known of it.
      let news = chosen.filter { kid in
        let old = update.ring.index(of: kid).flatMap { update.ring.keys[$0].revocation }
        return old == nil || since == nil && old?.since != nil || arguments.has("reason")
      }
      if !news.isEmpty {
        try update.revoke(news, since: since, reason: arguments["reason"])
      }
      if update.ring.needsSigner(at: now), update.ring.successor(at: now) == nil {
        try update.add(
          fresh.fits(update.ring.policy.algorithm)
            ? fresh : try KeysCommand.makeKey(update.ring.policy), update.ring.policy.algorithm)
      }
    }
    return try context.report(
      outcome, extra: afterRevoking(outcome, before), quietly: false)
  }

  /// What caches go on accepting, and what they miss.
  private static func afterRevoking(_ outcome: RingOutcome, _ before: [ByteString]) -> [String] {
    let revoked = outcome.events.compactMap { event -> ByteString? in
      if case .revoked(let kid) = event { kid } else { nil }
    }
    guard !revoked.isEmpty else {
      return outcome.events.isEmpty ? ["revoked already; nothing was changed"] : []
    }
    var notes: [String] = []
    let ring = outcome.ring
    if revoked.contains(where: before.contains) {
      notes.append(
        "until \(ring.cachesGone(after: outcome.now.roundedUpForPeople).rfc3339) verifiers may hold "
          + "a set with what was revoked and accept its tokens")
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
    let path = try KeySources.ring(arguments).path
    guard try !RingDirectory.open(path).load().isEncrypted else {
      let outcome = try RingDirectory.open(path).update(at: Timestamp.now) { _ in }
      return try convert(
        arguments, outcome, path, "the private halves are under a passphrase already")
    }
    let directory = try RingDirectory.open(path, passphrase: try Passphrases.new(arguments))
    let outcome = try directory.update(at: Timestamp.now) { try $0.setEncrypted(true) }
    return try convert(arguments, outcome, path, nil)
  }

  static func decrypt(_ arguments: Arguments) throws -> Int32 {
    let directory = try KeySources.ring(arguments)
    let wasEncrypted = try directory.load().isEncrypted
    let outcome = try directory.update(at: Timestamp.now) { try $0.setEncrypted(false) }
    return try convert(
      arguments, outcome, directory.path,
      wasEncrypted ? nil : "the private halves are under no passphrase")
  }

  private static func convert(
    _ arguments: Arguments, _ outcome: RingOutcome, _ path: String, _ already: String?
  ) throws -> Int32 {
    let report = KeysReport(outcome, isDryRun: false)
    if arguments.has("json") {
      try OpenFile.standardOutput.write(report.value.text(pretty: true))
    } else if !arguments.has("quiet") {
      for line in already.map({ [$0] }) ?? report.lines { try Jotmill.print("\(line)\n") }
    }
    guard let problem = outcome.problem else { return 0 }
    Terminal.error(problem.detail)
    return 2
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

extension Timestamp {
  /// Up to the next whole second: what is written with a `Z` is never too early.
  fileprivate var roundedUpForPeople: Timestamp {
    Timestamp(seconds: nanoseconds > 0 ? seconds + 1 : seconds)
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
