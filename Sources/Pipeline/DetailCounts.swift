// What only a report shows, counted between chunks: hours, days of errors, uses of keys, who was
// rejected. One a worker.
// Owns: counting a line without a look-up by name or an allocation, mostly. Must never: take a
// claim from a token whose signature did not hold.

package import JOSE

package struct DetailCounts: Sendable {
  private var hours = BucketCounts<Summary.Count>()
  /// By day and reason: `64 * day + reason`.
  private var errors = BucketCounts<Summary.Count>()
  /// By kid and hour: `kidSlots * hour + index in kids`.
  private var uses = BucketCounts<Summary.Uses>()
  private var kids: [ByteString] = []
  private var lastKid = 0
  private var subjects = NameCounts()
  private var addresses = NameCounts()

  /// More kids than this in one chunk are counted without their times.
  private static let kidSlots: Int64 = 1024
  /// In hours; stands for tokens without a time.
  private static let undated: Int64 = -1 << 40

  package init() {}

  /// Counts one line with one token or none.
  ///
  /// - `payloads`: the octets that `claims` stands in; nil unless the signature held and the payload
  ///   is a claims set.
  /// - `kid`: of the key that verified the token; nil if there is none.
  /// - `useTime`: the line's own time, if it has one; else the token's `iat` stands for it, if it is
  ///   known to be genuine.
  package mutating func count(
    _ bytes: Span<UInt8>, _ line: Range<Int>, claims: borrowing Claims, payloads: Span<UInt8>?,
    kid: ByteString?, useTime: Timestamp?, reasons: Rejections
  ) {
    var iat: Timestamp?
    if let payloads { iat = countToken(claims, payloads, kid: kid, reasons: reasons) }
    countLine(bytes, line, time: useTime ?? iat, reasons: reasons)
  }

  /// Counts a token whose signature held, of a line that `countLine` counts. Returns its `iat`.
  package mutating func countToken(
    _ claims: borrowing Claims, _ payloads: Span<UInt8>, kid: ByteString?, reasons: Rejections
  ) -> Timestamp? {
    var iat: Timestamp?
    if case .some(let time?) = claims.time(claims.iat, payloads) { iat = time.floor }
    if let kid { countUse(kid, iat, reasons) }
    if !reasons.isEmpty { countSubject(claims, payloads) }
    return iat
  }

  /// Counts a line by its time; the verdict is that of all its tokens. Of a line without one only
  /// that it had none is counted: what nobody presented was not rejected.
  package mutating func countLine(
    _ bytes: Span<UInt8>, _ line: Range<Int>, time: Timestamp?, reasons: Rejections
  ) {
    let accepted = reasons.isEmpty
    let isWithout = reasons == Rejections(.noToken)
    if let start = time.flatMap({ BucketStart(of: $0, step: 3600) }) {
      if !isWithout {
        hours.add(
          start.seconds / 3600,
          Summary.Count(accepted: accepted ? 1 : 0, rejected: accepted ? 0 : 1))
      }
      if !accepted {
        let day = start.rounded(to: 86_400).seconds / 86_400
        for reason in reasons {
          errors.add(day * 64 + Int64(reason.rawValue), Summary.Count(accepted: 0, rejected: 1))
        }
      }
    }
    guard !accepted, !isWithout, let address = ClientAddress.find(bytes, line) else { return }
    addresses.add(bytes, address)
  }

  private mutating func countUse(_ kid: ByteString, _ iat: Timestamp?, _ reasons: Rejections) {
    if lastKid >= kids.count || kids[lastKid] != kid { lastKid = index(of: kid) }
    let isRevoked = reasons.contains(.revokedKey)
    let isOutside = reasons.contains(.outsideKeyWindow)
    let start = iat.flatMap { BucketStart(of: $0, step: 3600) }
    let hour = start.map { $0.seconds / 3600 } ?? Self.undated
    uses.add(
      hour * Self.kidSlots + Int64(lastKid),
      Summary.Uses(
        inside: isRevoked || isOutside ? 0 : 1, outside: isOutside && !isRevoked ? 1 : 0,
        revoked: isRevoked ? 1 : 0))
  }

  private mutating func index(of kid: ByteString) -> Int {
    if let found = kids.firstIndex(of: kid) { return found }
    if kids.count == Int(Self.kidSlots) - 1 { kids.append(Summary.other) }
    if kids.count == Int(Self.kidSlots) { return kids.count - 1 }
    kids.append(kid)
    return kids.count - 1
  }

  private mutating func countSubject(_ claims: borrowing Claims, _ payloads: Span<UInt8>) {
    guard claims.sub != Claims.absent, claims.document.nodes[claims.sub].kind == .string else {
      return
    }
    let node = claims.document.nodes[claims.sub]
    if node.escaped {
      let text = claims.document.unescaped(claims.sub, in: payloads)
      subjects.add(text.span, 0..<text.count)
    } else {
      subjects.add(payloads, node.range)
    }
  }

  /// Adds what was counted to `summary` and forgets it.
  package mutating func flush(into summary: inout Summary) {
    hours.flush { summary.add(at: BucketStart($0 * 3600), $1) }
    errors.flush { key, count in
      let day = key >> 6
      guard let reason = Rejection(rawValue: UInt8(key - day << 6)) else { return }
      summary.add(reason, on: BucketStart(day * 86_400), count.rejected)
    }
    uses.flush { key, count in
      let hour = key >> 10
      summary.add(
        uses: count, of: kids[Int(key & (Self.kidSlots - 1))],
        at: hour == Self.undated ? nil : BucketStart(hour * 3600))
    }
    kids.removeAll(keepingCapacity: true)
    lastKid = 0
    subjects.flush { summary.add(rejectedSubject: $0, $1) }
    addresses.flush { summary.add(rejectedAddress: $0, $1) }
  }
}

