// Wycheproof's key, message, signature cases through the engines.
// Owns: running vectors/raw-signatures. A key that cannot be loaded counts as rejecting.

import Foundation
import Testing

@testable import JOSE

@Suite struct RawSignatureVectorTests {
  /// The cases of a file that name one key, which stand together.
  private struct Group {
    var key: JSONValue
    var cases: [(case: JSONValue, algorithm: AlgorithmName)] = []
  }

  private func groups(_ file: URL) throws -> [Group] {
    var out: [Group] = []
    for line in try lines(file) {
      let item = try JSONValue(parsing: line)
      let algorithm = try #require(item["alg"]?.string.flatMap { AlgorithmName($0.description) })
      let key = try #require(item["key"])
      if out.last?.key != key { out.append(Group(key: key)) }
      out[out.count - 1].cases.append((item, algorithm))
    }
    return out
  }

  /// Whether an engine accepts each case as one batch.
  private func run(_ group: Group, _ make: ([KeySet.Key]) -> any SignatureEngine) throws {
    var keys = KeySet()
    keys.allowWeakKeys = true
    if let jwk = try? JWK.parse(group.key.text()) { _ = keys.add(jwk, source: "") }
    var batch = SignatureBatch()
    var (input, octets, places): ([UInt8], [UInt8], [Int?]) = ([], [], [])
    for (item, algorithm) in group.cases {
      let message = try #require(item["msg"]?.string).description.unhexed
      let signature = try #require(item["sig"]?.string).description.unhexed
      guard case .key(let index) = keys.choose(algorithm, kid: nil) else {
        places.append(nil)
        continue
      }
      places.append(
        batch.append(
          key: index, algorithm.algorithm, input: input.count..<input.count + message.count,
          signature: octets.count..<octets.count + signature.count, payload: 0..<0))
      input += message
      octets += signature
    }
    try make(keys.keys).verify(&batch, input: input.span, octets: octets.span)
    for ((item, _), place) in zip(group.cases, places) {
      let isValid = place.map { batch.answer($0) == .valid } ?? false
      if isValid != item["valid"]?.bool {
        Issue.record(
          "\(item["source"]?.string ?? "?"): \(item["comment"]?.string ?? "") gave \(isValid)")
      }
    }
  }

  @Test(
    "Every case is accepted or rejected as the vectors say", .timeLimit(.minutes(20)),
    arguments: ["openssl", "lanes", "portable"])
  func all(_ name: String) throws {
    guard let files = Vectors.files("raw-signatures") else { return }
    var seen = 0
    for file in files where file.pathExtension == "jsonl" {
      for group in try groups(file) {
        try run(group) { keys in
          guard name != "openssl" else { return OpenSSLEngine(keys) }
          let unit: Lanes.Unit = name == "lanes" ? .widest : .portable
          return LaneEngine(
            keys, Lanes(.everywhere, unit) { Issue.record("\(file.lastPathComponent): \($0)") })
        }
        seen += group.cases.count
      }
    }
    Vectors.ran(seen, "raw-signatures")
  }
}
