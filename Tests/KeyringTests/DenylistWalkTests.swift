// Random changes of a followed denylist, judged by what a fresh load of the file answers, and the
// measurement of a large list.
// Owns: the walk.

import Files
import JOSE
import Keyring
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Chooses changes of a file so that it is good most of the time.
private struct Walk {
  var random: Seeded
  private let names = (0..<12).map { "name \($0)" }

  mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
  mutating func one<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

  mutating func line() -> String {
    let revokedAt = one(["", ",\"revoked_at\":\(below(50))"])
    let issuer = one(["", ",\"iss\":\"\(one(["a", "b"]))\""])
    let kind = one(["jti", "family", "sub", "kid"])
    let before = kind == "sub" ? ",\"before\":\(below(50))" : ""
    return "{\"\(kind)\":\"\(one(names))\"\(before)\(issuer)\(revokedAt)}\n"
  }

  mutating func lines(_ most: Int) -> String { (0..<below(most)).map { _ in line() }.joined() }

  /// Lines and part of another one.
  mutating func torn(_ most: Int) -> String {
    let last = line()
    return lines(most) + last.prefix(below(last.count))
  }

  mutating func token() -> (claims: String, kid: String) {
    let members = ["jti", "family", "sub"].map { "\"\($0)\":\"\(one(names))\"" }
    let claims = (members + ["\"iss\":\"\(one(["a", "b", "c"]))\"", "\"iat\":\(below(50))"])
      .shuffled(using: &random).prefix(1 + below(4))
    return ("{\(claims.joined(separator: ","))}", one(names))
  }

  mutating func change(_ file: inout Followed) throws {
    let size = try file.size
    switch below(20) {
    case 0...7: file.append(lines(4))
    case 8...9: file.append(torn(3))
    // The newline ends a torn line, well or badly.
    case 10...11: file.append("\n" + lines(3))
    case 12: file.cut(to: below(size + 1))
    case 13...14: file.cut(to: lastNewline(try file.folder.contents("denylist.ndjson")))
    case 15: file.rewrite(lines(30))
    case 16: file.patch(lines(3), at: below(size + 1))
    case 17: file.append("{\"jti\":7}\n")
    case 18: file.touch()
    default: try file.replace(one([lines(10), lines(400), torn(5), ""]))
    }
  }

  private func lastNewline(_ text: String) -> Int {
    let bytes = Array(text.utf8)
    return bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
  }
}

