// Ed25519 signatures that were made up: s beyond L, points of small and of mixed order, text that
// is no canonical point.
// Owns: the cases. OpenSSL says what each is worth; where it cannot be asked, Edwards' points do.

import CLanes
import Testing

@testable import JOSE

@Suite struct LaneEdDSACaseTests {
  private static let order = Edwards.order

  private func key(_ text: [UInt8]) -> JWK { JWK(.okp(.ed25519, x: text)) }

  /// SHA-512 of R, A and the message, mod L.
  private func hash(_ r: [UInt8], _ a: [UInt8], _ message: [UInt8]) -> Big {
    Big(littleEndian: Encoded.digest(512, r + a + message)) % Self.order
  }

  /// R and s by the numbers: R = r B + `extra`.
  private func sign(
    _ message: [UInt8], _ secret: Big, _ text: [UInt8], extra: Edwards = .identity
  ) -> (r: [UInt8], s: Big) {
    let nonce = Big.random(below: Self.order)
    let r = (nonce * Edwards.base + extra).encoded
    return (r, (nonce + hash(r, text, message) * secret) % Self.order)
  }

  @Test func `the points of the tests are those of RFC 8032`() {
    #expect(Edwards.base.encoded == [0x58] + [UInt8](repeating: 0x66, count: 31))
    #expect(Edwards.order * Edwards.base == .identity)
    #expect(8 * Edwards.torsion == .identity && 4 * Edwards.torsion != .identity)
    #expect(Edwards.smallOrder.count == 14)
  }

  @Test("s from 0 to the last number that fits: only the one below L holds")
  func largeS() throws {
    let (secret, message) = (Big.random(below: Self.order), "a message".octets)
    let text = (secret * Edwards.base).encoded
    // The neutral element as a key: whatever the hash is, R = sB holds, for the smallest s too.
    let referee = LaneReferee([key(text), key(Edwards.identity.encoded)])
    var cases: [LaneCase] = []
    func add(_ r: [UInt8], _ s: Big, key: Int = 0) {
      guard s.bits <= 256 else { return }
      cases.append(
        LaneCase(
          key: key, algorithm: .edDSA, message: message, signature: r + s.littleEndian(32),
          name: "s of \(s.bits) bits"))
    }
    for _ in 0..<4 {
      let (r, s) = sign(message, secret, text)
      for factor: UInt64 in 0..<16 { add(r, s + Big(integerLiteral: factor) * Self.order) }
      for bit in 0..<256 where !s.bit(bit) { add(r, s + Big.powerOfTwo(bit)) }
      let edges: [Big] = [0, 1, Self.order - 1, Self.order, Self.order + 1]
      for s in edges + (250...255).flatMap({ [Big.powerOfTwo($0) - 1, Big.powerOfTwo($0)] })
        + [Big.powerOfTwo(256) - 1]
      { add(r, s) }
    }
    let small: [Big] = [0, 1, 2, 511, 512, Big.powerOfTwo(64), Big.powerOfTwo(252), Self.order - 1]
    for s in small {
      let r = (s * Edwards.base).encoded
      for factor: UInt64 in 0..<16 { add(r, s + Big(integerLiteral: factor) * Self.order, key: 1) }
      for bit in 252..<256 where !s.bit(bit) { add(r, s + Big.powerOfTwo(bit), key: 1) }
    }
    let tally = try referee.compare(cases)
    #expect(tally.valid == 4 + small.count, "\(tally)")
  }

  @Test("Points of small order for the key and for R, as every text that decodes to them")
  func smallOrder() throws {
    let texts = Edwards.smallOrder
    let referee = LaneReferee(texts.map(key))
    var cases: [LaneCase] = []
    for a in texts.indices {
      for r in texts {
        for s: Big in [0, 1, Self.order - 1, Self.order, 8] {
          // With s = 0 one hash in eight may do.
          for round in 0..<(s == 0 ? 12 : 1) {
            cases.append(
              LaneCase(
                key: a, algorithm: .edDSA, message: [UInt8(round)],
                signature: r + s.littleEndian(32), name: "small order"))
          }
        }
      }
    }
    // R = B by s = 1.
    for a in texts.indices {
      for round: UInt8 in 0..<12 {
        cases.append(
          LaneCase(
            key: a, algorithm: .edDSA, message: [round],
            signature: Edwards.base.encoded + (1 as Big).littleEndian(32), name: "R = B"))
      }
    }
    let tally = try referee.compare(cases)
    #expect(tally.valid > 100, "\(tally)")
    print("lanes: Ed25519 small order, \(tally)")
  }

