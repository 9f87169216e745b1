// ES256 signatures that were made up to hurt: numbers at the edges, sums that meet, x beyond n.
// Owns: the cases. OpenSSL says what each is worth; both units must say the same.

import CLanes
import COpenSSL
import Testing

@testable import JOSE

@Suite struct LaneECDSACaseTests {
  struct Tally { var (valid, invalid, redone) = (0, 0, 0) }

  /// Asks the kernel, in batches as they come, in batches mixed with others, and one by one.
  private func compare(_ cases: [P256Case]) throws -> Tally {
    var tables: [[UInt8]: OpaquePointer] = [:]
    defer { for table in tables.values { clanes_p256_key_free(table) } }
    var truth: [Bool] = []
    var contexts: [[UInt8]: (OpenSSLKey, OpaquePointer)] = [:]
    defer { for (_, context) in contexts.values { EVP_PKEY_CTX_free(context) } }
    for one in cases {
      let point = one.key.x.octets(32) + one.key.y.octets(32)
      if tables[point] == nil {
        tables[point] = clanes_p256_key_new(point)
        let key = try OpenSSLKey(P256.jwk(one.key), isPrivate: false)
        contexts[point] = (key, jm_digest_signature_context(key.pointer, 256, 0, 0, 0)!)
      }
      truth.append(one.openSSLAnswer(contexts[point]!.1))
    }
    let signatures = cases.map(\.signature).flatMap { $0 }
    var tally = Tally()
    tally.valid = truth.count { $0 }
    tally.invalid = truth.count - tally.valid
    var random = SeededRandom(for: "order of crafted cases")
    signatures.withUnsafeBufferPointer { signatures in
      func ask(_ unit: clanes_unit, _ places: [Int]) -> [UInt8] {
        let checks = places.map { place in
          var check = clanes_p256_check()
          let point = cases[place].key.x.octets(32) + cases[place].key.y.octets(32)
          check.key = tables[point]
          check.signature = signatures.baseAddress! + 64 * place
          withUnsafeMutableBytes(of: &check.digest) { $0.copyBytes(from: cases[place].digest) }
          return check
        }
        var answers = [UInt8](repeating: 0xaa, count: places.count + 1)
        clanes_p256_verify(unit, checks, places.count, &answers)
        #expect(answers.last == 0xaa)
        return answers.dropLast()
      }
      for unit in clanes_unit.present {
        var redone = 0
        func check(_ places: [Int]) {
          for (place, answer) in zip(places, ask(unit, places)) {
            if answer & UInt8(CLANES_REDONE) != 0 { redone += 1 }
            let isRight =
              answer & ~UInt8(CLANES_VALID | CLANES_REDONE) == 0
              && (answer & UInt8(CLANES_VALID) != 0) == truth[place]
            guard !isRight else { continue }
            Issue.record("\(unit.title) of \(places.count) answers \(answer): \(cases[place])")
          }
        }
        check(Array(cases.indices))
        tally.redone = redone
        // By itself a signature is judged by the formulas for all points, which takes long.
        for place in cases.indices where random.below(3) == 0 { check([place]) }
        var order = Array(cases.indices)
        order.shuffle(using: &random)
        for start in stride(from: 0, to: order.count, by: 13) {
          check(Array(order[start..<min(start + 13, order.count)]))
        }
      }
    }
    return tally
  }

  private func random() -> Big { 1 + Big.random(below: P256.n - 1) }

  @Test("r and s at every edge, with digests at every edge")
  func numbers() throws {
    let (n, p, two) = (P256.n, P256.p, Big.powerOfTwo(256))
    let edges: [Big] = [
      0, 1, 2, n / 2, n / 2 + 1, n - 2, n - 1, n, n + 1, p - n, p - n - 1, p - 1, p, p + 1, two - 1,
      Big.powerOfTwo(255), Big.powerOfTwo(128), Big.powerOfTwo(224) - 1,
    ]
    var cases: [P256Case] = []
    for key in [1, 2, n - 1, random()] {
      let point = P256.multiple(key)!
      for digest in [0, 1, n - 1, n, n + 1, two - 1, random()] {
        for r in edges {
          for s in edges { cases.append(.init("edges", point, digest: digest, r: r, s: s)) }
        }
        // A good signature, and those that differ by n or by the sign of s.
        let (k, d) = (random(), key)
        let r = P256.multiple(k)!.x % n
        let s = (digest + r * d) * k.inverse(n)! % n
        for s in [s, n - s, s + n] where s.bits <= 256 {
          cases.append(.init("a signature", point, digest: digest, r: r, s: s))
        }
      }
    }
    // OpenSSL takes long for the many that are in range: an edge's neighbours lie close together.
    let tally = try compare(
      cases.enumerated().filter { $0.offset % 5 == 0 || $0.element.name != "edges" }.map(\.element))
    #expect(tally.valid >= 56, "a signature and its twin for each key and digest")
    print("lanes: P-256 edges, \(tally)")
  }

