// Strict JSON (RFC 8259, SPEC section 9) as a flat list of nodes over the caller's bytes.
// Owns: the grammar, UTF-8, duplicate names, depth. Must never: copy values, repair input, recurse
// past 64 levels, or do quadratic work on hostile objects. One hot loop uses pointers.

/// Why a text is not acceptable JSON.
package enum JSONFailure: Error, Sendable { case syntax, duplicateMember }

/// One parsed text. `nodes` is reused by the next `parse`; ranges point into the bytes parsed.
///
/// An object's children are name, value, name, value, ...; a value's `next` is the index just
/// behind its last descendant.
package struct JSONDocument: Sendable {
  package enum Kind: UInt8, Sendable { case null, bool, number, string, array, object, name }

  package struct Node: Sendable {
    package var start: UInt32
    package var end: UInt32
    /// A value: the node behind its subtree. A name: a hash of its unescaped bytes.
    package var next: UInt32
    package var kind: Kind
    /// A string or name holds an escape.
    package var escaped: Bool

    /// A string's or name's content without its quotes; any other value's whole text.
    @inlinable package var range: Range<Int> { Int(start)..<Int(end) }
  }

  package static let maxDepth = 64

  package private(set) var nodes: [Node] = []
  /// Whether white space stands anywhere outside strings.
  package private(set) var hasWhitespace = false

  package init() {}

  /// Parses `bytes[range]`, which must be one value and white space around it.
  package mutating func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) -> JSONFailure? {
    nodes.removeAll(keepingCapacity: true)
    guard range.upperBound <= Int(UInt32.max) else { return .syntax }
    var scanner = Scanner(nodes: nodes)
    nodes = []
    let failure = unsafe bytes.withUnsafeBufferPointer { unsafe scanner.scan($0, range) }
    swap(&nodes, &scanner.nodes)
    hasWhitespace = scanner.hasWhitespace
    return failure
  }

  package mutating func parse(_ bytes: [UInt8]) -> JSONFailure? {
    parse(bytes.span, 0..<bytes.count)
  }
}

/// The hot loop: recursive descent over a pointer, at most `maxDepth` frames.
private struct Scanner {
  var nodes: [JSONDocument.Node]
  var hasWhitespace = false
  var failure = JSONFailure.syntax
  var at = 0
  var end = 0

