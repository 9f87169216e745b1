// Reading and writing the text of JSON values: escapes, members of a parsed document, compaction.
// Owns: escaping and unescaping. Must never: validate (JSONDocument did) or keep a value.

@inline(__always)
func hexDigit(_ c: UInt8) -> UInt8? {
  switch c {
  case 0x30...0x39: c - 0x30
  case 0x41...0x46: c - 0x37
  case 0x61...0x66: c - 0x57
  default: nil
  }
}

package enum JSONText {
  /// Appends the characters behind validated string content (no quotes), escapes resolved.
  package static func unescape(
    _ bytes: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]
  ) {
    var i = range.lowerBound
    while i < range.upperBound {
      guard bytes[i] == UInt8(ascii: "\\") else {
        out.append(bytes[i])
        i += 1
        continue
      }
      switch bytes[i + 1] {
      case UInt8(ascii: "b"): out.append(0x08)
      case UInt8(ascii: "f"): out.append(0x0c)
      case UInt8(ascii: "n"): out.append(0x0a)
      case UInt8(ascii: "r"): out.append(0x0d)
      case UInt8(ascii: "t"): out.append(0x09)
      case UInt8(ascii: "u"):
        var scalar = unit(bytes, i + 2)
        if scalar & 0xfc00 == 0xd800 {
          scalar = 0x10000 + (scalar & 0x3ff) << 10 + (unit(bytes, i + 8) & 0x3ff)
          i += 6
        }
        append(scalar: scalar, to: &out)
        i += 4
      case let c: out.append(c)
      }
      i += 2
    }
  }

  private static func unit(_ bytes: Span<UInt8>, _ at: Int) -> UInt32 {
    (at..<at + 4).reduce(0) { $0 << 4 | UInt32(hexDigit(bytes[$1]) ?? 0) }
  }

  private static func append(scalar: UInt32, to out: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(scalar) else { return }
    out.append(contentsOf: UTF8.encode(scalar)!)
  }

  /// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
  package static func appendString(_ text: ByteString, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    var checked: [UInt8]? = nil
    if text.bytes.contains(where: { $0 >= 0x80 }) {
      checked = Array(String(decoding: text.bytes, as: UTF8.self).utf8)
    }
    for c in checked ?? text.bytes {
      switch c {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(c)
      case 0x0a: out.append("\\n")
      case 0x0d: out.append("\\r")
      case 0x09: out.append("\\t")
      case 0..<0x20, 0x7f:
        out.append("\\u00")
        out.append(hex[Int(c >> 4)])
        out.append(hex[Int(c & 15)])
      default: out.append(c)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static let hex = Array("0123456789abcdef".utf8)
}

extension JSONDocument {
  /// Whether node `index` is a string or name whose characters are exactly `text`.
  package func equals(_ index: Int, _ text: StaticString, in bytes: Span<UInt8>) -> Bool {
    let node = nodes[index]
    if !node.escaped { return bytes.equals(node.range, text) }
    var expected: [UInt8] = []
    expected.append(text)
    return unescaped(index, in: bytes) == expected
  }

  package func equals(_ index: Int, text: ByteString, in bytes: Span<UInt8>) -> Bool {
    let node = nodes[index]
    if !node.escaped { return bytes.equals(node.range, text.bytes) }
    return unescaped(index, in: bytes) == text.bytes
  }

  /// The characters of the string or name at `index`.
  package func unescaped(_ index: Int, in bytes: Span<UInt8>) -> [UInt8] {
    let node = nodes[index]
    guard node.escaped else { return bytes.copy(node.range) }
    var out: [UInt8] = []
    JSONText.unescape(bytes, node.range, into: &out)
    return out
  }

  /// The value of the member `name` of the object at `object`, nil when there is none.
  package func member(_ name: StaticString, of object: Int = 0, in bytes: Span<UInt8>) -> Int? {
    guard nodes[object].kind == .object else { return nil }
    var child = object + 1
    while child < Int(nodes[object].next) {
      if equals(child, name, in: bytes) { return child + 1 }
      child = Int(nodes[child + 1].next)
    }
    return nil
  }

  package func member(named name: ByteString, of object: Int = 0, in bytes: Span<UInt8>) -> Int? {
    guard nodes[object].kind == .object else { return nil }
    var child = object + 1
    while child < Int(nodes[object].next) {
      if equals(child, text: name, in: bytes) { return child + 1 }
      child = Int(nodes[child + 1].next)
    }
    return nil
  }

  /// The value at an RFC 6901 pointer's reference tokens, nil when there is none.
  package func value(at pointer: JSONPointer, in bytes: Span<UInt8>) -> Int? {
    var index = 0
    for token in pointer.tokens {
      switch nodes[index].kind {
      case .object:
        guard let found = member(named: token, of: index, in: bytes) else { return nil }
        index = found
      case .array:
        guard var left = JSONPointer.arrayIndex(token) else { return nil }
        let end = Int(nodes[index].next)
        var child = index + 1
        while child < end, left > 0 {
          child = Int(nodes[child].next)
          left -= 1
        }
        guard child < end else { return nil }
        index = child
      default: return nil
      }
    }
    return index
  }

  /// Where the value's own text stands: for a string, with its quotes.
  package func textRange(_ index: Int) -> Range<Int> {
    let range = nodes[index].range
    return nodes[index].kind == .string || nodes[index].kind == .name
      ? range.lowerBound - 1..<range.upperBound + 1 : range
  }

  /// Where the document's text stands if it is without insignificant white space.
  package var compactRange: Range<Int>? { hasWhitespace ? nil : textRange(0) }

  /// Appends the whole document without insignificant white space; every token as it was written.
  package func appendCompact(_ bytes: Span<UInt8>, to out: inout [UInt8]) {
    if let whole = compactRange {
      out.append(bytes, whole)
    } else {
      appendCompact(0, bytes, to: &out)
    }
  }

  /// The same for the value at `index`.
  package func appendCompact(_ index: Int, _ bytes: Span<UInt8>, to out: inout [UInt8]) {
    let node = nodes[index]
    let end = Int(node.next)
    switch node.kind {
    case .object:
      out.append(UInt8(ascii: "{"))
      var child = index + 1
      while child < end {
        if child > index + 1 { out.append(UInt8(ascii: ",")) }
        out.append(bytes, textRange(child))
        out.append(UInt8(ascii: ":"))
        appendCompact(child + 1, bytes, to: &out)
        child = Int(nodes[child + 1].next)
      }
      out.append(UInt8(ascii: "}"))
    case .array:
      out.append(UInt8(ascii: "["))
      var child = index + 1
      while child < end {
        if child > index + 1 { out.append(UInt8(ascii: ",")) }
        appendCompact(child, bytes, to: &out)
        child = Int(nodes[child].next)
      }
      out.append(UInt8(ascii: "]"))
    default: out.append(bytes, textRange(index))
    }
  }
}

/// An RFC 6901 pointer.
package struct JSONPointer: Sendable, Equatable {
  package var tokens: [ByteString]

  /// nil unless `text` is empty or starts with `/`, with `~` only in `~0` and `~1`.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    tokens = []
    guard !bytes.isEmpty else { return }
    guard bytes[0] == UInt8(ascii: "/") else { return nil }
    for part in bytes[1...].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      var token: [UInt8] = []
      var rest = part
      while let c = rest.popFirst() {
        guard c == UInt8(ascii: "~") else {
          token.append(c)
          continue
        }
        switch rest.popFirst() {
        case UInt8(ascii: "0"): token.append(UInt8(ascii: "~"))
        case UInt8(ascii: "1"): token.append(UInt8(ascii: "/"))
        default: return nil
        }
      }
      tokens.append(ByteString(token))
    }
  }

  static func arrayIndex(_ token: ByteString) -> Int? {
    guard let first = token.bytes.first, token.bytes.allSatisfy({ $0 &- 0x30 < 10 }),
      first != 0x30 || token.bytes.count == 1
    else { return nil }
    return Int(token.description)
  }
}
