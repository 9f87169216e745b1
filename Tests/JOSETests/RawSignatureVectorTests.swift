// Wycheproof's key, message, signature cases through the engine.
// Owns: running vectors/raw-signatures. A key that cannot be loaded counts as rejecting.

import Foundation
import Testing

@testable import JOSE

@Suite struct RawSignatureVectorTests {
  /// Whether the engine accepts each case of a file, in order.
  private func run(_ file: URL) throws -> Int {
    var (seen, lastKey): (Int, JSONValue?) = (0, nil)
    var engine: (OpenSSLEngine, KeySet)?
    for line in try lines(file) {
      let item = try JSONValue(parsing: line)
      let algorithm = try #require(item["alg"]?.string.flatMap { AlgorithmName($0.description) })
      let key = try #require(item["key"])
      if key != lastKey {
        lastKey = key
        engine = nil
        var keys = KeySet()
        keys.allowWeakKeys = true
        if let jwk = try? JWK.parse(key.text()), keys.add(jwk, source: "") == nil {
          engine = (OpenSSLEngine(keys), keys)
        }
      }
      let message = try #require(item["msg"]?.string).description.unhexed
      let signature = try #require(item["sig"]?.string).description.unhexed
      var isValid = false
      if let engine, case .key(let index) = engine.1.choose(algorithm, kid: nil) {
        isValid = try engine.0.isValid(signature, of: message, key: index, algorithm.algorithm)
      }
      seen += 1
      if isValid != item["valid"]?.bool {
        Issue.record(
          "\(item["source"]?.string ?? "?"): \(item["comment"]?.string ?? "") gave \(isValid)")
      }
    }
    return seen
  }

  @Test("Every case is accepted or rejected as the vectors say", .timeLimit(.minutes(20)))
  func all() throws {
    guard let files = Vectors.files("raw-signatures") else { return }
    var seen = 0
    for file in files where file.pathExtension == "jsonl" { seen += try run(file) }
    Vectors.ran(seen, "raw-signatures")
  }
}
