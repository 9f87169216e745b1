// Many refresh tokens over several processes at once, some of which are killed: each is exchanged
// once. And what a login tells about users by the time that it takes.
//
//   JOTMILL_LONG=1   a million requests; 200 logins of each kind at the cost that is the default
//   JOTMILL          the program, such as a release build
//
// Owns: these measurements.

import Foundation
import Testing

@Suite("Grants by several processes", .serialized)
struct GrantProcessTests {
  private static let isLong = ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil

  /// A part of the requests, and the ids that they are about.
  private struct Part {
    var name: String
    var ids: [String] = []
  }

  /// `requests` with every 100th a second time, somewhere else, in parts.
  private static func parts(_ grants: Grants, _ count: Int) throws -> [Part] {
    var all = try grants.requests.map { (try Grants.id($0), $0) }
    all += stride(from: 0, to: all.count, by: 100).map { all[$0] }
    all.shuffle()
    let size = (all.count + count - 1) / count
    return try (0..<count).map { i in
      let own = all[i * size..<min((i + 1) * size, all.count)]
      let part = Part(name: "part\(i)", ids: own.map(\.0))
      try grants.space.write(part.name, own.map { $0.1 + "\n" }.joined())
      return part
    }
  }

  private static func start(_ grants: Grants, _ part: Part, _ name: String) throws -> Child {
    try Child(
      [Child.program, "grant", "-q", "--no-users", "--rotate-refresh", part.name],
      in: grants.space.work, environment: grants.space.environment,
      output: "\(grants.space.work)/\(name)", seconds: 3000)
  }

  /// Counts a run's exchanges; the last line of one that was killed may be a part of one.
  private static func count(
    _ grants: Grants, _ name: String, _ part: Part, _ exchanged: inout [String: Int]
  ) throws -> Int {
    let text = String(decoding: grants.space.read(name), as: UTF8.self)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeLast()
    for (id, line) in zip(part.ids, lines) {
      if line.hasPrefix("{\"access_token\"") {
        exchanged[id, default: 0] += 1
      } else {
        // Later than the grace the first one of them revokes the family.
        #expect(line.contains("exchanged before") || line.contains("revoked_token"), "\(line)")
      }
    }
    return lines.count
  }

