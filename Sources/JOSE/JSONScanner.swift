// The grammar of strict JSON (RFC 8259, SPEC section 9), in one pass over the caller's octets.
// Owns: the grammar, UTF-8, duplicate names, depth. Must never: copy a value, repair input, recurse
// past 64 levels, or do quadratic work on hostile objects. This is JSON's hot loop: it uses pointers.

/// Recursive descent, at most `maxDepth` frames.
@unsafe struct JSONScanner {
  let octets: UnsafeBufferPointer<UInt8>
  /// A bit for each octet from `base` on that ends a string's plain run, and for `end`.
  private let marks: UnsafeMutableBufferPointer<UInt64>
  let nodes: UnsafeMutableBufferPointer<JSONDocument.Node>
  private let base: Int
  private let end: Int
  private var failure = JSONFailure.syntax
  /// Nodes so far.
  private(set) var count = 0
  private(set) var hasWhitespace = false

  /// The most nodes that a text of `octets` can have: two octets make one, arrays and objects that
  /// are still open, of which there are few, take one each.
  static func mostNodes(_ octets: Int) -> Int { octets / 2 + JSONDocument.maxDepth + 2 }

  init(
    _ octets: UnsafeBufferPointer<UInt8>, _ range: Range<Int>,
    _ marks: UnsafeMutableBufferPointer<UInt64>,
    _ nodes: UnsafeMutableBufferPointer<JSONDocument.Node>, isPublic: Bool
  ) {
    precondition(range.lowerBound >= 0 && range.upperBound <= octets.count, "a part of the octets")
    precondition(marks.count > range.count / 64, "a bit for each octet, and one behind them")
    unsafe precondition(nodes.count >= Self.mostNodes(range.count), "room for every node")
    unsafe (self.octets, self.marks, self.nodes) = (octets, marks, nodes)
    unsafe (base, end) = (range.lowerBound, range.upperBound)
    let text = unsafe UnsafeBufferPointer(rebasing: octets[range])
    if unsafe !isPublic || !TextLanes.markJSON(text, into: marks) {
      unsafe Self.mark(text, into: marks)
    }
  }

  mutating func scan() -> JSONFailure? {
    let start = unsafe skipWhitespace(base)
    guard let behind = unsafe value(start, depth: 0) else { return unsafe failure }
    return unsafe skipWhitespace(behind) == end ? nil : .syntax
  }

  // Every part is given where it begins and returns where it ends, nil if it is none: the place
  // stays in a register, where a member would be stored and loaded for each octet. All are mutating:
  // a call by value copies every member, 100 ns a token.

  @inline(__always)
  private mutating func skipWhitespace(_ start: Int) -> Int {
    var at = start
    while unsafe at < end {
      let c = unsafe octets[at]
      guard c <= 0x20, c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09 else { break }
      unsafe hasWhitespace = true
      at += 1
    }
    return at
  }

  @inline(__always)
  private mutating func has(_ at: Int, _ c: UInt8) -> Bool { unsafe at < end && octets[at] == c }

  @inline(__always)
  private mutating func append(
    _ kind: JSONDocument.Kind, _ start: Int, _ end: Int, next: Int, escaped: Bool = false
  ) {
    precondition(unsafe count < nodes.count, "two octets make one node")
    unsafe nodes[count] = .init(
      start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
      next: UInt32(truncatingIfNeeded: next), kind: kind, escaped: escaped)
    unsafe count += 1
  }

  // MARK: Values

  @inline(__always)
  private mutating func value(_ start: Int, depth: Int) -> Int? {
    guard unsafe start < end else { return nil }
    switch unsafe octets[start] {
    case UInt8(ascii: "\""):
      guard let (behind, escaped) = unsafe string(start) else { return nil }
      unsafe append(.string, start + 1, behind - 1, next: count + 1, escaped: escaped)
      return behind
    case UInt8(ascii: "{"): return unsafe object(start, depth: depth + 1)
    case UInt8(ascii: "["): return unsafe array(start, depth: depth + 1)
    case UInt8(ascii: "t"): return unsafe literal(start, .bool, "true")
    case UInt8(ascii: "f"): return unsafe literal(start, .bool, "false")
    case UInt8(ascii: "n"): return unsafe literal(start, .null, "null")
    default:
      guard let behind = unsafe number(start) else { return nil }
      unsafe append(.number, start, behind, next: count + 1)
      return behind
    }
  }

