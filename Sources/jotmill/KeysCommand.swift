// jotmill keys: init, generate, policy, list.
// Owns: making a ring and its keys. Must never: print a private half.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum KeysCommand {
  // MARK: Making

  static func initialize(_ arguments: Arguments) throws -> Int32 {
    let path = arguments["keyring"] ?? KeySources.defaultPath
    let at = try arguments.value("at", "an RFC 3339 time or Unix seconds", Streams.time) ?? nil
    guard !arguments.has("at") || arguments.has("rehearsal") else {
      throw arguments.usage("--at goes with --rehearsal: a ring's first key signs from now on")
    }
    let policy = try self.policy(arguments)
    // Refused before anything is asked or made.
    try policy.check()
    let isEncrypted =
      arguments.has("encrypt") || Passphrases.file(arguments) != nil
    let passphrase = isEncrypted ? try Passphrases.new(arguments) : nil
    let key =
      arguments.has("empty")
      ? nil : try JWK.generate(for: policy.algorithm, rsaBits: policy.rsaBits)
    let outcome = try RingDirectory.create(
      path, policy: policy, key: key, passphrase: passphrase,
      rehearsal: arguments.has("rehearsal"), at: at ?? Timestamp.now)
    let report = KeysReport(outcome, isDryRun: false)
    if arguments.has("json") {
      try OpenFile.standardOutput.write(report.value().text(pretty: true))
    } else if !arguments.has("quiet") {
      try Jotmill.print("made the keyring \(path)\n")
      for line in report.lines where key != nil { try Jotmill.print("\(line)\n") }
      if isEncrypted { try Jotmill.print("its private halves are kept under the passphrase\n") }
      if key == nil {
        try Jotmill.print("it holds no key yet; jotmill keys import --as active FILE brings one\n")
      }
    }
    guard let problem = outcome.problem else { return 0 }
    Terminal.error(problem.detail)
    return 2
  }

  /// Makes the active key of an empty ring, else the next one if there is none.
  static func generate(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    // RSA keys take a moment to find: outside the lock, and for nothing only in a race.
    let ring = try context.directory.load()
    let fresh = ring.successor(at: context.now) == nil ? try makeKey(ring.policy) : nil
    let wasPending = ring.keys.contains { $0.phase(at: context.now) == .pending }
    let outcome = try context.update { update in
      // One that an earlier run could not publish has been published by now: that was asked for.
      guard update.ring.successor(at: update.now) == nil, !wasPending else { return }
      try update.add(try fresh ?? makeKey(update.ring.policy), update.ring.policy.algorithm)
    }
    var extra: [String] = []
    if outcome.events.isEmpty, let next = outcome.ring.successor(at: outcome.now) {
      extra.append(
        "the next key is there already: \(next.algorithm.algorithm.name) key \(next.kid), "
          + "signs from \(next.activation?.rfc3339 ?? "-") on")
    }
    return try context.report(outcome, extra: extra, quietly: true)
  }

  static func makeKey(_ policy: Policy) throws -> JWK {
    try JWK.generate(for: policy.algorithm, rsaBits: policy.rsaBits)
  }

  private static func policy(_ arguments: Arguments) throws -> Policy {
    let name = try arguments.value("alg", "an algorithm such as RS256", AlgorithmName.init)
    var policy = Policy(algorithm: name ?? AlgorithmName("RS256")!)
    func span(_ option: String, _ current: Seconds) throws -> Seconds {
      try arguments.value(option, "a span such as 30d", Seconds.init) ?? current
    }
    policy.rsaBits =
      try arguments.value("rsa-bits", "a number from 2048 to 16384") {
        Streams.number($0, 2048...16_384)
      } ?? policy.rsaBits
    policy.period = try span("period", policy.period)
    policy.publishAhead = try span("publish-ahead", policy.publishAhead)
    policy.maxTokenTTL = try span("max-token-ttl", policy.maxTokenTTL)
    policy.leeway = try span("leeway", policy.leeway)
    policy.clockSkew = try span("clock-skew", policy.clockSkew)
    policy.jwksMaxAge = try span("jwks-max-age", policy.jwksMaxAge)
    // Absolute, so that every later run means the same file.
    policy.publishTo = try arguments.all("publish-to").map { try OpenFile.absolute($0) }
    return policy
  }

  // MARK: Policy

  /// Shows the policy, or puts a changed one into force.
  static func changePolicy(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments)
    let old = try context.directory.load().policy
    guard !arguments.operands.isEmpty else {
      if arguments.has("json") {
        try OpenFile.standardOutput.write(old.value.text(pretty: true))
      } else {
        let rows = old.members.map { [$0.name, $0.value.isEmpty ? "-" : $0.value] }
        try Jotmill.print(Terminal.table(rows, numbers: false))
      }
      return 0
    }
    let wanted = try policy(arguments, from: old)
    guard wanted != old else {
      // What an earlier run left is finished all the same.
      return try context.report(
        try context.update { _ in }, extra: ["the policy says so already"], quietly: true)
    }
    let outcome = try context.update { update in
      let new = try policy(arguments, from: update.ring.policy)
      try update.adopt(new, makeKey)
    }
    return try context.report(outcome, extra: notes(old, outcome))
  }

  /// `policy` with the `NAME=VALUE` operands of a command line.
  static func policy(_ arguments: Arguments, from policy: Policy) throws -> Policy {
    var policy = policy
    var targets: [String]?
    for operand in arguments.operands {
      let parts = operand.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw arguments.usage("a change is NAME=VALUE, such as period=30d, not \"\(operand)\"")
      }
      let name = String(parts[0].replacing("-", with: "_"))
      if name == "publish_to" {
        targets = targets ?? []
        if !parts[1].isEmpty { targets?.append(try OpenFile.absolute(String(parts[1]))) }
      } else {
        do throws(KeyringError) { try policy.set(name, String(parts[1])) } catch {
          throw arguments.usage(error.detail)
        }
      }
    }
    policy.publishTo = targets ?? policy.publishTo
    return policy
  }

  /// What of a change shows only later.
  private static func notes(_ old: Policy, _ outcome: RingOutcome) -> [String] {
    let new = outcome.ring.policy
    var notes: [String] = []
    let next = outcome.ring.successor(at: outcome.now)
    if new.algorithm != old.algorithm, let next, !next.jwk.fits(new.algorithm) {
      notes.append(
        "\(next.kid) stays \(next.algorithm.algorithm.name), since it may have signed; the key after it "
          + "is \(new.algorithm.algorithm.name)")
    }
    if new.period != old.period, let next, let activation = next.activation {
      notes.append(
        "\(next.kid) signs from \(activation.rfc3339) on, as it was planned; the period holds from "
          + "then on")
    }
    return notes
  }

  // MARK: Showing

  static func list(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments, changes: false)
    let ring = try context.directory.load()
    let now = context.now
    if arguments.has("json") {
      try OpenFile.standardOutput.write(KeysReport.value(ring, at: now).text(pretty: true))
      return 0
    }
    guard !ring.keys.isEmpty else {
      try Jotmill.print("no keys; jotmill keys generate makes one\n")
      return 0
    }
    var rows = [["KID", "ALG", "PHASE", "DUE"]]
    for key in ring.keys {
      rows.append([
        key.kid.description, key.algorithm.algorithm.name, key.phase(at: now).rawValue,
        Terminal.printable(KeysReport.due(key, ring, at: now)),
      ])
    }
    try Jotmill.print(Terminal.table(rows, numbers: false))
    return 0
  }
}
