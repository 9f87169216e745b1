// The names of JSON objects: that no two of an object are the same characters.
// Owns: comparing names, and the marks of text without the lanes. Must never: do quadratic work on
// objects of many names. A part of JSON's hot loop: it uses pointers.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A word of eight times `octet`.
@inline(__always)
func eachOctet(_ octet: UInt64) -> UInt64 { 0x0101_0101_0101_0101 &* octet }

extension JSONScanner {
  /// Whether the name at node `name` stands already in the object at node `index`.
  mutating func repeats(_ name: Int, in index: Int) -> Bool {
    var other = index + 1
    while other < name {
      if unsafe nodes[other].next == nodes[name].next, unsafe isSame(other, name) { return true }
      other = unsafe Int(nodes[other + 1].next)
    }
    return false
  }

  /// Whether two names are the same characters; unescaped ones are compared where they stand.
  private mutating func isSame(_ a: Int, _ b: Int) -> Bool {
    if unsafe nodes[a].escaped || nodes[b].escaped { return unsafe text(a) == text(b) }
    guard unsafe nodes[a].range.count == nodes[b].range.count else { return false }
    // Word by word at least: 64 names of one hash are compared two by two.
    return unsafe memcmp(
      octets.baseAddress! + nodes[a].range.lowerBound,
      octets.baseAddress! + nodes[b].range.lowerBound, nodes[a].range.count) == 0
  }

  mutating func hasRepeatedName(_ index: Int) -> Bool {
    var names: [ByteString] = []
    var child = index + 1
    while unsafe child < Int(nodes[index].next) {
      names.append(unsafe ByteString(text(child)))
      child = unsafe Int(nodes[child + 1].next)
    }
    names.sort()
    return zip(names, names.dropFirst()).contains { $0 == $1 }
  }

  private mutating func text(_ name: Int) -> [UInt8] {
    unsafe Self.unescaped(octets[nodes[name].range], escaped: nodes[name].escaped)
  }

  private static func unescaped(_ raw: Slice<UnsafeBufferPointer<UInt8>>, escaped: Bool) -> [UInt8]
  {
    let raw = unsafe Array(raw)
    guard escaped else { return raw }
    var out: [UInt8] = []
    JSONText.unescape(raw.span, 0..<raw.count, into: &out)
    return out
  }

  /// A hash of the unescaped name: equal names have equal hashes, nothing more is asked of it.
  @inline(__always)
  mutating func hash(_ start: Int, _ end: Int, escaped: Bool) -> UInt32 {
    escaped
      ? unsafe hashUnescaped(start, end) : unsafe Self.hash(octets, start, end)
  }

  @inline(never)
  private mutating func hashUnescaped(_ start: Int, _ end: Int) -> UInt32 {
    let name = unsafe Self.unescaped(octets[start..<end], escaped: true)
    return unsafe name.withUnsafeBufferPointer { unsafe Self.hash($0, 0, $0.count) }
  }

  /// Of the length, the first eight octets and the last eight.
  @inline(__always)
  private static func hash(
    _ octets: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
  ) -> UInt32 {
    let n = end - start
    var first: UInt64 = 0
    var last: UInt64 = 0
    if n >= 8 {
      first = unsafe word(octets, start)
      last = unsafe word(octets, end - 8)
    } else if start + 8 <= octets.count {
      first = unsafe word(octets, start) & (1 &<< UInt64(8 * n) &- 1)
    } else {
      for i in 0..<n { first |= unsafe UInt64(octets[start + i]) << UInt64(8 * i) }
    }
    let mixed = (first &* 0x9e37_79b9_7f4a_7c15 ^ last ^ UInt64(n)) &* 0xbf58_476d_1ce4_e5b9
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }

  // MARK: Words of eight octets

  /// The eight octets from `at` on, the first one lowest.
  @inline(__always)
  static func word(_ octets: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt64 {
    unsafe UInt64(
      littleEndian: UnsafeRawPointer(octets.baseAddress! + at).loadUnaligned(as: UInt64.self))
  }

  /// A bit for each octet that ends a string's plain run, and for all behind the text.
  static func mark(
    _ text: UnsafeBufferPointer<UInt8>, into marks: UnsafeMutableBufferPointer<UInt64>
  ) {
    for i in 0...text.count / 64 {
      var bits: UInt64 = 0
      for start in stride(from: 0, to: 64, by: 8) {
        let at = i * 64 + start
        let eight = at + 8 <= text.count ? unsafe ends(word(text, at)) : unsafe ends(text, at)
        bits |= eight << UInt64(start)
      }
      unsafe marks[i] = bits
    }
  }

  /// A bit for each of eight octets: of no ASCII, below 0x20, a quote or a backslash.
  @inline(__always)
  private static func ends(_ word: UInt64) -> UInt64 {
    let (low, high) = (word & eachOctet(0x7f), eachOctet(0x80))
    // A top bit that stays clear: the lower seven bits are at least 0x20, or not the octet's.
    let plain =
      (low &+ eachOctet(0x60)) & ((low ^ eachOctet(0x22)) &+ eachOctet(0x7f))
      & ((low ^ eachOctet(0x5c)) &+ eachOctet(0x7f))
    let found = (word | ~plain) & high
    return ((found >> 7) &* 0x0102_0408_1020_4080) >> 56
  }

  /// The same near the end of the text.
  @inline(never)
  private static func ends(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt64 {
    var word: UInt64 = 0
    for i in 0..<8 where at + i < text.count {
      word |= unsafe UInt64(text[at + i]) << UInt64(8 * i)
    }
    return unsafe ends(word)
  }
}
