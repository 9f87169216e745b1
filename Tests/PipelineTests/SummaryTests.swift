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

  @Test func `past the limit of distinct names the rest is counted together`() {
    let limit = Summary.distinctLimit
    var summary = Summary()
    let one = Summary.Count(accepted: 1, rejected: 2)
    for i in 0..<limit + 500 { summary.add(kid: ByteString("k\(i)"), one) }
    summary.add(kid: "k0", one)
    #expect(summary.byKid.count == limit + 1)
    #expect(summary.byKid["k0"] == Summary.Count(accepted: 2, rejected: 4))
    #expect(summary.byKid[Summary.other] == Summary.Count(accepted: 500, rejected: 1000))
    #expect(summary.byIssuer.isEmpty && summary.byAlgorithm.isEmpty)
  }

  @Test func `sums of full summaries stay bounded and lose no count`() {
    func full(_ prefix: String) -> Summary {
      var summary = Summary()
      for i in 0..<Summary.distinctLimit + 100 {
        summary.add(issuer: ByteString("\(prefix)\(i)"), Summary.Count(accepted: 1, rejected: 0))
      }
      return summary
    }
    let (a, b) = (full("a"), full("b"))
    for total in [sum(a, b), sum(b, a), sum(sum(a, b), a)] {
      #expect(total.byIssuer.count == Summary.distinctLimit + 1)
    }
    let accepted = sum(a, b).byIssuer.values.reduce(0) { $0 + $1.accepted }
    #expect(accepted == 2 * (Summary.distinctLimit + 100))
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
        {"lines":5,"valid":3,"invalid":2,"errors":{"expired":2,"wrong_audience":1},\
        "alg":{"HS256":{"valid":3,"invalid":2}},\
        "kid":{"c\\"\\n":{"valid":9,"invalid":0},"a":{"valid":2,"invalid":0},\
        "b":{"valid":1,"invalid":1}},"iss":{}}
        """)
    #expect(
      Summary().value.text().text
        == "{\"lines\":0,\"valid\":0,\"invalid\":0,\"errors\":{},\"alg\":{},\"kid\":{},\"iss\":{}}")
  }
}
