// LaneEngine against OpenSSLEngine: the same batch of signatures, the same answers, and no report.
// Owns: the batch that an input stands for. Must never: let a kernel's wrong answer pass. Where the
// engine asks OpenSSL itself, a wrong answer makes a report; where it does not, the answers differ.

import Cases
import Foundation

@testable import JOSE

/// Input: how many different signatures, for each a key, a message and the signature; and how many
/// times they are repeated.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEngines(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var input = cases_input(at: data, left: size)
  Engines.shared.run(&input)
  return 0
}

final class Engines {
  /// A signature and what it is over.
  private struct Case {
    var key: Int
    var algorithm: Algorithm
    var message: [UInt8]
    var signature: [UInt8]
  }

  nonisolated(unsafe) static let shared = Engines()

  private let keys = FuzzKeys()
  private let openSSL: OpenSSLEngine
  private let lanes: [(name: String, engine: LaneEngine)]

  private init() {
    let all = keys.set.keys
    func engine(_ use: Lanes.Use, _ unit: Lanes.Unit, _ octets: Int) -> LaneEngine {
      LaneEngine(all, Lanes(use, unit, tableOctets: octets) { Engines.fail("a report: \($0)") })
    }
    openSSL = OpenSSLEngine(all)
    lanes = [
      ("widest", engine(.everywhere, .widest, 1 << 30)),
      ("portable", engine(.everywhere, .portable, 1 << 30)),
      // Tables come and go.
      ("where paying", engine(.wherePaying, .widest, 1 << 20)),
    ]
  }

  /// Ends the process, which libFuzzer takes for a crash and keeps the input.
  static func fail(_ what: String) -> Never {
    FileHandle.standardError.write(Data("FOUND: \(what)\n".utf8))
    abort()
  }

  func run(_ input: inout cases_input) {
    let cases = (0..<1 + cases_below(&input, 8)).map { _ in makeCase(&input) }
    let shape = cases_octet(&input)
    let step = Int(cases_octet(&input))
    let count =
      shape < 0xc0 ? cases.count : 1 + cases_below(&input, shape >= 0xf8 ? 300 : 40)
    // OpenSSL is asked about each once.
    let expected = answers(openSSL, cases)
    let repeated = (0..<count).map { ($0 + $0 / cases.count * step) % cases.count }
    for (name, engine) in lanes {
      let given = answers(engine, repeated.map { cases[$0] })
      for (place, which) in repeated.enumerated() where given[place] != expected[which] {
        let item = cases[which]
        Self.fail(
          """
          \(name): \(item.algorithm.name) at \(place) of \(count) is \(given[place]), \
          by OpenSSL \(expected[which])
          key \(keys.set.keys[item.key].jwk.laneOctets)
          message \(item.message)
          signature \(item.signature)
          """)
      }
    }
  }

  private func answers(_ engine: some SignatureEngine, _ cases: [Case]) -> [SignatureBatch.Answer] {
    var batch = SignatureBatch()
    var input: [UInt8] = []
    var octets: [UInt8] = []
    for item in cases {
      let (from, at) = (input.count, octets.count)
      input += item.message
      octets += item.signature
      _ = batch.append(
        key: item.key, item.algorithm, input: from..<input.count, signature: at..<octets.count,
        payload: 0..<0)
    }
    do {
      try engine.verify(&batch, input: input.span, octets: octets.span)
    } catch {
      Self.fail("an engine that can't work: \(error.detail)")
    }
    return cases.indices.map { batch.answer($0) }
  }

  private func makeCase(_ input: inout cases_input) -> Case {
    let key = cases_below(&input, keys.set.keys.count)
    var message = [UInt8](repeating: 0, count: 2048)
    message.removeLast(message.count - cases_message(&input, &message, message.count))
    var (algorithm, signature) = keys.sign(&input, key, message)
    // A signature of another length is nobody's.
    let change = cases_octet(&input)
    if change == 1 { signature.removeLast() }
    if change == 2 { signature.append(0) }
    if change == 3 { message.append(0) }
    return Case(key: key, algorithm: algorithm, message: message, signature: signature)
  }
}
