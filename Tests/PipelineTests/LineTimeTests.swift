// When a line says that it was written: forms, widths, what a client may add, and a plain twin.
// Owns: lines made by hand and by a seed. Must never: ask the clock.

import JOSE
import Testing

@testable import Pipeline

@Suite struct LineTimeTests {
  /// `2026-11-21T08:00:00Z 1000000000`: where the time begins, and how many nanoseconds it is wide.
  private func text(_ moment: Moment?) -> String? {
    guard let moment else { return nil }
    var out: [UInt8] = []
    moment.earliest.append(to: &out, withFraction: true)
    let seconds = moment.latest.seconds - moment.earliest.seconds
    let rest = moment.latest.nanoseconds - moment.earliest.nanoseconds
    return "\(out.text) \(seconds * 1_000_000_000 + Int64(rest) + 1)"
  }

  private func log(_ line: String) -> String? {
    // Other octets around the line, which are none of its business.
    let bytes = Array("[2001-01-01T00:00:00Z] \"\(line)\" [".utf8)
    let start = 24
    return text(LineTime.ofLog(bytes.span, start..<start + line.utf8.count))
  }

  private func member(_ value: String) -> String? {
    let bytes = Array("{\"t\":\(value)}".utf8)
    var document = JSONDocument()
    guard document.parse(bytes) == nil else { return "no JSON" }
    return text(LineTime.ofMember(document, 2, bytes.span))
  }

  private let clf = "192.0.2.7 - - [21/Nov/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200"
  private let second = "2026-11-21T08:00:00Z 1000000000"

  @Test func `stamps of the Common Log Format`() {
    func stamp(_ text: String) -> String? { log("a - - [\(text)] \"-\"") }
    #expect(log(clf) == second)
    #expect(stamp("21/Nov/2026:08:00:00.250 +0000") == "2026-11-21T08:00:00.25Z 1000000")
    #expect(stamp("21/Nov/2026:08:00:00,25 +0000") == "2026-11-21T08:00:00.25Z 10000000")
    #expect(
      stamp("21/Nov/2026:08:00:00.\(String(repeating: "1", count: 30)) +0000")
        == "2026-11-21T08:00:00.111111111Z 1")
    #expect(stamp("21/Nov/2026:03:30:00 -0430") == second)
    #expect(stamp("01/Jan/2027:00:29:60 +0130") == "2026-12-31T23:00:00Z 1000000000")
    #expect(stamp("29/Feb/2028:00:00:00 +0000") == "2028-02-29T00:00:00Z 1000000000")
    #expect(stamp("01/Jan/0000:00:00:00 +2359")?.hasPrefix("-0001-12-31T00:01:00Z") == true)
    #expect(stamp("31/Dec/9999:23:59:59 -2359") == "10000-01-01T23:58:59Z 1000000000")
    for bad in [
      "31/Feb/2026:08:00:00 +0000", "29/Feb/2026:08:00:00 +0000", "00/Nov/2026:08:00:00 +0000",
      "21/nov/2026:08:00:00 +0000", "21/Nov/2026:24:00:00 +0000", "21/Nov/2026:08:60:00 +0000",
      "21/Nov/2026:08:00:61 +0000", "21/Nov/2026:08:00:00 +2400", "21/Nov/2026:08:00:00 +0060",
      "21/Nov/2026:08:00:00 0000", "21/Nov/2026:08:00:00. +0000", "21/Nov/2026:08:00:00 +000",
      "21/Nov/2026:08:00:00 +00:00", "21/Nov/2026:08:00:00Z", "21/Nov/2026:08:00:00",
      "1/Nov/2026:08:00:00 +0000", "21/Nov/26:08:00:00 +0000", "21/Nov/2026",
    ] { #expect(stamp(bad) == nil, "\(bad)") }
    #expect(log("a - - [21/Nov/2026:08:00:00 +0000") == nil)
    #expect(log("21/Nov/2026:08:00:00 +0000") == nil)
  }

