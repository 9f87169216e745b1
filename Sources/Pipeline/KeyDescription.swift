// What is known of a key that verified tokens: its algorithm and when it signed.
// Owns: how two descriptions of one kid become one. Must never: hold a key.

package import JOSE

/// A key as a report shows it; times are whole seconds.
package struct KeyDescription: Sendable, Equatable {
  /// Its algorithm's name, or its kind where it is for several.
  package var algorithm: ByteString
  /// nil: no source says when it signed.
  package var window: Window?
  /// Revoked, at all times or from `since` on.
  package var revocation: KeyWindow.Revocation?

  /// When the key signed, as far as known; see `KeyWindow`.
  package struct Window: Sendable, Equatable {
    package var opens: Timestamp?
    package var closes: Timestamp?
    package var ends: Timestamp?
    package var neverOpens = false

    package init() {}
  }

  package init(algorithm: ByteString, window: KeyWindow?) {
    self.algorithm = algorithm
    guard let window else { return }
    revocation = window.revocation.map { KeyWindow.Revocation(since: Self.second($0.since)) }
    var known = Window()
    known.opens = Self.second(window.opens)
    known.closes = Self.second(window.closes)
    known.ends = Self.second(window.ends)
    known.neverOpens = window.neverOpens
    self.window = known
  }

  /// In whole seconds, and nil outside the years that RFC 3339 can write.
  private static func second(_ time: Timestamp?) -> Timestamp? {
    time.flatMap { BucketStart(of: $0, step: 1)?.time }
  }

  /// The widest view of both: runs at different times know more or less of a key's end, and what
  /// is not known gives way to what is. A revocation stays. The order does not matter.
  static func += (a: inout KeyDescription, b: KeyDescription) {
    a.algorithm = min(a.algorithm, b.algorithm)
    if let its = b.window {
      guard var window = a.window else {
        a.window = its
        return a.revoke(b.revocation)
      }
      window.opens = both(window.opens, its.opens, min)
      window.closes = both(window.closes, its.closes, max)
      window.ends = both(window.ends, its.ends, max)
      window.neverOpens = window.neverOpens && its.neverOpens
      a.window = window
    }
    a.revoke(b.revocation)
  }

  private mutating func revoke(_ other: KeyWindow.Revocation?) {
    guard let other, let mine = revocation else {
      revocation = revocation ?? other
      return
    }
    // Without a time none of its tokens is good, whatever the other one says.
    guard let one = mine.since, let two = other.since else {
      revocation = KeyWindow.Revocation(since: nil)
      return
    }
    revocation = KeyWindow.Revocation(since: min(one, two))
  }

  private static func both(
    _ a: Timestamp?, _ b: Timestamp?, _ choose: (Timestamp, Timestamp) -> Timestamp
  ) -> Timestamp? {
    guard let a, let b else { return a ?? b }
    return choose(a, b)
  }
}
