// A denylist's entries in the memory of whoever writes it.
// Owns: which entry makes another one needless. Must never: take one for present that revokes less,
// later or for a shorter time than the one that is asked for.

internal import JOSE

/// The entries of a list in memory.
struct RevokedEntries: RecordLogReader, Sendable {
  /// How much an entry revokes.
  private struct Reach {
    /// 0 for all but subjects.
    var before: Int64 = 0
    var revokedAt: Int64
    /// Whole seconds; `.max`: it always stays.
    var exp: Int64

    /// Whether whoever has this one needs no `other`.
    func covers(_ other: Reach) -> Bool {
      before >= other.before && revokedAt <= other.revokedAt && exp >= other.exp
    }
  }

  private typealias Kind = DenylistTable.Kind

  var line = DenylistLine()
  private var table = RecordTable()

  // The words of a text's record, and of the ones linked to it: `revokedAt` (2), `exp` (2), where the
  // next one's stand or 0, and `before` (2) for subjects.
  private static let nextWord = 4

  var memoryOctets: Int { table.memoryOctets }

  mutating func forget() { table = RecordTable() }
  mutating func expect(octets: Int) { table.expect(octets: octets) }

  mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(BadLine) {
    guard let entry = try line.members(bytes, range, isLast: false) else { return }
    let iss = entry.iss.map { ByteString(line.document.unescaped($0, in: bytes)) }
    // Rounded down, and what is asked for up: at worst an entry is written that was not needed.
    let reach = Reach(
      before: entry.before ?? 0, revokedAt: entry.revokedAt, exp: entry.exp?.seconds ?? .max)
    add(entry.kind, table.issuer(iss), line.document.unescaped(entry.subject, in: bytes), reach)
  }

  /// Whether what is there makes `entry` needless.
  mutating func cover(_ entry: DenylistWriter.Entry, at now: Timestamp) -> Bool {
    let (kind, text, reach) = Self.key(entry, now)
    func isCovered(_ issuer: UInt32) -> Bool {
      let place = table.find(kind.rawValue, issuer: issuer, text.span, 0..<text.count)
      return place.map { covers($0, kind, reach) } ?? false
    }
    let issuer = table.issuer(entry.iss)
    return isCovered(RecordTable.noIssuer) || issuer != RecordTable.noIssuer && isCovered(issuer)
  }

  mutating func add(_ entry: DenylistWriter.Entry, at now: Timestamp) {
    let (kind, text, reach) = Self.key(entry, now)
    add(kind, table.issuer(entry.iss), text, reach)
  }

  private static func key(
    _ entry: DenylistWriter.Entry, _ now: Timestamp
  ) -> (Kind, text: [UInt8], Reach) {
    var reach = Reach(
      revokedAt: Denylist.nanoseconds(entry.revokedAt(now)), exp: entry.exp?.wholeSeconds ?? .max)
    let kind: Kind =
      switch entry.subject {
      case .jti: .jti
      case .family: .family
      case .kid: .kid
      case .sub: .sub
      }
    if case .sub(_, let before) = entry.subject { reach.before = Denylist.nanoseconds(before) }
    return (kind, entry.text.bytes, reach)
  }

  private mutating func add(_ kind: Kind, _ issuer: UInt32, _ text: [UInt8], _ reach: Reach) {
    let words = kind == .sub ? 7 : 5
    let (first, isNew) = table.insert(
      kind.rawValue, issuer: issuer, text.span, 0..<text.count, words: words)
    guard !isNew else {
      set(first, kind, reach)
      return
    }
    var place = first
    while place != 0 {
      let known = self.reach(place, kind)
      if known.covers(reach) { return }
      if reach.covers(known) {
        set(place, kind, reach)
        return
      }
      place = Int(table[place + Self.nextWord])
    }
    let added = table.addWords(words)
    set(added, kind, reach)
    table[added + Self.nextWord] = table[first + Self.nextWord]
    table[first + Self.nextWord] = UInt32(added)
  }

  private func covers(_ first: Int, _ kind: Kind, _ reach: Reach) -> Bool {
    var place = first
    while place != 0 {
      if self.reach(place, kind).covers(reach) { return true }
      place = Int(table[place + Self.nextWord])
    }
    return false
  }

  private func reach(_ place: Int, _ kind: Kind) -> Reach {
    Reach(
      before: kind == .sub ? table[long: place + 5] : 0, revokedAt: table[long: place],
      exp: table[long: place + 2])
  }

  private mutating func set(_ place: Int, _ kind: Kind, _ reach: Reach) {
    table[long: place] = reach.revokedAt
    table[long: place + 2] = reach.exp
    if kind == .sub { table[long: place + 5] = reach.before }
  }
}
