// What a JOSE header may say (SPEC section 9, RFC 7515 section 4, RFC 7797), and the compact form.
// Owns: the tests of JOSEHeader and UnverifiedJWS.

import Foundation
import Testing

@testable import JOSE

/// A reading that tests can compare.
private enum Answer: Equatable {
  case header(alg: String, kid: String?, typ: String?, isUnencoded: Bool)
  case rejected(Rejection, kid: String?)
}

@Suite struct JOSEHeaderTests {
  private func read(segment: [UInt8], raw: Bool = false) -> Answer {
    switch JOSEHeader.read(segment.span, 0..<segment.count, raw: raw) {
    case .header(let header):
      .header(
        alg: header.algorithm.algorithm.name, kid: header.kid?.description,
        typ: header.typ?.description, isUnencoded: header.isUnencoded)
    case .rejected(let cause, _, let kid): .rejected(cause, kid: kid?.description)
    }
  }

  private func read(_ json: String, raw: Bool = false) -> Answer {
    read(segment: Base64URL.encode(json.octets), raw: raw)
  }

  private func good(_ kid: String? = nil, typ: String? = nil, isUnencoded: Bool = false) -> Answer {
    .header(alg: "HS256", kid: kid, typ: typ, isUnencoded: isUnencoded)
  }

