// Signatures before the kernels of CLanes, LaneEngine and OpenSSL: all must answer alike.
// Owns: the comparison. OpenSSL is always right.

import CLanes
import Synchronization
import Testing

@testable import JOSE

/// One signature and who is said to have made it.
struct LaneCase {
  /// Index in the referee's keys.
  var key: Int
  var algorithm: Algorithm
  var message: [UInt8]
  var signature: [UInt8]
  /// What a reader needs to know when it fails.
  var name: String = ""
}

extension clanes_unit {
  /// Those that this processor has.
  static let present = [CLANES_PORTABLE, CLANES_IFMA].filter { clanes_has($0) != 0 }
  var title: String { self == CLANES_IFMA ? "IFMA" : "portable" }
}

/// What Lanes reported. It may be asked from any thread.
final class LaneReports: Sendable {
  private let held = Mutex<[String]>([])
  func add(_ text: String) { held.withLock { $0.append(text) } }
  var all: [String] { held.withLock { $0 } }
}

/// One set of keys, and all that judge by it. Not for two threads at once.
final class LaneReferee {
  struct Tally {
    var (valid, invalid, redone) = (0, 0, 0)
  }

  let keys: KeySet
  let reports = LaneReports()
  private let openSSL: OpenSSLEngine
  private var engines: [(name: String, engine: LaneEngine)] = []
  private var tables: [Int: LaneTable] = [:]
  private var kernels = LaneKernels()

  init(_ jwks: [JWK]) {
    var keys = KeySet()
    keys.allowWeakKeys = true
    for key in jwks { #expect(keys.add(key, source: "a test") == nil) }
    #expect(keys.keys.count == jwks.count, "all keys differ")
    self.keys = keys
    openSSL = OpenSSLEngine(keys)
    for (name, unit) in [("widest", Lanes.Unit.widest), ("portable", .portable)] {
      let lanes = Lanes(.everywhere, unit, tableOctets: 1 << 30, report: reports.add)
      engines.append((name, LaneEngine(keys.keys, lanes)))
    }
  }

  /// What `engine` says of all cases as one batch.
  func answers(_ engine: any SignatureEngine, _ cases: [LaneCase]) throws -> [Bool] {
    var batch = SignatureBatch()
    var (input, octets): ([UInt8], [UInt8]) = ([], [])
    for one in cases {
      _ = batch.append(
        key: one.key, one.algorithm, input: input.count..<input.count + one.message.count,
        signature: octets.count..<octets.count + one.signature.count, payload: 0..<0)
      input += one.message
      octets += one.signature
    }
    try engine.verify(&batch, input: input.span, octets: octets.span)
    return batch.entries.map { $0.answer == .valid }
  }

  func openSSLAnswers(_ cases: [LaneCase]) throws -> [Bool] { try answers(openSSL, cases) }

  /// What the kernels themselves say, without anybody who confirms it; nil where there is none for
  /// the key, or the signature has another length than its kind.
  func kernelAnswers(_ unit: clanes_unit, _ cases: [LaneCase]) -> [UInt8?] {
    var out = [UInt8?](repeating: nil, count: cases.count)
    for lane in Lane.allCases {
      var (places, checks): ([Int], [LaneCheck]) = ([], [])
      // One copy of all octets that does not move while the kernels read.
      let octets = cases.flatMap { $0.signature + $0.message }
      octets.withUnsafeBufferPointer { buffer in
        var at = 0
        for (place, one) in cases.enumerated() {
          defer { at += one.signature.count + one.message.count }
          guard Lane(keys.keys[one.key].jwk) == lane, one.signature.count == lane.signatureOctets,
            let made = table(one.key, lane).made
          else { continue }
          let message = at + one.signature.count
          places.append(place)
          checks.append(
            LaneCheck(
              algorithm: one.algorithm, table: made.table, publicKey: made.octets,
              signature: buffer.baseAddress! + at,
              input: UnsafeBufferPointer(
                rebasing: buffer[message..<message + one.message.count])))
        }
        guard !checks.isEmpty else { return }
        var answers: [UInt8] = []
        kernels.judge(lane, unit, checks, into: &answers)
        for (place, answer) in zip(places, answers) { out[place] = answer }
      }
    }
    return out
  }

  private func table(_ key: Int, _ lane: Lane) -> LaneTable {
    if let made = tables[key] { return made }
    let made = LaneTable(lane, keys.keys[key].jwk.laneOctets)
    tables[key] = made
    return made
  }

  /// Asks OpenSSL, unless its answers are given, each unit's kernels and, if wanted, each engine
  /// about one batch. What is not alike is an issue. The tally counts the portable unit's redone.
  @discardableResult
  func compare(
    _ cases: [LaneCase], known: [Bool]? = nil, withEngines: Bool = true,
    at location: SourceLocation = #_sourceLocation
  ) throws -> Tally {
    let truth = try known ?? openSSLAnswers(cases)
    var tally = Tally()
    tally.valid = truth.count { $0 }
    tally.invalid = truth.count - tally.valid
    for unit in clanes_unit.present {
      let answers = kernelAnswers(unit, cases)
      tally.redone = max(
        tally.redone, answers.count { ($0 ?? 0) & UInt8(CLANES_REDONE) != 0 })
      for (place, answer) in answers.enumerated() {
        guard let answer,
          answer & ~UInt8(CLANES_VALID | CLANES_REDONE) != 0
            || (answer & UInt8(CLANES_VALID) != 0) != truth[place]
        else { continue }
        fail("the \(unit.title) kernel answers \(answer)", cases, place, truth, location)
      }
    }
    guard withEngines else { return tally }
    for (name, engine) in engines {
      for (place, answer) in try answers(engine, cases).enumerated() where answer != truth[place] {
        fail("LaneEngine, \(name), answers \(answer)", cases, place, truth, location)
      }
    }
    for report in reports.all { Issue.record("reported: \(report)", sourceLocation: location) }
    return tally
  }

  private func fail(
    _ what: String, _ cases: [LaneCase], _ place: Int, _ truth: [Bool],
    _ location: SourceLocation
  ) {
    let one = cases[place]
    Issue.record(
      """
      \(what) where OpenSSL answers \(truth[place]): \(one.name) \(one.algorithm.name), \(place) of \
      \(cases.count), key \(keys.keys[one.key].jwk.publicValue.text().text), \
      message \(one.message.base64url), signature \(one.signature.base64url)
      """, sourceLocation: location)
  }
}
