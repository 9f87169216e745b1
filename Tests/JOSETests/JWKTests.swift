// JSON Web Keys: the RFCs' examples, every kind of key, what is broken, what is written.
// Owns: the tests of JWK and of its reader. Sets and files have their own.

import Foundation
import Testing

@testable import JOSE

@Suite struct JWKTests {
  static let kinds = [
    "HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "ES256K", "Ed25519",
    "Ed448",
  ]

  /// A public key of each curve, with its members by name.
  private func members(_ key: JWK) throws -> [String: String] {
    guard case .object(let members) = key.publicValue else { return [:] }
    return Dictionary(
      uniqueKeysWithValues: members.map {
        ($0.name.description, $0.value.string?.description ?? "")
      })
  }

  private func text(_ members: [String: String]) -> String {
    JSONValue.object(
      members.sorted { $0.key < $1.key }.map {
        .init(name: ByteString($0.key), value: .string($0.value))
      }
    ).text().text
  }

  @Test("Thumbprints of RFC 7638 section 3.1 and RFC 8037 appendix A.3")
  func thumbprints() throws {
    let set = try JWKSet.parse(RFC.keys7517A1.octets)
    #expect(set.keys[1].thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    #expect(try jwk(RFC.key8037).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
  }

  @Test("The folder's thumbprints")
  func vectorThumbprints() throws {
    guard let file = Vectors.files("thumbprints.jsonl")?.first else { return }
    let cases = try lines(file).map { try JSONValue(parsing: $0) }
    for item in cases {
      let key = try JWK.parse(try #require(item["jwk"]).text())
      #expect(key.thumbprint == item["sha256"]?.string)
    }
    Vectors.ran(cases.count, "thumbprints.jsonl")
  }

  @Test("A thumbprint looks at the required members only, and not at the private half")
  func thumbprintMembers() throws {
    let key = try newKey("ES256")
    var other = key.publicHalf
    other.kid = "another"
    other.use = "sig"
    #expect(other.thumbprint == key.thumbprint && key.kid == key.thumbprint)
    #expect(try newKey("ES256").thumbprint != key.thumbprint)
  }

  @Test("The keys of RFC 7517 A.1 and A.2: numbers, kid, use, alg; the private ones hold together")
  func rfc7517() throws {
    let (open, closed) = (
      try JWKSet.parse(RFC.keys7517A1.octets), try JWKSet.parse(RFC.keys7517A2.octets)
    )
    #expect(open.skipped.isEmpty && closed.skipped.isEmpty)
    #expect(open.keys.map(\.kind) == ["EC P-256", "RSA 2048"])
    #expect(open.keys.map(\.kid) == ["1", "2011-04-29"])
    #expect(open.keys.map(\.material) == closed.keys.map(\.material))
    #expect(open.keys[0].use == "enc" && open.keys[0].forbids(.verify) != nil)
    #expect(open.keys[1].algorithm == AlgorithmName(.rs256) && open.keys[1].use == nil)
    #expect(open.keys.allSatisfy { !$0.hasPrivateHalf })
    #expect(closed.keys.allSatisfy { $0.hasPrivateHalf })
    try closed.keys[1].check()
    var signing = closed.keys[0]
    signing.use = "sig"
    try signing.check()
  }

  @Test(
    "A new key of each kind: kid, algorithm, check, and a private text that parses back",
    arguments: kinds)
  func privateRoundTrip(name: String) throws {
    let key = try newKey(name)
    try key.check()
    #expect(key.hasPrivateHalf)
    #expect(key.algorithm == AlgorithmName(name))
    let written = try #require(key.privateText).copied
    #expect(written.last == 0x0a && written.filter { $0 == 0x0a }.count == 1)
    let again = try JWK.parse(written)
    #expect(again.material == key.material && again.kid == key.kid)
    #expect(again.algorithm == key.algorithm)
    #expect(again.privateText?.copied == written)
    try again.check()
    #expect(again.publicHalf.privateText == nil && !again.publicHalf.hasPrivateHalf)
  }

  @Test("The public value never has a private member", arguments: kinds)
  func publicValue(name: String) throws {
    let key = try newKey(name)
    let names = Set(try members(key).keys)
    #expect(names.isDisjoint(with: ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]))
    #expect(names.isSuperset(of: ["kty", "kid", "alg", "use"]))
    if key.isSymmetric {
      #expect(names == ["kty", "kid", "alg", "use"])
      return
    }
    let open = try JWK.parse(key.publicValue.text())
    #expect(open.material == key.material && !open.hasPrivateHalf)
  }

  @Test("Ed25519 and Ed448 are written as EdDSA, and read under either name")
  func edDSANames() throws {
    let key = try newKey("Ed448")
    var all = try members(key)
    #expect(all["alg"] == "EdDSA" && all["crv"] == "Ed448")
    for name in ["EdDSA", "Ed448"] {
      all["alg"] = name
      #expect(try jwk(text(all)).material == key.material)
    }
    all["alg"] = "Ed25519"
    #expect(failure { try JWK.parse(text(all).octets) }?.code == .badKey)
  }

  @Test(
    "Coordinates of another length, off the curve, or no base64url are refused",
    arguments: [
      "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
    ])
  func brokenCoordinates(name: String) throws {
    let good = try members(try newKey(name))
    for part in ["x", "y"] where good[part] != nil {
      let octets = try #require(Base64URL.decode(good[part]!.octets))
      for wrong in [
        [0] + octets, octets + [0], Array(octets.dropLast()), Array(octets.dropFirst()), [],
      ] {
        var all = good
        all[part] = wrong.base64url
        #expect(
          failure { try JWK.parse(text(all).octets) }?.code == .badKey)
      }
      for wrong in ["\(good[part]!)=", "+\(good[part]!.dropFirst())", " \(good[part]!)", "*"] {
        var all = good
        all[part] = wrong
        #expect(
          failure { try JWK.parse(text(all).octets) }?.code == .badKey)
      }
      var all = good
      all[part] = nil
      #expect(failure { try JWK.parse(text(all).octets) }?.code == .badKey)
    }
    guard let y = good["y"] else { return }
    var octets = try #require(Base64URL.decode(y.octets))
    octets[octets.count - 1] ^= 1
    var all = good
    all["y"] = octets.base64url
    let off = try jwk(text(all))
    #expect(failure { try off.check() }?.code == .badKey)
    var keys = KeySet()
    #expect(keys.add(off, source: "a set") != nil && keys.isEmpty)
    for (x, y) in [
      ([UInt8](repeating: 0, count: octets.count), octets),
      (octets, [UInt8](repeating: 0xff, count: octets.count)),
    ] {
      all["x"] = x.base64url
      all["y"] = y.base64url
      let off = try jwk(text(all))
      #expect(failure { try off.check() }?.code == .badKey)
    }
  }

  @Test(
    "Members that contradict each other or have the wrong type",
    arguments: [
      #"{}"#, #"[]"#, #""text""#, #"{"kty":null}"#, #"{"kty":1}"#, #"{"kty":"oct"}"#,
      #"{"kty":"oct","k":""}"#,
      #"{"kty":"oct","k":1}"#, #"{"kty":"oct","k":"QUE="}"#, #"{"kty":"oct","k":"QUF"}"#,
      #"{"kty":"oct","k":"QU\u0046B"}"#, #"{"kty":"oct","k":"QUFB","kid":1}"#,
      #"{"kty":"oct","k":"QUFB","use":[]}"#, #"{"kty":"oct","k":"QUFB","key_ops":"verify"}"#,
      #"{"kty":"oct","k":"QUFB","key_ops":[1]}"#, #"{"kty":"oct","k":"QUFB","alg":5}"#,
      #"{"kty":"oct","k":"QUFB","alg":"RS256"}"#, #"{"kty":"oct","k":"QUFB","alg":"EdDSA"}"#,
      #"{"kty":"RSA"}"#, #"{"kty":"RSA","n":"AQAB"}"#,
      #"{"kty":"EC","crv":"Ed25519","x":"","y":""}"#,
      #"{"kty":"EC"}"#, #"{"kty":"OKP","crv":"P-256","x":""}"#, #"{"kty":"OKP"}"#,
    ])
  func broken(text: String) {
    #expect(failure { try JWK.parse(text.octets) }?.code == .badKey)
  }

  @Test(
    "Types, curves and algorithms that are not known here, and texts that are no JSON",
    arguments: [
      (#"{"kty":"oct","k":"QUFB","alg":"none"}"#, JOSEError.Code.unsupportedKey),
      (#"{"kty":"oct","k":"QUFB","alg":"hs256"}"#, .unsupportedKey),
      (#"{"kty":"oct","k":"QUFB","alg":"A128KW"}"#, .unsupportedKey),
      (#"{"kty":"AKP"}"#, .unsupportedKey), (#"{"kty":"rsa"}"#, .unsupportedKey),
      (#"{"kty":"OKP","crv":"X25519","x":""}"#, .unsupportedKey),
      (#"{"kty":"EC","crv":"p-256"}"#, .unsupportedKey),
      (#"{"kty":"EC","crv":"P-192"}"#, .unsupportedKey),
      (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, .unsupportedKey),
      (#"{"kty":"oct","k":"QUFB","kty":"oct"}"#, .badJSON),
      (#"{"kty":"oct","k":"QUFB"} x"#, .badJSON),
      (#"{"kty":"oct","k":"QUFB","\u006b":"QUFB"}"#, .badJSON), ("", .badJSON),
    ])
  func unsupported(text: String, code: JOSEError.Code) {
    #expect(failure { try JWK.parse(text.octets) }?.code == code)
  }

  @Test("An alg that the key's type or curve contradicts is refused, every pair of them")
  func algContradictsKey() throws {
    for kind in ["HS256", "RS256", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448"] {
      let key = try newKey(kind)
      let bare = key.isSymmetric ? ["kty": "oct", "k": "QUFB"] : try members(key)
      for name in Algorithm.allCases.map(\.name) + ["Ed25519", "Ed448"] {
        var all = bare
        all["alg"] = name
        let expected =
          switch kind {
          case "HS256": name.hasPrefix("HS")
          case "RS256": name.hasPrefix("RS") || name.hasPrefix("PS")
          case "Ed25519", "Ed448": name == "EdDSA" || name == kind
          default: name == kind
          }
        let error = failure { try JWK.parse(text(all).octets) }
        #expect((error == nil) == expected, "\(kind) key, alg \(name)")
        #expect(error == nil || error?.code == .badKey)
      }
    }
  }
}