  @Test("Every algorithm's name, and RFC 9864's two")
  func algorithms() {
    for algorithm in Algorithm.allCases {
      #expect(
        read("{\"alg\":\"\(algorithm.name)\"}")
          == .header(alg: algorithm.name, kid: nil, typ: nil, isUnencoded: false))
    }
    for (name, curve) in [("Ed25519", Curve.ed25519), ("Ed448", .ed448)] {
      #expect(
        read("{\"alg\":\"\(name)\"}")
          == .header(alg: "EdDSA", kid: nil, typ: nil, isUnencoded: false))
      #expect(AlgorithmName(name)?.curve == curve)
    }
  }

  @Test(
    "Names that are no algorithm here",
    arguments: [
      "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", " HS256", "HS256\\u0000", "RS1",
      "HS255",
      "ES256k", "eddsa", "ED25519", "ES521", "A128KW", "dir", "RSA-OAEP", "Ed25519ph",
      "\\u0130S256",
    ])
  func unknownAlgorithms(name: String) {
    #expect(read("{\"alg\":\"\(name)\",\"kid\":\"k\"}") == .rejected(.unsupportedAlg, kid: "k"))
  }

  @Test("An escaped alg and escaped member names are what they spell")
  func escapes() {
    #expect(
      read(#"{"\u0061lg":"\u0048S256","ki\u0064":"a\u002fb","ty\u0070":"J\u0057T"}"#)
        == good("a/b", typ: "JWT"))
  }

  @Test(
    "Headers of the wrong shape",
    arguments: [
      "{}", "[]", "\"alg\"", "null", "1", "true", #"{"alg":null}"#, #"{"alg":1}"#,
      #"{"alg":["HS256"]}"#,
      #"{"alg":{"HS256":1}}"#, #"{"ALG":"HS256"}"#, #"["alg","HS256"]"#, #"{"typ":"JWT"}"#,
      #"{"alg":"HS256","kid":1}"#, #"{"alg":"HS256","kid":null}"#, #"{"alg":"HS256","kid":["a"]}"#,
      #"{"alg":"HS256","typ":1}"#, #"{"alg":"HS256","typ":{}}"#, #"{"alg":"HS256","typ":false}"#,
      #"{"alg":"HS256",}"#, #"{"alg":"HS256"} x"#, #"{"alg":"HS256"}{}"#, "", " ",
      #"{"alg":"HS256"#,
      "\u{feff}{\"alg\":\"HS256\"}", #"{"alg":"HS256","kid":"\ud800"}"#, "{\"alg\":\"HS256\"}\u{0}",
    ])
  func badHeaders(json: String) {
    #expect(read(json) == .rejected(.badHeader, kid: nil))
  }

  @Test("A kid is told with a rejection as far as it could be read")
  func kidOfRejected() {
    #expect(read(#"{"kid":"k"}"#) == .rejected(.badHeader, kid: "k"))
    #expect(read(#"{"kid":"k","alg":5}"#) == .rejected(.badHeader, kid: "k"))
    #expect(read(#"{"kid":"k","alg":"HS256","crit":[]}"#) == .rejected(.badHeader, kid: "k"))
    #expect(
      read(#"{"kid":"k","alg":"HS256","crit":["exp"],"exp":1}"#)
        == .rejected(.unsupportedCrit, kid: "k"))
  }

  @Test("An alg is told with a rejection as far as it could be read")
  func algOfRejected() {
    func alg(_ json: String) -> ByteString? {
      let segment = Base64URL.encode(json.octets)
      guard
        case .rejected(_, let alg, _) = JOSEHeader.read(segment.span, 0..<segment.count, raw: false)
      else { return "accepted" }
      return alg
    }
    #expect(alg(#"{"alg":"none"}"#) == "none")
    #expect(alg(#"{"\u0061lg":"HS256","crit":[]}"#) == "HS256")
    #expect(alg(#"{"alg":"HS256","kid":5}"#) == "HS256")
    #expect(alg(#"{"kid":"k"}"#) == nil && alg(#"{"alg":5}"#) == nil && alg("[]") == nil)
  }

  @Test("UTF-16 and UTF-32 headers and invalid UTF-8 are refused")
  func encodings() {
    let json = #"{"alg":"HS256"}"#
    for encoding: String.Encoding in [
      .utf16, .utf16BigEndian, .utf16LittleEndian, .utf32, .utf32BigEndian, .utf32LittleEndian,
    ] {
      let segment = Base64URL.encode([UInt8](json.data(using: encoding)!))
      #expect(read(segment: segment) == .rejected(.badHeader, kid: nil))
    }
    let latin1 = Base64URL.encode(Array(#"{"alg":"HS256","kid":""#.utf8) + [0xe9, 0x22, 0x7d])
    #expect(read(segment: latin1) == .rejected(.badHeader, kid: nil))
  }

  @Test("Duplicate members, also escaped and also inside others")
  func duplicates() {
    for json in [
      #"{"alg":"HS256","alg":"HS256"}"#, #"{"alg":"HS256","\u0061lg":"none"}"#,
      #"{"alg":"HS256","kid":"a","kid":"b"}"#, #"{"alg":"HS256","x":{"y":1,"\u0079":1}}"#,
      #"{"alg":"HS256","x":[{"":1,"":1}]}"#,
    ] { #expect(read(json) == .rejected(.duplicateMember, kid: nil)) }
  }

  @Test("Segments that are no base64url")
  func base64() {
    let segment = Base64URL.encode(#"{"alg":"HS256"}"#.octets)
    #expect(read(segment: segment) == good())
    for bad in [segment + [0x3d], segment + [0x41], [0x20] + segment, segment + [0x0a]] {
      #expect(read(segment: bad) == .rejected(.badBase64, kid: nil))
    }
    #expect(read(segment: #"{"alg":"HS256"}"#.octets) == .rejected(.badBase64, kid: nil))
    #expect(read(segment: []) == .rejected(.badHeader, kid: nil))
    let around = "xx.".octets + segment + ".yy".octets
    if case .rejected = JOSEHeader.read(around.span, 3..<3 + segment.count, raw: false) {
      Issue.record("only the segment is read")
    }
  }

  @Test(
    "Unknown members are ignored, null in members that are not used too; white space is allowed")
  func ignored() {
    #expect(read(#"{"alg":"HS256","zzz":[1,{"a":null}],"cty":null,"jku":null}"#) == good())
    #expect(read(#"{"alg":"HS256","typ":null}"#) == good())
    #expect(read(" {\r\n\t\"alg\" : \"HS256\" } \n") == good())
    #expect(
      read(
        #"{"jku":"https://a.b","jwk":{"kty":"oct","k":"QUFB"},"x5u":"x","x5c":[],"alg":"HS256"}"#
      )
        == good())
    #expect(read(#"{"alg":"HS256","kid":"","typ":""}"#) == good("", typ: ""))
  }

  @Test("crit of the wrong shape, or that names a standard member, an absent one or one twice")
  func badCrit() {
    for crit in [
      "[]", "{}", "null", "true", "0", "\"b64\"", "[1]", "[null]", "[[\"b64\"]]", #"["b64","b64"]"#,
      #"["b64","b\u00364"]"#, #"["missing"]"#, #"["b64",1]"#, #"["b64","alg"]"#, #"[""]"#,
    ] {
      for raw in [false, true] {
        #expect(
          read(#"{"alg":"HS256","b64":true,"crit":\#(crit)}"#, raw: raw)
            == .rejected(.badHeader, kid: nil), "\(crit)")
      }
    }
    for name in ["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"]
    {
      let member = name == "alg" || name == "crit" ? "" : "\"\(name)\":\"x\","
      #expect(
        read("{\(member)\"alg\":\"HS256\",\"crit\":[\"\(name)\"]}", raw: true)
          == .rejected(.badHeader, kid: name == "kid" ? "x" : nil), "\(name)")
    }
    #expect(read(#"{"alg":"HS256","crit":["b64"]}"#, raw: true) == .rejected(.badHeader, kid: nil))
  }

  @Test("crit that names what jotmill does not know")
  func unknownCrit() {
    for name in ["exp", "http://example.invalid/UNDEFINED", "B64", "b64 ", "enc", "ppt"] {
      #expect(
        read("{\"alg\":\"HS256\",\"\(name)\":1,\"crit\":[\"\(name)\"]}", raw: true)
          == .rejected(.unsupportedCrit, kid: nil), "\(name)")
    }
    #expect(
      read(#"{"alg":"HS256","b64":true,"x":1,"crit":["b64","x"]}"#)
        == .rejected(.unsupportedCrit, kid: nil))
  }

  @Test("b64: false only for plain JWS and only with crit; true anywhere; other types nowhere")
  func unencoded() {
    let listed = #"{"alg":"HS256","b64":false,"crit":["b64"]}"#
    #expect(read(listed, raw: true) == good(isUnencoded: true))
    #expect(read(listed) == .rejected(.unsupportedCrit, kid: nil))
    #expect(
      read(
        #"{"alg":"HS256","\u00624":1,"b\u00364":false,"crit":["\u0062\u0036\u0034"]}"#, raw: true)
        == good(isUnencoded: true))
    for raw in [false, true] {
      #expect(
        read(#"{"alg":"HS256","b64":false}"#, raw: raw) == .rejected(.unsupportedCrit, kid: nil))
      #expect(read(#"{"alg":"HS256","b64":true}"#, raw: raw) == good())
      #expect(read(#"{"alg":"HS256","b64":true,"crit":["b64"]}"#, raw: raw) == good())
      for value in ["null", "0", "1", "\"false\"", "[]", "{}"] {
        for crit in ["", ",\"crit\":[\"b64\"]"] {
          #expect(
            read("{\"alg\":\"HS256\",\"b64\":\(value)\(crit)}", raw: raw)
              == .rejected(.badHeader, kid: nil), "\(value)")
        }
      }
    }
  }

  @Test("The compact form: exactly two dots, anything between them, empty parts too")
  func compactForm() throws {
    func parts(_ text: String) -> [String]? {
      let bytes = "..\(text)..".octets
      guard let token = UnverifiedJWS(bytes.span, 2..<bytes.count - 2) else { return nil }
      #expect(token.signingInput == token.header.lowerBound..<token.payload.upperBound)
      return [token.header, token.payload, token.signature].map { Array(bytes[$0]).text }
    }
    #expect(parts("a.bc.def") == ["a", "bc", "def"])
    #expect(parts("..") == ["", "", ""])
    #expect(parts("a..") == ["a", "", ""])
    #expect(parts("..c") == ["", "", "c"])
    for text in ["", ".", "a", "a.b", "a.b.c.", ".a.b.c", "a.b.c.d.e", "..."] {
      #expect(parts(text) == nil, "\(text)")
    }
  }
}
