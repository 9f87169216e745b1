// The keys that the engines are asked with: several of each lane, and some that have none.
// Owns: them, and the way to a signature by one. Must never: be used for anything but tests.

import Cases
import Foundation

@testable import JOSE

final class FuzzKeys {
  /// What Cases knows of a key.
  private enum Half {
    case rsa(cases_modulus)
    case p256(UnsafePointer<cases_p256_key>)
    case ed25519(UnsafePointer<cases_ed25519_key>)
    case none
  }

  private(set) var set = KeySet()
  private var halves: [Half] = []

  init() {
    for (index, octets) in [256, 256, 256, 384, 512].enumerated() {
      var modulus = cases_modulus()
      modulus.n = BN_new()
      cases_rsa_smooth(&modulus, octets, 3 * index, 1 + index)
      let n = Self.octets(of: modulus.octets, octets)
      add(.rsa(n: n, e: [1, 0, 1]), .rsa(modulus))
      // Another exponent: no lane takes it.
      if index == 0 { add(.rsa(n: n, e: [3]), .rsa(modulus)) }
    }
    for index in 0..<Int(CASES_P256_KEYS) {
      guard let key = cases_p256_fixed_key(index) else { continue }
      let point = Self.octets(of: key.pointee.point, 64)
      add(.ec(.p256, x: Array(point[..<32]), y: Array(point[32...])), .p256(key))
    }
    for index in 0..<Int(CASES_ED25519_KEYS) {
      guard let key = cases_ed25519_fixed_key(index) else { continue }
      add(.okp(.ed25519, x: Self.octets(of: key.pointee.octets, 32)), .ed25519(key))
    }
    var secret = [UInt8](repeating: 7, count: 64)
    let jwk = JWK(secret: SecretBytes(consuming: &secret))
    if set.add(jwk, source: "fuzz") == nil { halves.append(.none) }
    precondition(set.keys.count == halves.count, "one half for each key")
  }

  /// The same public key in another spelling may be there already.
  private func add(_ material: JWK.Material, _ half: Half) {
    let count = set.keys.count
    if let reason = set.add(JWK(material), source: "fuzz") { Engines.fail(reason) }
    if set.keys.count > count { halves.append(half) }
  }

  private static func octets<T>(of tuple: T, _ count: Int) -> [UInt8] {
    withUnsafeBytes(of: tuple) { Array($0.prefix(count)) }
  }

  /// A signature that may hold, by an algorithm that the key is for.
  func sign(
    _ input: inout cases_input, _ key: Int, _ message: [UInt8]
  ) -> (Algorithm, [UInt8]) {
    var signature = [UInt8](repeating: 0, count: 64)
    switch halves[key] {
    case .rsa(var modulus):
      let algorithms: [Algorithm] = [.rs256, .ps256, .rs384, .ps384, .rs512, .ps512]
      let algorithm = algorithms[cases_below(&input, 6)]
      signature = .init(repeating: 0, count: modulus.count)
      let digest = LaneKernels.hash(
        algorithm, message, signature: [], key: set.keys[key].jwk)
      cases_rsa_signature(
        &input, &modulus, CInt(algorithm.hashBits), algorithm.family == .rsaPSS ? 1 : 0, digest,
        &signature)
      return (algorithm, signature)
    case .p256(let half):
      var digest = LaneKernels.hash(.es256, message, signature: [], key: set.keys[key].jwk)
      _ = cases_p256_signature(&input, half, 0, &digest, &signature)
      return (.es256, signature)
    case .ed25519(let half):
      cases_ed25519_signature(&input, half, message, message.count, &signature)
      return (.edDSA, signature)
    case .none:
      cases_octets(&input, &signature, 32)
      return (.hs256, Array(signature[..<32]))
    }
  }
}
