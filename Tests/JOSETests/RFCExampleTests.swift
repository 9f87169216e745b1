// The worked examples of RFC 7515, RFC 7520, RFC 7797 and RFC 8037, end to end.
// Owns: the tests that read RFCExamples.swift. Deterministic signatures are also made again.

import Testing

@testable import JOSE

@Suite struct RFCExampleTests {
  static let examples = [
    (RFC.key7515A1, RFC.token7515A1), (RFC.key7515A2, RFC.token7515A2),
    (RFC.key7515A3, RFC.token7515A3),
    (RFC.key7515A4, RFC.token7515A4), (RFC.key8037, RFC.token8037),
    (RFC.keyCookbook42, RFC.tokenCookbook42),
    (RFC.keyCookbook43, RFC.tokenCookbook43),
  ]

  private func payload(_ token: String) -> [UInt8]? {
    Base64URL.decode(token.split(separator: ".")[1].utf8.map { $0 })
  }

  @Test(
    "Each example's token verifies with its key, and its payload is the decoded second part",
    arguments: examples)
  func verifies(key: String, token: String) throws {
    let key = try jwk(key)
    try key.check()
    #expect(try Token.verify(token.octets, Token.keys(key)) == payload(token))
    #expect(payload(token) != nil)
  }

  @Test("Each example with one letter of any part changed does not verify", arguments: examples)
  func changed(key: String, token: String) throws {
    let keys = Token.keys(try jwk(key))
    let letters = token.octets
    for place in stride(from: 0, to: letters.count, by: 5) where letters[place] != UInt8(ascii: ".")
    {
      var changed = letters
      changed[place] = letters[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      if try Token.verify(changed, keys) != nil { Issue.record("\(place)") }
    }
    for place in 1..<4 {
      #expect(
        try Token.verify(letters + Array(repeating: UInt8(ascii: "A"), count: place), keys) == nil)
      #expect(try Token.verify(Array(letters.dropLast(place)), keys) == nil)
    }
  }

  @Test("HS256, RS256 and EdDSA give the RFCs' own signatures again")
  func madeAgain() throws {
    for (key, token, algorithm) in [
      (RFC.key7515A1, RFC.token7515A1, Algorithm.hs256), (RFC.key7515A2, RFC.token7515A2, .rs256),
      (RFC.key8037, RFC.token8037, .edDSA),
    ] {
      let parts = token.split(separator: ".")
      let header = try #require(Base64URL.decode(Array(parts[0].utf8))).text
      let made = try Token.make(
        try #require(payload(token)).text, header: header, key: try jwk(key), algorithm)
      #expect(made.text.utf8.elementsEqual(token.utf8))
    }
  }

  @Test("The private keys of RFC 7515 A.3 and A.4 make new signatures that hold")
  func madeAnew() throws {
    for (key, algorithm) in [(RFC.key7515A3, Algorithm.es256), (RFC.key7515A4, .es512)] {
      let key = try jwk(key)
      let token = try Token.make("{}", key: key, algorithm)
      #expect(try Token.verify(token, Token.keys(key)) == "{}".octets)
    }
  }

  @Test("One example's token does not verify with another's key")
  func crossed() throws {
    for (i, one) in Self.examples.enumerated() {
      for (j, other) in Self.examples.enumerated() where i != j {
        #expect(try Token.verify(one.1.octets, Token.keys(try jwk(other.0))) == nil)
      }
    }
  }

  @Test("An unsecured token of RFC 7519 section 6.1 has no algorithm")
  func unsecured() throws {
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ."
    #expect(try Token.verify(token.octets, Token.keys(try jwk(RFC.key7515A1))) == nil)
  }

  @Test("RFC 7797 section 4.2: the unencoded payload, listed in crit, and only with raw")
  func unencodedPayload() throws {
    // RFC 7797 puts a payload without dots into the compact form as it is; "$.02" has one, so its
    // signature is checked over the parts, and the same rule end to end with another payload.
    let key = try jwk(RFC.key7515A1)
    let header = #"{"alg":"HS256","b64":false,"crit":["b64"]}"#
    let input = Base64URL.encode(header.octets) + ".$.02".octets
    let mac = try #require(Base64URL.decode("A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY".octets))
    #expect(input.text.hasPrefix("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.$"))
    #expect(try OpenSSLEngine(Token.keys(key)).isValid(mac, of: input, key: 0, .hs256))

    var token = Base64URL.encode(header.octets) + ".$02 and more".octets
    var signature: [UInt8] = []
    try Signer(key, .hs256).sign(token.span, 0..<token.count, into: &signature)
    token += ".".octets + Base64URL.encode(signature)
    #expect(try Token.verify(token, Token.keys(key), raw: true) == "$02 and more".octets)
    #expect(try Token.verify(token, Token.keys(key)) == nil)
  }

  @Test("The folder's RFC 7797 cases")
  func vectors() throws {
    guard let file = Vectors.files("rfc7797.jsonl")?.first else { return }
    var seen = 0
    for line in try lines(file) {
      let item = try JSONValue(parsing: line)
      let keys = Token.keys(try JWK.parse(try #require(item["key"]).text()))
      let payload = try #require(item["payload"]?.string).bytes
      if let token = item["token"]?.string {
        #expect(try Token.verify(token.bytes, keys, raw: true) == payload)
      } else {
        let parts = try #require(item["detached"]?.string).description.split(separator: ".")
        let header = Array(parts[0].utf8)
        guard case .header(let read) = JOSEHeader.read(header.span, 0..<header.count, raw: true),
          case .rejected(.unsupportedCrit, _, _) = JOSEHeader.read(
            header.span, 0..<header.count, raw: false)
        else {
          Issue.record("b64: false is for plain JWS only")
          continue
        }
        #expect(read.isUnencoded)
        let signature = try #require(Base64URL.decode(Array(parts[1].utf8)))
        let input = header + ".".octets + payload
        #expect(
          try OpenSSLEngine(keys).isValid(signature, of: input, key: 0, read.algorithm.algorithm))
      }
      seen += 1
    }
    Vectors.ran(seen, "rfc7797.jsonl")
  }
}
