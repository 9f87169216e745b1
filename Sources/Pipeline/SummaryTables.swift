// Tables of counts that stay bounded: by name, and by hour, which become days when there are many.
// Owns: what is kept when a table is full. Must never: lose a count, overflow, or let a dictionary's
// order decide what is kept.

package import JOSE

extension Int {
  /// The sum, or the greatest number there is: sums of files that anybody wrote can't trap.
  package func plus(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

/// What is counted under a key.
package protocol Tally: Sendable, Equatable {
  init()
  /// What decides which keys are kept.
  var total: Int { get }
  static func += (a: inout Self, b: Self)
}

extension Summary {
  /// Lines, or tokens, by verdict.
  package struct Count: Tally {
    package var accepted = 0
    package var rejected = 0
    package var total: Int { accepted.plus(rejected) }

    package init() {}
    package init(accepted: Int, rejected: Int) {
      self.accepted = accepted
      self.rejected = rejected
    }

    package static func += (a: inout Count, b: Count) {
      a.accepted = a.accepted.plus(b.accepted)
      a.rejected = a.rejected.plus(b.rejected)
    }
  }

  /// Tokens by one key whose signature held: `iat` and `exp` within its signing window, outside of
  /// it, or by the key although it was revoked. A token that is both counts as revoked.
  package struct Uses: Tally {
    package var inside = 0
    package var outside = 0
    package var revoked = 0
    package var total: Int { inside.plus(outside).plus(revoked) }

    package init() {}
    package init(inside: Int, outside: Int, revoked: Int) {
      self.inside = inside
      self.outside = outside
      self.revoked = revoked
    }

    package static func += (a: inout Uses, b: Uses) {
      a.inside = a.inside.plus(b.inside)
      a.outside = a.outside.plus(b.outside)
      a.revoked = a.revoked.plus(b.revoked)
    }
  }
}

extension Dictionary where Key: Comparable, Value: Tally {
  /// The rows, greatest first, ties by key.
  package var ranked: [(key: Key, value: Value)] {
    sorted { ($1.value.total, $0.key) < ($0.value.total, $1.key) }
  }

  /// Keeps the `limit` greatest; returns the sum of the others, nil when there are none. Called at
  /// twice the limit, it lets a frequent key that comes late take the place of rare ones before it.
  mutating func prune(to limit: Int) -> Value? {
    guard count > limit else { return nil }
    var rest = Value()
    for (key, value) in ranked[limit...] {
      rest += value
      removeValue(forKey: key)
    }
    return rest
  }
}

/// A key of a table by time.
package protocol TimeKey: Sendable, Hashable, Comparable {
  /// The same with its time rounded down to a multiple of `step` seconds.
  func rounded(to step: Int64) -> Self
}

/// Seconds since 1970 at which a bucket begins.
package struct BucketStart: TimeKey {
  package var seconds: Int64

  package init(_ seconds: Int64) { self.seconds = seconds }

  package func rounded(to step: Int64) -> BucketStart {
    let past = seconds % step
    return BucketStart(seconds - past - (past < 0 ? step : 0))
  }

  package static func < (a: BucketStart, b: BucketStart) -> Bool { a.seconds < b.seconds }
}

/// Tokens of one key that say they were issued in one bucket; nil: without a time.
package struct UseTime: TimeKey {
  package var kid: ByteString
  package var start: BucketStart?

  package func rounded(to step: Int64) -> UseTime {
    UseTime(kid: kid, start: start?.rounded(to: step))
  }

  package static func < (a: UseTime, b: UseTime) -> Bool {
    guard a.kid == b.kid else { return a.kid < b.kid }
    return (a.start?.seconds ?? .min) < (b.start?.seconds ?? .min)
  }
}

/// Lines rejected for one reason on one day.
package struct ErrorDay: TimeKey {
  package var reason: Rejection
  package var start: BucketStart

  package func rounded(to step: Int64) -> ErrorDay {
    ErrorDay(reason: reason, start: start.rounded(to: step))
  }

  package static func < (a: ErrorDay, b: ErrorDay) -> Bool {
    (a.reason.rawValue, a.start.seconds) < (b.reason.rawValue, b.start.seconds)
  }
}

/// Counts in hours. More than `limit` of them become days: whether they do depends on what was
/// counted alone, not on its order. Of more than twice as many days the rarest go to `other`.
package struct TimeTable<Key: TimeKey, Value: Tally>: Sendable, Equatable {
  package static var limit: Int { 20_000 }
  package static var hour: Int64 { 3600 }
  package static var day: Int64 { 86_400 }

  package private(set) var step: Int64
  package private(set) var counts: [Key: Value] = [:]
  package private(set) var other = Value()

  package init(step: Int64 = Self.hour) { self.step = step }

  package var isEmpty: Bool { counts.isEmpty && other == Value() }

  package mutating func add(_ key: Key, _ value: Value) {
    counts[key.rounded(to: step), default: Value()] += value
    bound()
  }

  package mutating func add(other value: Value) { other += value }

  package static func += (a: inout TimeTable, b: TimeTable) {
    if a.step < b.step { a.coarsen(to: b.step) }
    for (key, value) in b.counts { a.counts[key.rounded(to: a.step), default: Value()] += value }
    a.other += b.other
    a.bound()
  }

  private mutating func bound() {
    if step < Self.day, counts.count > Self.limit { coarsen(to: Self.day) }
    if counts.count > 2 * Self.limit, let rest = counts.prune(to: Self.limit) { other += rest }
  }

  private mutating func coarsen(to step: Int64) {
    self.step = step
    var coarse: [Key: Value] = [:]
    for (key, value) in counts { coarse[key.rounded(to: step), default: Value()] += value }
    counts = coarse
  }
}

extension BucketStart {
  /// The bucket of `time`; nil outside the years 0000 to 9999, which no axis shows.
  package init?(of time: Timestamp, step: Int64) {
    guard (-62_167_219_200..<253_402_300_800).contains(time.seconds) else { return nil }
    self = BucketStart(time.seconds).rounded(to: step)
  }

  package var time: Timestamp { Timestamp(seconds: seconds) }
}