  @Test("Sums with x from n on: r stands for both")
  func secondX() throws {
    let (n, p) = (P256.n, P256.p)
    var cases: [P256Case] = []
    func add(_ x: Big, r: Big, _ name: String) {
      for isOdd in [false, true] {
        guard x < p, let y = P256.y(at: x, isOdd: isOdd) else { continue }
        for s in [1, n - 1, n + 1, n + 2, random(), random()] {
          for digest in [0, 1, random()] {
            if let one = P256Case(name, sum: (x, y), digest: digest, r: r, s: s) {
              cases.append(one)
            }
          }
        }
      }
    }
    for step: UInt64 in 0..<12 {
      let step = Big(integerLiteral: step)
      add(n + step, r: step, "x = n + r")
      add(p - 1 - step, r: p - 1 - step - n, "x = p - 1 and below")
      add(step, r: step, "x = r, and r + n would do")
      add(step, r: n - step, "x = n - r")
      // r + n is p or more: taken mod p it would be the sum's x.
      add(step, r: p - n + step, "x = r + n - p")
      // Not reduced, though all the rest would hold.
      add(n + step, r: n + step, "r = x, n or more")
      // And taken mod 2^256.
      add(step, r: Big.powerOfTwo(256) - n + step, "x = r + n - 2^256")
      add(n + step, r: step + 1, "x = n + r - 1")
    }
    add(n + (p - n) / 2, r: (p - n) / 2, "in the middle")
    let tally = try compare(cases)
    #expect(tally.valid > 100 && tally.invalid > 100 && tally.redone > 100)
    print("lanes: P-256 x beyond n, \(tally)")
  }

  @Test("Points that meet in a sum, the same or inverse ones, wherever two are added")
  func meetings() throws {
    var cases: [P256Case] = []
    for ranges in P256Digits.ranges {
      for inverse in [false, true] {
        // A key for each case: of those that only one signature by itself meets, some.
        if ranges.1.count == 1, Bool.random() { continue }
        guard let (d, u1, u2) = P256Digits.meeting(ranges, inverse: inverse) else { continue }
        let name = "\(ranges) \(inverse ? "inverse" : "same")"
        let key = P256.multiple(d)!
        let check = P256Digits.terms(u1, u2).reduce((0 as Big, 0 as Big)) {
          ($0.0 + $1.g, $0.1 + $1.q)
        }
        #expect(check.0 % P256.n == u1 && check.1 % P256.n == u2, "the digits make the factors")
        for good in [true, false] {
          if let one = P256Case(name, key, u1: u1, u2: u2, good: good) { cases.append(one) }
        }
      }
    }
    let met = try compare(cases)
    // Of a tree only pairs of G and Q together can meet so: one on each level but the first.
    #expect(met.redone >= 4 && met.valid > 10, "\(met)")
    print("lanes: P-256 meetings by key, \(met)")
  }

  @Test("Factors by which windows of one point meet, for any key")
  func doublings() throws {
    let key = P256.multiple(random())!
    var cases: [P256Case] = []
    for (bits, count) in [P256Digits.key, P256Digits.base] {
      for cut in 1..<count {
        guard let u = P256Digits.doubling(bits, cut: cut) else { continue }
        for good in [true, false] {
          for u in [u, P256.n - u] {
            let (u1, u2) = bits == P256Digits.key.bits ? (random(), u) : (u, random())
            if let one = P256Case("\(bits) bits, \(cut)", key, u1: u1, u2: u2, good: good) {
              cases.append(one)
            }
          }
        }
      }
    }
    let tally = try compare(cases)
    // Before window 16 of each the tree joins two halves of a sum.
    #expect(tally.redone >= 8, "\(tally)")
    print("lanes: P-256 meetings for any key, \(tally)")
  }

