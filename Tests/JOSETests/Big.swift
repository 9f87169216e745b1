// Big integers for tests, by OpenSSL's BN: what the kernels under test compute otherwise.
// Owns: the C objects. Must never: share code with CLanes.

import COpenSSL

/// A number. Never changed once made.
struct Big: Comparable, ExpressibleByIntegerLiteral, @unchecked Sendable {
  // Sendable: nothing writes to `box` after `make`.
  private final class Box {
    let number = BN_new()!
    deinit { BN_free(number) }
  }
  private let box: Box

  /// For calls of C, as long as the number is held: a temporary one is gone before the call.
  var pointer: OpaquePointer { box.number }

  private init(_ make: (OpaquePointer, OpaquePointer) -> Int32) {
    box = Box()
    let context = BN_CTX_new()!
    defer { BN_CTX_free(context) }
    precondition(make(box.number, context) == 1, "arithmetic that OpenSSL refuses")
  }

  init(integerLiteral value: UInt64) { self.init { number, _ in BN_set_word(number, UInt(value)) } }

  /// Big-endian.
  init(_ octets: [UInt8]) {
    self.init { number, _ in BN_bin2bn(octets, Int32(octets.count), number) == nil ? 0 : 1 }
  }

  init(copying number: OpaquePointer) {
    self.init { own, _ in BN_copy(own, number) == nil ? 0 : 1 }
  }

  init(littleEndian octets: [UInt8]) { self.init(octets.reversed()) }

  init(hex: String) { self.init(hex.unhexed) }

  static func random(below limit: Big) -> Big {
    Big { number, _ in BN_rand_range(number, limit.pointer) }
  }

  static func prime(bits: Int32) -> Big {
    Big { number, _ in BN_generate_prime_ex(number, bits, 0, nil, nil, nil) }
  }

  static func powerOfTwo(_ bit: Int) -> Big { Big { number, _ in BN_set_bit(number, Int32(bit)) } }

  /// Big-endian, padded to `count` octets, which must hold it.
  func octets(_ count: Int) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: count)
    precondition(BN_bn2binpad(pointer, &out, Int32(count)) == count, "the number is longer")
    return out
  }

  func littleEndian(_ count: Int) -> [UInt8] { octets(count).reversed() }

  var bits: Int { Int(BN_num_bits(pointer)) }
  var isOdd: Bool { BN_is_odd(pointer) == 1 }
  var isNegative: Bool { BN_is_negative(pointer) == 1 }
  var isPrime: Bool { BN_check_prime(pointer, nil, nil) == 1 }
  func bit(_ index: Int) -> Bool { BN_is_bit_set(pointer, Int32(index)) == 1 }

  static func == (a: Big, b: Big) -> Bool { BN_cmp(a.pointer, b.pointer) == 0 }
  static func < (a: Big, b: Big) -> Bool { BN_cmp(a.pointer, b.pointer) < 0 }

  static func + (a: Big, b: Big) -> Big { Big { n, _ in BN_add(n, a.pointer, b.pointer) } }
  static func - (a: Big, b: Big) -> Big { Big { n, _ in BN_sub(n, a.pointer, b.pointer) } }
  static func * (a: Big, b: Big) -> Big { Big { n, c in BN_mul(n, a.pointer, b.pointer, c) } }
  static prefix func - (a: Big) -> Big { 0 - a }

  static func / (a: Big, b: Big) -> Big { Big { n, c in BN_div(n, nil, a.pointer, b.pointer, c) } }

  /// From 0 on, whatever the sign of `a`.
  static func % (a: Big, b: Big) -> Big { Big { n, c in BN_nnmod(n, a.pointer, b.pointer, c) } }

  /// nil if there is none.
  func inverse(_ modulus: Big) -> Big? {
    let reduced = self % modulus
    guard reduced != 0, modulus.gcd(reduced) == 1 else { return nil }
    return Big { n, c in BN_mod_inverse(n, reduced.pointer, modulus.pointer, c) == nil ? 0 : 1 }
  }

  func gcd(_ other: Big) -> Big { Big { n, c in BN_gcd(n, pointer, other.pointer, c) } }

  /// `modulus` is odd.
  func power(_ exponent: Big, _ modulus: Big) -> Big {
    Big { n, c in BN_mod_exp(n, pointer, exponent.pointer, modulus.pointer, c) }
  }
}
