// JSON Schema's exact numbers and asserted formats.
// Owns: the tests of JSONNumber and StringFormat. The keywords have their own file.

import Testing

@testable import JOSE

@Suite struct JSONSchemaValueTests {
  private func order(_ a: String, _ b: String) -> Int {
    let x = JSONNumber(a.octets.span, 0..<a.utf8.count)
    let y = JSONNumber(b.octets.span, 0..<b.utf8.count)
    return x.order(a.octets.span, y, b.octets.span).signum()
  }

  /// Each spelling of a line is the same number, and less than those of the next line.
  private static let ascending: [[String]] = [
    ["-1e100000000000000000000000", "-0.1e100000000000000000000001"],
    ["-1e99999999999999999999999", "-10e99999999999999999999998"],
    ["-1e1000000000000000000", "-0.001e1000000000000000003", "-1000e+999999999999999997"],
    ["-1e400"], ["-9.9e399"], ["-1.0000000000000000000000000001"], ["-1", "-1.0", "-0.1e1"],
    ["-0.1e-1", "-1e-2"], ["-1e-400"], ["-1e-99999999999999999999"],
    ["0", "-0", "0.000", "-0.0e99999999999999999999", "0e-1"],
    ["1e-10000000000000000000000000"], ["1e-9999999999999999999999999"],
    ["1e-1000000000000000001", "10e-1000000000000000002", "0.1e-1000000000000000000"],
    ["1e-1000000000000000000", "10e-1000000000000000001", "0.01e-999999999999999998"],
    ["1e-999999999999999999"], ["1e-400"], ["0.1", "0.10", "1e-1", "100.0E-0003"],
    ["0.1000000000000000055511151231257827"], ["0.10000000000000000555111512312578271"],
    ["0.3", "3e-1"], ["0.30000000000000004"], ["1", "1.0", "1e0", "10e-1", "0.1e+1", "1e-0"],
    ["1.5", "15e-1"], ["9007199254740992"], ["9007199254740993", "9007199254740993.000"],
    ["9007199254740994", "900719925474099.4e1"], ["99999999999999999999"],
    ["100000000000000000000", "1e20", "0.0001e24"], ["100000000000000000000.00001"],
    ["1e308"], ["1.8e308"], ["1e400", "1000e397"], ["1.01e400"], ["1e999999999999999999"],
    ["1e1000000000000000000", "0.1e1000000000000000001", "10e999999999999999999"],
    ["1.1e1000000000000000000", "11e999999999999999999"],
    ["1e99999999999999999999999"], ["1e100000000000000000000000", "1e+0100000000000000000000000"],
  ]

