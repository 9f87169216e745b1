// Signing and verifying with every algorithm: round trips, and that nothing else is ever accepted.
// Owns: the tests of Signer, OpenSSLEngine and SignatureBatch.

import Testing

@testable import JOSE

@Suite struct SignatureTests {
  /// Every algorithm, EdDSA on both its curves.
  static let names = Algorithm.allCases.filter { $0 != .edDSA }.map(\.name) + ["Ed25519", "Ed448"]

  private struct Pair {
    let key: JWK
    let algorithm: Algorithm
    let message = "eyJhbGciOiJ4In0.e30".octets
    let engine: OpenSSLEngine

    init(_ name: String) throws {
      key = try newKey(name)
      algorithm = try #require(AlgorithmName(name)).algorithm
      engine = OpenSSLEngine(Token.keys(key))
    }

    func sign(_ message: [UInt8]) throws -> [UInt8] {
      var out: [UInt8] = [9]
      try Signer(key, algorithm).sign(message.span, 0..<message.count, into: &out)
      #expect(out.first == 9, "a signature is appended")
      return Array(out.dropFirst())
    }

    func accepts(_ signature: [UInt8], _ message: [UInt8]) throws -> Bool {
      try engine.isValid(signature, of: message, key: 0, algorithm)
    }
  }

