// The slow hashes of passwords that OpenSSL has: scrypt (RFC 7914) and PBKDF2 (RFC 8018).
// Owns: calling them. Must never: choose a cost, or leave a digest unwiped.

internal import COpenSSL

package enum PasswordHash {
  package enum SHA: Int32, Sendable {
    case sha256 = 256
    case sha512 = 512
  }

  /// scrypt with N = 2^`logN`. Throws where `mostMemory` octets, or what the system has, are not
  /// enough.
  package static func scrypt(
    _ password: SecretBytes, salt: [UInt8], logN: Int, r: Int, p: Int, octets: Int, mostMemory: Int
  ) throws(JOSEError) -> SecretBytes {
    precondition((1..<63).contains(logN) && r > 0 && p > 0 && mostMemory > 0, "costs are positive")
    var out = [UInt8](repeating: 0, count: octets)
    defer { out.wipe() }
    let done = unsafe password.lend {
      unsafe jm_scrypt(
        $0, password.count, salt, salt.count, 1 << UInt64(logN), UInt64(r), UInt64(p),
        UInt64(mostMemory), &out, octets)
    }
    guard done == 1 else {
      throw JOSEError(.openSSL, "scrypt failed; is there no memory left for it?")
    }
    return SecretBytes(consuming: &out)
  }

  package static func pbkdf2(
    _ password: SecretBytes, _ sha: SHA, salt: [UInt8], rounds: Int, octets: Int
  ) throws(JOSEError) -> SecretBytes {
    precondition(rounds > 0 && rounds <= Int(Int32.max), "OpenSSL counts in an int")
    precondition(password.count <= Int(Int32.max), "OpenSSL measures in an int")
    var out = [UInt8](repeating: 0, count: octets)
    defer { out.wipe() }
    let done = unsafe password.lend {
      unsafe jm_pbkdf2(
        sha.rawValue, $0, password.count, salt, salt.count, Int32(rounds), &out, octets)
    }
    guard done == 1 else { throw JOSEError(.openSSL, "PBKDF2 failed") }
    return SecretBytes(consuming: &out)
  }
}
