// A private JWK at rest under a passphrase: JWE Compact Serialization (RFC 7516 section 7.1) with
// PBES2-HS512+A256KW and A256GCM, as RFC 7517 Appendix C does it.
// Owns: the format and its limits. Must never: take another algorithm, spend more on a key
// derivation than `mostIterations` because a file asks for it, or keep a secret past a call.

public enum PasswordJWE {
  /// What is written: PBKDF2 with HMAC-SHA-512, some 0.2 seconds. Many programs read no more than
  /// they think wise: `jose` 32,768, joserfc 300,000, jwcrypto 16,384 unless told otherwise.
  public static let iterations = 310_000
  /// More is refused: a file must not keep a process busy for as long as it likes.
  public static let mostIterations = 1_000_000
  /// Fewer are refused: the least that RFC 7518 section 4.8.1.2 recommends.
  public static let fewestIterations = 1_000

  private static let algorithm: ByteString = "PBES2-HS512+A256KW"
  private static let encryption: ByteString = "A256GCM"
  private static let writtenSaltOctets = 16
  private static let saltOctets = 8...1024
  /// A text that is longer holds no key; a plaintext of half of it always fits.
  private static let mostOctets = 1 << 20

  /// The compact serialization of `plaintext`, a JWK's text, under `passphrase`: a new salt, content
  /// encryption key and initialization vector each time, and no newline at the end. Throws `.badKey`
  /// for an empty passphrase, `iterations` out of bounds or a plaintext of more than half a mebibyte.
  public static func encrypt(
    _ plaintext: SecretBytes, passphrase: SecretBytes, iterations: Int = Self.iterations
  ) throws(JOSEError) -> [UInt8] {
    guard passphrase.count > 0 else { throw JOSEError(.badKey, "the passphrase is empty") }
    try check(iterations)
    guard plaintext.count <= mostOctets / 2 else {
      throw JOSEError(.badKey, "more than \(mostOctets / 2) octets to encrypt, which is no key")
    }
    let salt = randomOctets(writtenSaltOctets)
    let nonce = randomOctets(PasswordEncryption.nonceOctets)
    let header = JSONValue.object([
      "alg": .string(algorithm), "enc": .string(encryption),
      "p2s": .string(ByteString(Base64URL.encode(salt))), "p2c": .number(iterations),
      "cty": .string("jwk+json"),
    ])
    let wrapping = try PasswordEncryption.derive(
      passphrase, salt: saltValue(salt), iterations: iterations)
    let key = try SecretBytes(randomCount: PasswordEncryption.keyOctets)
    var text = Base64URL.encode(header.text())
    let sealed = try PasswordEncryption.seal(plaintext, key, nonce: nonce, authenticated: text)
    let wrapped = try PasswordEncryption.wrap(key, wrapping)
    for part in [wrapped, nonce, sealed.ciphertext, sealed.tag] {
      text.append(UInt8(ascii: "."))
      text.append(contentsOf: Base64URL.encode(part))
    }
    return text
  }

  /// What `text` holds, and its iterations. White space behind the text is skipped. Throws
  /// `.wrongPassphrase` when the passphrase does not open it, which a text that was altered looks
  /// like too; `.badKey` for a text that is malformed or asks for what is not done here.
  public static func decrypt(
    _ text: [UInt8], passphrase: SecretBytes
  ) throws(JOSEError) -> (plaintext: SecretBytes, iterations: Int) {
    let parts = try Parts(text)
    let header = try Header(parts.header)
    let wrapped = try octets(parts.key, "encrypted key", PasswordEncryption.wrappedOctets)
    let nonce = try octets(parts.nonce, "initialization vector", PasswordEncryption.nonceOctets)
    let tag = try octets(parts.tag, "authentication tag", PasswordEncryption.tagOctets)
    let ciphertext = try octets(parts.ciphertext, "ciphertext", nil)
    let wrapping = try PasswordEncryption.derive(
      passphrase, salt: saltValue(header.salt), iterations: header.iterations)
    let key = try PasswordEncryption.unwrap(wrapped, wrapping)
    let plaintext = try PasswordEncryption.open(
      ciphertext, key, nonce: nonce, authenticated: parts.header, tag: tag)
    return (plaintext, header.iterations)
  }

