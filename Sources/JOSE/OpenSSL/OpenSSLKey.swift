// One EVP_PKEY: built from a JWK's numbers, generated, or read from PEM and DER; and back to a JWK.
// Owns: the C object. Must never: be shared between threads (each worker builds its own).

internal import COpenSSL

/// The one owner of an EVP_PKEY.
@safe final class OpenSSLKey {
  let pointer: OpaquePointer

  init(takingOwnershipOf pointer: OpaquePointer) { unsafe self.pointer = pointer }
  deinit { unsafe EVP_PKEY_free(pointer) }

  /// Builds the key of `jwk`, with its private half if it has one and `isPrivate` asks for it.
  /// Throws `.badKey` when OpenSSL refuses the numbers: a point off the curve, for example.
  convenience init(_ jwk: JWK, isPrivate: Bool) throws(JOSEError) {
    let made: OpaquePointer?
    switch (jwk.material, isPrivate ? jwk.secret : nil) {
    case (.rsa(let n, let e), let secret):
      var parts: [SecretBytes] = []
      if case .rsa(let numbers) = secret { parts = numbers }
      unsafe made = Self.rsa(n, e, parts)
    case (.ec(let curve, let x, let y), let secret):
      let point = [4] + x + y
      if case .scalar(let d) = secret {
        unsafe made = d.reveal { d in
          unsafe d.withUnsafeBufferPointer { d in
            unsafe jm_ec_key(curve.openSSLName, point, point.count, d.baseAddress, d.count)
          }
        }
      } else {
        unsafe made = jm_ec_key(curve.openSSLName, point, point.count, nil, 0)
      }
    case (.okp(let curve, _), .scalar(let d)):
      unsafe made = d.reveal { d in
        unsafe d.withUnsafeBufferPointer { d in
          unsafe jm_okp_key(curve.openSSLName, d.baseAddress, d.count, 1)
        }
      }
    case (.okp(let curve, let x), _):
      unsafe made = jm_okp_key(curve.openSSLName, x, x.count, 0)
    case (.oct, _): preconditionFailure("a symmetric key is no EVP_PKEY here")
    }
    guard let made = unsafe made else {
      throw JOSEError(
        .badKey, "OpenSSL refuses this \(jwk.kind) key: its numbers do not belong together")
    }
    unsafe self.init(takingOwnershipOf: made)
  }

  private static func rsa(_ n: [UInt8], _ e: [UInt8], _ parts: [SecretBytes]) -> OpaquePointer? {
    // The numbers must stay at their addresses during the call, so each level holds one of them.
    func collect(
      _ index: Int, _ pointers: inout [UnsafePointer<UInt8>?], _ lengths: inout [Int]
    ) -> OpaquePointer? {
      guard index < parts.count else { return unsafe jm_rsa_key(pointers, lengths) }
      let part = parts[index]
      return unsafe part.reveal { span in
        unsafe span.withUnsafeBufferPointer { buffer in
          unsafe pointers[2 + index] = buffer.baseAddress
          lengths[2 + index] = buffer.count
          return unsafe collect(index + 1, &pointers, &lengths)
        }
      }
    }
    return unsafe n.withUnsafeBufferPointer { n in
      unsafe e.withUnsafeBufferPointer { e in
        var pointers = unsafe [UnsafePointer<UInt8>?](repeating: nil, count: 8)
        var lengths = [Int](repeating: 0, count: 8)
        unsafe (pointers[0], pointers[1]) = (n.baseAddress, e.baseAddress)
        (lengths[0], lengths[1]) = (n.count, e.count)
        return unsafe collect(0, &pointers, &lengths)
      }
    }
  }

  static func generate(_ type: KeyType) throws(JOSEError) -> OpenSSLKey {
    let made: OpaquePointer?
    switch type {
    case .rsa(let bits): unsafe made = jm_generate_key("RSA", bits, nil)
    case .curve(let curve):
      unsafe made =
        curve.isOctetKeyPair
        ? jm_generate_key(curve.openSSLName, 0, nil) : jm_generate_key("EC", 0, curve.openSSLName)
    }
    guard let made = unsafe made else { throw JOSEError(.openSSL, "OpenSSL could not make a key") }
    return unsafe OpenSSLKey(takingOwnershipOf: made)
  }

