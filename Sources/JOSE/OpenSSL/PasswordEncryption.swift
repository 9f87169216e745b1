// The three steps of PBES2-HS512+A256KW with A256GCM (RFC 7518 sections 4.8, 4.4 and 5.3).
// Owns: the keys in between, which are wiped. Must never: choose a salt, a nonce or a limit, or let
// out a plaintext whose tag does not hold.

internal import COpenSSL

enum PasswordEncryption {
  static let keyOctets = 32
  static let wrappedOctets = 40
  static let nonceOctets = 12
  static let tagOctets = 16

  /// PBKDF2 with HMAC-SHA-512. `salt` is the whole salt value, the algorithm's name in front.
  static func derive(
    _ passphrase: SecretBytes, salt: [UInt8], iterations: Int
  ) throws(JOSEError) -> SecretBytes {
    precondition(iterations > 0 && iterations <= Int(Int32.max), "OpenSSL counts in an int")
    precondition(passphrase.count <= Int(Int32.max), "OpenSSL measures in an int")
    var out = [UInt8](repeating: 0, count: keyOctets)
    let done = unsafe passphrase.lend {
      unsafe jm_pbkdf2_sha512(
        $0, passphrase.count, salt, salt.count, Int32(iterations), &out)
    }
    return try result(&out, of: done == 1 ? 1 : -1)
  }

  /// The 40 octets of `key` under `wrapping` (RFC 3394).
  static func wrap(_ key: SecretBytes, _ wrapping: SecretBytes) throws(JOSEError) -> [UInt8] {
    precondition(key.count == keyOctets && wrapping.count == keyOctets, "both keys have 256 bits")
    var out = [UInt8](repeating: 0, count: wrappedOctets)
    let done = unsafe wrapping.lend { wrapping in
      unsafe key.lend { unsafe jm_wrap_key(wrapping, $0, &out) }
    }
    guard done == 1 else { throw failed }
    return out
  }

  /// Throws `.wrongPassphrase` when `wrapping` is not the key that `wrapped` is under.
  static func unwrap(_ wrapped: [UInt8], _ wrapping: SecretBytes) throws(JOSEError) -> SecretBytes {
    precondition(wrapped.count == wrappedOctets && wrapping.count == keyOctets, "256 bits each")
    var out = [UInt8](repeating: 0, count: keyOctets)
    let done = unsafe wrapping.lend { unsafe jm_unwrap_key($0, wrapped, &out) }
    return try result(&out, of: done)
  }

  /// `plaintext` under `key`, with `authenticated` under the tag too. Never twice with one nonce.
  static func seal(
    _ plaintext: SecretBytes, _ key: SecretBytes, nonce: [UInt8], authenticated: [UInt8]
  ) throws(JOSEError) -> (ciphertext: [UInt8], tag: [UInt8]) {
    precondition(key.count == keyOctets && nonce.count == nonceOctets, "256 and 96 bits")
    precondition(plaintext.count <= Int(Int32.max), "OpenSSL measures in an int")
    var out = [UInt8](repeating: 0, count: plaintext.count)
    var tag = [UInt8](repeating: 0, count: tagOctets)
    let done = unsafe key.lend { key in
      unsafe plaintext.lend {
        unsafe jm_gcm_seal(
          key, nonce, authenticated, authenticated.count, $0, plaintext.count, &out, &tag)
      }
    }
    guard done == 1 else { throw failed }
    return (out, tag)
  }

  /// Throws `.wrongPassphrase` when the tag does not hold.
  static func open(
    _ ciphertext: [UInt8], _ key: SecretBytes, nonce: [UInt8], authenticated: [UInt8], tag: [UInt8]
  ) throws(JOSEError) -> SecretBytes {
    precondition(key.count == keyOctets && nonce.count == nonceOctets, "256 and 96 bits")
    precondition(tag.count == tagOctets, "a tag of 128 bits: a shorter one is easier to forge")
    precondition(ciphertext.count <= Int(Int32.max), "OpenSSL measures in an int")
    var out = [UInt8](repeating: 0, count: ciphertext.count)
    let done = unsafe key.lend {
      unsafe jm_gcm_open(
        $0, nonce, authenticated, authenticated.count, ciphertext, ciphertext.count, tag, &out)
    }
    return try result(&out, of: done)
  }

  private static var failed: JOSEError {
    JOSEError(.openSSL, "OpenSSL failed to encrypt or decrypt")
  }

  /// What a shim that returned `done` wrote to `out`, which is wiped in any case.
  private static func result(
    _ out: inout [UInt8], of done: Int32
  ) throws(JOSEError) -> SecretBytes {
    defer { out.wipe() }
    switch done {
    case 1: return SecretBytes(consuming: &out)
    case 0: throw JOSEError(.wrongPassphrase, "the passphrase does not open it")
    default: throw failed
    }
  }
}

extension SecretBytes {
  /// Lends the address of the octets for one call.
  func lend(_ body: (UnsafePointer<UInt8>?) -> Int32) -> Int32 {
    reveal { unsafe $0.withUnsafeBufferPointer { unsafe body($0.baseAddress) } }
  }
}
