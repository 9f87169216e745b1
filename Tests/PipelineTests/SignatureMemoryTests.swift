// Signatures that are remembered: never one that was not, never another's, never more than fits.
// Owns: random tokens and the dictionary that knows the truth. Must never: check a real signature.

import Dispatch
import Files
import JOSE
import Synchronization
import Testing

@testable import Pipeline

@Suite struct SignatureMemoryTests {
  /// A token as the memory sees it.
  private struct Token: Hashable {
    var header: UInt32
    var payloadCount: Int
    var octets: [UInt8]

    init(header: UInt32, payload: Int, signature: Int, _ random: inout Seeded) {
      (self.header, payloadCount) = (header, payload)
      octets = []
      while octets.count < payload + signature {
        var number = random.next()
        for _ in 0..<min(8, payload + signature - octets.count) {
          octets.append(UInt8(truncatingIfNeeded: number))
          number >>= 8
        }
      }
    }

    var key: SignatureMemory.Key { .init(header: header, payloadCount: payloadCount) }

    /// Stands in a larger buffer, as a chunk's tokens do.
    func find(in memory: SignatureMemory) -> Int? {
      let all = [1, 2, 3] + octets + [4]
      return memory.find(key, all.span, 3..<3 + octets.count)
    }

    func insert(into memory: SignatureMemory, verifiedBy key: Int) {
      let all = [9] + octets
      memory.insert(self.key, all.span, 1..<all.count, verifiedBy: key)
    }

    /// Other tokens that share as much with this one as can be.
    func forgeries(_ random: inout Seeded) -> [Token] {
      var all = [self, self, self, self, self]
      all[0].header += 1
      all[1].payloadCount += 1
      all[2].payloadCount -= 1
      all[3].octets[Int.random(in: 0..<octets.count, using: &random)] ^= 1
      all[4].octets.append(0)
      // Other payload, same signature; and the same letters cut elsewhere.
      if payloadCount > 0 {
        var other = self
        other.octets[Int.random(in: 0..<payloadCount, using: &random)] &+= 1
        all.append(other)
        other = self
        other.octets.removeFirst()
        other.payloadCount -= 1
        all.append(other)
      }
      return all
    }
  }

  private static let sizes = [
    64 << 10, (64 << 10) + 1, 66_000, 65 << 10, 99_991, 1 << 20, (1 << 20) + 4097, 3 << 20,
  ]

