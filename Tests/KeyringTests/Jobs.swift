// Other processes for the tests of files that several append to: the test program itself, started
// again to do one job.
// Owns: these processes and what they report. Must never: outlive the test that started them.

import Dispatch
import Files
import JOSE
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a process is to do. It reports each outcome, after the call that gave it, in a file.
struct Job {
  enum Kind: String { case spend, revoke, prune, pruneList }
  var kind: Kind
  var ring: String
  var report: String
  var seed: UInt64
  var threads = 1
  var calls = 10
  /// How many tokens there are to choose from, and most of them in one call.
  var tokens = 100
  var most = 20
  /// 0: none; else no file may become longer.
  var fileLimit = 0

  private static let variable = "JOTMILL_TEST_JOB"

  /// The job of this process, if it was started to do one.
  static var mine: Job? {
    guard let text = Process.environment(variable) else { return nil }
    let parts = text.split(separator: "\n").map { String($0) }
    let numbers = parts[3...].compactMap { Int($0) }
    return Job(
      kind: Kind(rawValue: parts[0])!, ring: parts[1], report: parts[2], seed: UInt64(numbers[0]),
      threads: numbers[1], calls: numbers[2], tokens: numbers[3], most: numbers[4],
      fileLimit: numbers[5])
  }

  /// Starts a process that does it. `fault`: as in JOTMILL_FAULT.
  func start(fault: String? = nil) throws -> pid_t {
    let numbers = [Int(seed), threads, calls, tokens, most, fileLimit].map { String($0) }
    let text = ([kind.rawValue, ring, report] + numbers).joined(separator: "\n")
    var environment = ["\(Self.variable)=\(text)", "SWIFT_BACKTRACE=enable=no"]
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] {
      if let value = Process.environment(name) { environment.append("\(name)=\(value)") }
    }
    if let fault { environment.append("JOTMILL_FAULT=\(fault)") }
    let program = "/proc/self/exe"
    let words = [program, "--testing-library", "swift-testing", "--filter", "JobTests"]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, 1, "\(report).log", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var id: pid_t = 0
    let failure = posix_spawn(&id, program, &actions, nil, &arguments, &variables)
    try #require(failure == 0, "errno \(failure)")
    return id
  }

  /// Waits for a process. Whether it ended as it should; false where it was killed.
  static func end(_ id: pid_t) throws -> Bool {
    var state: Int32 = 0
    while waitpid(id, &state, 0) != id { try #require(errno == EINTR) }
    if state & 0x7f == SIGKILL { return false }
    try #require(state == 0, "a job ended with state \(state)")
    return true
  }

  /// Runs it to its end.
  func run(fault: String? = nil) throws -> Bool { try Self.end(start(fault: fault)) }

  /// Waits until `condition` holds, for a minute.
  static func wait(for condition: () throws -> Bool) throws {
    let limit = Clock.monotonic + 60
    while try !condition() {
      try #require(Clock.monotonic < limit, "the jobs do nothing")
      usleep(5000)
    }
  }

  // MARK: Doing it

  static let now = Timestamp(seconds: 1_800_000_000)

  /// One of four issuers, and a text of one of three kinds. Every second token expires soon.
  static func token(_ i: Int) -> GrantLedger.Spending {
    var random = Seeded(UInt64(i))
    let jti =
      i % 3 == 0
      ? "token \(i) é\n" : i % 3 == 1 ? uuid(&random) : uuid(&random).uppercased()
    return .init(
      iss: [nil, "", "https://a/", "b\"\\"][i % 4].map { ByteString($0) }, jti: ByteString(jti),
      family: nil, exp: now + Seconds(i % 2 == 0 ? 0 : 1_000_000))
  }

  static func uuid(_ random: inout Seeded) -> String {
    let c = Array((0..<2).map { _ in String(random.next() | 1 << 63, radix: 16) }.joined())
    return [c[0..<8], c[8..<12], c[12..<16], c[16..<20], c[20..<32]].map { String($0) }
      .joined(separator: "-")
  }

  /// Twelve each for a text, some of which make others needless.
  static func entry(_ i: Int) -> DenylistWriter.Entry {
    let (token, variant) = (token(i / 12), Int64(i % 12))
    let before = now + Seconds(variant % 6 * 10)
    let subjects: [DenylistWriter.Entry.Subject] = [
      .jti(token.jti), .family(token.jti), .kid(token.jti), .sub(token.jti, before: before),
    ]
    return .init(
      subjects[i / 24 % 4], iss: variant % 3 == 0 ? nil : token.iss,
      exp: variant % 5 == 0 ? nil : token.exp + Seconds(variant % 7),
      revokedAt: now + Seconds(variant % 4))
  }

  func perform() {
    if fileLimit > 0 {
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: rlim_t(fileLimit), rlim_max: rlim_t(fileLimit))
      #if canImport(Glibc)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #else
        setrlimit(RLIMIT_FSIZE, &limit)
      #endif
    }
    let output = open(report, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    @Sendable func say(_ text: String) {
      let bytes = Array(text.utf8)
      precondition(write(output, bytes, bytes.count) == bytes.count, "the report is written")
    }
    do {
      let directory = try RingDirectory.open(ring)
      switch kind {
      case .prune:
        let ledger = try GrantLedger(directory)
        for _ in 0..<calls {
          say("P \(try ledger.prune(before: Self.now + Seconds(100), slack: Seconds(60)))\n")
          usleep(2000)
        }
      case .pruneList:
        let list = try DenylistWriter(directory)
        for _ in 0..<calls {
          let count = try list.prune(
            at: Self.now + Seconds(100), slack: Seconds(60), longestLife: Seconds(1000))
          say("P \(count)\n")
          usleep(2000)
        }
      case .spend:
        let ledger = try GrantLedger(directory)
        inThreads { thread, random in
          for call in 0..<calls { spend(ledger, thread, call, &random, say) }
        }
      case .revoke:
        let list = try DenylistWriter(directory)
        inThreads { _, random in for _ in 0..<calls { revoke(list, &random, say) } }
      }
    } catch {
      say("E \(error)\n")
    }
  }

  private func inThreads(_ body: @escaping @Sendable (Int, inout Seeded) -> Void) {
    let group = DispatchGroup()
    for thread in 0..<threads {
      // A queue of its own is a thread of its own.
      DispatchQueue(label: "\(thread)").async(group: group) {
        var random = Seeded(seed &* 1000 &+ UInt64(thread))
        body(thread, &random)
      }
    }
    group.wait()
  }

  private func chosen(_ random: inout Seeded) -> [Int] {
    (0..<1 + Int(random.next() % UInt64(most))).map { _ in Int(random.next() % UInt64(tokens)) }
  }

  private func spend(
    _ ledger: GrantLedger, _ thread: Int, _ call: Int, _ random: inout Seeded,
    _ say: (String) -> Void
  ) {
    let chosen = chosen(&random)
    let time = Self.now + Seconds(Int64(random.next() % 1000))
    let requests = chosen.enumerated().map { place, i in
      var token = Self.token(i)
      let family = "\(seed)/\(thread)/\(call)/\(place)"
      token.family = place % 5 == 0 ? nil : ByteString(place % 2 == 0 ? Self.uuid(&random) : family)
      return token
    }
    do {
      let outcomes = try ledger.spend(requests, at: time)
      say(
        zip(zip(chosen, requests), outcomes).map { token, outcome in
          switch outcome {
          case .spent: "S \(token.0) \(time.seconds) \(token.1.family ?? "-")\n"
          case .reused(let at, let family): "R \(token.0) \(at.seconds) \(family ?? "-")\n"
          }
        }.joined())
    } catch {
      say("E \(error)\n")
    }
  }

  private func revoke(
    _ list: DenylistWriter, _ random: inout Seeded, _ say: (String) -> Void
  ) {
    let chosen = chosen(&random)
    do {
      let outcomes = try list.append(chosen.map { Self.entry($0) }, at: Self.now)
      say(zip(chosen, outcomes).map { "\($1 == .added ? "S" : "R") \($0)\n" }.joined())
    } catch {
      say("E \(error)\n")
    }
  }
}

@Suite struct JobTests {
  @Test(.enabled(if: Job.mine != nil))
  func `does the job of a process that a test has started`() throws {
    Job.mine?.perform()
    exit(0)
  }
}

/// What jobs have reported, line by line and word by word.
struct Reports {
  var spent: [[Substring]] = []
  var known: [[Substring]] = []
  var errors: [String] = []
  var pruned = 0

  init(_ folder: Folder, _ names: [String]) throws {
    for name in names where try OpenFile.status(at: "\(folder.path)/\(name)") != nil {
      for line in try folder.contents(name).split(separator: "\n") {
        let words = line.split(separator: " ", maxSplits: 3)
        switch words[0] {
        case "S": spent.append(words)
        case "R": known.append(words)
        case "P": pruned += Int(words[1])!
        default: errors.append(String(line))
        }
      }
    }
  }
}
