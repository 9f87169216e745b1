// What tells a right password from a wrong one without holding it: scrypt, PBKDF2 and bcrypt.
// Owns: checking and making verifiers, and their limits. Must never: print a hash, compare in
// variable time, or leave a password or a digest in memory that is not wiped.

internal import Files
public import JOSE

/// A password verifier in the modular form that passlib writes. Passwords are octets, UTF-8 by
/// agreement, taken as given: no normalisation, no trimming.
public struct PasswordVerifier: Sendable, Equatable {
  public enum Scheme: Sendable, Equatable {
    /// `$scrypt$ln=14,r=8,p=1$salt$hash`
    case scrypt(ScryptCost)
    /// `$pbkdf2-sha256$rounds$salt$hash`, `$pbkdf2-sha512$…`
    case pbkdf2SHA256(rounds: Int)
    case pbkdf2SHA512(rounds: Int)
    /// `$2b$cost$salt and hash`, `$2a$…`, `$2y$…`. It takes 72 octets of a password and no more.
    case bcrypt(cost: Int)
  }

  public let scheme: Scheme
  /// The verifier as it stands in a file: not for people's eyes.
  public let text: ByteString
  /// The setting of crypt(3) for bcrypt, the salt for the others.
  let salt: [UInt8]
  /// Octets; the letters of them for bcrypt.
  let digest: [UInt8]

  /// A longer password is accepted by no verifier; passlib's limit too.
  public static let mostPasswordOctets = 4096
  /// No limit lets a check take longer than about 20 seconds.
  public static let mostRounds = 10_000_000
  public static let mostBcryptCost = 18
  static let saltOctets = 16
  private static let bcryptOctets = 72

  init(scheme: Scheme, text: ByteString, salt: [UInt8], digest: [UInt8]) {
    (self.scheme, self.text, self.salt, self.digest) = (scheme, text, salt, digest)
  }

  public static func == (a: PasswordVerifier, b: PasswordVerifier) -> Bool { a.text == b.text }

  // MARK: Checking

  /// Whether `password` is the one. Takes time by the scheme and its cost alone. bcrypt looks at the
  /// first 72 octets, as it did when the verifier was made, and never accepts a NUL.
  ///
  /// Throws where the answer cannot be found: `.unsupported` without bcrypt in the system's
  /// crypt(3), an error of OpenSSL's without memory for scrypt.
  public func accepts(_ password: SecretBytes) throws -> Bool {
    guard password.count <= Self.mostPasswordOctets else { return false }
    var copy = digest
    let expected = SecretBytes(consuming: &copy)
    let isSame = try compute(password).equals(expected)
    guard case .bcrypt = scheme else { return isSame }
    // Not before the work is done: the time would tell the scheme.
    return isSame && !password.reveal { $0.firstIndex(of: 0, in: 0..<$0.count) != nil }
  }

  private func compute(_ password: SecretBytes) throws -> SecretBytes {
    switch scheme {
    case .scrypt(let cost): return try Self.scrypt(password, salt, cost)
    case .pbkdf2SHA256(let rounds):
      return try PasswordHash.pbkdf2(password, .sha256, salt: salt, rounds: rounds, octets: 32)
    case .pbkdf2SHA512(let rounds):
      return try PasswordHash.pbkdf2(password, .sha512, salt: salt, rounds: rounds, octets: 64)
    case .bcrypt:
      do {
        var letters = try password.reveal { (octets) throws(Bcrypt.Failure) in
          try Bcrypt.digest(octets, setting: salt)
        }
        return SecretBytes(consuming: &letters)
      } catch .noMemory {
        throw KeyringError(.unsupported, "there is no memory left for bcrypt")
      } catch {
        throw KeyringError(.unsupported, "the crypt(3) of this system knows no bcrypt")
      }
    }
  }

  private static func scrypt(
    _ password: SecretBytes, _ salt: [UInt8], _ cost: ScryptCost
  ) throws(JOSEError) -> SecretBytes {
    try PasswordHash.scrypt(
      password, salt: salt, logN: cost.logN, r: cost.r, p: cost.p, octets: 32,
      mostMemory: cost.memory)
  }

  // MARK: Making

  /// A verifier for `password` by scrypt with a fresh salt. Throws `.badPassword` for one that no
  /// verifier would accept.
  public static func make(
    _ password: SecretBytes, cost: ScryptCost = .interactive
  ) throws -> PasswordVerifier {
    guard password.count <= mostPasswordOctets else {
      throw KeyringError(
        .badPassword, "a password has \(mostPasswordOctets) octets at most")
    }
    let salt = randomOctets(saltOctets)
    let digest = try scrypt(password, salt, cost).reveal { $0.copy(0..<$0.count) }
    var text: [UInt8] = []
    text.append(text: "$scrypt$\(cost)$")
    text += PasswordText.encode(salt, .standard)
    text.append(UInt8(ascii: "$"))
    text += PasswordText.encode(digest, .standard)
    return PasswordVerifier(
      scheme: .scrypt(cost), text: ByteString(text), salt: salt, digest: digest)
  }

  /// Whether it is by scrypt with `cost` at least and a salt of 128 bits.
  public func isCurrent(_ cost: ScryptCost = .interactive) -> Bool {
    guard case .scrypt(let own) = scheme else { return false }
    return own.isAtLeast(cost) && salt.count >= Self.saltOctets
  }

  /// Whether a new verifier, made of `password` that this one has just accepted, is to take its
  /// place. Never where bcrypt may have seen less than all of it: what it did not see may be mistyped,
  /// or left out where 72 octets were given.
  public func isToBeReplaced(
    after password: SecretBytes, cost: ScryptCost = .interactive
  ) -> Bool {
    if case .bcrypt = scheme, password.count >= Self.bcryptOctets { return false }
    return !isCurrent(cost)
  }

  /// The work of a check by a current verifier, for a user who is unknown or disabled.
  public static func dummyWork(
    _ password: SecretBytes, cost: ScryptCost = .interactive
  ) throws {
    guard password.count <= mostPasswordOctets else { return }
    var nothing = [UInt8](repeating: 0, count: 32)
    let none = SecretBytes(consuming: &nothing)
    let salt = [UInt8](repeating: 0, count: saltOctets)
    let isSame = try scrypt(password, salt, cost).equals(none)
    precondition(!isSame, "no password has a digest of zeros")
  }
}

extension PasswordVerifier: CustomStringConvertible, CustomReflectable {
  /// The scheme and its cost, never the salt or the hash: `scrypt ln=14,r=8,p=1`.
  public var description: String {
    switch scheme {
    case .scrypt(let cost): "scrypt \(cost)"
    case .pbkdf2SHA256(let rounds): "pbkdf2-sha256 \(rounds)"
    case .pbkdf2SHA512(let rounds): "pbkdf2-sha512 \(rounds)"
    case .bcrypt(let cost): "bcrypt \(cost)"
    }
  }

  public var customMirror: Mirror { Mirror(self, children: []) }
}