  mutating func scan(_ p: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> JSONFailure? {
    guard range.upperBound <= p.count, range.lowerBound >= 0 else { return .syntax }
    at = range.lowerBound
    end = range.upperBound
    unsafe skipWhitespace(p)
    guard unsafe value(p, depth: 0) else { return failure }
    unsafe skipWhitespace(p)
    return at == end ? nil : .syntax
  }

  @inline(__always)
  mutating func skipWhitespace(_ p: UnsafeBufferPointer<UInt8>) {
    while at < end {
      let c = unsafe p[at]
      guard c <= 0x20, c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09 else { return }
      hasWhitespace = true
      at += 1
    }
  }

  mutating func value(_ p: UnsafeBufferPointer<UInt8>, depth: Int) -> Bool {
    guard at < end else { return false }
    let index = nodes.count
    let start = at
    var kind = JSONDocument.Kind.null
    switch unsafe p[at] {
    case UInt8(ascii: "\""): return unsafe string(p, .string)
    case UInt8(ascii: "{"): return unsafe object(p, depth: depth + 1)
    case UInt8(ascii: "["): return unsafe array(p, depth: depth + 1)
    case UInt8(ascii: "t"):
      kind = .bool
      guard unsafe literal(p, "true") else { return false }
    case UInt8(ascii: "f"):
      kind = .bool
      guard unsafe literal(p, "false") else { return false }
    case UInt8(ascii: "n"):
      guard unsafe literal(p, "null") else { return false }
    default:
      kind = .number
      guard unsafe number(p) else { return false }
    }
    nodes.append(node(kind, start, at, next: index + 1))
    return true
  }

  @inline(__always)
  func node(
    _ kind: JSONDocument.Kind, _ start: Int, _ end: Int, next: Int, escaped: Bool = false
  ) -> JSONDocument.Node {
    .init(
      start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
      next: UInt32(truncatingIfNeeded: next), kind: kind, escaped: escaped)
  }

  mutating func literal(_ p: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
    let n = word.utf8CodeUnitCount
    guard at + n <= end else { return false }
    for i in 0..<n where unsafe p[at + i] != word.utf8Start[i] { return false }
    at += n
    return true
  }

  mutating func number(_ p: UnsafeBufferPointer<UInt8>) -> Bool {
    if unsafe p[at] == UInt8(ascii: "-") { at += 1 }
    guard at < end else { return false }
    if unsafe p[at] == UInt8(ascii: "0") {
      at += 1
    } else {
      guard unsafe digits(p) else { return false }
    }
    if at < end, unsafe p[at] == UInt8(ascii: ".") {
      at += 1
      guard unsafe digits(p) else { return false }
    }
    if at < end, unsafe p[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < end, unsafe p[at] == UInt8(ascii: "+") || p[at] == UInt8(ascii: "-") { at += 1 }
      guard unsafe digits(p) else { return false }
    }
    return true
  }

  @inline(__always)
  mutating func digits(_ p: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = at
    while at < end, unsafe p[at] &- 0x30 < 10 { at += 1 }
    return at > start
  }

  mutating func string(_ p: UnsafeBufferPointer<UInt8>, _ kind: JSONDocument.Kind) -> Bool {
    at += 1
    let start = at
    var escaped = false
    while true {
      // Eight ordinary characters at a time: none below 0x20, no quote, no backslash, ASCII only.
      while at + 8 <= end {
        let word = unsafe UnsafeRawPointer(p.baseAddress! + at).loadUnaligned(as: UInt64.self)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let slash = word ^ (ones &* 0x5c)
        let special =
          word | (word &- (ones &* 0x20)) | ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
        guard special & highs == 0 else {
          // The lowest marked octet is exact: a borrow only runs towards higher octets.
          at += (UInt64(littleEndian: special) & highs).trailingZeroBitCount >> 3
          break
        }
        at += 8
      }
      guard at < end else { return false }
      let c = unsafe p[at]
      if c == UInt8(ascii: "\"") { break }
      if c < 0x20 { return false }
      if c == UInt8(ascii: "\\") {
        escaped = true
        guard unsafe escape(p) else { return false }
      } else if c < 0x80 {
        at += 1
      } else {
        guard unsafe utf8(p) else { return false }
      }
    }
    let next =
      kind == .name ? unsafe Int(hash(p, start, at, escaped: escaped)) : nodes.count + 1
    nodes.append(node(kind, start, at, next: next, escaped: escaped))
    at += 1
    return true
  }

  /// One escape; a UTF-16 surrogate must be a pair (RFC 8259 section 7).
  mutating func escape(_ p: UnsafeBufferPointer<UInt8>) -> Bool {
    guard at + 1 < end else { return false }
    switch unsafe p[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      at += 2
      return true
    case UInt8(ascii: "u"):
      guard let unit = unsafe hex4(p, at + 2) else { return false }
      at += 6
      if unit & 0xf800 != 0xd800 { return true }
      guard unit < 0xdc00, at + 1 < end, unsafe p[at] == UInt8(ascii: "\\"),
        unsafe p[at + 1] == UInt8(ascii: "u"), let low = unsafe hex4(p, at + 2),
        low & 0xfc00 == 0xdc00
      else { return false }
      at += 6
      return true
    default: return false
    }
  }

  func hex4(_ p: UnsafeBufferPointer<UInt8>, _ from: Int) -> UInt32? {
    guard from + 4 <= end else { return nil }
    var value: UInt32 = 0
    for i in from..<from + 4 {
      guard let digit = unsafe hexDigit(p[i]) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// One multi-octet character, by the table of RFC 3629: no overlong form, no surrogate.
  mutating func utf8(_ p: UnsafeBufferPointer<UInt8>) -> Bool {
    let c = unsafe p[at]
    var low: UInt8 = 0x80
    var high: UInt8 = 0xbf
    let more: Int
    switch c {
    case 0xc2...0xdf: more = 1
    case 0xe0: (more, low) = (2, 0xa0)
    case 0xed: (more, high) = (2, 0x9f)
    case 0xe1...0xef: more = 2
    case 0xf0: (more, low) = (3, 0x90)
    case 0xf4: (more, high) = (3, 0x8f)
    case 0xf1...0xf3: more = 3
    default: return false
    }
    guard at + more < end else { return false }
    guard unsafe p[at + 1] >= low, unsafe p[at + 1] <= high else { return false }
    for i in stride(from: 2, through: more, by: 1) where unsafe p[at + i] & 0xc0 != 0x80 {
      return false
    }
    at += more + 1
    return true
  }

  mutating func array(_ p: UnsafeBufferPointer<UInt8>, depth: Int) -> Bool {
    guard depth <= JSONDocument.maxDepth else { return false }
    let index = nodes.count
    nodes.append(node(.array, at, at, next: 0))
    at += 1
    unsafe skipWhitespace(p)
    if at < end, unsafe p[at] == UInt8(ascii: "]") {
      at += 1
    } else {
      while true {
        guard unsafe value(p, depth: depth) else { return false }
        unsafe skipWhitespace(p)
        guard at < end else { return false }
        let c = unsafe p[at]
        at += 1
        if c == UInt8(ascii: "]") { break }
        guard c == UInt8(ascii: ",") else { return false }
        unsafe skipWhitespace(p)
      }
    }
    close(index)
    return true
  }

  @inline(__always)
  mutating func close(_ index: Int) {
    nodes[index].end = UInt32(truncatingIfNeeded: at)
    nodes[index].next = UInt32(truncatingIfNeeded: nodes.count)
  }

  mutating func object(_ p: UnsafeBufferPointer<UInt8>, depth: Int) -> Bool {
    guard depth <= JSONDocument.maxDepth else { return false }
    let index = nodes.count
    nodes.append(node(.object, at, at, next: 0))
    at += 1
    unsafe skipWhitespace(p)
    // A bit a name: most objects never compare two names. Small ones compare by hash where the
    // bits meet; large ones are sorted once, whatever an attacker made the hashes be.
    var seen: UInt64 = 0
    var count = 0
    if at < end, unsafe p[at] == UInt8(ascii: "}") {
      at += 1
      close(index)
      return true
    }
    while true {
      guard at < end, unsafe p[at] == UInt8(ascii: "\"") else { return false }
      let name = nodes.count
      guard unsafe string(p, .name) else { return false }
      let bit: UInt64 = 1 << UInt64(nodes[name].next & 63)
      if seen & bit != 0, count < 64, unsafe repeats(p, name, in: index) { return false }
      seen |= bit
      count += 1
      unsafe skipWhitespace(p)
      guard at < end, unsafe p[at] == UInt8(ascii: ":") else { return false }
      at += 1
      unsafe skipWhitespace(p)
      guard unsafe value(p, depth: depth) else { return false }
      unsafe skipWhitespace(p)
      guard at < end else { return false }
      let c = unsafe p[at]
      at += 1
      if c == UInt8(ascii: "}") { break }
      guard c == UInt8(ascii: ",") else { return false }
      unsafe skipWhitespace(p)
    }
    close(index)
    if count > 64, unsafe hasRepeatedName(p, index) {
      failure = .duplicateMember
      return false
    }
    return true
  }

  /// Whether the name at node `name` stands already in the object at node `index`.
  mutating func repeats(_ p: UnsafeBufferPointer<UInt8>, _ name: Int, in index: Int) -> Bool {
    var other = index + 1
    while other < name {
      if nodes[other].next == nodes[name].next, unsafe isSame(p, other, name) {
        failure = .duplicateMember
        return true
      }
      other = Int(nodes[other + 1].next)
    }
    return false
  }

  /// Whether two names are the same characters; unescaped ones are compared where they stand.
  func isSame(_ p: UnsafeBufferPointer<UInt8>, _ a: Int, _ b: Int) -> Bool {
    if nodes[a].escaped || nodes[b].escaped { return unsafe text(p, a) == text(p, b) }
    guard nodes[a].range.count == nodes[b].range.count else { return false }
    return unsafe p[nodes[a].range].elementsEqual(p[nodes[b].range])
  }

  func hasRepeatedName(_ p: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
    var names: [ByteString] = []
    var child = index + 1
    while child < Int(nodes[index].next) {
      names.append(unsafe ByteString(text(p, child)))
      child = Int(nodes[child + 1].next)
    }
    names.sort()
    return zip(names, names.dropFirst()).contains { $0 == $1 }
  }

  func text(_ p: UnsafeBufferPointer<UInt8>, _ name: Int) -> [UInt8] {
    let raw = unsafe Array(p[nodes[name].range])
    guard nodes[name].escaped else { return raw }
    var out: [UInt8] = []
    JSONText.unescape(raw.span, 0..<raw.count, into: &out)
    return out
  }

  /// A hash of the unescaped name: equal names have equal hashes, nothing more is asked of it.
  func hash(_ p: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, escaped: Bool) -> UInt32 {
    var h: UInt32 = 0x811c_9dc5
    if escaped {
      let raw = unsafe Array(p[start..<end])
      var out: [UInt8] = []
      JSONText.unescape(raw.span, 0..<raw.count, into: &out)
      for c in out { h = (h ^ UInt32(c)) &* 0x0100_0193 }
    } else {
      for i in start..<end { h = unsafe (h ^ UInt32(p[i])) &* 0x0100_0193 }
    }
    return h ^ h >> 15
  }
}

@inline(__always)
func hexDigit(_ c: UInt8) -> UInt8? {
  switch c {
  case 0x30...0x39: c - 0x30
  case 0x41...0x46: c - 0x37
  case 0x61...0x66: c - 0x57
  default: nil
  }
}