  @Test("Keys and R with a part of small order: the equation holds as it stands, or not at all")
  func mixedOrder() throws {
    var (keys, cases): ([JWK], [LaneCase]) = ([], [])
    for a: UInt64 in 0..<8 {
      let secret = Big.random(below: Self.order)
      let point = secret * Edwards.base + Big(integerLiteral: a) * Edwards.torsion
      for r: UInt64 in 0..<8 {
        for round: UInt8 in 0..<6 {
          let message = [round, UInt8(r)]
          let (text, s) = sign(
            message, secret, point.encoded, extra: Big(integerLiteral: r) * Edwards.torsion)
          cases.append(
            LaneCase(
              key: Int(a), algorithm: .edDSA, message: message,
              signature: text + s.littleEndian(32), name: "torsion \(a), \(r)"))
        }
      }
      keys.append(key(point.encoded))
    }
    let tally = try LaneReferee(keys).compare(cases)
    // Those with neither part hold, and of the others those whose hash fits: with a batch that is
    // multiplied by 8 all would.
    #expect(tally.valid > 12 && tally.invalid > 200, "\(tally)")
    print("lanes: Ed25519 mixed order, \(tally)")
  }

  /// A point's text, and what decodes to it.
  private func keys() -> [(text: [UInt8], point: Edwards)] {
    var out: [(text: [UInt8], point: Edwards)] = []
    for y: UInt64 in 0..<19 {
      let y = Big(integerLiteral: y)
      for isOdd in [false, true] {
        guard let point = Edwards(y: y, isOdd: isOdd) else { continue }
        for y in [y, y + Edwards.p] { out.append((Edwards.encode(y, isOdd), point)) }
      }
    }
    for text in Edwards.smallOrder {
      var y = text
      y[31] &= 0x7f
      let point = Edwards(y: Big(littleEndian: y), isOdd: text[31] & 0x80 != 0)!
      out.append((text, point))
    }
    let random = Big.random(below: Self.order) * Edwards.base
    out += [(random.encoded, random), (Edwards.base.encoded, .base)]
    let mixed = random + Edwards.torsion
    return out + [(mixed.encoded, mixed)]
  }

  @Test("Hashes at every edge and keys of every form: R is the encoding of sB - hA, or not")
  func hashes() {
    let (order, two) = (Self.order, Big.powerOfTwo(512))
    let hashes: [Big] = [
      0, 1, order - 1, order, order + 1, 8 * order, two - 1, two - two % order, two / 2,
      Big.powerOfTwo(252), Big.powerOfTwo(256) - 1, (Big.powerOfTwo(260) - 1) * Big.powerOfTwo(252),
      order * (two / order), Big.random(below: two),
    ]
    let scalars: [Big] = [0, 1, order - 1, order, Big.powerOfTwo(252), Big.random(below: order)]
    var random = SeededRandom(for: "Ed25519's hashes")
    var checks: [clanes_ed25519_check] = []
    var expected: [Bool] = []
    var tables: [OpaquePointer] = []
    var signatures: [UnsafeMutablePointer<UInt8>] = []
    defer {
      for table in tables { clanes_ed25519_key_free(table) }
      for signature in signatures { signature.deallocate() }
    }
    for (text, point) in keys() {
      guard let table = clanes_ed25519_key_new(text) else {
        Issue.record("no table for a key that OpenSSL takes: \(text.base64url)")
        continue
      }
      tables.append(table)
      for _ in 0..<4 {
        let h = hashes[random.below(hashes.count)]
        let s = scalars[random.below(scalars.count)]
        let sum = (s % order) * Edwards.base + -((h % order) * point)
        var texts = [(sum.encoded, s < order)]
        texts.append(((sum + Edwards.torsion).encoded, false))
        texts.append(((-sum).encoded, s < order && sum.x == 0))
        if (sum.y + Edwards.p).bits <= 255 {
          texts.append((Edwards.encode(sum.y + Edwards.p, sum.x.isOdd), false))
        }
        if sum.x == 0 { texts.append((Edwards.encode(sum.y, true), false)) }
        for (r, isGood) in texts {
          let signature = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
          signature.initialize(from: r + s.littleEndian(32), count: 64)
          signatures.append(signature)
          var check = clanes_ed25519_check()
          check.key = table
          check.signature = UnsafePointer(signature)
          withUnsafeMutableBytes(of: &check.hash) { $0.copyBytes(from: h.littleEndian(64)) }
          checks.append(check)
          expected.append(isGood)
        }
      }
    }
    for unit in clanes_unit.present {
      var answers = [UInt8](repeating: 0xaa, count: checks.count + 1)
      clanes_ed25519_verify(unit, checks, checks.count, &answers)
      #expect(answers.removeLast() == 0xaa)
      for (place, answer) in answers.enumerated() where answer != (expected[place] ? 1 : 0) {
        Issue.record("\(unit.title) answers \(answer) at \(place) of \(checks.count)")
      }
    }
    print("lanes: Ed25519, \(expected.count { $0 }) of \(checks.count) hashes and keys hold")
  }

