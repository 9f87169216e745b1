// JSON Schemas: each keyword at its edges, what is refused at the start and where.
// Owns: the tests of JSONSchema. Formats and exact numbers have their own file, and so have the
// pairs that Python's jsonschema judged.

import Testing

@testable import JOSE

/// Whether `instance` is valid under `schema`.
func isValid(_ schema: String, _ instance: String) throws -> Bool {
  let compiled = try JSONSchema(parsing: schema.octets)
  var document = JSONDocument()
  let bytes = instance.octets
  try #require(document.parse(bytes) == nil, "\(instance) is JSON")
  return compiled.accepts(document, 0, bytes.span)
}

/// That `schema` takes each of `valid` and none of `invalid`.
func expect(
  _ schema: String, valid: [String] = [], invalid: [String] = [],
  at location: SourceLocation = #_sourceLocation
) throws {
  for text in valid {
    #expect(try isValid(schema, text), "\(schema) takes \(text)", sourceLocation: location)
  }
  for text in invalid {
    #expect(try !isValid(schema, text), "\(schema) refuses \(text)", sourceLocation: location)
  }
}

@Suite struct JSONSchemaTests {
  private static let oneOfEach = ["null", "true", "1.5", "\"a\"", "[1]", "{\"a\":1}", "2"]

