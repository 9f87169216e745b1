// Keys of every kind that has a kernel, their signatures, and what can be wrong with one.
// Owns: making them fast enough for millions.

@testable import JOSE

/// A key that signs for the lanes' tests.
enum LaneSigner {
  case rsa(RawRSA)
  case other(JWK, Signer)

  var jwk: JWK {
    switch self {
    case .rsa(let key): key.jwk
    case .other(let key, _): key.publicHalf
    }
  }

  var algorithms: [Algorithm] {
    switch self {
    case .rsa: [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
    case .other(_, let signer): [signer.algorithm]
    }
  }

  func sign(_ message: [UInt8], _ algorithm: Algorithm) throws -> [UInt8] {
    switch self {
    case .rsa(let key): return key.sign(message, algorithm)
    case .other(_, let signer):
      var out: [UInt8] = []
      try signer.sign(message.span, 0..<message.count, into: &out)
      return out
    }
  }

  static func curve(_ algorithm: Algorithm) throws -> LaneSigner {
    let key = try JWK.generate(
      for: AlgorithmName(algorithm == .edDSA ? "Ed25519" : algorithm.name)!)
    return .other(key, try Signer(key, algorithm))
  }

  /// `count` keys for `algorithm`; of RSA ones most are small.
  static func keys(_ algorithm: Algorithm, _ count: Int) throws -> [LaneSigner] {
    guard algorithm.family == .rsa || algorithm.family == .rsaPSS else {
      return try (0..<count).map { _ in try curve(algorithm) }
    }
    return (0..<count).map { .rsa(RawRSA($0 % 4 == 2 ? 3072 : $0 % 4 == 3 ? 4096 : 2048)) }
  }
}

extension Algorithm {
  /// Those that have a kernel.
  static let lanes: [Algorithm] = [
    .rs256, .rs384, .rs512, .ps256, .ps384, .ps512, .es256, .edDSA,
  ]
}

extension LaneCase {
  /// The same with something wrong in it; a few mutations may leave it as good as it was.
  /// `others` are signatures over other messages or by other keys.
  func mutated(_ jwk: JWK, _ others: [LaneCase], _ random: inout SeededRandom) -> LaneCase {
    var out = self
    let count = signature.count
    let kind = random.below(16)
    out.name = "mutation \(kind)"
    switch kind {
    case 0...5: out.signature[random.below(count)] ^= 1 << UInt8(random.below(8))
    case 6:
      // Of the halves, the first and the last octets.
      let place = [0, count / 2 - 1, count / 2, count - 1][random.below(4)]
      out.signature[place] ^= 1 << UInt8(random.below(8))
    case 7: out.signature = others[random.below(others.count)].signature
    case 8: out.signature = Array(signature[(count / 2)...] + signature[..<(count / 2)])
    case 9:
      let cut = random.below(count)
      out.signature = random.below(2) == 0 ? Array(signature[..<cut]) : Array(signature[cut...])
    case 10:
      let more = random.bytes(1 + random.below(3))
      out.signature = random.below(2) == 0 ? signature + more : more + signature
    case 11: out.signature = [UInt8](repeating: random.below(2) == 0 ? 0 : 255, count: count)
    case 12: out.signature = random.bytes(count)
    case 13: out.signature = plusModulus(jwk)
    case 14:
      if message.isEmpty {
        out.message = [0]
      } else {
        out.message[random.below(message.count)] ^= 1
      }
    default: out.message = random.below(2) == 0 ? message.dropLast() : message + [0]
    }
    return out
  }

  /// A number plus what it is taken by, or that less the number where this does not fit. Of ECDSA's
  /// s that gives a good signature again.
  private func plusModulus(_ jwk: JWK) -> [UInt8] {
    let (first, second) = (Array(signature[..<32]), Array(signature[32...]))
    switch jwk.material {
    case .rsa(let n, _):
      return Self.adding(Big(n), to: signature)
        ?? (Big(n) - Big(signature)).octets(signature.count)
    case .ec:
      if let r = Self.adding(P256.n, to: first) { return r + second }
      return first + (P256.n - Big(second)).octets(32)
    default: return first + (Big(littleEndian: second) + Edwards.order).littleEndian(32)
    }
  }

  private static func adding(_ number: Big, to octets: [UInt8]) -> [UInt8]? {
    let sum = Big(octets) + number
    guard !sum.isNegative, sum.bits <= 8 * octets.count else { return nil }
    return sum.octets(octets.count)
  }
}