  @Test func `a text is a key for the kernel where it is one for OpenSSL`() throws {
    var random = SeededRandom(for: "Ed25519 texts")
    var texts = Edwards.smallOrder
    for low: UInt8 in 0...255 {
      texts.append([low] + [UInt8](repeating: 0xff, count: 30) + [0x7f])
      texts.append([low] + [UInt8](repeating: 0xff, count: 31))
      texts.append([low] + [UInt8](repeating: 0, count: 31))
    }
    for _ in 0..<40 { texts.append(random.bytes(32)) }
    var some: [[UInt8]] = []
    for (i, text) in texts.enumerated() where i < 14 || text[0] > 0xe0 || i % 8 == 0 {
      some.append(text)
    }
    var tables = 0
    for text in some {
      let table = clanes_ed25519_key_new(text)
      clanes_ed25519_key_free(table)
      tables += table == nil ? 0 : 1
      var y = text
      y[31] &= 0x7f
      let point = Edwards(y: Big(littleEndian: y), isOdd: text[31] & 0x80 != 0)
      #expect((table != nil) == (point != nil), "\(text.base64url)")
    }
    #expect(tables > 40 && tables < some.count - 40)
  }

  @Test("SHA-512 of eight messages is OpenSSL's, of every length")
  func hashing() {
    guard clanes_has(CLANES_IFMA) != 0 else { return }
    var random = SeededRandom(for: "SHA-512 by eight")
    for round in 0..<500 {
      let count = 1 + round % 8
      // Lengths next to each other, and far apart.
      let lengths = (0..<count).map { _ in
        round < 300 ? round + random.below(2) : random.below(random.below(2) == 0 ? 3000 : 300)
      }
      let parts = lengths.map { (random.bytes(32), random.bytes(32), random.bytes($0)) }
      let octets = parts.flatMap { $0.0 + $0.1 + $0.2 }
      var out = [UInt8](repeating: 0xaa, count: 80 * 8)
      octets.withUnsafeBufferPointer { buffer in
        var at = 0
        let messages = lengths.map { length in
          let start = buffer.baseAddress! + at
          at += 64 + length
          return clanes_sha512_message(
            head: start, middle: start + 32, rest: start + 64, rest_octets: length)
        }
        clanes_sha512_x8(messages, count, &out, 80)
      }
      for place in 0..<8 {
        let got = Array(out[80 * place..<80 * place + 64])
        let nothing = [UInt8](repeating: 0xaa, count: 64)
        let expected =
          place < count
          ? Encoded.digest(512, parts[place].0 + parts[place].1 + parts[place].2) : nothing
        #expect(got == expected, "\(place) of \(lengths)")
        #expect(out[80 * place + 64..<80 * (place + 1)].allSatisfy { $0 == 0xaa })
      }
    }
  }
}
