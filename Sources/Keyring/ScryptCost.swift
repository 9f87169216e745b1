// How much work scrypt is asked for.
// Owns: the limits. Must never: allow a cost that takes more than a gigabyte or a minute.

/// The parameters of scrypt (RFC 7914 section 2).
public struct ScryptCost: Hashable, Sendable, CustomStringConvertible {
  /// N is 2 to the power of this.
  public let logN: Int
  public let r: Int
  public let p: Int

  /// For a login that a person waits for: N = 2^14, r = 8, p = 1; about 50 ms and 16 MiB.
  public static let interactive = ScryptCost(logN: 14, r: 8, p: 1)!

  /// The most memory for the large block, 128 · N · r octets; the small ones have a MiB beside it.
  public static let mostMemory = 1 << 30
  /// The most N · r · p: 256 times the interactive cost, about 12 seconds.
  public static let mostWork = 1 << 25

  /// nil for parameters that scrypt does not have, or that ask for more than the limits.
  public init?(logN: Int, r: Int, p: Int) {
    // Each within 25 bits, so that no product below can overflow.
    guard (1...25).contains(logN), (1...Self.mostWork).contains(r),
      (1...Self.mostWork).contains(p),
      // N < 2^(128 · r / 8).
      logN < 16 * r, 128 * r << logN <= Self.mostMemory, 128 * r * (p + 2) <= 1 << 20,
      r * p <= Self.mostWork, (r * p) << logN <= Self.mostWork
    else { return nil }
    (self.logN, self.r, self.p) = (logN, r, p)
  }

  /// What scrypt takes while it runs, in octets.
  public var memory: Int { 128 * r * ((1 << logN) + p + 2) }
  private var work: Int { (r * p) << logN }

  /// Whether it asks for as much memory and as much work as `other` at least.
  public func isAtLeast(_ other: ScryptCost) -> Bool {
    r << logN >= other.r << other.logN && work >= other.work
  }

  /// As a verifier has it: `ln=14,r=8,p=1`.
  public var description: String { "ln=\(logN),r=\(r),p=\(p)" }
}
