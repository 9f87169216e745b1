// Measures one algorithm: the whole path from a file of tokens to discarded verdicts, and OpenSSL
// alone, in turn, so that a noisy machine is noisy for both.
// Owns: the measurement. Must never: measure anything but what `verify` and `sign` run.

internal import Dispatch
internal import Files
package import JOSE

package struct Bench: Sendable {
  /// One way of checking signatures.
  package struct Engine: Sendable {
    package var name: String
    /// nil is OpenSSL alone.
    package var lanes: Lanes?

    package init(_ name: String, _ lanes: Lanes?) { (self.name, self.lanes) = (name, lanes) }
  }

  /// Operations a second by all workers: medians over the rounds.
  package struct Result: Sendable {
    /// By engine; nil where it would leave everything to OpenSSL.
    package var verify: [Double?] = []
    package var rawVerify = 0.0
    package var sign = 0.0
    package var rawSign = 0.0
  }

  /// A signal asked to stop.
  package struct Stopped: Error {}

  package static let tokenBytes = 600
  private static let rounds = 5
  private static let records = 4000

  private let name: AlgorithmName
  private let engines: [Engine]
  private let workers: Int
  private let seconds: Double
  private let jwk: JWK

  package init(
    _ name: AlgorithmName, engines: [Engine], workers: Int, seconds: Double
  ) throws {
    self.name = name
    self.engines = engines
    self.workers = workers
    self.seconds = seconds
    jwk = try JWK.generate(for: name)
  }

  package func run() throws -> Result {
    let claims = try Scratch(Self.claims(count: Self.records, bytes: claimBytes))
    defer { claims.remove() }
    let keys = SigningKeys(jwk, name.algorithm)
    let tokens = try Scratch([])
    defer { tokens.remove() }
    let signed = try run(claims, copies: 1, into: tokens) {
      SignProcessor(SignOptions(), keys: keys)
    }
    guard signed == Self.records else { throw JOSEError(.openSSL, "not every record was signed") }

    var set = KeySet()
    if let problem = set.add(jwk, source: "bench") { throw JOSEError(.badKey, problem) }
    let keySet = VerificationKeys(set)
    let used = engines.filter { $0.lanes?.canJudge(jwk) ?? true }
    let verify = used.map { engine in
      var options = VerifyOptions()
      options.lanes = engine.lanes
      return { @Sendable [options] in try VerifyProcessor(options, keys: keySet) }
    }
    let sign = { @Sendable in SignProcessor(SignOptions(), keys: keys) }
    var result = Result()
    let (verifying, raw) = try alternate(tokens, verify, signs: false)
    result.rawVerify = raw
    result.verify = engines.map { engine in
      used.firstIndex { $0.name == engine.name }.map { verifying[$0] }
    }
    let (signing, rawSigning) = try alternate(claims, [sign], signs: true)
    (result.sign, result.rawSign) = (signing[0], rawSigning)
    return result
  }

  /// Medians of the rates of the program, with each processor, and of OpenSSL, measured in turn.
  private func alternate<P: ChunkProcessor & SendableMetatype>(
    _ input: Scratch, _ processors: [@Sendable () throws -> P], signs: Bool
  ) throws -> ([Double], Double) {
    let slice = seconds / Double(Self.rounds)
    // As many copies of the file as take about a slice, by what the second one takes: the first makes tables.
    let copies = try processors.map { processor in
      _ = try time(input, copies: 1, processor)
      return max(1, Int(slice / max(try time(input, copies: 1, processor), 1e-4)))
    }
    var rates = [[Double]](repeating: [], count: processors.count)
    var raws: [Double] = []
    for _ in 0..<Self.rounds {
      raws.append(try rawRate(slice, signs: signs))
      for (i, processor) in processors.enumerated() {
        let spent = try time(input, copies: copies[i], processor)
        rates[i].append(Double(copies[i] * Self.records) / spent)
      }
    }
    return (rates.map(Self.median), Self.median(raws))
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  private func time<P: ChunkProcessor & SendableMetatype>(
    _ input: Scratch, copies: Int, _ processor: @escaping @Sendable () throws -> P
  ) throws -> Double {
    let start = Clock.monotonic
    let accepted = try run(input, copies: copies, into: nil, processor)
    guard accepted == copies * Self.records else {
      throw JOSEError(.openSSL, "not every token that was signed is valid")
    }
    return Clock.monotonic - start
  }

  private func run<P: ChunkProcessor & SendableMetatype>(
    _ input: Scratch, copies: Int, into output: Scratch?,
    _ processor: @escaping @Sendable () throws -> P
  ) throws -> Int {
    var run = Run()
    run.inputs = Array(repeating: input.path, count: copies)
    run.workers = workers
    // Small enough that every worker has its share of one copy.
    run.limits.chunkBytes = 64 << 10
    let target = try OutputFile(output?.path ?? "/dev/null")
    run.output = target
    let outcome = run(processor)
    if let failure = outcome.failure { throw failure }
    if let problem = outcome.problems.first { throw problem }
    if outcome.wasStopped { throw Stopped() }
    try target.commit()
    return outcome.summary.lines.accepted
  }

  /// OpenSSL's operations a second on as many threads as there are workers.
  private func rawRate(_ slice: Double, signs: Bool) throws -> Double {
    let message = Self.tokenBytes - signatureLetters
    // Made before the clock starts; each thread owns its own.
    let loops = try (0..<workers).map { _ in
      RawLoop(try RawRate(jwk, name, signs: signs, messageOctets: message))
    }
    let start = Clock.monotonic
    DispatchQueue.concurrentPerform(iterations: workers) { loops[$0].run(until: start + slice) }
    let spent = Clock.monotonic - start
    return Double(loops.reduce(0) { $0 + $1.count }) / spent
  }

  private var signatureLetters: Int {
    switch name.algorithm.family {
    case .hmac: (name.algorithm.hashBits / 8 * 4 + 2) / 3
    case .rsa, .rsaPSS: 342
    case .ecdsa, .edDSA: ((name.curve ?? .ed25519).signatureOctets * 4 + 2) / 3
    }
  }

  /// Octets of a record, so that its token is about `tokenBytes` long.
  private var claimBytes: Int {
    // Header, dots, and what sign adds: iat, exp, jti.
    max(100, (Self.tokenBytes - signatureLetters - 105) * 3 / 4 - 80)
  }

  private static func claims(count: Int, bytes: Int) -> [UInt8] {
    var out: [UInt8] = []
    for i in 0..<count {
      let start = out.count
      out.append("{\"iss\":\"https://auth.example.com/\",\"sub\":\"user-")
      out.append(decimal: 100_000 + i)
      out.append("\",\"scope\":\"openid profile\",\"name\":\"")
      let rest = max(1, bytes - (out.count - start) - 2)
      out.append(contentsOf: repeatElement(UInt8(ascii: "n"), count: rest))
      out.append("\"}\n")
    }
    return out
  }
}

private final class RawLoop: @unchecked Sendable {
  // Sendable: each is used by the one thread that concurrentPerform gives its index to, and read
  // after all have ended.
  private let rate: RawRate
  private(set) var count = 0

  init(_ rate: RawRate) { self.rate = rate }

  func run(until end: Double) {
    while Clock.monotonic < end {
      for _ in 0..<8 { rate.once() }
      count += 8
    }
  }
}

/// A file in the temporary directory.
private struct Scratch: Sendable {
  let path: String

  init(_ contents: [UInt8]) throws {
    let folder = Process.environment("TMPDIR") ?? "/tmp"
    let name = Base64URL.encode(randomOctets(9))
    path = "\(folder)/jotmill-bench-\(String(decoding: name, as: UTF8.self))"
    try OpenFile.open(folder, .readDirectory).create(
      OpenFile.split(path).name, contents: contents, mode: 0o600)
  }

  func remove() {
    let (folder, name) = OpenFile.split(path)
    try? OpenFile.open(folder, .readDirectory).remove(name)
  }
}
