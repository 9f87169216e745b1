// RSA signatures that were made up: encoded messages with something wrong in them, and numbers that
// no signer gives.
// Owns: the cases. OpenSSL says what each is worth, LaneReferee compares.

import Testing

@testable import JOSE

@Suite struct LaneRSACaseTests {
  private static let message = "a message".octets

  /// Cases of one key, by their encoded messages, of which it signs each as it is.
  private struct Forge {
    let key: RawRSA
    var cases: [LaneCase] = []

    mutating func add(_ name: String, _ algorithm: Algorithm, encoded: [UInt8]) {
      // What is not below the modulus cannot be signed.
      guard Big(encoded) < key.n else { return }
      add(name, algorithm, signature: key.sign(encoded: encoded))
    }

    mutating func add(_ name: String, _ algorithm: Algorithm, signature: [UInt8]) {
      cases.append(
        LaneCase(
          key: 0, algorithm: algorithm, message: LaneRSACaseTests.message, signature: signature,
          name: name))
    }
  }

  @Test("Encoded messages of PKCS #1 v1.5 with anything wrong", arguments: [2048, 3072, 4096])
  func pkcs1(_ bits: Int) throws {
    var forge = Forge(key: RawRSA(bits))
    let octets = bits / 8
    for algorithm in [Algorithm.rs256, .rs384, .rs512] {
      let hash = algorithm.hashBits
      let digest = Encoded.digest(hash, Self.message)
      let good = Encoded.pkcs1(Self.message, hash, octets)
      forge.add("good", algorithm, encoded: good)
      // Each octet of the shortest key's, and of the others one in five.
      for place in 0..<octets where bits == 2048 || place < 12 || place > octets - 90 {
        var changed = good
        changed[place] ^= 1 << UInt8(place % 8)
        forge.add("octet \(place)", algorithm, encoded: changed)
        guard bits == 2048, hash == 256 else { continue }
        changed[place] = good[place] == 0 ? 255 : 0
        forge.add("octet \(place)", algorithm, encoded: changed)
      }
      var info = Encoded.info(hash)
      func add(_ name: String, _ tail: [UInt8]) {
        forge.add(name, algorithm, encoded: Encoded.pkcs1(tail: tail, octets))
      }
      add("no DigestInfo", digest)
      add("digest one longer", info + digest + [0])
      add("digest one shorter", info + digest.dropLast())
      add("digest of another message", info + Encoded.digest(hash, [1]))
      for other in [256, 384, 512] where other != hash {
        add("another hash", Encoded.info(other) + Encoded.digest(other, Self.message))
        add("another hash's name", Encoded.info(other) + digest)
        add("this hash's name", info + Encoded.digest(other, Self.message))
      }
      // Without NULL: both SEQUENCEs are two octets shorter.
      let (first, second) = (info[1], info[3])
      let bare = [0x30, first - 2, 0x30, second - 2] + info[4..<15] + info[17...]
      add("no NULL", bare + digest)
      add(
        "NULL of one octet",
        [0x30, first + 1, 0x30, second + 1] + info[4..<15] + [5, 1, 0]
          + info[17...] + digest)
      add("a length in two octets", [0x30, 0x81] + info[1...] + digest)
      add("an inner length in two octets", [0x30, first + 1, 0x30, 0x81] + info[3...] + digest)
      info[0] = 0x31
      add("SET", info + digest)
      info = Encoded.info(hash)
      // Padding that is too short, with something behind the digest or before it.
      for padding in [0, 1, 7, 8, 9, octets / 2] {
        let head = [0, 1] + [UInt8](repeating: 255, count: padding) + [0] + info + digest
        let rest = [UInt8](repeating: 0, count: octets - head.count)
        forge.add("\(padding) octets of padding, zeros behind", algorithm, encoded: head + rest)
        forge.add("\(padding) octets of padding, zeros before", algorithm, encoded: rest + head)
        forge.add(
          "\(padding) octets of padding, others behind", algorithm,
          encoded: head + rest.map { _ in 0x5a })
      }
      for type: UInt8 in [0, 2, 3, 255] {
        var other = good
        other[1] = type
        forge.add("block type \(type)", algorithm, encoded: other)
      }
      var zeros = good
      for i in 2..<octets - 19 - hash / 8 - 1 { zeros[i] = 0 }
      forge.add("padding of zeros", algorithm, encoded: zeros)
      forge.add("PSS", algorithm, encoded: Encoded.pss(Self.message, hash, octets))
    }
    let good = addNumbers(&forge, [.rs256, .rs384, .rs512])
    let tally = try compare(forge)
    #expect(tally.valid == good + 3, "only the good ones hold")
  }

