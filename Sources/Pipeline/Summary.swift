// Counts of a run as a value that adds up: over chunks, workers and shards.
// Owns: what is counted. Must never: grow without bound on hostile input, or count differently for
// another order of the same parts (while no table is full).

package import JOSE

package struct Summary: Sendable, Equatable {
  /// A table by name is exact up to this many names. Past twice as many it keeps the most frequent,
  /// and the others are added up under `other`.
  package static let distinctLimit = 10_000
  /// Longer names, in octets, are cut or go to `other`.
  package static let nameLimit = 256
  package static let other: ByteString = "(other)"

  package internal(set) var lines = Count()
  /// By Rejection's raw value; a line with two errors counts in both.
  package internal(set) var errors = [Int](repeating: 0, count: Rejection.allCases.count)
  /// Lines with more tokens than were judged.
  package internal(set) var linesWithMore = 0
  package private(set) var byAlgorithm: [ByteString: Count] = [:]
  package private(set) var byKid: [ByteString: Count] = [:]
  package private(set) var byIssuer: [ByteString: Count] = [:]

  // What only runs with a report or --summary-json count.

  /// Lines by the time of their use, else by their token's `iat`; lines with neither are left out.
  package private(set) var overTime = TimeTable<BucketStart, Count>()
  package private(set) var errorDays = TimeTable<ErrorDay, Count>(step: 86_400)
  /// Tokens whose signature held, by kid and `iat`.
  package private(set) var uses = TimeTable<UseTime, Uses>()
  package private(set) var keys: [ByteString: KeyDescription] = [:]
  /// Rejected tokens whose signature held, by `sub`; `accepted` is 0.
  package private(set) var rejectedSubjects: [ByteString: Count] = [:]
  /// Rejected lines by the first address on them; `accepted` is 0.
  package private(set) var rejectedAddresses: [ByteString: Count] = [:]

  package init() {}

  package mutating func count(_ reasons: Rejections) {
    if reasons.isEmpty { lines.accepted += 1 } else { lines.rejected += 1 }
    for reason in reasons { errors[Int(reason.rawValue)] += 1 }
  }

  // MARK: By name

  package mutating func add(algorithm: ByteString, _ count: Count) {
    Self.add(algorithm, count, to: &byAlgorithm)
    Self.bound(&byAlgorithm)
  }

  package mutating func add(kid: ByteString, _ count: Count) {
    Self.add(kid, count, to: &byKid)
    Self.bound(&byKid)
  }

  package mutating func add(issuer: ByteString, _ count: Count) {
    Self.add(Self.cut(issuer), count, to: &byIssuer)
    Self.bound(&byIssuer)
  }

  package mutating func add(rejectedSubject name: ByteString, _ count: Int) {
    Self.add(Self.cut(name), Count(accepted: 0, rejected: count), to: &rejectedSubjects)
    Self.bound(&rejectedSubjects)
  }

  package mutating func add(rejectedAddress name: ByteString, _ count: Int) {
    Self.add(name, Count(accepted: 0, rejected: count), to: &rejectedAddresses)
    Self.bound(&rejectedAddresses)
  }

  private static func add(
    _ name: ByteString, _ count: Count, to table: inout [ByteString: Count]
  ) {
    table[name.bytes.count <= nameLimit ? name : other, default: Count()] += count
  }

  private static func bound(_ table: inout [ByteString: Count]) {
    guard table.count > 2 * distinctLimit else { return }
    table = bounded(table)
  }

  /// The most frequent names of `table`, the others together under `other`.
  static func bounded(_ table: [ByteString: Count]) -> [ByteString: Count] {
    var kept = table
    var rest = kept.removeValue(forKey: other)
    if let more = kept.prune(to: distinctLimit) {
      var sum = rest ?? Count()
      sum += more
      rest = sum
    }
    if let rest { kept[other] = rest }
    return kept
  }

  /// The bytes at `range`, or as many whole characters as leave room for an ellipsis.
  static func cut(_ bytes: Span<UInt8>, _ range: Range<Int>) -> ByteString {
    guard range.count > nameLimit else { return ByteString(bytes.copy(range)) }
    let ellipsis = Array("…".utf8)
    var end = range.lowerBound + nameLimit - ellipsis.count
    while end > range.lowerBound, bytes[end] & 0xc0 == 0x80 { end -= 1 }
    return ByteString(bytes.copy(range.lowerBound..<end) + ellipsis)
  }

  private static func cut(_ name: ByteString) -> ByteString {
    name.bytes.count > nameLimit ? cut(name.bytes.span, 0..<name.bytes.count) : name
  }

  // MARK: By time

  package mutating func add(at start: BucketStart, _ count: Count) { overTime.add(start, count) }

  package mutating func add(_ reason: Rejection, on day: BucketStart, _ count: Int) {
    errorDays.add(ErrorDay(reason: reason, start: day), Count(accepted: 0, rejected: count))
  }

  /// `start` nil: the tokens say no time that an axis could show.
  package mutating func add(uses: Uses, of kid: ByteString, at start: BucketStart?) {
    let kid = kid.bytes.count <= Self.nameLimit ? kid : Self.other
    self.uses.add(UseTime(kid: kid, start: start), uses)
  }

  // MARK: Keys

  /// Notes what `keys` says of each key that has a kid.
  package mutating func describe(_ keys: KeySet) {
    let windows = keys.windows
    for (index, key) in keys.keys.enumerated() {
      guard let kid = key.jwk.kid else { continue }
      let name = key.jwk.algorithm.map { ByteString($0.algorithm.name) }
      add(
        key: kid,
        KeyDescription(
          algorithm: name ?? ByteString(key.jwk.kind),
          window: windows.isEmpty ? nil : windows[index]))
    }
    for (kid, name) in keys.revokedWithoutKey {
      var description = KeyDescription(algorithm: ByteString(name.algorithm.name), window: nil)
      description.revocation = KeyWindow.Revocation(since: nil)
      add(key: kid, description)
    }
  }

  /// Adds to what is known of a key; a set that is too large keeps the kids that sort first.
  mutating func add(key kid: ByteString, _ description: KeyDescription) {
    guard kid.bytes.count <= Self.nameLimit else { return }
    if keys[kid] != nil { keys[kid]! += description } else { keys[kid] = description }
    boundKeys()
  }

  private mutating func boundKeys() {
    guard keys.count > 2 * Self.distinctLimit else { return }
    for kid in keys.keys.sorted()[Self.distinctLimit...] { keys.removeValue(forKey: kid) }
  }

  // MARK: Sums and rows

  package static func += (a: inout Summary, b: Summary) {
    a.lines += b.lines
    a.linesWithMore = a.linesWithMore.plus(b.linesWithMore)
    for i in a.errors.indices { a.errors[i] = a.errors[i].plus(b.errors[i]) }
    // Bounded only when all of a table is there: a dictionary's order must not matter.
    func merge(_ table: inout [ByteString: Count], _ its: [ByteString: Count]) {
      for (name, count) in its { add(name, count, to: &table) }
      bound(&table)
    }
    merge(&a.byAlgorithm, b.byAlgorithm)
    merge(&a.byKid, b.byKid)
    merge(&a.byIssuer, b.byIssuer)
    merge(&a.rejectedSubjects, b.rejectedSubjects)
    merge(&a.rejectedAddresses, b.rejectedAddresses)
    a.overTime += b.overTime
    a.errorDays += b.errorDays
    a.uses += b.uses
    for (kid, description) in b.keys {
      if a.keys[kid] != nil { a.keys[kid]! += description } else { a.keys[kid] = description }
    }
    a.boundKeys()
  }

  /// Lines on which there was no token to judge.
  package var linesWithoutToken: Int {
    min(errors[Int(Rejection.noToken.rawValue)], lines.rejected)
  }

  /// The errors that occurred, most frequent first.
  package var errorCounts: [(code: StaticString, count: Int)] {
    errorRows.map { ($0.reason.code, $0.count) }
  }

  /// The same as values.
  package var errorRows: [(reason: Rejection, count: Int)] {
    Rejection.allCases.map { ($0, errors[Int($0.rawValue)]) }
      .filter { $0.count > 0 }
      .sorted { $0.count > $1.count }
  }

  /// A table's rows, most frequent first, ties by name.
  package static func rows(_ table: [ByteString: Count]) -> [(name: ByteString, count: Count)] {
    table.ranked.map { (name: $0.key, count: $0.value) }
  }
}

extension Summary {
  /// What a table read from a file takes the place of. Bounded like everything else.
  mutating func setTables(
    algorithm: [ByteString: Count], kid: [ByteString: Count], issuer: [ByteString: Count],
    subject: [ByteString: Count], address: [ByteString: Count]
  ) {
    byAlgorithm = Self.bounded(algorithm)
    byKid = Self.bounded(kid)
    byIssuer = Self.bounded(issuer)
    rejectedSubjects = Self.bounded(subject)
    rejectedAddresses = Self.bounded(address)
  }

  mutating func setTimes(
    _ overTime: TimeTable<BucketStart, Count>, _ errorDays: TimeTable<ErrorDay, Count>,
    _ uses: TimeTable<UseTime, Uses>
  ) {
    (self.overTime, self.errorDays, self.uses) = (overTime, errorDays, uses)
  }
}
