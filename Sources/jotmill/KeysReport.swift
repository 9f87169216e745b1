// What the commands of `jotmill keys` share: the ring and the clock that a command line names, and
// how a change is told to a person or a program.
// Owns: the wording of a ring's events. Must never: change a ring.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

/// The ring of one command line, and its clock.
struct KeysContext {
  let arguments: Arguments
  let directory: RingDirectory
  let clock: @Sendable () -> Timestamp

  /// Opens the ring. `--at` is the clock of a ring for rehearsals, and makes a dry run of a change
  /// to any other.
  init(_ arguments: Arguments, changes: Bool = true) throws {
    self.arguments = arguments
    let asked =
      try arguments.value("at", "now, an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    let opened = try KeySources.ring(arguments)
    clock = { asked ?? Timestamp.now }
    let isDry = try changes && arguments.has("at") && !opened.load().isRehearsal
    directory = isDry ? opened.dryRun() : opened
  }

  var now: Timestamp { clock() }
  var isRealClock: Bool { !arguments.has("at") }

  func update(
    resettingClock: Bool = false, _ body: (inout RingUpdate) throws -> Void
  ) throws -> RingOutcome {
    try directory.update(at: clock(), resettingClock: resettingClock, body)
  }

  /// Tells what was done; 2 where a copy could not be written.
  func report(_ outcome: RingOutcome, extra: [String] = [], quietly: Bool = false) throws -> Int32 {
    let report = KeysReport(outcome, isDryRun: directory.isDryRun)
    if arguments.has("json") {
      try OpenFile.standardOutput.write(report.value(notes: extra).text(pretty: true))
    } else if !arguments.has("quiet") {
      var lines = report.lines + extra
      if lines.isEmpty, !quietly { lines = [report.nothing] }
      if directory.isDryRun, !lines.isEmpty {
        lines.insert("at \(outcome.now.rfc3339) this would happen; nothing was changed:", at: 0)
      }
      try Jotmill.print(lines.map { Terminal.printable($0) + "\n" }.joined())
    }
    guard let problem = outcome.problem else { return 0 }
    Terminal.error(problem.detail)
    return 2
  }
}

/// A change in words and as JSON.
struct KeysReport {
  private let outcome: RingOutcome
  private let isDryRun: Bool
  private var ring: Ring { outcome.ring }
  private var now: Timestamp { outcome.now }

  init(_ outcome: RingOutcome, isDryRun: Bool) {
    self.outcome = outcome
    self.isDryRun = isDryRun
  }

  /// One line for each thing that was done. What follows from another is told with it.
  var lines: [String] {
    let made = outcome.events.compactMap { event -> ByteString? in
      switch event {
      case .made(let kid), .imported(let kid): kid
      default: nil
      }
    }
    var lines: [String] = []
    for event in outcome.events {
      switch event {
      case .made(let kid): lines.append("made \(name(kid)), \(signs(kid))")
      case .imported(let kid): lines.append("imported \(name(kid))")
      case .published(let kid):
        if !made.contains(kid) { lines.append("published \(name(kid)), \(signs(kid))") }
      case .promoted(let kid): lines.append("\(name(kid)) \(signs(kid))")
      case .withdrew(let kid): lines.append("\(kid) left the set: every token by it is dead")
      case .dropped(let kid): lines.append("\(kid) was taken out: it has signed nothing")
      case .revoked(let kid): lines.append("revoked \(kid)")
      case .deletedPrivateHalf(let kid): lines.append("deleted the private half of \(kid)")
      case .forgot(let kid): lines.append("forgot \(kid)")
      case .removedOrphan(let file): lines.append("removed private/\(file)")
      case .remembered:
        lines.append("something has come due that the next run carries out")
      case .changedPolicy: lines.append("the policy is changed")
      case .encrypted: lines.append("the private halves are under the passphrase")
      case .decrypted: lines.append("the private halves are under no passphrase any more")
      case .resetClock: lines.append("undid what the clock that ran ahead had planned")
      case .wroteSet: break
      }
    }
    guard lines.isEmpty else { return lines }
    return outcome.events.compactMap { event in
      if case .wroteSet(let path) = event { "wrote \(path)" } else { nil }
    }
  }

  /// What is said where nothing was due.
  var nothing: String {
    guard let active = ring.activeKey(at: now) else { return "nothing is due" }
    return "nothing is due: \(name(active.kid)) \(Self.due(active, ring, at: now))"
  }

  func value(notes: [String] = []) -> JSONValue {
    .object([
      "dry_run": .bool(isDryRun),
      "at": .string(now.rfc3339),
      "events": .array(outcome.events.map(Self.value)),
      "notes": .array(notes.map { .string($0) }),
      "problem": outcome.problem.map { .string($0.detail) },
      "keys": Self.value(ring, at: now)["keys"],
    ])
  }

