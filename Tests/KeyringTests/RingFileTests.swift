// The text of keyring.json: what is written is read back, and nothing else is.
// Owns: random rings and broken texts. Must never: need a directory.

import JOSE
import Testing

@testable import Keyring

@Suite struct RingFileTests {
  /// A small ring's text, for changing.
  private func text() throws -> String {
    var ring = Sample.ring()
    try ring.take("a", at: Sample.start)
    try ring.take("b", at: Sample.start + Seconds(5))
    ring.keys[0].revocation = .init(at: Sample.start, since: Sample.start, reason: "lost")
    return String(decoding: ring.text, as: UTF8.self)
  }

  private func parse(_ text: String) throws -> Ring { try Ring(parsing: Array(text.utf8)) }

  /// `text` with one piece in place of another, which must be there.
  private func change(_ old: String, _ new: String) throws -> String {
    let text = try text()
    let changed = text.replacing(old, with: new, maxReplacements: 1)
    try #require(changed != text, "\(old) is not in \(text)")
    return changed
  }

  private func refuses(_ text: String, _ note: Comment) {
    #expect(throws: KeyringError(.badFormat, ""), note) { try parse(text) }
  }

  @Test func `text of random rings is read and written again as it was`() throws {
    var random = Seeded(5)
    let names = ["EdDSA", "Ed448", "ES256", "ES256K", "ES512", "HS256", "HS512", "RS256", "PS384"]
    var keys: [(AlgorithmName, JWK)] = []
    for name in names { keys.append((AlgorithmName(name)!, try Sample.key(AlgorithmName(name)!))) }
    func time() -> Timestamp {
      Timestamp(seconds: .random(in: 0...253_402_300_799, using: &random))
    }
    func maybe() -> Timestamp? { Bool.random(using: &random) ? time() : nil }
    func span() -> Seconds { Seconds(.random(in: 0...10_000_000, using: &random)) }
    for _ in 0..<200 {
      var policy = Policy(algorithm: keys.randomElement(using: &random)!.0)
      (policy.period, policy.publishAhead, policy.maxTokenTTL) = (span(), span(), span())
      (policy.leeway, policy.clockSkew, policy.jwksMaxAge) = (span(), span(), span())
      if Bool.random(using: &random) { policy.rsaBits = 3072 }
      policy.publishTo = ["/a \"b\"/é\n.json", "x"].filter { _ in Bool.random(using: &random) }
      var ring = Ring(policy: policy, changed: time())
      ring.isRehearsal = Bool.random(using: &random)
      for i in 0..<Int.random(in: 0...6, using: &random) {
        var (name, jwk) = keys.randomElement(using: &random)!
        jwk.kid = ByteString(
          ["k\(i)", "K_\(i)-", "\(i).x"].randomElement(using: &random)!)
        ring.addPending(jwk, name, at: time())
        ring.keys[i].published = maybe()
        ring.keys[i].activation = ring.keys[i].published == nil ? nil : maybe()
        ring.keys[i].retired = maybe()
        ring.keys[i].archived = maybe()
        ring.keys[i].privateDeleted = maybe()
        ring.keys[i].maxTokenTTL = span()
        if Bool.random(using: &random) {
          let reason = Bool.random(using: &random) ? "a \"reason\"\t" : nil
          ring.keys[i].revocation = .init(at: time(), since: maybe(), reason: reason)
        }
      }
      let text = ring.text
      let again = try Ring(parsing: text)
      #expect(again.text == text)
      #expect(again.policy == ring.policy && again.isRehearsal == ring.isRehearsal)
      for (a, b) in zip(again.keys, ring.keys) {
        #expect(
          a.kid == b.kid && a.algorithm.algorithm == b.algorithm.algorithm
            && a.jwk.material == b.jwk.material)
        #expect(!a.jwk.hasPrivateHalf)
      }
    }
  }

  @Test func `no private member and no secret is ever in the text`() throws {
    for name in ["EdDSA", "ES256", "HS256", "RS256"] {
      var ring = Sample.ring()
      let jwk = try Sample.key(AlgorithmName(name)!)
      ring.addPending(jwk, AlgorithmName(name)!, at: Sample.start)
      let text = String(decoding: ring.text, as: UTF8.self)
      for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        #expect(!text.contains("\"\(member)\":"), "\(name)")
      }
    }
  }

  @Test func `times are RFC 3339`() throws {
    #expect(try text().contains("\"created\": \"2027-01-15T08:00:00Z\""))
    let ring = try parse(try change("2027-01-15T08:00:05Z", "2027-01-15t10:30:05.000+02:30"))
    #expect(ring.changed == Sample.start + Seconds(5))
    for wrong in [
      "1800000000", "\"1800000000\"", "\"2027-01-15\"", "\"2027-02-30T08:00:00Z\"", "null",
    ] {
      refuses(try change("\"2027-01-15T08:00:05Z\"", wrong), "changed \(wrong)")
      refuses(
        try change("\"activation\": \"2027-01-15T08:00:00Z\"", "\"activation\": \(wrong)"),
        "\(wrong)")
    }
  }

  @Test(
    "members that are not known are refused wherever they stand",
    arguments: [
      ("\"format\": 1,", "\"format\": 1, \"later\": 1,"),
      ("\"kid\": \"a\",", "\"kid\": \"a\", \"later\": 1,"),
      ("\"leeway\": \"1m\",", "\"leeway\": \"1m\", \"later\": 1,"),
      ("\"reason\": \"lost\"", "\"reason\": \"lost\", \"later\": 1"),
      ("\"kty\": \"OKP\",", "\"kty\": \"OKP\", \"later\": 1,"),
    ])
  func unknownMembers(_ old: String, _ new: String) throws {
    refuses(try change(old, new), "\(new)")
  }

  @Test(
    "private members are refused, alone or together",
    arguments: [
      (
        "\"kty\": \"OKP\",",
        "\"kty\": \"OKP\", \"d\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
      ),
      ("\"kty\": \"OKP\",", "\"kty\": \"OKP\", \"k\": \"AAAA\","),
      ("\"kty\": \"OKP\",", "\"kty\": \"OKP\", \"p\": \"AAAA\","),
      ("\"kid\": \"a\",", "\"kid\": \"a\", \"d\": \"AAAA\","),
    ])
  func privateMembers(_ old: String, _ new: String) throws {
    refuses(try change(old, new), "\(new)")
  }

  @Test(
    "a key that contradicts itself is refused",
    arguments: [
      ("\"kid\": \"a\",", "\"kid\": \"b\","), ("\"kid\": \"a\",", "\"kid\": \"\","),
      ("\"kid\": \"a\",", "\"kid\": \"c\","),
      ("\"alg\": \"EdDSA\",\n      \"created\"", "\"alg\": \"ES256\",\n      \"created\""),
      ("\"alg\": \"EdDSA\",\n      \"created\"", "\"alg\": \"none\",\n      \"created\""),
      ("\"alg\": \"EdDSA\",\n      \"created\"", "\"alg\": \"Ed448\",\n      \"created\""),
      ("\"alg\": \"EdDSA\",\n      \"created\"", "\"alg\": \"HS256\",\n      \"created\""),
      ("\"kty\": \"OKP\"", "\"kty\": \"oct\""), ("\"kty\": \"OKP\"", "\"kty\": \"EC\""),
      ("\"crv\": \"Ed25519\"", "\"crv\": \"Ed448\""),
      ("\"crv\": \"Ed25519\"", "\"crv\": \"X25519\""),
      ("\"max_token_ttl\": \"8d\",\n      \"rev", "\"max_token_ttl\": 8,\n      \"rev"),
    ])
  func contradictions(_ old: String, _ new: String) throws {
    refuses(try change(old, new), "\(old) to \(new)")
  }

  @Test(
    "a text that is no ring is refused",
    arguments: [
      "", "{}", "[]", "null", "{\"format\":1}", "{\"format\":2,\"policy\":{},\"keys\":[]}",
      "{\"format\":\"1\"}",
      "{\"format\":1,\"policy\":{},\"keys\":[],\"changed\":\"2027-01-15T08:00:00Z\"}",
    ])
  func noRing(_ text: String) { refuses(text, "\(text)") }

  @Test(
    "a policy with a broken or missing value is refused",
    arguments: [
      ("\"period\": \"30d\"", "\"period\": 30"), ("\"period\": \"30d\"", "\"period\": \"-30d\""),
      ("\"period\": \"30d\",", ""), ("\"period\": \"30d\"", "\"period\": \"30 d\""),
      ("\"publish_to\": []", "\"publish_to\": [1]"),
      ("\"publish_to\": []", "\"publish_to\": \"x\""),
      ("\"alg\": \"EdDSA\"", "\"alg\": \"none\""),
      ("\"format\": 1,", "\"format\": 1, \"rehearsal\": \"yes\","),
      ("\"format\": 1,", "\"format\": 1, \"format\": 1,"),
      ("\"leeway\": \"1m\"", "\"leeway\": null"),
    ])
  func brokenPolicy(_ old: String, _ new: String) throws {
    refuses(try change(old, new), "\(new)")
  }
}
