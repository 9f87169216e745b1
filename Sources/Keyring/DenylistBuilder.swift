// Filling a denylist's table: entries are appended one by one, duplicates settled once at the end.
// Owns: numbering issuers and what holds among duplicates. Must never: hold an entry's text twice.

internal import JOSE

struct DenylistBuilder {
  typealias Kind = DenylistTable.Kind

  private var blocks: [[UInt32]] = []
  /// The last block, which is still being filled. Its first word keeps place 0 from being used.
  private var block: [UInt32] = [0]
  private var count = 0
  private var cutoffs: [DenylistTable.Cutoff] = []
  private var issuers: [ByteString: UInt32] = [:]
  /// Most entries name the issuer of the one before.
  private var lastIssuer: (text: [UInt8], number: UInt32) = ([], DenylistTable.noIssuer)

  private static let blockWords = 1 << DenylistTable.blockBits
  /// As many as a slot can tell apart: 16 GiB of records.
  private static let mostBlocks = 1 << (32 - DenylistTable.blockBits)

  init() { block.reserveCapacity(Self.blockWords) }

  /// Whether there is no room for more.
  var isFull: Bool {
    blocks.count >= Self.mostBlocks - 2 || issuers.count >= DenylistTable.mostIssuers - 2
  }

  /// The number of the issuer whose text stands at `range`.
  mutating func issuer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32 {
    if lastIssuer.number != DenylistTable.noIssuer, bytes.equals(range, lastIssuer.text) {
      return lastIssuer.number
    }
    let text = bytes.copy(range)
    let number: UInt32
    if let known = issuers[ByteString(text)] {
      number = known
    } else {
      number = UInt32(issuers.count + 1)
      issuers[ByteString(text)] = number
      append(.issuer, DenylistTable.noIssuer, bytes, range, value: Int64(number))
    }
    lastIssuer = (text, number)
    return number
  }

  /// Adds an entry. `before`, for `sub` alone and always there: tokens issued earlier are meant.
  mutating func add(
    _ kind: Kind, issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>, before: Int64? = nil,
    revokedAt: Int64
  ) {
    precondition((kind == .sub) == (before != nil), "a time goes with a subject alone")
    if let before {
      append(kind, issuer, bytes, range, value: Int64(cutoffs.count))
      cutoffs.append(.init(owner: 0, before: before, revokedAt: revokedAt))
    } else {
      append(kind, issuer, bytes, range, value: revokedAt)
    }
  }

  private mutating func append(
    _ kind: Kind, _ issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>, value: Int64
  ) {
    // A record longer than a block makes one block longer: only where it begins is numbered.
    if block.count + 4 + (range.count + 3) / 4 > Self.blockWords, !block.isEmpty {
      blocks.append(block)
      block = []
      block.reserveCapacity(Self.blockWords)
    }
    append(UInt64(bitPattern: value))
    let head = issuer << 4 | kind.rawValue << 1
    if let id = PackedUUID(bytes, range) {
      block.append(head | 1)
      append(id.first)
      append(id.second)
    } else {
      block.append(head)
      block.append(UInt32(range.count))
      for i in 0..<(range.count + 3) / 4 {
        let word = DenylistTable.octets(bytes, range, word: i / 2)
        block.append(UInt32(truncatingIfNeeded: word >> (i & 1 == 0 ? 0 : 32)))
      }
    }
    count += 1
  }

  private mutating func append(_ pair: UInt64) {
    block.append(UInt32(truncatingIfNeeded: pair))
    block.append(UInt32(truncatingIfNeeded: pair >> 32))
  }

  /// The table of all entries: of duplicates the earliest revocation holds, and of a subject's
  /// cutoffs those that no other makes needless.
  consuming func finish() -> DenylistTable {
    var table = DenylistTable()
    guard count > 0 else { return table }
    blocks.append(block)
    block = []
    let last = UInt32(blocks.count << DenylistTable.blockBits - 1)
    table.placeMask = .max >> UInt32(last.leadingZeroBitCount)
    // Six tenths full: a miss then looks at under four slots, all beside each other.
    table.slots = [UInt32](repeating: 0, count: count / 3 * 5 + 5)
    table.blocks = exchange(&blocks, with: [])
    table.cutoffs = exchange(&cutoffs, with: [])
    for index in table.blocks.indices {
      var at = index == 0 ? 1 : 0
      while at < table.blocks[index].count { at = table.enter(index, at) }
    }
    table.arrangeCutoffs()
    return table
  }
}

extension DenylistTable {
  /// Finds a slot for the record at `start` of a block. Returns where the next record begins.
  fileprivate mutating func enter(_ index: Int, _ start: Int) -> Int {
    let head = blocks[index][start + 2]
    let isPacked = head & 1 == 1
    let length = isPacked ? PackedUUID.octets : Int(blocks[index][start + 3])
    let text = start + (isPacked ? 3 : 4)
    let end = text + (length + 3) / 4
    let (slot, hash) = slot(of: index, head, length, text..<end)

    let place = UInt32(index << Self.blockBits | start)
    let value = self.value(at: Int(place))
    let isSub = head >> 1 & 7 == Kind.sub.rawValue
    if slots[slot] == 0 {
      slots[slot] = UInt32(truncatingIfNeeded: hash) & ~placeMask | place
      if let kind = Kind(rawValue: head >> 1 & 7) { present |= Self.presence(kind, head >> 4) }
      if isSub { cutoffs[Int(value)].owner = place }
    } else {
      let first = slots[slot] & placeMask
      if isSub {
        cutoffs[Int(value)].owner = first
      } else if value < self.value(at: Int(first)) {
        setValue(at: Int(first), value)
      }
    }
    return end
  }

  private func slot(
    of index: Int, _ head: UInt32, _ length: Int, _ text: Range<Int>
  ) -> (Int, hash: UInt64) {
    let block = blocks[index]
    func word(_ i: Int) -> UInt64 {
      let at = text.lowerBound + 2 * i
      return UInt64(block[at]) | (at + 1 < text.upperBound ? UInt64(block[at + 1]) << 32 : 0)
    }
    let hash = Self.hash(head, length: length, word)
    return (search(hash, head, length: length, word), hash)
  }

  private mutating func setValue(at place: Int, _ value: Int64) {
    let (index, at) = (place >> Self.blockBits, place & Self.offsetMask)
    blocks[index][at] = UInt32(truncatingIfNeeded: value)
    blocks[index][at + 1] = UInt32(truncatingIfNeeded: value >> 32)
  }

  /// Brings each subject's cutoffs together, by time, without those that another one makes
  /// needless: it reaches as far and holds as early.
  fileprivate mutating func arrangeCutoffs() {
    cutoffs.sort { ($0.owner, $0.before, $1.revokedAt) < ($1.owner, $1.before, $0.revokedAt) }
    var kept: [Cutoff] = []
    for cutoff in cutoffs.reversed() {
      if let last = kept.last, last.owner == cutoff.owner, last.revokedAt <= cutoff.revokedAt {
        continue
      }
      kept.append(cutoff)
    }
    kept.reverse()
    cutoffs = kept
    var start = 0
    while start < kept.count {
      let owner = kept[start].owner
      let end = kept[start...].firstIndex { $0.owner != owner } ?? kept.count
      setValue(at: Int(owner), Int64(start) << 32 | Int64(end - start))
      start = end
    }
  }
}