  @Test(
    "What is signed verifies, of every length, with the same signer again and again",
    arguments: names)
  func roundTrip(name: String) throws {
    let pair = try Pair(name)
    let signer = try Signer(pair.key, pair.algorithm)
    for count in [0, 1, 31, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000] {
      let message = [UInt8](repeating: 0x5a, count: count)
      var signature: [UInt8] = []
      try signer.sign(message.span, 0..<count, into: &signature)
      #expect(try pair.accepts(signature, message), "\(count)")
      if count > 0 { #expect(try !pair.accepts(signature, Array(message.dropLast()))) }
    }
    let lengths = [
      "HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "ES384": 96, "ES512": 132, "ES256K": 64,
      "Ed25519": 64, "Ed448": 114,
    ]
    #expect(try pair.sign(pair.message).count == lengths[name] ?? 256)
  }

  @Test("Every bit flip of the signature is rejected, and the engine goes on", arguments: names)
  func signatureBits(name: String) throws {
    let pair = try Pair(name)
    let signature = try pair.sign(pair.message)
    for bit in 0..<signature.count * 8 {
      var changed = signature
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      if try pair.accepts(changed, pair.message) { Issue.record("bit \(bit)") }
    }
    #expect(try pair.accepts(signature, pair.message), "usable after failures")
  }

  @Test(
    "Every bit flip, truncation and extension of the signing input is rejected", arguments: names)
  func inputBits(name: String) throws {
    let pair = try Pair(name)
    let signature = try pair.sign(pair.message)
    for bit in 0..<pair.message.count * 8 {
      var changed = pair.message
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      if try pair.accepts(signature, changed) { Issue.record("bit \(bit)") }
    }
    for count in 0..<pair.message.count {
      if try pair.accepts(signature, Array(pair.message.prefix(count))) { Issue.record("\(count)") }
    }
    #expect(try !pair.accepts(signature, pair.message + [0]))
    #expect(try pair.accepts(signature, pair.message), "usable after failures")
  }

  @Test("Every truncation and extension of the signature is rejected", arguments: names)
  func signatureLengths(name: String) throws {
    let pair = try Pair(name)
    let signature = try pair.sign(pair.message)
    for count in 0..<signature.count {
      if try pair.accepts(Array(signature.prefix(count)), pair.message) { Issue.record("\(count)") }
      if try pair.accepts(Array(signature.suffix(count)), pair.message) { Issue.record("\(count)") }
    }
    let half = signature.count / 2
    for extended in [
      signature + [0], [0] + signature, signature + signature, signature + [1],
      [0] + signature.prefix(half) + [0] + signature.suffix(half),
    ] { #expect(try !pair.accepts(extended, pair.message)) }
    for value: UInt8 in [0, 1, 0xff] {
      let constant = [UInt8](repeating: value, count: signature.count)
      #expect(try !pair.accepts(constant, pair.message))
    }
    #expect(try pair.accepts(signature, pair.message), "usable after failures")
  }

  @Test("A signature of one algorithm is none of another with the same key")
  func algorithmsApart() throws {
    for names in [
      ["HS256", "HS384", "HS512"], ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
    ] {
      var key = try newKey(names[0])
      key.algorithm = nil
      let engine = OpenSSLEngine(Token.keys(key))
      let message = "message".octets
      for one in names {
        var signature: [UInt8] = []
        let algorithm = try #require(Algorithm(name: one))
        try Signer(key, algorithm).sign(message.span, 0..<message.count, into: &signature)
        for other in names {
          let valid = try engine.isValid(signature, of: message, key: 0, Algorithm(name: other)!)
          #expect(valid == (one == other), "\(one) as \(other)")
        }
      }
    }
  }

  @Test("DER signatures of ECDSA are rejected, and r and s may not change places")
  func ecdsaForm() throws {
    let pair = try Pair("ES256")
    let signature = try pair.sign(pair.message)
    #expect(try !pair.accepts(Array(signature.suffix(32) + signature.prefix(32)), pair.message))
    var der: [UInt8] = []
    for half in [signature.prefix(32), signature.suffix(32)] {
      let number = Array(half.drop { $0 == 0 })
      let padded = number[0] > 127 ? [0] + number : number
      der += [2, UInt8(padded.count)] + padded
    }
    #expect(try !pair.accepts([0x30, UInt8(der.count)] + der, pair.message))
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".unhexed
    let zero = [UInt8](repeating: 0, count: 32)
    let one: [UInt8] = Array(zero.dropLast()) + [1]
    for r in [zero, one, order] {
      for s in [zero, one, order] { #expect(try !pair.accepts(r + s, pair.message)) }
    }
  }

  @Test("One batch of many keys and algorithms, good and bad in turn: each gets its own answer")
  func mixedBatch() throws {
    let pairs = try Self.names.map { try Pair($0) }
    var keys = KeySet()
    keys.allowWeakKeys = true
    for pair in pairs { #expect(keys.add(pair.key, source: "a test") == nil) }
    let engine = OpenSSLEngine(keys)
    var random = SeededRandom(for: "mixed batch")
    var batch = SignatureBatch()
    for round in 0..<2 {
      batch.removeAll()
      #expect(batch.count == 0)
      var (input, octets, expected): ([UInt8], [UInt8], [Bool]) = ([], [], [])
      for place in 0..<120 {
        let index = random.below(pairs.count)
        let message = random.bytes(random.below(80))
        var signature = try pairs[index].sign(message)
        let isGood = random.below(2) == 0
        if !isGood { signature[random.below(signature.count)] ^= 1 << UInt8(random.below(8)) }
        let at = batch.append(
          key: index, pairs[index].algorithm, input: input.count..<input.count + message.count,
          signature: octets.count..<octets.count + signature.count, payload: place..<place + 1)
        #expect(at == place)
        #expect(batch.verified(at) == nil, "nothing is verified before the engine ran")
        input += message
        octets += signature
        expected.append(isGood)
      }
      try engine.verify(&batch, input: input.span, octets: octets.span)
      for (place, isGood) in expected.enumerated() {
        let verified = batch.verified(place)
        #expect((verified != nil) == isGood, "round \(round) place \(place)")
        if let verified { #expect(verified.payload == place..<place + 1) }
      }
    }
  }

  @Test("The wrong key's signature is rejected", arguments: names)
  func otherKey(name: String) throws {
    let (pair, other) = (try Pair(name), try Pair(name))
    #expect(try !pair.accepts(other.sign(pair.message), pair.message))
  }

  @Test("A signer refuses keys without a private half and algorithms that are not the key's")
  func signerRefuses() throws {
    let key = try newKey("ES256")
    #expect(failure { try Signer(key.publicHalf, .es256) }?.code == .noPrivateKey)
    for algorithm in Algorithm.allCases where algorithm != .es256 {
      #expect(failure { try Signer(key, algorithm) }?.code == .unsupportedKey, "\(algorithm)")
    }
    let pss = try newKey("PS256")
    #expect(failure { try Signer(pss, .rs256) }?.code == .unsupportedKey)
    #expect(failure { try Signer(pss, .ps384) }?.code == .unsupportedKey)
  }

  @Test("Of PSS signatures by another program only the one with the right salt and mask holds")
  func pssForms() throws {
    let engine = OpenSSLEngine(Token.keys(try jwk(RFC.key7515A2)))
    func holds(_ text: String) throws -> Bool {
      let signature = try #require(Base64URL.decode(text.octets))
      return try engine.isValid(signature, of: "a message".octets, key: 0, .ps256)
    }
    #expect(try holds(PSSSamples.salt32))
    for other in [
      PSSSamples.salt0, PSSSamples.salt20, PSSSamples.salt64, PSSSamples.saltMax,
      PSSSamples.otherMask,
    ] { #expect(try !holds(other)) }
    #expect(try holds(PSSSamples.salt32), "usable after failures")
  }

  @Test("Short halves of ECDSA signatures are padded: hundreds of signatures all hold")
  func ecdsaPadding() throws {
    var short = 0
    for (name, rounds) in [("ES256", 1500), ("ES384", 60), ("ES512", 60), ("ES256K", 60)] {
      let pair = try Pair(name)
      let signer = try Signer(pair.key, pair.algorithm)
      for round in 0..<rounds {
        let message = [UInt8(round & 255), UInt8(round >> 8)]
        var signature: [UInt8] = []
        try signer.sign(message.span, 0..<2, into: &signature)
        if name == "ES256", signature[0] == 0 || signature[32] == 0 { short += 1 }
        if try !pair.accepts(signature, message) { Issue.record("\(name) \(signature)") }
      }
    }
    #expect(short > 0, "about one in 128 signatures has a short half")
  }

  @Test("PSS salts are random and as long as the hash: two signatures differ, both hold")
  func pssSalt() throws {
    let pair = try Pair("PS256")
    let (one, other) = (try pair.sign(pair.message), try pair.sign(pair.message))
    #expect(one != other)
    #expect(try pair.accepts(one, pair.message) && pair.accepts(other, pair.message))
  }
}
