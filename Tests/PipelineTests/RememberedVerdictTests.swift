// A run with a memory of signatures writes what a run without one writes.
// Owns: streams with repeats and forgeries, and keys that change meanwhile. Must never: hold a
// verdict to be right because it is the same: known ones are named.

import Dispatch
import JOSE
import Synchronization
import Testing

@testable import Pipeline

@Suite struct RememberedVerdictTests {
  /// Two issuers whose keys have the same kids, and one key that both have.
  private struct World {
    let es: JWK
    let other: JWK
    let ed: JWK
    let rsa: JWK

    init() throws {
      es = try Self.key("ES256", "a")
      other = try Self.key("ES256", "a")
      ed = try Self.key("EdDSA", "b")
      rsa = try Self.key("RS256", "c")
    }

    static func key(_ name: String, _ kid: String?) throws -> JWK {
      var jwk = try JWK.generate(for: try #require(AlgorithmName(name)))
      jwk.kid = kid.map { ByteString($0) }
      return jwk
    }

    func trust() -> Trust {
      Trust([
        TrustedIssuer("one", Sample.keySet(es, ed, rsa)),
        TrustedIssuer("two", Sample.keySet(other, ed)),
      ])
    }

    /// What an ill-disposed client may send, from a few good tokens.
    func tokens(_ random: inout Seeded) throws -> [String] {
      var all: [String] = []
      for i in 0..<6 {
        for iss in ["one", "two", "three"] {
          let claims = "{\"iss\":\"\(iss)\",\"n\":\(i)}"
          all.append(
            try Sample.token(claims, header: "{\"alg\":\"ES256\",\"kid\":\"a\"}", es, .es256))
          all.append(
            try Sample.token(claims, header: "{\"alg\":\"ES256\",\"kid\":\"a\"}", other, .es256))
          all.append(
            try Sample.token(claims, header: "{\"alg\":\"EdDSA\",\"kid\":\"b\"}", ed, .edDSA))
        }
        all.append(
          try Sample.token(
            "{\"iss\":\"one\",\"n\":\(i)}", header: "{\"alg\":\"RS256\",\"kid\":\"c\"}", rsa, .rs256
          ))
      }
      let headers = [
        "{\"alg\":\"ES256\",\"kid\":\"a\"}", "{\"kid\":\"a\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"b\"}", "{\"alg\":\"Ed25519\",\"kid\":\"b\"}",
        "{\"alg\":\"PS256\",\"kid\":\"c\"}", "{\"alg\":\"RS256\",\"kid\":\"c\",\"x\":1}",
        "{\"alg\":\"ES256\",\"kid\":\"a\",\"crit\":[\"x\"]}", "{\"alg\":\"none\"}",
      ]
      let good = all
      for token in good {
        let parts = token.split(separator: ".").map(String.init)
        let header = Base64URL.encode(Array(headers.randomElement(using: &random)!.utf8)).text
        all.append("\(header).\(parts[1]).\(parts[2])")
        let payload = Base64URL.encode(Array("{\"iss\":\"two\",\"n\":0}".utf8)).text
        all.append("\(parts[0]).\(payload).\(parts[2])")
        all.append(
          "\(parts[0]).\(parts[1]).\(good.randomElement(using: &random)!.split(separator: ".")[2])")
        all.append("\(parts[0]).\(parts[1]).\(String(parts[2].dropLast()))")
        all.append("\(parts[0])%2e\(parts[1])%2E\(parts[2])")
      }
      return all
    }
  }

  private func output(
    _ keys: VerificationKeys, _ stream: [[String]], _ options: VerifyOptions,
    before: (Int) throws -> Void = { _ in }
  ) throws -> [String] {
    var processor = try VerifyProcessor(options, keys: keys)
    return try stream.enumerated().map { i, lines in
      try before(i)
      return try processor.result(lines.joined(separator: "\n")).output.text
    }
  }

  private func stream(_ tokens: [String], _ random: inout Seeded) -> [[String]] {
    (0..<12).map { _ in
      (0..<Int.random(in: 1...40, using: &random)).map { _ in
        let token = tokens.randomElement(using: &random)!
        return Bool.random(using: &random) ? token : "GET /?t=\(token)&x=1 HTTP/1.1"
      }
    }
  }

  private static let sizes = [64 << 10, 65 << 10, 99_991, 1 << 20]

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `verdicts are the same to the letter with a memory of any size`(seed: UInt64) throws {
    var random = Seeded(seed)
    let world = try World()
    let keys = try VerificationKeys(.init(world.trust()))
    let tokens = try world.tokens(&random)
    let stream = stream(tokens, &random)
    for print in [VerifyOptions.Print.verdict, .line] {
      var options = VerifyOptions()
      (options.print, options.redacts) = (print, print == .line)
      options.tokens = seed == 2 ? .all : .first
      let plain = try output(keys, stream, options)
      #expect(plain.joined().contains(print == .line ? " valid]" : "\"valid\":true"))
      for size in Self.sizes {
        options.memory = SignatureMemory(octets: size)
        #expect(try output(keys, stream, options) == plain, "\(size)")
        #expect(try output(keys, stream, options) == plain, "\(size), all known")
      }
    }
  }

