// Picks the command and turns its outcome into an exit status.
// Owns: statuses 0, 1, 2, 130, 141, 143. Must never: print a stack trace or a secret.

internal import Files
internal import JOSE
internal import Keyring
internal import Pipeline

enum Jotmill {
  static let version = "0.1.0"

  /// Runs one command line, without the program's name.
  static func run(_ words: [String]) -> Int32 {
    Process.reserveStandardStreams()
    StopSignal.ignoreBrokenPipes()
    // Every command may come to hold a key.
    Process.forbidDumps()
    do {
      let arguments = try Arguments.parse(words)
      switch arguments.request {
      case .help:
        try print(Help.text(arguments.command, isLong: true))
        return 0
      case .shortHelp:
        try print(Help.text(arguments.command, isLong: false))
        return 0
      case .version:
        try print("jotmill \(version)\n\(openSSLVersion)\n")
        return 0
      case .run: return try perform(arguments)
      }
    } catch let error as UsageError {
      Terminal.error(error.message)
      Terminal.plain("try: \(error.helpCommand) --help")
      return 2
    } catch is Bench.Stopped {
      return 128 + (StopSignal.number ?? 2)
    } catch let error as FileError {
      // A reader of help or of a list that went away is no news.
      if error.isBrokenPipe { return 141 }
      if let signal = StopSignal.number { return 128 + signal }
      Terminal.error(error.description)
      return 2
    } catch {
      Terminal.error("\(error)")
      return 2
    }
  }

  private static func perform(_ arguments: Arguments) throws -> Int32 {
    // A change of a ring or its users is safe wherever it ends, so these leave signals alone.
    let first = arguments.command.path.first
    if first != "keys", first != "users" { StopSignal.install() }
    switch arguments.command.path {
    case ["verify"]: return try VerifyCommand.run(arguments)
    case ["sign"]: return try SignCommand.run(arguments)
    case ["grant"]: return try GrantCommand.run(arguments)
    case ["revoke"]: return try RevokeCommand.run(arguments)
    case ["inspect"]: return try InspectCommand.run(arguments)
    case ["summary"]: return try SummaryCommand.run(arguments)
    case ["bench"]: return try BenchCommand.run(arguments)
    case ["keys", "init"]: return try KeysCommand.initialize(arguments)
    case ["keys", "generate"]: return try KeysCommand.generate(arguments)
    case ["keys", "list"]: return try KeysCommand.list(arguments)
    case ["keys", "policy"]: return try KeysCommand.changePolicy(arguments)
    case ["keys", "import"]: return try TransferCommand.importKey(arguments)
    case ["keys", "export"]: return try TransferCommand.export(arguments)
    case ["keys", "rotate"]: return try RotateCommand.rotate(arguments)
    case ["keys", "retire"]: return try RotateCommand.retire(arguments)
    case ["keys", "revoke"]: return try RotateCommand.revoke(arguments)
    case ["keys", "encrypt"]: return try RotateCommand.encrypt(arguments)
    case ["keys", "decrypt"]: return try RotateCommand.decrypt(arguments)
    case ["keys", "prune"]: return try RotateCommand.prune(arguments)
    case ["keys", "publish"]: return try PublishCommand.publish(arguments)
    case ["keys", "audit"]: return try PublishCommand.audit(arguments)
    case ["keys", "plan"]: return try PlanCommand.plan(arguments)
    case ["users", "add"]: return try UsersCommand.add(arguments)
    case ["users", "list"]: return try UsersCommand.list(arguments)
    case ["users", "passwd"]: return try UsersCommand.passwd(arguments)
    case ["users", "disable"]: return try UsersCommand.disable(arguments)
    case ["users", "enable"]: return try UsersCommand.enable(arguments)
    case ["users", "remove"]: return try UsersCommand.remove(arguments)
    case ["users", "import"]: return try UsersImport.run(arguments)
    default:
      // `jotmill` or `jotmill keys` alone.
      try print(Help.text(arguments.command, isLong: false))
      return arguments.command.path.isEmpty ? 0 : 2
    }
  }

  /// Writes to standard output.
  static func print(_ text: String) throws { try OpenFile.standardOutput.write(Array(text.utf8)) }
}

/// A mistake in the command line.
struct UsageError: Error {
  var message: String
  var helpCommand = "jotmill"
}
