// Why a record was not accepted: one stable word a cause (SPEC section 8).
// Owns: the words. A rejection is a value; errors for operators are thrown as JOSEError.

/// The closed list of causes. The raw value is a bit number; `code` is the word in verdicts,
/// summaries and documentation.
public enum Rejection: UInt8, Sendable, CaseIterable {
  case noToken, tooLarge, malformed, badBase64, badHeader, badPayload, duplicateMember
  case unsupportedAlg, algNotAllowed, algMismatch, unsupportedCrit
  case unknownKey, ambiguousKey, weakKey, badSignature, noTime
  case expired, notYetValid, issuedInFuture, tooOld
  case wrongIssuer, wrongAudience, wrongSubject, unknownSubject, wrongTyp, wrongTokenType, notFresh
  case missingClaim, badClaim, schema, untrustedIssuer
  case revokedToken, revokedKey, outsideKeyWindow
  case badJSON, outlivesKey, invalidRequest, invalidGrant, invalidScope, unsupportedGrantType

  public var code: StaticString {
    switch self {
    case .noToken: "no_token"
    case .tooLarge: "too_large"
    case .malformed: "malformed"
    case .badBase64: "bad_base64"
    case .badHeader: "bad_header"
    case .badPayload: "bad_payload"
    case .duplicateMember: "duplicate_member"
    case .unsupportedAlg: "unsupported_alg"
    case .algNotAllowed: "alg_not_allowed"
    case .algMismatch: "alg_mismatch"
    case .unsupportedCrit: "unsupported_crit"
    case .unknownKey: "unknown_key"
    case .ambiguousKey: "ambiguous_key"
    case .weakKey: "weak_key"
    case .badSignature: "bad_signature"
    case .noTime: "no_time"
    case .expired: "expired"
    case .notYetValid: "not_yet_valid"
    case .issuedInFuture: "issued_in_future"
    case .tooOld: "too_old"
    case .wrongIssuer: "wrong_issuer"
    case .wrongAudience: "wrong_audience"
    case .wrongSubject: "wrong_subject"
    case .unknownSubject: "unknown_subject"
    case .wrongTyp: "wrong_typ"
    case .wrongTokenType: "wrong_token_type"
    case .notFresh: "not_fresh"
    case .missingClaim: "missing_claim"
    case .badClaim: "bad_claim"
    case .schema: "schema"
    case .untrustedIssuer: "untrusted_issuer"
    case .revokedToken: "revoked_token"
    case .revokedKey: "revoked_key"
    case .outsideKeyWindow: "outside_key_window"
    case .badJSON: "bad_json"
    case .outlivesKey: "outlives_key"
    case .invalidRequest: "invalid_request"
    case .invalidGrant: "invalid_grant"
    case .invalidScope: "invalid_scope"
    case .unsupportedGrantType: "unsupported_grant_type"
    }
  }
}

/// A set of causes, ordered as the enum is. Empty means accepted.
public struct Rejections: Hashable, Sendable, Sequence {
  package var bits: UInt64 = 0

  public init() {}
  public init(_ rejection: Rejection) { insert(rejection) }

  public var isEmpty: Bool { bits == 0 }
  public mutating func insert(_ rejection: Rejection) { bits |= 1 << UInt64(rejection.rawValue) }
  public mutating func formUnion(_ other: Rejections) { bits |= other.bits }
  public func contains(_ rejection: Rejection) -> Bool {
    bits & 1 << UInt64(rejection.rawValue) != 0
  }

  public struct Iterator: IteratorProtocol {
    var bits: UInt64
    public mutating func next() -> Rejection? {
      guard bits != 0 else { return nil }
      let lowest = bits.trailingZeroBitCount
      bits &= bits - 1
      return Rejection(rawValue: UInt8(lowest))
    }
  }

  public func makeIterator() -> Iterator { Iterator(bits: bits) }
}

/// An operator's error: a key or a set that can't be used. Compared by code.
public struct JOSEError: Error, Equatable, CustomStringConvertible {
  public enum Code: Sendable {
    case badJSON, badKey, unsupportedKey, weakKey, noPrivateKey, encryptedKey, wrongPassphrase
    case openSSL, unsupportedSchema
  }
  public var code: Code
  /// What is wrong and what to do, without a file name: the caller knows which file it read.
  public var detail: String

  package init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  public static func == (a: JOSEError, b: JOSEError) -> Bool { a.code == b.code }
  public var description: String { detail }
}
