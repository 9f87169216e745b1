// Random lists against a plain twin, and the measurement of a large one.
// Owns: the twin. Must never: share a line of code with what it checks.

import Files
import JOSE
import Keyring
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Every entry as it was written, looked through from first to last.
private struct Twin {
  struct Entry {
    var iss: String?
    var kind: String
    var text: String
    var before: Int?
    var revokedAt: Int?

    var line: String {
      var members = ["\"\(kind)\":\"\(text)\""]
      if let iss { members.append("\"iss\":\"\(iss)\"") }
      if let before { members.append("\"before\":\(before)") }
      if let revokedAt { members.append("\"revoked_at\":\(revokedAt)") }
      return "{\(members.joined(separator: ","))}\n"
    }
  }

  struct Token {
    var iss: String?
    var texts: [String: String]
    var iat: Int?

    /// All but the kid, which stands in the header.
    var claims: String {
      var members = texts.filter { $0.key != "kid" }.map { "\"\($0.key)\":\"\($0.value)\"" }
      if let iss { members.append("\"iss\":\"\(iss)\"") }
      if let iat { members.append("\"iat\":\(iat)") }
      return "{\(members.joined(separator: ","))}"
    }
  }

  var entries: [Entry] = []

  /// `.some(nil)`: always.
  func match(_ token: Token) -> Int?? {
    var earliest: Int?? = nil
    for entry in entries where entry.iss == nil || entry.iss == token.iss {
      let names = entry.kind == "jti" ? ["jti", "access_token_jti"] : [entry.kind]
      guard names.contains(where: { token.texts[$0] == entry.text }) else { continue }
      if let before = entry.before, let iat = token.iat, iat >= before { continue }
      if let found = earliest {
        earliest = .some((found ?? -1) < (entry.revokedAt ?? -1) ? found : entry.revokedAt)
      } else {
        earliest = .some(entry.revokedAt)
      }
    }
    return earliest
  }
}

private struct Chooser {
  var random: Seeded
  let texts: [String]

  init(seed: UInt64, texts count: Int) {
    var random = Seeded(seed)
    texts = (0..<count).map { _ in Self.text(&random) }
    self.random = random
  }

  static func uuid(_ random: inout Seeded) -> String {
    // The highest bit is set, so that no digit is left out.
    let c = Array((0..<2).map { _ in String(random.next() | 1 << 63, radix: 16) }.joined())
    return [c[0..<8], c[8..<12], c[12..<16], c[16..<20], c[20..<32]].map { String($0) }
      .joined(separator: "-")
  }

  private static func text(_ random: inout Seeded) -> String {
    let id = uuid(&random)
    switch random.next() % 4 {
    case 0: return id.uppercased()
    case 1: return String(id.prefix(Int(random.next() % 36)))
    default: return id
    }
  }

  mutating func one<T>(_ choices: [T]) -> T { choices[Int(random.next() % UInt64(choices.count))] }
  mutating func number() -> Int { Int(random.next() % 100) }

  mutating func entry() -> Twin.Entry {
    let kind = one(["jti", "jti", "jti", "family", "sub", "kid"])
    return Twin.Entry(
      iss: one([nil, "a", "b", "https://issuer.example/"]), kind: kind, text: one(texts),
      before: kind == "sub" ? number() : nil, revokedAt: one([nil, number(), number(), number()]))
  }

  mutating func token() -> Twin.Token {
    var token = Twin.Token(
      iss: one([nil, "a", "b", "c", "https://issuer.example/"]), texts: [:],
      iat: one([nil, number(), number()]))
    for name in ["jti", "family", "sub", "kid", "access_token_jti"] where number() < 30 {
      token.texts[name] = one(texts)
    }
    return token
  }
}

@Suite struct DenylistTwinTests {
  /// Few texts: nearly all are duplicates; many: nearly none.
  @Test(arguments: [(1, 3000, 7), (2, 3000, 300), (3, 5000, 20_000)])
  func `a random list answers as its twin does`(seed: Int, entries: Int, texts: Int) throws {
    var chooser = Chooser(seed: UInt64(seed), texts: texts)
    let twin = Twin(entries: (0..<entries).map { _ in chooser.entry() })
    let folder = Folder()
    let list = try Denylist.load(
      try folder.file("list", twin.entries.map(\.line).joined()))
    var found = 0
    for _ in 0..<600 {
      let token = chooser.token()
      let bytes = Array(token.claims.utf8)
      var claims = Claims()
      try #require(claims.parse(unsigned: bytes.span, 0..<bytes.count) == nil)
      let match = list.match(
        claims, bytes.span, kid: token.texts["kid"].map { ByteString($0) })
      let expected = twin.match(token).map { time in
        Denylist.Match(revokedAt: time.map { Timestamp(seconds: Int64($0)) })
      }
      #expect(match == expected, "\(token)")
      if match != nil { found += 1 }
    }
    #expect(found > 30 && found < 595, "both answers are tried: \(found)")
  }

