// Text that comes from tokens and files, as bytes, and the two ways bytes are copied.
// Owns: byte strings and appending spans. Must never: compare by Swift's String equality, which
// treats canonically equivalent spellings as equal and so would be a hole for kid, iss and aud.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// UTF-8 text compared byte for byte (SPEC: no Unicode normalisation).
public struct ByteString: Hashable, Sendable, Comparable, ExpressibleByStringLiteral,
  CustomStringConvertible
{
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }
  public init(stringLiteral value: String) { bytes = Array(value.utf8) }

  /// For people: invalid UTF-8 is repaired.
  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// For messages, which a text of any length must not fill: at most 64 characters.
  package var shortened: String {
    let text = description
    return text.unicodeScalars.count > 64
      ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(63))) + "…" : text
  }

  public var isEmpty: Bool { bytes.isEmpty }

  public static func < (a: ByteString, b: ByteString) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

extension [UInt8] {
  /// Appends the bytes of `source` at `range`.
  package mutating func append(_ source: Span<UInt8>, _ range: Range<Int>) {
    unsafe source.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }

  package mutating func append(text: ByteString) { append(contentsOf: text.bytes) }

  package mutating func append(text: String) { append(contentsOf: text.utf8) }

  /// Appends `number` in decimal.
  package mutating func append(decimal number: Int) {
    if number < 0 { append(UInt8(ascii: "-")) }
    let start = count
    var rest = number.magnitude
    repeat {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }
}

/// For records: room is made once, and each piece costs its copy alone.
extension OutputSpan where Element == UInt8 {
  /// Appends the bytes of `source` at `range`, for which there must be room.
  @inlinable package mutating func append(_ source: Span<UInt8>, _ range: Range<Int>) {
    unsafe source.extracting(range).withUnsafeBufferPointer { unsafe append(copying: $0) }
  }

  @inlinable package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(copying: $0) }
  }

  /// Appends `number`, which is not below zero, in decimal: at most 19 digits.
  @inlinable package mutating func append(decimal number: Int) {
    var digits = 1
    var rest = number
    while rest > 9 {
      rest /= 10
      digits += 1
    }
    precondition(digits <= freeCapacity && number >= 0, "room for a number")
    unsafe withUnsafeMutableBufferPointer { to, count in
      var rest = number
      for i in stride(from: count + digits - 1, through: count, by: -1) {
        unsafe to[i] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
      count += digits
    }
  }

  @inlinable mutating func append(copying bytes: UnsafeBufferPointer<UInt8>) {
    precondition(bytes.count <= freeCapacity, "room for what is appended")
    guard let first = bytes.baseAddress else { return }
    unsafe withUnsafeMutableBufferPointer { to, count in
      unsafe (to.baseAddress! + count).update(from: first, count: bytes.count)
      count += bytes.count
    }
  }
}

extension Span<UInt8> {
  /// Whether the bytes at `range` are exactly `text`.
  package func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return unsafe extracting(range).withUnsafeBufferPointer { bytes in
      unsafe bytes.isEmpty || memcmp(bytes.baseAddress!, text.utf8Start, bytes.count) == 0
    }
  }

  /// Whether the bytes at `range` are exactly `other`.
  package func equals(_ range: Range<Int>, _ other: [UInt8]) -> Bool {
    guard range.count == other.count else { return false }
    return unsafe extracting(range).withUnsafeBufferPointer { a in
      unsafe other.withUnsafeBufferPointer { b in
        unsafe a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
      }
    }
  }

  /// Below, at or above zero as the bytes at `range` stand before, at or behind `other`'s at `its`
  /// where shorter ones come first, and then the lesser byte.
  package func order(_ range: Range<Int>, _ other: Span<UInt8>, _ its: Range<Int>) -> Int {
    guard range.count == its.count else { return range.count - its.count }
    return unsafe extracting(range).withUnsafeBufferPointer { a in
      unsafe other.extracting(its).withUnsafeBufferPointer { b in
        unsafe a.isEmpty ? 0 : Int(memcmp(a.baseAddress!, b.baseAddress!, a.count))
      }
    }
  }

  /// The eight octets from `index` on as one number, the first one lowest.
  @inlinable package func word(at index: Int) -> UInt64 {
    precondition(index >= 0 && index <= count - 8, "eight octets to read")
    return unsafe withUnsafeBytes { bytes in
      unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
  }

  package func copy(_ range: Range<Int>) -> [UInt8] {
    var out: [UInt8] = []
    out.append(self, range)
    return out
  }
}

extension Span<UInt8> {
  /// Where `byte` first stands in `range`.
  package func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
    guard !range.isEmpty else { return nil }
    return unsafe extracting(range).withUnsafeBufferPointer { bytes in
      guard let found = unsafe memchr(bytes.baseAddress!, Int32(byte), bytes.count) else {
        return nil
      }
      return unsafe range.lowerBound
        + (found - UnsafeMutableRawPointer(mutating: bytes.baseAddress!))
    }
  }
}
