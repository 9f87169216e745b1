// Issuers with keys of their own: whose keys a token is held against, and what else is only theirs.
// Owns: small trusts made by hand. Must never: read a file.

import JOSE
import Keyring
import Testing

@testable import Pipeline

@Suite struct IssuerTrustTests {
  private static let header = "{\"alg\":\"HS256\",\"kid\":\"k1\"}"
  private let mine = Sample.secret()
  private let theirs = Sample.secret("k1", 64, fill: 8)

  private func issuer(
    _ name: String, _ keys: JWK..., change: (inout TrustedIssuer) -> Void = { _ in }
  ) -> TrustedIssuer {
    var set = KeySet()
    for key in keys { #expect(set.add(key, source: "test") == nil) }
    var issuer = TrustedIssuer(ByteString(name), set)
    change(&issuer)
    return issuer
  }

  /// `valid`, or the errors.
  private func judge(
    _ token: String, _ issuers: [TrustedIssuer], _ change: (inout VerifyOptions) -> Void = { _ in }
  ) throws -> String {
    var options = VerifyOptions()
    change(&options)
    var processor = try VerifyProcessor(
      options, keys: VerificationKeys(.init(Trust(issuers))))
    let line = try processor.result(token).output.text
    if line.contains("\"valid\":true") { return "valid" }
    let errors = line.split(separator: "[").dropFirst().first?.split(separator: "]").first ?? ""
    return errors.filter { $0 != "\"" }
  }

  @Test func `one kid at two issuers is two keys`() throws {
    let both = [issuer("a", mine), issuer("b", theirs)]
    for (iss, key, verdict) in [
      ("a", mine, "valid"), ("b", theirs, "valid"), ("a", theirs, "bad_signature"),
      ("b", mine, "bad_signature"), ("c", mine, "untrusted_issuer"), ("", mine, "untrusted_issuer"),
    ] {
      let token = try Sample.token("{\"iss\":\"\(iss)\"}", header: Self.header, key)
      #expect(try judge(token, both) == verdict, "\(iss)")
      #expect(try judge(token, both) { $0.triesAllKeys = true } == verdict, "\(iss)")
      let plain = try Sample.token("{\"iss\":\"\(iss)\"}", header: "{\"alg\":\"HS256\"}", key)
      #expect(try judge(plain, both) { $0.triesAllKeys = true } == verdict, "\(iss)")
    }
  }

  @Test func `issuers in turn through one header do not lend each other keys`() throws {
    var processor = try VerifyProcessor(
      VerifyOptions(),
      keys: VerificationKeys(.init(Trust([issuer("a", mine), issuer("b", theirs)]))))
    var lines: [String] = []
    var wanted: [Bool] = []
    for i in 0..<40 {
      let isMine = i % 3 == 0
      lines.append(
        try Sample.token(
          "{\"iss\":\"\(i % 2 == 0 ? "a" : "b")\",\"n\":\(i)}", header: Self.header,
          isMine ? mine : theirs))
      wanted.append(isMine == (i % 2 == 0))
    }
    let verdicts = try processor.lines(lines.joined(separator: "\n"))
    #expect(verdicts.map { $0.contains("\"valid\":true") } == wanted)
  }

  @Test func `hundreds of issuers whose headers are all the same`() throws {
    // More than a memory of headers has places: some share one.
    func key(_ i: Int) -> JWK {
      var bytes = [UInt8](repeating: 9, count: 64)
      (bytes[0], bytes[1]) = (UInt8(i & 255), UInt8(i >> 8))
      var jwk = JWK(secret: SecretBytes(consuming: &bytes))
      jwk.kid = "k1"
      return jwk
    }
    var processor = try VerifyProcessor(
      VerifyOptions(),
      keys: VerificationKeys(.init(Trust((0..<600).map { issuer("i\($0)", key($0)) }))))
    var random = Seeded(3)
    var lines: [String] = []
    var wanted: [Bool] = []
    for _ in 0..<1500 {
      let iss = Int.random(in: 0..<600, using: &random)
      let signer = Bool.random(using: &random) ? iss : Int.random(in: 0..<600, using: &random)
      lines.append(try Sample.token("{\"iss\":\"i\(iss)\"}", header: Self.header, key(signer)))
      wanted.append(signer == iss)
    }
    let verdicts = try processor.lines(lines.joined(separator: "\n"))
    #expect(verdicts.map { $0.contains("\"valid\":true") } == wanted)
  }

  @Test func `an iss that is not plainly one name is nobody's`() throws {
    let one = [issuer("a", mine)]
    for (payload, verdict) in [
      ("{\"iss\":\"a\"}", "valid"), ("{\"\\u0069ss\":\"\\u0061\"}", "valid"),
      ("{\"iss\":\"a\",\"iss\":\"a\"}", "untrusted_issuer"),
      ("{\"iss\":\"a\",\"\\u0069ss\":\"b\"}", "untrusted_issuer"),
      ("{\"iss\":\"a\",\"x\":{\"y\":1,\"y\":1}}", "untrusted_issuer"),
      ("{\"iss\":[\"a\"]}", "untrusted_issuer"), ("{\"iss\":null}", "untrusted_issuer"),
      ("{\"iss\":\"A\"}", "untrusted_issuer"), ("{\"iss\":\"a \"}", "untrusted_issuer"),
      ("{\"x\":{\"iss\":\"a\"}}", "untrusted_issuer"), ("[\"iss\",\"a\"]", "untrusted_issuer"),
      ("\"a\"", "untrusted_issuer"), ("", "untrusted_issuer"),
      ("{\"iss\":\"a\"", "untrusted_issuer"),
      ("{\"iss\":\"a\"}x", "untrusted_issuer"), ("\u{feff}{\"iss\":\"a\"}", "untrusted_issuer"),
    ] {
      #expect(
        try judge(try Sample.token(payload, header: Self.header), one) == verdict, "\(payload)")
    }
    // Looks alike; is another name.
    let accented = [issuer("caf\u{e9}", mine), issuer("cafe\u{301}", theirs)]
    #expect(
      try judge(try Sample.token("{\"iss\":\"caf\u{e9}\"}", header: Self.header), accented)
        == "valid")
    #expect(
      try judge(try Sample.token("{\"iss\":\"cafe\u{301}\"}", header: Self.header), accented)
        == "bad_signature")
  }

  @Test func `text that is no token stays what it is`() throws {
    let one = [issuer("a", mine)]
    let parts = try Sample.token("{\"iss\":\"a\"}", header: Self.header)
      .split(separator: ".").map(String.init)
    func token(_ texts: String...) throws -> String { try judge(texts.joined(separator: "."), one) }
    #expect(try token(parts[0], parts[1], parts[2]) == "valid")
    #expect(try token(parts[0], parts[1] + "=", parts[2]) == "bad_base64")
    #expect(try token(parts[0], parts[1], parts[2] + "!") == "valid", "a log line with a token")
    #expect(try token(parts[0], parts[1], parts[2] + "--") == "bad_base64")
    #expect(try token(parts[0], parts[1], "") == "bad_signature")
    #expect(try token(parts[0], parts[1]) == "malformed")
    let bad = Base64URL.encode(Array("{\"alg\":7}".utf8)).text
    #expect(try token(bad, parts[1], parts[2]) == "bad_header")
  }

  @Test func `algorithms, audiences and typ are each issuer's own`() throws {
    let issuers = [
      issuer("a", mine) { $0.audiences = ["api", "web"] },
      issuer("b", mine) { $0.typ = "at+jwt" },
      issuer("c", mine) { $0.algorithms = [AlgorithmName("HS512")!] },
      issuer("d", mine),
    ]
    for (claims, typ, verdict) in [
      ("\"iss\":\"a\",\"aud\":\"api\"", "JWT", "valid"),
      ("\"iss\":\"a\",\"aud\":[\"x\",\"web\"]", "JWT", "valid"),
      ("\"iss\":\"a\",\"aud\":[]", "JWT", "wrong_audience"),
      ("\"iss\":\"a\"", "JWT", "missing_claim"), ("\"iss\":\"b\"", "at+JWT", "valid"),
      ("\"iss\":\"b\"", "JWT", "wrong_typ"), ("\"iss\":\"c\"", "JWT", "alg_not_allowed"),
      ("\"iss\":\"d\",\"aud\":\"x\"", "JWT", "valid"),
    ] {
      let header = "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"\(typ)\"}"
      #expect(try judge(try Sample.token("{\(claims)}", header: header), issuers) == verdict)
    }
  }

  @Test func `weak keys, and an issuer without keys`() throws {
    let weak = Sample.secret("k1", 8)
    let issuers = [
      issuer("weak", weak), issuer("none"), issuer("lax", weak) { $0.keys.allowWeakKeys = true },
      issuer("good", mine),
    ]
    for (iss, key, verdict) in [
      ("weak", weak, "weak_key"), ("none", mine, "unknown_key"), ("none", weak, "unknown_key"),
      ("lax", weak, "valid"), ("good", mine, "valid"),
    ] {
      let token = try Sample.token("{\"iss\":\"\(iss)\"}", header: Self.header, key)
      #expect(try judge(token, issuers) == verdict, "\(iss)")
    }
    let none = try Sample.token("{\"iss\":\"none\"}", header: "{\"alg\":\"HS256\"}", mine)
    #expect(try judge(none, issuers) { $0.triesAllKeys = true } == "unknown_key")
  }

  @Test func `windows and denylists stand with their own issuer`() throws {
    let folder = Folder()
    let list = try folder.file("list", Array("{\"sub\":\"s\",\"before\":4000000000}\n".utf8))
    let empty = try folder.file("empty", [])
    // Keys with and without windows, in every order: an offset too many would show.
    var window = KeyWindow()
    window.closes = Timestamp(seconds: 1000)
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
      let entries = try order.map { i -> TrustedIssuer in
        var set = KeySet()
        for k in 0...i {
          let jwk = Sample.secret("k\(k + 1)", 64, fill: UInt8(10 * i + k))
          #expect(set.add(jwk, source: "", window: i == 1 && k == 0 ? window : nil) == nil)
        }
        var entry = TrustedIssuer(ByteString("i\(i)"), set)
        entry.denylists = i == 2 ? [0, 1] : [0]
        return try #require(Optional(entry))
      }
      var processor = try VerifyProcessor(
        VerifyOptions(),
        keys: VerificationKeys(
          .init(
            Trust(entries),
            denylists: [
              .init(path: empty, mayBeMissing: false), .init(path: list, mayBeMissing: false),
            ])))
      for i in 0..<3 {
        for k in 0...i {
          let token = try Sample.token(
            "{\"iss\":\"i\(i)\",\"sub\":\"s\",\"iat\":2000,\"exp\":9000}",
            header: "{\"alg\":\"HS256\",\"kid\":\"k\(k + 1)\"}",
            Sample.secret("k\(k + 1)", 64, fill: UInt8(10 * i + k)))
          let line = try processor.result(token, now: Timestamp(seconds: 3000)).output.text
          #expect(line.contains("outside_key_window") == (i == 1 && k == 0), "\(order) \(line)")
          #expect(line.contains("revoked_token") == (i == 2), "\(order) \(line)")
          #expect(!line.contains("bad_signature"), "\(order) \(line)")
        }
      }
    }
  }

  @Test func `a key that is listed by its kid is revoked for tokens that do not name it`() throws {
    let folder = Folder()
    let list = try folder.file("list", Array("{\"kid\":\"k1\"}\n".utf8))
    var anyone = TrustedIssuer(nil, Sample.keySet(mine))
    anyone.denylists = [0]
    let keys = try VerificationKeys(
      .init(Trust([anyone]), denylists: [.init(path: list, mayBeMissing: false)]))
    for raw in [false, true] {
      var options = VerifyOptions()
      options.raw = raw
      var processor = try VerifyProcessor(options, keys: keys)
      for header in [Self.header, "{\"alg\":\"HS256\"}"] {
        let line = try processor.result(try Sample.token("{}", header: header)).output.text
        #expect(line.contains("[\"revoked_token\"]"), "\(line)")
      }
    }
  }
}
