// Runs the built program as a child process, as a shell would.
// Owns: processes, their streams and their end. Must never: know what jotmill does.

import Foundation

/// How a child ended. `status` is what a shell shows: 128 + N after signal N.
struct Outcome {
  var status: Int32
  var out: [UInt8]
  var err: [UInt8]

  var output: String { String(decoding: out, as: UTF8.self) }
  var errors: String { String(decoding: err, as: UTF8.self) }
  var lines: [Substring] { output.split(separator: "\n") }
}

struct ChildError: Error, CustomStringConvertible {
  var description: String
}

/// A running child whose output goes to files of its own, so that it can't block on its parent.
final class Child {
  enum Input {
    case nothing
    case file(String)
    /// `write` and `closeInput` feed it.
    case pipe
  }

  let id: pid_t
  private var feed: Int32 = -1
  private let streams: String
  private let deadline: Date
  private static let starting = NSLock()

  /// The program under test: it stands beside the test runner, or where JOTMILL says.
  static let program: String = {
    if let named = ProcessInfo.processInfo.environment["JOTMILL"] {
      return URL(fileURLWithPath: named).path
    }
    let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return runner.deletingLastPathComponent().appendingPathComponent("jotmill").path
  }()

  /// Starts `words`, the first of which is a path, in `directory` with exactly `environment`.
  init(
    _ words: [String], in directory: String, environment: [String: String], input: Input = .nothing,
    output: String? = nil, seconds: Double = 100
  ) throws {
    streams = directory + "/../streams-\(UUID().uuidString)"
    deadline = Date(timeIntervalSinceNow: seconds)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // Between a pipe and its flag no other child may be made: it would hold the pipe open.
    Self.starting.lock()
    defer { Self.starting.unlock() }
    var ends: [Int32] = [-1, -1]
    switch input {
    case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
    case .pipe:
      guard pipe(&ends) == 0 else { throw ChildError(description: "no pipe") }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    }
    let made = O_WRONLY | O_CREAT | O_TRUNC
    let out = output ?? streams + ".out"
    posix_spawn_file_actions_addopen(&actions, 1, out, made, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, streams + ".err", made, 0o600)

    // A test runner may ignore signals that jotmill must get.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))

    // The shell goes to the directory and becomes the program.
    let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, directory]
    var arguments = (shell + words).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid: pid_t = 0
    let failure = posix_spawn(&pid, shell[0], &actions, &attributes, &arguments, &variables)
    if ends[0] >= 0 { close(ends[0]) }
    feed = ends[1]
    id = pid
    guard failure == 0 else { throw ChildError(description: "\(words[0]): errno \(failure)") }
  }

  deinit { closeInput() }

  // MARK: While it runs

  /// Feeds the pipe; false when the child reads no more.
  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    signal(SIGPIPE, SIG_IGN)
    var done = 0
    while done < bytes.count {
      let n = bytes.withUnsafeBytes {
        Foundation.write(feed, $0.baseAddress! + done, $0.count - done)
      }
      guard n > 0 else { return false }
      done += n
    }
    return true
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func closeInput() {
    if feed >= 0 { close(feed) }
    feed = -1
  }

  func send(_ number: Int32) { kill(id, number) }

  /// What it has written to standard output so far.
  var outputSoFar: [UInt8] { Self.contents(streams + ".out") }

  /// Waits until `condition` holds of its output.
  func waitForOutput(seconds: Double, _ condition: ([UInt8]) -> Bool) -> Bool {
    let limit = Date(timeIntervalSinceNow: seconds)
    while !condition(outputSoFar) {
      guard Date() < limit else { return false }
      usleep(2000)
    }
    return true
  }

  /// The most memory that it has held, in KiB. Its own: a child that has just been made shares its
  /// parent's figure in `getrusage`.
  var peakMemory: Int? {
    let status = String(decoding: Self.contents("/proc/\(id)/status"), as: UTF8.self)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Int($0.split(separator: " ").dropLast().last ?? "") }
  }

  // MARK: Its end

  /// Waits for it; one that takes too long is killed and reported.
  func end() throws -> Outcome {
    closeInput()
    var state: Int32 = 0
    while waitpid(id, &state, WNOHANG) == 0 {
      if Date() > deadline {
        kill(id, SIGKILL)
        waitpid(id, &state, 0)
        throw ChildError(description: "process \(id) did not end in time")
      }
      usleep(1000)
    }
    let signal = state & 0x7f
    let outcome = Outcome(
      status: signal == 0 ? state >> 8 & 0xff : 128 + signal,
      out: Self.contents(streams + ".out"), err: Self.contents(streams + ".err"))
    unlink(streams + ".out")
    unlink(streams + ".err")
    return outcome
  }

  static func contents(_ path: String) -> [UInt8] {
    [UInt8](FileManager.default.contents(atPath: path) ?? Data())
  }
}