  @Test("Encoded messages of PSS with anything wrong", arguments: [2048, 3072, 4096])
  func pss(_ bits: Int) throws {
    var forge = Forge(key: RawRSA(bits))
    let octets = bits / 8
    var expected = 0
    for algorithm in [Algorithm.ps256, .ps384, .ps512] {
      let hash = algorithm.hashBits
      func encoded(_ form: Encoded.PSS) -> [UInt8] {
        // With a salt the top bits are at random: one of these is below the modulus.
        for _ in 0..<64 {
          let made = Encoded.pss(Self.message, hash, octets, form)
          if Big(made) < forge.key.n { return made }
        }
        return [UInt8](repeating: 255, count: octets)
      }
      for _ in 0..<4 { forge.add("good", algorithm, encoded: encoded(.init())) }
      expected += 4
      let size = hash / 8
      let longest = Encoded.longestSalt(hash, octets)
      for salt in [0, 1, size - 1, size + 1, 2 * size, longest - 1, longest] where salt != size {
        forge.add("salt \(salt)", algorithm, encoded: encoded(.init(salt: salt)))
      }
      for trailer: UInt8 in [0, 0xbb, 0xbd, 0xcc, 0x3c, 0xff] {
        forge.add("trailer \(trailer)", algorithm, encoded: encoded(.init(trailer: trailer)))
      }
      for separator: UInt8 in [0, 2, 3, 0x81, 0xff] {
        forge.add("separator", algorithm, encoded: encoded(.init(separator: separator)))
      }
      for mask in [160, 256, 384, 512] where mask != hash {
        forge.add("mask by SHA-\(mask)", algorithm, encoded: encoded(.init(mask: mask)))
      }
      let padding = octets - 2 * size - 2
      for place in 0..<padding where bits == 2048 || place < 3 || place > padding - 4 {
        forge.add("padding \(place)", algorithm, encoded: encoded(.init(dirty: place)))
      }
      for place in 0..<size where bits == 2048 || place % 7 == 0 {
        forge.add("H \(place)", algorithm, encoded: encoded(.init(wrongHash: place)))
      }
      for _ in 0..<4 { forge.add("top bit", algorithm, encoded: encoded(.init(topBit: true))) }
      let good = encoded(.init())
      for place in 0..<octets where bits == 2048 || place % 11 == 0 {
        var changed = good
        changed[place] ^= 1 << UInt8(place % 8)
        forge.add("octet \(place)", algorithm, encoded: changed)
      }
      forge.add("PKCS #1", algorithm, encoded: Encoded.pkcs1(Self.message, hash, octets))
    }
    expected += addNumbers(&forge, [.ps256, .ps384, .ps512])
    let tally = try compare(forge)
    #expect(tally.valid == expected, "only the good ones hold")
  }

  /// Signatures by their numbers. Returns how many are good.
  private func addNumbers(_ forge: inout Forge, _ algorithms: [Algorithm]) -> Int {
    let (n, octets) = (forge.key.n, forge.key.octets)
    let two = Big.powerOfTwo(8 * octets)
    var good = 0
    for algorithm in algorithms {
      for number in [
        0, 1, 2, n - 2, n - 1, n, n + 1, two - 1, two - n, Big.powerOfTwo(8 * octets - 1),
      ] {
        forge.add("\(number.bits) bits", algorithm, signature: number.octets(octets))
      }
      let signature = Big(forge.key.sign(Self.message, algorithm))
      forge.add("good", algorithm, signature: signature.octets(octets))
      good += 1
      forge.add("negated", algorithm, signature: (n - signature).octets(octets))
      if signature + n < two {
        forge.add("plus modulus", algorithm, signature: (signature + n).octets(octets))
      }
    }
    return good
  }

  /// In batches that are as long as a call of the kernel or not.
  private func compare(_ forge: Forge) throws -> LaneReferee.Tally {
    let referee = LaneReferee([forge.key.jwk])
    var total = LaneReferee.Tally()
    var (at, size) = (0, 1)
    while at < forge.cases.count {
      let tally = try referee.compare(Array(forge.cases[at...].prefix(size)))
      total.valid += tally.valid
      total.invalid += tally.invalid
      at += size
      size = size % 40 + 3
    }
    print("lanes: RSA \(forge.key.octets * 8), \(total.valid) good and \(total.invalid) bad")
    return total
  }
}
