// What inspect shows of tokens that nobody has verified.
// Owns: hostile tokens. Must never: let one end the process or reach a terminal as it is.

import JOSE
import Testing

@testable import Pipeline

@Suite struct InspectProcessorTests {
  private func inspect(_ text: String, asJSON: Bool) throws -> String {
    var options = InspectOptions()
    options.asJSON = asJSON
    var processor = InspectProcessor(options)
    return try processor.result(text, now: Timestamp(seconds: 1_800_000_000)).output.text
  }

  @Test func `a line of JSON for each token, claims digit for digit`() throws {
    let token = try Sample.token("{ \"n\" : 1.50 }")
    let other = try Sample.token("no claims")
    let encoded = Base64URL.encode(Array("no claims".utf8)).text
    #expect(
      try inspect("\(token)\n\(other)\n\nx", asJSON: true) == """
        {"line":1,"header":{"alg":"HS256","kid":"k1"},"claims":{"n":1.50},"signature_octets":32}
        {"line":2,"header":{"alg":"HS256","kid":"k1"},"payload":"\(encoded)","signature_octets":32}
        {"line":3,"error":"no_token"}
        {"line":4,"error":"no_token"}

        """)
  }

  @Test(
    "a time of any size is shown without harm",
    arguments: [
      "0", "-1", "1800000000", "1800000000.5", "1e400", "-1e400", "-1e30", "9223372036854775807",
      "-9223372036854775808", "-9223372036854775809", "253402300799", "253402300800",
      "-62135596801", "1e-400", "-0",
    ])
  func times(_ number: String) throws {
    let token = try Sample.token("{\"exp\":\(number),\"iat\":\(number),\"nbf\":\(number)}")
    #expect(try inspect(token, asJSON: false).contains(number))
  }

  @Test func `control characters and text that turns direction are written out`() throws {
    let token = try Sample.token(
      "{\"a\\u001b[31m\":\"x\\u202ey\",\"b\":\"\u{202e}\u{9b}31m\u{200b}\u{7f}\"}")
    let shown = try inspect(token, asJSON: false)
    for scalar in shown.unicodeScalars where scalar.value < 0x20 || scalar.value == 0x7f {
      #expect(scalar == "\n")
    }
    for hidden in ["\u{202e}", "\u{9b}", "\u{200b}"] { #expect(!shown.contains(hidden)) }
    #expect(shown.contains("\\u{1b}[31m") && shown.contains("\\u{202e}"))
  }
}
