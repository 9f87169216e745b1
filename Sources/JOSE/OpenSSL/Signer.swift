// Makes signatures with one private key, on a context that is prepared once.
// Owns: that context. Must never: be used from two threads, or sign with a key whose `alg`,
// `use` or `key_ops` forbid it.

internal import COpenSSL

@safe public final class Signer {
  public let algorithm: Algorithm
  private let key: OpenSSLKey?
  /// jm_hmac, EVP_PKEY_CTX or EVP_MD_CTX, by the algorithm's family.
  private let context: UnsafeMutableRawPointer
  private let signatureOctets: Int

  /// Throws `.noPrivateKey`, `.badKey`, `.unsupportedKey` (`algorithm` is not the key's).
  public init(_ jwk: JWK, _ algorithm: Algorithm) throws(JOSEError) {
    if let reason = jwk.forbids(.sign) { throw JOSEError(.unsupportedKey, reason) }
    guard jwk.fits(AlgorithmName(algorithm)) else {
      throw JOSEError(.unsupportedKey, "a \(jwk.kind) key does not sign \(algorithm.name)")
    }
    guard let secret = jwk.secret else {
      throw JOSEError(.noPrivateKey, "only the public half is here; signing needs the private key")
    }
    self.algorithm = algorithm
    let bits = Int32(algorithm.hashBits)
    let made: UnsafeMutableRawPointer?
    switch (jwk.material, secret) {
    case (.oct, .oct(let secret)):
      key = nil
      signatureOctets = Int(bits) / 8
      unsafe made = secret.reveal { secret in
        unsafe secret.withUnsafeBufferPointer {
          unsafe UnsafeMutableRawPointer(jm_hmac_new(bits, $0.baseAddress, $0.count))
        }
      }
    case (.okp(let curve, let x), _):
      let own = try OpenSSLKey(jwk, isPrivate: true)
      // OpenSSL derives the public half from the private one; a JWK states both.
      guard try own.jwk(isPrivate: false).material == .okp(curve, x: x) else {
        throw JOSEError(
          .badKey, "the private and the public half of the key do not belong together")
      }
      key = own
      signatureOctets = curve.signatureOctets
      unsafe made = UnsafeMutableRawPointer(jm_eddsa_context(own.pointer, 1))
    case (.ec(let curve, _, _), _):
      let own = try OpenSSLKey(jwk, isPrivate: true)
      key = own
      signatureOctets = curve.signatureOctets
      unsafe made = UnsafeMutableRawPointer(
        jm_digest_signature_context(own.pointer, bits, 1, 0, 0))
    case (.rsa(let n, _), _):
      let own = try OpenSSLKey(jwk, isPrivate: true)
      key = own
      signatureOctets = n.count
      unsafe made = UnsafeMutableRawPointer(
        jm_digest_signature_context(
          own.pointer, bits, 1, 1, algorithm.family == .rsaPSS ? 1 : 0))
    case (.oct, _): preconditionFailure("a symmetric key's secret is its octets")
    }
    guard let made = unsafe made else {
      throw JOSEError(.openSSL, "OpenSSL cannot sign \(algorithm.name) with this key")
    }
    unsafe context = made
  }

  deinit {
    switch algorithm.family {
    case .hmac: unsafe jm_hmac_free(context.assumingMemoryBound(to: jm_hmac.self))
    case .edDSA: unsafe EVP_MD_CTX_free(OpaquePointer(context))
    case .rsa, .rsaPSS, .ecdsa: unsafe EVP_PKEY_CTX_free(OpaquePointer(context))
    }
  }

  /// Appends the signature of `bytes[range]` in JWS form (RFC 7518 section 3) to `out`.
  package func sign(
    _ bytes: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]
  ) throws(JOSEError) {
    let bits = Int32(algorithm.hashBits)
    var written = 0
    // An HMAC is written whole before it is cut to its length.
    out.append(addingCapacity: max(signatureOctets, 64)) { output in
      unsafe bytes.extracting(range).withUnsafeBufferPointer { message in
        unsafe output.withUnsafeMutableBufferPointer { buffer, count in
          written = unsafe sign(message, bits, to: buffer.baseAddress!)
          count = written
        }
      }
    }
    guard written == signatureOctets else {
      throw JOSEError(.openSSL, "OpenSSL failed to make a signature")
    }
  }

  /// Returns the signature's length, 0 on failure.
  @inline(__always)
  private func sign(
    _ message: UnsafeBufferPointer<UInt8>, _ bits: Int32, to: UnsafeMutablePointer<UInt8>
  ) -> Int {
    switch algorithm.family {
    case .hmac:
      unsafe jm_hmac_compute(
        context.assumingMemoryBound(to: jm_hmac.self), message.baseAddress, message.count, to)
    case .rsa, .rsaPSS:
      unsafe jm_rsa_sign(
        OpaquePointer(context), bits, message.baseAddress, message.count, to, signatureOctets)
    case .ecdsa:
      unsafe jm_ecdsa_sign(
        OpaquePointer(context), bits, message.baseAddress, message.count, to,
        signatureOctets / 2) == 1 ? signatureOctets : 0
    case .edDSA:
      unsafe jm_eddsa_sign(
        OpaquePointer(context), message.baseAddress, message.count, to, signatureOctets)
    }
  }
}
