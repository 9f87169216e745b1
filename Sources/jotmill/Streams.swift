// What the streaming commands share: inputs, output, limits, messages, the exit status.
// Owns: turning options into a run and its outcome into a status.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

struct Streams {
  var run: Run
  var messages: Messages
  var inputNames: [ByteString]?
  var maxLine: Int
  // Written when the run is over; opened before it, so that a run of hours does not end with a file
  // that can't be written.
  private var summaryFile: OutputFile?
  private var reportFile: OutputFile?
  private let arguments: Arguments
  private let isQuiet: Bool
  private let isStyled: Bool

  /// The output can't be made again: it gets its name however the run ends, for its owner only.
  private let keepsOutput: Bool
  /// What checks signatures beside OpenSSL, if anything does.
  var lanes: Lanes?

  /// `showsRejected`: standard error names rejected lines even where the output is a terminal.
  init(
    _ arguments: Arguments, chunkBytes: Int, output discards: Bool = false, showsRejected: Bool,
    keepsOutput: Bool = false
  ) throws {
    self.arguments = arguments
    self.keepsOutput = keepsOutput
    isQuiet = arguments.has("quiet")
    run = Run()
    run.inputs = arguments.operands.isEmpty ? ["-"] : arguments.operands
    if let n = try arguments.value(
      "workers", "a number from 1 to 1024", { Self.number($0, 1...1024) })
    {
      run.workers = n
    }
    maxLine =
      try arguments.value("max-line", "a size such as 64K or 4M, up to 1G", Self.size) ?? 1 << 20
    run.limits.maxLine = maxLine
    run.limits.chunkBytes = chunkBytes
    if run.inputs.count > 1 {
      inputNames = run.inputs.map { ByteString($0 == "-" ? "(standard input)" : $0) }
    }

    let errors = OpenFile.standardError
    var options = Messages.Options()
    options.isQuiet = isQuiet
    let color = arguments["color"].flatMap { Terminal.ColorChoice(rawValue: $0) } ?? .auto
    isStyled = Terminal.isStyled(color, errors)
    options.isStyled = isStyled
    options.showsBar =
      errors.isTerminal && !arguments.has("no-progress")
      && Process.environment("TERM") != "dumb"
      && (arguments.has("output") || !OpenFile.standardOutput.isTerminal)
    options.showsRejected =
      showsRejected || arguments.has("output") || !OpenFile.standardOutput.isTerminal
    options.inputNames = inputNames?.map(\.description)
    messages = Messages(options)

    if run.inputs.contains("-"), OpenFile.standardInput.isTerminal, !isQuiet {
      Terminal.plain("jotmill: reading lines from the terminal; end with Ctrl-D")
    }
    try checkNames()
    if discards { run.output = nil }
    do {
      if !discards, let path = arguments["output"], path != "-" {
        run.output = try OutputFile(path, mode: keepsOutput ? 0o600 : nil)
      }
      run.rejects = try arguments["rejects"].map { try OutputFile($0) }
      summaryFile = try arguments["summary-json"].map { try OutputFile($0) }
      reportFile = try arguments["report"].map { try OutputFile($0) }
    } catch {
      for file in [run.output, run.rejects, summaryFile, reportFile] { file?.discard() }
      throw error
    }
    run.onWritten = { [messages] notes, progress in messages.update(notes, progress) }
  }

  /// Says what happened and returns the exit status.
  func finish(_ outcome: RunOutcome, showsSummary: Bool = true) -> Int32 {
    messages.finish()
    var status: Int32 = outcome.summary.lines.rejected > 0 && !arguments.has("exit-zero") ? 1 : 0
    for problem in outcome.problems {
      Terminal.error(problem.description)
      status = 2
    }
    if lanes?.haveFailed == true { status = 2 }
    if let failure = outcome.failure {
      status = 2
      if let error = failure as? FileError, error.isBrokenPipe {
        status = 141
      } else {
        Terminal.error("\(failure)")
      }
    } else if outcome.wasStopped, let signal = StopSignal.number {
      status = 128 + signal
      if !isQuiet {
        let lines = Terminal.grouped(outcome.summary.lines.total)
        Terminal.error("stopped by a signal; \(lines) lines are done")
      }
    }
    if status == 141 {
      for file in [summaryFile, reportFile] { file?.discard() }
    } else {
      status = summarize(outcome, status, showsSummary)
    }
    status = settle(run.output, status, keeps: keepsOutput)
    return settle(run.rejects, status)
  }

  /// No two outputs may be one file.
  private func checkNames() throws {
    let names = ["output", "rejects", "summary-json", "report"].filter(arguments.has)
    for (i, name) in names.enumerated() {
      for other in names[..<i] {
        if let a = arguments[name], let b = arguments[other], ByteString(a) == ByteString(b) {
          throw arguments.usage("--\(other) and --\(name) name the same file")
        }
      }
    }
  }

