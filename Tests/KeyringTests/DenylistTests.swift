// The denylist: what each kind of entry applies to, which of several holds, and which lines are bad.
// Owns: lists in temporary folders.

import Files
import JOSE
import Keyring
import Testing

/// A list and tokens to look up in it.
private struct Listed {
  let list: Denylist

  init(_ text: String) throws {
    let folder = Folder()
    list = try Denylist.load(try folder.file("denylist.ndjson", text))
  }

  /// nil: not revoked; else when, nil for always.
  func match(
    _ claims: String, kid: String? = nil, types: Denylist.TokenTypes = .all
  ) throws -> Denylist.Match? {
    let bytes = Array(claims.utf8)
    var parsed = Claims()
    try #require(parsed.parse(unsigned: bytes.span, 0..<bytes.count) == nil)
    return list.match(parsed, bytes.span, kid: kid.map { ByteString($0) }, types: types)
  }

  func isListed(_ claims: String, kid: String? = nil) throws -> Bool {
    try match(claims, kid: kid) != nil
  }
}

private let always = Denylist.Match(revokedAt: nil)

private func at(_ seconds: Int64, _ nanoseconds: Int32 = 0) -> Denylist.Match {
  Denylist.Match(revokedAt: Timestamp(seconds: seconds, nanoseconds: nanoseconds))
}

@Suite struct DenylistTests {
  private static let id = "0f8fad5b-d9cb-469f-a165-70867728950e"

  // MARK: What an entry applies to

  @Test(arguments: ["jti", "family"])
  func `a text applies with its issuer, and without one to any`(name: String) throws {
    let listed = try Listed(
      """
      {"iss":"a","\(name)":"x"}
      {"\(name)":"\(Self.id)"}

      """)
    #expect(try listed.match(#"{"iss":"a","\#(name)":"x"}"#) == always)
    #expect(try listed.match(#"{"iss":"b","\#(name)":"x"}"#) == nil)
    #expect(try listed.match(#"{"iss":["a"],"\#(name)":"x"}"#) == nil)
    #expect(try listed.match(#"{"\#(name)":"x"}"#) == nil)
    for iss in [#""iss":"a","#, #""iss":"b","#, #""iss":7,"#, ""] {
      #expect(try listed.match(#"{\#(iss)"\#(name)":"\#(Self.id)"}"#) == always)
    }
    #expect(try listed.match(#"{"iss":"a","sub":"x"}"#, kid: "x") == nil, "another claim")
    #expect(try listed.match(#"{"iss":"a","\#(name)":["x"]}"#) == nil)
    #expect(try listed.match("{}") == nil)
  }

  @Test func `a kid is the header's`() throws {
    let listed = try Listed(
      """
      {"kid":"k1"}
      {"kid":"k2","iss":"a","revoked_at":5}
      """)
    #expect(try listed.match("{}", kid: "k1") == always)
    #expect(try listed.match(#"{"iss":"a"}"#, kid: "k1") == always)
    #expect(try listed.match(#"{"iss":"a"}"#, kid: "k2") == at(5))
    #expect(try listed.match("{}", kid: "k2") == nil)
    #expect(try listed.match(#"{"kid":"k1","jti":"k1"}"#) == nil)
  }

  @Test func `a subject's tokens are those issued before a time, or without one`() throws {
    let listed = try Listed(
      """
      {"sub":"u","before":1000.5,"revoked_at":2000}
      {"sub":"v","iss":"a","before":"1970-01-01T00:16:40Z"}
      """)
    for early in ["1000", "1000.499999999", "1000.4999999999999", "-7", "1e3"] {
      #expect(try listed.match(#"{"sub":"u","iat":\#(early)}"#) == at(2000), "\(early)")
    }
    for late in ["1000.5", "1000.50", "10005e-1", "1000.5000000001", "1001", "1e300"] {
      #expect(try listed.match(#"{"sub":"u","iat":\#(late)}"#) == nil, "\(late)")
    }
    #expect(try listed.match(#"{"sub":"u"}"#) == at(2000))
    #expect(try listed.match(#"{"sub":"u","iat":"1001"}"#) == at(2000), "says no time")
    #expect(try listed.match(#"{"sub":"v","iat":999}"#) == nil)
    #expect(try listed.match(#"{"sub":"v","iss":"a","iat":999.999}"#) == always)
    #expect(try listed.match(#"{"sub":"v","iss":"a","iat":1000}"#) == nil)
    #expect(try listed.match(#"{"jti":"u"}"#, kid: "u") == nil)
  }