  @Test(arguments: sizes)
  func `it may forget, but it never makes a token up`(octets: Int) throws {
    let memory = try #require(SignatureMemory(octets: octets))
    var random = Seeded(UInt64(octets))
    var known: [Token: Int] = [:]
    var all: [Token] = []
    var hits = 0
    for round in 0..<3000 {
      if round % 3 > 0 || all.isEmpty {
        let token = Token(
          header: UInt32.random(in: 1...4, using: &random),
          payload: Int.random(in: 0..<400, using: &random),
          signature: [64, 64, 114, 256, 32].randomElement(using: &random)!, &random)
        #expect(token.find(in: memory) == nil)
        token.insert(into: memory, verifiedBy: round)
        known[token] = round
        all.append(token)
        if round % 7 == 0, let found = token.find(in: memory) { #expect(found == round) }
      }
      // Some often, most never again, as in a log.
      for _ in 0..<3 {
        let recent = all.suffix(Int.random(in: 1...200, using: &random))
        let token = recent.randomElement(using: &random)!
        if let found = token.find(in: memory) {
          #expect(found == known[token])
          hits += 1
        }
        guard round % 5 == 0 else { continue }
        for forgery in token.forgeries(&random) where known[forgery] == nil {
          #expect(forgery.find(in: memory) == nil)
        }
      }
    }
    #expect(hits > 1500, "\(hits)")
    for (token, key) in known {
      if let found = token.find(in: memory) { #expect(found == key) }
    }
  }

  @Test func `octets that look alike at every place are still cut in one place only`() throws {
    // Wherever payload and signature meet, the hash is the same.
    let memory = try #require(SignatureMemory(octets: 64 << 10))
    var random = Seeded(9)
    var token = Token(header: 1, payload: 100, signature: 100, &random)
    token.octets = [UInt8](repeating: 7, count: 200)
    token.insert(into: memory, verifiedBy: 1)
    for payloadCount in 0...168 {
      var other = token
      other.payloadCount = payloadCount
      #expect(other.find(in: memory) == (payloadCount == 100 ? 1 : nil))
      other.octets[(payloadCount + 40) % 200] = 8
      #expect(other.find(in: memory) == nil)
    }
  }

  @Test func `what is asked for stays longer than what is not`() throws {
    let memory = try #require(SignatureMemory(octets: 64 << 10))
    var random = Seeded(5)
    let hot = (0..<20).map { _ in Token(header: 1, payload: 100, signature: 64, &random) }
    for (i, token) in hot.enumerated() { token.insert(into: memory, verifiedBy: i) }
    var kept = 0
    for _ in 0..<60 {
      for _ in 0..<100 {
        Token(header: 1, payload: 100, signature: 64, &random).insert(into: memory, verifiedBy: 99)
      }
      kept += hot.enumerated().count { $1.find(in: memory) == $0 }
    }
    #expect(kept > 600, "\(kept) of 1200")
  }

  @Test func `tokens that are too short or too long are left out`() throws {
    let memory = try #require(SignatureMemory(octets: 64 << 10))
    var random = Seeded(6)
    for (payload, signature) in [(0, 0), (0, 31), (500, 31), (5000, 64), (1_000_000, 512)] {
      let token = Token(header: 1, payload: payload, signature: signature, &random)
      token.insert(into: memory, verifiedBy: 1)
      #expect(token.find(in: memory) == nil, "\(payload) and \(signature)")
    }
    let least = Token(header: 1, payload: 0, signature: 32, &random)
    least.insert(into: memory, verifiedBy: 7)
    #expect(least.find(in: memory) == 7)
    #expect(SignatureMemory(octets: (64 << 10) - 1) == nil)
  }

  @Test func `a header has one number for each issuer and generation, and none of an old one`()
    throws
  {
    let memory = try #require(SignatureMemory(octets: 64 << 10))
    func number(_ header: [UInt8], _ issuer: Int, _ generation: Int) -> UInt32? {
      memory.number(ofHeader: header, issuer: issuer, generation: generation, isVerified: true)
    }
    func known(_ header: [UInt8], _ issuer: Int, _ generation: Int) -> UInt32? {
      memory.number(ofHeader: header, issuer: issuer, generation: generation, isVerified: false)
    }
    var seen: Set<UInt32> = []
    for generation in 0..<3 {
      for issuer in 0..<3 {
        for header in [[1], [1, 2], [2]] as [[UInt8]] {
          #expect(known(header, issuer, generation) == nil)
          let found = try #require(number(header, issuer, generation))
          #expect(seen.insert(found).inserted, "a number was given twice")
          #expect(number(header, issuer, generation) == found)
          #expect(known(header, issuer, generation) == found)
        }
      }
      // Whoever is slow to follow gets nothing, and disturbs nobody.
      for old in 0..<generation { #expect(number([1], 0, old) == nil) }
    }
    #expect(number([UInt8](repeating: 0, count: 300 << 10), 0, 2) == nil)
    for i in 0..<10_000 { #expect(known(Array("made up \(i)".utf8), 0, 2) == nil) }
    let many = (0..<10_000).count { number(Array("header \($0)".utf8), 0, 2) != nil }
    #expect((1000..<5000).contains(many), "\(many)")
    #expect(number([1], 0, 2) != nil, "what is known stays")
    #expect(number([3], 0, 3) != nil, "new keys begin anew")
  }

  @Test func `several threads at once`() throws {
    let memory = try #require(SignatureMemory(octets: 2 << 20))
    var random = Seeded(7)
    let tokens = (0..<4000).map { _ in Token(header: 1, payload: 300, signature: 64, &random) }
    let wrong = Mutex(0)
    let hits = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 4) { [tokens] worker in
      var random = Seeded(UInt64(worker))
      for _ in 0..<12_000 {
        let i = Int.random(in: 0..<tokens.count, using: &random)
        if let found = tokens[i].find(in: memory) {
          if found != i { wrong.withLock { $0 += 1 } }
          hits.withLock { $0 += 1 }
        } else {
          tokens[i].insert(into: memory, verifiedBy: i)
        }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
    #expect(hits.withLock { $0 } > 10_000)
  }

  #if os(Linux)
    // In a process of its own, where nobody else takes memory.
    @Test func `it stays within its octets however much is put in`() async {
      await #expect(processExitsWith: .success) {
        for octets in [4 << 20, 8 << 20] {
          func resident() throws -> Int {
            let text = try OpenFile.open("/proc/self/statm", .read).readAll().text
            return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
          }
          let before = try resident()
          let memory = try #require(SignatureMemory(octets: octets))
          var random = Seeded(8)
          var token = [UInt8](repeating: 0, count: 400)
          for round in 0..<octets / 120 {
            for i in stride(from: 336, to: 400, by: 8) {
              let number = random.next()
              for k in 0..<8 { token[i + k] = UInt8(truncatingIfNeeded: number >> (8 * k)) }
            }
            let key = SignatureMemory.Key(header: 1, payloadCount: 336)
            memory.insert(key, token.span, 0..<400, verifiedBy: round)
            if let found = memory.find(key, token.span, 0..<400) { #expect(found == round) }
          }
          let taken = try resident() - before
          #expect(taken < octets + octets / 16 + 2_000_000, "\(taken) for \(octets)")
          #expect(taken > octets / 2, "\(taken) for \(octets): it is used")
        }
      }
    }
  #endif
}