  private func key(_ kid: ByteString) -> RingKey? { ring.index(of: kid).map { ring.keys[$0] } }

  private func name(_ kid: ByteString) -> String {
    "\(key(kid)?.algorithm.algorithm.name ?? "") key \(kid)"
  }

  private func signs(_ kid: ByteString) -> String {
    guard let key = key(kid) else { return "" }
    guard let activation = key.activation else {
      return key.archived == nil ? "waits to be published everywhere" : "only verifies"
    }
    // A promotion waits for a second, and a person needs no word of that.
    return activation <= now + Seconds(2) && !isDryRun
      ? "signs from now on" : "signs from \(activation.rfc3339) on"
  }

  /// What is due for a key, for a person: `signs for 12 more days`.
  static func due(_ key: RingKey, _ ring: Ring, at now: Timestamp) -> String {
    func span(_ time: Timestamp) -> String { Seconds(abs(time.seconds - now.seconds)).words }
    func ago(_ time: Timestamp) -> String {
      time.seconds == now.seconds ? "just now" : "\(span(time)) ago"
    }
    func more(_ time: Timestamp) -> String {
      span(time).split(separator: " ").joined(separator: " more ")
    }
    switch key.phase(at: now) {
    case .pending: return "waits to be published everywhere"
    case .next:
      guard let activation = key.activation else { return "is published" }
      let signs = ring.activeKey(at: now)?.kid == key.kid
      return signs ? "signs; the clock is behind" : "signs in \(span(activation))"
    case .active:
      guard let retired = key.retired else { return "signs until a next key is published" }
      return "signs for \(more(retired))"
    case .retiring:
      guard let archived = key.archived, archived > now else { return "verifies" }
      return "verifies for \(more(archived))"
    case .archived:
      if let withdrawn = key.withdrawn {
        return key.published == nil ? "only verifies old tokens" : "left the set \(ago(withdrawn))"
      }
      return "leaves the set at the next run"
    case .revoked:
      guard let revocation = key.revocation else { return "" }
      let since = revocation.since.map { ", good before \($0.rfc3339)" } ?? ""
      return "revoked \(ago(revocation.at))\(since)"
        + (revocation.reason.map { ": \($0)" } ?? "")
    }
  }

  // MARK: JSON

  static func value(_ ring: Ring, at now: Timestamp) -> JSONValue {
    func time(_ stamp: Timestamp?) -> JSONValue { stamp.map { .string($0.rfc3339) } ?? .null }
    let signing = ring.activeKey(at: now)?.kid
    return .object([
      "keys": .array(
        ring.keys.map { key in
          .object([
            "kid": .string(key.kid),
            "alg": .string(key.algorithm.algorithm.name),
            "phase": .string(key.phase(at: now).rawValue),
            "signs": .bool(key.kid == signing),
            "due": .string(due(key, ring, at: now)),
            "created": time(key.created),
            "published": time(key.published),
            "activation": time(key.activation),
            "retired": time(key.retired),
            "archived": time(key.archived),
            "withdrawn": time(key.withdrawn),
            "private_deleted": time(key.privateDeleted),
            "revoked": key.revocation.map { revocation in
              .object([
                "at": time(revocation.at), "since": time(revocation.since),
                "reason": revocation.reason.map { .string($0) } ?? .null,
              ])
            } ?? .null,
          ])
        })
    ])
  }

  private static func value(_ event: RingEvent) -> JSONValue {
    func about(_ name: String, _ kid: ByteString) -> JSONValue {
      .object(["event": .string(name), "kid": .string(kid)])
    }
    func of(_ name: String, file: String? = nil) -> JSONValue {
      .object(["event": .string(name), "file": file.map { .string($0) }])
    }
    return switch event {
    case .made(let kid): about("made", kid)
    case .imported(let kid): about("imported", kid)
    case .published(let kid): about("published", kid)
    case .promoted(let kid): about("promoted", kid)
    case .withdrew(let kid): about("withdrawn", kid)
    case .dropped(let kid): about("dropped", kid)
    case .revoked(let kid): about("revoked", kid)
    case .deletedPrivateHalf(let kid): about("private_half_deleted", kid)
    case .forgot(let kid): about("forgotten", kid)
    case .removedOrphan(let name): of("orphan_removed", file: name)
    case .wroteSet(let path): of("set_written", file: path)
    case .remembered: of("remembered")
    case .changedPolicy: of("policy_changed")
    case .encrypted: of("encrypted")
    case .decrypted: of("decrypted")
    case .resetClock: of("clock_reset")
    }
  }
}
