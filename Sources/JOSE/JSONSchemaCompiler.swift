// A JSON Schema's text into rules: every keyword checked before the first value is judged.
// Owns: which keywords there are and what may stand in them. Must never: pass over a keyword that it
// does not know, which would let through what the schema's writer meant to refuse.

extension JSONSchema {
  /// Throws `.badJSON`, or `.unsupportedSchema` that names the keyword and its RFC 6901 pointer.
  package init(parsing bytes: [UInt8]) throws(JOSEError) {
    var document = JSONDocument()
    if let failure = document.parse(bytes) { throw JOSEError(failure) }
    self.init(document: document, bytes: bytes)
    var compiler = JSONSchemaCompiler(schema: self)
    let root = try compiler.rule(0)
    self = compiler.schema
    self.root = root
  }

  private init(document: JSONDocument, bytes: [UInt8]) {
    self.document = document
    self.bytes = bytes
  }
}

private struct JSONSchemaCompiler {
  var schema: JSONSchema
  /// Where the reading stands, for messages.
  private var path: [ByteString] = []

  private static let supported =
    "type, properties, required, additionalProperties, items, enum, const, format, "
    + "minimum, maximum, minLength, maxLength"

  init(schema: JSONSchema) { self.schema = schema }

  private var nodes: [JSONDocument.Node] { schema.document.nodes }

  /// Compiles the schema at `node` into the index of its rule.
  mutating func rule(_ node: Int) throws(JOSEError) -> Int {
    switch nodes[node].kind {
    case .bool: return isTrue(node) ? JSONSchema.anything : JSONSchema.nothing
    case .object: break
    default: throw refusal("a schema must be an object or a boolean")
    }
    var rule = JSONSchema.Rule()
    var names: [ByteString: (rule: Int?, isRequired: Bool)] = [:]
    for name in children(node) {
      let keyword = text(name)
      path.append(keyword)
      try read(keyword, name + 1, &rule, &names)
      path.removeLast()
    }
    let start = schema.properties.count
    for (name, property) in names {
      schema.properties.append(
        .init(name: keep(name), rule: property.rule, isRequired: property.isRequired))
      if property.isRequired { rule.required += 1 }
    }
    rule.properties = start..<schema.properties.count
    let texts = schema.texts
    schema.properties[rule.properties].sort {
      texts.span.order($0.name, texts.span, $1.name) < 0
    }
    schema.rules.append(rule)
    return schema.rules.count - 1
  }

  private mutating func read(
    _ keyword: ByteString, _ value: Int, _ rule: inout JSONSchema.Rule,
    _ names: inout [ByteString: (rule: Int?, isRequired: Bool)]
  ) throws(JOSEError) {
    switch keyword {
    case "type": rule.types = try types(value)
    case "properties":
      try demand(nodes[value].kind == .object, "an object of schemas")
      for name in children(value) {
        let property = text(name)
        path.append(property)
        names[property, default: (nil, false)].rule = try self.rule(name + 1)
        path.removeLast()
      }
    case "required":
      for name in try strings(value, "an array of strings, each once") {
        names[name, default: (nil, false)].isRequired = true
      }
    case "additionalProperties": rule.additional = try self.rule(value)
    case "items": rule.items = try self.rule(value)
    case "enum":
      try demand(nodes[value].kind == .array, "an array")
      let start = schema.literals.count
      for item in children(value) { literal(item) }
      rule.enumeration = start..<schema.literals.count
    case "const":
      rule.const = schema.literals.count
      literal(value)
    case "format":
      try demand(nodes[value].kind == .string, "a string")
      switch text(value) {
      case "email": rule.format = .email
      case "uuid": rule.format = .uuid
      case "uri": rule.format = .uri
      case "date-time": rule.format = .dateTime
      default: throw refusal("the format must be one of email, uuid, uri, date-time")
      }
    case "minimum": rule.minimum = try number(value)
    case "maximum": rule.maximum = try number(value)
    case "minLength": rule.shortest = try length(value)
    case "maxLength": rule.longest = try length(value)
    case "$schema", "$id", "$comment", "title", "description":
      try demand(nodes[value].kind == .string, "a string")
    case "deprecated", "readOnly", "writeOnly":
      try demand(nodes[value].kind == .bool, "a boolean")
    case "examples": try demand(nodes[value].kind == .array, "an array")
    case "default": break
    default: throw refusal("the keyword is not supported; supported are \(Self.supported)")
    }
  }