  @Test("The generator and its small multiples as keys, small factors, sums of nothing")
  func smallMultiples() throws {
    let n = P256.n
    var cases: [P256Case] = []
    for d: UInt64 in 1...9 {
      for d in [Big(integerLiteral: d), n - Big(integerLiteral: d)] {
        let key = P256.multiple(d)!
        let some: [Big] = [1, 2, 3, d, 2 * d, 255, 256, 257, 1024, Big.powerOfTwo(128), random()]
        for u2 in some.flatMap({ [$0 % n, (n - $0) % n] }) where u2 != 0 {
          // 0, a single point, the same point twice, and nothing.
          for u1 in [0, 1, u2 * d % n, (n - u2 * d % n) % n, n / 2, random()] {
            for good in [true, false] {
              if let one = P256Case("d \(d.octets(32).last!)", key, u1: u1, u2: u2, good: good) {
                cases.append(one)
              }
            }
          }
        }
      }
    }
    var some: [P256Case] = []
    for (i, one) in cases.enumerated() where i % 5 == Int.random(in: 0..<5) { some.append(one) }
    let tally = try compare(some)
    #expect(tally.redone > 60 && tally.valid > 60, "\(tally)")
    print("lanes: P-256 small multiples, \(tally)")
  }

  @Test("The same through the engines: a message that is hashed, a key that fits it")
  func engines() throws {
    let n = P256.n
    var (keys, cases): ([JWK], [LaneCase]) = ([], [])
    var redone = 0
    func add(_ name: String, _ message: [UInt8], _ key: (x: Big, y: Big), _ r: Big, _ s: Big) {
      cases.append(
        LaneCase(
          key: keys.count, algorithm: .es256, message: message,
          signature: r.octets(32) + s.octets(32), name: name))
      keys.append(P256.jwk(key))
    }
    for i in 0..<12 {
      let message = "message \(i)".octets
      let e = Big(Encoded.digest(256, message)) % n
      let u1 = random()
      // u1 G = u2 Q, and R their sum: a good signature by an exceptional addition.
      let r = P256.multiple(2 * u1)!.x % n
      add("same", message, P256.multiple(e * r.inverse(n)!)!, r, e * u1.inverse(n)! % n)
      // u1 G = -u2 Q: no sum.
      let d = random()
      let s = e * u1.inverse(n)! % n
      add("inverse", message, P256.multiple(d)!, (n - u1) * d.inverse(n)! * s % n, s)
      redone += 2
      // x from n on.
      for x in [n + Big(integerLiteral: UInt64(i))] {
        guard let y = P256.y(at: x, isOdd: i % 2 == 0), x != n else { continue }
        let s = random()
        guard let one = P256Case("x >= n", sum: (x, y), digest: e, r: x - n, s: s) else { continue }
        add("x >= n", message, one.key, one.r, s)
        redone += 1
      }
    }
    let referee = LaneReferee(keys)
    let tally = try referee.compare(cases)
    #expect(tally.redone >= redone && tally.valid >= 12, "\(tally)")
  }

  @Test("What is out of range, or meets, costs the others of its batch nothing")
  func neighbours() throws {
    let (n, d) = (P256.n, random())
    let key = P256.multiple(d)!
    var cases: [P256Case] = []
    for _ in 0..<60 {
      cases.append(P256Case("good", key, u1: random(), u2: random(), good: true)!)
    }
    let strange = [
      P256Case("s = 0", key, digest: 5, r: 7, s: 0), P256Case("s = n", key, digest: 5, r: 7, s: n),
      P256Case("r = 0", key, digest: 5, r: 0, s: 7), P256Case("r = n", key, digest: 5, r: n, s: 7),
      P256Case("meets", key, u1: d, u2: 1, good: true)!,
    ]
    for (place, one) in strange.enumerated() { cases.insert(one, at: 9 * place + 3) }
    let tally = try compare(cases)
    #expect(tally.redone == 1 && tally.valid == 61, "\(tally)")
  }

  @Test func `a point that is none has no table`() {
    let (p, g) = (P256.p, P256.multiple(1)!)
    let b = P256.y(at: 0, isOdd: true)!
    for (x, y, isGood) in [
      (g.x, g.y, true), (g.x, p - g.y, true), (0, b, true), (0, p - b, true), (g.x, g.y + 1, false),
      (0, 0, false), (g.y, g.x, false), (p, b, false), (0, b + p, false), (1, 1, false),
      (p - 1, p - 1, false), (Big.powerOfTwo(256) - 1, b, false),
    ] where y.bits <= 256 {
      let table = clanes_p256_key_new(x.octets(32) + y.octets(32))
      #expect((table != nil) == isGood)
      clanes_p256_key_free(table)
      let isTaken = (try? OpenSSLKey(P256.jwk((x, y)), isPrivate: false)) != nil
      #expect(isTaken == isGood, "OpenSSL's opinion")
    }
  }
}
