// jotmill summary: adds up the JSON summaries of several runs.
// Owns: its entry in the table of commands. Must never: print a sum that lacks one of its files.

internal import Files
internal import JOSE
internal import Pipeline

enum SummaryCommand {
  static func run(_ arguments: Arguments) throws -> Int32 {
    let files = arguments.operands
    guard files.filter({ $0 == "-" }).count < 2 else {
      throw arguments.usage("standard input can be read only once")
    }
    let outputs = [arguments["output"], arguments["report"]].compactMap { $0 }
    if outputs.count == 2, ByteString(outputs[0]) == ByteString(outputs[1]) {
      throw arguments.usage("--output and --report name the same file")
    }
    guard let sum = sum(files) else { return 2 }
    guard sum.lines.total <= Summary.countLimit else {
      Terminal.error("the sum is over 2^53 lines; is a file no count of a run?")
      return 2
    }

    if let path = arguments["report"] {
      let title = files.count > 1 ? "\(files.count) runs together" : files[0]
      try Report.write(sum, title: title, to: path, generated: .now)
    }
    let target = arguments["output"].flatMap { $0 == "-" ? nil : $0 }
    let color = arguments["color"].flatMap { Terminal.ColorChoice(rawValue: $0) } ?? .auto
    let isStyled = target == nil && Terminal.isStyled(color, .standardOutput)
    let text =
      arguments.has("json")
      ? sum.value.text(pretty: true) : Array(SummaryTable.text(sum, isStyled: isStyled).utf8)
    if let target {
      try Streams.write(text, to: target)
    } else {
      try OpenFile.standardOutput.write(text)
    }
    return 0
  }

  private static let shownProblems = 20

  /// nil when a file was no summary; each of those has been named by then.
  private static func sum(_ files: [String]) -> Summary? {
    var sum = Summary()
    var bad = 0
    for path in files {
      do {
        let file = path == "-" ? OpenFile.standardInput : try OpenFile.open(path, .read)
        let name = path == "-" ? file.path : path
        sum += try Summary(parsing: file.readAll(limit: Summary.fileLimit), from: name)
      } catch {
        bad += 1
        if bad <= shownProblems { Terminal.error(error.description) }
      }
    }
    if bad > shownProblems { Terminal.error("and \(bad - shownProblems) more bad files") }
    return bad == 0 ? sum : nil
  }
}

extension CommandTable {
  static let summary = Command(
    path: ["summary"], operands: "FILE...", operandCount: (1, .max),
    synopsis: "add up the JSON summaries of several runs",
    options: [
      Option("json", group: "Output", "the sum as JSON, which can be added again"),
      Option(
        "output", short: "o", "FILE", group: "Output",
        "write there; the file appears when all is done"),
      Option(
        "report", "FILE", group: "Output",
        "also write a page for people: one HTML file with pictures"),
      Option(
        "color", choices: ["auto", "always", "never"], group: "Output",
        "colours on standard output"),
    ],
    examples: [
      (
        "jotmill summary monday.json tuesday.json", "what verify --summary-json wrote on two days"
      ),
      (
        "jotmill summary --report week.html shard-*.json", "one page for all shards of a job"
      ),
    ])
}