  private static var measured: Int? {
    Process.environment("JOTMILL_MEASURE_DENYLIST").flatMap { Int($0) }
  }

  /// For a release build, alone, since the memory is the process's:
  /// `JOTMILL_MEASURE_DENYLIST=10000000 swift test -c release -Xswiftc -enable-testing --filter 'a large list'`.
  @Test(.enabled(if: measured != nil))
  func `a large list loads and answers within its bounds`() throws {
    let count = try #require(Self.measured)
    let folder = Folder()
    let path = "\(folder.path)/list"
    let file = try OpenFile.open(path, .create(mode: 0o600))
    var random = Seeded(1)
    var lines: [UInt8] = []
    // One in so many is looked up: few enough to stay in the processor's cache, which the list can't.
    let step = max(1, count / 5000)
    var hits: [[UInt8]] = []
    for i in 0..<count {
      let id = Array(Chooser.uuid(&random).utf8)
      if i % step == 0 { hits.append(id) }
      lines.append("{\"iss\":\"https://auth.example.com/\",\"jti\":\"")
      lines.append(contentsOf: id)
      lines.append("\",\"revoked_at\":\"2026-11-21T07:00:")
      lines.append(decimal: 10 + i % 50)
      lines.append("Z\",\"exp\":1795000000}\n")
      if lines.count > 1 << 20 || i == count - 1 {
        try file.write(lines)
        lines.removeAll(keepingCapacity: true)
      }
    }
    let before = Process.peakMemory
    let (start, startClock) = (Clock.monotonic, clock())
    let list = try Denylist.load(path)
    let loaded = Clock.monotonic - start
    let spent = Double(clock() - startClock) / Double(CLOCKS_PER_SEC)
    let peak = Process.peakMemory

    var misses: [[UInt8]] = []
    for _ in hits.indices { misses.append(Array(Chooser.uuid(&random).utf8)) }
    hits.shuffle(using: &random)
    let tokens = hits.map { id in
      Array("{\"iss\":\"https://auth.example.com/\",\"sub\":\"u\",\"jti\":\"".utf8) + id
        + Array("\",\"iat\":1794000000,\"exp\":1795000000,\"aud\":\"a\"}".utf8)
    }
    let text = Array("https://auth.example.com/".utf8)
    let issuer = list.issuer(text.span, 0..<text.count)
    // The processor's time, so that a busy machine adds little.
    func nanoseconds(_ count: Int, _ body: () -> Void) -> Double {
      let start = clock()
      body()
      return Double(clock() - start) * 1e9 / Double(CLOCKS_PER_SEC) / Double(count)
    }
    func found(_ ids: [[UInt8]]) -> Int {
      var found = 0
      for id in ids where list.jti(id.span, 0..<id.count, issuer: issuer) != nil { found += 1 }
      return found
    }
    var (hitCount, missCount, matchCount) = (0, 0, 0)
    // Warm texts, cold list.
    let touched = (hits + misses + tokens).reduce(0) { $0 &+ Int($1[0]) }
    let hit = nanoseconds(hits.count) { hitCount = found(hits) }
    let miss = nanoseconds(misses.count) { missCount = found(misses) }
    var claims = Claims()
    func judge(_ list: Denylist) {
      for token in tokens {
        _ = claims.parse(unsigned: token.span, 0..<token.count)
        if list.match(claims, token.span, kid: nil) != nil { matchCount += 1 }
      }
    }
    let parse = nanoseconds(tokens.count) { judge(Denylist()) }
    let both = nanoseconds(tokens.count) { judge(list) }
    print(
      """
      denylist: \(count) entries, \(try OpenFile.status(at: path)?.size ?? 0) octets
      load \(loaded) s (\(spent) s of the processor), peak \(peak >> 20) MiB, \(before >> 20) MiB before it
      look-up ns: hit \(hit), miss \(miss), a token's match \(both - parse)
      """)
    #expect(hitCount == hits.count && missCount == 0 && matchCount == hits.count && touched > 0)
    #expect(peak < 512 << 20)
  }
}
