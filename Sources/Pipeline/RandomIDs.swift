// Random UUIDs (RFC 9562 section 5.4) for tokens and families.
// Owns: a stock of random octets. Must never: give one out twice.

internal import JOSE

/// One a worker.
struct RandomIDs: Sendable {
  private var random: [UInt8] = []
  private var used = 0

  /// Appends the next one.
  mutating func append(to out: inout [UInt8]) {
    if used + 16 > random.count {
      random = randomOctets(4096)
      used = 0
    }
    for i in 0..<16 {
      var octet = random[used + i]
      if i == 6 { octet = octet & 0x0f | 0x40 }
      if i == 8 { octet = octet & 0x3f | 0x80 }
      if i == 4 || i == 6 || i == 8 || i == 10 { out.append(UInt8(ascii: "-")) }
      out.append(Self.hexDigit(octet >> 4))
      out.append(Self.hexDigit(octet & 15))
    }
    used += 16
  }

  mutating func next() -> ByteString {
    var id: [UInt8] = []
    append(to: &id)
    return ByteString(id)
  }

  @inline(__always)
  private static func hexDigit(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
  }
}
