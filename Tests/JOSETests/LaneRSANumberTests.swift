// RSA's public operation in the lanes: numbers at the edges of its arithmetic.
// Owns: the numbers. BN_mod_exp says what comes out.

import CLanes
import Testing

@testable import JOSE

@Suite struct LaneRSANumberTests {
  /// Octets that are hard for limbs of 52 bits, words of 64 and blocks of ten limbs.
  private static func pattern(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    var bits = [Bool](repeating: false, count: 8 * count)
    switch random.below(6) {
    case 0: return random.bytes(count)
    case 1: return [UInt8](repeating: 255, count: count)
    case 2:
      // Few ones, or few zeros.
      let most = random.below(2) == 0
      bits = .init(repeating: most, count: bits.count)
      for _ in 0...random.below(6) { bits[random.below(bits.count)] = !most }
    case 3:
      let width = [52, 64, 520][random.below(3)]
      for start in stride(from: 0, to: bits.count, by: width) {
        let kind = random.below(4)
        for i in start..<min(start + width, bits.count) {
          bits[i] = kind == 0 ? false : kind < 3 ? true : random.below(2) == 0
        }
      }
    case 4:
      // Runs.
      var (at, value) = (0, random.below(2) == 0)
      while at < bits.count {
        for _ in 0...random.below(random.below(4) == 0 ? 600 : 60) where at < bits.count {
          bits[at] = value
          at += 1
        }
        value.toggle()
      }
    default:
      let (cut, value) = (random.below(bits.count), random.below(2) == 0)
      for i in bits.indices { bits[i] = i < cut ? value : !value }
    }
    // Bit 0 is the lowest.
    return (0..<count).map { octet in
      (0..<8).reduce(0) { $0 | (bits[8 * (count - 1 - octet) + $1] ? 1 << UInt8($1) : 0) }
    }
  }

  private static func modulus(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    var out = pattern(count, &random)
    out[0] |= 0x80
    out[count - 1] |= 1
    return out
  }

  private static func number(_ n: Big, _ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    let two = Big.powerOfTwo(8 * count)
    let radix = Big.powerOfTwo(count / 64 * 520)
    let number: Big =
      switch random.below(16) {
      case 0: 0
      case 1: 1
      case 2: n - 1
      case 3: n
      case 4: n + 1
      case 5: two - 1
      case 6: n - Big(random.bytes(1 + random.below(16)))
      case 7: n / Big.powerOfTwo(1 + random.below(8 * count - 1))
      // Its Montgomery form is the pattern.
      case 8, 9: radix.inverse(n).map { Big(pattern(count, &random)) * $0 % n } ?? 2
      case 10: Big.powerOfTwo(random.below(8 * count))
      default: Big(pattern(count, &random))
      }
    return (number.isNegative || number >= two ? 3 : number).octets(count)
  }

  @Test(
    "The public operation is BN_mod_exp's, at the edges of its arithmetic",
    arguments: [256, 384, 512])
  func publicOperation(_ octets: Int) {
    var random = SeededRandom(for: "RSA's public operation, \(octets)")
    for _ in 0..<(octets == 256 ? 20 : 8) {
      let moduli = (0..<4).map { _ in Self.modulus(octets, &random) }
      let tables = moduli.map { clanes_rsa_key_new($0, octets)! }
      defer { for table in tables { clanes_rsa_key_free(table) } }
      for count in 1...8 {
        let places = (0..<count).map { _ in random.below(4) }
        let numbers = places.map { Self.number(Big(moduli[$0]), octets, &random) }
        let powers = zip(places, numbers).map { place, number in
          let n = Big(moduli[place])
          return Big(number) < n ? Big(number).power(RawRSA.e, n).octets(octets) : nil
        }
        let expected = powers.indices.reduce(UInt32(0)) { $0 | (powers[$1] == nil ? 0 : 1 << $1) }
        for unit in clanes_unit.present {
          var out = [UInt8](repeating: 0xaa, count: (count + 1) * octets)
          let keys: [OpaquePointer?] = places.map { tables[$0] }
          // Each number ends where its own memory does.
          let copies = numbers.map { number in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: octets)
            _ = copy.initialize(from: number)
            return copy
          }
          defer { for copy in copies { copy.deallocate() } }
          let all = copies.map { UnsafePointer($0.baseAddress) }
          let below = clanes_rsa_open(unit, octets, keys, all, count, &out)
          #expect(below == expected, "\(unit.title), \(count)")
          for (i, power) in powers.enumerated() where power != nil {
            guard power! != Array(out[i * octets..<(i + 1) * octets]) else { continue }
            Issue.record(
              "\(unit.title): \(numbers[i].base64url) mod \(moduli[places[i]].base64url)")
          }
          #expect(out[(count * octets)...].allSatisfy { $0 == 0xaa }, "nothing behind the end")
        }
      }
    }
  }

  @Test("What opens to a small number opens to just that", arguments: [2048, 3072, 4096])
  func smallPowers(_ bits: Int) {
    // An almost reduced power is one modulus too large here, and hardly anywhere else.
    let key = RawRSA(bits)
    let powers =
      [2, 3, 65537, Big.powerOfTwo(bits / 2)] + (1...4).map { Big.powerOfTwo(bits - 30 * $0) }
    let table = clanes_rsa_key_new(key.n.octets(bits / 8), bits / 8)!
    defer { clanes_rsa_key_free(table) }
    let signatures = powers.flatMap { key.open($0).octets(bits / 8) }
    for unit in clanes_unit.present {
      var out = [UInt8](repeating: 0, count: bits)
      signatures.withUnsafeBufferPointer { signatures in
        let all: [UnsafePointer<UInt8>?] = powers.indices.map {
          signatures.baseAddress! + $0 * bits / 8
        }
        let tables: [OpaquePointer?] = powers.map { _ in table }
        #expect(clanes_rsa_open(unit, bits / 8, tables, all, 8, &out) == 255)
      }
      #expect(out == powers.flatMap { $0.octets(bits / 8) }, "\(unit.title)")
    }
  }

  @Test func `only odd moduli of three lengths have a table`() {
    for octets in [0, 1, 128, 255, 256, 257, 383, 384, 385, 511, 512, 513, 1024] {
      var modulus = [UInt8](repeating: 255, count: max(octets, 1))
      let isGood = octets == 256 || octets == 384 || octets == 512
      let table = clanes_rsa_key_new(modulus, octets)
      #expect((table != nil) == isGood, "\(octets)")
      clanes_rsa_key_free(table)
      guard isGood else { continue }
      modulus[0] = 0x7f
      #expect(clanes_rsa_key_new(modulus, octets) == nil)
      (modulus[0], modulus[octets - 1]) = (255, 254)
      #expect(clanes_rsa_key_new(modulus, octets) == nil)
    }
  }
}
