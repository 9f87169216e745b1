// Made-up ECDSA signatures over P-256: whoever chooses key and digest can reach any sum at all.
// Owns: making them. Must never: know an answer; OpenSSL gives those.

import CLanes
import COpenSSL

@testable import JOSE

/// One signature over a digest that need not be a hash of anything.
struct P256Case {
  var key: (x: Big, y: Big)
  var digest: [UInt8]
  var r: Big
  var s: Big
  var name: String

  /// `r` and `s` are below 2^256.
  init(_ name: String, _ key: (x: Big, y: Big), digest: Big, r: Big, s: Big) {
    (self.key, self.digest, self.r, self.s) = (key, digest.octets(32), r, s)
    self.name = name
  }

  /// What makes a verifier compute u1 G + u2 Q. With `good`, r is that sum's x; else r is near it
  /// but no x of it. nil where there is no such signature.
  init?(_ name: String, _ key: (x: Big, y: Big), u1: Big, u2: Big, good: Bool) {
    let n = P256.n
    guard let inverse = u2.inverse(n) else { return nil }
    let sum = P256.sum(u1, u2, key)
    var r = (sum?.x ?? 7) % n
    if !good || r == 0 { r = (r + 1) % n }
    guard r != 0 else { return nil }
    let s = r * inverse % n
    self.init("\(name)\(good ? "" : ", wrong r")", key, digest: u1 * s % n, r: r, s: s)
  }

  /// The key by which r and s hold for `digest` if R = (x, y) has x = r mod n.
  init?(_ name: String, sum: (x: Big, y: Big), digest: Big, r: Big, s: Big) {
    // Q = (s R - e G) / r.
    let n = P256.n
    guard let inverse = r.inverse(n),
      let key = P256.sum((n - digest % n) * inverse, s * inverse % n, sum)
    else { return nil }
    self.init(name, key, digest: digest, r: r, s: s)
  }

  var signature: [UInt8] { r.octets(32) + s.octets(32) }

  /// EVP_PKEY_verify's answer.
  func openSSLAnswer(_ context: OpaquePointer) -> Bool {
    var body = [UInt8](repeating: 0, count: 80)
    var count = jm_der_integer(&body, r.octets(32), 32)
    body.withUnsafeMutableBufferPointer {
      count += jm_der_integer($0.baseAddress! + count, s.octets(32), 32)
    }
    let der = [0x30, UInt8(count)] + body[..<count]
    defer { ERR_clear_error() }
    return EVP_PKEY_verify(context, der, der.count, digest, 32) == 1
  }
}

/// How the kernel writes u1 G + u2 Q: 32 windows of 8 bits for Q, then 24 of 11 bits for G, each
/// with an odd signed digit. It adds neighbours first, then neighbouring pairs, and so on. Were it to
/// do otherwise, `ranges` would have to follow: the tests would say that no case was met.
enum P256Digits {
  static let key = (bits: 8, windows: 32)
  static let base = (bits: 11, windows: 24)
  static let windows = key.windows + base.windows

  /// The two coefficients (of G, of Q) of each term; their sum is (u1, u2) mod n.
  static func terms(_ u1: Big, _ u2: Big) -> [(g: Big, q: Big)] {
    digits(u2, key.bits, key.windows).map { (0, $0) }
      + digits(u1, base.bits, base.windows).map { ($0, 0) }
  }

  private static func digits(_ u: Big, _ bits: Int, _ count: Int) -> [Big] {
    // Of an even number it is n less that which is odd.
    let odd = u.isOdd ? u : P256.n - u
    var rest = odd
    return (0..<count).map { window in
      let radix = Big.powerOfTwo(bits)
      // Odd numbers from 1 - 2^bits to 2^bits - 1; what is left stays odd. The highest takes it all.
      var digit = rest % (radix + radix) - radix
      if window == count - 1 { digit = rest }
      rest = (rest - digit) / radix
      let value = digit * Big.powerOfTwo(bits * window)
      return u.isOdd ? value : 0 - value
    }
  }

  /// Neighbouring ranges of terms that are added at some point: as a tree of pairs, and one by one.
  static let ranges: [(Range<Int>, Range<Int>)] = {
    var out: [(Range<Int>, Range<Int>)] = []
    var width = 1
    while width < windows {
      for start in stride(from: 0, to: windows - width, by: 2 * width) {
        out.append((start..<start + width, start + width..<min(start + 2 * width, windows)))
      }
      width *= 2
    }
    for end in 2..<windows { out.append((0..<end, end..<end + 1)) }
    return out
  }()

  /// A key Q = dG by which the sums of two ranges, of random u1 and u2, are the same point or
  /// inverse ones. nil where no key does that: both sums must have terms of G and Q together.
  static func meeting(
    _ ranges: (Range<Int>, Range<Int>), inverse: Bool
  ) -> (d: Big, u1: Big, u2: Big)? {
    let n = P256.n
    let (u1, u2) = (1 + Big.random(below: n - 1), 1 + Big.random(below: n - 1))
    let terms = terms(u1, u2)
    func sum(_ range: Range<Int>) -> (g: Big, q: Big) {
      range.reduce((0, 0)) { ($0.g + terms[$1].g, $0.q + terms[$1].q) }
    }
    // A + B d = +-(C + D d).
    let (left, right) = (sum(ranges.0), sum(ranges.1))
    let (rise, run) =
      inverse ? (left.g + right.g, left.q + right.q) : (left.g - right.g, left.q - right.q)
    guard let divisor = run.inverse(n) else { return nil }
    let d = (0 - rise) * divisor % n
    return d == 0 ? nil : (d, u1, u2)
  }

  /// A factor of which the lower windows' part is the higher ones' less n, so that their points are
  /// the same for every key: `bits` a window, cut before window `cut`. nil where there is none.
  static func doubling(_ bits: Int, cut: Int) -> Big? {
    // The odd multiple of 2^(bits cut) next to n.
    let unit = Big.powerOfTwo(bits * cut)
    var factor = P256.n / unit
    if !factor.isOdd { factor = factor + 1 }
    let u = 2 * (factor * unit) - P256.n
    return u.isNegative || u >= P256.n || u == 0 ? nil : u
  }
}
