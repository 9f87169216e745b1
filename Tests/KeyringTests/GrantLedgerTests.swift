// Spent tokens: what is answered, what the file holds, what is refused, and random walks of several
// ledgers on one file against a plain twin.
// Owns: ledgers in temporary rings.

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
private let name = "ring/grants.ndjson"

private func token(
  _ jti: String, iss: String? = nil, family: String? = nil, exp: Int64 = 1_900_000_000
) -> GrantLedger.Spending {
  .init(
    iss: iss.map { ByteString($0) }, jti: ByteString(jti), family: family.map { ByteString($0) },
    exp: Timestamp(seconds: exp))
}

/// A ring to which files are added.
private struct Site {
  let folder = Folder()
  let ring: RingDirectory
  var path: String { "\(ring.path)/grants.ndjson" }

  init(_ text: String? = nil, mode: UInt16 = 0o600) throws {
    ring = try RingDirectory.make(
      "\(folder.path)/ring", policy: Sample.policy(), at: Sample.start)
    if let text { try folder.file(name, text, mode: mode) }
  }

  func ledger() throws -> GrantLedger { try GrantLedger(ring) }
  var text: String { get throws { try folder.contents(name) } }

  func append(_ text: String) {
    let file = open(path, O_WRONLY | O_APPEND)
    let bytes = Array(text.utf8)
    precondition(write(file, bytes, bytes.count) == bytes.count, "all is written")
    close(file)
  }
}

@Suite struct GrantLedgerTests {
  private static let id = "0f8fad5b-d9cb-469f-a165-70867728950e"