  @Test func `a leading RFC 3339 time`() {
    for line in [
      "2026-11-21T08:00:00Z x", "2026-11-21T08:00:00Z", "x 2026-11-21T08:00:00Z y",
      "  2026-11-21t10:00:00+02:00", "[2026-11-21T08:00:00+0000] x", "[2026-11-21 08:00:00Z] x",
      "2026-11-21 08:00:00Z x", "<34>1 2026-11-21T07:59:60Z host", "https 2026-11-21 03:30:00-0430",
    ] { #expect(log(line) == second, "\(line)") }
    #expect(log("2026-11-21T08:00:00.5Z x") == "2026-11-21T08:00:00.5Z 100000000")
    #expect(log("2026-11-21T08:00:00.123456789123Z x") == "2026-11-21T08:00:00.123456789Z 1")
    #expect(log("2026-11-21T08:00:00.0000001+0000 x") == "2026-11-21T08:00:00.0000001Z 100")
    for line in [
      "2026-11-21T08:00:00 x", "2026-11-21 08:00:00,123 x", "a b 2026-11-21T08:00:00Z",
      "2026-11-21T08:00:00.Z", "2026-02-30T08:00:00Z", "2026-11-21T08:00:00Z+00:00", "2026-11-21",
      "2026-11-21 ", "[2026-11-21] 08:00:00Z", "[]", "[ ", "", " ", "[", "\"2026-11-21T08:00:00Z\"",
      "12026-11-21T08:00:00Z", "2026-11-21T08:00:00+1Z00", "2026-11-21T08:00:00,5Z",
    ] { #expect(log(line) == nil, "\(line)") }
  }

  @Test func `what a client writes is not the line's time`() {
    let late = "[20/Nov/2026:08:00:00 +0000]"
    // In quotes, with quotes of its own that a server escapes, or behind the stamp.
    for client in [late, "\\\" \(late)", "\\\\\\\" \(late)", "\\x22 \(late)", "[\(late)"] {
      #expect(log("\(clf) \"\(client)\"") == second, "\(client)")
      #expect(log("a - x\\\" [21/Nov/2026:08:00:00 +0000] \"\(client)\"") == second)
    }
    #expect(log("\(clf) \"a\\\\\" \"\(late)\"") == second)
    // Outside quotes it is one too many, before or behind the server's own.
    for line in [
      "192.0.2.7 - \(late) [21/Nov/2026:08:00:00 +0000] \"-\"", "\(clf) \(late)",
      "\(clf) \"a\\\\\" \(late)",
    ] { #expect(log(line) == nil, "\(line)") }
    #expect(log("a - [21/Nov/2026:09:00:00 +0100] [21/Nov/2026:08:00:00 +0000]") == second)
  }

  @Test func `a forwarded address that looks like a time`() {
    let stamp = "[21/Nov/2026:08:00:00 +0000] \"-\""
    for client in ["2026-11-20T08:00:00Z", "[2026-11-20T08:00:00Z]", "2026-11-20 08:00:00Z"] {
      #expect(log("\(client) - - \(stamp)") == nil, "\(client)")
      #expect(log("\(client), 192.0.2.7 - - \(stamp)") != "2026-11-20T08:00:00Z 1000000000")
      #expect(log("x \(client) 192.0.2.7 - - \(stamp)") == nil, "\(client)")
      #expect(log("\(client) [21/Nov/2026:08:00:00] - \(stamp)") == nil, "\(client)")
    }
    #expect(log("2026-11-20T08:00:00Z 2026-11-21T08:00:00Z x") == nil)
    // What a collector puts in front of a server's line is a little later.
    #expect(log("2026-11-21T08:00:00.2Z stdout F \(clf)") == "2026-11-21T08:00:00.2Z 100000000")
    #expect(
      log("2026-11-21T08:01:00Z 2026-11-21T08:00:00Z \(clf)") == "2026-11-21T08:01:00Z 1000000000")
    #expect(log("2026-11-21T08:01:01Z stdout F \(clf)") == nil)
  }

  @Test func `a stamp without a zone is no licence to take a client's`() {
    let client = "[20/Nov/2026:08:00:00 +0000]"
    for line in [
      "lb1 haproxy[7]: 192.0.2.7:333 [21/Nov/2026:08:00:30.655] http-in {x \(client)} \"-\"",
      "2026-11-21 08:00:00,123 INFO no such user: \(client)",
      "2026-11-21T08:00:00 INFO no such user: \(client)",
      "INFO 2026-11-21 08:00:00 no such user: \(client)",
      "2026/11/21 08:00:00 [error] 7#7: *1 no such user \(client)",
      "[2026-11-21 08:00:00] no such user \(client)",
      "192.0.2.7 - - [31/Nov/2026:08:00:00 +0000] \(client)",
    ] { #expect(log(line) == nil, "\(line)") }
    // The leading time is its own, whatever zone the other one has.
    #expect(log("2026-11-21T08:00:00Z lb1 haproxy[7]: a [21/Nov/2026:09:00:00.655] b") == second)
    // A file's name in front of a line is no time.
    #expect(log("2026-11-21.log:\(clf)") == second)
  }

  @Test func `a record's time`() {
    #expect(member("\"2026-11-21T08:00:00Z\"") == second)
    #expect(member("1795248000") == second)
    #expect(member("\"1795248000\"") == second)
    #expect(member("\"0001795248000\"") == second, "by size, not by length")
    #expect(member("1795248000.5") == "2026-11-21T08:00:00.5Z 100000000")
    #expect(member("\"1795248000.50\"") == "2026-11-21T08:00:00.5Z 10000000")
    #expect(member("1795248000.12345678912") == "2026-11-21T08:00:00.123456789Z 1")
    #expect(member("1795248000123") == "2026-11-21T08:00:00.123Z 1000000")
    #expect(member("1795248000123.9") == "2026-11-21T08:00:00.123Z 1000000")
    #expect(member("1795248000123456") == "2026-11-21T08:00:00.123456Z 1000")
    #expect(member("1795248000123456789") == "2026-11-21T08:00:00.123456789Z 1")
    #expect(member("0") == "1970-01-01T00:00:00Z 1000000000")
    #expect(member("99999999999") == "5138-11-16T09:46:39Z 1000000000")
    #expect(member("100000000000") == "1973-03-03T09:46:40Z 1000000")
    // As Java writes its doubles: the same size, the same time.
    #expect(member("1.795248E9") == "2026-11-21T08:00:00Z 1")
    #expect(member("1.7952480005E9") == "2026-11-21T08:00:00.5Z 1")
    #expect(member("1.795248000123E12") == "2026-11-21T08:00:00.123Z 1000000")
    #expect(member("1795248000123.0e0") == "2026-11-21T08:00:00.123Z 1000000")
    #expect(member("17952480000000.0e-4") == "2026-11-21T08:00:00Z 1")
    #expect(member("-1") == "1969-12-31T23:59:59Z 1")
    #expect(member("-0.5") == "1969-12-31T23:59:59.5Z 1")
    for value in [
      "9223372036854775808", "99999999999999999999", "1e300", "1.5e300", "-1e300", "-62167219201",
      "null", "true", "[1795248000]", "{}", "\"\"", "\".\"", "\"1.\"", "\".5\"", "\"1.2.3\"",
      "\"-1\"", "\"1e9\"", "\"+1\"", "\" 1\"", "\"now\"", "\"2026-11-21T08:00:00\"",
      "\"2026-11-21T08:00:00\\u005a\"",
    ] { #expect(member(value) == nil, "\(value)") }
    #expect(member("9223372036854775806") == "2262-04-11T23:47:16.854775806Z 1")
    #expect(member("-62167219200") == "0000-01-01T00:00:00Z 1")
  }

  @Test func `seeded numbers mean the same in every spelling`() {
    var random = Seeded(41)
    for _ in 0..<2000 {
      let s = Int64.random(in: 100_000_000..<9_000_000_000, using: &random)
      let ns = Int64.random(in: 0..<1_000_000_000, using: &random)
      let nine = String(String(1_000_000_000 + ns).dropFirst())
      let exact = Timestamp(seconds: s, nanoseconds: Int32(ns))
      var spellings = ["\(s).\(nine)", "\"\(s).\(nine)\"", "\(s)\(nine)e-9"]
      if s < 9_000_000_000 { spellings.append("\(s)\(nine)") }
      for spelling in spellings {
        let bytes = Array("[\(spelling)]".utf8)
        var document = JSONDocument()
        #expect(document.parse(bytes) == nil)
        let found = LineTime.ofMember(document, 1, bytes.span)
        if spelling.hasSuffix("e-9") {
          // 19 digits with an exponent are more than are read: rather no time than a wrong one.
          #expect(found == nil || found == Moment(exact), "\(spelling)")
        } else {
          #expect(found == Moment(exact, width: 1), "\(spelling)")
        }
      }
    }
  }
}