  /// No output may take the place of a file that the run rests on: those of a ring's folder, and
  /// `files`.
  static func checkOutputs(
    _ arguments: Arguments, besides ring: RingDirectory?, _ files: [String]
  ) throws {
    func place(_ path: String) -> FileStatus? {
      try? OpenFile.status(at: OpenFile.split(path).directory)
    }
    func isSame(_ a: FileStatus?, _ b: FileStatus?) -> Bool {
      guard let a, let b else { return false }
      return a.device == b.device && a.inode == b.inode
    }
    for name in ["output", "rejects", "summary-json"] {
      guard let path = arguments[name] else { continue }
      if let ring, isSame(place(path), try? OpenFile.status(at: ring.path)) {
        throw arguments.usage("--\(name) \(path) would stand among the ring's own files")
      }
      for file in files {
        let isName = ByteString(OpenFile.split(path).name) == ByteString(OpenFile.split(file).name)
        let isThere = isSame(try? OpenFile.status(at: path), try? OpenFile.status(at: file))
        if isThere || isName && isSame(place(path), place(file)) {
          throw arguments.usage("--\(name) would replace \(file)")
        }
      }
    }
  }

  private func settle(_ file: OutputFile?, _ status: Int32, keeps: Bool = false) -> Int32 {
    guard let file else { return status }
    guard status <= 1 || keeps else {
      file.discard()
      return status
    }
    do {
      if keeps { try file.keep() } else { try file.commit() }
      return status
    } catch {
      Terminal.error(error.description)
      return 2
    }
  }

  private func summarize(_ outcome: RunOutcome, _ status: Int32, _ shows: Bool) -> Int32 {
    var status = status
    func write(_ text: @autoclosure () -> [UInt8], to file: OutputFile?) {
      guard let file else { return }
      do {
        do { try file.file.write(text()) } catch {
          file.discard()
          throw error
        }
        try file.commit()
      } catch {
        Terminal.error("\(error)")
        status = 2
      }
    }
    write(outcome.summary.value.text(pretty: true), to: summaryFile)
    write(Report.html(outcome.summary, title: title, generated: .now), to: reportFile)
    let more = outcome.summary.linesWithMore
    if more > 0, !isQuiet {
      Terminal.error(
        "\(Terminal.grouped(more)) \(more == 1 ? "line holds" : "lines hold") further tokens that were "
          + "not judged; --tokens all judges every one")
    }
    let wanted =
      !arguments.has("no-summary")
      && (arguments.has("summary") || OpenFile.standardError.isTerminal && !isQuiet)
    if shows && wanted { Terminal.write(SummaryTable.text(outcome.summary, isStyled: isStyled)) }
    return status
  }

  /// What was verified, for the head of a report.
  private var title: String {
    if run.inputs.count > 1 { return "\(run.inputs.count) files" }
    return run.inputs[0] == "-" ? "Standard input" : run.inputs[0]
  }

  /// Writes all of `bytes` to a file that appears when it is whole.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let file = try OutputFile(path)
    do { try file.file.write(bytes) } catch {
      file.discard()
      throw error
    }
    try file.commit()
  }

  // MARK: Values of options

  static func number(_ text: String, _ range: ClosedRange<Int>) -> Int? {
    guard let n = Int(text), range.contains(n) else { return nil }
    return n
  }

  /// `65536`, `64K`, `4M`, `1G`, in binary units.
  static func size(_ text: String) -> Int? {
    var digits = text[...]
    var unit = 1
    switch text.utf8.last {
    case UInt8(ascii: "K"), UInt8(ascii: "k"): unit = 1 << 10
    case UInt8(ascii: "M"): unit = 1 << 20
    case UInt8(ascii: "G"): unit = 1 << 30
    default: break
    }
    if unit > 1 { digits = digits.dropLast() }
    guard let n = Int(digits), n > 0, n <= (1 << 30) / unit else { return nil }
    return n * unit
  }

  /// `now` gives nil inside; RFC 3339 or Unix seconds.
  static func time(_ text: String) -> Timestamp?? {
    if text == "now" { return .some(nil) }
    if let stamp = Timestamp(rfc3339: text) { return stamp }
    // The years that RFC 3339 can write: 0000 to 9999.
    guard let seconds = Int64(text), (-62_167_219_200...253_402_300_799).contains(seconds) else {
      return .none
    }
    return .some(Timestamp(seconds: seconds))
  }

  /// The words of a repeatable option that takes a list separated by commas; none is a mistake.
  static func list(_ arguments: Arguments, _ name: String) throws -> [String] {
    let words = arguments.all(name).flatMap {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    guard !words.contains("") else { throw arguments.usage("--\(name) has an empty name in it") }
    return words
  }

  static func algorithms(_ arguments: Arguments) throws -> [AlgorithmName]? {
    guard arguments.has("alg") else { return nil }
    return try list(arguments, "alg").map { name in
      guard let found = AlgorithmName(name) else {
        throw arguments.usage(
          "--alg \(name) is not known; known are "
            + Algorithm.allCases.map(\.name).joined(separator: ", ") + ", Ed25519, Ed448")
      }
      return found
    }
  }
}