  /// The `p2c` of a text that looks like a JWE under a passphrase, whatever its algorithms and
  /// whether or not `decrypt` would take it; nil for anything else. Nothing is decrypted.
  public static func iterations(of text: [UInt8]) -> Int? {
    guard let parts = try? Parts(text) else { return nil }
    return try? Header.members(parts.header)["p2c"]?.int
  }

  /// RFC 7518 section 4.8.1.1: the salt is bound to the algorithm.
  private static func saltValue(_ salt: [UInt8]) -> [UInt8] { algorithm.bytes + [0] + salt }

  private static func check(_ iterations: Int) throws(JOSEError) {
    guard iterations >= fewestIterations, iterations <= mostIterations else {
      throw JOSEError(
        .badKey,
        "\(iterations) iterations (p2c); \(fewestIterations) to \(mostIterations) are accepted")
    }
  }

  private static func octets(
    _ text: [UInt8], _ name: String, _ count: Int?
  ) throws(JOSEError) -> [UInt8] {
    guard let out = Base64URL.decode(text) else {
      throw JOSEError(.badKey, "the JWE's \(name) is no base64url text")
    }
    if let count, out.count != count {
      throw JOSEError(.badKey, "the JWE's \(name) has \(out.count) octets, not \(count)")
    }
    return out
  }

  /// The five parts, still base64url.
  private struct Parts {
    let header, key, nonce, ciphertext, tag: [UInt8]

    init(_ text: [UInt8]) throws(JOSEError) {
      guard text.count <= mostOctets else {
        throw JOSEError(.badKey, "more than \(mostOctets) octets, which is no key")
      }
      let blanks: [UInt8] = [0x20, 0x0a, 0x0d, 0x09]
      var end = text.endIndex
      while end > 0, blanks.contains(text[end - 1]) { end -= 1 }
      let parts = text[..<end].split(
        separator: UInt8(ascii: "."), maxSplits: 5, omittingEmptySubsequences: false)
      guard parts.count == 5 else {
        throw JOSEError(.badKey, "no JWE in compact serialization: that has five parts")
      }
      (header, key) = (Array(parts[0]), Array(parts[1]))
      (nonce, ciphertext, tag) = (Array(parts[2]), Array(parts[3]), Array(parts[4]))
    }
  }

  /// What is read in the protected header.
  private struct Header {
    let salt: [UInt8]
    let iterations: Int

    init(_ segment: [UInt8]) throws(JOSEError) {
      let members = try Self.members(segment)
      func string(_ name: ByteString) throws(JOSEError) -> ByteString {
        guard let value = members[name]?.string else {
          throw JOSEError(.badKey, "the JWE's header has no text \"\(name)\"")
        }
        return value
      }
      func only(_ name: ByteString, _ known: ByteString) throws(JOSEError) {
        let value = try string(name)
        guard value == known else {
          throw JOSEError(
            .badKey, "encrypted with \(name) \"\(value.shortened)\"; only \"\(known)\" is read here"
          )
        }
      }
      try only("alg", algorithm)
      try only("enc", encryption)
      for name in ["crit", "zip"] as [ByteString] where members[name] != nil {
        throw JOSEError(.badKey, "the JWE's header has \"\(name)\", which is not done here")
      }
      guard let salt = Base64URL.decode(try string("p2s").bytes) else {
        throw JOSEError(.badKey, "the JWE's salt (p2s) is no base64url text")
      }
      guard saltOctets.contains(salt.count) else {
        throw JOSEError(
          .badKey,
          "a salt (p2s) of \(salt.count) octets; \(saltOctets.lowerBound) to "
            + "\(saltOctets.upperBound) are accepted")
      }
      guard let iterations = members["p2c"]?.int else {
        throw JOSEError(.badKey, "the JWE's header has no whole number \"p2c\"")
      }
      try check(iterations)
      (self.salt, self.iterations) = (salt, iterations)
    }

    static func members(_ segment: [UInt8]) throws(JOSEError) -> JSONValue {
      let json = try octets(segment, "header", nil)
      let value: JSONValue
      do throws(JSONFailure) {
        value = try JSONValue(parsing: json)
      } catch {
        throw JOSEError(
          .badKey,
          error == .duplicateMember
            ? "a member of the JWE's header stands there twice"
            : "the JWE's header is not valid JSON")
      }
      guard case .object = value else {
        throw JOSEError(.badKey, "the JWE's header is no JSON object")
      }
      return value
    }
  }
}