  @Test("Numbers of any size and spelling compare exactly")
  func ordering() {
    for (i, line) in Self.ascending.enumerated() {
      for (j, other) in Self.ascending.enumerated() {
        for a in line { for b in other { #expect(order(a, b) == (i - j).signum(), "\(a) \(b)") } }
      }
    }
  }

  @Test("Random numbers of 38 digits compare as integers do, however they are spelled")
  func randomOrdering() {
    var random = SeededRandom(for: "JSON numbers")
    func number() -> Int128 {
      let size = random.below(38)
      let n = (0..<size).reduce(Int128(0)) { n, _ in n * 10 + Int128(random.below(3) * 4) }
      return random.below(2) == 0 ? n : -n
    }
    func spelled(_ n: Int128) -> String {
      let sign = n < 0 ? "-" : ""
      let digits = String(n.magnitude)
      switch random.below(5) {
      case 0: return "\(sign)\(digits).0"
      case 1: return "\(n)"
      case 2: return "\(n)\(String(repeating: "0", count: 3))e-3"
      case 3: return "\(sign)0.000\(digits)E+\(digits.utf8.count + 3)"
      default: return "\(sign)\(digits.prefix(1)).\(digits.dropFirst())0e\(digits.utf8.count - 1)"
      }
    }
    for _ in 0..<5000 {
      let (a, b) = (number(), number())
      #expect(order(spelled(a), spelled(b)) == (a < b ? -1 : a == b ? 0 : 1), "\(a) \(b)")
      #expect(order(spelled(a), spelled(a)) == 0, "\(a)")
    }
  }

  @Test("integer means a fraction of zero")
  func integers() throws {
    try expect(
      #"{"type":"integer"}"#,
      valid: [
        "0", "-0", "1", "1.0", "-1.000", "1e2", "1.5e1", "100e-2", "0.0e-5",
        "0e-99999999999999999999",
        "1e99999999999999999999", "12345678901234567890.0", "1.25e2", "9007199254740993.0",
      ],
      invalid: [
        "0.1", "1.5", "-1.05", "1e-1", "15e-1", "1e-400", "1.25e1", "1e-99999999999999999999",
        "12345678901234567890.1", "9007199254740993.0000000000000001", "\"1\"", "true",
      ])
  }

  @Test("minimum and maximum take in their bounds")
  func bounds() throws {
    try expect(
      #"{"minimum":1,"maximum":2.5}"#,
      valid: ["1", "1.0", "2.5", "25e-1", "1.00000000000000000000000000001", "\"0\"", "[0]"],
      invalid: [
        "0.99999999999999999999999999", "2.50000000000000000000000000001", "-1", "0", "3e0",
      ])
    try expect(
      #"{"minimum":1e400}"#, valid: ["1e400", "1e401", "10e399"], invalid: ["9.99e399", "-1e500"])
    try expect(
      #"{"maximum":-1e400}"#, valid: ["-1e400", "-1e401"], invalid: ["-9.99e399", "0", "1e500"])
    try expect(
      #"{"minimum":9007199254740993}"#, valid: ["9007199254740993"], invalid: ["9007199254740992"])
    try expect(#"{"minimum":0}"#, valid: ["-0", "-0.0", "1e-999"], invalid: ["-1e-999"])
    try expect(#"{"minimum":2,"maximum":1}"#, invalid: ["1", "1.5", "2"])
    try expect(#"{"type":"integer","minimum":0}"#, valid: ["3"], invalid: ["0.5", "-1"])
  }

  @Test("const and enum compare numbers by value")
  func equalNumbers() throws {
    try expect(
      #"{"const":1}"#, valid: ["1", "1.0", "1e0", "0.1e1", "100E-2"],
      invalid: ["1.0000000000000000000000001", "-1", "10", "0", "true"])
    try expect(
      #"{"enum":[9007199254740993,0.1,1e400]}"#,
      valid: ["9007199254740993.0", "1e-1", "10e399"],
      invalid: ["9007199254740992", "0.1000000000000000055511151231257827", "1e401"])
  }

  private func formats(
    _ format: String, valid: [String], invalid: [String],
    at location: SourceLocation = #_sourceLocation
  ) throws {
    func quoted(_ text: String) -> String {
      var out: [UInt8] = []
      JSONText.appendString(ByteString(text), to: &out)
      return out.text
    }
    try expect(
      "{\"format\":\"\(format)\"}", valid: valid.map(quoted) + ["1", "null", "[]"],
      invalid: (invalid + ["", " ", valid[0] + "\n", " " + valid[0], valid[0] + "é"]).map(quoted),
      at: location)
  }

  @Test("format email: a mailbox of RFC 5321")
  func email() throws {
    let long = String(repeating: "a", count: 64)
    let label = String(repeating: "b", count: 63)
    try formats(
      "email",
      valid: [
        "joe@example.com", "a@b", "a.b+c@d-e.example", "!#$%&'*+-/=?^_`{|}~@x.y", "\"a b\"@x.y",
        "\"\"@x.y", #""a\"@\\b"@x.y"#, "a@[127.0.0.1]", "a@[IPv6:::1]",
        "a@[ipv6:2001:db8::1.2.3.4]",
        "1@2.3", "a@1-2.3", "\(long)@x.y", "a@\(label).\(label).\(label).com",
      ],
      invalid: [
        "joe", "@", "a@", "@b", "a@b@c", ".a@b", "a.@b", "a..b@c", "a@.b", "a@b.", "a@b..c", "a@-b",
        "a@b-", "a@b-.c", "a b@c", "a@b c", "a@b_c", "\"a@b", "\"a\"b@c", "\"a\\\"@b", "a\"b\"@c",
        "a@[127.0.0]", "a@[127.0.0.256]", "a@[127.0.0.01]", "a@[]", "a@[", "a@[::1]", "a@[IPv6:]",
        "a@[IPv6:1::2::3]", "ä@b.c", "a@bücher.example", "\"ä\"@b", "Joe <a@b>", "a@b,c@d",
        "\(long)a@x.y", "a@\(label)b.c", "\(long)@\(label).\(label).\(label).com",
        "a@[IPv6:1:2:3:4:5:6:7:8:9]", "(c)a@b",
      ])
  }

  @Test("format uuid: 8-4-4-4-12")
  func uuid() throws {
    let uuid = "2eb8aa08-aa98-11ea-b4aa-73b441d16380"
    try formats(
      "uuid",
      valid: [uuid, uuid.uppercased(), "00000000-0000-0000-0000-000000000000"],
      invalid: [
        String(uuid.dropLast()), uuid + "0", "{\(uuid)}", "urn:uuid:\(uuid)",
        "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa73b441d16380-",
        "2eb8aa0-8aa98-11ea-b4aa-73b441d16380", "2eb8aa0g-aa98-11ea-b4aa-73b441d16380",
        "2eb8aa08-aa98-11ea-b4aa-73b4_1d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638０",
      ])
  }

  @Test("format uri: a URI of RFC 3986 with its scheme")
  func uri() throws {
    try formats(
      "uri",
      valid: [
        "http://example.com", "HTTP://u:p@h:80/p/a?q=?/#f?/", "urn:x", "mailto:a@b", "a:", "a://",
        "file:///etc", "a:/", "a:b/c//d", "a1+-.:x", "x://[::1]", "x://[1:2:3:4:5:6:7:8]:1/",
        "x://[::ffff:1.2.3.4]", "x://[1:2:3:4:5:6:7::]", "x://[v1F.a:b]", "x://[V1.~]", "x://:",
        "x://@", "x://a:", "x://%41/%2f", "x://999.1.1.1", "a:?#", "a:;,='()*!$&@:", "x://[::]",
        "tag:a,2020:b",
      ],
      invalid: [
        "example.com", "/a", "//a", "a", ":", ":a", "1a:b", "-a:b", "a_b:c", "a b:c", "a:b c",
        "a:#b#c", "a:%", "a:%4", "a:%4g", "a:[b]", "a:<b>", "a:\\b", "a:\"", "a:{b}", "a:|", "a:^",
        "a:`", "a:é", "x://[::1", "x://::1]", "x://[::1]a", "x://[1:2:3]", "x://[1::2::3]",
        "x://[1:2:3:4:5:6:7:8:9]", "x://[1:2:3:4:5:6:7:8::]", "x://[12345::]", "x://[:1::]",
        "x://[1:]", "x://[::1:]", "x://[::1.2.3]", "x://[::01.2.3.4]", "x://[]", "x://[v.a]",
        "x://[v1.]", "x://[vg.a]", "x://[v1.%41]", "x://a:b", "x://a:1:2", "x://a@b@c", "x://a:1a",
        "x://[::1]:a", "a:\u{7f}", "x://[fe80::1%25en0]", "x://a%/b", "a\t:b",
      ])
  }

  @Test("format date-time: RFC 3339")
  func dateTime() throws {
    try formats(
      "date-time",
      valid: [
        "2026-11-21T07:00:00Z", "2026-11-21t07:00:00z", "2026-11-21T07:00:00.123456789012Z",
        "2026-11-21T07:00:00+23:59", "2026-11-21T07:00:00-00:00", "2024-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1998-12-31T23:59:60Z",
        "1990-12-31T15:59:60.5-08:00", "2016-06-30T23:59:60Z", "2017-01-01T00:59:60+01:00",
      ],
      invalid: [
        "2026-11-21 07:00:00Z", "2026-11-21T07:00:00", "2026-11-21T07:00Z", "2026-11-21",
        "2026-13-21T07:00:00Z", "2026-00-21T07:00:00Z", "2026-11-31T07:00:00Z",
        "2023-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T07:60:00Z",
        "2026-11-21T07:00:61Z", "2026-11-21T07:00:60Z", "1998-12-31T22:59:60Z",
        "1998-12-30T23:59:60Z", "1998-12-31T23:59:60+01:00", "2026-11-21T07:00:00.Z",
        "2026-11-21T07:00:00+24:00", "2026-11-21T07:00:00+0100", "2026-11-21T07:00:00+01",
        "2026-11-21T07:00:00+01:60", "2026-11-21T07:00:00,5Z", "+2026-11-21T07:00:00Z",
        "26-11-21T07:00:00Z", "2026-11-21T7:00:00Z", "2026-11-2１T07:00:00Z", "20261121T070000Z",
      ])
  }
}
