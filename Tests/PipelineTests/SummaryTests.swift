// Summaries as values that add up.
// Owns: random summaries. Must never: depend on a dictionary's order.

import JOSE
import Testing

@testable import Pipeline

@Suite struct SummaryTests {
  private func random(_ random: inout Seeded, names: Int) -> Summary {
    var summary = Summary()
    for _ in 0..<Int.random(in: 0...20, using: &random) {
      var reasons = Rejections()
      for reason in Rejection.allCases where Int.random(in: 0..<12, using: &random) == 0 {
        reasons.insert(reason)
      }
      summary.count(reasons)
    }
    func name() -> ByteString { ByteString("n\(Int.random(in: 0..<names, using: &random))") }
    func count() -> Summary.Count {
      Summary.Count(
        accepted: Int.random(in: 0...9, using: &random),
        rejected: Int.random(in: 0...9, using: &random))
    }
    for _ in 0..<Int.random(in: 0...15, using: &random) {
      summary.add(algorithm: name(), count())
      summary.add(kid: name(), count())
      summary.add(issuer: name(), count())
    }
    return summary
  }

  private func sum(_ a: Summary, _ b: Summary) -> Summary {
    var result = a
    result += b
    return result
  }

  @Test func `addition is associative and commutative, and an empty summary adds nothing`() {
    var seeded = Seeded(21)
    for _ in 0..<200 {
      let a = random(&seeded, names: 30)
      let b = random(&seeded, names: 30)
      let c = random(&seeded, names: 30)
      #expect(sum(sum(a, b), c) == sum(a, sum(b, c)))
      #expect(sum(a, b) == sum(b, a))
      #expect(sum(a, Summary()) == a)
      #expect(sum(Summary(), a) == a)
    }
  }

