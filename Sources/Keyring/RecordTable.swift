// Texts in memory, each with words that belong to it, in a table that grows.
// Owns: the layout, hashing and equality. Must never: take two texts for one by a hash alone.

internal import JOSE

/// Records stand one behind the other in blocks, each of whole words:
///
///     head: issuer << 4, kind << 1, isPacked | 16 octets of a UUID, or length | text | words
///
/// A slot holds the place of a record, and a tag of it an octet of its hash, so that most records
/// passed by are never fetched. A text and its words are shorter than 2 MiB. Memory for a record of a UUID: 20 octets, its words, and from 7 to 14
/// for slots.
struct RecordTable: Sendable {
  private(set) var count = 0
  private var blocks: [[UInt32]] = []
  /// 0: empty; no record has the place 0.
  private var slots: [UInt32] = []
  private var tags: [UInt8] = []
  private var issuers: [ByteString: UInt32] = [:]
  /// Most records name the issuer of the one before.
  private var lastIssuer: (text: [UInt8], number: UInt32) = ([], noIssuer)

  /// Stands for no issuer, which is another than one of an empty text.
  static let noIssuer: UInt32 = 0
  private static let blockBits = 19
  private static let blockWords = 1 << blockBits

  /// What stands for an issuer among the records.
  mutating func issuer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32 {
    if lastIssuer.number != Self.noIssuer, bytes.equals(range, lastIssuer.text) {
      return lastIssuer.number
    }
    let text = bytes.copy(range)
    let number = issuers[ByteString(text)] ?? UInt32(issuers.count + 1)
    precondition(number < 1 << 28, "an issuer's number leaves room for the rest of a head")
    issuers[ByteString(text)] = number
    lastIssuer = (text, number)
    return number
  }

  mutating func issuer(_ text: ByteString?) -> UInt32 {
    text.map { issuer($0.bytes.span, 0..<$0.bytes.count) } ?? Self.noIssuer
  }