  @Test("each token is exchanged once by four processes, of which two are killed and run again")
  func once() throws {
    let grants = try Grants("EdDSA", count: Self.isLong ? 1_000_000 : 3000)
    let parts = try Self.parts(grants, 4)
    let begin = Date()
    let first = try parts.map { try Self.start(grants, $0, $0.name + ".out") }
    for (i, child) in first.enumerated() where i % 2 == 0 {
      let path = "\(grants.space.work)/\(parts[i].name).out"
      let enough = parts[i].ids.count * 40  // about a tenth
      while (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0 < enough,
        kill(child.id, 0) == 0
      { usleep(500) }
      child.send(SIGKILL)
    }
    for (i, child) in first.enumerated() {
      let status = try child.end().status
      // Where it was first with every token that stands there twice it has refused none.
      #expect([0, 1].contains(status) || i % 2 == 0 && status == 128 + SIGKILL, "\(status)")
    }
    let spent = try grants.spent(isWhole: false)
    var exchanged: [String: Int] = [:]
    var answered = 0
    for part in parts {
      answered += try Self.count(grants, part.name + ".out", part, &exchanged)
    }
    for id in exchanged.keys { #expect(spent.contains(id), "\(id) was answered, not recorded") }
    // Their tokens were spent, and nobody was told: at most what was in flight in two processes.
    let lost = spent.count - exchanged.count
    #expect(lost <= 2 * 6 * 128, "\(lost)")

    let second = try [0, 2].map { try Self.start(grants, parts[$0], parts[$0].name + ".again") }
    for child in second { #expect([0, 1].contains(try child.end().status)) }
    let seconds = Date().timeIntervalSince(begin)
    for i in [0, 2] {
      let lines = try Self.count(grants, parts[i].name + ".again", parts[i], &exchanged)
      #expect(lines == parts[i].ids.count)
      answered += lines
    }
    #expect(exchanged.values.allSatisfy { $0 == 1 })
    let all = try grants.spent()
    #expect(all.count == grants.requests.count)
    #expect(all.count - exchanged.count <= 2 * 6 * 128)
    print(
      """
      grant: \(answered) requests for \(all.count) tokens in \(Int(seconds)) s by 4 processes: \
      \(Int(Double(answered) / seconds)) a second; \(all.count - exchanged.count) spent by a \
      process that was killed before it could say so
      """)
  }

  /// How long each of `lines` takes to be answered, asked in turns in random order.
  private static func times(
    _ space: Workspace, _ words: [String], _ lines: [String], count: Int
  ) throws -> [[Double]] {
    let child = try Pipes(space, words)
    defer { child.end() }
    var times = [[Double]](repeating: [], count: lines.count)
    for line in lines { _ = child.ask(line) }
    for _ in 0..<count {
      for i in lines.indices.shuffled() { times[i].append(child.ask(lines[i])) }
    }
    return times
  }

  /// How far the ranks of `a` among both lie from what chance gives, in standard deviations
  /// (Mann-Whitney).
  static func deviation(_ a: [Double], _ b: [Double]) -> Double {
    let all = (a.map { ($0, true) } + b.map { ($0, false) }).sorted { $0.0 < $1.0 }
    let sum = all.enumerated().reduce(0.0) { $0 + ($1.element.1 ? Double($1.offset + 1) : 0) }
    let (n, m) = (Double(a.count), Double(b.count))
    let u = sum - n * (n + 1) / 2
    return (u - n * m / 2) / (n * m * (n + m + 1) / 12).squareRoot()
  }

  @Test("an unknown user, a disabled one and a wrong password take the same time")
  func timing() throws {
    let grants = try Grants(count: 0)
    let cost = Self.isLong ? "16384,8,1" : "8192,8,1"
    let made = try grants.space.shell(
      """
      for n in carl dora; do printf 'a' | jotmill users add -q $n --scrypt \(cost); done
      jotmill users disable -q dora
      """)
    #expect(made.status == 0, "\(made.errors)")
    let lines = [
      Grants.login("nobody"), Grants.login("carl", "b"), Grants.login("dora", "a"),
      Grants.login("nobodyelse", "b"),
    ]
    // Others of this machine disturb: a difference that is there is there each time.
    var seen: [[Double]] = []
    for _ in 1...3 {
      let times = try Self.times(
        grants.space, ["grant", "-q", "-j", "1", "--scrypt", cost], lines,
        count: Self.isLong ? 200 : 25)
      let deviations = [
        Self.deviation(times[0], times[1]), Self.deviation(times[2], times[1]),
        Self.deviation(times[0], times[3]),
      ]
      seen.append(deviations)
      let medians = times.map { $0.sorted()[$0.count / 2] * 1000 }
      print("grant: medians in ms of unknown, wrong, disabled: \(medians.prefix(3))")
      print("grant: standard deviations from equal: \(deviations)")
      if deviations.allSatisfy({ abs($0) < 3.5 }) { return }
    }
    Issue.record("the times differ: \(seen)")
  }
}

/// A child between two pipes: what it answers is there without a wait between two looks.
private final class Pipes {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(_ space: Workspace, _ words: [String]) throws {
    process.executableURL = URL(fileURLWithPath: Child.program)
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: space.work)
    process.environment = space.environment
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  /// Seconds until the answer to `line`.
  func ask(_ line: String) -> Double {
    let begin = DispatchTime.now().uptimeNanoseconds
    input.fileHandleForWriting.write(Data(line.utf8))
    let answer = output.fileHandleForReading.availableData
    #expect(answer.last == 0x0a)
    return Double(DispatchTime.now().uptimeNanoseconds - begin) / 1e9
  }

  func end() {
    input.fileHandleForWriting.closeFile()
    process.waitUntilExit()
  }
}