  @Test func `a table is exact until it is twice as large as its limit`() {
    let limit = Summary.distinctLimit
    var summary = Summary()
    let one = Summary.Count(accepted: 1, rejected: 2)
    for i in 0..<2 * limit { summary.add(kid: ByteString("k\(i)"), one) }
    #expect(summary.byKid.count == 2 * limit)
    summary.add(kid: "late", one)
    #expect(summary.byKid.count == limit + 1)
    #expect(
      summary.byKid[Summary.other]
        == Summary.Count(accepted: limit + 1, rejected: 2 * limit + 2))
    #expect(summary.byIssuer.isEmpty && summary.byAlgorithm.isEmpty)
  }

  @Test func `a frequent name that comes late is kept, ties go by name`() {
    let limit = Summary.distinctLimit
    var summary = Summary()
    let one = Summary.Count(accepted: 0, rejected: 1)
    for i in 0..<2 * limit {
      summary.add(issuer: ByteString("rare\(i)"), one)
      if i > limit { summary.add(issuer: "heavy", one) }
    }
    for i in 0..<2 * limit { summary.add(issuer: ByteString("more\(i)"), one) }
    #expect(summary.byIssuer["heavy"]?.rejected == limit - 1)
    #expect(summary.byIssuer["rare9999"] == nil)
    #expect(summary.byIssuer.values.reduce(0) { $0 + $1.rejected } == 5 * limit - 1)
    let written = summary.value["iss"]
    guard case .object(let members) = written else { return #expect(Bool(false)) }
    #expect(members.count <= limit + 1)
    #expect(members.first { $0.name != Summary.other }?.name == "heavy")
  }

  @Test func `sums of full summaries stay bounded and lose no count`() {
    func full(_ prefix: String) -> Summary {
      var summary = Summary()
      for i in 0..<2 * Summary.distinctLimit - 5 {
        summary.add(issuer: ByteString("\(prefix)\(i)"), Summary.Count(accepted: 1, rejected: 0))
      }
      return summary
    }
    let (a, b) = (full("a"), full("b"))
    for total in [sum(a, b), sum(b, a), sum(sum(a, b), a)] {
      #expect(total.byIssuer.count <= 2 * Summary.distinctLimit + 1)
    }
    #expect(sum(a, b) == sum(b, a))
    let accepted = sum(a, b).byIssuer.values.reduce(0) { $0 + $1.accepted }
    #expect(accepted == 2 * (2 * Summary.distinctLimit - 5))
  }

  @Test func `long subjects and issuers are cut between characters, other long names are not kept`()
  {
    var summary = Summary()
    let one = Summary.Count(accepted: 1, rejected: 0)
    for tail in 0..<6 {
      let name = ByteString(String(repeating: "x", count: 250 + tail) + "ééé")
      summary.add(issuer: name, one)
      summary.add(rejectedSubject: name, 1)
      summary.add(kid: name, one)
    }
    for table in [summary.byIssuer, summary.rejectedSubjects] {
      for name in table.keys {
        #expect(name.bytes.count <= Summary.nameLimit)
        #expect(Array(name.description.utf8) == name.bytes, "cut within a character")
      }
      #expect(table.keys.count { $0.description.hasSuffix("…") } >= 2)
      #expect(table.values.reduce(0) { $0 + $1.total } == 6)
    }
    #expect(summary.byKid.keys.contains(Summary.other))
  }

  @Test func `more hours than the limit become days, whatever their order`() {
    typealias Table = TimeTable<BucketStart, Summary.Count>
    let one = Summary.Count(accepted: 1, rejected: 0)
    let hours = (0..<Table.limit + 10).map { BucketStart(Int64($0) * 3600 - 7_200_000) }
    func table(_ starts: [BucketStart]) -> Table {
      var table = Table()
      for start in starts { table.add(start, one) }
      return table
    }
    let exact = table(Array(hours.prefix(Table.limit)))
    #expect(exact.step == 3600 && exact.counts.count == Table.limit)
    let all = table(hours)
    #expect(all.step == 86_400 && all == table(hours.reversed()))
    #expect(all.counts.count == Table.limit / 24 + 2)
    var halves = table(Array(hours.prefix(12_000)))
    halves += table(Array(hours.dropFirst(12_000)))
    #expect(halves == all)
    #expect(all.counts.values.reduce(0) { $0 + $1.total } == hours.count)
  }

  @Test func `hostile times stay bounded`() {
    var table = TimeTable<BucketStart, Summary.Count>()
    let count = 2 * TimeTable<BucketStart, Summary.Count>.limit + 100
    for i in 0..<count {
      table.add(BucketStart(Int64(i) * 864_000), Summary.Count(accepted: 0, rejected: 1))
    }
    #expect(table.counts.count <= 40_000)
    #expect(table.counts.values.reduce(0) { $0 + $1.total } + table.other.total == count)
    #expect(BucketStart(of: Timestamp(seconds: .max), step: 3600) == nil)
    #expect(BucketStart(of: Timestamp(seconds: .min), step: 3600) == nil)
    #expect(BucketStart(of: Timestamp(seconds: -1), step: 3600) == BucketStart(-3600))
  }

  @Test func `counts stop at the greatest number there is`() {
    var count = Summary.Count(accepted: .max, rejected: 1)
    count += Summary.Count(accepted: 1, rejected: 1)
    #expect(count == Summary.Count(accepted: .max, rejected: 2) && count.total == .max)
  }

  @Test func `names of any length take bounded memory`() {
    var summary = Summary()
    for i in 0..<50 {
      let name = ByteString([UInt8](repeating: 65, count: 1 << 20) + Array("\(i)".utf8))
      summary.add(kid: name, Summary.Count(accepted: 0, rejected: 1))
    }
    let octets = summary.byKid.keys.reduce(0) { $0 + $1.bytes.count }
    #expect(octets <= 1 << 20, "50 names of 1 MiB take \(octets) octets")
    #expect(summary.byKid.values.reduce(0) { $0 + $1.rejected } == 50)
  }

  @Test func `the JSON form has every count, most frequent first, ties by name`() {
    var summary = Summary()
    for _ in 0..<3 { summary.count(Rejections()) }
    summary.count(Rejections(.expired))
    var both = Rejections(.expired)
    both.insert(.wrongAudience)
    summary.count(both)
    summary.add(algorithm: "HS256", Summary.Count(accepted: 3, rejected: 2))
    summary.add(kid: "b", Summary.Count(accepted: 1, rejected: 1))
    summary.add(kid: "a", Summary.Count(accepted: 2, rejected: 0))
    summary.add(kid: "c\"\n", Summary.Count(accepted: 9, rejected: 0))
    #expect(
      summary.value.text().text == """
        {"jotmill_summary":1,"lines":5,"valid":3,"invalid":2,"errors":{"expired":2,"wrong_audience":1},\
        "alg":{"HS256":{"valid":3,"invalid":2}},\
        "kid":{"c\\"\\n":{"valid":9,"invalid":0},"a":{"valid":2,"invalid":0},\
        "b":{"valid":1,"invalid":1}},"iss":{}}
        """)
    #expect(
      Summary().value.text().text
        == """
        {"jotmill_summary":1,"lines":0,"valid":0,"invalid":0,"errors":{},"alg":{},"kid":{},"iss":{}}
        """)
  }
}
