// A signer that follows its ring on disk, and the ring's rules for what is signed.
// Owns: rings in temporary folders, on a fake clock.

import Files
import JOSE
import Testing

@testable import Keyring
@testable import Pipeline

@Suite struct SigningKeysTests {
  private let folder = Folder()
  private static let start = Timestamp(seconds: 1_800_000_000)
  private var path: String { "\(folder.path)/ring" }

  private func policy() -> Policy {
    var policy = Policy(algorithm: AlgorithmName("ES256")!)
    policy.period = Seconds(10 * 86_400)
    policy.maxTokenTTL = Seconds(3600)
    return policy
  }

  private static func make(_ path: String, _ policy: Policy) throws -> RingDirectory {
    _ = try RingDirectory.create(path, policy: policy, at: start)
    return try RingDirectory.open(path)
  }

  @discardableResult
  private func add(_ directory: RingDirectory, at now: Timestamp) throws -> JWK {
    let jwk = try JWK.generate(for: AlgorithmName("ES256")!)
    _ = try directory.update(at: now) { try $0.add(jwk, AlgorithmName("ES256")!) }
    return jwk
  }

  /// Puts `ring` in the place of the one on disk, as another host would.
  private func write(_ ring: Ring) throws {
    try OpenFile.open(path, .readDirectory).replace(
      "keyring.json", contents: ring.text, mode: 0o644)
  }

  @Test func `an empty ring has no key to sign with`() throws {
    let directory = try Self.make(path, policy())
    #expect(throws: KeyringError(.noActiveKey, "")) { try SigningKeys(directory, at: Self.start) }
  }

  @Test func `a fixed key never changes`() throws {
    let keys = SigningKeys(Sample.secret(), .hs256)
    for seconds in [Int64.min, 0, .max] {
      let current = try keys.current(at: Timestamp(seconds: seconds))
      #expect(current.generation == 0 && current.ring == nil && current.jwk.kid == "k1")
    }
  }

  @Test func `the successor signs from the second of its activation on`() throws {
    let directory = try Self.make(path, policy())
    let first = try add(directory, at: Self.start)
    let keys = try SigningKeys(directory, at: Self.start)
    #expect(try keys.current(at: Self.start).jwk.kid == first.kid)
    let second = try add(directory, at: Self.start + Seconds(60))
    let turn = Self.start + policy().period
    let before = try keys.current(at: turn - Seconds(1))
    #expect(before.jwk.kid == first.kid && before.jwk.hasPrivateHalf)
    #expect(before.ring?.activation == Self.start)
    let after = try keys.current(at: turn)
    #expect(after.jwk.kid == second.kid && after.jwk.hasPrivateHalf)
    #expect(after.ring?.activation == turn)
    #expect(after.generation > before.generation)
    #expect(try keys.current(at: turn + Seconds(5)).generation == after.generation)
  }

  @Test func `a ring that changes on disk is followed after a second`() throws {
    let directory = try Self.make(path, policy())
    try add(directory, at: Self.start)
    let keys = try SigningKeys(directory, at: Self.start)
    var ring = try directory.load()
    ring.policy.maxTokenTTL = Seconds(60)
    try write(ring)
    let half = Timestamp(seconds: Self.start.seconds, nanoseconds: 500_000_000)
    #expect(try keys.current(at: half).ring?.maxTokenTTL == Seconds(3600))
    let later = try keys.current(at: Self.start + Seconds(1))
    #expect(later.ring?.maxTokenTTL == Seconds(60))
    #expect(later.generation == 1)

    ring.keys[0].revocation = RingKey.Revocation(at: Self.start, since: nil, reason: nil)
    try write(ring)
    #expect(throws: KeyringError(.noActiveKey, "")) {
      try keys.current(at: Self.start + Seconds(2))
    }
    ring.keys[0].revocation = nil
    try write(ring)
    #expect(try keys.current(at: Self.start + Seconds(3)).jwk.kid == ring.keys[0].kid)
  }

  @Test func `a private half that is gone or readable by others ends the run`() throws {
    let directory = try Self.make(path, policy())
    let jwk = try add(directory, at: Self.start)
    let file = try OpenFile.open("\(path)/private/\(jwk.kid!).jwk", .read)
    try file.setMode(0o644)
    #expect(throws: KeyringError(.unsafePermissions, "")) {
      try SigningKeys(directory, at: Self.start)
    }
    try OpenFile.open("\(path)/private", .readDirectory).remove("\(jwk.kid!).jwk")
    #expect(throws: KeyringError(.noPrivateKey, "")) { try SigningKeys(directory, at: Self.start) }
  }

  // MARK: Rules

  /// Signs records with a ring's key that is active since `start`, so long after it.
  private func sign(
    _ records: [String], after seconds: Int64, _ change: (inout SignOptions) -> Void = { _ in }
  ) throws -> [String] {
    let directory = try Self.make(path, policy())
    try add(directory, at: Self.start)
    var options = SignOptions()
    options.at = Self.start + Seconds(seconds)
    options.format = .json
    change(&options)
    var processor = SignProcessor(options, keys: try SigningKeys(directory, at: options.at!))
    return try processor.lines(records.map { $0 + "\n" }.joined()).map { line in
      let value = try JSONValue(parsing: Array(line.utf8))
      return value["error"]?.string?.description ?? "signed"
    }
  }

  @Test func `no token outlives the ring's limit`() throws {
    let now = Self.start.seconds + 500
    let limit = now + 3600
    #expect(
      try sign(
        [
          "{}", "{\"exp\":\(limit)}", "{\"exp\":\(limit).000000001}", "{\"exp\":\(limit + 1)}",
          "{\"exp\":1e300}", "{\"exp\":\(now)}", "{\"exp\":-5}", "{\"exp\":null}",
        ], after: 500)
        == [
          "signed", "signed", "outlives_key", "outlives_key", "outlives_key", "signed", "signed",
          "bad_claim",
        ])
  }

  @Test func `an own iat stands between the key's activation and now with the skew`() throws {
    let start = Self.start.seconds
    let now = start + 500
    #expect(
      try sign(
        [
          "{\"iat\":\(start)}", "{\"iat\":\(start - 1)}", "{\"iat\":\(start - 1).9}",
          "{\"iat\":\(now + 60)}", "{\"iat\":\(now + 60).1}", "{\"iat\":\(now + 61)}",
        ], after: 500)
        == ["signed", "bad_claim", "bad_claim", "signed", "bad_claim", "bad_claim"])
  }

  @Test func `as is must bring an exp of its own, and obeys the same rules`() throws {
    let now = Self.start.seconds
    #expect(
      try sign(
        [
          "{}", "{\"exp\":\"x\"}", "{\"exp\":\(now + 3600)}",
          "{\"iat\":\(now),\"exp\":\(now + 3600)}", "{\"iat\":\(now),\"exp\":\(now + 3601)}",
        ], after: 0
      ) { $0.asIs = true } == [
        "missing_claim", "bad_claim", "missing_claim", "signed", "outlives_key",
      ])
  }

  @Test func `a ttl past the limit rejects every record that does not bring its own exp`() throws {
    let exp = Self.start.seconds + 10
    #expect(
      try sign(["{}", "{\"exp\":\(exp)}"], after: 0) { $0.ttl = Seconds(3601) }
        == ["outlives_key", "signed"])
  }
}
