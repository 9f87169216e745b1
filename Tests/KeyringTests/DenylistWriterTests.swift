// Adding to a denylist: what is written, what is needless, what is pruned, and random walks of several
// writers on one file against a plain twin.
// Owns: lists in temporary folders.

import Files
import JOSE
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

private let now = Timestamp(seconds: 1_800_000_000, nanoseconds: 250_000_000)

private func time(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }

/// A list, written to and followed.
private struct Site {
  let folder = Folder()
  var path: String { "\(folder.path)/denylist.ndjson" }
  var text: String { get throws { try folder.contents("denylist.ndjson") } }

  init(_ text: String? = nil) throws {
    if let text { try folder.file("denylist.ndjson", text) }
  }

  func writer() throws -> DenylistWriter { try DenylistWriter(path: path) }

  func append(_ text: String) {
    let file = open(path, O_WRONLY | O_APPEND)
    let bytes = Array(text.utf8)
    precondition(write(file, bytes, bytes.count) == bytes.count, "all is written")
    close(file)
  }
}

@Suite struct DenylistWriterTests {
  @Test func `entries are written once, as verifiers read them`() throws {
    let site = try Site()
    let writer = try site.writer()
    #expect(try writer.append([], at: now).isEmpty)
    #expect(try OpenFile.status(at: site.path) == nil)
    let entries: [DenylistWriter.Entry] = [
      .init(.jti("a"), iss: "i", type: .access, exp: time(1_800_000_900)),
      .init(.family("f\n"), type: .refresh, exp: now, revokedAt: time(0)),
      .init(.kid("k"), revokedAt: now),
      .init(.sub("s", before: now), iss: ""),
      .init(.jti("a"), iss: "i", type: .refresh, exp: time(1_800_000_900)),
    ]
    #expect(
      try writer.append(entries, at: now) == [.added, .added, .added, .added, .alreadyThere])
    let text = """
      {"iss":"i","jti":"a","type":"access","exp":1800000900,"revoked_at":"2027-01-15T08:00:00Z"}
      {"family":"f\\n","type":"refresh","exp":1800000001,"revoked_at":"1970-01-01T00:00:00Z"}
      {"kid":"k","revoked_at":"2027-01-15T08:00:00.25Z"}
      {"iss":"","sub":"s","before":"2027-01-15T08:00:00.25Z","revoked_at":"2027-01-15T08:00:00Z"}

      """
    #expect(try site.text == text)
    #expect(try site.folder.mode("denylist.ndjson") == 0o644)
    for writer in [writer, try site.writer()] {
      #expect(
        try writer.append(entries, at: now + Seconds(5)).allSatisfy { $0 == .alreadyThere })
    }
    #expect(try site.text == text)
    let list = try [Denylist.load(site.path)]
    #expect(
      try list.match(claims: #"{"iss":"i","jti":"a"}"#)
        == .init(revokedAt: time(1_800_000_000)))
    #expect(try list.match(claims: #"{"family":"f\n"}"#) == .init(revokedAt: time(0)))
    #expect(try list.match(claims: "{}", kid: "k") == .init(revokedAt: now))
    #expect(try list.match(claims: #"{"iss":"","sub":"s","iat":1800000000.2}"#) != nil)
    #expect(try list.match(claims: #"{"iss":"","sub":"s","iat":1800000000.25}"#) == nil)
  }

  @Test func `a ring's list is the one its verifiers read`() throws {
    let folder = Folder()
    let ring = try RingDirectory.make(
      "\(folder.path)/ring", policy: Sample.policy(), at: Sample.start)
    #expect(try DenylistWriter(ring).append([.init(.jti("a"))], at: now) == [.added])
    #expect(try [Denylist.load(ring.denylistPath)].match(claims: #"{"jti":"a"}"#) != nil)
  }

  /// Each pair: what is there, and what is asked for.
  @Test func `an entry is needless only if another revokes as much, as early and as long`() throws {
    func jti(_ iss: ByteString?, _ exp: Int64?, _ at: Int64) -> DenylistWriter.Entry {
      .init(.jti("a"), iss: iss, exp: exp.map { time($0) }, revokedAt: time(at))
    }
    func sub(_ before: Int64, _ at: Int64) -> DenylistWriter.Entry {
      .init(.sub("a", before: time(before)), revokedAt: time(at))
    }
    let needless = [
      (jti("i", 9, 5), jti("i", 9, 5)), (jti("i", 9, 5), jti("i", 8, 6)),
      (jti("i", nil, 5), jti("i", 9, 5)), (jti(nil, 9, 5), jti("i", 9, 5)),
      (sub(9, 5), sub(9, 5)), (sub(9, 5), sub(8, 6)),
    ]
    let needed = [
      (jti("i", 9, 5), jti("i", 10, 5)), (jti("i", 9, 5), jti("i", nil, 5)),
      (jti("i", 9, 5), jti("i", 9, 4)), (jti("i", 9, 5), jti(nil, 9, 5)),
      (jti("i", 9, 5), jti("j", 9, 5)), (jti("i", 9, 5), jti("", 9, 5)), (sub(9, 5), sub(10, 5)),
      (sub(9, 5), sub(9, 4)), (sub(9, 5), jti(nil, nil, 5)),
      (jti(nil, nil, 5), .init(.kid("a"), revokedAt: time(5))),
    ]
    for (pairs, outcome) in [
      (needless, DenylistWriter.Outcome.alreadyThere), (needed, DenylistWriter.Outcome.added),
    ] {
      for (there, asked) in pairs {
        let one = try Site()
        #expect(
          try one.writer().append([there, asked], at: now) == [.added, outcome], "\(there) \(asked)"
        )
        let two = try Site()
        let writer = try two.writer()
        #expect(try writer.append([there], at: now) == [.added])
        #expect(try writer.append([asked], at: now) == [outcome], "\(there) \(asked)")
        let three = try Site(try two.text)
        #expect(try three.writer().append([asked], at: now) == [.alreadyThere])
      }
    }
    // What a person wrote without a time holds since ever.
    let site = try Site(#"{"jti":"a"}"# + "\n" + #"{"sub":"a","before":5.5}"# + "\n")
    #expect(
      try site.writer().append([jti("i", nil, 0), sub(5, 0), sub(6, 0)], at: now)
        == [.alreadyThere, .alreadyThere, .added])
  }

  @Test func `what can't be written is refused, and nothing of the call is added`() throws {
    let site = try Site()
    let writer = try site.writer()
    let long = ByteString(String(repeating: "x", count: 80_000))
    for bad: DenylistWriter.Entry in [
      .init(.jti(long)), .init(.kid("k"), iss: long), .init(.family(ByteString([0xff]))),
      .init(.sub("s", before: Timestamp(seconds: .max))), .init(.jti("a"), revokedAt: time(.min)),
      .init(.jti("b"), reason: long), .init(.jti("b"), reason: ByteString([0xc0, 0x80])),
    ] {
      #expect(!bad.isStorable)
      #expect(throws: KeyringError(.badFormat, "")) {
        try writer.append([.init(.jti("a")), bad], at: now)
      }
    }
    let longest = ByteString([UInt8](repeating: 1, count: 79_999))
    #expect(
      try writer.append(
        [
          .init(.jti("a")),
          .init(
            .kid(longest), iss: longest, reason: ByteString([UInt8](repeating: 1, count: 3999))),
        ], at: now) == [.added, .added])
    #expect(try !Denylist.load(site.path).isEmpty)
    site.folder.link("link", to: site.path)
    #expect(throws: FileError.self) { try DenylistWriter(path: "\(site.folder.path)/link") }
    #expect(throws: FileError.self) { try DenylistWriter(path: "\(site.folder.path)/") }
  }

  @Test func `a torn line of any length is cut, and a whole one without its newline is kept`()
    throws
  {
    let lines = [#"{"jti":"a"}"# + "\n", #"{"iss":"é","family":"b","exp":5}"# + "\n"]
    for length in 1..<lines[1].utf8.count {
      let torn = String(decoding: lines[1].utf8.prefix(length), as: UTF8.self)
      let isWhole = length == lines[1].utf8.count - 1
      let site = try Site(lines[0] + torn)
      let writer = try site.writer()
      #expect(try writer.append([.init(.jti("c"))], at: now) == [.added])
      let all = try site.text
      #expect(all.hasPrefix(lines[0] + (isWhole ? lines[1] : "") + #"{"jti":"c""#), "\(torn)")
      #expect(all.split(separator: "\n").count == (isWhole ? 3 : 2) && all.hasSuffix("\n"))
      site.append(torn)
      #expect(try writer.append([.init(.jti("a"))], at: now) == [.alreadyThere])
      _ = try Denylist.load(site.path)
    }
  }

  @Test func `pruning drops what is dead to the second, and keeps the rest as it was`() throws {
    let kept = [
      #"{"jti":"a","exp":100.5}"#, #"{"kid":"k","reason":"é"}"#, " ",
      #"{"family":"f", "exp":"1970-01-01T00:01:41Z"}"#, #"{"sub":"s","before":51}"#,
      #"{"sub":"t","before":50.000000001,"exp":200}"#,
    ]
    let gone = [
      #"{"jti":"b","exp":100}"#, #"{"sub":"u","before":50,"exp":200}"#,
      #"{"sub":"v","before":90,"exp":99}"#, #"{"kid":"l","exp":7}"#,
    ]
    let text = zip(kept, gone + ["", ""]).map { "\($0)\n" + ($1.isEmpty ? "" : "\($1)\n") }.joined()
    let site = try Site(text)
    chmod(site.path, 0o640)
    let (one, other) = (try site.writer(), try site.writer())
    var follower = try DenylistFollower(path: site.path, mayBeMissing: false)
    func prune(_ now: Int64) throws -> Int {
      try one.prune(at: time(now), slack: Seconds(10), longestLife: Seconds(50))
    }
    #expect(try prune(16) == 0 && site.text == text)
    #expect(try prune(110) == gone.count)
    #expect(try site.text == kept.map { "\($0)\n" }.joined())
    #expect(try site.folder.mode("denylist.ndjson") == 0o640)
    #expect(try follower.refresh() && follower.lists.match(claims: #"{"jti":"b"}"#) == nil)
    #expect(try follower.lists.match(claims: #"{"jti":"a"}"#) != nil)
    let entries: [DenylistWriter.Entry] = [
      .init(.jti("a"), exp: time(100)), .init(.jti("b"), exp: time(100)),
    ]
    #expect(try other.append(entries, at: now) == [.alreadyThere, .added])
    #expect(try one.append(entries, at: now) == [.alreadyThere, .alreadyThere])
    // Where nobody knows how long tokens live, a subject's entry stays until its own end.
    let subjects = try Site(
      #"{"sub":"s","before":1}"# + "\n" + #"{"sub":"t","before":1,"exp":2}"# + "\n")
    #expect(try subjects.writer().prune(at: time(9999), slack: Seconds(1), longestLife: nil) == 1)
    #expect(try subjects.text == #"{"sub":"s","before":1}"# + "\n")
  }

  /// Else whoever waited would revoke from earlier on than the one before, and so once more.
  @Test func `the time is asked for when nobody else can append any more`() throws {
    let site = try Site()
    var isLocked: [Bool] = []
    func tick() -> Timestamp {
      let lock = open(site.path + ".lock", O_RDWR)
      isLocked.append(flock(lock, LOCK_EX | LOCK_NB) != 0)
      close(lock)
      return now
    }
    let entries: [DenylistWriter.Entry] = [
      .init(.jti("a"), reason: "lost \"it\""), .init(.jti("a")), .init(.jti("b")),
    ]
    #expect(
      try site.writer().append(entries, at: tick()) == [.added, .alreadyThere, .added])
    #expect(isLocked == [true])
    #expect(try site.text.contains(#""reason":"lost \"it\""}"# + "\n"))
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `a random walk of several writers does as a plain twin, and a follower sees it`(
    seed: UInt64
  ) throws {
    let site = try Site("")
    var random = Seeded(seed)
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    var writers = try (0..<3).map { _ in try site.writer() }
    var follower = try DenylistFollower(path: site.path, mayBeMissing: false)
    var twin: [PlainEntry] = []
    var (added, there, pruned) = (0, 0, 0)
    for step in 0..<100 {
      let time = Job.now + Seconds(Int64(step))
      switch below(12) {
      case 0: writers[below(3)] = try site.writer()
      case 1: site.append(String(#"{"jti":"torn","exp":1800000"#.prefix(1 + below(30))))
      case 2:
        let gone = twin.filter { entry in
          if let exp = entry.exp, Int64(exp) + 5 <= time.seconds { return true }
          return entry.before.map { $0.seconds + 45 <= time.seconds } ?? false
        }
        twin.removeAll { gone.contains($0) }
        #expect(
          try writers[below(3)].prune(at: time, slack: Seconds(5), longestLife: Seconds(40))
            == gone.count)
        pruned += gone.count
      default:
        let entries = (0..<below(40)).map { _ in
          var entry = Job.entry(below(300))
          if below(3) == 0 { entry.revokedAt = nil }
          if below(2) == 0 { entry.exp = time + Seconds(Int64(below(50))) }
          return entry
        }
        let expected = entries.map { entry -> DenylistWriter.Outcome in
          let plain = PlainEntry(entry, at: time)
          if twin.contains(where: { $0.covers(plain) }) { return .alreadyThere }
          twin.append(plain)
          return .added
        }
        #expect(try writers[below(3)].append(entries, at: time) == expected, "step \(step)")
        added += expected.count { $0 == .added }
        there += expected.count { $0 == .alreadyThere }
        _ = try follower.refresh()
        for entry in entries {
          let (claims, kid) = PlainEntry(entry, at: time).token
          #expect(try follower.lists.match(claims: claims, kid: kid) != nil, "\(claims)")
        }
      }
    }
    #expect(added > 100 && there > 100 && pruned > 10, "\(added) \(there) \(pruned)")
    // The last one may be torn.
    #expect(try site.writer().append([Job.entry(0)], at: Job.now).count == 1)
    let left = try site.text.split(separator: "\n").map { try PlainEntry(line: $0) }
    #expect(Set(left).isSuperset(of: twin) && left.count <= twin.count + 1)
  }
}
