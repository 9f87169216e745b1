// Private keys under a passphrase: what is written, what is read, and all that is refused.
// Owns: the tests of PasswordJWE and PasswordEncryption. Must never: derive at full cost twice.

import Testing

@testable import JOSE

@Suite struct PasswordJWETests {
  private let passphrase = secret("Zoë – 🐚")
  private let key = #"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}"#

  private static let members = [
    ("alg", #""PBES2-HS512+A256KW""#), ("enc", #""A256GCM""#),
    ("p2s", #""AAECAwQFBgcICQoLDA0ODw""#), ("p2c", "1000"), ("cty", #""jwk+json""#),
  ]

  /// A header with one member's text changed, or left out when it is nil.
  private func header(_ changed: String = "", _ value: String? = nil) -> String {
    var members = Self.members
    members.removeAll { $0.0 == changed }
    if let value { members.append((changed, value)) }
    return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  /// `key` under the passphrase and any header, all as it must be but for what the header says.
  private func sealed(
    _ header: String, salt: [UInt8] = Array(0..<16), iterations: Int = 1000
  ) throws -> [UInt8] {
    let wrapping = try PasswordEncryption.derive(
      passphrase, salt: "PBES2-HS512+A256KW\0".octets + salt, iterations: iterations)
    let cek = secret(octets: Array(32..<64))
    let nonce: [UInt8] = Array(64..<76)
    let first = header.octets.base64url
    let (ciphertext, tag) = try PasswordEncryption.seal(
      secret(key), cek, nonce: nonce, authenticated: first.octets)
    let wrapped = try PasswordEncryption.wrap(cek, wrapping)
    return ([first] + [wrapped, nonce, ciphertext, tag].map(\.base64url)).joined(separator: ".")
      .octets
  }

  private func decrypted(_ text: [UInt8]) throws -> String {
    try PasswordJWE.decrypt(text, passphrase: passphrase).plaintext.copied.text
  }

  private func refusal(_ text: [UInt8]) -> JOSEError? { failure { try decrypted(text) } }

  // MARK: What is written

  @Test(arguments: [
    "HS256", "HS512", "RS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
  ])
  func `every type of key comes back as it was`(name: String) throws {
    let text = try #require(try newKey(name).privateText)
    let jwe = try PasswordJWE.encrypt(text, passphrase: passphrase, iterations: 1000)
    for end in ["", "\n", " \t\r\n"] {
      let (plaintext, iterations) = try PasswordJWE.decrypt(
        jwe + end.octets, passphrase: passphrase)
      #expect(plaintext.equals(text) && iterations == 1000)
    }
    #expect(failure { try PasswordJWE.decrypt([0x20] + jwe, passphrase: passphrase) } == bad)
  }

  @Test func `unasked it is written as the contract says`() throws {
    let jwe = try PasswordJWE.encrypt(secret(key), passphrase: passphrase)
    let parts = jwe.split(separator: 0x2e).map { Base64URL.decode(Array($0)) ?? [] }
    #expect(parts.map(\.count).dropFirst() == [40, 12, key.utf8.count, 16])
    let header = try JSONValue(parsing: parts[0])
    #expect(header["alg"] == .string("PBES2-HS512+A256KW"))
    #expect(header["enc"] == .string("A256GCM") && header["cty"] == .string("jwk+json"))
    #expect(header["p2c"]?.int == 310_000 && PasswordJWE.iterations(of: jwe) == 310_000)
    #expect(Base64URL.decode(header["p2s"]?.string?.bytes ?? [])?.count == 16)
    #expect(try decrypted(jwe) == key)
  }

  @Test func `nothing random is used twice`() throws {
    let texts = try (0..<2).map { _ in
      try PasswordJWE.encrypt(secret(key), passphrase: passphrase, iterations: 1000)
        .split(separator: 0x2e)
    }
    for part in 0..<5 { #expect(texts[0][part] != texts[1][part]) }
  }

  @Test func `an empty passphrase, iterations out of bounds and what is no key are not written`()
    throws
  {
    func code(_ plaintext: SecretBytes, _ passphrase: SecretBytes, _ iterations: Int) -> JOSEError?
    {
      failure {
        try PasswordJWE.encrypt(plaintext, passphrase: passphrase, iterations: iterations)
      }
    }
    #expect(code(secret(key), secret(""), 1000) == bad)
    for iterations in [Int.min, -1, 0, 999, 1_000_001, Int.max] {
      #expect(code(secret(key), passphrase, iterations) == bad, "\(iterations)")
    }
    let most = 1 << 19
    #expect(code(secret(octets: .init(repeating: 0, count: most + 1)), passphrase, 1000) == bad)
    for count in [0, 1, most] {
      let plaintext = secret(octets: .init(repeating: 0x61, count: count))
      let jwe = try PasswordJWE.encrypt(plaintext, passphrase: passphrase, iterations: 1000)
      #expect(try PasswordJWE.decrypt(jwe, passphrase: passphrase).plaintext.equals(plaintext))
    }
  }

  // MARK: Passphrases

  @Test func `a passphrase is its octets, whatever they are`() throws {
    for octets in [
      [0], [0xff, 0xfe, 0x80], "a\0b".octets, "\n".octets, .init(repeating: 0x78, count: 5000),
    ] as [[UInt8]] {
      let jwe = try PasswordJWE.encrypt(
        secret(key), passphrase: secret(octets: octets), iterations: 1000)
      let plaintext = try PasswordJWE.decrypt(jwe, passphrase: secret(octets: octets)).plaintext
      #expect(plaintext.copied == key.octets)
      // HMAC fills a key up with zeros, so that one zero is the same passphrase as none.
      for wrong in [octets + [1], [1] + octets, octets.dropLast(), octets.map { $0 ^ 1 }]
      where octets != [0] || !wrong.isEmpty {
        #expect(
          failure { try PasswordJWE.decrypt(jwe, passphrase: secret(octets: wrong)) }?.code
            == .wrongPassphrase)
      }
    }
  }

  @Test func `a wrong passphrase is told in one clear word`() throws {
    let jwe = try sealed(header())
    for wrong in ["", "Zoë – ", "Zoe – 🐚", "zoë – 🐚", "Zoë – 🐚\n", "Zoe\u{308} – 🐚"] {
      let error = failure { try PasswordJWE.decrypt(jwe, passphrase: secret(wrong)) }
      #expect(error?.code == .wrongPassphrase, "\(wrong)")
      #expect(error?.detail == "the passphrase does not open it")
    }
    #expect(try decrypted(jwe) == key)
  }

  // MARK: Altered texts

  @Test func `no bit of the text can be changed`() throws {
    let jwe = try sealed(header())
    for place in jwe.indices {
      for bit in 0..<8 {
        var off = jwe
        off[place] ^= 1 << UInt8(bit)
        let code = refusal(off)?.code
        #expect(code == .badKey || code == .wrongPassphrase, "octet \(place), bit \(bit)")
      }
    }
  }

  @Test func `no part of the text can be missing, moved or repeated`() throws {
    let jwe = try sealed(header())
    for count in jwe.indices { #expect(refusal(Array(jwe[..<count])) == bad, "\(count)") }
    let parts = jwe.split(separator: 0x2e).map { Array($0) }
    for a in 0..<5 {
      var less = parts
      less[a] = []
      #expect(refusal(Array(less.joined(separator: [0x2e]))) != nil)
      less.remove(at: a)
      #expect(refusal(Array(less.joined(separator: [0x2e]))) == bad)
      for b in 0..<a {
        var moved = parts
        moved.swapAt(a, b)
        #expect(refusal(Array(moved.joined(separator: [0x2e]))) != nil, "\(a) and \(b)")
      }
    }
    for text in [jwe + [0x2e], [0x2e] + jwe, jwe + [0x2e] + parts[4], jwe + [0x3d], jwe + [0]] {
      #expect(refusal(text) == bad)
    }
    for text in ["", " \n", ".", "....", "a.b.c.d.e", "{}", key, RFC.token7515A1] {
      #expect(refusal(text.octets) == bad)
      #expect(PasswordJWE.iterations(of: text.octets) == nil)
    }
    let long = [UInt8](repeating: 0x2e, count: 1 << 20)
    #expect(refusal(long) == bad && refusal(long + [0x2e]) == bad)
  }

  // MARK: Headers

  @Test func `iterations are accepted up to the very edges`() throws {
    for (text, iterations) in [("1000", 1000), ("1000000", 1_000_000)] {
      let jwe = try sealed(header("p2c", text), iterations: iterations)
      #expect(try PasswordJWE.decrypt(jwe, passphrase: passphrase).iterations == iterations)
    }
    for text in [
      "999", "1000001", "0", "-1000", "-1", "4294968296", "18446744073709552616", "1e3", "1000.0",
      "1000.5", "\"1000\"", "null", "true", "[1000]", "{}",
    ] { #expect(refusal(try sealed(header("p2c", text))) == bad, "\(text)") }
    #expect(refusal(try sealed(header("p2c"))) == bad)
  }

  @Test func `salts are accepted up to the very edges`() throws {
    for count in [8, 9, 1024] {
      let salt = [UInt8](repeating: 0x5a, count: count)
      let jwe = try sealed(header("p2s", "\"\(salt.base64url)\""), salt: salt)
      #expect(try decrypted(jwe) == key)
    }
    for count in [0, 1, 7, 1025] {
      let salt = [UInt8](repeating: 0x5a, count: count)
      let jwe = try sealed(header("p2s", "\"\(salt.base64url)\""), salt: salt)
      #expect(refusal(jwe) == bad, "\(count)")
    }
    for text in [
      #""AAECAwQFBgcICQoLDA0ODw==""#, #""AAECAwQFBgcICQoLDA0ODx""#, #""AAECAwQFBgcICQ+LDA0ODw""#,
      "16", "null", "[]",
    ] { #expect(refusal(try sealed(header("p2s", text))) == bad, "\(text)") }
    #expect(refusal(try sealed(header("p2s"))) == bad)
  }

  @Test func `only one pair of algorithms is read`() throws {
    for (name, values) in [
      (
        "alg",
        [
          "none", "dir", "A256KW", "PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "RSA-OAEP",
          "pbes2-hs512+a256kw", "PBES2-HS512+A256KW ", "",
        ]
      ),
      ("enc", ["A128GCM", "A192GCM", "A128CBC-HS256", "A256CBC-HS512", "a256gcm", "none", ""]),
    ] {
      for value in values {
        let error = refusal(try sealed(header(name, "\"\(value)\"")))
        #expect(error == bad)
        #expect(error?.detail.contains("\(name) \"\(value)\"") == true, "\(value)")
      }
      for value in ["null", "1", "[]"] {
        #expect(refusal(try sealed(header(name, value))) == bad)
      }
      #expect(refusal(try sealed(header(name))) == bad)
    }
    #expect(try decrypted(try sealed(header("alg", #""PBES2-HS512\u002bA256KW""#))) == key)
  }

  @Test func `the example of RFC 7517 Appendix C is refused by the name of its algorithm`() {
    // The ciphertext and the tag stand in for the document's own.
    let jwe = """
      eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMnMiOiIyV0NUY0paMVJ2ZF9DSnVKcmlwUTF3IiwicDJjIjo0MDk2\
      LCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiandrK2pzb24ifQ.\
      TrqXOwuNUfDV9VPTNbyGvEJ9JMjefAVn-TR1uIxR9p6hsRQh9Tk7BA.Ye9j1qs22DmRSAddIh-VnA.\
      AwhB8lxrlKjFn02LGWEqg27H4Tg9fyZA.AwhB8lxrlKjFn02LGWEqgw
      """.octets
    let error = failure {
      try PasswordJWE.decrypt(
        jwe, passphrase: secret("Thus from my lips, by yours, my sin is purged."))
    }
    #expect(error == bad)
    #expect(error?.detail.contains("\"PBES2-HS256+A128KW\"") == true)
    #expect(PasswordJWE.iterations(of: jwe) == 4096)
  }

  @Test func `critical extensions, compression and repeated members are refused`() throws {
    for name in ["crit", "zip"] {
      for value in [#"["exp"]"#, "[]", #""DEF""#, "null"] {
        let error = refusal(try sealed(header(name, value)))
        #expect(error == bad && error?.detail.contains("\"\(name)\"") == true)
      }
    }
    for (name, value) in Self.members + [("kid", "1"), ("p2\\u0063", "1000")] {
      let twice = header().dropLast() + ",\"\(name)\":\(value),\"\(name)\":\(value)}"
      let error = refusal(try sealed(String(twice)))
      #expect(error == bad && error?.detail.contains("twice") == true, "\(name)")
    }
    for text in ["", "[]", "null", "\"\"", header() + "x", "{" + header(), "\u{feff}" + header()] {
      #expect(refusal(try sealed(text)) == bad, "\(text)")
    }
  }

  @Test func `members that nobody knows are ignored, and white space in the header is authentic`()
    throws
  {
    #expect(try decrypted(try sealed(header("kid", #"{"a":[1,null]}"#))) == key)
    #expect(try decrypted(try sealed(header("cty"))) == key)
    #expect(try decrypted(try sealed(" \(header())\n")) == key)
    let other = try sealed(header()).drop { $0 != 0x2e }
    #expect(refusal(" \(header())".octets.base64url.octets + other)?.code == .wrongPassphrase)
  }

  @Test func `parts of another length are refused`() throws {
    let parts = try sealed(header()).split(separator: 0x2e).map { Array($0) }
    for (part, count) in [(1, 40), (2, 12), (4, 16)] {
      for other in [0, count - 8, count - 1, count + 1, count + 8] {
        var off = parts
        off[part] = Base64URL.encode(.init(repeating: 0, count: other))
        #expect(refusal(Array(off.joined(separator: [0x2e]))) == bad, "\(part): \(other)")
      }
    }
  }

  @Test func `iterations are told without a passphrase, of what looks like a JWE only`() throws {
    let jwe = try sealed(header())
    #expect(PasswordJWE.iterations(of: jwe + [0x0a]) == 1000)
    for text in ["5", "2000000"] {
      #expect(PasswordJWE.iterations(of: try sealed(header("p2c", text))) == Int(text))
    }
    #expect(PasswordJWE.iterations(of: try sealed(header("p2c"))) == nil)
    #expect(PasswordJWE.iterations(of: try sealed("[1000]")) == nil)
    #expect(PasswordJWE.iterations(of: Array(jwe.prefix { $0 != 0x2e })) == nil)
    for text in [KeySamples.ecSEC1, RFC.keys7517A1] {
      #expect(PasswordJWE.iterations(of: text.octets) == nil)
    }
  }

  // MARK: Other programs

  @Test func `the wrapped key of RFC 7520 section 5.3 is unwrapped and wrapped`() throws {
    let salt = try #require(Base64URL.decode("8Q1SzinasR3xchYz6ZZcHA".octets))
    let wrapping = try PasswordEncryption.derive(
      secret("entrap_o\u{2013}peter_long\u{2013}credit_tun"),
      salt: "PBES2-HS512+A256KW\0".octets + salt, iterations: 8192)
    let wrapped = "d3qNhUWfqheyPp4H8sjOWsDYajoej4c5Je6rlUtFPWdgtURtmeDV1g"
    let cek = try PasswordEncryption.unwrap(
      try #require(Base64URL.decode(wrapped.octets)), wrapping)
    #expect(cek.copied.base64url == "uwsjJXaBK407Qaf0_zpcpmr1Cs0CC50hIUEyGNEt3m0")
    #expect(try PasswordEncryption.wrap(cek, wrapping).base64url == wrapped)
  }

  @Test func `what joserfc and the jose program wrote is read`() throws {
    for text in [Self.joserfc, Self.jose] {
      let read = try JWK.parse(try decrypted(text.octets).octets)
      #expect(read.privateText?.copied == (try jwk(key)).privateText?.copied)
      #expect(PasswordJWE.iterations(of: text.octets) == 1000)
    }
  }

  /// Written by joserfc 1.8.0.
  private static let joserfc = """
    eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiandrK2pzb24iLCJwMmMiOjEw\
    MDAsInAycyI6ImdsYVY1cGNkQmlicGF4MjFmMDRNMXcifQ.uZm43p4AjXwrHnxA98YU7PN5UhSwxNNDfiCqXWg821P0x\
    zsofrESnQ.Z5kbPD2pX6KpCrCZ.NKg20GGXlZeygMGinXbUMwHQkEnuFsUZdnptOcdmN5s_YWO2sya_F5jGUUHR.eTaJ\
    CD_gw056qtsl9R2fbg
    """

  /// Written by the jose program, Debian's 11-2+deb12u1.
  private static let jose = """
    eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJjdHkiOiJqd2sranNvbiIsImVuYyI6IkEyNTZHQ00iLCJwMmMiOjEw\
    MDAsInAycyI6InN6ek5QMmktYUtVTWloR2RHWFhuTE94SVJCWDJPd19OVVA4QmFsMDB5YkUifQ.tpQx8z3Rfi0kFMmKa\
    56eqypq0A36Ssm4kXXi03q2mK3HHG2czQ3X4Q.d_jQwSaFqVBenm8A.F6IxIH_VkoiXZkOROh240xqfml7A6k16MlSLO\
    Og6RsGFOBDnnU74zR4_51IX.gDmOd2p8aC54xV-mNK0GkQ
    """
}

/// An error of this code, to compare with: errors are equal by code.
private let bad = JOSEError(.badKey, "")

private func secret(_ text: String) -> SecretBytes { secret(octets: text.octets) }

private func secret(octets: [UInt8]) -> SecretBytes {
  var copy = octets
  return SecretBytes(consuming: &copy)
}
