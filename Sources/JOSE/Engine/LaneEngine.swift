// Checks signatures many at once with the kernels of CLanes, and has OpenSSL confirm.
// Owns: which signature is judged by whom. Must never: let an answer stand that OpenSSL contradicts,
// or give the kernels anything secret: HMAC stays with OpenSSL.

internal import CLanes
internal import COpenSSL

/// One a worker. The accept set is OpenSSL's: each rejection is asked again there, a flood of them
/// aside, and so is one accept in a thousand.
@safe package final class LaneEngine: SignatureEngine {
  /// A signature that a kernel has judged.
  private struct Judged {
    var entry: Int32
    var answer: UInt8
  }

  private let lanes: Lanes
  private let keys: [KeySet.Key]
  let openSSL: OpenSSLEngine
  /// By key: its kernel, 255 for none and 254 for not yet known, and its place in the tables.
  private var laneOf: [UInt8]
  private var slotOf: [Int]
  /// By key, for one batch.
  private var counts: [Int]
  @unsafe private var tables: [LaneTable.Made?]

  // One batch's. The storage is used again.
  private var uses: [LaneTables.Use] = []
  private var keysInUse: [Int] = []
  private var groups = [[Int32]](repeating: [], count: Lane.allCases.count)
  private var judged: [Judged] = []
  private var kernels = LaneKernels()
  @unsafe private var checks: [LaneCheck] = unsafe []
  private var answers: [UInt8] = []

  private var random = SystemRandomNumberGenerator()
  /// Accepts until OpenSSL is asked about one.
  private var untilSample = 0

  private static let unknown: UInt8 = 254
  private static let none: UInt8 = 255
  /// On average one accept in so many is checked.
  private static let sampleDistance = 1000

  package init(_ keys: [KeySet.Key], _ lanes: Lanes) {
    self.lanes = lanes
    self.keys = keys
    openSSL = OpenSSLEngine(keys)
    laneOf = .init(repeating: Self.unknown, count: keys.count)
    slotOf = .init(repeating: -1, count: keys.count)
    counts = .init(repeating: 0, count: keys.count)
    unsafe tables = .init(repeating: nil, count: keys.count)
    drawSample()
  }

  package func verify(
    _ batch: inout SignatureBatch, input: Span<UInt8>, octets: Span<UInt8>
  ) throws(JOSEError) {
    if !lanes.haveFailed {
      gather(batch)
      judged.removeAll(keepingCapacity: true)
      for lane in Lane.allCases where !groups[Int(lane.rawValue)].isEmpty {
        judge(lane, batch, input, octets)
      }
      // A self-test may have failed just now, or another worker's kernel: nobody's answer counts.
      if lanes.haveFailed { judged.removeAll(keepingCapacity: true) }
      // The tables are held until here.
      uses.removeAll(keepingCapacity: true)
      let confirmations = settle(&batch)
      try openSSL.verify(&batch, input: input, octets: octets)
      guard let wrong = firstContradiction(batch) else {
        return lanes.count(judged: judged.count, confirmed: confirmations)
      }
      lanes.distrust(describe(wrong, batch, input, octets))
      // Whatever else the lanes said of this batch may be wrong too.
      for item in judged { batch.entries[Int(item.entry)].answer = .pending }
    }
    try openSSL.verify(&batch, input: input, octets: octets)
  }

  // MARK: Who judges what

  /// Puts the entries that a kernel can judge into `groups`, and finds their keys' tables.
  private func gather(_ batch: borrowing SignatureBatch) {
    for key in keysInUse { counts[key] = 0 }
    keysInUse.removeAll(keepingCapacity: true)
    for i in groups.indices { groups[i].removeAll(keepingCapacity: true) }
    for index in batch.entries.indices where batch.entries[index].answer == .pending {
      let key = Int(batch.entries[index].key)
      if laneOf[key] == Self.unknown { findLane(key) }
      guard let lane = Lane(rawValue: laneOf[key]),
        batch.entries[index].signature.count == lane.signatureOctets
      else { continue }
      if counts[key] == 0 { keysInUse.append(key) }
      counts[key] += 1
      groups[Int(lane.rawValue)].append(Int32(index))
    }
    uses.removeAll(keepingCapacity: true)
    for key in keysInUse { uses.append(.init(slot: slotOf[key], count: counts[key])) }
    guard !uses.isEmpty else { return }
    lanes.tables.note(&uses)
    for (i, key) in keysInUse.enumerated() { unsafe tables[key] = uses[i].table?.made }
  }

  private func findLane(_ key: Int) {
    laneOf[key] = Self.none
    guard let lane = Lane(keys[key].jwk), lanes.canUse(lane) else { return }
    laneOf[key] = lane.rawValue
    slotOf[key] = lanes.tables.slot(lane, keys[key].jwk.laneOctets)
  }

  private func judge(
    _ lane: Lane, _ batch: borrowing SignatureBatch, _ input: Span<UInt8>, _ octets: Span<UInt8>
  ) {
    var group = exchange(&groups[Int(lane.rawValue)], with: [])
    defer { groups[Int(lane.rawValue)] = group }
    group.removeAll { unsafe tables[Int(batch.entries[Int($0)].key)] == nil }
    // Eight lanes with one or two signatures take longer than OpenSSL does with those.
    if lanes.use == .wherePaying, lane.isRSA, group.count % 8 <= 2 {
      group.removeLast(group.count % 8)
    }
    guard !group.isEmpty, lanes.isProven(lane) else { return }
    unsafe input.withUnsafeBufferPointer { input in
      unsafe octets.withUnsafeBufferPointer { octets in
        unsafe checks.removeAll(keepingCapacity: true)
        for index in group {
          let entry = batch.entries[Int(index)]
          let made = unsafe tables[Int(entry.key)]!
          let range = Int(entry.input.lowerBound)..<Int(entry.input.upperBound)
          unsafe checks.append(
            LaneCheck(
              algorithm: entry.algorithm, table: made.table, publicKey: made.octets,
              signature: octets.baseAddress! + Int(entry.signature.lowerBound),
              input: UnsafeBufferPointer(rebasing: input[range])))
        }
        unsafe kernels.judge(lane, lanes.unit, checks, into: &answers)
      }
    }
    for (index, answer) in zip(group, answers) {
      judged.append(Judged(entry: index, answer: answer))
    }
  }

  // MARK: Who confirms it

  /// Writes the kernels' answers down, but leaves to OpenSSL what it is to confirm. Returns how many
  /// rejections those are.
  private func settle(_ batch: inout SignatureBatch) -> Int {
    let confirmsAll = lanes.confirmsAll
    var confirmations = 0
    for item in judged {
      let index = Int(item.entry)
      if item.answer == UInt8(CLANES_VALID) {
        untilSample -= 1
        if untilSample > 0 {
          batch.entries[index].answer = .valid
        } else {
          drawSample()
        }
      } else if item.answer & UInt8(CLANES_VALID) != 0 {
        // Judged by other formulas than most: OpenSSL is asked each time.
      } else if confirmsAll || random.next(upperBound: UInt(Lanes.confirmedShare)) == 0 {
        confirmations += 1
      } else {
        batch.entries[index].answer = .invalid
      }
    }
    return confirmations
  }

  private func drawSample() {
    untilSample = 1 + Int(random.next(upperBound: UInt(2 * Self.sampleDistance - 1)))
  }

  private func firstContradiction(_ batch: borrowing SignatureBatch) -> Judged? {
    judged.first {
      ($0.answer & UInt8(CLANES_VALID) != 0) != (batch.entries[Int($0.entry)].answer == .valid)
    }
  }

  /// All that is needed to see it happen again, and nothing that could be used as a token: of the
  /// signing input there is only its hash.
  private func describe(
    _ item: Judged, _ batch: borrowing SignatureBatch, _ input: Span<UInt8>, _ octets: Span<UInt8>
  ) -> String {
    let entry = batch.entries[Int(item.entry)]
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    func base64URL(_ bytes: [UInt8]) -> String { text(Base64URL.encode(bytes)) }
    func copy(_ range: Range<Int32>, _ bytes: Span<UInt8>) -> [UInt8] {
      range.map { bytes[Int($0)] }
    }
    let key = keys[Int(entry.key)].jwk
    let signature = copy(entry.signature, octets)
    let message = copy(entry.input, input)
    let hash = LaneKernels.hash(entry.algorithm, message, signature: signature, key: key)
    return """
      The \(lanes.unitName) kernel and OpenSSL disagree about a signature.
      algorithm: \(entry.algorithm.name)
      key: \(text(key.publicValue.text()))
      hash: \(base64URL(hash))
      signature: \(base64URL(signature))
      kernel: \(item.answer & UInt8(CLANES_VALID) != 0 ? "valid" : "invalid")\
      \(item.answer & UInt8(CLANES_REDONE) != 0 ? ", judged alone" : ""), OpenSSL: \
      \(batch.entries[Int(item.entry)].answer == .valid ? "valid" : "invalid")
      batch: \(judged.count) signatures, this one at \(item.entry)
      """
  }
}
