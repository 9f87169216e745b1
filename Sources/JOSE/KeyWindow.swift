// The time in which a key's owner says that it signed, and whether it was revoked (SPEC section 3,
// "With a keyring").
// Owns: the checks of a verified token's iat and exp against its key. Must never: read a clock,
// stop at the first failure, or loosen what another source says of the same key.

/// When tokens by one key can be genuine. An empty window asks only that `iat` and
/// `exp` are there.
public struct KeyWindow: Sendable, Hashable {
  /// `iat` must not be earlier, clock skew already taken off; nil: no bound is known.
  public var opens: Timestamp?
  /// `iat` must not be later, clock skew already added; nil: it is still open.
  public var closes: Timestamp?
  /// `exp` must not be later, the key's life being over; nil: no end is known.
  public var ends: Timestamp?
  /// Whether a token without `iat` or `exp` is outside: a ring signs none. False for imported keys,
  /// whose tokens another program made.
  public var requiresTimes = true
  /// The key was never activated, so that every token is outside.
  public var neverOpens = false
  /// nil: not revoked.
  public var revocation: Revocation?

  public struct Revocation: Sendable, Hashable {
    /// Tokens issued before this time stay good; nil: none do.
    public var since: Timestamp?
    public init(since: Timestamp?) { self.since = since }
  }

  public init() {}

  /// Every check that fails for `claims`: `outsideKeyWindow`, `revokedKey`.
  package func failures(_ claims: Claims, _ bytes: Span<UInt8>) -> Rejections {
    var failures = failuresWithoutClaims
    var isOutside = neverOpens
    switch claims.time(claims.iat, bytes) {
    case .some(let iat?):
      if let opens, iat < opens { isOutside = true }
      if let closes, iat > closes { isOutside = true }
      if let since = revocation?.since, !(iat < since) { failures.insert(.revokedKey) }
    case .some(nil):
      // Not even the owner of an imported key wrote such an `iat`; nothing says when this was.
      isOutside = true
      if revocation != nil { failures.insert(.revokedKey) }
    case .none:
      if requiresTimes { isOutside = true }
      if revocation != nil { failures.insert(.revokedKey) }
    }
    switch claims.time(claims.exp, bytes) {
    case .some(let exp?): if let ends, exp > ends { isOutside = true }
    case .some(nil): isOutside = true
    case .none: if requiresTimes { isOutside = true }
    }
    if isOutside { failures.insert(.outsideKeyWindow) }
    return failures
  }

  /// What fails for any token of the key, claims or none: a plain JWS has no times to judge.
  package var failuresWithoutClaims: Rejections {
    guard let revocation, revocation.since == nil else { return Rejections() }
    return Rejections(.revokedKey)
  }

  /// What both `a` and `b` allow; nil allows everything.
  static func stricter(_ a: KeyWindow?, _ b: KeyWindow?) -> KeyWindow? {
    guard let a, let b else { return a ?? b }
    var both = KeyWindow()
    both.opens = chosen(a.opens, b.opens, max)
    both.closes = chosen(a.closes, b.closes, min)
    both.ends = chosen(a.ends, b.ends, min)
    both.requiresTimes = a.requiresTimes || b.requiresTimes
    both.neverOpens = a.neverOpens || b.neverOpens
    both.revocation = chosen(a.revocation, b.revocation) { a, b in
      // Without a time every token is revoked, whatever the other one says.
      guard let one = a.since, let other = b.since else { return Revocation(since: nil) }
      return Revocation(since: min(one, other))
    }
    return both
  }

  private static func chosen<T>(_ a: T?, _ b: T?, _ choose: (T, T) -> T) -> T? {
    guard let a, let b else { return a ?? b }
    return choose(a, b)
  }
}
