// Streams under stress: long lines, slow pipes, readers that go away, signals.
// Owns: what a shell script can't time or measure.

import Foundation
import Testing

@Suite("Streams under stress")
struct StreamTests {
  static let verify = ["verify", "-q", "--secret", "f/secret"]

  @Test("a line of 50 MB is one too_large verdict, in bounded memory", arguments: [1, 2])
  func longLine(_ workers: Int) throws {
    let space = try Workspace()
    let child = try space.start(Self.verify + ["-j", "\(workers)"], input: .pipe)
    let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)
    for _ in 0..<800 { child.write(piece) }
    child.write("\n" + (try Workspace.token("{}")) + "\n")
    #expect(child.waitForOutput(seconds: 20) { $0.count { $0 == 0x0a } == 2 })
    let peak = child.peakMemory ?? .max
    let outcome = try child.end()
    #expect(
      outcome.lines == [
        #"{"line":1,"valid":false,"errors":["too_large"]}"#,
        #"{"line":2,"valid":true,"alg":"HS256","claims":{}}"#,
      ])
    #expect(outcome.status == 1)
    #expect(peak < 100 << 10, "\(peak) KiB")
  }

  @Test("a pipe is answered at once while it stays open", arguments: ["verify", "sign", "inspect"])
  func dripped(_ command: String) throws {
    let space = try Workspace()
    let words =
      switch command {
      case "verify": Self.verify
      case "sign": ["sign", "-q", "--key", "f/hs.jwk"]
      default: ["inspect", "--json"]
      }
    let line = command == "sign" ? "{}\n" : try Workspace.token("{}") + "\n"
    let child = try space.start(words, input: .pipe)
    for count in 1...10 {
      // In two pieces: half a line is no line yet.
      let half = line.utf8.count / 2
      child.write(Array(line.utf8.prefix(half)))
      usleep(5000)
      child.write(Array(line.utf8.dropFirst(half)))
      let isAnswered = child.waitForOutput(seconds: 2) { $0.count { $0 == 0x0a } == count }
      #expect(isAnswered, "line \(count)")
      if !isAnswered { break }
    }
    #expect(try child.end().status == 0)
  }

  @Test("a broken record before a pause is answered too")
  func drippedJunk() throws {
    let space = try Workspace()
    let child = try space.start(Self.verify, input: .pipe)
    child.write("junk\n\n\0\n")
    #expect(child.waitForOutput(seconds: 2) { $0.count { $0 == 0x0a } == 3 })
    child.write("last without newline")
    let outcome = try child.end()
    #expect(outcome.lines.count == 4)
  }

  /// 200,000 lines of every sort, about 30 MB; a token's number is the number of its line.
  private static func mixed(_ space: Workspace, count: Int) throws {
    let token = Array(try Workspace.token("{}").utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * 100)
    for i in 1...count {
      switch i % 8 {
      case 0: break
      case 1: bytes += Array("\0\u{1}\u{fffd}".utf8) + [0xff, 0xfe]
      case 2: bytes += Array(#"{"token":""#.utf8) + token + Array(#""}"#.utf8)
      case 3: bytes += Array("GET /?t=".utf8) + token + Array(" 200".utf8)
      case 4: bytes += token + [0x0d]
      case 5: bytes += token.dropLast(3)
      case 6: bytes += [UInt8](repeating: 0x78, count: i % 4096 == 6 ? 3000 : 20)
      default: bytes += token
      }
      bytes.append(0x0a)
    }
    try space.write("lines", bytes)
  }

  @Test("200,000 mixed lines: as many verdicts, in order, the same with one worker and two")
  func manyLines() throws {
    let space = try Workspace()
    let count = 200_000
    try Self.mixed(space, count: count)
    let words = Self.verify + ["--max-line", "2000"]
    let one = try space.jotmill(words + ["-j", "1", "lines"])
    let two = try space.jotmill(words + ["-j", "2"], input: .file(space.work + "/lines"))
    #expect(one.status == 1)
    #expect(one.out == two.out)
    var line = 0
    var isOrdered = true
    for verdict in one.out.split(separator: 0x0a) {
      line += 1
      isOrdered = isOrdered && verdict.starts(with: Array("{\"line\":\(line),".utf8))
    }
    #expect(isOrdered)
    #expect(line == count)
    let piped = try space.shell("cat lines | jotmill \(words.joined(separator: " ")) | cmp - want")
    try space.write("want", one.out)
    #expect(piped.status != 0, "there was nothing to compare with")
    let again = try space.shell("cat lines | jotmill \(words.joined(separator: " ")) | cmp - want")
    #expect(again.status == 0, "\(again.output)")
  }

  @Test("a reader that goes away ends the run quietly with 141", arguments: ["verify", "inspect"])
  func closedPipe(_ command: String) throws {
    let space = try Workspace()
    let token = try Workspace.token("{}") + "\n"
    try space.write("tokens", String(repeating: token, count: 20_000))
    let words = command == "verify" ? Self.verify.joined(separator: " ") : "inspect --json -q"
    let outcome = try space.shell("{ jotmill \(words) tokens; echo $? >status; } | head -1")
    #expect(outcome.lines.count == 1)
    #expect(outcome.errors == "")
    #expect(String(decoding: space.read("status"), as: UTF8.self) == "141\n")
  }

  @Test("help and lists to a closed pipe or a full disk", arguments: ["--help", "keys list"])
  func helpToNowhere(_ words: String) throws {
    let space = try Workspace()
    #expect(try space.jotmill(["keys", "init", "--alg", "HS256"]).status == 0)
    let closed = try space.shell("{ sleep 0.1; jotmill \(words); echo $? >status; } | true")
    #expect(closed.errors == "")
    #expect(String(decoding: space.read("status"), as: UTF8.self) == "141\n")
    let full = try space.shell("jotmill \(words) >/dev/full")
    #expect(full.status == 2)
    #expect(full.errors.contains("No space left on device"))
  }

  @Test(
    "a signal stops the run after whole lines, and no -o file appears",
    arguments: [(SIGINT, "out"), (SIGTERM, "out"), (SIGINT, nil), (SIGTERM, nil)])
  func signals(_ number: Int32, _ output: String?) throws {
    let space = try Workspace()
    let token = try Workspace.token("{}") + "\n"
    let child = try space.start(
      Self.verify + (output.map { ["-o", $0] } ?? []), input: .pipe)
    for _ in 0..<2000 { child.write(token) }
    if output == nil {
      #expect(child.waitForOutput(seconds: 10) { $0.count { $0 == 0x0a } >= 1000 })
    } else {
      usleep(300_000)
    }
    child.send(number)
    // It ends although its input stays open.
    #expect(kill(child.id, 0) == 0)
    let limit = Date(timeIntervalSinceNow: 5)
    var state: siginfo_t = siginfo_t()
    while waitid(P_PID, id_t(child.id), &state, WEXITED | WNOHANG | WNOWAIT) == 0,
      state.si_signo == 0, Date() < limit
    { usleep(2000) }
    #expect(state.si_signo == SIGCHLD, "it ended by itself")
    let outcome = try child.end()
    #expect(outcome.status == 128 + number)
    #expect(outcome.errors == "")
    if output != nil {
      #expect(space.names("") == ["f"])
    } else {
      #expect(outcome.out.last == 0x0a)
      for (index, line) in outcome.lines.enumerated() {
        let expected = "{\"line\":\(index + 1),\"valid\":true,\"alg\":\"HS256\",\"claims\":{}}"
        guard line == expected else {
          Issue.record("line \(index + 1): \(line)")
          break
        }
      }
    }
  }

  @Test("a signal in the middle of a large file: the output is a prefix of the whole one")
  func signalInFile() throws {
    let space = try Workspace()
    try Self.mixed(space, count: 100_000)
    let whole = try space.jotmill(Self.verify + ["lines"])
    let child = try space.start(Self.verify + ["lines"])
    _ = child.waitForOutput(seconds: 10) { $0.count > 100_000 }
    child.send(SIGTERM)
    let outcome = try child.end()
    #expect(outcome.status == 143)
    #expect(outcome.out.last == 0x0a)
    #expect(outcome.out.count < whole.out.count)
    #expect(whole.out.starts(with: outcome.out))
  }

  @Test("standard streams that are closed are errors, not hangs or lost output")
  func closedStreams() throws {
    let space = try Workspace()
    try space.write("t", try Workspace.token("{}") + "\n")
    let words = "jotmill \(Self.verify.joined(separator: " "))"
    let input = try space.shell("timeout 5 \(words) <&-")
    #expect(input.status == 2, "standard input closed")
    #expect(input.errors.contains("standard input"))
    let output = try space.shell("timeout 5 \(words) t >&-")
    #expect(output.status == 2, "standard output closed")
    let errors = try space.shell("timeout 5 \(words) t 2>&-")
    #expect(errors.status == 0, "standard error closed")
    #expect(errors.lines.count == 1)
    let all = try space.shell("timeout 5 \(words) -o out t <&- >&- 2>&-; cat out")
    #expect(all.lines.count == 1)
    // A file that is opened later must not become a standard stream.
    let made = try space.shell(
      "timeout 5 jotmill keys init --alg HS256 --keyring r >&- 2>&-; jotmill keys list --keyring r")
    #expect(made.status == 0)
  }

  @Test("3,000 small files as arguments", arguments: [1, 2])
  func manyFiles(_ workers: Int) throws {
    let space = try Workspace()
    let token = try Workspace.token("{}") + "\n"
    for i in 1...3000 { try space.write("t\(i)", i % 10 == 0 ? "" : token) }
    let names = (1...3000).map { "t\($0)" }
    let outcome = try space.jotmill(Self.verify + ["-j", "\(workers)"] + names)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let expected = (1...3000).filter { $0 % 10 != 0 }.map {
      "{\"line\":1,\"file\":\"t\($0)\",\"valid\":true,\"alg\":\"HS256\",\"claims\":{}}"
    }
    #expect(outcome.lines.map(String.init) == expected)
  }

  @Test(
    "a file that can't be read is reported, the others are processed", .enabled(if: getuid() != 0))
  func unreadable() throws {
    let space = try Workspace()
    try space.write("t", try Workspace.token("{}") + "\n")
    try space.write("closed", "x\n")
    chmod(space.work + "/closed", 0)
    let outcome = try space.jotmill(Self.verify + ["t", "closed", "t"])
    #expect(outcome.status == 2)
    #expect(outcome.lines.count == 2)
    #expect(outcome.errors == "jotmill: closed: cannot open: Permission denied\n")
  }

  @Test("a key counts as published only after the set is in place")
  func publishedStamp() throws {
    let space = try Workspace()
    #expect(try space.jotmill(["keys", "init", "--alg", "ES256"]).status == 0)
    // While someone else holds the lock nothing is published.
    let outcome = try space.shell(
      """
      flock keys/lock sleep 3 & sleep 0.5
      jotmill keys generate >/dev/null && wait
      published=$(jq -r '.keys[1].published | fromdate' keys/keyring.json)
      [ "$published" -ge "$(stat -c %Y keys/jwks.json)" ]
      """)
    #expect(outcome.status == 0)
  }
}