@Suite struct DenylistWalkTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>, [0, 4096, 64 << 20])
  func `after each refresh the answers are those of a fresh load`(
    seed: UInt64, largeFrom: Int
  ) throws {
    var walk = Walk(random: Seeded(seed))
    var file = try Followed(walk.lines(400), largeFrom: largeFrom)
    var twin = try Denylist.load(file.path)
    var (good, bad, appended) = (0, 0, 0)
    for step in 0..<100 {
      for _ in 0..<1 + walk.below(3) { try walk.change(&file) }
      do {
        twin = try Denylist.load(file.path)
        _ = try file.follower.refresh()
        good += 1
      } catch let error as KeyringError {
        // Whichever of the two threw, the other says the same.
        for attempt in [
          { _ = try Denylist.load(file.path) }, { _ = try file.follower.refresh() },
        ] {
          #expect { try attempt() } throws: { "\($0)" == error.detail }
        }
        bad += 1
        // Else it would stay bad for long.
        if walk.below(3) == 0 { try file.replace(walk.lines(300)) }
      }
      if file.follower.lists.count > 1 { appended += 1 }
      var found = 0
      for _ in 0..<20 {
        let (claims, kid) = walk.token()
        let match = try file.follower.lists.match(claims: claims, kid: kid)
        #expect(
          try match == [twin].match(claims: claims, kid: kid), "step \(step): \(claims), \(kid)")
        if match != nil { found += 1 }
      }
    }
    #expect(good > 20 && bad > 5 && appended > 10, "\(good) \(bad) \(appended)")
  }

  private static var measured: Int? {
    Process.environment("JOTMILL_MEASURE_DENYLIST").flatMap { Int($0) }
  }

  /// Lines of `count` UUIDs, about 1 MiB at a time.
  private func write(
    _ count: Int, _ random: inout Seeded, to output: ([UInt8]) throws -> Void
  ) throws {
    var lines: [UInt8] = []
    for i in 0..<count {
      lines.append("{\"iss\":\"https://auth.example.com/\",\"jti\":\"")
      lines += Self.uuid(&random)
      lines.append("\",\"revoked_at\":\"2026-11-21T07:00:")
      lines.append(decimal: 10 + i % 50)
      lines.append("Z\",\"exp\":1795000000}\n")
      if lines.count > 1 << 20 || i == count - 1 {
        try output(lines)
        lines.removeAll(keepingCapacity: true)
      }
    }
  }

  private static func uuid(_ random: inout Seeded) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    var bits: UInt64 = 0
    for i in 0..<36 {
      if i % 16 == 0 { bits = random.next() }
      text.append([8, 13, 18, 23].contains(i) ? UInt8(ascii: "-") : digits[Int(bits & 15)])
      bits >>= 4
    }
    return text
  }

  /// For a release build, alone, since the memory is the process's:
  /// `JOTMILL_MEASURE_DENYLIST=8000000 swift test -c release -Xswiftc -enable-testing --filter 'a large list is followed'`.
  /// At its end the file holds a quarter more.
  @Test(.enabled(if: measured != nil))
  func `a large list is followed within its bounds`() throws {
    let count = try #require(Self.measured)
    try #require(count >= 100_000, "a quarter of it is more than is always kept apart")
    var file = try Followed("")
    var random = Seeded(1)
    func report(_ what: String, _ body: () throws -> Void) throws {
      let (start, startClock) = (Clock.monotonic, clock())
      try body()
      let spent = Double(clock() - startClock) / Double(CLOCKS_PER_SEC)
      let peak = Process.peakMemory >> 20
      print("\(what): \(Clock.monotonic - start) s (\(spent) s of the processor), peak \(peak) MiB")
    }
    func refresh(_ what: String) throws {
      var hasChanged = false
      try report(what) { hasChanged = try file.follower.refresh() }
      #expect(hasChanged)
    }
    func replace() throws {
      let other = "\(file.folder.path)/other"
      let output = try OpenFile.open(other, .create(mode: 0o600))
      try write(count, &random) { try output.write($0) }
      file.replace(with: other)
    }
    func append(_ count: Int) throws {
      try write(count, &random) { file.append(String(decoding: $0, as: UTF8.self)) }
    }

    try replace()
    print("before: peak \(Process.peakMemory >> 20) MiB")
    try refresh("load of \(count)")
    try report("1000 refreshes without a change") {
      for _ in 0..<1000 where try file.follower.refresh() { Issue.record("nothing changed") }
    }
    try append(1000)
    try refresh("1000 lines appended")
    #expect(file.follower.lists.count == 2)
    file.append("x\n")
    try report("a bad line appended") {
      do {
        _ = try file.follower.refresh()
        Issue.record("the line is bad")
      } catch is KeyringError {}
    }
    try replace()
    try refresh("replaced by as many")
    #expect(file.follower.lists.count == 1)
    #expect(Process.peakMemory < 512 << 20)

    try append(count / 4 - 1000)
    try refresh("\(count / 4 - 1000) appended, as many as are kept apart")
    try append(1000)
    try refresh("1000 more appended")
    #expect(file.follower.lists.count == 2)
    #expect(count > 8_000_000 || Process.peakMemory < 512 << 20)
    try append(1)
    try refresh("one more, so that all is read")
    #expect(file.follower.lists.count == 1)
    #expect(count > 8_000_000 || Process.peakMemory < 512 << 20)
  }
}
