// jotmill users list: a table for people, JSON for programs.
// Owns: what is shown of a user. Must never: show a verifier, or hold the text of all users.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

extension UsersCommand {
  static func list(_ arguments: Arguments) throws -> Int32 {
    let context = try UsersContext(arguments)
    let cost = try context.cost()
    let users = try context.load()
    if arguments.has("json") {
      try writeJSON(users, cost)
      return 0
    }
    guard users.count > 0 else {
      try Jotmill.print("no users; jotmill users add makes one\n")
      return 0
    }
    var rows = [["USERNAME", "EMAIL", "STATE", "PASSWORD BY", "CHANGED"]]
    for place in users.places {
      let user = users.user(place)
      rows.append([
        Terminal.printable(user.username.description), user.email?.description ?? "-",
        user.isDisabled ? "disabled" : "enabled",
        "\(user.verifier)" + (user.verifier.isCurrent(cost) ? "" : ", to be rehashed"),
        user.changed?.rfc3339 ?? "-",
      ])
    }
    try Jotmill.print(Terminal.table(rows, numbers: false))
    return 0
  }

  private static func writeJSON(_ users: Users, _ cost: ScryptCost) throws {
    var out: [UInt8] = []
    out.append(users.count == 0 ? "{\n  \"users\": []\n}\n" : "{\n  \"users\": [\n")
    var isFirst = true
    for place in users.places {
      if !isFirst { out.append(",\n") }
      isFirst = false
      out.append("    ")
      value(users.user(place), cost).append(to: &out, indent: 4)
      if out.count >= 1 << 18 {
        try OpenFile.standardOutput.write(out)
        out.removeAll(keepingCapacity: true)
      }
    }
    if !isFirst { out.append("\n  ]\n}\n") }
    try OpenFile.standardOutput.write(out)
  }

  private static func value(_ user: User, _ cost: ScryptCost) -> JSONValue {
    var scheme: String
    var costs: JSONValue
    switch user.verifier.scheme {
    case .scrypt(let own):
      scheme = "scrypt"
      costs = .object(["n": .number(1 << own.logN), "r": .number(own.r), "p": .number(own.p)])
    case .pbkdf2SHA256(let rounds):
      (scheme, costs) = ("pbkdf2-sha256", .object(["rounds": .number(rounds)]))
    case .pbkdf2SHA512(let rounds):
      (scheme, costs) = ("pbkdf2-sha512", .object(["rounds": .number(rounds)]))
    case .bcrypt(let rounds):
      (scheme, costs) = ("bcrypt", .object(["log_rounds": .number(rounds)]))
    }
    func time(_ stamp: Timestamp?) -> JSONValue { stamp.map { .string($0.rfc3339) } ?? .null }
    return .object([
      "username": .string(user.username),
      "email": user.email.map { .string($0) } ?? .null,
      "disabled": .bool(user.isDisabled),
      "scheme": .string(scheme),
      "cost": costs,
      "current": .bool(user.verifier.isCurrent(cost)),
      "created": time(user.created),
      "changed": time(user.changed),
    ])
  }
}