  @Test("The schemas true, false and {}")
  func booleans() throws {
    try expect("true", valid: Self.oneOfEach)
    try expect("{}", valid: Self.oneOfEach)
    try expect(" false ", invalid: Self.oneOfEach)
    try expect(
      #"{"properties":{"a":false,"b":true}}"#,
      valid: ["{}", #"{"b":1}"#, #"{"c":1}"#, "[]"], invalid: [#"{"a":1}"#, #"{"b":1,"a":null}"#])
    try expect(#"{"items":false}"#, valid: ["[]", "{}", "1"], invalid: ["[1]", "[[]]"])
    try expect(#"{"items":true}"#, valid: ["[]", "[1]"])
  }

  @Test("Annotations change nothing")
  func annotations() throws {
    try expect(
      #"""
      {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:x","$comment":"c",
       "title":"t","description":"d","default":{"type":"string"},"examples":[1],"deprecated":true,
       "readOnly":true,"writeOnly":false}
      """#, valid: Self.oneOfEach)
  }

  @Test("type: each name, and an array of names")
  func types() throws {
    let names = ["null", "boolean", "number", "string", "array", "object"]
    for (i, name) in names.enumerated() {
      for (j, value) in Self.oneOfEach.enumerated() {
        let fits = i == j || name == "number" && value == "2"
        #expect(try isValid("{\"type\":\"\(name)\"}", value) == fits, "\(name) \(value)")
      }
    }
    try expect(
      #"{"type":["string","null"]}"#, valid: ["null", "\"\""], invalid: ["0", "[]", "{}", "false"])
    try expect(#"{"type":["integer","number"]}"#, valid: ["1", "1.5"])
    try expect(#"{"\u0074ype":"\u006eull"}"#, valid: ["null"], invalid: ["1"])
  }

  @Test("properties, required and additionalProperties, each alone and together")
  func members() throws {
    try expect(
      #"{"properties":{"a":{"type":"null"}}}"#,
      valid: ["{}", #"{"a":null}"#, #"{"b":1,"a":null}"#, #""a""#, #"["a"]"#],
      invalid: [#"{"a":1}"#, #"{"b":1,"a":1}"#])
    try expect(
      #"{"required":["a","bb"]}"#,
      valid: [#"{"a":1,"bb":null}"#, #"{"x":{},"bb":[1,{"a":1}],"a":{"bb":1}}"#, "[]", "1"],
      invalid: ["{}", #"{"a":1}"#, #"{"bb":1}"#, #"{"c":{"a":1,"bb":1}}"#, #"{"a":1,"b":1}"#])
    try expect(#"{"required":[]}"#, valid: ["{}", "1"])
    try expect(
      #"{"properties":{"a":true},"additionalProperties":false}"#,
      valid: ["{}", #"{"a":1}"#], invalid: [#"{"b":1}"#, #"{"a":1,"aa":1}"#, #"{"":1}"#])
    try expect(#"{"additionalProperties":false}"#, valid: ["{}", "[1]"], invalid: [#"{"a":1}"#])
    try expect(
      #"{"properties":{"a":true},"additionalProperties":{"type":"string"}}"#,
      valid: [#"{"a":1,"b":"x"}"#], invalid: [#"{"a":1,"b":2}"#])
    // A required name that `properties` doesn't have is an additional one.
    try expect(
      #"{"required":["a"],"additionalProperties":false}"#, invalid: ["{}", #"{"a":1}"#])
    try expect(
      #"{"required":["a"],"additionalProperties":{"type":"null"}}"#,
      valid: [#"{"a":null}"#], invalid: ["{}", #"{"a":1}"#])
  }

  @Test("Names are compared by their characters, however they are spelled")
  func names() throws {
    let schema = #"""
      {"properties":{"\u0061\/b":{"type":"null"},"é":true},"required":["a\u002fb"],
       "additionalProperties":false}
      """#
    try expect(
      schema,
      valid: [
        #"{"a/b":null}"#, #"{"\u0061/\u0062":null}"#, #"{"a\/b":null}"#,
        #"{"a/b":null,"\u00e9":1}"#,
      ],
      invalid: [
        #"{"a/b":1}"#, #"{"\u0061/b":1}"#, #"{"a\\/b":null}"#, #"{"a/b":null,"e\u0301":1}"#,
      ])
    try expect(
      #"{"required":["","\u0000","🔑"]}"#,
      valid: [#"{"\ud83d\udd11":1,"\u0000":2,"":3}"#], invalid: [#"{"🔑":1,"":3,"\\u0000":2}"#])
  }

  @Test("Every one of many names is found, and only those")
  func manyNames() throws {
    var random = SeededRandom(for: "schema names")
    let all = Set((0..<400).map { _ in (0..<random.below(4)).map { _ in "abc"[random.below(3)] } })
      .map { $0.joined() }
    let known = all.prefix(all.count / 2)
    let members = known.map { "\"\($0)\":{\"const\":\"\($0)\"}" }.joined(separator: ",")
    let schema = try JSONSchema(
      parsing: "{\"properties\":{\(members)},\"additionalProperties\":false}".octets)
    for name in all {
      for value in [name, name + "x"] {
        let bytes = "{\"\(name)\":\"\(value)\"}".octets
        var document = JSONDocument()
        #expect(document.parse(bytes) == nil)
        #expect(
          schema.takes(document, 0, of: bytes) == (known.contains(name) && value == name))
      }
    }
  }

  @Test("items judges every item and nothing else")
  func items() throws {
    try expect(
      #"{"items":{"type":"integer"}}"#, valid: ["[]", "[1,2.0]", #"{"a":"b"}"#, #""a""#],
      invalid: [#"["a"]"#, "[1,1.5]", "[[1]]", "[1,2,3,null]"])
    try expect(
      #"{"items":{"items":{"type":"null"}}}"#, valid: ["[[null],[],1]"], invalid: ["[[],[1]]"])
  }

  @Test("enum and const compare deeply")
  func equality() throws {
    try expect(
      #"{"enum":[null,true,"a\u0062",[1,[2]],{"x":1,"y":{"z":[]}}]}"#,
      valid: [
        "null", "true", #""ab""#, #""\u0061b""#, "[1.0,[2e0]]", #"{"y":{"z":[]},"x":10e-1}"#,
        #"{"\u0079":{"\u007a":[ ]},"x":1}"#,
      ],
      invalid: [
        "false", "0", #""""#, #""a""#, #""abc""#, "[1]", "[1,[2],3]", "[[2],1]", "[]", "{}",
        #"{"x":1}"#, #"{"x":1,"y":{"z":{}}}"#, #"{"x":1,"y":{"z":[]},"w":0}"#,
        #"{"x":1,"w":{"z":[]}}"#, #""null""#, #"[1,["2"]]"#,
      ])
    try expect(#"{"enum":[]}"#, invalid: Self.oneOfEach)
    try expect(#"{"const":false}"#, valid: ["false"], invalid: ["0", "null", "true", "[false]"])
    try expect(#"{"const":0}"#, valid: ["-0", "0.00", "0e9"], invalid: ["false", "null", "\"0\""])
    try expect(#"{"const":{}}"#, valid: ["{}", "{ }"], invalid: ["[]", #"{"a":1}"#])
    try expect(#"{"const":"caf\u00e9"}"#, valid: [#""café""#], invalid: [#""cafe\u0301""#])
    try expect(#"{"const":1,"enum":[1,2]}"#, valid: ["1"], invalid: ["2"])
    try expect(#"{"const":1,"enum":[2]}"#, invalid: ["1", "2"])
    try expect(#"{"const":[1],"type":"object"}"#, invalid: ["[1]", "{}"])
    try expect(#"{"enum":[{"a":1}],"required":["b"]}"#, invalid: [#"{"a":1}"#, #"{"b":1}"#])
    try expect(#"{"const":"a","minLength":2}"#, invalid: [#""a""#])
  }

  @Test("Lengths are counted in code points")
  func lengths() throws {
    try expect(
      #"{"minLength":2,"maxLength":3}"#,
      valid: [
        #""ab""#, #""abc""#, #""éé""#, #""🔑🔑🔑""#, #""e\u0301e""#, #""\ud83d\udd11x""#, #""\n\"""#,
        "1", "[]",
      ],
      invalid: [#""""#, #""a""#, #""é""#, #""\u0041""#, #""🔑""#, #""abcd""#, #""🔑🔑🔑🔑""#])
    try expect(#"{"maxLength":0}"#, valid: [#""""#], invalid: [#""a""#])
    try expect(#"{"minLength":2.0}"#, valid: [#""ab""#], invalid: [#""a""#])
    try expect(#"{"minLength":1e400}"#, invalid: [#""abc""#])
    try expect(#"{"maxLength":1e400}"#, valid: [#""abc""#])
    try expect(#"{"maxLength":20e-1}"#, valid: [#""ab""#], invalid: [#""abc""#])
  }

  @Test("A node inside a document is judged where it stands")
  func inPlace() throws {
    let bytes = #" {"iss":"x", "user": {"name":"zoë","tags":["a","b"]}, "n": 5}"#.octets
    var document = JSONDocument()
    #expect(document.parse(bytes) == nil)
    let user = try #require(document.find("user", in: bytes))
    let schema = try JSONSchema(
      parsing: #"""
        {"type":"object","properties":{"name":{"maxLength":3},"tags":{"items":{"type":"string"}}},
         "required":["tags"],"additionalProperties":false}
        """#.octets)
    #expect(schema.takes(document, user, of: bytes))
    #expect(!schema.takes(document, 0, of: bytes))
  }

  @Test("The deepest JSON there is, against the deepest schema there is")
  func depth() throws {
    let levels = JSONDocument.maxDepth
    let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    #expect(try isValid(#"{"items":true}"#, deep))
    let schema =
      String(repeating: #"{"items":"#, count: levels) + "false"
      + String(repeating: "}", count: levels)
    #expect(try isValid(schema, deep))
    let shallow =
      String(repeating: #"{"items":"#, count: levels - 1) + "false"
      + String(repeating: "}", count: levels - 1)
    #expect(try !isValid(shallow, deep))
    // `const` stands one level down in the schema.
    let literal = String(deep.dropFirst().dropLast())
    try expect("{\"const\":\(literal)}", valid: [literal], invalid: [deep, "[]"])
    #expect(throws: JOSEError(.badJSON, "")) {
      try JSONSchema(parsing: "{\"items\":\(schema)}".octets)
    }
  }

  @Test("What pydantic writes for a flat model")
  func pydantic() throws {
    try expect(
      #"""
      {"description":"A user.","properties":{"sub":{"format":"uuid","title":"Sub","type":"string"},
       "email":{"format":"email","title":"Email","type":"string"},
       "level":{"default":1,"maximum":9,"minimum":1,"title":"Level","type":"integer"},
       "role":{"enum":["admin","user"],"title":"Role","type":"string"},
       "scopes":{"default":[],"items":{"type":"string"},"title":"Scopes","type":"array"}},
       "required":["sub","email","role"],"title":"User","type":"object"}
      """#,
      valid: [
        #"{"sub":"7d444840-9dc0-11d1-b245-5ffdce74fad2","email":"a@b.example","role":"user"}"#,
        #"{"role":"admin","level":9.0,"email":"a@b","sub":"7D444840-9DC0-11D1-B245-5FFDCE74FAD2"}"#,
      ],
      invalid: [
        #"{"sub":"7d444840","email":"a@b.example","role":"user"}"#,
        #"{"sub":"7d444840-9dc0-11d1-b245-5ffdce74fad2","email":"a@b.example","role":"root"}"#,
        #"{"sub":"7d444840-9dc0-11d1-b245-5ffdce74fad2","email":"a@b.example"}"#,
        #"{"sub":"7d444840-9dc0-11d1-b245-5ffdce74fad2","email":"a@b","role":"user","level":0}"#,
      ])
  }

  @Test(
    "A schema that can't be used is refused at the start, with the place",
    arguments: [
      (#"{"anyOf":[]}"#, "/anyOf"), (##"{"$ref":"#/$defs/a"}"##, "/$ref"),
      (#"{"properties":{"a/b":{"items":{"pattern":"x"}}}}"#, "/properties/a~1b/items/pattern"),
      (#"{"properties":{"~":{"minItems":1}}}"#, "/properties/~0/minItems"),
      (#"{"additionalProperties":{"not":{}}}"#, "/additionalProperties/not"),
      (#"{"properties":{"a\n\"":{"oneOf":[]}}}"#, #"/properties/a\n\"/oneOf"#),
      (#"{"Type":"string"}"#, "/Type"), (#"{"":1}"#, "/"), (#"{"exclusiveMinimum":1}"#, "/ex"),
      (#"{"type":"any"}"#, "/type"), (#"{"type":[]}"#, "/type"), (#"{"type":["null",1]}"#, "/type"),
      (#"{"type":["null","null"]}"#, "/type"), (#"{"type":null}"#, "/type"),
      (#"{"type":["nil"]}"#, "/type"), (#"{"type":{}}"#, "/type"), (#"{"type":"Null"}"#, "/type"),
      (#"{"properties":[]}"#, "/properties"), (#"{"properties":{"a":1}}"#, "/properties/a"),
      (#"{"properties":{"a":[]}}"#, "/properties/a"), (#"{"items":[{}]}"#, "/items"),
      (#"{"items":null}"#, "/items"), (#"{"additionalProperties":"no"}"#, "/additionalProperties"),
      (#"{"required":"a"}"#, "/required"), (#"{"required":[1]}"#, "/required"),
      (#"{"required":["a","\u0061"]}"#, "/required"), (#"{"required":true}"#, "/required"),
      (#"{"enum":1}"#, "/enum"), (#"{"enum":{}}"#, "/enum"), (#"{"format":1}"#, "/format"),
      (#"{"format":"ipv4"}"#, "/format"), (#"{"format":"Email"}"#, "/format"),
      (#"{"minimum":"1"}"#, "/minimum"), (#"{"maximum":null}"#, "/maximum"),
      (#"{"minLength":-1}"#, "/minLength"), (#"{"minLength":1.5}"#, "/minLength"),
      (#"{"minLength":"1"}"#, "/minLength"), (#"{"maxLength":-1e-9}"#, "/maxLength"),
      (#"{"maxLength":1e-1}"#, "/maxLength"), (#"{"maxLength":true}"#, "/maxLength"),
      (#"{"title":1}"#, "/title"), (#"{"deprecated":"yes"}"#, "/deprecated"),
      (#"{"examples":{}}"#, "/examples"), (#"{"$schema":[]}"#, "/$schema"),
      ("1", ""), ("null", ""), ("[]", ""), ("\"a\"", ""),
    ])
  func refusals(_ schema: String, _ pointer: String) throws {
    let error = #expect(throws: JOSEError(.unsupportedSchema, "")) {
      try JSONSchema(parsing: schema.octets)
    }
    let detail = try #require(error).detail
    #expect(detail.hasPrefix("at \"\(pointer)"), "\(detail)")
    #expect(detail.utf8.allSatisfy { $0 >= 0x20 })
  }

  @Test("A schema that is no JSON, or has a member twice, is refused as such")
  func badJSON() {
    let texts = ["", "{", "{}x", #"{"type":"null","\u0074ype":"null"}"#, "\u{feff}{}"]
    for text in texts {
      #expect(throws: JOSEError(.badJSON, "")) { try JSONSchema(parsing: text.octets) }
    }
  }
}

extension JSONSchema {
  fileprivate func takes(_ document: JSONDocument, _ node: Int, of bytes: [UInt8]) -> Bool {
    accepts(document, node, bytes.span)
  }
}

extension String {
  fileprivate subscript(_ index: Int) -> String { String(self.dropFirst(index).prefix(1)) }
}
