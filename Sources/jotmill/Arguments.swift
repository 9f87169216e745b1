// Splits a command line by the table of commands.
// Owns: the grammar of options. Must never: know an option that is not in the table, or take a
// secret from an argument.

/// One parsed command line.
struct Arguments {
  enum Request { case run, help, shortHelp, version }

  var command: Command
  var request = Request.run
  /// Words that are no options, in order.
  var operands: [String] = []
  private var values: [String: [String]] = [:]

  /// Reads `words`. Throws UsageError with the nearest known name for a mistyped one.
  static func parse(_ words: [String]) throws -> Arguments {
    var arguments = Arguments(command: CommandTable.root)
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        arguments.operands += rest
        break
      }
      if arguments.isKid(word) {
        arguments.operands.append(word)
      } else if word.utf8.starts(with: "--".utf8) {
        try arguments.long(word, &rest)
      } else if word.utf8.count > 1, word.utf8.first == UInt8(ascii: "-") {
        try arguments.short(word, &rest)
      } else if !arguments.command.subcommands.isEmpty, arguments.operands.isEmpty {
        guard let found = arguments.command.subcommands.first(where: { $0.name == word }) else {
          let names = arguments.command.subcommands.map(\.name)
          throw UsageError(
            message: "no command \"\(word)\"" + suggestion(word, names),
            helpCommand: arguments.command.invocation)
        }
        arguments.command = found
      } else {
        arguments.operands.append(word)
      }
    }
    guard arguments.request == .run else { return arguments }
    let (least, most) = arguments.command.operandCount
    if arguments.operands.count < least {
      throw UsageError(
        message: "\(arguments.command.invocation) needs \(arguments.command.operands)",
        helpCommand: arguments.command.invocation)
    }
    if arguments.operands.count > most {
      throw UsageError(
        message: "unexpected argument \"\(arguments.operands[most])\"",
        helpCommand: arguments.command.invocation)
    }
    return arguments
  }

  /// A thumbprint begins with a dash once in 64 times. No option and no cluster of them is so long.
  private func isKid(_ word: String) -> Bool {
    command.operands.contains("KID") && word.utf8.count >= 22
      && word.utf8.allSatisfy {
        $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "_")
      }
  }

  private mutating func long(_ word: String, _ rest: inout ArraySlice<String>) throws {
    let body = word.dropFirst(2)
    let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    if name == "help" {
      request = .help
      return
    }
    if name == "version" {
      request = .version
      return
    }
    guard let option = command.options.first(where: { $0.name == name }) else {
      throw UsageError(
        message: "unknown option --\(name)"
          + Self.suggestion(name, command.options.map(\.name), prefix: "--"),
        helpCommand: command.invocation)
    }
    let attached = parts.count == 2 ? String(parts[1]) : nil
    try set(option, "--\(name)", attached, &rest)
  }

  private mutating func short(_ word: String, _ rest: inout ArraySlice<String>) throws {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      if letter == "h" {
        request = .shortHelp
        return
      }
      guard let option = command.options.first(where: { $0.short == letter }) else {
        // One kid in 64 begins so.
        let hint =
          command.operands.contains("KID") ? "; a KID that begins with - goes after --" : ""
        throw UsageError(
          message: "unknown option -\(letter)\(hint)", helpCommand: command.invocation)
      }
      if option.value == nil {
        try set(option, "-\(letter)", nil, &rest)
      } else {
        let attached = letters.isEmpty ? nil : String(letters)
        return try set(option, "-\(letter)", attached, &rest)
      }
    }
  }

  private mutating func set(
    _ option: Option, _ shown: String, _ attached: String?, _ rest: inout ArraySlice<String>
  ) throws {
    guard let placeholder = option.value else {
      guard attached == nil else {
        throw UsageError(message: "\(shown) takes no value", helpCommand: command.invocation)
      }
      values[option.name] = [""]
      return
    }
    guard let value = attached ?? rest.popFirst() else {
      throw UsageError(
        message: "\(shown) needs a value: \(placeholder)", helpCommand: command.invocation)
    }
    if !option.choices.isEmpty, !option.choices.contains(value) {
      throw UsageError(
        message: "\(shown) is one of \(option.choices.joined(separator: ", ")), not \"\(value)\""
          + Self.suggestion(value, option.choices),
        helpCommand: command.invocation)
    }
    if option.isRepeatable {
      values[option.name, default: []].append(value)
    } else {
      values[option.name] = [value]
    }
  }

  // MARK: Values

  func has(_ name: String) -> Bool { values[name] != nil }
  func all(_ name: String) -> [String] { values[name] ?? [] }
  subscript(_ name: String) -> String? { values[name]?.last }

  /// A value read by `parse`; nil when the option isn't there.
  func value<T>(_ name: String, _ expected: String, _ parse: (String) -> T?) throws -> T? {
    guard let text = self[name] else { return nil }
    guard let value = parse(text) else {
      throw UsageError(
        message: "--\(name) is \(expected), not \"\(text)\"", helpCommand: command.invocation)
    }
    return value
  }

  func usage(_ message: String) -> UsageError {
    UsageError(message: message, helpCommand: command.invocation)
  }

  // MARK: Suggestions

  /// ` (did you mean "…"?)` when a known name is near.
  private static func suggestion(
    _ word: String, _ known: [String], prefix: String = ""
  ) -> String {
    let nearest = known.map { ($0, distance(Array(word.utf8), Array($0.utf8))) }
      .min { $0.1 < $1.1 }
    guard let (name, changes) = nearest, changes <= max(2, name.utf8.count / 3) else { return "" }
    return "; did you mean \(prefix)\(name)?"
  }

  /// Insertions, deletions, changes and swaps of neighbours between two words.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard a.count < 64 else { return .max }
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, rows[i - 1][j - 1] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
