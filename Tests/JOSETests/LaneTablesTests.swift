// Which keys get tables, and that nothing secret gets one.
// Owns: the tests of LaneTables and Lane.

import Foundation
import Testing

@testable import JOSE

@Suite struct LaneTablesTests {
  private typealias Use = LaneTables.Use

  private static let size = Lane.p256.tableOctets

  /// Keys that have nothing but a number: tables are made when first asked for, which is never.
  private func slots(_ tables: LaneTables, _ count: Int, _ lane: Lane = .p256) -> [Int] {
    (0..<count).map { tables.slot(lane, [UInt8($0 & 255), UInt8($0 >> 8)]) }
  }

  @Test func `a key has one place, whoever asks`() {
    let tables = LaneTables(limit: 1 << 20, isEager: false)
    #expect(slots(tables, 300) == Array(0..<300))
    #expect(slots(tables, 300) == Array(0..<300))
  }

  @Test func `a key gets its table when it has signed often enough, or at once`() {
    for lane in Lane.allCases {
      for isEager in [false, true] {
        let tables = LaneTables(limit: 1 << 30, isEager: isEager)
        let slot = slots(tables, 1, lane)[0]
        var uses = [Use(slot: slot, count: 1)]
        for number in 1...lane.worthwhileUses {
          tables.note(&uses)
          #expect((uses[0].table != nil) == (isEager || number == lane.worthwhileUses))
        }
        #expect(tables.octets == lane.tableOctets)
      }
    }
  }

  /// Notes batches of 100 signatures by keys that `draw` picks; checks the limit after each. Returns
  /// the share of signatures whose keys had tables, and how many tables were made.
  private func run(
    _ tables: LaneTables, limit: Int, batches: Int, _ draw: () -> Int
  ) -> (share: Double, made: Int) {
    var (had, all, made) = (0, 0, 0)
    var last: [Int: ObjectIdentifier] = [:]
    for _ in 0..<batches {
      var counts: [Int: Int] = [:]
      for _ in 0..<100 { counts[draw(), default: 0] += 1 }
      var uses = counts.map { Use(slot: $0.key, count: $0.value) }
      tables.note(&uses)
      #expect(tables.octets <= limit)
      for use in uses {
        all += use.count
        guard let table = use.table else { continue }
        had += use.count
        if last[use.slot] != ObjectIdentifier(table) { made += 1 }
        last[use.slot] = ObjectIdentifier(table)
        kept.append(table)
      }
    }
    return (Double(had) / Double(all), made)
  }

  /// So that no two tables have one address.
  private final class Kept {
    var tables: [ObjectIdentifier: LaneTable] = [:]
    func append(_ table: LaneTable) { tables[ObjectIdentifier(table)] = table }
  }
  private let kept = Kept()

  @Test func `of a thousand keys that sign alike those with tables keep them`() {
    var random = SeededRandom(for: "even spread")
    let limit = 100 * Self.size + Self.size / 2
    let tables = LaneTables(limit: limit, isEager: false)
    let slots = slots(tables, 1000)
    let (share, made) = run(tables, limit: limit, batches: 2000) { slots[random.below(1000)] }
    #expect(tables.octets / Self.size == 100, "the room is used")
    // Making tables is dear: no more than a few change hands.
    #expect(share > 0.05 && made < 200, "\(share) \(made)")
    print("lanes: even spread over 1,000 keys, room for 100 tables: \(share), \(made) made")
  }

  @Test func `of a thousand keys by Zipf the busiest have tables`() {
    var random = SeededRandom(for: "Zipf")
    let limit = 100 * Self.size + 1
    let tables = LaneTables(limit: limit, isEager: false)
    let slots = slots(tables, 1000)
    var sums: [Double] = []
    for rank in 1...1000 { sums.append((sums.last ?? 0) + 1 / Double(rank)) }
    let (share, made) = run(tables, limit: limit, batches: 2000) {
      let at = Double(random.below(1 << 30)) / Double(1 << 30) * sums[999]
      return slots[sums.firstIndex { at < $0 } ?? 999]
    }
    // The first hundred sign 69% of all.
    #expect(share > 0.55 && made < 400, "\(share) \(made)")
    print("lanes: Zipf over 1,000 keys, room for 100 tables: \(share), \(made) made")
  }

  @Test func `a table goes to a key that signs twice as much, and to no other`() {
    let tables = LaneTables(limit: Self.size, isEager: false)
    let slots = slots(tables, 3)
    func note(_ slot: Int, _ count: Int) -> Bool {
      var uses = [Use(slot: slots[slot], count: count)]
      tables.note(&uses)
      return uses[0].table != nil
    }
    #expect(note(0, 100))
    #expect(!note(1, 100) && !note(1, 100), "no more than twice as much")
    #expect(note(1, 1) && !note(0, 1))
    #expect(tables.octets == Self.size)
    // Yesterday's key makes room once its count was halved often enough.
    for _ in 0..<30 { _ = note(2, 1 << 20) }
    #expect(note(2, 1) && !note(1, 1))
  }

  @Test func `a table that is larger than all the room is never made`() {
    let tables = LaneTables(limit: Self.size - 1, isEager: true)
    var uses = slots(tables, 2).map { Use(slot: $0, count: 1_000_000) }
    tables.note(&uses)
    #expect(uses.allSatisfy { $0.table == nil } && tables.octets == 0)
  }

