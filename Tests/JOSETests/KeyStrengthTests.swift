// Keys that are too weak, halves that do not belong together, and what use and key_ops forbid.
// Owns: the tests of JWK.weakness, check and forbids.

import Testing

@testable import JOSE

@Suite struct KeyStrengthTests {
  private func rsa(bits: Int, e: [UInt8] = [1, 0, 1], lowest: UInt8 = 1) -> JWK {
    var n = [UInt8](repeating: 0xa5, count: (bits + 7) / 8)
    n[0] = UInt8(truncatingIfNeeded: 0xff >> ((8 - bits % 8) % 8))
    n[n.count - 1] = n[n.count - 1] & 0xfe | lowest
    return JWK(.rsa(n: n, e: e))
  }

  private func secret(_ count: Int) -> JWK {
    var octets = [UInt8](repeating: 7, count: count)
    return JWK(secret: SecretBytes(consuming: &octets))
  }

  @Test("RSA: under 2048 bits, an even or tiny exponent, an even modulus are weak")
  func weakRSA() {
    for algorithm in [Algorithm.rs256, .ps512] {
      #expect(rsa(bits: 2048).weakness(for: algorithm) == nil)
      #expect(rsa(bits: 4096).weakness(for: algorithm) == nil)
      #expect(rsa(bits: 2048, e: [1, 0, 0, 1]).weakness(for: algorithm) == nil)
      for bits in [512, 1024, 2040, 2047] {
        #expect(rsa(bits: bits).weakness(for: algorithm) != nil, "\(bits)")
      }
      for e: [UInt8] in [[1], [3], [17], [0xff, 0xff], [1, 1], [1, 0, 0], [2], [1, 0, 2], []] {
        #expect(rsa(bits: 2048, e: e).weakness(for: algorithm) != nil, "\(e)")
      }
      #expect(rsa(bits: 2048, lowest: 0).weakness(for: algorithm) != nil)
    }
  }

  @Test("HMAC: a secret shorter than the hash is weak, one as long is not")
  func weakSecrets() {
    for (algorithm, count) in [(Algorithm.hs256, 32), (.hs384, 48), (.hs512, 64)] {
      #expect(secret(count - 1).weakness(for: algorithm) != nil)
      #expect(secret(1).weakness(for: algorithm) != nil)
      #expect(secret(count).weakness(for: algorithm) == nil)
    }
    #expect(secret(32).weakness(for: .hs512) != nil)
  }

  @Test("Curves are never weak")
  func curves() throws {
    for name in ["ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448"] {
      let key = try newKey(name)
      let algorithm = try #require(AlgorithmName(name)).algorithm
      #expect(key.weakness(for: algorithm) == nil)
    }
  }

  @Test(
    "A private half of another key is found by check",
    arguments: [
      "RS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
    ])
  func mismatchedHalves(name: String) throws {
    let (one, other) = (try newKey(name), try newKey(name))
    var mixed = JWK(one.material, secret: other.secret)
    mixed.algorithm = one.algorithm
    #expect(failure { try mixed.check() } != nil)
    if case .rsa(let numbers) = other.secret {
      let exponentOnly = JWK(one.material, secret: .rsa([numbers[0]]))
      #expect(failure { try exponentOnly.check() } != nil)
    }
    try one.check()
    try one.publicHalf.check()
  }

  @Test("RSA without its primes still signs; primes that are no factors are found")
  func rsaParts() throws {
    let key = try jwk(RFC.key7515A2)
    try key.check()
    guard case .rsa(let numbers) = key.secret else {
      Issue.record("a private RSA key")
      return
    }
    try JWK(key.material, secret: .rsa([numbers[0]])).check()
    for broken in 1..<6 {
      var parts = numbers
      var octets = parts[broken].copied
      octets[octets.count / 2] ^= 0x10
      parts[broken] = SecretBytes(consuming: &octets)
      let mixed = JWK(key.material, secret: .rsa(parts))
      #expect(failure { try mixed.check() } != nil, "part \(broken)")
    }
    let some = RFC.key7515A2.split(separator: ",").filter { !$0.hasPrefix("\"dq\"") }
    let error = failure {
      try JWK.parse(some.joined(separator: ",").octets)
    }
    #expect(error?.code == .badKey, "some of the primes' numbers but not all")
  }

  @Test("A JWK with an empty private number is refused, and so is one of a third prime")
  func emptyPrivateNumbers() throws {
    let open = RFC.key7515A2.split(separator: ",\"d\"")[0]
    let error = failure { try JWK.parse("\(open),\"d\":\"\"}".octets) }
    #expect(error?.code == .badKey)
    let third = "{\"oth\":[{}]," + RFC.key7515A2.dropFirst()
    #expect(
      failure { try JWK.parse(third.octets) }?.code == .unsupportedKey)
    for (key, count) in [(RFC.key7515A3, 32), (RFC.key8037, 32)] {
      let value = try JSONValue(parsing: key.octets)
      guard case .object(var members) = value else { return }
      for wrong in [0, 1, count - 1, count + 1] {
        let octets = [UInt8](repeating: 1, count: wrong)
        members.removeAll { $0.name == "d" }
        members.append(.init(name: "d", value: .string(ByteString(Base64URL.encode(octets)))))
        let text = JSONValue.object(members).text()
        #expect(failure { try JWK.parse(text) }?.code == .badKey)
      }
    }
  }

  @Test("Scalars of zero, of the order and beyond are refused by check")
  func scalarRange() throws {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".unhexed
    let key = try jwk(RFC.key7515A3)
    for wrong in [[UInt8](repeating: 0, count: 32), order, [UInt8](repeating: 0xff, count: 32)] {
      var octets = wrong
      let bad = JWK(key.material, secret: .scalar(SecretBytes(consuming: &octets)))
      #expect(failure { try bad.check() } != nil)
    }
  }

  @Test("use and key_ops: what they forbid")
  func forbids() throws {
    var key = try newKey("ES256")
    #expect(key.forbids(.sign) == nil && key.forbids(.verify) == nil)
    key.use = "sig"
    #expect(key.forbids(.sign) == nil && key.forbids(.verify) == nil)
    for use in ["enc", "SIG", "", "sig "] {
      key.use = ByteString(use)
      #expect(key.forbids(.sign) != nil && key.forbids(.verify) != nil)
    }
    key.use = nil
    key.keyOps = ["verify"]
    #expect(key.forbids(.sign) != nil && key.forbids(.verify) == nil)
    key.keyOps = ["sign", "encrypt"]
    #expect(key.forbids(.sign) == nil && key.forbids(.verify) != nil)
    key.keyOps = []
    #expect(key.forbids(.sign) != nil && key.forbids(.verify) != nil)
    #expect(key.publicHalf.forbids(.verify) == nil, "key_ops spoke of the private key")
    #expect(
      failure { try Signer(key, .es256) }?.code == .unsupportedKey)
  }

  @Test("A secret's memory says nothing in descriptions, and compares by content")
  func secrets() throws {
    var (a, b, c) = ([UInt8](repeating: 7, count: 9), [UInt8](repeating: 7, count: 9), [UInt8(7)])
    let (one, same, short) = (
      SecretBytes(consuming: &a), SecretBytes(consuming: &b), SecretBytes(consuming: &c)
    )
    #expect(a.isEmpty, "the original is wiped")
    #expect("\(one)" == "(9 secret octets)")
    #expect(one.equals(same) && !one.equals(short))
    let random = (try SecretBytes(randomCount: 32), try SecretBytes(randomCount: 32))
    #expect(!random.0.equals(random.1))
  }
}
