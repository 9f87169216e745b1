// The client's address on lines of real formats, and on lines that have none.
// Owns: the lines. Must never: hold an address of a real host (RFC 5737, RFC 3849 instead).

import Testing

@testable import Pipeline

@Suite struct ClientAddressTests {
  private func find(_ line: String) -> String? {
    let bytes = Array("9.9.9.9\n\(line)\n8.8.8.8".utf8)
    return ClientAddress.find(bytes.span, 8..<bytes.count - 8).map { Array(bytes[$0]).text }
  }

  @Test(
    "formats of servers and proxies",
    arguments: [
      (
        "203.0.113.7 - ada [06/Feb/2026:12:14:14 +0000] \"GET /v1?t=eyJh.eyJi.c2ln HTTP/1.1\" 401 0 "
          + "\"-\" \"Mozilla/5.0 (X11) Chrome/120.0.0.0 Safari/537.36\"", "203.0.113.7"
      ),
      ("2001:db8::7 - - [06/Feb/2026:12:14:14 +0000] \"GET / HTTP/1.1\" 401 0", "2001:db8::7"),
      (
        "www.example.com:443 203.0.113.7 - - [10/Oct/2026:13:55:36 -0700] \"GET / HTTP/1.0\" 200",
        "203.0.113.7"
      ),
      (
        "{\"level\":\"info\",\"ts\":1585597114.7687502,\"logger\":\"http.log.access\",\"request\":"
          + "{\"remote_ip\":\"203.0.113.7\",\"remote_port\":\"41342\",\"proto\":\"HTTP/2.0\"}}",
        "203.0.113.7"
      ),
      ("{\"remote_ip\":\"2001:db8:0:0:0:0:0:7\",\"a\":\"192.0.2.1\"}", "2001:db8:0:0:0:0:0:7"),
      (
        "[2026-04-15T20:17:00.310Z] \"POST /api/v1/locations HTTP/2\" 204 - 154 0 226 100 "
          + "\"203.0.113.7\" \"nsq2http\" \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"locations\" "
          + "\"tcp://192.0.2.1:80\"", "203.0.113.7"
      ),
      (
        "{\"ClientAddr\":\"203.0.113.7:50110\",\"ClientHost\":\"203.0.113.7\",\"Duration\":1234567}",
        "203.0.113.7"
      ),
      (
        "http 2026-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 203.0.113.7:2817 "
          + "192.0.2.1:80 0.000 0.001 0.000 200 200 34 366 \"GET http://www.example.com:80/ HTTP/1.1\"",
        "203.0.113.7"
      ),
      (
        "Feb  6 12:14:14 localhost haproxy[14389]: 203.0.113.7:33317 [06/Feb/2026:12:14:14.655] "
          + "http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0", "203.0.113.7"
      ),
      (
        "2026-01-01T12:00:00+0000 gate sshd[1]: Failed password for root from 203.0.113.7 port 22",
        "203.0.113.7"
      ),
      ("2026/02/06 12:14:14 [error] 7#7: *1 x, client: 2001:db8::a1, server: _", "2001:db8::a1"),
      ("remote=/203.0.113.7:443 refused", "203.0.113.7"),
      ("peer [2001:db8::1]:443 went away", "2001:db8::1"), ("[::1]:443", "::1"),
      ("from ::ffff:203.0.113.7 port 1", "::ffff:203.0.113.7"),
      ("fe80::1%eth0 asks", "fe80::1"), ("to https://192.0.2.1/x", "192.0.2.1"),
      ("x=192.0.2.1;", "192.0.2.1"), ("It was 192.0.2.1.", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"),
      ("a 12.0.0.1 b 120.0.0.0", "12.0.0.1"), ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:192.0.2.1"),
    ])
  func found(_ line: String, _ address: String) { #expect(find(line) == address) }

  @Test(
    "what only looks like one",
    arguments: [
      "", "1.2.3", "version 1.2.3 of", "10.0.19045.1", "256.1.1.1", "1.2.3.4.5", "01.2.3.4",
      "v1.2.3.4", "lib-1.2.3.4", "1.2.3.4-beta", "1.2.3.4a", "Chrome/120.0.0.0", "a1.2.3.4",
      "1.2.3.", "...", "1..2.3.4", "12:30:45", "2026:12:14:14", "00:1a:2b:3c:4d:5e",
      "AA:BB:CC:DD:EE:FF:00:11:22:33", "std::vector", "dead::beef", "::", "a::b", "1::2::3",
      "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::1", "x::1", "1:::2", ":::", "1:2:192.0.2.1.5",
      "\"ts\":1585597114.7687502", "eyJhbGciOiJI1.eyJzdWIi0.1.2", "caf\u{e9}1.2.3.4",
      "127.0.0.1\u{e9}",
    ])
  func notFound(_ line: String) { #expect(find(line) == nil) }

  @Test func `a line of nothing but dots, colons and digits takes no long time`() {
    for piece in ["1.", "1:", ":", ".", "1.2.3.", "a:b::"] {
      let line = [UInt8](String(repeating: piece, count: 1 << 20).utf8)
      #expect(ClientAddress.find(line.span, 0..<line.count) == nil, "\(piece)")
    }
  }
}