  /// The place of the words of the record of exactly this text, issuer and kind.
  func find(
    _ kind: UInt32, issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> Int? {
    guard !slots.isEmpty else { return nil }
    let head = issuer << 4 | kind << 1
    let slot =
      if let id = PackedUUID(bytes, range) {
        search(head | 1, length: PackedUUID.octets) { $0 == 0 ? id.first : id.second }.slot
      } else {
        search(head, length: range.count) { DenylistTable.octets(bytes, range, word: $0) }.slot
      }
    return slots[slot] == 0 ? nil : wordsPlace(Int(slots[slot]))
  }

  /// Adds a record with so many words, all 0, if there is none of this text, issuer and kind. Returns
  /// the place of its words, or of the other's.
  mutating func insert(
    _ kind: UInt32, issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>, words: Int
  ) -> (place: Int, isNew: Bool) {
    reserve((count + 1) * 4 / 3 + 1)
    let id = PackedUUID(bytes, range)
    let head = issuer << 4 | kind << 1 | (id == nil ? 0 : 1)
    let found =
      if let id {
        search(head, length: PackedUUID.octets) { $0 == 0 ? id.first : id.second }
      } else {
        search(head, length: range.count) { DenylistTable.octets(bytes, range, word: $0) }
      }
    guard slots[found.slot] == 0 else { return (wordsPlace(Int(slots[found.slot])), false) }
    let place = begin(5 + (range.count + 3) / 4 + words)
    let index = place >> Self.blockBits
    blocks[index].append(head)
    if let id {
      append(id.first, index)
      append(id.second, index)
    } else {
      blocks[index].append(UInt32(range.count))
      for i in 0..<(range.count + 3) / 4 {
        let word = DenylistTable.octets(bytes, range, word: i / 2)
        blocks[index].append(UInt32(truncatingIfNeeded: word >> (i & 1 == 0 ? 0 : 32)))
      }
    }
    for _ in 0..<words { blocks[index].append(0) }
    slots[found.slot] = UInt32(place)
    tags[found.slot] = found.tag
    count += 1
    return (wordsPlace(place), true)
  }

  /// Makes room for lines of so many octets that are about to come, as far as can be told.
  mutating func expect(octets: Int) {
    reserve((count + 1) * 4 / 3 + octets / 80)
  }

  /// Adds words, all 0, that only their place leads to, which this returns.
  mutating func addWords(_ words: Int) -> Int {
    let place = begin(words)
    for _ in 0..<words { blocks[place >> Self.blockBits].append(0) }
    return place
  }

  /// A word of a record: the one at its words' place, or so many behind.
  subscript(place: Int) -> UInt32 {
    get { blocks[place >> Self.blockBits][place & (Self.blockWords - 1)] }
    set { blocks[place >> Self.blockBits][place & (Self.blockWords - 1)] = newValue }
  }

  /// Two words as a number.
  subscript(long place: Int) -> Int64 {
    get { Int64(bitPattern: UInt64(self[place]) | UInt64(self[place + 1]) << 32) }
    set {
      self[place] = UInt32(truncatingIfNeeded: newValue)
      self[place + 1] = UInt32(truncatingIfNeeded: newValue >> 32)
    }
  }

  /// About how much memory it takes.
  var memoryOctets: Int {
    blocks.reduce(slots.count * 5) { $0 + $1.capacity * MemoryLayout<UInt32>.stride }
  }

  // MARK: Records

  /// Where a record of at most so many words can begin.
  private mutating func begin(_ most: Int) -> Int {
    // Place 0 stays unused.
    if blocks.isEmpty { blocks.append([0]) }
    if blocks[blocks.count - 1].count + most > Self.blockWords { blocks.append([]) }
    precondition(
      blocks.count < 1 << (32 - Self.blockBits) && most <= Self.blockWords,
      "a place is a word's, and a record fits into a block")
    return (blocks.count - 1) << Self.blockBits | blocks[blocks.count - 1].count
  }

  private mutating func append(_ pair: UInt64, _ index: Int) {
    blocks[index].append(UInt32(truncatingIfNeeded: pair))
    blocks[index].append(UInt32(truncatingIfNeeded: pair >> 32))
  }

  private func wordsPlace(_ place: Int) -> Int {
    self[place] & 1 == 1 ? place + 5 : place + 2 + (Int(self[place + 1]) + 3) / 4
  }

  private func hash(of place: Int) -> UInt64 {
    let head = self[place]
    let length = head & 1 == 1 ? PackedUUID.octets : Int(self[place + 1])
    let text = place + (head & 1 == 1 ? 1 : 2)
    let end = text + (length + 3) / 4
    return DenylistTable.hash(head, length: length) { i in
      let at = text + 2 * i
      return UInt64(self[at]) | (at + 1 < end ? UInt64(self[at + 1]) << 32 : 0)
    }
  }

  // MARK: Slots

  private func firstSlot(_ hash: UInt64) -> Int {
    Int(hash.multipliedFullWidth(by: UInt64(slots.count)).high)
  }

  /// The slot of the record of this key, or the empty one where it belongs.
  private func search(
    _ head: UInt32, length: Int, _ word: (Int) -> UInt64
  ) -> (slot: Int, tag: UInt8) {
    let hash = DenylistTable.hash(head, length: length, word)
    let tag = UInt8(truncatingIfNeeded: hash)
    var slot = firstSlot(hash)
    while slots[slot] != 0 {
      if tags[slot] == tag, isRecord(Int(slots[slot]), head, length: length, word) { break }
      slot = slot + 1 == slots.count ? 0 : slot + 1
    }
    return (slot, tag)
  }

  private func isRecord(
    _ place: Int, _ head: UInt32, length: Int, _ word: (Int) -> UInt64
  ) -> Bool {
    guard self[place] == head else { return false }
    var at = place + 1
    if head & 1 == 0 {
      guard Int(self[at]) == length else { return false }
      at += 1
    }
    for i in 0..<(length + 3) / 4 {
      let half = UInt32(truncatingIfNeeded: word(i / 2) >> (i & 1 == 0 ? 0 : 32))
      guard self[at + i] == half else { return false }
    }
    return true
  }

  private mutating func reserve(_ most: Int) {
    guard most > slots.count else { return }
    let old = exchange(&slots, with: [])
    slots = [UInt32](repeating: 0, count: max(16, most, old.count * 2))
    tags = [UInt8](repeating: 0, count: slots.count)
    for place in old where place != 0 {
      let hash = hash(of: Int(place))
      var slot = firstSlot(hash)
      while slots[slot] != 0 { slot = slot + 1 == slots.count ? 0 : slot + 1 }
      slots[slot] = place
      tags[slot] = UInt8(truncatingIfNeeded: hash)
    }
  }
}