/// Counts by number. Two numbers in one slot may make several entries of one; they add up later.
private struct BucketCounts<Value: Tally>: Sendable {
  private var entries: [(key: Int64, value: Value)] = []
  /// Where a number's entry stands, by its low bits.
  private var slots = [Int32](repeating: 0, count: 256)

  mutating func add(_ key: Int64, _ value: Value) {
    let mixed = UInt64(bitPattern: key) &* 0x9e37_79b9_7f4a_7c15
    let slot = Int(mixed >> 56)
    let index = Int(slots[slot])
    if index < entries.count, entries[index].key == key {
      entries[index].value += value
    } else {
      slots[slot] = Int32(entries.count)
      entries.append((key, value))
    }
  }

  mutating func flush(_ take: (Int64, Value) -> Void) {
    for (key, value) in entries { take(key, value) }
    entries.removeAll(keepingCapacity: true)
  }
}

/// Counts by name, found by a hash and compared octet for octet.
private struct NameCounts: Sendable {
  private var names: [ByteString] = []
  private var counts: [Int] = []
  private var slots = [Int32](repeating: 0, count: 1024)

  mutating func add(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var hash = UInt32(truncatingIfNeeded: range.count)
    let step = max(1, range.count / 16)
    var i = range.lowerBound
    while i < range.upperBound {
      hash = (hash ^ UInt32(bytes[i])) &* 0x0100_0193
      i += step
    }
    let slot = Int((hash ^ hash >> 15) & 1023)
    let index = Int(slots[slot])
    if index < names.count, bytes.equals(range, names[index].bytes) {
      counts[index] += 1
    } else {
      slots[slot] = Int32(names.count)
      names.append(Summary.cut(bytes, range))
      counts.append(1)
    }
  }

  mutating func flush(_ take: (ByteString, Int) -> Void) {
    for (name, count) in zip(names, counts) { take(name, count) }
    names.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
  }
}
