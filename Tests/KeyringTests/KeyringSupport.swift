// What these tests share: fresh folders, seeded randomness, keys and policies.
// Owns: everything it makes. Must never: leave a file behind or depend on a machine's paths.

import Files
import JOSE
import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of its own, removed with all that is in it when the last owner lets go.
final class Folder: Sendable {
  let path: String

  init() {
    let base = Process.environment("TMPDIR") ?? "/tmp"
    var template = Array("\(base)/jotmill-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no folder can be made in \(base)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.removeTree(path) }

  private static func removeTree(_ path: String) {
    if let status = try? OpenFile.status(at: path, followsLinks: false), status.kind == .directory {
      for name in (try? OpenFile.open(path, .readDirectory).names()) ?? [] {
        removeTree("\(path)/\(name)")
      }
      rmdir(path)
    } else {
      unlink(path)
    }
  }

  var directory: OpenFile { get throws { try OpenFile.open(path, .readDirectory) } }

  @discardableResult
  func file(_ name: String, _ contents: String, mode: UInt16 = 0o644) throws -> String {
    try directory.create(name, contents: Array(contents.utf8), mode: mode)
    return "\(path)/\(name)"
  }

  func link(_ name: String, to target: String) { symlink(target, "\(path)/\(name)") }

  func contents(_ name: String) throws -> String {
    String(decoding: try OpenFile.open("\(path)/\(name)", .read).readAll(), as: UTF8.self)
  }

  func mode(_ name: String) throws -> UInt16? {
    try OpenFile.status(at: "\(path)/\(name)", followsLinks: false)?.mode
  }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

enum Sample {
  static let start = Timestamp(seconds: 1_800_000_000)
  static let es256 = AlgorithmName("ES256")!
  static let ed25519 = AlgorithmName("EdDSA")!

  static func key(_ name: AlgorithmName = ed25519, kid: String? = nil) throws -> JWK {
    var jwk = try JWK.generate(for: name)
    if let kid { jwk.kid = ByteString(kid) }
    return jwk
  }

  static func policy(_ name: AlgorithmName = ed25519) -> Policy { Policy(algorithm: name) }

  static func ring(_ policy: Policy = policy()) -> Ring { Ring(policy: policy, changed: start) }
}

extension Ring {
  /// Adds a key and publishes it at once.
  mutating func take(_ kid: String, at now: Timestamp) throws {
    addPending(try Sample.key(kid: kid), Sample.ed25519, at: now)
    markPublished(at: now)
  }
}

extension RingDirectory {
  /// A new ring, opened.
  static func make(
    _ path: String, policy: Policy, at now: Timestamp
  ) throws -> RingDirectory {
    let outcome = try create(path, policy: policy, at: now)
    if let problem = outcome.problem { throw problem }
    return try open(path)
  }

  /// One change; a copy of the set that could not be written is thrown.
  @discardableResult
  func change(
    at clock: @autoclosure @escaping () -> Timestamp,
    _ body: (inout RingUpdate) throws -> Void = { _ in }
  ) throws -> RingOutcome {
    let outcome = try update(at: clock(), body)
    if let problem = outcome.problem { throw problem }
    return outcome
  }
}
