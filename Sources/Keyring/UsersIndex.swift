// The hash table of users: open addressing over their names and addresses, which stay in the text.
// Owns: the table. Must never: find a user who was removed, or compare otherwise than UserName does.

internal import JOSE

extension Users {
  /// A key's place in the table: 0 is free. Eight bits of the key's hash, so that other keys in the
  /// way are passed without looking at their text, above twice the record's place, plus one for an
  /// address, plus one.
  struct Slot {
    var bits: UInt32 = 0

    static let mostRecords = 1 << 23 - 1

    init() {}

    init(place: Int, isEmail: Bool, hash: Int) {
      precondition(place < Self.mostRecords, "places have 23 bits")
      bits = Self.tag(hash) | UInt32(place * 2 + (isEmail ? 2 : 1))
    }

    var isFree: Bool { bits == 0 }
    var place: Int { Int((bits & 0xff_ffff) - 1) >> 1 }
    var isEmail: Bool { bits & 1 == 0 }

    func mayBe(_ hash: Int) -> Bool { bits & 0xff00_0000 == Self.tag(hash) }

    private static func tag(_ hash: Int) -> UInt32 {
      UInt32(truncatingIfNeeded: hash >> 32) & 0xff00_0000
    }
  }

  /// Makes room for so many keys with half of the table free at least.
  mutating func reserve(keys wanted: Int) {
    guard wanted * 2 > table.count else { return }
    var size = max(16, table.count)
    while size < wanted * 2 { size *= 2 }
    table = [Slot](repeating: Slot(), count: size)
    keys = 0
    for place in records.indices where !records[place].isRemoved { insert(place) }
  }

  /// Puts the keys of a record, which no other has, into a table with room for them.
  mutating func insert(_ place: Int) {
    let record = records[place]
    insert(place, isEmail: false, hash: hash(record, record.name))
    if record.email.count > 0, !isSameKey(record) {
      insert(place, isEmail: true, hash: hash(record, record.email))
    }
  }

  private mutating func insert(_ place: Int, isEmail: Bool, hash: Int) {
    var at = hash & (table.count - 1)
    while !table[at].isFree { at = (at + 1) & (table.count - 1) }
    table[at] = Slot(place: place, isEmail: isEmail, hash: hash)
    keys += 1
  }

  /// The slot of a key; nil when no user has it.
  func slot(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Slot? {
    guard !table.isEmpty else { return nil }
    let hash = UserName.hash(bytes, range)
    var at = hash & (table.count - 1)
    while !table[at].isFree {
      let slot = table[at]
      if slot.mayBe(hash), case let record = records[slot.place], !record.isRemoved,
        withName(
          record, slot.isEmail ? record.email : record.name,
          { name, its in
            UserName.isSame(name, its, bytes, range)
          })
      {
        return slot
      }
      at = (at + 1) & (table.count - 1)
    }
    return nil
  }

  func slot(of record: Record, _ part: Record.Part) -> Slot? {
    withName(record, part) { slot($0, $1) }
  }

  private func hash(_ record: Record, _ part: Record.Part) -> Int {
    withName(record, part) { UserName.hash($0, $1) }
  }

  /// Whether the user's name is the user's address too.
  private func isSameKey(_ record: Record) -> Bool {
    withName(record, record.name) { name, range in
      withName(record, record.email) { UserName.isSame(name, range, $0, $1) }
    }
  }

  /// Calls `body` with the characters of a part, in place unless they are escaped.
  func withName<R>(
    _ record: Record, _ part: Record.Part, _ body: (Span<UInt8>, Range<Int>) -> R
  ) -> R {
    let range = record.range(part)
    guard part.isEscaped else { return body(text.span, range) }
    var out: [UInt8] = []
    JSONText.unescape(text.span, range, into: &out)
    return body(out.span, 0..<out.count)
  }
}
