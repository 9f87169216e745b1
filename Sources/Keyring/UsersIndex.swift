// The hash table of users: open addressing over their names and addresses, which stay in the text.
// Owns: the table. Must never: find a user who was removed, or compare otherwise than UserName does.

internal import JOSE

extension Users {
  /// Makes room for so many keys with half of the table free at least.
  mutating func reserve(keys wanted: Int) {
    guard wanted * 2 > table.count else { return }
    var size = max(16, table.count)
    while size < wanted * 2 { size *= 2 }
    table = [UInt32](repeating: 0, count: size)
    keys = 0
    for (place, record) in records.enumerated() where !record.isRemoved {
      insert(UInt32(place) << 1 + 1, record, record.name)
      if record.email.count > 0, !isSameKey(record) {
        insert(UInt32(place) << 1 + 2, record, record.email)
      }
    }
  }

  /// Nothing where it is there already.
  mutating func insert(_ value: UInt32, _ record: Record, _ part: Record.Part) {
    let hash = withName(record, part) { UserName.hash($0, $1) }
    var slot = hash & (table.count - 1)
    while table[slot] != 0 {
      if table[slot] == value { return }
      slot = (slot + 1) & (table.count - 1)
    }
    table[slot] = value
    keys += 1
  }

  /// The table's value for a key; nil when no user has it.
  func entry(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
    guard !table.isEmpty else { return nil }
    var slot = UserName.hash(bytes, range) & (table.count - 1)
    while table[slot] != 0 {
      let value = table[slot]
      let record = records[Int(value - 1) >> 1]
      let part = value & 1 == 1 ? record.name : record.email
      let isSame =
        !record.isRemoved
        && withName(record, part) { UserName.isSame($0, $1, bytes, range) }
      if isSame { return value }
      slot = (slot + 1) & (table.count - 1)
    }
    return nil
  }

  func entry(of record: Record, _ part: Record.Part) -> UInt32? {
    withName(record, part) { entry($0, $1) }
  }

  /// Whether the user's name is the user's address too.
  func isSameKey(_ record: Record) -> Bool {
    withName(record, record.name) { name, range in
      withName(record, record.email) { UserName.isSame(name, range, $0, $1) }
    }
  }

  /// Calls `body` with the characters of a part, in place unless they are escaped.
  private func withName<R>(
    _ record: Record, _ part: Record.Part, _ body: (Span<UInt8>, Range<Int>) -> R
  ) -> R {
    let range = record.range(part)
    guard part.isEscaped else { return body(text.span, range) }
    var out: [UInt8] = []
    JSONText.unescape(text.span, range, into: &out)
    return body(out.span, 0..<out.count)
  }
}