  private mutating func literal(
    _ start: Int, _ kind: JSONDocument.Kind, _ word: StaticString
  ) -> Int? {
    let n = word.utf8CodeUnitCount
    guard unsafe start + n <= end else { return nil }
    for i in 0..<n where unsafe octets[start + i] != word.utf8Start[i] { return nil }
    unsafe append(kind, start, start + n, next: count + 1)
    return start + n
  }

  @inline(__always)
  private mutating func number(_ start: Int) -> Int? {
    var at = unsafe has(start, UInt8(ascii: "-")) ? start + 1 : start
    if unsafe has(at, UInt8(ascii: "0")) {
      at += 1
    } else {
      guard let behind = unsafe digits(at) else { return nil }
      at = behind
    }
    if unsafe has(at, UInt8(ascii: ".")) {
      guard let behind = unsafe digits(at + 1) else { return nil }
      at = behind
    }
    if unsafe has(at, UInt8(ascii: "e")) || has(at, UInt8(ascii: "E")) {
      at += 1
      if unsafe has(at, UInt8(ascii: "+")) || has(at, UInt8(ascii: "-")) { at += 1 }
      guard let behind = unsafe digits(at) else { return nil }
      at = behind
    }
    return at
  }

  @inline(__always)
  private mutating func digits(_ start: Int) -> Int? {
    var at = start
    while unsafe at + 8 <= end {
      // An octet's top bit is set if it is no digit; the lowest one is exact, since a carry only
      // runs towards higher octets.
      let distance = unsafe Self.word(octets, at) ^ eachOctet(0x30)
      let others = (distance | (distance &+ eachOctet(0x76))) & eachOctet(0x80)
      guard others == 0 else {
        at += others.trailingZeroBitCount >> 3
        return at > start ? at : nil
      }
      at += 8
    }
    while unsafe at < end, unsafe octets[at] &- 0x30 < 10 { at += 1 }
    return at > start ? at : nil
  }

  private mutating func array(_ start: Int, depth: Int) -> Int? {
    guard depth <= JSONDocument.maxDepth else { return nil }
    let index = unsafe count
    unsafe append(.array, start, start, next: 0)
    var at = unsafe skipWhitespace(start + 1)
    if unsafe has(at, UInt8(ascii: "]")) { return unsafe close(index, at + 1) }
    while true {
      guard let behind = unsafe value(at, depth: depth) else { return nil }
      at = unsafe skipWhitespace(behind)
      if unsafe has(at, UInt8(ascii: "]")) { return unsafe close(index, at + 1) }
      guard unsafe has(at, UInt8(ascii: ",")) else { return nil }
      at = unsafe skipWhitespace(at + 1)
    }
  }

