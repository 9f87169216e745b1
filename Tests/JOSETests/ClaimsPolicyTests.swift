// iss, aud, sub, typ, type, fresh, required claims, and how failures are listed (SPEC section 3).
// Owns: the tests of ClaimsPolicy's checks other than those on time, and of Claims.

import Testing

@testable import JOSE

@Suite struct ClaimsPolicyTests {
  private func judge(
    _ payload: String, typ: String? = nil, _ set: (inout ClaimsPolicy) -> Void = { _ in }
  ) throws -> [Rejection] {
    var policy = ClaimsPolicy()
    set(&policy)
    return try Judging.rejections(payload, policy, typ: typ)
  }

  @Test(
    "Payloads that are no claims set",
    arguments: [
      ("", Rejection.badPayload), (" ", .badPayload), ("[]", .badPayload), ("\"x\"", .badPayload),
      ("1", .badPayload),
      ("null", .badPayload), ("{", .badPayload), ("{}x", .badPayload), ("\u{feff}{}", .badPayload),
      (#"{"a":NaN}"#, .badPayload), (#"{"iss":"a","iss":"a"}"#, .duplicateMember),
      (#"{"exp":9e9,"\u0065xp":1}"#, .duplicateMember),
      (#"{"x":[{"a":1,"a":1}]}"#, .duplicateMember),
    ])
  func noClaims(payload: String, expected: Rejection) throws {
    #expect(try judge(payload) == [expected])
  }

  @Test("An empty policy accepts anything but bad times")
  func emptyPolicy() throws {
    #expect(try judge("{}") == [])
    #expect(
      try judge(#"{"iss":1,"sub":null,"aud":{},"jti":[],"type":5,"fresh":"x"}"#, typ: "x") == [])
    #expect(try judge(" {\n\"iss\" : \"joe\" } ") == [])
  }

  @Test("iss: any of the issuers, byte for byte after unescaping")
  func issuer() throws {
    func iss(_ value: String, _ accepted: ByteString...) throws -> [Rejection] {
      try judge("{\"iss\":\(value)}") { $0.issuers = accepted }
    }
    #expect(try iss("\"joe\"", "joe") == [])
    #expect(try iss("\"joe\"", "ann", "joe") == [])
    #expect(try iss(#""j\u006fe""#, "joe") == [])
    #expect(try iss(#""https:\/\/a.example""#, "https://a.example") == [])
    #expect(try iss(#""\ud83d\ude00""#, "😀") == [])
    for other in ["Joe", "joe ", "jo", "joee", "", "joe\\u0000", "\\\\u006aoe"] {
      #expect(try iss("\"\(other)\"", "joe", "ann") == [.wrongIssuer], "\(other)")
    }
    for wrong in ["null", "1", "true", "[\"joe\"]", "{}"] {
      #expect(try iss(wrong, "joe") == [.badClaim], "\(wrong)")
    }
    #expect(try judge("{}") { $0.issuers = ["joe"] } == [.missingClaim])
    #expect(try judge(#"{"\u0069ss":"joe"}"#) { $0.issuers = ["joe"] } == [])
    #expect(try judge(#"{"x":{"iss":"joe"}}"#) { $0.issuers = ["joe"] } == [.missingClaim])
  }

  @Test("Composed and decomposed spellings are different issuers, audiences and subjects")
  func normalisation() throws {
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
    for (one, other) in [(composed, decomposed), (decomposed, composed)] {
      let asked = ByteString(one)
      #expect(try judge("{\"iss\":\"\(one)\"}") { $0.issuers = [asked] } == [])
      #expect(try judge("{\"iss\":\"\(other)\"}") { $0.issuers = [asked] } == [.wrongIssuer])
      #expect(try judge("{\"aud\":\"\(other)\"}") { $0.audiences = [asked] } == [.wrongAudience])
      #expect(try judge("{\"aud\":[\"\(other)\"]}") { $0.audiences = [asked] } == [.wrongAudience])
      #expect(try judge("{\"sub\":\"\(other)\"}") { $0.subject = asked } == [.wrongSubject])
    }
    #expect(try judge(#"{"iss":"caf\u00e9"}"#) { $0.issuers = [ByteString(composed)] } == [])
    #expect(
      try judge(#"{"iss":"cafe\u0301"}"#) { $0.issuers = [ByteString(composed)] } == [.wrongIssuer])
  }

  @Test("sub: the one subject")
  func subject() throws {
    #expect(try judge(#"{"sub":"ann"}"#) { $0.subject = "ann" } == [])
    #expect(try judge(#"{"sub":"Ann"}"#) { $0.subject = "ann" } == [.wrongSubject])
    #expect(try judge(#"{"sub":7}"#) { $0.subject = "7" } == [.badClaim])
    #expect(try judge("{}") { $0.subject = "ann" } == [.missingClaim])
  }

  @Test("aud: a string or an array of strings of which any matches; nothing else")
  func audience() throws {
    func aud(_ value: String, _ accepted: ByteString...) throws -> [Rejection] {
      try judge("{\"aud\":\(value)}") { $0.audiences = accepted }
    }
    #expect(try aud("\"a\"", "a") == [])
    #expect(try aud("\"a\"", "b", "a") == [])
    #expect(try aud("[\"a\"]", "a") == [])
    #expect(try aud("[\"x\",\"y\",\"a\"]", "b", "a") == [])
    #expect(try aud(#"["x","\u0061"]"#, "a") == [])
    #expect(try aud("\"b\"", "a") == [.wrongAudience])
    #expect(try aud("\"a b\"", "a") == [.wrongAudience])
    #expect(try aud("[]", "a") == [.wrongAudience])
    #expect(try aud("[\"b\",\"A\"]", "a") == [.wrongAudience])
    for wrong in [
      "null", "1", "{}", "{\"a\":1}", "[1]", "[\"a\",1]", "[\"a\",[\"a\"]]", "[[\"a\"]]", "[null]",
    ] {
      #expect(try aud(wrong, "a") == [.badClaim], "\(wrong)")
    }
    #expect(try judge("{}") { $0.audiences = ["a"] } == [.missingClaim])
    #expect(try judge(#"{"aud":[],"b":"a"}"#) { $0.audiences = ["a"] } == [.wrongAudience])
    #expect(try judge(#"{"aud":["x"],"b":"a"}"#) { $0.audiences = ["a"] } == [.wrongAudience])
  }

  @Test("typ: without case, with or without application/")
  func typ() throws {
    func typ(_ header: String?, _ wanted: ByteString) throws -> Bool {
      try judge("{}", typ: header) { $0.typ = wanted } == []
    }
    for (header, wanted) in [
      ("JWT", "JWT"), ("jwt", "JWT"), ("at+jwt", "AT+JWT"), ("application/at+jwt", "at+jwt"),
      ("at+jwt", "application/at+jwt"), ("APPLICATION/AT+JWT", "at+jwt"),
    ] as [(String, ByteString)] { #expect(try typ(header, wanted), "\(header) \(wanted)") }
    for (header, wanted) in [
      (nil, "JWT"), ("", "JWT"), ("JWT ", "JWT"), ("at+jwt", "JWT"), ("text/jwt", "jwt"),
      ("application/text/jwt", "text/html"), ("JW\u{212a}", "JWK"),
      ("application", "application/x"),
    ] as [(String?, ByteString)] { #expect(try !typ(header, wanted), "\(header ?? "-") \(wanted)") }
    #expect(try judge("{}", typ: "x") { $0.typ = "y" } == [.wrongTyp])
    #expect(try judge("{}", typ: nil) == [])
  }

  @Test("token-type: the claim type, or access_token_jti, which makes a refresh token")
  func tokenType() throws {
    func type(_ payload: String, _ wanted: ClaimsPolicy.TokenType) throws -> [Rejection] {
      try judge(payload) { $0.tokenType = wanted }
    }
    #expect(try type(#"{"type":"access"}"#, .access) == [])
    #expect(try type(#"{"type":"refresh"}"#, .access) == [.wrongTokenType])
    #expect(try type(#"{"type":"refresh"}"#, .refresh) == [])
    #expect(try type(#"{"type":"access"}"#, .refresh) == [.wrongTokenType])
    #expect(try type(#"{"t\u0079pe":"acce\u0073s"}"#, .access) == [])
    #expect(try type(#"{"access_token_jti":"x"}"#, .refresh) == [])
    #expect(try type(#"{"access_token_jti":"x"}"#, .access) == [.wrongTokenType])
    #expect(try type(#"{"access_token_jti":"x","type":"access"}"#, .access) == [])
    #expect(try type(#"{"type":"Access"}"#, .access) == [.wrongTokenType])
    #expect(try type("{}", .access) == [.missingClaim])
    for wrong in ["null", "1", "[\"access\"]"] {
      #expect(try type("{\"type\":\(wrong)}", .access) == [.badClaim], "\(wrong)")
    }
  }

  @Test("fresh: true and nothing else")
  func fresh() throws {
    #expect(try judge(#"{"fresh":true}"#) { $0.requiresFresh = true } == [])
    #expect(try judge(#"{"fr\u0065sh":true}"#) { $0.requiresFresh = true } == [])
    for other in ["false", "null", "1", "\"true\"", "[true]", "{}"] {
      #expect(
        try judge("{\"fresh\":\(other)}") { $0.requiresFresh = true } == [.notFresh], "\(other)")
    }
    #expect(try judge("{}") { $0.requiresFresh = true } == [.notFresh])
  }

  @Test("require: each claim named is there and not null")
  func required() throws {
    #expect(try judge(#"{"a":1,"b":[],"c":""}"#) { $0.required = ["a", "b", "c"] } == [])
    #expect(try judge(#"{"a":false}"#) { $0.required = ["a"] } == [])
    #expect(try judge(#"{"\u0061":0}"#) { $0.required = ["a"] } == [])
    #expect(try judge(#"{"a":null}"#) { $0.required = ["a"] } == [.missingClaim])
    #expect(try judge(#"{"A":1,"x":{"a":1}}"#) { $0.required = ["a"] } == [.missingClaim])
    #expect(try judge("{\"e\u{301}\":1}") { $0.required = ["\u{e9}"] } == [.missingClaim])
    #expect(try judge("{}") { $0.required = ["a", "b"] } == [.missingClaim])
  }

  @Test("All failures are listed together, in the order of the codes")
  func allTogether() throws {
    let payload = """
      {"exp":\(noon),"nbf":\(noon + 1),"iat":\(noon + 1),"iss":"x","aud":["x"],\
      "sub":"x","type":"refresh","fresh":false}
      """
    let all = try judge(payload, typ: "x") {
      $0.issuers = ["joe"]
      $0.audiences = ["a"]
      $0.subject = "ann"
      $0.typ = "JWT"
      $0.tokenType = .access
      $0.requiresFresh = true
      $0.required = ["jti"]
    }
    #expect(
      all == [
        .expired, .notYetValid, .issuedInFuture, .wrongIssuer, .wrongAudience, .wrongSubject,
        .wrongTyp,
        .wrongTokenType, .notFresh, .missingClaim,
      ])
    let bad = try judge(#"{"exp":"x","nbf":9e9,"iat":0,"iss":5}"#) {
      $0.issuers = ["joe"]
      $0.audiences = ["a"]
      $0.maxAge = Seconds(1)
    }
    #expect(bad == [.notYetValid, .tooOld, .missingClaim, .badClaim])
  }

  @Test("Claims are found by name, in one pass, and a claims value that is used again forgets")
  func claims() throws {
    var claims = Claims()
    let first = #"{"jti":"one","acc\u0065ss_token_jti":"two","exp":5,"x":[1,{"jti":"no"}]}"#.octets
    let refused = claims.parse(unsigned: first.span, 0..<first.count)
    #expect(refused == nil)
    let (jti, access, exp) = (
      claims.string(claims.jti, first.span), claims.string(claims.accessTokenJTI, first.span),
      claims.string(claims.exp, first.span)
    )
    #expect(jti == "one" && access == "two" && exp == nil)
    let time = claims.time(claims.exp, first.span)
    #expect(time == .some(NumericDate(Timestamp(seconds: 5))))
    let second = "{}".octets
    let refusedAgain = claims.parse(unsigned: second.span, 0..<2)
    #expect(refusedAgain == nil)
    for node in [claims.jti, claims.accessTokenJTI, claims.exp, claims.iss, claims.fresh] {
      #expect(node == Claims.absent)
    }
  }
}
