// Reads and runs the scripts in `scripts`, the specification by example.
// Owns: their format. Must never: know a command of jotmill.
//
//   # A comment on what the script shows.
//   $ a command for /bin/sh
//     indented lines go on with it
//   > a line of standard output
//   ! a line of standard error
//   ? the exit status, 0 if not given
//   -- name --
//   contents of a file, until the next one; files come last and stand there before commands run
//
// Output is compared octet for octet. In an expected line `<*>` stands for any text, `<n>` for
// digits, `<kid>` for base64url characters, `<time>` for an RFC 3339 time, `<uuid>` for a UUID; a
// line `<...>` for any number of lines. Every line that is not expected is a failure.

import Foundation

struct Script {
  struct Step {
    var number: Int
    var command: String
    var out: [String] = []
    var err: [String] = []
    var status: Int32 = 0
  }

  var name: String
  var steps: [Step] = []
  var files: [(name: String, text: String)] = []

  init(_ file: URL) throws {
    name = file.deletingPathExtension().lastPathComponent
    let text = try String(contentsOf: file, encoding: .utf8)
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if line.hasPrefix("-- "), line.hasSuffix(" --"), line.count > 6 {
        files.append((String(line.dropFirst(3).dropLast(3)), ""))
      } else if !files.isEmpty {
        files[files.count - 1].text += line + "\n"
      } else if !line.isEmpty, !line.hasPrefix("#") {
        try read(line, index + 1)
      }
    }
    // The file's own last newline, and an empty line that sets files apart, belong to no file.
    for i in files.indices { while files[i].text.hasSuffix("\n\n") { files[i].text.removeLast() } }
  }

  private mutating func read(_ line: Substring, _ number: Int) throws {
    let rest = line.dropFirst(line.count > 1 && line.dropFirst().first == " " ? 2 : 1)
    if line.first == "$" {
      steps.append(Step(number: number, command: String(rest)))
      return
    }
    guard !steps.isEmpty else { throw ChildError(description: "\(name):\(number): no command yet") }
    let last = steps.count - 1
    switch line.first {
    case " ": steps[last].command += "\n" + rest
    case ">": steps[last].out.append(String(rest))
    case "!": steps[last].err.append(String(rest))
    case "?": steps[last].status = Int32(rest) ?? -1
    default: throw ChildError(description: "\(name):\(number): unknown line: \(line)")
    }
  }

  /// Runs every step in a fresh directory; returns what went otherwise, in words.
  func run() throws -> [String] {
    let space = try Workspace()
    for file in files { try space.write(file.name, file.text) }
    var failures: [String] = []
    for step in steps {
      let place = "\(name).txt:\(step.number): \(step.command)"
      let outcome = try space.shell(step.command)
      if outcome.status != step.status {
        failures.append("\(place)\n  status \(outcome.status), expected \(step.status)")
      }
      for (label, actual, expected) in [
        ("standard output", outcome.out, step.out), ("standard error", outcome.err, step.err),
      ] where !Expectation.matches(expected, actual) {
        failures.append(
          "\(place)\n  \(label):\n\(Self.indented(actual))\n  expected:\n"
            + Self.indented(Array(expected.joined(separator: "\n").utf8)))
      }
    }
    return failures
  }

  private static func indented(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(4000), as: UTF8.self).split(separator: "\n")
      .map { "    | \($0)" }.joined(separator: "\n")
  }
}

/// Expected lines with placeholders, against the octets that came.
enum Expectation {
  private enum Piece {
    case text([UInt8])
    case run(least: Int, of: @Sendable (UInt8) -> Bool)
  }

  static func matches(_ expected: [String], _ actual: [UInt8]) -> Bool {
    if expected.isEmpty { return actual.isEmpty }
    let lines = actual.split(separator: 0x0a, omittingEmptySubsequences: false)
    // An output of lines ends in a newline, unless nothing is said about its end.
    guard actual.last == 0x0a || expected.last.map({ $0.hasPrefix("<...>") }) ?? false else {
      return false
    }
    return matches(expected[...], actual.last == 0x0a ? lines.dropLast() : lines[...])
  }

  private static func matches(
    _ expected: ArraySlice<String>, _ lines: ArraySlice<ArraySlice<UInt8>>
  ) -> Bool {
    guard let first = expected.first else { return lines.isEmpty }
    if first == "<...>" {
      return (0...lines.count).contains { matches(expected.dropFirst(), lines.dropFirst($0)) }
    }
    guard let line = lines.first, matches(pieces(first)[...], line) else { return false }
    return matches(expected.dropFirst(), lines.dropFirst())
  }

  private static func matches(_ pieces: ArraySlice<Piece>, _ text: ArraySlice<UInt8>) -> Bool {
    switch pieces.first {
    case nil: return text.isEmpty
    case .text(let literal):
      return text.starts(with: literal)
        && matches(pieces.dropFirst(), text.dropFirst(literal.count))
    case .run(let least, let accepts):
      let most = text.prefix(while: accepts).count
      guard most >= least else { return false }
      return (least...most).reversed().contains {
        matches(pieces.dropFirst(), text.dropFirst($0))
      }
    }
  }

  private static func pieces(_ line: String) -> [Piece] {
    var found: [Piece] = []
    var rest = Array(line.utf8)[...]
    var literal: [UInt8] = []
    while !rest.isEmpty {
      let open = rest.first == UInt8(ascii: "<")
      if open, let (name, piece) = placeholders.first(where: { rest.starts(with: $0.0.utf8) }) {
        found += [.text(literal), piece]
        literal = []
        rest = rest.dropFirst(name.utf8.count)
      } else {
        literal.append(rest.removeFirst())
      }
    }
    return found + [.text(literal)]
  }

  private static func isWord(_ c: UInt8) -> Bool {
    isDigit(c) || (c | 0x20) &- 0x61 < 26 || c == 0x2d || c == 0x5f
  }
  private static func isDigit(_ c: UInt8) -> Bool { c &- 0x30 < 10 }

  private static let placeholders: [(String, Piece)] = [
    ("<*>", .run(least: 0) { _ in true }),
    ("<n>", .run(least: 1) { isDigit($0) }),
    ("<kid>", .run(least: 22) { isWord($0) }),
    ("<uuid>", .run(least: 36) { isWord($0) }),
    ("<time>", .run(least: 20) { isDigit($0) || "-T:Z".utf8.contains($0) }),
  ]
}
