// Summaries read back from their JSON, and added up as shards are.
// Owns: random summaries with every table filled. Must never: depend on a dictionary's order.

import Files
import JOSE
import Testing

@testable import Pipeline

@Suite struct SummaryParsingTests {
  /// A chunk's worth of everything that is counted.
  private func random(_ random: inout Seeded) -> Summary {
    var summary = Summary()
    func n() -> Int { Int.random(in: 0...9, using: &random) }
    func name() -> ByteString {
      let names: [ByteString] = ["a", "b\"\n", "ü", "(other)", "long", "\u{202e}x", "k7", ""]
      return names.randomElement(using: &random) ?? ""
    }
    func start() -> BucketStart {
      BucketStart(Int64.random(in: -50_000...50_000, using: &random) * 3600)
    }
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      var reasons = Rejections()
      for reason in Rejection.allCases where Int.random(in: 0..<12, using: &random) == 0 {
        reasons.insert(reason)
      }
      summary.count(reasons)
      let count = Summary.Count(accepted: n(), rejected: n())
      summary.add(algorithm: name(), count)
      summary.add(kid: name(), count)
      summary.add(issuer: name(), count)
      summary.add(rejectedSubject: name(), n())
      summary.add(rejectedAddress: name(), n())
      summary.add(at: start(), count)
      for reason in reasons { summary.add(reason, on: start().rounded(to: 86_400), n() + 1) }
      let uses = Summary.Uses(inside: n(), outside: n(), revoked: n())
      summary.add(uses: uses, of: name(), at: n() > 7 ? nil : start())
      summary.add(key: name(), description(&random))
    }
    return summary
  }

  private func description(_ random: inout Seeded) -> KeyDescription {
    func time() -> Timestamp? {
      let seconds = Int64.random(in: -9_000_000...9_000_000, using: &random)
      return seconds < 0 ? nil : Timestamp(seconds: seconds)
    }
    var window: KeyWindow? = KeyWindow()
    window?.opens = time()
    window?.closes = time()
    window?.ends = time()
    window?.neverOpens = Bool.random(using: &random)
    if Bool.random(using: &random) { window?.revocation = .init(since: time()) }
    if Int.random(in: 0..<4, using: &random) == 0 { window = nil }
    return KeyDescription(
      algorithm: Bool.random(using: &random) ? "RS256" : "ES256", window: window)
  }

  private func sum(_ parts: [Summary]) -> Summary { parts.reduce(into: Summary()) { $0 += $1 } }

  @Test func `reading what was written changes nothing`() throws {
    var seeded = Seeded(31)
    for _ in 0..<300 {
      let summary = random(&seeded)
      for isPretty in [false, true] {
        let text = summary.value.text(pretty: isPretty)
        let read = try Summary(parsing: text, from: "s.json")
        #expect(read == summary)
        #expect(read.value.text(pretty: isPretty) == text)
      }
    }
  }

  @Test func `shards add up to the whole, in any order and grouping`() throws {
    var seeded = Seeded(32)
    for _ in 0..<60 {
      let chunks = (0..<Int.random(in: 1...8, using: &seeded)).map { _ in random(&seeded) }
      let whole = sum(chunks)
      let cut = Int.random(in: 0...chunks.count, using: &seeded)
      let shards = try [Array(chunks[..<cut]), Array(chunks[cut...])].map {
        try Summary(parsing: sum($0).value.text(), from: "shard")
      }
      #expect(sum(shards) == whole)
      #expect(sum(shards.reversed()) == whole)
      #expect(sum(chunks.shuffled(using: &seeded)) == whole)
      #expect(sum(chunks).value.text() == sum(chunks.reversed()).value.text())
    }
  }

  @Test(
    "what is no summary is refused with the reason",
    arguments: [
      ("", "not valid JSON"), ("{", "not valid JSON"), ("[1]", "has no \"jotmill_summary\""),
      ("{}", "has no \"jotmill_summary\""), ("{\"a\":1,\"a\":2}", "stands twice"),
      ("{\"jotmill_summary\":2}", "of another version"),
      ("{\"jotmill_summary\":\"1\"}", "of another version"),
      ("{\"jotmill_summary\":1}", "valid is missing"),
      ("1,\"valid\":1,\"invalid\":1,\"lines\":3,\"errors\":{}", "lines is not valid + invalid"),
      ("1,\"valid\":-1,\"invalid\":1,\"lines\":0", "no whole number"),
      ("1,\"valid\":1.0,\"invalid\":0,\"lines\":1", "no whole number"),
      ("1,\"valid\":9007199254740993,\"invalid\":0,\"lines\":1", "no whole number"),
      ("1,\"valid\":99999999999999999999,\"invalid\":0,\"lines\":1", "no whole number"),
      ("errors\":[]", "errors is no object"), ("errors\":{\"nonsense\":1}", "is no error code"),
      ("errors\":{\"expired\":-1}", "no whole number"),
      ("kid\":{\"k\":{\"valid\":1}}", "kid: invalid is missing"),
      ("iss\":[1]", "iss is no object"), ("rejected_sub\":{\"s\":null}", "no whole number"),
      ("over_time\":{}", "step is neither"), ("over_time\":{\"step\":3600}", "is no object"),
      ("over_time\":{\"step\":60,\"counts\":{}}", "step is neither"),
      ("over_time\":{\"step\":3600,\"counts\":{\"x\":{}}}", "is no time"),
      (
        "over_time\":{\"step\":3600,\"counts\":{\"2026-01-01T00:30:00Z\":{}}}",
        "no multiple of step"
      ),
      ("errors_by_day\":{\"step\":3600,\"counts\":{}}", "step is not 86400"),
      ("errors_by_day\":{\"step\":86400,\"counts\":{\"x\":{}}}", "is no error code"),
      ("key_uses\":{\"step\":3600,\"counts\":{\"k\":{\"undated\":{}}}}", "inside is missing"),
      ("keys\":{\"k\":{}}", "alg is no string"),
      ("keys\":{\"k\":{\"alg\":\"a\",\"window\":{\"opens\":\"x\"}}}", "is no time"),
      ("keys\":{\"k\":{\"alg\":\"a\",\"revoked\":true}}", "revoked is no object"),
    ])
  func refused(_ text: String, _ reason: String) {
    let head = "{\"jotmill_summary\":1,\"lines\":0,\"valid\":0,\"invalid\":0,\""
    let whole =
      text.isEmpty || "{[".contains(text.prefix(1))
      ? text : text.hasPrefix("1,") ? "{\"jotmill_summary\":\(text)}" : "\(head)\(text)}"
    do {
      _ = try Summary(parsing: Array(whole.utf8), from: "dir/s.json")
      Issue.record("accepted: \(whole)")
    } catch {
      #expect(error.description.hasPrefix("dir/s.json: "), "\(error)")
      #expect(error.description.contains(reason), "\(whole): \(error)")
    }
  }

  @Test func `members of other programs are left alone, names are bounded`() throws {
    let long = String(repeating: "k", count: 300)
    let text = """
      {"note":{"deep":[1]},"jotmill_summary":1,"lines":2,"valid":1,"invalid":1,\
      "kid":{"\(long)":{"valid":1,"invalid":0,"else":true},"(other)":{"valid":0,"invalid":1}},\
      "keys":{"\(long)":{"alg":"RS256"}},"over_time":{"step":86400,"counts":{}}}
      """
    let summary = try Summary(parsing: Array(text.utf8), from: "s")
    #expect(summary.byKid == [Summary.other: Summary.Count(accepted: 1, rejected: 1)])
    #expect(summary.keys.isEmpty && summary.lines.total == 2)
  }

  @Test func `a truncated summary is never read as another one`() {
    var seeded = Seeded(33)
    let text = random(&seeded).value.text()
    for end in 0..<text.count {
      #expect(throws: FileError.self) {
        _ = try Summary(parsing: Array(text[..<end]), from: "s")
      }
    }
  }
}
