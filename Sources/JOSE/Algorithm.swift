// The signature algorithms (RFC 7518 section 3, RFC 8037, RFC 8812, RFC 9864) and curves.
// Owns: names and sizes. Must never: know `none`, which is no algorithm here.

public enum Algorithm: UInt8, Sendable, CaseIterable {
  case hs256, hs384, hs512
  case rs256, rs384, rs512
  case ps256, ps384, ps512
  case es256, es384, es512, es256k
  case edDSA

  /// The registered name. RFC 9864's `Ed25519` and `Ed448` are read as `EdDSA`, and never written.
  public var name: String {
    switch self {
    case .hs256: "HS256"
    case .hs384: "HS384"
    case .hs512: "HS512"
    case .rs256: "RS256"
    case .rs384: "RS384"
    case .rs512: "RS512"
    case .ps256: "PS256"
    case .ps384: "PS384"
    case .ps512: "PS512"
    case .es256: "ES256"
    case .es384: "ES384"
    case .es512: "ES512"
    case .es256k: "ES256K"
    case .edDSA: "EdDSA"
    }
  }

  /// The algorithm with exactly this registered name (case matters, RFC 7515 section 4.1.1).
  public init?(name: String) {
    let bytes = ByteString(name)
    guard let found = Self.allCases.first(where: { ByteString($0.name) == bytes }) else {
      return nil
    }
    self = found
  }

  package enum Family: Sendable { case hmac, rsa, rsaPSS, ecdsa, edDSA }

  package var family: Family {
    switch self {
    case .hs256, .hs384, .hs512: .hmac
    case .rs256, .rs384, .rs512: .rsa
    case .ps256, .ps384, .ps512: .rsaPSS
    case .es256, .es384, .es512, .es256k: .ecdsa
    case .edDSA: .edDSA
    }
  }

  /// Bits of the SHA-2 hash; 0 for EdDSA, which hashes by itself.
  package var hashBits: Int {
    switch self {
    case .hs256, .rs256, .ps256, .es256, .es256k: 256
    case .hs384, .rs384, .ps384, .es384: 384
    case .hs512, .rs512, .ps512, .es512: 512
    case .edDSA: 0
    }
  }

  /// The one curve of an ECDSA algorithm (RFC 7518 section 3.4).
  package var curve: Curve? {
    switch self {
    case .es256: .p256
    case .es384: .p384
    case .es512: .p521
    case .es256k: .secp256k1
    default: nil
    }
  }
}

/// What a token's `alg` or an `--alg` option names: an algorithm, and for RFC 9864's names its curve.
public struct AlgorithmName: Hashable, Sendable {
  public var algorithm: Algorithm
  public var curve: Curve?

  public init?(_ name: String) {
    let bytes = ByteString(name)
    if bytes == "Ed25519" {
      (algorithm, curve) = (.edDSA, .ed25519)
    } else if bytes == "Ed448" {
      (algorithm, curve) = (.edDSA, .ed448)
    } else if let found = Algorithm(name: name) {
      (algorithm, curve) = (found, found.curve)
    } else {
      return nil
    }
  }

  /// Every name that a header can give.
  static let all =
    Algorithm.allCases.map { AlgorithmName($0) }
    + ["Ed25519", "Ed448"].compactMap { AlgorithmName($0) }

  package init(_ algorithm: Algorithm) { (self.algorithm, curve) = (algorithm, algorithm.curve) }
}

public enum Curve: String, Sendable, CaseIterable {
  case p256 = "P-256"
  case p384 = "P-384"
  case p521 = "P-521"
  case secp256k1 = "secp256k1"
  case ed25519 = "Ed25519"
  case ed448 = "Ed448"

  init?(name: ByteString) {
    guard let found = Self.allCases.first(where: { ByteString($0.rawValue) == name }) else {
      return nil
    }
    self = found
  }

  /// OpenSSL's name.
  package var openSSLName: String {
    switch self {
    case .p256: "prime256v1"
    case .p384: "secp384r1"
    case .p521: "secp521r1"
    case .secp256k1: "secp256k1"
    case .ed25519: "ED25519"
    case .ed448: "ED448"
    }
  }

  /// Octets of a coordinate and of a scalar (RFC 7518 section 6.2), or of an OKP key (RFC 8037).
  package var octets: Int {
    switch self {
    case .p256, .secp256k1, .ed25519: 32
    case .p384: 48
    case .p521: 66
    case .ed448: 57
    }
  }

  package var signatureOctets: Int { self == .ed448 ? 114 : 2 * octets }

  package var algorithm: Algorithm {
    switch self {
    case .p256: .es256
    case .p384: .es384
    case .p521: .es512
    case .secp256k1: .es256k
    case .ed25519, .ed448: .edDSA
    }
  }

  var isOctetKeyPair: Bool { self == .ed25519 || self == .ed448 }
}