  private mutating func object(_ start: Int, depth: Int) -> Int? {
    guard depth <= JSONDocument.maxDepth else { return nil }
    let index = unsafe count
    unsafe append(.object, start, start, next: 0)
    var at = unsafe skipWhitespace(start + 1)
    if unsafe has(at, UInt8(ascii: "}")) { return unsafe close(index, at + 1) }
    // A bit a name: most objects never compare two names. Small ones compare by hash where the
    // bits meet; large ones are sorted once, whatever an attacker made the hashes be.
    var seen: UInt64 = 0
    var names = 0
    while true {
      guard unsafe has(at, UInt8(ascii: "\"")) else { return nil }
      guard let (behind, escaped) = unsafe string(at) else { return nil }
      let name = unsafe count
      let hash = unsafe hash(at + 1, behind - 1, escaped: escaped)
      unsafe append(.name, at + 1, behind - 1, next: Int(hash), escaped: escaped)
      let bit: UInt64 = 1 << UInt64(hash & 63)
      if seen & bit != 0, names < 64, unsafe repeats(name, in: index) {
        unsafe failure = .duplicateMember
        return nil
      }
      seen |= bit
      names += 1
      at = unsafe skipWhitespace(behind)
      guard unsafe has(at, UInt8(ascii: ":")) else { return nil }
      at = unsafe skipWhitespace(at + 1)
      guard let behind = unsafe value(at, depth: depth) else { return nil }
      at = unsafe skipWhitespace(behind)
      if unsafe has(at, UInt8(ascii: "}")) { break }
      guard unsafe has(at, UInt8(ascii: ",")) else { return nil }
      at = unsafe skipWhitespace(at + 1)
    }
    let behind = unsafe close(index, at + 1)
    if names > 64, unsafe hasRepeatedName(index) {
      unsafe failure = .duplicateMember
      return nil
    }
    return behind
  }

  @inline(__always)
  private mutating func close(_ index: Int, _ behind: Int) -> Int {
    unsafe nodes[index].end = UInt32(truncatingIfNeeded: behind)
    unsafe nodes[index].next = UInt32(truncatingIfNeeded: count)
    return behind
  }

  // MARK: Strings

  /// Behind the closing quote of the string at `start`, and whether it holds an escape.
  @inline(__always)
  private mutating func string(_ start: Int) -> (behind: Int, escaped: Bool)? {
    var at = start + 1
    var escaped = false
    while true {
      at = unsafe plainEnd(at)
      guard unsafe at < end else { return nil }
      switch unsafe octets[at] {
      case UInt8(ascii: "\""): return (at + 1, escaped)
      case UInt8(ascii: "\\"):
        guard let behind = unsafe escape(at) else { return nil }
        (at, escaped) = (behind, true)
      default:
        guard let behind = unsafe utf8(at) else { return nil }
        at = behind
      }
    }
  }

  /// The next mark from `at` on; there is one at the end.
  @inline(__always)
  private mutating func plainEnd(_ at: Int) -> Int {
    var word = unsafe (at - base) >> 6
    var bits = unsafe marks[word] &>> UInt64((at - base) & 63)
    guard bits == 0 else { return at + bits.trailingZeroBitCount }
    repeat {
      word += 1
      bits = unsafe marks[word]
    } while bits == 0
    return unsafe base + word << 6 + bits.trailingZeroBitCount
  }

  /// One escape; a UTF-16 surrogate must be a pair (RFC 8259 section 7).
  private mutating func escape(_ at: Int) -> Int? {
    guard unsafe at + 1 < end else { return nil }
    switch unsafe octets[at + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return at + 2
    case UInt8(ascii: "u"):
      guard let unit = unsafe hex4(at + 2) else { return nil }
      if unit & 0xf800 != 0xd800 { return at + 6 }
      guard unit < 0xdc00, unsafe has(at + 6, UInt8(ascii: "\\")),
        unsafe has(at + 7, UInt8(ascii: "u")), let low = unsafe hex4(at + 8), low & 0xfc00 == 0xdc00
      else { return nil }
      return at + 12
    default: return nil
    }
  }

  private mutating func hex4(_ from: Int) -> UInt32? {
    guard unsafe from + 4 <= end else { return nil }
    var value: UInt32 = 0
    for i in from..<from + 4 {
      guard let digit = unsafe hexDigit(octets[i]) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// One multi-octet character, by the table of RFC 3629: no overlong form, no surrogate.
  private mutating func utf8(_ at: Int) -> Int? {
    let c = unsafe octets[at]
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
    default: return nil
    }
    guard unsafe at + more < end else { return nil }
    guard unsafe octets[at + 1] >= low, unsafe octets[at + 1] <= high else { return nil }
    for i in stride(from: 2, through: more, by: 1) where unsafe octets[at + i] & 0xc0 != 0x80 {
      return nil
    }
    return at + more + 1
  }
}