  @Test func `a token is spent once, by issuer and id`() throws {
    let site = try Site()
    let ledger = try site.ledger()
    #expect(try ledger.spend([], at: now).isEmpty)
    #expect(try OpenFile.status(at: site.path) == nil, "nothing to record yet")
    let first = [
      token("a", family: "f"), token("a", iss: ""), token("a", iss: "i", family: Self.id),
      token("a", family: "g"), token(Self.id, iss: "i"), token(Self.id.uppercased(), iss: "i"),
    ]
    let outcomes: [GrantLedger.Outcome] = [
      .spent, .spent, .spent, .reused(at: now, family: "f"), .spent, .spent,
    ]
    #expect(try ledger.spend(first, at: now) == outcomes)
    #expect(try folder(site).mode(name) == 0o600)
    #expect(
      try site.text == """
        {"jti":"a","family":"f","spent_at":"2027-01-15T08:00:00.25Z","exp":1900000000}
        {"iss":"","jti":"a","spent_at":"2027-01-15T08:00:00.25Z","exp":1900000000}
        {"iss":"i","jti":"a","family":"\(Self.id)","spent_at":"2027-01-15T08:00:00.25Z","exp":1900000000}
        {"iss":"i","jti":"\(Self.id)","spent_at":"2027-01-15T08:00:00.25Z","exp":1900000000}
        {"iss":"i","jti":"\(Self.id.uppercased())","spent_at":"2027-01-15T08:00:00.25Z","exp":1900000000}

        """)
    let text = try site.text
    // By this ledger and by one that reads the file.
    for ledger in [ledger, try site.ledger()] {
      #expect(ledger.count == 5)
      let again = try ledger.spend(first, at: now + Seconds(7))
      #expect(
        again == [
          .reused(at: now, family: "f"), .reused(at: now, family: nil),
          .reused(at: now, family: ByteString(Self.id)), .reused(at: now, family: "f"),
          .reused(at: now, family: nil), .reused(at: now, family: nil),
        ])
    }
    #expect(try site.text == text)
  }

  private func folder(_ site: Site) -> Folder { site.folder }

  @Test func `texts of every kind come back as they were`() throws {
    let site = try Site()
    let texts = [
      "", "a", "abc", "abcd", "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{7f}", "é", "e\u{301}", "\u{1f600}",
      Self.id, Self.id.uppercased(), Self.id + "0", String(repeating: "x", count: 49_999),
      String(repeating: "\u{1}", count: 49_999),
    ]
    let tokens = texts.enumerated().map { i, text in
      token(text, iss: texts[(i + 3) % texts.count], family: texts[(i + 7) % texts.count])
    }
    #expect(try site.ledger().spend(tokens, at: now).allSatisfy { $0 == .spent })
    let expected = tokens.map { GrantLedger.Outcome.reused(at: now, family: $0.family) }
    #expect(try site.ledger().spend(tokens, at: now + Seconds(1)) == expected)
  }

  @Test func `what can't be recorded is refused, and nothing of the call is spent`() throws {
    let site = try Site()
    let ledger = try site.ledger()
    let long = String(repeating: "x", count: 50_000)
    var broken = token("b")
    broken.jti = ByteString([0x61, 0xff])
    for bad in [token(long), token("b", iss: long), token("b", family: long), broken] {
      #expect(!bad.isStorable)
      #expect(throws: KeyringError(.badFormat, "")) {
        try ledger.spend([token("a"), bad], at: now)
      }
    }
    #expect(throws: KeyringError(.badFormat, "")) {
      try ledger.spend([token("a")], at: Timestamp(seconds: .max))
    }
    #expect(try ledger.spend([token("a")], at: now) == [.spent])
    #expect(try ledger.spend([token("z", exp: .max)], at: now) == [.spent])
    #expect(try site.ledger().count == 2)
  }

  @Test func `a file that others can read, a link or a folder is refused`() throws {
    for mode in [0o640, 0o604, 0o660, 0o644] as [UInt16] {
      let site = try Site("", mode: mode)
      #expect(throws: KeyringError(.unsafePermissions, "")) { try site.ledger() }
      chmod(site.path, 0o600)
      let ledger = try site.ledger()
      chmod(site.path, mode_t(mode))
      #expect(throws: KeyringError(.unsafePermissions, "")) {
        try ledger.spend([token("a")], at: now)
      }
    }
    let site = try Site()
    site.folder.link(name, to: "\(site.folder.path)/elsewhere")
    #expect(throws: FileError.self) { try site.ledger() }
    unlink(site.path)
    mkdir(site.path, 0o700)
    #expect(throws: FileError.self) { try site.ledger() }
  }

  @Test(arguments: [
    #"{"jti":"a","spent_at":"2027-01-15T08:00:00Z"}"#, #"{"jti":"a","exp":1}"#, "{", "[]", "",
    #"{"spent_at":"2027-01-15T08:00:00Z","exp":1}"#,
    #"{"jti":7,"spent_at":"2027-01-15T08:00:00Z","exp":1}"#,
    #"{"jti":"a","spent_at":5,"exp":1}"#, #"{"jti":"a","spent_at":"2027-01-15","exp":1}"#,
    #"{"jti":"a","jti":"a","spent_at":"2027-01-15T08:00:00Z","exp":1}"#,
    #"{"iss":[],"jti":"a","spent_at":"2027-01-15T08:00:00Z","exp":1}"#,
    #"{"family":null,"jti":"a","spent_at":"2027-01-15T08:00:00Z","exp":1}"#,
  ])
  func `a bad line is named, in a file that is opened and in one that grows`(line: String) throws {
    let good = #"{"jti":"x","spent_at":"2027-01-15T08:00:00Z","exp":1900000000,"later":{}}"# + "\n"
    func isNamed(_ error: any Error) -> Bool {
      "\(error)".contains("grants.ndjson: line 2: ") && error is KeyringError
    }
    #expect { try Site(good + line + "\n").ledger() } throws: { isNamed($0) }
    let site = try Site(good)
    let ledger = try site.ledger()
    site.append(line + "\n" + good)
    for _ in 0..<2 {
      #expect { try ledger.spend([token("a")], at: now) } throws: { isNamed($0) }
      #expect { try ledger.prune(before: now, slack: Seconds(0)) } throws: { isNamed($0) }
    }
    truncate(site.path, good.utf8.count)
    #expect(try ledger.spend([token("a"), token("x")], at: now)[0] == .spent)
    #expect(ledger.count == 2)
  }

  @Test func `a torn line of any length is cut, and a whole one without its newline is kept`()
    throws
  {
    let made = try Site()
    _ = try made.ledger().spend([token("a"), token("b", family: "\n")], at: now)
    let lines = try made.text.split(separator: "\n").map { "\($0)\n" }
    for length in 1..<lines[1].utf8.count {
      let torn = lines[1].prefix(length)
      let isWhole = length == lines[1].utf8.count - 1
      let answer: GrantLedger.Outcome = isWhole ? .reused(at: now, family: "\n") : .spent
      for isOpen in [false, true] {
        let site = try Site(isOpen ? String(lines[0]) : lines[0] + torn)
        let ledger = try site.ledger()
        if isOpen { site.append(String(torn)) }
        #expect(try ledger.spend([token("c")], at: now) == [.spent])
        #expect(
          try ledger.spend([token("b", family: "\n")], at: now) == [answer], "\(torn)")
        let all = try site.text
        #expect(all.hasPrefix(lines[0] + (isWhole ? lines[1] : "") + #"{"jti":"c""#))
        #expect(all.split(separator: "\n").count == 3 && all.hasSuffix("\n"))
        #expect(try site.ledger().count == 3)
      }
    }
  }

  @Test func `a ledger that has vanished or was cut is noticed`() throws {
    let site = try Site()
    let ledger = try site.ledger()
    _ = try ledger.spend([token("a")], at: now)
    let before = try site.text
    _ = try ledger.spend([token("b")], at: now)
    let whole = try site.text
    func isNoticed() {
      #expect { try ledger.spend([token("b")], at: now) } throws: {
        "\($0)".contains("was cut or written over")
      }
      #expect { try ledger.find([token("b")]) } throws: { "\($0)".contains("was cut") }
    }
    truncate(site.path, before.utf8.count)
    isNoticed()
    // Edited in place, and longer than before.
    let other = before.replacing(#""a""#, with: #""c""#)
    truncate(site.path, 0)
    site.append(other + other.replacing(#""c""#, with: #""d""#) + other)
    isNoticed()
    truncate(site.path, 0)
    site.append(whole)
    #expect(
      try ledger.spend([token("a"), token("b")], at: now)
        == [.reused(at: now, family: nil), .reused(at: now, family: nil)])
    rename(site.path, "\(site.path).away")
    #expect { try ledger.spend([token("e")], at: now) } throws: { "\($0)".contains("has vanished") }
    rename("\(site.path).away", site.path)
    #expect(try ledger.spend([token("e")], at: now) == [.spent])
  }

  /// So much is not read under the lock.
  @Test func `a file that has grown by megabytes is read`() throws {
    let site = try Site()
    let ledger = try site.ledger()
    #expect(try ledger.spend([token("a")], at: now) == [.spent])
    let family = String(repeating: "f", count: 40_000)
    for i in 0..<3 {
      let lines = (0..<40).map { n in
        #"{"jti":"\#(i) \#(n)","family":"\#(family)","spent_at":"2027-01-15T08:00:00Z","exp":1}"#
          + "\n"
      }
      let all = Array(repeating: lines, count: 3).joined().joined()
      #expect(all.utf8.count > 4 << 20)
      site.append(all + #"{"jti":"torn"#)
      let tokens = [token("\(i) 39"), token("torn \(i)"), token("a")]
      let answers = try ledger.spend(tokens, at: now)
      #expect(
        answers == [
          .reused(at: Timestamp(seconds: now.seconds), family: ByteString(family)), .spent,
          .reused(at: now, family: nil),
        ])
      #expect(try site.ledger().count == ledger.count && ledger.count == 1 + (i + 1) * 41)
    }
  }

  @Test func `pruning drops expired tokens to the second, and the others follow`() throws {
    let site = try Site()
    let (one, other) = (try site.ledger(), try site.ledger())
    #expect(try one.prune(before: now, slack: Seconds(0)) == 0, "there is none yet")
    let tokens = (90...110 as ClosedRange<Int64>).map { token("\($0)", exp: $0) }
    #expect(try one.spend(tokens, at: now).allSatisfy { $0 == .spent })
    #expect(try other.spend([tokens[0]], at: now) == [.reused(at: now, family: nil)])
    let inode = try OpenFile.status(at: site.path)?.inode
    #expect(try one.prune(before: Timestamp(seconds: 99), slack: Seconds(10)) == 0)
    #expect(try OpenFile.status(at: site.path)?.inode == inode, "not replaced for nothing")
    let text = try site.text
    #expect(try one.prune(before: Timestamp(seconds: 110), slack: Seconds(10)) == 11)
    #expect(try site.text == text.split(separator: "\n")[11...].map { $0 + "\n" }.joined())
    #expect(try site.folder.mode(name) == 0o600)
    for ledger in [other, one, try site.ledger()] {
      #expect(try ledger.spend([tokens[11]], at: now) == [.reused(at: now, family: nil)])
      #expect(ledger.count == 10)
    }
    #expect(try other.spend([tokens[10]], at: now) == [.spent])
    #expect(try one.spend([tokens[10]], at: now) == [.reused(at: now, family: nil)])
    #expect(
      try OpenFile.open(site.ring.path, .readDirectory).names().filter { $0.contains("grants") }
        == ["grants.ndjson", "grants.ndjson.lock"])
  }

  /// Ledgers lock each other out within one process too.
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `a random walk of several ledgers answers as a plain twin does`(seed: UInt64) throws {
    struct Known {
      var outcome: GrantLedger.Outcome
      var exp: Timestamp
    }
    let site = try Site()
    var random = Seeded(seed)
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    var ledgers = try (0..<3).map { _ in try site.ledger() }
    var twin: [GrantLedger.Spending: Known] = [:]
    var (spent, reused, pruned) = (0, 0, 0)
    // Few texts of many kinds, or so many that the table grows time and again.
    let tokens = (0..<(seed % 2 == 0 ? 40 : 4000)).map { Job.token($0) }
    for step in 0..<150 {
      let time = Timestamp(seconds: Int64(step), nanoseconds: Int32(below(1_000_000_000)))
      switch below(12) {
      case 0: ledgers[below(3)] = try site.ledger()
      case 1 where try OpenFile.status(at: site.path) != nil:
        site.append(String(#"{"jti":"torn","spent_at":"2027"#.prefix(1 + below(30))))
      case 2 where step % 3 == 0:
        let limit = Timestamp(seconds: Int64(below(step + 1)))
        let gone = twin.filter { $0.value.exp <= limit }
        for (token, _) in gone { twin[token] = nil }
        #expect(
          try ledgers[below(3)].prune(before: limit + Seconds(5), slack: Seconds(5)) == gone.count)
        pruned += gone.count
      default:
        let requests = (0..<below(80)).map { _ in
          var token = tokens[below(tokens.count)]
          let families: [ByteString?] = [
            nil, "", ByteString("f\(below(9))"), ByteString(Job.uuid(&random)),
          ]
          token.family = families[below(4)]
          token.exp = Timestamp(seconds: Int64(step + below(200)))
          return token
        }
        let expected = requests.map { token -> GrantLedger.Outcome in
          var key = token
          (key.family, key.exp) = (nil, Timestamp(seconds: 0))
          if let known = twin[key] { return known.outcome }
          twin[key] = Known(outcome: .reused(at: time, family: token.family), exp: token.exp)
          return .spent
        }
        #expect(try ledgers[below(3)].spend(requests, at: time) == expected, "step \(step)")
        spent += expected.count { $0 == .spent }
        reused += expected.count { $0 != .spent }
      }
    }
    #expect(spent > 30 && reused > 100 && pruned > 2, "\(spent) \(reused) \(pruned)")
    #expect(try site.ledger().count == twin.count)
  }
}