  @Test func `a token that was tried with several keys`() throws {
    var random = Seeded(4)
    let jwks = try (0..<4).map { try World.key("ES256", "k\($0)") }
    var set = KeySet()
    for (i, jwk) in jwks.enumerated() {
      var window = KeyWindow()
      window.requiresTimes = false
      if i == 2 { window.revocation = .init(since: nil) }
      #expect(set.add(jwk, source: "", window: window) == nil)
    }
    let keys = VerificationKeys(set)
    let tokens = try (0..<40).map { i in
      try Sample.token("{\"n\":\(i)}", header: "{\"alg\":\"ES256\"}", jwks[i % 4], .es256)
    }
    let stream = stream(tokens, &random)
    var options = VerifyOptions()
    options.triesAllKeys = true
    let plain = try output(keys, stream, options)
    #expect(plain.joined().contains("\"n\":2}") && plain.joined().contains("revoked_key"))
    options.memory = SignatureMemory(octets: 64 << 10)
    for _ in 0..<2 { #expect(try output(keys, stream, options) == plain) }
  }

  @Test func `a key that goes, comes back or changes under its kid between two chunks`() throws {
    var random = Seeded(5)
    let world = try World()
    let sets = [
      [world.es, world.ed], [world.other, world.ed], [world.ed], [world.es, world.rsa],
      [world.other],
    ]
    let stream = stream(try world.tokens(&random), &random)
    func run(_ memory: SignatureMemory?) throws -> [String] {
      let folder = Folder()
      _ = try folder.file("set", [])
      let turn = Mutex(0)
      let keys = try VerificationKeys(
        following: {
          var loaded = VerificationKeys.Loaded()
          loaded.willRead("\(folder.path)/set")
          var set = KeySet()
          for jwk in sets[turn.withLock { $0 } % sets.count] {
            #expect(set.add(jwk, source: "") == nil)
          }
          loaded.trust = Trust(set)
          return loaded
        }, clock: { Double(turn.withLock { $0 }) }, report: { _ in })
      var options = VerifyOptions()
      options.memory = memory
      return try output(keys, stream + stream, options) { _ in
        turn.withLock { $0 += 1 }
        touch("\(folder.path)/set", turn.withLock { $0 })
      }
    }
    let plain = try run(nil)
    #expect(Set(plain).count > 12, "the keys did change")
    #expect(try run(SignatureMemory(octets: 64 << 10)) == plain)
    #expect(try run(SignatureMemory(octets: 1 << 20)) == plain)
  }

  @Test func `headers that somebody made up use up nothing`() throws {
    let jwk = try World.key("ES256", "a")
    let memory = try #require(SignatureMemory(octets: 64 << 10))
    var options = VerifyOptions()
    (options.memory, options.print) = (memory, .none)
    var processor = try VerifyProcessor(options, keys: Sample.keys(jwk))
    let good = try Sample.token("{}", header: "{\"alg\":\"ES256\",\"kid\":\"a\"}", jwk, .es256)
    let rest = good.split(separator: ".").dropFirst().joined(separator: ".")
    for from in stride(from: 0, to: 6000, by: 500) {
      let lines = (from..<from + 500).map { i in
        let header = "{\"alg\":\"ES256\",\"kid\":\"a\",\"x\":\(i)}"
        return "\(Base64URL.encode(Array(header.utf8)).text).\(rest)"
      }
      #expect(try processor.result(lines.joined(separator: "\n")).summary.lines.accepted == 0)
    }
    for _ in 0..<2 { #expect(try processor.result(good).summary.lines.accepted == 1) }
    let segment = Array(good.utf8.prefix { $0 != UInt8(ascii: ".") })
    #expect(
      memory.number(ofHeader: segment, issuer: 0, generation: 0, isVerified: false) == 1,
      "the first that got one")
  }

  @Test func `several workers share one memory`() throws {
    var random = Seeded(6)
    let world = try World()
    let keys = try VerificationKeys(.init(world.trust()))
    let chunks = stream(try world.tokens(&random), &random)
    var options = VerifyOptions()
    let plain = try output(keys, chunks, options)
    for size in Self.sizes {
      options.memory = SignatureMemory(octets: size)
      let differ = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 4) { [options] _ in
        for _ in 0..<3 where (try? output(keys, chunks, options)) != plain {
          differ.withLock { $0 += 1 }
        }
      }
      #expect(differ.withLock { $0 } == 0, "\(size)")
    }
  }
}
