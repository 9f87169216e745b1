// RSA keys whose private operation is cheap, and what they sign: any octets at all.
// Owns: keys that are safe for nothing but tests, since they are products of many small primes. A
// verifier cannot tell: it sees the modulus.

import COpenSSL

@testable import JOSE

final class RawRSA: @unchecked Sendable {
  // Sendable: never changed once made.

  /// One prime p: what the Chinese remainder theorem needs of it.
  private struct Part {
    var prime: Big
    /// e^-1 mod p - 1.
    var exponent: Big
    /// 1 mod p, and 0 mod all others.
    var unit: Big
  }

  let n: Big
  let octets: Int
  private let parts: [Part]
  static let e: Big = 65537

  /// A random key; `bits` is a multiple of 128.
  init(_ bits: Int) {
    octets = bits / 8
    var primes: [Big] = []
    var product: Big = 1
    func isUsable(_ p: Big) -> Bool { (p - 1).gcd(Self.e) == 1 && !primes.contains(p) }
    while primes.count < bits / 128 - 1 {
      let prime = Big.prime(bits: 128)
      guard isUsable(prime) else { continue }
      primes.append(prime)
      product = product * prime
    }
    // The last one makes the modulus as long as it must be.
    let (low, high) = (Big.powerOfTwo(bits - 1) / product + 1, Big.powerOfTwo(bits) / product)
    var last: Big = 0
    repeat { last = low + Big.random(below: high - low) } while !last.isPrime || !isUsable(last)
    primes.append(last)
    let n = product * last
    precondition(n.bits == bits && n.isOdd, "a modulus of the length asked for")
    self.n = n
    parts = primes.map { prime in
      let others = n / prime
      return Part(
        prime: prime, exponent: Self.e.inverse(prime - 1)!,
        unit: others * others.inverse(prime)! % n)
    }
  }

  var jwk: JWK { JWK(.rsa(n: n.octets(octets), e: [1, 0, 1])) }

  /// The number below n whose 65537th power is `message` mod n: a signature if that is encoded well.
  func open(_ message: Big) -> Big {
    var sum: Big = 0
    for part in parts {
      sum = sum + (message % part.prime).power(part.exponent, part.prime) * part.unit
    }
    return sum % n
  }

  func sign(encoded: [UInt8]) -> [UInt8] { open(Big(encoded)).octets(octets) }

  func sign(_ message: [UInt8], _ algorithm: Algorithm) -> [UInt8] {
    sign(
      encoded: algorithm.family == .rsaPSS
        ? Encoded.pss(message, algorithm.hashBits, octets)
        : Encoded.pkcs1(message, algorithm.hashBits, octets))
  }
}

/// Encoded messages (RFC 8017 section 9), and ill-formed ones.
enum Encoded {
  static func digest(_ bits: Int, _ message: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 64)
    var count: UInt32 = 0
    let md =
      bits == 160
      ? EVP_sha1()
      : bits == 256
        ? EVP_sha256()
        : bits == 384 ? EVP_sha384() : EVP_sha512()
    precondition(EVP_Digest(message, message.count, &out, &count, md, nil) == 1, "a digest")
    return Array(out[..<Int(count)])
  }

  /// The DigestInfo before a digest (section 9.2, note 1).
  static func info(_ bits: Int) -> [UInt8] {
    switch bits {
    case 256: "3031300d060960864801650304020105000420".unhexed
    case 384: "3041300d060960864801650304020205000430".unhexed
    default: "3051300d060960864801650304020305000440".unhexed
    }
  }

  static func pkcs1(_ message: [UInt8], _ bits: Int, _ octets: Int) -> [UInt8] {
    pkcs1(tail: info(bits) + digest(bits, message), octets)
  }

  /// 0, 1, 0xff..., 0 and `tail`.
  static func pkcs1(tail: [UInt8], _ octets: Int) -> [UInt8] {
    [0, 1] + [UInt8](repeating: 0xff, count: octets - 3 - tail.count) + [0] + tail
  }

  /// What of an encoding of EMSA-PSS can be otherwise than it should.
  struct PSS {
    /// nil: as long as the hash.
    var salt: Int?
    var trailer: UInt8 = 0xbc
    /// The octet before the salt.
    var separator: UInt8 = 1
    /// The hash of MGF1, in bits; nil: the message's.
    var mask: Int?
    /// This octet of the padding before the separator is 1.
    var dirty: Int?
    var topBit = false
    /// This octet of H is another.
    var wrongHash: Int?
  }

  static func pss(_ message: [UInt8], _ bits: Int, _ octets: Int, _ form: PSS = PSS()) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let size = bits / 8
    let salt = (0..<(form.salt ?? size)).map { _ in UInt8.random(in: 0...255, using: &random) }
    var hash = digest(bits, [UInt8](repeating: 0, count: 8) + digest(bits, message) + salt)
    // The mask goes by what stands there: nothing but the last comparison can tell.
    if let place = form.wrongHash { hash[place] ^= 1 }
    let count = octets - size - 1
    var block = [UInt8](repeating: 0, count: count - salt.count - 1) + [form.separator] + salt
    if let dirty = form.dirty { block[dirty] = 1 }
    let mask = mgf1(hash, form.mask ?? bits, count)
    for i in 0..<count { block[i] ^= mask[i] }
    block[0] &= 0x7f
    if form.topBit { block[0] |= 0x80 }
    return block + hash + [form.trailer]
  }

  /// The longest salt that fits.
  static func longestSalt(_ bits: Int, _ octets: Int) -> Int { octets - bits / 8 - 2 }

  static func mgf1(_ seed: [UInt8], _ bits: Int, _ count: Int) -> [UInt8] {
    var out: [UInt8] = []
    var counter: UInt8 = 0
    while out.count < count {
      out += digest(bits, seed + [0, 0, 0, counter])
      counter += 1
    }
    return Array(out[..<count])
  }
}
