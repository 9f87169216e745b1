// The option --engine: who checks signatures, and what is said when the lanes and OpenSSL disagree.
// Owns: the wording. JOSE's Lanes decides whose answer stands: always OpenSSL's.

internal import JOSE

enum Engine {
  static let names = ["auto", "openssl", "lanes", "portable"]

  static let option = Option(
    "engine", choices: names, group: "Streams",
    "who checks signatures: openssl; lanes, many at once; portable, the same in plain C; auto, "
      + "lanes where they pay (default openssl)")

  /// What `--engine` asks for; nil is OpenSSL alone.
  static func lanes(_ arguments: Arguments) -> Lanes? { lanes(named: arguments["engine"]) }

  static func lanes(named name: String?) -> Lanes? {
    switch name {
    case "auto": Lanes(.wherePaying, .widest, report: report)
    case "lanes": Lanes(.everywhere, .widest, report: report)
    case "portable": Lanes(.everywhere, .portable, report: report)
    default: nil
    }
  }

  /// Comes at once, from whichever worker met it: a run on a pipe may go on for days.
  private static let report: @Sendable (String) -> Void = { text in
    Terminal.error("two ways of checking a signature disagree, which is a bug")
    Terminal.plain(
      "OpenSSL's answer stands, and OpenSSL alone checks the rest of this run, which will exit with "
        + "2.\nRun it again with --engine openssl. Please report the bug with what follows; there is "
        + "no token in it.")
    for line in text.split(separator: "\n") { Terminal.plain("  \(line)") }
    Terminal.plain("  jotmill \(Jotmill.version), \(openSSLVersion)")
  }
}