  @Test("Keys without a table are OpenSSL's; batches in use keep tables that others lost")
  func withoutTables() throws {
    let signers = try (0..<6).map { _ in try LaneSigner.curve(.es256) }
    for limit in [0, Self.size, 3 * Self.size] {
      var keys = KeySet()
      for signer in signers { #expect(keys.add(signer.jwk, source: "a test") == nil) }
      let lanes = Lanes(.everywhere, .widest, tableOctets: limit) { Issue.record("\($0)") }
      let engine = LaneEngine(keys.keys, lanes)
      var random = SeededRandom(for: "few tables")
      for _ in 0..<30 {
        var batch = SignatureBatch()
        var (octets, expected): ([UInt8], [Bool]) = ([], [])
        for _ in 0..<20 {
          // Another key is the busiest each time.
          let key = random.below(2) == 0 ? random.below(6) : random.below(2)
          let isGood = random.below(3) > 0
          let signature = try signers[key].sign("mn".octets, .es256)
          _ = batch.append(
            key: key, .es256, input: 0..<(isGood ? 2 : 1),
            signature: octets.count..<octets.count + 64, payload: 0..<0)
          octets += signature
          expected.append(isGood)
        }
        let input = "mn".octets
        try engine.verify(&batch, input: input.span, octets: octets.span)
        #expect(batch.entries.map { $0.answer == .valid } == expected)
        #expect(lanes.tables.octets <= limit)
      }
      if limit == 0 { #expect(engine.openSSL.asked == 600) }
      if limit > 0 { #expect(engine.openSSL.asked < 600) }
    }
  }

  // MARK: No secrets

  @Test("Of no key but public ones is there a lane, and of those only the public half")
  func onlyPublic() throws {
    let kinds: [(String, Lane?)] = [
      ("HS256", nil), ("HS512", nil), ("RS256", .rsa2048), ("ES256", .p256), ("Ed25519", .ed25519),
      ("ES384", nil), ("ES512", nil), ("ES256K", nil), ("Ed448", nil),
    ]
    for (name, lane) in kinds {
      let key = try newKey(name)
      #expect(key.hasPrivateHalf && Lane(key) == lane, "\(name)")
      guard lane != nil else { continue }
      // A key with its private half gives the octets of one without.
      #expect(key.laneOctets == key.publicHalf.laneOctets)
      let half: [SecretBytes] =
        switch key.secret! {
        case .rsa(let numbers): numbers
        case .scalar(let d): [d]
        case .oct(let k): [k]
        }
      for number in half {
        let copy = number.copied
        #expect(!key.laneOctets.indices.contains { key.laneOctets[$0...].starts(with: copy) })
      }
      var keys = KeySet()
      #expect(keys.add(key, source: "a test") == nil)
      #expect(keys.keys.allSatisfy { !$0.jwk.hasPrivateHalf }, "a verifier holds none")
    }
  }

  @Test func `moduli and exponents for which there is no kernel have no lane`() {
    func key(_ octets: Int, first: UInt8 = 0x80, last: UInt8 = 1, e: [UInt8] = [1, 0, 1]) -> JWK {
      var n = [UInt8](repeating: 7, count: octets)
      (n[0], n[octets - 1]) = (first, last)
      return JWK(.rsa(n: n, e: e))
    }
    #expect(Lane(key(256)) == .rsa2048 && Lane(key(384)) == .rsa3072)
    #expect(Lane(key(512)) == .rsa4096)
    for e: [UInt8] in [[3], [17], [1, 0, 0], [1, 0, 3], [0, 1, 0, 1], [1, 0, 1, 1], [1]] {
      #expect(Lane(key(256, e: e)) == nil)
    }
    for octets in [128, 255, 257, 320, 511, 513, 1024] { #expect(Lane(key(octets)) == nil) }
    #expect(Lane(key(256, first: 0x7f)) == nil && Lane(key(256, last: 2)) == nil)
  }

  @Test("No file of the lanes names a secret outside its comments")
  func sources() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources").standardizedFileURL
    func files(_ path: String, _ isOne: (String) -> Bool) throws -> [URL] {
      let folder = root.appendingPathComponent(path)
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter(isOne)
        .map { folder.appendingPathComponent($0) }
    }
    let swift = try files("JOSE/Engine") { $0.hasPrefix("Lane") && $0.hasSuffix(".swift") }
    let c = try files("CLanes") { $0.hasSuffix(".c") || $0.hasSuffix(".h") }
    #expect(swift.count >= 6 && c.count >= 10, "the files are where they were")
    for file in swift + c + (try files("CLanes/include") { $0.hasSuffix(".h") }) {
      for line in try lines(file) {
        let text = line.text
        var code = text.components(separatedBy: "//")[0]
        // What a text says is for a person.
        let parts = code.components(separatedBy: "\"")
        code = parts.indices.filter { $0 % 2 == 0 }.map { parts[$0] }.joined().lowercased()
        for word in ["secret", "reveal", "hmac", "private_key", "privatekey", "hasprivate"]
        where code.contains(word) {
          Issue.record("\(file.lastPathComponent) names \(word): \(text)")
        }
      }
    }
    for file in c {
      let text = try octets(file).text
      #expect(!text.contains("#include <openssl"), "\(file.lastPathComponent) stands alone")
    }
  }
}