  @Test func `a time below a nanosecond or past what is held revokes more, never less`() throws {
    let listed = try Listed(
      """
      {"sub":"a","before":5.0000000001}
      {"sub":"b","before":"9999-12-31T23:59:59Z"}
      {"jti":"c","revoked_at":5.0000000009}
      {"jti":"d","revoked_at":"9999-12-31T23:59:59Z"}
      {"jti":"e","revoked_at":"0001-01-01T00:00:00Z"}
      {"jti":"f","revoked_at":-0.25}
      """)
    #expect(try listed.isListed(#"{"sub":"a","iat":5}"#))
    #expect(try !listed.isListed(#"{"sub":"a","iat":5.000000001}"#))
    #expect(try listed.isListed(#"{"sub":"b","iat":1e300}"#))
    #expect(try listed.match(#"{"jti":"c"}"#) == at(5))
    #expect(try listed.match(#"{"jti":"d"}"#) == at(9_223_372_036, 854_775_807))
    #expect(try listed.match(#"{"jti":"e"}"#)?.revokedAt?.rfc3339 == "1677-09-21T00:12:43Z")
    #expect(try listed.match(#"{"jti":"f"}"#) == at(-1, 750_000_000))
  }

  @Test func `a refresh token is listed by its access token's jti too`() throws {
    let listed = try Listed(#"{"jti":"a"}"#)
    #expect(try listed.isListed(#"{"jti":"r","access_token_jti":"a"}"#))
    #expect(try listed.isListed(#"{"jti":"r","access_token_jti":"a","type":"refresh"}"#))
    #expect(try !listed.isListed(#"{"jti":"r","access_token_jti":"a","type":"access"}"#))
    #expect(try !listed.isListed(#"{"jti":"r","access_token_jti":"b"}"#))
  }

  @Test func `only tokens of the named kinds are looked up`() throws {
    let listed = try Listed(#"{"jti":"a"}"#)
    let access = [#"{"jti":"a"}"#, #"{"jti":"a","type":"access"}"#, #"{"jti":"a","type":"id"}"#]
    let refresh = [
      #"{"jti":"a","type":"refresh"}"#, #"{"jti":"a","type":"\u0072efresh"}"#,
      #"{"jti":"a","access_token_jti":"b"}"#,
    ]
    for (claims, kind, other) in access.map({ ($0, Denylist.TokenTypes.access, .refresh) })
      + refresh.map({ ($0, Denylist.TokenTypes.refresh, Denylist.TokenTypes.access) })
    {
      #expect(try listed.match(claims, types: .all) == always)
      #expect(try listed.match(claims, types: kind) == always, "\(claims)")
      #expect(try listed.match(claims, types: other) == nil, "\(claims)")
      #expect(try listed.match(claims, types: []) == nil)
    }
  }

  @Test func `an entry's type, expiry and reason say nothing about which tokens it is for`() throws
  {
    let listed = try Listed(
      #"{"jti":"a","type":"refresh","exp":1,"reason":{"by":["me"]},"revoked_at":"2026-01-01T00:00:00Z"}"#
    )
    #expect(try listed.match(#"{"jti":"a","type":"access"}"#) == at(1_767_225_600))
  }

  // MARK: Which of several holds

  @Test func `the earliest revocation among all that apply is the answer`() throws {
    let listed = try Listed(
      """
      {"jti":"j","revoked_at":50}
      {"iss":"a","jti":"j","revoked_at":40}
      {"family":"f","revoked_at":30}
      {"sub":"s","before":100,"revoked_at":20}
      {"kid":"k","revoked_at":10}
      {"jti":"t","revoked_at":5}
      """)
    #expect(try listed.match(#"{"jti":"j"}"#) == at(50))
    #expect(try listed.match(#"{"jti":"j","iss":"a"}"#) == at(40))
    #expect(try listed.match(#"{"jti":"j","iss":"a","family":"f"}"#) == at(30))
    #expect(try listed.match(#"{"jti":"j","family":"f","sub":"s","iat":9}"#) == at(20))
    #expect(try listed.match(#"{"jti":"j","sub":"s","iat":100}"#, kid: "k") == at(10))
    #expect(try listed.match(#"{"jti":"j","access_token_jti":"t"}"#, kid: "k") == at(5))
  }

  @Test func `of duplicates the earliest holds`() throws {
    let listed = try Listed(
      """
      {"jti":"a","revoked_at":9}
      {"jti":"a","revoked_at":7}
      {"jti":"a","revoked_at":8}
      {"jti":"\\u0061","revoked_at":"1970-01-01T00:00:07.5Z"}
      {"jti":"b","revoked_at":9}
      {"jti":"b"}
      {"jti":"\(Self.id)","iss":"i","revoked_at":3}
      {"iss":"\\u0069","jti":"\\u0030f8fad5b-d9cb-469f-a165-70867728950e","revoked_at":2}
      """)
    #expect(try listed.match(#"{"jti":"a"}"#) == at(7))
    #expect(try listed.match(#"{"jti":"b"}"#) == always)
    #expect(try listed.match(#"{"jti":"\#(Self.id)","iss":"i"}"#) == at(2))
  }

  @Test func `of a subject's entries each that adds something holds`() throws {
    let listed = try Listed(
      """
      {"sub":"s","before":100,"revoked_at":150}
      {"sub":"s","before":300,"revoked_at":350}
      {"sub":"s","before":200,"revoked_at":250}
      {"sub":"s","before":200,"revoked_at":260}
      {"sub":"s","before":50,"revoked_at":300}
      {"sub":"other","before":999,"revoked_at":1}
      """)
    for (iat, time) in [(0, 150), (99, 150), (100, 250), (199, 250), (200, 350), (299, 350)] {
      #expect(try listed.match(#"{"sub":"s","iat":\#(iat)}"#) == at(Int64(time)), "\(iat)")
    }
    #expect(try listed.match(#"{"sub":"s","iat":300}"#) == nil)
    #expect(try listed.match(#"{"sub":"s"}"#) == at(150))
  }

  // MARK: Byte for byte

  @Test func `texts compare byte for byte`() throws {
    let long = String(repeating: "long ", count: 100_000)
    let texts = [
      Self.id, Self.id.uppercased(), "0F8fad5b-d9cb-469f-a165-70867728950e",
      "0f8fad5b_d9cb_469f_a165_70867728950e", "0f8fad5bd9cb469fa16570867728950e",
      "gf8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-7086772895é",
      "caf\u{e9}", "cafe\u{301}", "", "\\u0000", "\\u0000\\u0000", "a", "a\\u0000", "ab", "abcd",
      "abcde", "abcdefgh", "abcdefghi", long, long + "x",
    ]
    for (i, one) in texts.enumerated() {
      let listed = try Listed(#"{"jti":"\#(one)"}"#)
      for (j, other) in texts.enumerated() {
        #expect(try listed.isListed(#"{"jti":"\#(other)"}"#) == (i == j), "\(i) \(j)")
      }
    }
    let listed = try Listed(texts.map { #"{"jti":"\#($0)"}"# }.joined(separator: "\n"))
    for text in texts { #expect(try listed.isListed(#"{"jti":"\#(text)"}"#)) }
  }

  @Test func `escapes are resolved in the list and in the token`() throws {
    let listed = try Listed(
      #"{"\u0069ss":"https:\/\/a","\u006ati":"a\"\ud83d\ude00","revoked_at":"1970-01-01T00:00:\u0030\u0037Z"}"#
    )
    #expect(try listed.match(#"{"iss":"https://a","jti":"a\u0022😀"}"#) == at(7))
    #expect(try listed.match(#"{"iss":"https:\u002f/a","jti":"\u0061\"😀"}"#) == at(7))
    #expect(try listed.match(#"{"iss":"https://a","jti":"a\\\"😀"}"#) == nil)
  }

  // MARK: The file

  @Test func `nothing, blank lines and line ends of other systems`() throws {
    for empty in ["", "\n", " \r\n\t\n\n  "] {
      let listed = try Listed(empty)
      #expect(listed.list.isEmpty)
      #expect(try listed.match(#"{"iss":"a","jti":"a"}"#, kid: "a") == nil)
    }
    #expect(Denylist().isEmpty)
    let listed = try Listed("\n{\"jti\":\"a\"}\r\n\r\n {\"jti\":\"b\"} \n")
    #expect(!listed.list.isEmpty)
    #expect(try listed.isListed(#"{"jti":"a"}"#) && listed.isListed(#"{"jti":"b"}"#))
  }

  @Test func `a last line that was torn is ignored, one that is whole counts`() throws {
    let whole = #"{"iss":"é","jti":"b","revoked_at":7}"#
    for count in 0..<whole.utf8.count {
      let torn = String(decoding: whole.utf8.prefix(count), as: UTF8.self)
      // A character that was cut in two becomes another one here: valid, and torn all the same.
      let listed = try Listed("{\"jti\":\"a\"}\n\(torn)")
      #expect(try listed.isListed(#"{"jti":"a"}"#))
      #expect(try !listed.isListed(#"{"iss":"é","jti":"b"}"#))
    }
    #expect(try Listed(whole).isListed(#"{"iss":"é","jti":"b"}"#))
    #expect(try Listed("{\"jti\":\"a\"}\n\0\0\0").isListed(#"{"jti":"a"}"#))
  }

  @Test(arguments: [
    ("x", "not valid JSON"), (#"{"jti":"b""#, "not valid JSON"), ("[]", "not an object"),
    (#"{"jti":"b"} {"jti":"c"}"#, "not valid JSON"),
    ("{}", "none of"), (#"{"iss":"a"}"#, "none of"),
    (#"{"jti":"b","family":"c"}"#, "more than one of"),
    (#"{"jti":"b","\u006ati":"b"}"#, "a member stands there twice"),
    (#"{"jti":7}"#, "\"jti\" is no string"), (#"{"family":null}"#, "\"family\" is no string"),
    (#"{"jti":"b","iss":null}"#, "\"iss\" is no string"),
    (#"{"jti":"b","issuer":"a"}"#, "member \"issuer\" is not known"),
    (#"{"jti":"b","\u0041":"a"}"#, "member \"A\" is not known"),
    (#"{"sub":"b"}"#, "\"sub\" without \"before\""),
    (#"{"jti":"b","before":7}"#, "\"before\" goes with \"sub\" only"),
    (#"{"jti":"b","revoked_at":"yesterday"}"#, "\"revoked_at\" is neither"),
    (#"{"jti":"b","revoked_at":null}"#, "\"revoked_at\" is neither"),
    (#"{"jti":"b","revoked_at":1767225600000}"#, "\"revoked_at\" is neither"),
    (#"{"jti":"b","revoked_at":1e300}"#, "\"revoked_at\" is neither"),
    (#"{"jti":"b","revoked_at":-1e300}"#, "\"revoked_at\" is neither"),
    (#"{"sub":"b","before":"2026-02-30T00:00:00Z"}"#, "\"before\" is neither"),
    (#"{"jti":"b","exp":"soon"}"#, "\"exp\" is neither"),
    (#"{"jti":"b","type":"id"}"#, "\"type\" is neither"),
    (#"{"jti":"b","type":7}"#, "\"type\" is neither"),
  ])
  func `a bad line is named`(line: String, what: String) throws {
    let text = "{\"jti\":\"a\"}\n\n\(line)\n{\"jti\":\"z\"}\n"
    #expect {
      _ = try Listed(text)
    } throws: {
      guard let error = $0 as? KeyringError else { return false }
      return error.code == .badFormat
        && error.detail.contains("denylist.ndjson: line 3: ") && error.detail.contains(what)
    }
  }

  @Test func `a last line without a newline that is whole but wrong is bad`() throws {
    for line in [#"{"jtl":"a"}"#, "7", #"{"jti":"a","jti":"a"}"#] {
      #expect(throws: KeyringError(.badFormat, "")) { _ = try Listed("\n" + line) }
    }
  }

  @Test func `lines that straddle the chunks that are read, and one that is too long`() throws {
    var text = ""
    for i in 0..<40_000 { text += "{\"jti\":\"number \(i) \(Self.id)\",\"revoked_at\":\(i)}\n" }
    let listed = try Listed(text)
    for i in 0..<40_000 where i % 97 == 0 || i > 39_000 {
      #expect(try listed.match(#"{"jti":"number \#(i) \#(Self.id)"}"#) == at(Int64(i)))
    }
    let id = String(repeating: "x", count: (1 << 20) - 11)
    #expect(try Listed("{\"jti\":\"\(id)\"}\n" + text).isListed(#"{"jti":"\#(id)"}"#))
    #expect {
      _ = try Listed("{\"jti\":\"a\"}\n{\"jti\":\"\(id)x\"}\n")
    } throws: {
      ($0 as? KeyringError)?.detail.contains("line 2: longer than 1 MiB") == true
    }
  }

  @Test func `a list that is missing is a file error`() throws {
    #expect { try Denylist.load("\(Folder().path)/none") } throws: {
      ($0 as? FileError)?.isMissing == true
    }
  }
}
