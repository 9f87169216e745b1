// The text of --help, from the table.

enum Help {
  /// `isLong: false` leaves out the examples.
  static func text(_ command: Command, isLong: Bool) -> String {
    var out = "\(command.invocation): \(command.synopsis)\n\nusage: \(command.invocation)"
    if !command.subcommands.isEmpty { out += " COMMAND" }
    if !command.options.isEmpty { out += " [OPTION...]" }
    if !command.operands.isEmpty { out += " \(command.operands)" }
    out += "\n"
    if !command.subcommands.isEmpty {
      out += "\nCommands\n"
      out += columns(command.subcommands.map { ($0.name, $0.synopsis) })
    }
    var groups: [String] = []
    for option in command.options where !groups.contains(option.group) {
      groups.append(option.group)
    }
    for group in groups {
      out += "\n\(group)\n"
      out += columns(command.options.filter { $0.group == group }.map { (flag($0), $0.help) })
    }
    if !command.options.isEmpty {
      out += "\nHelp\n" + columns([("-h, --help", "this; --help also with examples")])
    }
    if isLong || command.path.isEmpty {
      out += "\nExamples\n"
      for example in command.examples {
        out += "  \(example.command)\n      \(example.what)\n"
      }
    }
    if command.path.isEmpty {
      out +=
        "\nExit status: 0 every record accepted, 1 some rejected, 2 the job could not be done.\n"
      out += "jotmill COMMAND --help tells more; jotmill --version prints the versions.\n"
    }
    return out
  }

  private static func flag(_ option: Option) -> String {
    let short = option.short.map { "-\($0), " } ?? "    "
    return "\(short)--\(option.name)" + (option.value.map { " \($0)" } ?? "")
  }

  /// Two columns; a text that does not fit beside its name goes below it, within 80 columns.
  private static func columns(_ rows: [(String, String)]) -> String {
    let width = min(28, rows.map { $0.0.count }.max() ?? 0)
    var out = ""
    for (name, text) in rows {
      var lines = wrapped(text, 76 - width)
      if name.count <= width {
        out +=
          "  \(name)\(String(repeating: " ", count: width - name.count))  \(lines.removeFirst())\n"
      } else {
        out += "  \(name)\n"
      }
      for line in lines { out += "  \(String(repeating: " ", count: width))  \(line)\n" }
    }
    return out
  }

  private static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if !last.isEmpty, last.count + 1 + word.count > width {
        lines.append(String(word))
      } else {
        lines[lines.count - 1] = last.isEmpty ? String(word) : "\(last) \(word)"
      }
    }
    return lines
  }
}
