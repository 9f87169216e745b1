// base64url without padding (RFC 7515 section 2, RFC 4648 section 5), strict both ways.
// Owns: the alphabet. Must never: skip a character, accept padding, another alphabet, white space
// or non-zero unused bits. One hot loop in each direction uses pointers; the tests hold a plain twin.

public enum Base64URL {
  /// The text of `bytes`.
  public static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    encode(bytes.span, 0..<bytes.count, into: &out)
    return out
  }

  /// The octets behind `text`, nil unless it is exactly their base64url spelling.
  public static func decode(_ text: [UInt8]) -> [UInt8]? {
    var out: [UInt8] = []
    return decode(text.span, 0..<text.count, into: &out) ? out : nil
  }

  /// Appends the text of `source[range]` to `out`.
  package static func encode(_ source: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]) {
    let n = range.count
    out.append(addingCapacity: encodedCount(n)) { output in
      unsafe source.extracting(range).withUnsafeBufferPointer { from in
        unsafe output.withUnsafeMutableBufferPointer { to, count in
          unsafe pairs.withUnsafeBufferPointer { letters in
            var i = 0
            var o = 0
            while i + 3 <= n {
              let v = unsafe UInt32(from[i]) << 16 | UInt32(from[i + 1]) << 8 | UInt32(from[i + 2])
              let four = unsafe UInt32(letters[Int(v >> 12)]) | UInt32(letters[Int(v & 4095)]) << 16
              unsafe UnsafeMutableRawPointer(to.baseAddress! + o)
                .storeBytes(of: four.littleEndian, as: UInt32.self)
              i += 3
              o += 4
            }
            if n - i >= 1 {
              let second = n - i == 2 ? unsafe UInt32(from[i + 1]) : 0
              let v = unsafe UInt32(from[i]) << 16 | second << 8
              let pair = unsafe letters[Int(v >> 12)]
              unsafe to[o] = UInt8(truncatingIfNeeded: pair)
              unsafe to[o + 1] = UInt8(truncatingIfNeeded: pair >> 8)
              if n - i == 2 { unsafe to[o + 2] = UInt8(truncatingIfNeeded: letters[Int(v & 4095)]) }
            }
            count = encodedCount(n)
          }
        }
      }
    }
  }

  /// Appends the octets behind `source[range]` to `out`; on false `out` is as it was. `isPublic`:
  /// the text is no secret, so that the lanes may have it.
  package static func decode(
    _ source: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8], isPublic: Bool = false
  ) -> Bool {
    let n = range.count
    let tail = n & 3
    guard tail != 1 else { return false }
    var wrong: UInt32 = 0
    // Slack: the loop stores three octets as one 32-bit word, AVX2 24 as 32.
    out.append(addingCapacity: decodedCount(n) + TextLanes.slack) { output in
      unsafe source.extracting(range).withUnsafeBufferPointer { from in
        unsafe output.withUnsafeMutableBufferPointer { to, count in
          unsafe values.withUnsafeBufferPointer { value in
            var i = isPublic ? unsafe TextLanes.decodeBase64URL(from, into: to) : 0
            var o = i / 4 * 3
            while i + 4 <= n {
              let v =
                unsafe value[Int(from[i])] | value[256 + Int(from[i + 1])]
                | value[512 + Int(from[i + 2])] | value[768 + Int(from[i + 3])]
              wrong |= v
              unsafe UnsafeMutableRawPointer(to.baseAddress! + o)
                .storeBytes(of: (v << 8).bigEndian, as: UInt32.self)
              i += 4
              o += 3
            }
            if i < n {
              var v = unsafe value[Int(from[i])] | value[256 + Int(from[i + 1])]
              if tail == 3 { v |= unsafe value[512 + Int(from[i + 2])] }
              wrong |= v
              // The unused low bits must be zero: one octet has one spelling.
              wrong |= v & (tail == 2 ? 0xffff : 0xff) == 0 ? 0 : bad
              unsafe to[o] = UInt8(truncatingIfNeeded: v >> 16)
              if tail == 3 { unsafe to[o + 1] = UInt8(truncatingIfNeeded: v >> 8) }
            }
            count = wrong & bad == 0 ? decodedCount(n) : 0
          }
        }
      }
    }
    return wrong & bad == 0
  }

  package static func encodedCount(_ octets: Int) -> Int { (octets * 4 + 2) / 3 }
  package static func decodedCount(_ letters: Int) -> Int {
    letters / 4 * 3 + max(0, letters % 4 - 1)
  }

  private static let alphabet: [UInt8] =
    Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let bad: UInt32 = 1 << 31

  /// The two letters of each 12 bits, the first one in the low octet.
  private static let pairs: [UInt16] = (0..<4096).map {
    UInt16(alphabet[$0 >> 6]) | UInt16(alphabet[$0 & 63]) << 8
  }

  /// Four tables of 256: a letter's six bits already shifted to its place in 24, or `bad`.
  private static let values: [UInt32] = {
    var table = [UInt32](repeating: bad, count: 1024)
    for (value, letter) in alphabet.enumerated() {
      for place in 0..<4 {
        table[place * 256 + Int(letter)] = UInt32(value) << UInt32(18 - 6 * place)
      }
    }
    return table
  }()
}
