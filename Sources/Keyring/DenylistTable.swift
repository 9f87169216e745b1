// A denylist's entries in memory: records of words, found through an open-addressing table.
// Owns: the layout, hashing and equality. Must never: take two texts for one by a hash alone, or
// allocate in a look-up.

internal import JOSE

/// Records stand one behind the other in blocks, each of whole words:
///
///     value (2 words) | head: issuer << 4, kind << 1, isPacked | 16 octets of a UUID
///     value (2 words) | head                        | length | text, padded with zeros
///
/// A slot holds the place of a record and, in the bits that places leave over, some of the
/// record's hash, so that most records passed by are never fetched.
struct DenylistTable: Sendable {
  /// `issuer` records give the number that stands for an issuer in the others.
  enum Kind: UInt32, CaseIterable { case issuer, jti, family, sub, kid }

  /// Tokens of one subject: those issued before a time, revoked from another time on.
  struct Cutoff: Sendable {
    /// The place of the record whose cutoff it is.
    var owner: UInt32
    var before: Int64
    var revokedAt: Int64
  }

  /// Stands for no issuer: entries that are for any, tokens that name none.
  static let noIssuer: UInt32 = 0
  static let mostIssuers: UInt32 = 1 << 28
  /// The low bits of a place: where in its block a record begins.
  static let blockBits = 18

  // Filled by DenylistBuilder and unchanged from then on.
  var blocks: [[UInt32]] = []
  /// 0: empty; no record has the place 0.
  var slots: [UInt32] = []
  /// Each subject's, by time: both `before` and `revokedAt` rise.
  var cutoffs: [Cutoff] = []
  var placeMask: UInt32 = 0
  /// A bit for each kind, with an issuer and without.
  var present: UInt32 = 0

  /// No entries.
  init() {}

  var isEmpty: Bool { present == 0 }

  /// About how much memory it takes.
  var memoryOctets: Int {
    let words = blocks.reduce(slots.count) { $0 + $1.count }
    return words * MemoryLayout<UInt32>.stride + cutoffs.count * MemoryLayout<Cutoff>.stride
  }

  // MARK: Looking up

  /// Whether any entry of `kind` is for the issuer of that number, or any other but `noIssuer`.
  @inline(__always)
  func mayHold(_ kind: Kind, _ issuer: UInt32) -> Bool {
    present & Self.presence(kind, issuer) != 0
  }

  /// The value of the record of exactly this text.
  @inline(__always)
  func value(_ kind: Kind, _ issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    let head = issuer << 4 | kind.rawValue << 1
    let place =
      if let id = PackedUUID(bytes, range) {
        find(head | 1, length: PackedUUID.octets) { $0 == 0 ? id.first : id.second }
      } else {
        find(head, length: range.count) { Self.octets(bytes, range, word: $0) }
      }
    guard let place else { return nil }
    return value(at: place)
  }

  func value(at place: Int) -> Int64 {
    let (index, at) = (place >> Self.blockBits, place & Self.offsetMask)
    return Int64(bitPattern: UInt64(blocks[index][at]) | UInt64(blocks[index][at + 1]) << 32)
  }

  /// The earliest revocation among the cutoffs after `iat`; nil for a token without `iat`, which
  /// lies before all of them.
  func earliest(_ range: Int64, after iat: Int64?) -> Int64? {
    var low = Int(range >> 32)
    let end = low + Int(range & 0xffff_ffff)
    guard let iat else { return cutoffs[low].revokedAt }
    var high = end
    while low < high {
      let middle = (low + high) / 2
      if cutoffs[middle].before > iat { high = middle } else { low = middle + 1 }
    }
    return low < end ? cutoffs[low].revokedAt : nil
  }

  static let offsetMask = 1 << blockBits - 1

  static func presence(_ kind: Kind, _ issuer: UInt32) -> UInt32 {
    1 << (kind.rawValue * 2 + (issuer == noIssuer ? 0 : 1))
  }

  /// Eight octets of the text at `range`, fewer at its end, where zeros follow.
  @inline(__always)
  static func octets(_ bytes: Span<UInt8>, _ range: Range<Int>, word: Int) -> UInt64 {
    let start = range.lowerBound + word * 8
    let left = range.upperBound - start
    if left >= 8 { return bytes.word(at: start) }
    var result: UInt64 = 0
    for i in 0..<left { result |= UInt64(bytes[start + i]) << UInt64(8 * i) }
    return result
  }

