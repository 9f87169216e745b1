// Reads the key files an operator hands over: PEM, DER, a certificate, a JWK, a JWK set, raw octets.
// Owns: telling these apart. Must never: open a file, ask for a passphrase, or guess that text is a
// secret.

public enum KeyFile {
  /// The keys in `bytes`. JSON is a JWK or a set; anything else must be one PEM or DER key or
  /// certificate. Throws `.badKey`, `.encryptedKey`, `.unsupportedKey`, `.badJSON`.
  public static func parse(_ bytes: [UInt8]) throws(JOSEError) -> JWKSet {
    if first(bytes) == UInt8(ascii: "{") { return try JWKSet.parse(bytes) }
    guard !bytes.isEmpty else { throw JOSEError(.badKey, "the file is empty") }
    guard let (key, isPrivate) = OpenSSLKey.read(bytes.span) else {
      if contains(bytes, "ENCRYPTED") {
        throw JOSEError(
          .encryptedKey,
          "the key is encrypted; write it without a passphrase first (openssl pkey -in … -out …)")
      }
      throw JOSEError(
        .badKey, "not a key: neither PEM nor DER, no certificate, no JWK and no JWK set")
    }
    var set = JWKSet()
    set.keys = [try key.jwk(isPrivate: isPrivate)]
    return set
  }

  /// The HMAC key in `bytes`, which are taken as they are and wiped. PEM and JWK text is refused:
  /// a public key used as a secret is the classic forgery (RFC 8725 section 2.1).
  public static func secret(_ bytes: inout [UInt8]) throws(JOSEError) -> JWK {
    defer { bytes.wipe() }
    guard !bytes.isEmpty else { throw JOSEError(.badKey, "the file is empty") }
    if contains(bytes, "-----BEGIN ") {
      throw JOSEError(.badKey, "holds PEM text, which is no secret; name a key file with --key")
    }
    if OpenSSLKey.read(bytes.span) != nil {
      throw JOSEError(.badKey, "holds a DER key, which is no secret; name it with --key")
    }
    if first(bytes) == UInt8(ascii: "{") || first(bytes) == UInt8(ascii: "["),
      (try? JWKSet.parse(bytes)) != nil || contains(bytes, "\"kty\"")
    {
      throw JOSEError(.badKey, "holds a JWK, not raw octets; name it with --key")
    }
    return JWK(secret: SecretBytes(consuming: &bytes))
  }

  /// The first octet that is no JSON white space.
  private static func first(_ bytes: [UInt8]) -> UInt8? {
    bytes.first { $0 != 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09 }
  }

  private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
    let word = Array(text.utf8)
    guard bytes.count >= word.count else { return false }
    return (0...bytes.count - word.count).contains { at in
      bytes[at] == word[0] && bytes[at..<at + word.count].elementsEqual(word)
    }
  }
}

extension JWK {
  /// A new key pair or secret for `algorithm`; RSA with `rsaBits`. The kid is the thumbprint, or for
  /// `oct` 128 random bits.
  public static func generate(
    for name: AlgorithmName, rsaBits: Int = 2048
  ) throws(JOSEError) -> JWK {
    var jwk: JWK
    switch name.algorithm.family {
    case .hmac:
      jwk = JWK(secret: try SecretBytes(randomCount: name.algorithm.hashBits / 8))
    case .rsa, .rsaPSS:
      jwk = try OpenSSLKey.generate(.rsa(bits: rsaBits)).jwk(isPrivate: true)
    case .ecdsa, .edDSA:
      jwk = try OpenSSLKey.generate(.curve(name.curve ?? .ed25519)).jwk(isPrivate: true)
    }
    if jwk.algorithm == nil { jwk.algorithm = name }
    jwk.kid = jwk.isSymmetric ? randomKid() : jwk.thumbprint
    return jwk
  }

  /// 128 random bits, base64url.
  public static func randomKid() -> ByteString { ByteString(Base64URL.encode(randomOctets(16))) }

  /// Whether OpenSSL takes the key's numbers: a point on its curve. A private half must also make a
  /// signature that the public half verifies; `allNumbers` looks at each number of an RSA key too,
  /// which takes prime tests (tens of milliseconds).
  public func check(allNumbers: Bool = true) throws(JOSEError) {
    guard !isSymmetric else { return }
    _ = try OpenSSLKey(self, isPrivate: false)
    guard hasPrivateHalf else { return }
    // OpenSSL signs around broken primes, other libraries that read the exported key do not.
    if allNumbers, case .rsa(let numbers) = secret, numbers.count > 1,
      !(try OpenSSLKey(self, isPrivate: true).isConsistent)
    {
      throw JOSEError(.badKey, "the private numbers of the RSA key do not belong together")
    }
    let name = algorithm ?? AlgorithmName(.rs256)
    let message = Array("jotmill".utf8)
    var keys = KeySet()
    keys.allowWeakKeys = true
    _ = keys.add(publicHalf, source: "")
    var signature: [UInt8] = []
    let signer = try Signer(self, name.algorithm)
    try signer.sign(message.span, 0..<message.count, into: &signature)
    guard try OpenSSLEngine(keys).isValid(signature, of: message, key: 0, name.algorithm) else {
      throw JOSEError(.badKey, "the private and the public half of the key do not belong together")
    }
  }

  /// PKCS#8 or SubjectPublicKeyInfo, PEM or DER.
  public func encoded(isPrivate: Bool, pem: Bool) throws(JOSEError) -> SecretBytes {
    guard !isSymmetric else {
      throw JOSEError(.unsupportedKey, "a secret has no PEM or DER form; export it as a JWK")
    }
    guard !isPrivate || hasPrivateHalf else {
      throw JOSEError(.noPrivateKey, "the private half is not here")
    }
    return try OpenSSLKey(self, isPrivate: isPrivate).encoded(isPrivate: isPrivate, pem: pem)
  }
}
