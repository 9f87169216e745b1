// jotmill keys plan: what will happen to a ring, as a table, JSON or a picture.
// Owns: the table. Keyring's Plan works it out, PlanPicture draws it.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum PlanCommand {
  static func plan(_ arguments: Arguments) throws -> Int32 {
    let context = try KeysContext(arguments, changes: false)
    let span =
      try arguments.value("for", "a span such as 90d, up to 100 years") { text in
        Seconds(text).flatMap { (1...3_155_760_000).contains($0.count) ? $0 : nil }
      } ?? Seconds(90 * 86_400)
    let interval =
      try arguments.value("every", "a span such as 1m, up to 365d") { text in
        Seconds(text).flatMap { (1...31_536_000).contains($0.count) ? $0 : nil }
      } ?? Seconds(60)
    var ring = try context.directory.load()
    let now = context.now
    if !arguments.operands.isEmpty {
      let wanted = try KeysCommand.policy(arguments, from: ring.policy)
      _ = try ring.adopt(wanted, at: now)
    }
    let plan = Plan(of: ring, from: now, for: span, interval: interval)
    if let path = arguments["svg"] {
      try context.directory.checkIsOutside(path)
      let file = try OutputFile(path, mode: 0o644)
      do { try file.file.write(PlanPicture.svg(plan, title: context.directory.path)) } catch {
        file.discard()
        throw error
      }
      try file.commit()
    }
    if arguments.has("json") {
      try OpenFile.standardOutput.write(value(plan).text(pretty: true))
    } else {
      try Jotmill.print(text(plan))
    }
    return plan.violations.isEmpty ? 0 : 1
  }

  private static func text(_ plan: Plan) -> String {
    var rows: [[String]] = []
    for event in plan.events where event.time.seconds >= plan.from.seconds {
      let distance = event.time.seconds - plan.from.seconds
      rows.append([
        event.time.rfc3339, distance == 0 ? "now" : "in \(Seconds(distance).words)",
        "\(Terminal.printable(event.kid.description)) \(words(event.kind))",
      ])
    }
    var out = rows.isEmpty ? "nothing happens" : Terminal.table(rows, numbers: false)
    if rows.isEmpty { out += " until \(plan.until.rfc3339)\n" }
    for violation in plan.violations { out += "BROKEN: \(Terminal.printable(violation))\n" }
    if plan.violations.isEmpty {
      out +=
        "until \(plan.until.rfc3339) one key signs at every moment, every cache has it before it "
        + "does, and none leaves while a token of it lives\n"
    }
    if plan.isCutShort { out += "it is left there: too many rotations to follow\n" }
    return out
  }

  private static func words(_ kind: Plan.Event.Kind) -> String {
    switch kind {
    case .made: "is made"
    case .published: "is published"
    case .signs: "begins to sign"
    case .retires: "stops signing, and verifies on"
    case .privateHalfDeleted: "loses its private half"
    case .withdrawn: "leaves the set"
    }
  }

  private static func value(_ plan: Plan) -> JSONValue {
    .object([
      "from": .string(plan.from.rfc3339),
      "until": .string(plan.until.rfc3339),
      "holds": .bool(plan.violations.isEmpty),
      "cut_short": .bool(plan.isCutShort),
      "violations": .array(plan.violations.map { .string($0) }),
      "events": .array(
        plan.events.map { event in
          .object([
            "at": .string(event.time.rfc3339), "event": .string(event.kind.rawValue),
            "kid": .string(event.kid),
          ])
        }),
    ])
  }
}
