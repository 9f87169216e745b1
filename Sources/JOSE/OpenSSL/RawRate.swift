// OpenSSL alone, in a loop, as `openssl speed` runs it: the measure that `bench` compares with.
// Owns: nothing that verifies a user's token.

internal import COpenSSL

/// One thread's signature or verification on a digest that is ready, again and again.
@safe package final class RawRate {
  private let key: OpenSSLKey?
  private let context: UnsafeMutableRawPointer
  private let algorithm: Algorithm
  private let isSigning: Bool
  private var signature: [UInt8]
  private var signatureOctets = 0
  private let message: [UInt8]

  /// `messageOctets` matters for HMAC and EdDSA, which take the message itself.
  package init(_ jwk: JWK, _ name: AlgorithmName, signs: Bool, messageOctets: Int) throws(JOSEError)
  {
    algorithm = name.algorithm
    isSigning = signs
    let bits = Int32(name.algorithm.hashBits)
    signature = [UInt8](repeating: 0, count: 2100)
    let isHMAC = algorithm.family == .hmac
    message = [UInt8](
      repeating: 0x61, count: algorithm.hashBits == 0 || isHMAC ? messageOctets : Int(bits) / 8)
    if case .oct(let secret) = jwk.secret {
      key = nil
      let made = unsafe secret.reveal { span in
        unsafe span.withUnsafeBufferPointer { unsafe jm_hmac_new(bits, $0.baseAddress, $0.count) }
      }
      guard let made = unsafe made else { throw JOSEError(.openSSL, "no HMAC context") }
      unsafe context = UnsafeMutableRawPointer(made)
      return
    }
    let own = try OpenSSLKey(jwk, isPrivate: true)
    key = own
    let isRSA: Int32 = algorithm.family == .rsa || algorithm.family == .rsaPSS ? 1 : 0
    let isPSS: Int32 = algorithm.family == .rsaPSS ? 1 : 0
    let sign: Int32 = signs ? 1 : 0
    let made =
      name.algorithm.family == .edDSA
      ? unsafe jm_eddsa_context(own.pointer, sign)
      : unsafe jm_digest_signature_context(own.pointer, bits, sign, isRSA, isPSS)
    guard let made = unsafe made else { throw JOSEError(.openSSL, "no signature context") }
    unsafe context = UnsafeMutableRawPointer(made)
    if !signs {
      // A signature to verify, made by a context of its own.
      let signer = try RawRate(jwk, name, signs: true, messageOctets: messageOctets)
      signer.once()
      (signature, signatureOctets) = (signer.signature, signer.signatureOctets)
    }
  }

  deinit {
    switch algorithm.family {
    case .hmac: unsafe jm_hmac_free(context.assumingMemoryBound(to: jm_hmac.self))
    case .edDSA: unsafe EVP_MD_CTX_free(OpaquePointer(context))
    default: unsafe EVP_PKEY_CTX_free(OpaquePointer(context))
    }
  }

  /// One operation.
  package func once() {
    var length = isSigning ? signature.count : signatureOctets
    let ok: Bool
    switch (algorithm.family, isSigning) {
    case (.hmac, _):
      length = unsafe jm_hmac_compute(
        context.assumingMemoryBound(to: jm_hmac.self), message, message.count, &signature)
      ok = length > 0
    case (.edDSA, true):
      length = unsafe jm_eddsa_sign(
        OpaquePointer(context), message, message.count, &signature, length)
      ok = length > 0
    case (.edDSA, false):
      ok =
        unsafe jm_eddsa_verify(
          OpaquePointer(context), message, message.count, signature, length) == 1
    case (_, true):
      ok =
        unsafe EVP_PKEY_sign(OpaquePointer(context), &signature, &length, message, message.count)
        == 1
    case (_, false):
      ok =
        unsafe EVP_PKEY_verify(OpaquePointer(context), signature, length, message, message.count)
        == 1
    }
    precondition(ok, "OpenSSL verifies what it signed")
    signatureOctets = length
  }
}
