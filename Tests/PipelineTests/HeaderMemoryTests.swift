// Headers that are remembered, and those that are not.
// Owns: many headers at once. Must never: let one header be taken for another.

import JOSE
import Testing

@testable import Pipeline

@Suite struct HeaderMemoryTests {
  private func memory(
    _ keys: KeySet = Sample.keySet(Sample.secret()), allowed: [String]? = nil,
    policy: ClaimsPolicy = ClaimsPolicy()
  ) -> HeaderMemory {
    var options = VerifyOptions()
    options.policy = policy
    options.allowed = allowed?.compactMap { AlgorithmName($0) }
    return HeaderMemory(Trust(keys), generation: 0, options)
  }

  private func find(_ memory: inout HeaderMemory, _ header: String) -> HeaderMemory.Entry {
    let segment = Base64URL.encode(Array(header.utf8))
    let bytes = Array("..".utf8) + segment + Array("..".utf8)
    let index = memory.find(bytes.span, 2..<2 + segment.count, issuer: 0)
    #expect(Array(memory.texts[memory.entries[index].segment]) == segment)
    return memory.entries[index]
  }

  @Test func `thousands of headers in one chunk are each told apart`() {
    var memory = memory()
    memory.beginChunk()
    for round in 0..<2 {
      for i in 0..<3000 {
        let entry = find(&memory, "{\"alg\":\"HS256\",\"kid\":\"k\(i)\"}")
        #expect(entry.kid == ByteString("k\(i)"), "round \(round)")
        #expect(entry.rejection == (i == 1 ? nil : .unknownKey))
      }
    }
    memory.beginChunk()
    #expect(memory.entries.isEmpty)
  }

  @Test func `headers that share a slot are never mixed up, and their lines are all counted`() {
    // Far more headers of one length than there are slots: many share one.
    var memory = memory()
    let headers = (100..<700).map { "{\"alg\":\"HS256\",\"kid\":\"k\($0)\"}" }
    memory.beginChunk()
    var random = Seeded(8)
    var expected: [ByteString: Summary.Count] = [:]
    for _ in 0..<4000 {
      let i = Int.random(in: 0..<headers.count, using: &random)
      let segment = Base64URL.encode(Array(headers[i].utf8))
      let index = memory.find(segment.span, 0..<segment.count, issuer: 0)
      #expect(memory.entries[index].kid == ByteString("k\(i + 100)"))
      memory.count(index, accepted: i % 2 == 0)
      if i % 2 == 0 {
        expected[ByteString("k\(i + 100)"), default: .init()].accepted += 1
      } else {
        expected[ByteString("k\(i + 100)"), default: .init()].rejected += 1
      }
    }
    var summary = Summary()
    memory.flush(into: &summary)
    #expect(summary.byKid == expected)
    #expect(summary.byAlgorithm["HS256"]?.total == 4000)
    var again = Summary()
    memory.flush(into: &again)
    #expect(again == Summary(), "a chunk's counts are given once")
  }

  @Test func `a few headers are kept from chunk to chunk`() {
    var memory = memory()
    for _ in 0..<5 {
      memory.beginChunk()
      for i in 0..<10 { _ = find(&memory, "{\"alg\":\"HS256\",\"kid\":\"k\(i)\"}") }
    }
    #expect(memory.entries.count < 60)
  }

  @Test func `long headers are not kept for ever`() {
    var memory = memory()
    for i in 0..<40 {
      memory.beginChunk()
      let filler = String(repeating: "x", count: 200_000)
      _ = find(&memory, "{\"alg\":\"HS256\",\"kid\":\"\(i)\(filler)\"}")
    }
    let octets = memory.entries.reduce(0) {
      $0 + $1.segment.count + $1.verdictText.count + ($1.kid?.bytes.count ?? 0)
    }
    #expect(octets < 4 << 20, "\(octets) octets are kept")
  }

  @Test func `allowed algorithms, with the two names of each Edwards curve`() throws {
    let names = ["EdDSA", "Ed25519", "Ed448"]
    for (curve, other) in [("Ed25519", "Ed448"), ("Ed448", "Ed25519")] {
      let jwk = try JWK.generate(for: AlgorithmName(curve)!)
      let keys = Sample.keySet(jwk)
      for header in names {
        let text = "{\"alg\":\"\(header)\",\"kid\":\"\(jwk.kid!)\"}"
        for allowed in [nil] + names.map({ [$0] }) + [names, ["RS256"]] {
          var memory = memory(keys, allowed: allowed)
          let found = find(&memory, text)
          let isAllowed =
            allowed.map {
              ($0.contains(header) || header == "EdDSA" || $0.contains("EdDSA"))
                && ($0.contains("EdDSA") || $0.contains(curve))
            } ?? true
          if header == other {
            #expect(found.rejection != nil, "\(curve) key, \(header), \(allowed ?? [])")
          } else {
            #expect(
              found.rejection == (isAllowed ? nil : .algNotAllowed),
              "\(curve) key, \(header), \(allowed ?? [])")
          }
          #expect(found.algorithmName == "EdDSA")
        }
      }
    }
  }

  @Test func `what a header says is shown, also when it is rejected`() {
    var memory = memory()
    func check(_ header: String, _ rejection: Rejection?, _ shown: String) {
      let found = find(&memory, header)
      #expect(found.rejection == rejection, "\(header)")
      #expect(Array(memory.texts[found.verdictText]).text == shown, "\(header)")
    }
    check("{\"alg\":\"HS256\",\"kid\":\"k1\"}", nil, ",\"alg\":\"HS256\",\"kid\":\"k1\"")
    check("{\"alg\":\"HS256\"}", nil, ",\"alg\":\"HS256\"")
    check("{\"alg\":\"none\",\"kid\":\"k1\"}", .unsupportedAlg, ",\"alg\":\"none\",\"kid\":\"k1\"")
    check("{\"alg\":\"RS256\",\"kid\":\"k1\"}", .algMismatch, ",\"alg\":\"RS256\",\"kid\":\"k1\"")
    check("{\"alg\":\"HS256\",\"kid\":\"\\u006b1\"}", nil, ",\"alg\":\"HS256\",\"kid\":\"k1\"")
    check(
      "{\"alg\":\"HS256\",\"kid\":\"a\\n\\u0000\\\"\"}", .unknownKey,
      ",\"alg\":\"HS256\",\"kid\":\"a\\n\\u0000\\\"\"")
    check("[]", .badHeader, "")
    check("{\"alg\":7}", .badHeader, "")
    check("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", .duplicateMember, "")
    check("{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", .unsupportedCrit, ",\"alg\":\"HS256\"")
  }

  @Test func `spellings of a kid that only look alike are different keys`() {
    let composed = "caf\u{e9}"
    let decomposed = "cafe\u{301}"
    var memory = memory(Sample.keySet(Sample.secret(composed)))
    #expect(find(&memory, "{\"alg\":\"HS256\",\"kid\":\"\(composed)\"}").rejection == nil)
    #expect(find(&memory, "{\"alg\":\"HS256\",\"kid\":\"\(decomposed)\"}").rejection == .unknownKey)
  }
}
