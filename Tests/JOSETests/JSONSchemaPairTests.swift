// Schemas and values that Python's jsonschema judged, as Tests/Interop/schema.py wrote them.
// Owns: that one comparison, which is skipped where there is no file of pairs.

import Foundation
import Testing

@testable import JOSE

@Suite struct JSONSchemaPairTests {
  @Test(
    "The pairs of JOTMILL_SCHEMA_PAIRS, which Tests/Interop/schema.py wrote",
    .enabled(if: ProcessInfo.processInfo.environment["JOTMILL_SCHEMA_PAIRS"] != nil))
  func pairs() throws {
    let path = try #require(ProcessInfo.processInfo.environment["JOTMILL_SCHEMA_PAIRS"])
    var document = JSONDocument()
    var counts = (valid: 0, invalid: 0)
    for line in try lines(URL(fileURLWithPath: path)) {
      try #require(document.parse(line) == nil, "a pair is JSON")
      let schema = try #require(document.find("schema", in: line))
      let instance = try #require(document.find("instance", in: line))
      let valid = try #require(document.find("valid", in: line))
      let expected = line[Int(document.nodes[valid].start)] == UInt8(ascii: "t")
      do {
        let compiled = try JSONSchema(parsing: line.span.copy(document.textRange(schema)))
        let found = compiled.accepts(document, instance, line.span)
        if found != expected { Issue.record("judged \(found): \(line.text)") }
      } catch { Issue.record("\(error): \(line.text)") }
      if expected { counts.valid += 1 } else { counts.invalid += 1 }
    }
    print("schema pairs: \(counts.valid) valid, \(counts.invalid) invalid")
    #expect(counts.valid + counts.invalid > 0)
  }
}