  /// Keyed by the process: whoever chooses the texts can't choose where they collide.
  @inline(__always)
  static func hash(_ head: UInt32, length: Int, _ word: (Int) -> UInt64) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(UInt64(head) << 32 | UInt64(length))
    for i in 0..<(length + 7) / 8 { hasher.combine(word(i)) }
    return UInt64(truncatingIfNeeded: hasher.finalize())
  }

  /// The place of the record of this key.
  @inline(__always)
  private func find(_ head: UInt32, length: Int, _ word: (Int) -> UInt64) -> Int? {
    guard !slots.isEmpty else { return nil }
    let hash = Self.hash(head, length: length, word)
    let slot = search(hash, head, length: length, word)
    return slots[slot] == 0 ? nil : Int(slots[slot] & placeMask)
  }

  /// The slot of the record of this key, or the empty one where it belongs.
  @inline(__always)
  func search(
    _ hash: UInt64, _ head: UInt32, length: Int, _ word: (Int) -> UInt64
  ) -> Int {
    var slot = Int(hash.multipliedFullWidth(by: UInt64(slots.count)).high)
    let tag = UInt32(truncatingIfNeeded: hash) & ~placeMask
    while true {
      let entry = slots[slot]
      if entry == 0 { return slot }
      if entry & ~placeMask == tag, isRecord(Int(entry & placeMask), head, length: length, word) {
        return slot
      }
      slot += 1
      if slot == slots.count { slot = 0 }
    }
  }

  @inline(__always)
  private func isRecord(
    _ place: Int, _ head: UInt32, length: Int, _ word: (Int) -> UInt64
  ) -> Bool {
    // Never a variable for the block: its reference count would be shared by all workers.
    let index = place >> Self.blockBits
    var at = place & Self.offsetMask + 2
    guard blocks[index][at] == head else { return false }
    at += 1
    if head & 1 == 0 {
      guard Int(blocks[index][at]) == length else { return false }
      at += 1
    }
    for i in 0..<(length + 3) / 4 {
      let half = UInt32(truncatingIfNeeded: word(i / 2) >> (i & 1 == 0 ? 0 : 32))
      guard blocks[index][at + i] == half else { return false }
    }
    return true
  }
}

/// A UUID in its canonical form, lower-case hexadecimal and hyphens (RFC 9562 section 4), as 16
/// octets. No other text has the same ones, and no two such texts do.
struct PackedUUID {
  static let octets = 16
  let first: UInt64
  let second: UInt64

  /// nil for any other text, so that one in upper case stays a different text.
  @inline(__always)
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard range.count == 36 else { return nil }
    let start = range.lowerBound
    let hyphen = UInt8(ascii: "-")
    guard bytes[start + 8] == hyphen, bytes[start + 13] == hyphen, bytes[start + 18] == hyphen,
      bytes[start + 23] == hyphen
    else { return nil }
    let half: UInt64 = 0xffff_ffff
    guard let a = Self.pack(bytes.word(at: start)),
      let b = Self.pack(
        bytes.word(at: start + 9) & half | bytes.word(at: start + 14) << 32),
      let c = Self.pack(
        bytes.word(at: start + 19) & half | bytes.word(at: start + 24) << 32),
      let d = Self.pack(bytes.word(at: start + 28))
    else { return nil }
    first = a | b << 32
    second = c | d << 32
  }

  /// The text that these are the halves of.
  static func text(_ first: UInt64, _ second: UInt64) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for i in 0..<octets {
      if [4, 6, 8, 10].contains(i) { text.append(UInt8(ascii: "-")) }
      let octet = UInt8(truncatingIfNeeded: (i < 8 ? first : second) >> UInt64(i % 8 * 8))
      text.append(digits[Int(octet >> 4)])
      text.append(digits[Int(octet & 15)])
    }
    return text
  }

  /// Eight lower-case hexadecimal digits as four octets, all eight at once.
  @inline(__always)
  private static func pack(_ digits: UInt64) -> UInt64? {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let values = digits & (ones &* 0x0f) &+ (digits >> 6 & ones) &* 9
    // Written out again they must be what they were: letters in upper case, say, are not.
    let letters = (values &+ ones &* 6) >> 4 & ones
    let again = values &+ ones &* 0x30 &+ letters &* 0x27
    guard again ^ digits | values & (ones &* 0xf0) == 0 else { return nil }
    var packed = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff
    packed = (packed | packed >> 8) & 0x0000_ffff_0000_ffff
    return (packed | packed >> 16) & 0xffff_ffff
  }
}
