// Finds the address of a client on a log line.
// Owns: what counts as one. Must never: take a version number, a time or a word of hex digits for an
// address.

internal import JOSE

/// The first word on a line that is an IPv4 or IPv6 address. Formats that name the client do so
/// before anybody else; where a format names its own host's address first, that one is found.
///
/// A word stands free: after white space, a quote, a bracket, `=`, `,` and the like, also after
/// `://`. A version with four parts looks like an address (`120.0.0.0`): after a product's slash
/// (`Chrome/120.0.0.0`) it is none, elsewhere it is taken.
package enum ClientAddress {
  /// Where the address stands in `line` of `bytes`, without brackets, port and zone.
  package static func find(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Range<Int>? {
    let four = firstIPv4(bytes, line)
    // An IPv6 address that begins behind it would not be the first.
    let rest = line.lowerBound..<(four?.upperBound ?? line.upperBound)
    return firstIPv6(bytes, rest, line) ?? four
  }

  // MARK: IPv4

  private static func firstIPv4(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Range<Int>? {
    var at = line.lowerBound
    while let dot = bytes.firstIndex(of: UInt8(ascii: "."), in: at..<line.upperBound) {
      var start = dot
      while start > line.lowerBound, dot - start < 4, isDigit(bytes[start - 1]) { start -= 1 }
      if start < dot, isFree(before: start, bytes, line), !isVersion(start, bytes, line),
        let end = ipv4(bytes, start..<line.upperBound), isFree(behind: end, bytes, line)
      {
        return start..<end
      }
      at = dot + 1
    }
    return nil
  }

  /// The end of the four decimal octets at the start of `range`.
  private static func ipv4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var at = range.lowerBound
    for part in 0..<4 {
      if part > 0 {
        guard at < range.upperBound, bytes[at] == UInt8(ascii: ".") else { return nil }
        at += 1
      }
      let start = at
      var value = 0
      while at < range.upperBound, at - start < 4, isDigit(bytes[at]) {
        value = value * 10 + Int(bytes[at] - 0x30)
        at += 1
      }
      let hasLeadingZero = at - start > 1 && bytes[start] == UInt8(ascii: "0")
      guard at > start, value < 256, !hasLeadingZero else { return nil }
    }
    return at
  }

  /// After `Chrome/`, not after `//`.
  private static func isVersion(_ start: Int, _ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    start >= line.lowerBound + 2 && bytes[start - 1] == UInt8(ascii: "/")
      && isWord(bytes[start - 2])
  }

  // MARK: IPv6

  /// The first one that begins in `range`; it may end behind it.
  private static func firstIPv6(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ line: Range<Int>
  ) -> Range<Int>? {
    var at = range.lowerBound
    while let colon = bytes.firstIndex(of: UInt8(ascii: ":"), in: at..<range.upperBound) {
      var start = colon
      while start > line.lowerBound, colon - start < 5, isHex(bytes[start - 1]) { start -= 1 }
      if isFree(before: start, bytes, line), start == line.lowerBound || bytes[start - 1] != 0x3a,
        let end = ipv6(bytes, start..<line.upperBound), isFree(behind: end, bytes, line)
      {
        return start..<end
      }
      at = colon + 1
    }
    return nil
  }

  /// The end of the groups at the start of `range`: eight, or fewer around one `::`, the last two
  /// perhaps as an IPv4 address. Without a decimal digit it is taken for words (`dead::beef`).
  private static func ipv6(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var at = range.lowerBound
    var (groups, hasGap, hasDigit) = (0, false, false)
    if isPair(bytes, at, range) {
      hasGap = true
      at += 2
    }
    while groups < 8 {
      let start = at
      while at < range.upperBound, at - start < 5, isHex(bytes[at]) {
        if isDigit(bytes[at]) { hasDigit = true }
        at += 1
      }
      if at == start { break }
      if at < range.upperBound, bytes[at] == UInt8(ascii: "."),
        let end = ipv4(bytes, start..<range.upperBound), hasGap ? groups <= 6 : groups == 6
      {
        return end
      }
      guard at - start <= 4 else { return nil }
      groups += 1
      if isPair(bytes, at, range) {
        guard !hasGap else { return nil }
        hasGap = true
        at += 2
      } else if at + 1 < range.upperBound, bytes[at] == UInt8(ascii: ":"), isHex(bytes[at + 1]) {
        at += 1
      } else {
        break
      }
    }
    if at + 1 < range.upperBound, bytes[at] == UInt8(ascii: ":") {
      // A third colon, or a ninth group: a fingerprint.
      guard bytes[at - 1] != UInt8(ascii: ":"), groups < 8 || !isHex(bytes[at + 1]) else {
        return nil
      }
    }
    guard hasDigit, hasGap ? groups <= 7 : groups == 8 else { return nil }
    return at
  }

  private static func isPair(_ bytes: Span<UInt8>, _ at: Int, _ range: Range<Int>) -> Bool {
    at + 1 < range.upperBound && bytes[at] == UInt8(ascii: ":") && bytes[at + 1] == bytes[at]
  }

  // MARK: Around it

  private static func isFree(before start: Int, _ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    guard start > line.lowerBound else { return true }
    let c = bytes[start - 1]
    return !isWord(c) && c != UInt8(ascii: ".") && c != UInt8(ascii: "-")
  }

  private static func isFree(behind end: Int, _ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    guard end < line.upperBound else { return true }
    let c = bytes[end]
    guard !isWord(c) else { return false }
    let joins = c == UInt8(ascii: ".") || c == UInt8(ascii: "-")
    return !joins || end + 1 == line.upperBound || !isWord(bytes[end + 1])
  }

  private static func isDigit(_ c: UInt8) -> Bool { c &- 0x30 < 10 }
  private static func isHex(_ c: UInt8) -> Bool { isDigit(c) || (c | 0x20) &- 0x61 < 6 }
  /// Letters, digits, `_`, and what is not ASCII.
  private static func isWord(_ c: UInt8) -> Bool {
    isDigit(c) || (c | 0x20) &- 0x61 < 26 || c == UInt8(ascii: "_") || c >= 0x80
  }
}
