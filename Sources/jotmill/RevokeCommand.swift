// jotmill revoke: options to a denylist, keys and a run; and pruning the list.
// Owns: which list is written, and by which clock it is pruned. Must never: drop what only one
// reading of the clock says is over, where there is a ring to ask.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum RevokeCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    if arguments["denylist"] == "-" {
      throw arguments.usage("--denylist names a file: it is read and appended to")
    }
    if arguments.has("prune") { return try prune(arguments) }
    if arguments.has("json") { throw arguments.usage("--json goes with --prune") }
    var options = VerifyOptions()
    options.isUnverified = arguments.has("unverified")
    options.allowed = try Streams.algorithms(arguments)
    options.triesAllKeys = arguments.has("try-all")
    options.format = arguments["input"].flatMap { InputFormat(rawValue: $0) } ?? .auto
    options.field = try arguments.value(
      "field", "an RFC 6901 pointer such as /request/token", JSONPointer.init)
    options.tokens = arguments["tokens"].flatMap { VerifyOptions.Tokens(rawValue: $0) } ?? .first
    try checkTogether(arguments)
    let ring = try ring(arguments)
    let list = try list(arguments, ring)
    let keys = try keys(arguments, ring)
    // For each chunk: the policy may be another one by then.
    let tokenLife: @Sendable () throws -> TokenLife? = { try life(arguments, ring) }

    var streams = try Streams(arguments, chunkBytes: 256 << 10, showsRejected: false)
    streams.lanes = Engine.lanes(arguments)
    options.lanes = streams.lanes
    options.maxLine = streams.maxLine
    options.inputNames = streams.inputNames
    options.keepsRejects = streams.run.rejects != nil
    let outcome = streams.run { [options] in
      try RevokeProcessor(options, keys: keys, list: list, life: tokenLife)
    }
    return streams.finish(outcome)
  }

  private static let keyFiles = ["jwks", "key", "secret", "trust"]

  private static func checkTogether(_ arguments: Arguments) throws {
    if arguments.has("unverified") {
      let reading = keyFiles + ["alg", "try-all", "allow-weak-keys", "passphrase-file"]
      if let name = reading.first(where: arguments.has) {
        throw arguments.usage("--unverified asks for no key, so --\(name) has no place beside it")
      }
    }
    try KeySources.checkTogether(arguments)
    try KeySources.checkStandardInput(arguments)
  }

  // MARK: Where to

  /// The ring whose list is written or whose keys alone verify; nil where there is none.
  private static func ring(_ arguments: Arguments) throws -> RingDirectory? {
    let named = arguments.all("keyring")
    if arguments.has("denylist"), arguments.has("unverified") || named.count > 1 { return nil }
    guard named.count < 2 else {
      throw arguments.usage("say with --denylist which list is written: each ring has its own")
    }
    guard named.isEmpty else { return try KeySources.ring(arguments) }
    if !keyFiles.contains(where: arguments.has) {
      do {
        let ring = try KeySources.ring(arguments)
        if arguments.has("unverified") { note("using the keyring in \(ring.path)", arguments) }
        return ring
      } catch let error as KeyringError where error.code == .notARing {
        // One that was named is missed.
        guard arguments.has("denylist"), !KeySources.namesDefault else { throw error }
        note("no keyring here: ids can be revoked, and no token can be verified", arguments)
        return nil
      }
    }
    guard arguments.has("denylist") else {
      throw arguments.usage("no keyring is used, so --denylist FILE says which list is written")
    }
    return nil
  }

  private static func keys(
    _ arguments: Arguments, _ ring: RingDirectory?
  ) throws -> VerificationKeys {
    let names = keyFiles + ["keyring"]
    let hasKeys = ring != nil || names.contains(where: arguments.has)
    guard hasKeys, !arguments.has("unverified") else { return VerificationKeys(KeySet()) }
    return try KeySources.keys(arguments)
  }

  /// What a ring knows of how long its tokens live, where all keys are its own.
  private static func life(_ arguments: Arguments, _ ring: RingDirectory?) throws -> TokenLife? {
    guard let ring, !arguments.has("unverified"), !keyFiles.contains(where: arguments.has) else {
      return nil
    }
    return TokenLife(try ring.load(), at: .now)
  }

  private static func list(
    _ arguments: Arguments, _ ring: RingDirectory?
  ) throws -> DenylistWriter {
    let path = arguments["denylist"] ?? ring?.denylistPath ?? ""
    try Streams.checkOutputs(arguments, besides: ring, [path])
    if !arguments.has("denylist"), let ring { return try DenylistWriter(ring) }
    return try DenylistWriter(path: path)
  }

  private static func note(_ text: String, _ arguments: Arguments) {
    if !arguments.has("quiet") { Terminal.error(text) }
  }

  // MARK: Pruning

  /// How far clocks and leeways may be off where no ring's policy says.
  private static let unknownSlack = Seconds(3600)

  private static func prune(_ arguments: Arguments) throws -> Int32 {
    let others = ["prune", "denylist", "keyring", "quiet", "json"]
    let option = arguments.command.options.first { option in
      arguments.has(option.name) && !others.contains(option.name)
    }
    if let option {
      throw arguments.usage("--prune reads no lines, so --\(option.name) has no place beside it")
    }
    guard arguments.operands.isEmpty else { throw arguments.usage("--prune takes no FILE") }
    guard arguments.all("keyring").count < 2 else {
      throw arguments.usage("--prune is for one ring at a time")
    }
    let usesRing = arguments.has("keyring") || !arguments.has("denylist")
    let ring = usesRing ? try KeySources.ring(arguments) : nil
    let list = try list(arguments, ring)
    if let ring, !arguments.has("keyring") { note("using the keyring in \(ring.path)", arguments) }
    guard let ring else {
      let dropped = try list.prune(at: .now, slack: unknownSlack, longestLife: nil)
      try report(arguments, dropped, spent: nil)
      return 0
    }
    // As for keys: what is over must be so by the time that an earlier change recorded, too. A clock
    // that is ahead for one run so drops nothing.
    var recorded = Timestamp.now
    let outcome = try ring.update(at: .now) { recorded = $0.witness() }
    let (now, slack) = (min(outcome.now, recorded), outcome.ring.policy.slack)
    let dropped = try list.prune(
      at: now, slack: slack, longestLife: outcome.ring.longestTokenLife(at: now))
    let spent = try GrantLedger(ring).prune(before: now, slack: slack)
    try report(arguments, dropped, spent: spent)
    guard let problem = outcome.problem else { return 0 }
    Terminal.error(problem.detail)
    return 2
  }

  private static func report(_ arguments: Arguments, _ dropped: Int, spent: Int?) throws {
    if arguments.has("json") {
      let value = JSONValue.object([
        "dropped_entries": .number(dropped), "dropped_spent_tokens": spent.map { .number($0) },
      ])
      try OpenFile.standardOutput.write(value.text(pretty: true))
    } else if !arguments.has("quiet") {
      let counts =
        [(dropped, "entry", "entries")]
        + (spent.map { [($0, "spent token", "spent tokens")] } ?? [])
      let words = counts.map { count, one, many in
        "\(Terminal.grouped(count)) \(count == 1 ? one : many)"
      }
      try Jotmill.print("dropped \(words.joined(separator: " and "))\n")
    }
  }
}
