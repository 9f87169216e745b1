// What the workers of a process share about the lanes: whether they are trusted, what they have
// judged, and the tables.
// Owns: trust in the kernels of CLanes. Must never: trust one again that OpenSSL has contradicted.

internal import CLanes
internal import Synchronization

/// Many signatures at once, watched over by OpenSSL. One a process; LaneEngine is a worker's.
package final class Lanes: Sendable {
  package enum Use: Sendable {
    /// Where they are faster: for keys that sign often, on processors that have the instructions.
    case wherePaying
    /// For every key that there is a kernel for.
    case everywhere
  }

  /// What the kernels run on.
  package enum Unit: Sendable {
    /// The widest that this processor has.
    case widest
    /// Plain C. It is slower than OpenSSL for RSA, which is left to that.
    case portable
  }

  /// What all tables together may take.
  package static let tableOctets = 32 << 20

  let use: Use
  let unit: clanes_unit
  let tables: LaneTables
  private let report: @Sendable (String) -> Void
  private let isTrusted = Atomic(true)
  /// Lanes whose known answers were right, a bit each.
  private let proven = Atomic<UInt8>(0)
  private let proving = Mutex(())
  private let judged = Atomic<Int>(0)
  private let confirmed = Atomic<Int>(0)

  /// `report` gets the first disagreement with OpenSSL, on whichever thread met it: a text for a
  /// person, without the token.
  package init(
    _ use: Use, _ unit: Unit, tableOctets: Int = Lanes.tableOctets,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.use = use
    self.unit =
      unit == .widest && clanes_has(CLANES_IFMA) != 0 ? CLANES_IFMA : CLANES_PORTABLE
    tables = LaneTables(limit: tableOctets, isEager: use == .everywhere)
    self.report = report
  }

  /// Whether the lanes gave a wrong answer: from then on OpenSSL alone judges.
  package var haveFailed: Bool { !isTrusted.load(ordering: .relaxed) }

  /// What the kernels run on, for a person.
  package var unitName: String { unit == CLANES_IFMA ? "AVX-512 IFMA" : "portable C" }

  /// Whether there is a kernel for signatures by `key`.
  package func canJudge(_ key: JWK) -> Bool { Lane(key).map(canUse) ?? false }

  /// Whether a kernel is faster than OpenSSL here.
  func canUse(_ lane: Lane) -> Bool { !(lane.isRSA && unit == CLANES_PORTABLE) }

  /// Whether a kernel gives the answers that are known. It is asked for them once, before its first
  /// use in the process.
  func isProven(_ lane: Lane) -> Bool {
    let bit = UInt8(1) << lane.rawValue
    if proven.load(ordering: .acquiring) & bit != 0 { return true }
    return proving.withLock { _ in
      guard !haveFailed else { return false }
      if proven.load(ordering: .acquiring) & bit != 0 { return true }
      if let failure = LaneSelfTest.failure(of: lane, on: unit) {
        distrust("The self-test of the \(unitName) kernel for \(lane) failed: \(failure)")
        return false
      }
      proven.bitwiseOr(bit, ordering: .releasing)
      return true
    }
  }

  /// Takes the lanes out of use for good.
  func distrust(_ reason: String) {
    guard isTrusted.exchange(false, ordering: .relaxed) else { return }
    report(reason)
  }

  // MARK: Rejections that OpenSSL confirms

  /// Up to here each rejection is confirmed.
  private static let alwaysConfirmed = 4096
  /// Beyond that each one is as long as they are no more than one signature in so many; of a flood
  /// one in so many, at random.
  static let confirmedShare = 8

  func count(judged count: Int, confirmed confirmations: Int) {
    judged.add(count, ordering: .relaxed)
    confirmed.add(confirmations, ordering: .relaxed)
  }

  /// Whether OpenSSL has time for each rejection: confirming a flood of forgeries would cost more
  /// than the lanes save.
  var confirmsAll: Bool {
    confirmed.load(ordering: .relaxed)
      <= Self.alwaysConfirmed + judged.load(ordering: .relaxed) / Self.confirmedShare
  }
}
