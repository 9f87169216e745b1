// JSON as a value, for files that are read and written once: policies, key sets, summaries.
// Owns: building and printing. Must never: be used for a record of a stream, or hold a secret.

package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The number's own digits.
  case number(ByteString)
  case string(ByteString)
  case array([JSONValue])
  case object([Member])

  package struct Member: Sendable, Equatable {
    package var name: ByteString
    package var value: JSONValue

    package init(name: ByteString, value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  package static func string(_ text: String) -> JSONValue { .string(ByteString(text)) }
  package static func number(_ n: Int) -> JSONValue { .number(ByteString(String(n))) }

  /// An object with the members that have a value.
  package static func object(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
    .object(
      members.compactMap { name, value in
        value.map { Member(name: ByteString(name), value: $0) }
      })
  }

  package init(parsing bytes: [UInt8]) throws(JSONFailure) {
    var document = JSONDocument()
    if let failure = document.parse(bytes) { throw failure }
    self.init(document, 0, bytes.span)
  }

  package init(_ document: JSONDocument, _ index: Int, _ bytes: Span<UInt8>) {
    let node = document.nodes[index]
    let end = Int(node.next)
    var child = index + 1
    switch node.kind {
    case .null: self = .null
    case .bool: self = .bool(bytes[Int(node.start)] == UInt8(ascii: "t"))
    case .number: self = .number(ByteString(bytes.copy(node.range)))
    case .string, .name: self = .string(ByteString(document.unescaped(index, in: bytes)))
    case .array:
      var items: [JSONValue] = []
      while child < end {
        items.append(JSONValue(document, child, bytes))
        child = Int(document.nodes[child].next)
      }
      self = .array(items)
    case .object:
      var members: [Member] = []
      while child < end {
        members.append(
          Member(
            name: ByteString(document.unescaped(child, in: bytes)),
            value: JSONValue(document, child + 1, bytes)))
        child = Int(document.nodes[child + 1].next)
      }
      self = .object(members)
    }
  }

  package subscript(_ name: ByteString) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  package var string: ByteString? { if case .string(let text) = self { text } else { nil } }
  package var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var int: Int? {
    if case .number(let digits) = self { Int(digits.description) } else { nil }
  }

  /// The text, on one line, or with two spaces an indent.
  package func text(pretty: Bool = false) -> [UInt8] {
    var out: [UInt8] = []
    append(to: &out, indent: pretty ? 0 : nil)
    if pretty { out.append(UInt8(ascii: "\n")) }
    return out
  }

  package func append(to out: inout [UInt8], indent: Int? = nil) {
    switch self {
    case .null: out.append("null")
    case .bool(let value): out.append(text: value ? "true" : "false")
    case .number(let digits): out.append(text: digits)
    case .string(let text): JSONText.appendString(text, to: &out)
    case .array(let items):
      list(items, "[", "]", &out, indent) { item, out, inner in
        item.append(to: &out, indent: inner)
      }
    case .object(let members):
      list(members, "{", "}", &out, indent) { member, out, inner in
        JSONText.appendString(member.name, to: &out)
        out.append(text: inner == nil ? ":" : ": ")
        member.value.append(to: &out, indent: inner)
      }
    }
  }

  private func list<T>(
    _ items: [T], _ open: StaticString, _ close: StaticString, _ out: inout [UInt8],
    _ indent: Int?, _ write: (T, inout [UInt8], Int?) -> Void
  ) {
    out.append(open)
    let inner = indent.map { $0 + 2 }
    for (i, item) in items.enumerated() {
      if i > 0 { out.append(UInt8(ascii: ",")) }
      newline(&out, inner)
      write(item, &out, inner)
    }
    if !items.isEmpty { newline(&out, indent) }
    out.append(close)
  }

  private func newline(_ out: inout [UInt8], _ indent: Int?) {
    guard let indent else { return }
    out.append(UInt8(ascii: "\n"))
    out.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
  }
}
