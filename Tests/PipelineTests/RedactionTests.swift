// What `--redact` leaves of a line: everything but tokens and what is left of them.
// Owns: lines made of known pieces. Must never: know how a word is found.

import JOSE
import Testing

@testable import Pipeline

@Suite(.timeLimit(.minutes(20))) struct RedactionTests {
  /// A token in some spelling, or text that must stay.
  private enum Piece {
    case text(String)
    case token(String, spelled: String)

    var written: String {
      switch self {
      case .text(let text): text
      case .token(_, let spelled): spelled
      }
    }
  }

  private static func options(
    _ tokens: VerifyOptions.Tokens = .all, _ format: InputFormat = .auto
  ) -> VerifyOptions {
    var options = VerifyOptions()
    options.time = .fixed(Timestamp(seconds: 1500))
    options.print = .line
    options.redacts = true
    options.tokens = tokens
    options.format = format
    return options
  }

  private func redact(_ line: String, _ options: VerifyOptions = options()) throws -> String {
    var processor = try VerifyProcessor(options, keys: Sample.keys(Sample.secret()))
    let lines = try processor.lines(line + "\n")
    #expect(lines.count == 1)
    return lines.first ?? ""
  }

  /// Whole tokens and what may be left of one, of which at least a header or payload is.
  private static let tokens: [String] = {
    guard let good = try? Sample.token("{\"jti\":\"a-1\",\"exp\":2000}"),
      let expired = try? Sample.token("{\"exp\":1000,\"x\":[1,2,3]}"),
      let foreign = try? Sample.token("{}", Sample.secret("k1", fill: 9)),
      let named = try? Sample.token("{\"jti\":\"\\\"],\\u0000\\n eyJ \"}")
    else { return [] }
    let parts = good.split(separator: ".").map(String.init)
    let (header, payload, signature) = (parts[0], parts[1], parts[2])
    return [
      good, expired, foreign, named, header, payload, "\(header).\(payload)",
      "\(header).\(payload).",
      "\(payload).\(signature)", "\(header.dropFirst(9)).\(payload).\(signature)",
      "\(header).\(payload).\(signature.dropLast(21))", "\(header)..\(signature)",
      "\(header).\(signature).aXY.\(signature).dGFn", "\(good).\(signature)",
      "\(header)==.\(payload)=.\(signature)", "\(header)=.\(payload).\(signature)",
      "a-\(header).\(payload).\(signature)", "ewogICJhbGciOiJIUzI1NiJ9.\(signature).\(signature)",
    ]
  }()

  private static let fillers = [
    " ", "\"", "\\\"", "=", "&t=", ";", ",", "%20", "%3D", "%22", "%253D", "\\n", "\\u0022",
    "\\x22",
    "\\\\u0022", "\\\\n", "[", "(", "\u{1b}[0m ", "\t", "\r", "\0 ", "é", "\u{201c}", "\\u201c",
    "|",
    " www.example.com ", " ewr1-web-1.example.net/", " 10.0.0.1 ", " eyes.example.com:", " %65 ",
    " 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 ", " /a.b.c?x=", " {} ",
    "\u{1b}[32m", "#012", " ...\"",
  ]

  /// Any spelling but the plain one, undone as often as it takes.
  private func plain(_ text: String) -> String {
    var text = text
    for _ in 0..<8 {
      let units = PlainTokenSearch(Array(text.utf8)).units
      let next = String(decoding: units.compactMap(\.octet), as: UTF8.self)
      if next == text { break }
      text = next
    }
    return text
  }

  /// What of `output` differs from `pieces` with a label for each token; nil if nothing does.
  private func difference(_ output: String, _ pieces: [Piece]) -> String? {
    var rest = output.utf8[...]
    for piece in pieces {
      if case .text(let text) = piece {
        guard rest.starts(with: text.utf8) else { return "\(text) in \(Substring(rest))" }
        rest = rest.dropFirst(text.utf8.count)
      } else {
        guard rest.starts(with: "[jwt ".utf8), let end = rest.firstIndex(of: 0x5d) else {
          return "\(piece) in \(Substring(rest))"
        }
        rest = rest[end...].dropFirst()
      }
    }
    return rest.isEmpty ? nil : "\(Substring(rest)) is left"
  }

  private func random(_ random: inout Seeded) -> [Piece] {
    var pieces: [Piece] = [.text(["x", "<13>", "{ ", "GET /"].randomElement(using: &random)!)]
    for _ in 0..<Int.random(in: 1...5, using: &random) {
      let token = Self.tokens.randomElement(using: &random)!
      let filler = Self.fillers.randomElement(using: &random)!
      // Behind the letters of a control character a token begins only where its header does.
      let isGlued = filler.hasSuffix("m") || filler.hasSuffix("2")
      pieces.append(.text(isGlued && !token.hasPrefix("e") ? " " : filler))
      let spelling = TokenSearchTests.spellings.randomElement(using: &random)!
      pieces.append(.token(token, spelled: spelling.of(token)))
      let behind = ["\"", " ", "&", "%26", "\\u0026", "\\\"", "= ", ", "]
      pieces.append(.text(behind.randomElement(using: &random)!))
    }
    return pieces
  }

  @Test("no piece of a token is left, and all else is", arguments: 0..<8)
  func lines(_ seed: UInt64) throws {
    #expect(!Self.tokens.isEmpty)
    var random = Seeded(70 + seed)
    var all = try VerifyProcessor(Self.options(), keys: Sample.keys(Sample.secret()))
    var first = try VerifyProcessor(Self.options(.first), keys: Sample.keys(Sample.secret()))
    for _ in 0..<150 {
      let pieces = self.random(&random)
      let line = pieces.map(\.written).joined()
      for output in [try all.lines(line + "\n"), try first.lines(line + "\n")] {
        guard output.count == 1 else {
          Issue.record("\(output.count) lines of \(line)")
          return
        }
        if let difference = difference(output[0], pieces) {
          Issue.record("\(difference)\n\(line)\n\(output[0])")
          return
        }
        let undone = plain(output[0])
        for case .token(let token, _) in pieces {
          for part in token.split(separator: ".") where part.utf8.count >= 20 {
            let pieces = stride(from: 0, through: part.utf8.count - 20, by: 5).map {
              String(decoding: Array(part.utf8)[$0..<$0 + 20], as: UTF8.self)
            }
            #expect(!pieces.contains { output[0].contains($0) || undone.contains($0) }, "\(line)")
          }
        }
      }
    }
  }

  @Test func `redacted logs are the same in every way, one line for one`() throws {
    var random = Seeded(5)
    let count = 60
    let lines = (0..<count).map { i in
      let text = self.random(&random).map(\.written).joined()
      return i % 9 == 8 ? "" : i % 7 == 6 ? "{\"token\":\"\(Self.tokens[i % 4])\",\"x\":1}" : text
    }
    let long = String(repeating: "z", count: 3100) + Self.tokens[0]
    let input = Array((lines + [long, Self.tokens[0]]).joined(separator: "\n").utf8)
    let some = StreamVerifier.ways.enumerated().filter { $0.offset % 9 == 0 }.map(\.element)
    for only in [nil] + VerifyOptions.Filter.allCases {
      var options = Self.options()
      options.only = only
      options.maxLine = 3000
      let found = try StreamVerifier(maxLine: 3000).verify(
        [.bytes(input)], ways: only == nil ? StreamVerifier.ways : some
      ) { [options] in try VerifyProcessor(options, keys: Sample.keys(Sample.secret())) }
      let shown =
        switch only {
        case nil: count + 2
        case .valid: found.summary.lines.accepted
        case .invalid: found.summary.lines.rejected
        }
      #expect(found.output.lines.count == shown)
      #expect(found.output.lines.contains("[jotmill: too_large]") == (only != .valid))
    }
  }

  @Test func `where a token should stand, a piece of one is not left either`() throws {
    let good = Self.tokens[0]
    let tail = String(good.dropFirst(good.utf8.count - 60))
    for (line, expected) in [
      ("{\"token\":\"\(tail)\"}", "{\"token\":\"[jwt malformed]\"}"),
      ("{\"token\":\"\(good).x\"}", "{\"token\":\"[jwt malformed]\"}"),
      ("{\"token\":\"none\"}", "{\"token\":\"none\"}"),
      ("{\"token\":\"a.b\"}", "{\"token\":\"a.b\"}"),
      (
        "{\"authorization\":\"bearer \(good.replacing(".", with: "\\u002e"))\",\"a\\u0062\":1}",
        "{\"authorization\":\"bearer [jwt kid=k1 jti=a-1 valid]\",\"a\\u0062\":1}"
      ),
      ("{\"token\":\"\(good)\",", "{\"token\":\"[jwt unverified]\","),
      ("\(good),200,GET", "[jwt kid=k1 jti=a-1 valid],200,GET"),
      ("\(good)=", "[jwt bad_base64]"), ("\(good).x", "[jwt malformed]"),
      ("web-1.example.net,\(good)", "web-1.example.net,[jwt kid=k1 jti=a-1 valid]"),
      ("ewr1-1.example.net,\(good)", "ewr1-1.example.net,[jwt kid=k1 jti=a-1 valid]"),
      ("eyes.example.net/\(good)", "eyes.example.net/[jwt kid=k1 jti=a-1 valid]"),
    ] {
      #expect(try redact(line) == expected)
    }
    #expect(try redact(tail, Self.options(.first, .token)) == "[jwt malformed]")
    #expect(try redact("token", Self.options(.first, .token)) == "token")
  }

  @Test func `a header behind white space is replaced where a token should stand`() throws {
    // White space before the brace: no opening is found in it, but it is a header.
    let header = " {\"alg\":\"HS256\",\"kid\":\"k1\"}"
    let token = try Sample.token(" {\"n\":1}", header: header)
    let signature = String(token.split(separator: ".")[2])
    for field in ["token", "access_token"] {
      let output = try redact("{\"\(field)\":\"\(token)\"}")
      #expect(output == "{\"\(field)\":\"[jwt kid=k1 valid]\"}")
      #expect(!output.contains(signature))
    }
  }

  @Test func `a name from a token can neither end a string nor hide a token`() throws {
    let inner = Self.tokens[1]
    for jti in [
      "\\\"]}", "a\\nb", "\\u0000", "%2E", "\\\\u002e", inner, "x\(inner)",
      "\\u0065yJhbGciOiJIUzI1NiJ9",
      "%65yJhbGciOiJIUzI1NiJ9.\(inner)", String(repeating: "a", count: 90), "]", "é\u{202e}",
    ] {
      let token = try Sample.token("{\"jti\":\"\(jti)\"}")
      let output = try redact("{\"log\":\"x \(token) y\"}")
      var document = JSONDocument()
      #expect(document.parse(Array(output.utf8)) == nil, "\(output)")
      #expect(output.utf8.count < 140 && output.filter { $0 == "]" }.count == 1, "\(output)")
      #expect(!output.contains(inner.suffix(20)) && output.utf8.allSatisfy { $0 < 0x7f })
      #expect(try redact(output) == output)
    }
  }

  @Test func `a line of many tokens costs no more than its length`() throws {
    for piece in [
      "\(Self.tokens[0]) ", "\(Self.tokens[4])%2Ea%2Eb%20", "\(Self.tokens[4]) ", ";eyJ",
    ] {
      func time(_ length: Int) throws -> Int {
        let line = String(repeating: piece, count: length / piece.utf8.count) + "\n"
        var processor = try VerifyProcessor(Self.options(), keys: Sample.keys(Sample.secret()))
        let chunk = Chunk(line)
        return try (0..<3).map { _ in
          try threadTime {
            var result = ChunkResult()
            try processor.process(chunk, into: &result)
          }
        }.min()!
      }
      let (short, long) = (try time(8 << 10), try time(128 << 10))
      #expect(long < short * 64 + 5_000_000, "\(piece): \(short), \(long)")
    }
  }
}
