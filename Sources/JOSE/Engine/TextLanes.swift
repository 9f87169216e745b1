// Text by many octets at once, as spans: what CLanes does where the processor can.
// Owns: the borders of what C may read and write. Must never: be given a secret, or be the only
// code that can do a thing.

internal import CLanes

package enum TextLanes {
  /// How many octets from `range`'s start on are known to be base64url letters or dots; what is
  /// behind them is the caller's to look at.
  package static func wordPrefix(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
    unsafe bytes.extracting(range).withUnsafeBufferPointer { text in
      unsafe text.isEmpty ? 0 : clanes_word_prefix(text.baseAddress!, text.count)
    }
  }

  /// Decodes whole blocks of letters from the start of `text` into `out`, as long as all are of the
  /// alphabet. Returns how many letters it took, a multiple of four.
  @unsafe static func decodeBase64URL(
    _ text: UnsafeBufferPointer<UInt8>, into out: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    guard text.count >= 32 else { return 0 }
    precondition(out.count >= text.count / 4 * 3 + slack, "room for whole blocks")
    return unsafe clanes_base64url_decode(text.baseAddress!, text.count, out.baseAddress!)
  }

  /// Octets behind the last one decoded that may be overwritten.
  static let slack = 8
}
