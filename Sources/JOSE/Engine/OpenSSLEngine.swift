// Checks signatures one by one with OpenSSL, on contexts that are prepared once a key.
// Owns: those contexts. Must never: be used from two threads, or accept what OpenSSL rejects.

internal import COpenSSL

@safe package final class OpenSSLEngine: SignatureEngine {
  private enum Kind: UInt8 { case none, hmac, rsa, ecdsa, edDSA }

  /// A plain record, so that a token costs no reference counting.
  @unsafe private struct Prepared {
    var kind = Kind.none
    /// jm_hmac, EVP_PKEY_CTX or EVP_MD_CTX.
    var context: UnsafeMutableRawPointer?
    /// Octets of a signature: exactly this many are looked at.
    var signatureOctets: Int32 = 0
  }

  private let keys: [KeySet.Key]
  private var prepared: [Prepared]
  private var owned: [OpenSSLKey] = []
  /// How many signatures it was asked about.
  private(set) var asked = 0

  /// Contexts are made at a key's first token: a set of thousands costs only the keys in use.
  package init(_ keys: [KeySet.Key]) {
    self.keys = keys
    unsafe prepared = .init(repeating: Prepared(), count: keys.count * Algorithm.allCases.count)
  }

  package convenience init(_ keys: KeySet) { self.init(keys.keys) }

  deinit {
    for slot in unsafe prepared.indices {
      let item = unsafe prepared[slot]
      switch unsafe item.kind {
      case .none: break
      case .hmac: unsafe jm_hmac_free(item.context?.assumingMemoryBound(to: jm_hmac.self))
      case .rsa, .ecdsa: unsafe EVP_PKEY_CTX_free(item.context.map { OpaquePointer($0) })
      case .edDSA: unsafe EVP_MD_CTX_free(item.context.map { OpaquePointer($0) })
      }
    }
  }

  package func verify(
    _ batch: inout SignatureBatch, input: Span<UInt8>, octets: Span<UInt8>
  ) throws(JOSEError) {
    for index in batch.entries.indices where batch.entries[index].answer == .pending {
      let entry = batch.entries[index]
      asked += 1
      let slot = Int(entry.key) * Algorithm.allCases.count + Int(entry.algorithm.rawValue)
      if unsafe prepared[slot].kind == .none { try prepare(Int(entry.key), entry.algorithm, slot) }
      let item = unsafe prepared[slot]
      let holds: Bool = unsafe input.withUnsafeBufferPointer { input in
        unsafe octets.withUnsafeBufferPointer { octets in
          unsafe isValid(
            item, entry.algorithm.hashBits,
            UnsafeBufferPointer(rebasing: input[Self.range(entry.input)]),
            UnsafeBufferPointer(rebasing: octets[Self.range(entry.signature)]))
        }
      }
      batch.entries[index].answer = holds ? .valid : .invalid
    }
  }

  /// One signature over one message, outside a batch.
  package func isValid(
    _ signature: [UInt8], of message: [UInt8], key: Int, _ algorithm: Algorithm
  ) throws(JOSEError) -> Bool {
    var batch = SignatureBatch()
    _ = batch.append(
      key: key, algorithm, input: 0..<message.count, signature: 0..<signature.count, payload: 0..<0)
    try verify(&batch, input: message.span, octets: signature.span)
    return batch.answer(0) == .valid
  }

  @inline(__always)
  private static func range(_ short: Range<Int32>) -> Range<Int> {
    Int(short.lowerBound)..<Int(short.upperBound)
  }

  @inline(__always)
  private func isValid(
    _ item: Prepared, _ bits: Int, _ input: UnsafeBufferPointer<UInt8>,
    _ signature: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard unsafe signature.count == Int(item.signatureOctets) else { return false }
    switch unsafe item.kind {
    case .none: return false
    case .hmac:
      return unsafe jm_hmac_verify(
        item.context?.assumingMemoryBound(to: jm_hmac.self), input.baseAddress, input.count,
        signature.baseAddress, signature.count) == 1
    case .rsa:
      return unsafe jm_rsa_verify(
        OpaquePointer(item.context), Int32(bits), input.baseAddress, input.count,
        signature.baseAddress, signature.count) == 1
    case .ecdsa:
      return unsafe jm_ecdsa_verify(
        OpaquePointer(item.context), Int32(bits), input.baseAddress, input.count,
        signature.baseAddress, signature.count / 2) == 1
    case .edDSA:
      return unsafe jm_eddsa_verify(
        OpaquePointer(item.context), input.baseAddress, input.count,
        signature.baseAddress, signature.count) == 1
    }
  }

  private func prepare(_ key: Int, _ algorithm: Algorithm, _ slot: Int) throws(JOSEError) {
    let jwk = keys[key].jwk
    let bits = Int32(algorithm.hashBits)
    var item = unsafe Prepared()
    switch (jwk.material, jwk.secret) {
    case (.oct, .oct(let secret)):
      unsafe item.kind = .hmac
      unsafe item.signatureOctets = bits / 8
      unsafe item.context = secret.reveal { secret in
        unsafe secret.withUnsafeBufferPointer {
          unsafe UnsafeMutableRawPointer(jm_hmac_new(bits, $0.baseAddress, $0.count))
        }
      }
    case (.oct, _): preconditionFailure("KeySet keeps no symmetric key without its secret")
    case (.rsa(let n, _), _):
      let made = try OpenSSLKey(jwk, isPrivate: false)
      owned.append(made)
      unsafe item.kind = .rsa
      unsafe item.signatureOctets = Int32(n.count)
      let pss: Int32 = algorithm.family == .rsaPSS ? 1 : 0
      unsafe item.context = UnsafeMutableRawPointer(
        jm_digest_signature_context(made.pointer, bits, 0, 1, pss))
    case (.ec(let curve, _, _), _):
      let made = try OpenSSLKey(jwk, isPrivate: false)
      owned.append(made)
      unsafe item.kind = .ecdsa
      unsafe item.signatureOctets = Int32(curve.signatureOctets)
      unsafe item.context = UnsafeMutableRawPointer(
        jm_digest_signature_context(made.pointer, bits, 0, 0, 0))
    case (.okp(let curve, _), _):
      let made = try OpenSSLKey(jwk, isPrivate: false)
      owned.append(made)
      unsafe item.kind = .edDSA
      unsafe item.signatureOctets = Int32(curve.signatureOctets)
      unsafe item.context = UnsafeMutableRawPointer(jm_eddsa_context(made.pointer, 0))
    }
    guard unsafe item.context != nil else {
      throw JOSEError(.openSSL, "OpenSSL cannot verify \(algorithm.name) with a \(jwk.kind) key")
    }
    unsafe prepared[slot] = item
  }
}