  private func types(_ value: Int) throws(JOSEError) -> JSONSchema.Types {
    let names = nodes[value].kind == .string ? [text(value)] : try strings(value, Self.typeForms)
    try demand(!names.isEmpty, Self.typeForms)
    var types: JSONSchema.Types = []
    for name in names {
      switch name {
      case "null": types.insert(.null)
      case "boolean": types.insert(.boolean)
      case "integer": types.insert(.integer)
      case "number": types.insert(.number)
      case "string": types.insert(.string)
      case "array": types.insert(.array)
      case "object": types.insert(.object)
      default:
        throw refusal(
          "a type must be one of null, boolean, integer, number, string, array, object")
      }
    }
    return types
  }

  private static let typeForms = "a string or an array of one or more strings, each once"

  private func strings(_ value: Int, _ form: String) throws(JOSEError) -> [ByteString] {
    try demand(nodes[value].kind == .array, form)
    var texts: [ByteString] = []
    for item in children(value) {
      try demand(nodes[item].kind == .string, form)
      texts.append(text(item))
    }
    try demand(Set(texts).count == texts.count, form)
    return texts
  }

  private func number(_ value: Int) throws(JOSEError) -> JSONNumber {
    try demand(nodes[value].kind == .number, "a number")
    return JSONNumber(schema.bytes.span, nodes[value].range)
  }

  private func length(_ value: Int) throws(JOSEError) -> Int {
    let form = "a whole number, not negative"
    try demand(nodes[value].kind == .number, form)
    guard let length = try number(value).length(schema.bytes.span) else { throw demanded(form) }
    return length
  }

  private mutating func literal(_ node: Int) {
    var literal = JSONSchema.Literal(node: node)
    if nodes[node].kind == .string { literal.text = keep(text(node)) }
    if nodes[node].kind == .number {
      literal.number = JSONNumber(schema.bytes.span, nodes[node].range)
    }
    schema.literals.append(literal)
  }

  // MARK: The schema's document

  private func isTrue(_ node: Int) -> Bool {
    schema.bytes[Int(nodes[node].start)] == UInt8(ascii: "t")
  }

  private func text(_ node: Int) -> ByteString {
    ByteString(schema.document.unescaped(node, in: schema.bytes.span))
  }

  private mutating func keep(_ text: ByteString) -> Range<Int> {
    schema.texts.append(text: text)
    return schema.texts.count - text.bytes.count..<schema.texts.count
  }

  /// The nodes of an array's values, or of an object's names.
  private func children(_ node: Int) -> [Int] {
    var found: [Int] = []
    let isObject = nodes[node].kind == .object
    var child = node + 1
    while child < Int(nodes[node].next) {
      found.append(child)
      child = Int(nodes[isObject ? child + 1 : child].next)
    }
    return found
  }

  // MARK: Messages

  private func demand(_ holds: Bool, _ form: String) throws(JOSEError) {
    guard holds else { throw demanded(form) }
  }

  private func demanded(_ form: String) -> JOSEError { refusal("the value must be \(form)") }

  /// The pointer is written as a JSON string (RFC 6901 section 5), so that no name in it can break
  /// the line.
  private func refusal(_ what: String) -> JOSEError {
    var pointer: [UInt8] = []
    for token in path {
      pointer.append(UInt8(ascii: "/"))
      for c in token.bytes {
        switch c {
        case UInt8(ascii: "~"): pointer.append("~0")
        case UInt8(ascii: "/"): pointer.append("~1")
        default: pointer.append(c)
        }
      }
    }
    var quoted: [UInt8] = []
    JSONText.appendString(ByteString(pointer), to: &quoted)
    return JOSEError(
      .unsupportedSchema, "at \(String(decoding: quoted, as: UTF8.self)): \(what)")
  }
}
