// Key files in every form: PEM, DER, PKCS#1, SEC1, certificates, JWK; and raw secrets.
// Owns: the tests of KeyFile and of JWK.encoded. The samples were written by the openssl program.

import Foundation
import Testing

@testable import JOSE

@Suite struct KeyFileTests {
  private func only(_ bytes: [UInt8]) throws -> JWK {
    let set = try KeyFile.parse(bytes)
    #expect(set.keys.count == 1 && set.skipped.isEmpty)
    return try #require(set.keys.first)
  }

  private func der(_ pem: String) throws -> [UInt8] {
    let body = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
    return [UInt8](try #require(Data(base64Encoded: body)))
  }

  @Test(
    "Generated, encoded, parsed: the same numbers, PEM and DER, both halves",
    arguments: [
      "RS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
    ])
  func roundTrip(name: String) throws {
    let key = try newKey(name)
    for pem in [true, false] {
      let open = try only(try key.encoded(isPrivate: false, pem: pem).copied)
      #expect(open.material == key.material && !open.hasPrivateHalf)
      let bytes = try key.encoded(isPrivate: true, pem: pem).copied
      #expect((String(validating: bytes, as: UTF8.self)?.contains("PRIVATE KEY") ?? false) == pem)
      var closed = try only(bytes)
      #expect(closed.material == key.material && closed.hasPrivateHalf)
      (closed.algorithm, closed.kid) = (key.algorithm, key.kid)
      #expect(closed.privateText?.copied == key.privateText?.copied)
      try closed.check()
      #expect(
        failure { try key.publicHalf.encoded(isPrivate: true, pem: pem) }?.code == .noPrivateKey)
      let publicText = try key.publicHalf.encoded(isPrivate: false, pem: pem).copied
      #expect(publicText == (try key.encoded(isPrivate: false, pem: pem).copied))
    }
    let parsed = try KeyFile.parse(try #require(key.privateText).copied)
    #expect(parsed.keys.map(\.material) == [key.material])
  }

  @Test("A secret has no PEM or DER form")
  func secretsAreNotEncoded() throws {
    let key = try newKey("HS256")
    #expect(failure { try key.encoded(isPrivate: true, pem: true) }?.code == .unsupportedKey)
  }

  @Test("RSA in PKCS#1, private and public, PEM and DER")
  func pkcs1() throws {
    let closed = try only(KeySamples.rsaPKCS1.octets)
    #expect(closed.kind == "RSA 2048" && closed.hasPrivateHalf)
    try closed.check()
    #expect(
      try only(try der(KeySamples.rsaPKCS1)).privateText?.copied == closed.privateText?.copied)
    for bytes in [KeySamples.rsaPublicPKCS1.octets, try der(KeySamples.rsaPublicPKCS1)] {
      let open = try only(bytes)
      #expect(open.material == closed.material)
      #expect(!open.hasPrivateHalf, "a public key has no private half")
      #expect(open.privateText == nil)
    }
  }

  @Test("EC in SEC1 and its certificate are the same key")
  func sec1() throws {
    let closed = try only(KeySamples.ecSEC1.octets)
    #expect(closed.kind == "EC P-256" && closed.hasPrivateHalf)
    try closed.check()
    let parameters = try only(KeySamples.ecWithParameters.octets)
    #expect(parameters.privateText?.copied == closed.privateText?.copied)
    #expect(try only(try der(KeySamples.ecSEC1)).privateText?.copied == closed.privateText?.copied)
    for bytes in [
      KeySamples.ecPublic.octets, try der(KeySamples.ecPublic), KeySamples.certificate.octets,
      try der(KeySamples.certificate),
    ] {
      let open = try only(bytes)
      #expect(open.material == closed.material && !open.hasPrivateHalf && open.privateText == nil)
      #expect(open.kid == nil && open.algorithm == AlgorithmName(.es256))
    }
  }

  @Test("Text around a PEM block and CRLF are accepted")
  func pemText() throws {
    let pem = KeySamples.ecPublic
    let material = try only(pem.octets).material
    #expect(try only("the key of 2026\n\(pem)\nend\n".octets).material == material)
    #expect(try only(pem.replacingOccurrences(of: "\n", with: "\r\n").octets).material == material)
  }