  /// Reads PEM or DER; nil when it is neither or of a kind that OpenSSL does not know.
  static func read(_ bytes: Span<UInt8>) -> (key: OpenSSLKey, isPrivate: Bool)? {
    var isPrivate: Int32 = 0
    guard
      let made = unsafe bytes.withUnsafeBufferPointer({
        unsafe jm_read_key($0.baseAddress, $0.count, &isPrivate)
      })
    else { return nil }
    return unsafe (OpenSSLKey(takingOwnershipOf: made), isPrivate == 1)
  }

  /// The key's numbers. Throws `.unsupportedKey` for types and curves that JOSE has no use for.
  func jwk(isPrivate: Bool) throws(JOSEError) -> JWK {
    let type = typeName
    if ByteString(type) == "RSA" || ByteString(type) == "RSA-PSS" {
      let (n, e) = (number("n", 0), number("e", 0))
      guard !n.isEmpty, !e.isEmpty else {
        throw JOSEError(.unsupportedKey, "an RSA modulus of more than 16384 bits")
      }
      var jwk = JWK(.rsa(n: n, e: e), secret: isPrivate ? rsaSecret : nil)
      // A key marked for PSS (RFC 4055) must make nothing else: with the hash that it is restricted
      // to, or with SHA-256, since a JWK cannot say "any PSS".
      if ByteString(type) == "RSA-PSS" {
        switch unsafe jm_pss_hash_bits(pointer) {
        case 256: jwk.algorithm = AlgorithmName(.ps256)
        case 384: jwk.algorithm = AlgorithmName(.ps384)
        case 512: jwk.algorithm = AlgorithmName(.ps512)
        default: throw JOSEError(.unsupportedKey, "an RSA-PSS key for another hash than SHA-2")
        }
      }
      return jwk
    }
    for curve in Curve.allCases {
      if curve.isOctetKeyPair, ByteString(type) == ByteString(curve.openSSLName) {
        var d = isPrivate ? octets(curve.octets, isPrivate: true) : []
        return JWK(
          .okp(curve, x: octets(curve.octets, isPrivate: false)),
          secret: isPrivate ? .scalar(SecretBytes(consuming: &d)) : nil)
      }
      if !curve.isOctetKeyPair, ByteString(type) == ByteString("EC " + curve.openSSLName) {
        var d = isPrivate ? number("priv", curve.octets) : []
        return JWK(
          .ec(curve, x: number("qx", curve.octets), y: number("qy", curve.octets)),
          secret: isPrivate ? .scalar(SecretBytes(consuming: &d)) : nil)
      }
    }
    throw JOSEError(
      .unsupportedKey,
      ByteString(type) == "EC "
        ? "an EC key with explicit curve parameters; only named curves are accepted"
        : "a key of type \(type), which no algorithm here uses")
  }

  /// Whether an RSA pair's primes, exponents and modulus belong together.
  var isConsistent: Bool { unsafe jm_rsa_pair_check(pointer) == 1 }

  private var rsaSecret: JWK.PrivateMaterial {
    let names = [
      "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1",
    ]
    var numbers = names.map { number($0, 0) }
    if numbers.contains(where: \.isEmpty) { numbers = [numbers[0]] }
    // In place: a copy of the array would leave the original behind, unwiped.
    var secrets: [SecretBytes] = []
    for i in numbers.indices { secrets.append(SecretBytes(consuming: &numbers[i])) }
    return .rsa(secrets)
  }

  private var typeName: String {
    var name = [CChar](repeating: 0, count: 128)
    guard unsafe jm_key_type(pointer, &name, name.count) == 1 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func number(_ name: String, _ width: Int) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 2048)
    let n = unsafe jm_key_number(pointer, name, &out, out.count, width)
    let result = Array(out[..<n])
    out.wipe()
    return result
  }

  private func octets(_ count: Int, isPrivate: Bool) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: count)
    let n = unsafe jm_okp_octets(pointer, &out, count, isPrivate ? 1 : 0)
    precondition(n == count, "an OKP key has octets of its curve's length")
    return out
  }

  /// PKCS#8 (private) or SubjectPublicKeyInfo (public).
  func encoded(isPrivate: Bool, pem: Bool) throws(JOSEError) -> SecretBytes {
    var count = 0
    guard let made = unsafe jm_encode_key(pointer, isPrivate ? 1 : 0, pem ? 1 : 0, &count) else {
      throw JOSEError(.openSSL, "OpenSSL could not write this key")
    }
    var copy = unsafe Array(UnsafeBufferPointer(start: made, count: count))
    unsafe jm_free_encoded(made, count)
    return SecretBytes(consuming: &copy)
  }
}

/// What key a new pair is.
package enum KeyType: Sendable, Equatable {
  case rsa(bits: Int)
  case curve(Curve)
}