  @Test("Keys under a passphrase are told apart, and nothing is asked", .timeLimit(.minutes(20)))
  func encrypted() {
    for pem in [KeySamples.encryptedPKCS8, KeySamples.encryptedSEC1] {
      #expect(failure { try KeyFile.parse(pem.octets) }?.code == .encryptedKey)
    }
  }

  @Test("A curve that is spelled out is refused, even if it is a known one")
  func explicitCurves() {
    for pem in [KeySamples.ecExplicit, KeySamples.ecPublicExplicit] {
      #expect(failure { try KeyFile.parse(pem.octets) }?.code == .unsupportedKey)
    }
  }

  @Test("Keys that no algorithm here uses are refused")
  func otherTypes() {
    #expect(failure { try KeyFile.parse(KeySamples.x25519.octets) }?.code == .unsupportedKey)
  }

  @Test("Garbage, cut and changed files are refused")
  func garbage() throws {
    var random = SeededRandom(for: "KeyFile garbage")
    for text in [
      "", " ", "\n", "x", "-----BEGIN PUBLIC KEY-----", "ssh-ed25519 AAAA", "QUFB", "\u{feff}{}",
    ] {
      #expect(failure { try KeyFile.parse(text.octets) }?.code == .badKey, "\(text)")
    }
    for text in ["{", "{\"kty\":\"oct\",\"k\":\"QUFB\"", " {\"a\":1,\"a\":2}"] {
      #expect(failure { try KeyFile.parse(text.octets) }?.code == .badJSON)
    }
    for _ in 0..<300 {
      #expect(failure { try KeyFile.parse(random.bytes(1 + random.below(200))) } != nil)
    }
    let whole = try der(KeySamples.ecPublic)
    for count in 1..<whole.count {
      #expect(failure { try KeyFile.parse(Array(whole.prefix(count))) } != nil, "\(count)")
    }
    for place in whole.indices.suffix(64) {
      var off = whole
      off[place] ^= 1
      guard let key = try? KeyFile.parse(off).keys.first else { continue }
      #expect(failure { try key.check() } != nil, "a point off the curve at \(place)")
    }
    let pem = KeySamples.ecPublic.octets
    for count in stride(from: 0, to: pem.count - 26, by: 7) {
      #expect(failure { try KeyFile.parse(Array(pem.prefix(count))) } != nil, "\(count)")
    }
  }

  @Test("Raw octets are a secret, whatever they hold, a newline at the end too; they are wiped")
  func secrets() throws {
    for text in [
      "x", "a secret of some length\n", "\u{0}\u{1}", "{not json", "{\"a\":1}", "-----END",
    ] {
      var bytes = text.octets
      let key = try KeyFile.secret(&bytes)
      #expect(bytes.isEmpty)
      #expect(key.isSymmetric && key.kid == nil && key.algorithm == nil)
      guard case .oct(let k) = key.secret else {
        Issue.record("a secret")
        continue
      }
      #expect(k.copied == text.octets)
    }
  }

  @Test("PEM and JWK text is no secret")
  func keysAsSecrets() throws {
    let jwk = #"{"kty":"oct","k":"QUFB"}"#
    for text in [
      "", KeySamples.ecPublic, KeySamples.rsaPublicPKCS1, KeySamples.certificate,
      KeySamples.encryptedPKCS8,
      "\n\n" + KeySamples.ecSEC1, "comment\r\n" + KeySamples.ecPublic, jwk, " \n" + jwk,
      "{\"keys\":[]}", "{\"keys\":[\(jwk)]}", #"{"kty":"EC","crv":"P-192"}"#,
      #"{"kty":"oct","k":"QUFB""#,
      RFC.keys7517A1, #"{"\u006bty":"oct","k":"QUFB"}"#,
    ] {
      var bytes = text.octets
      #expect(failure { try KeyFile.secret(&bytes) }?.code == .badKey, "\(text)")
      #expect(bytes.isEmpty, "refused or not, the octets are wiped")
    }
  }

  @Test("New kids: the thumbprint, or 128 random bits for a secret")
  func kids() throws {
    let kid = try #require(try newKey("HS256").kid)
    #expect(Base64URL.decode(kid.bytes)?.count == 16)
    #expect(try newKey("HS256").kid != kid)
    #expect(try newKey("HS512").kind == "oct 512")
    #expect(try JWK.generate(for: AlgorithmName(.ps256), rsaBits: 3072).kind == "RSA 3072")
  }
}
