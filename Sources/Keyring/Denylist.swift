// The denylist as a value: which tokens were revoked, and from when on (SPEC section 3).
// Owns: what an entry applies to. Must never: read a clock or a file, or compare less than all octets
// of what it was given.

public import JOSE

/// Look-ups may be made from any thread and allocate nothing, strings with escapes aside.
///
/// Times are held to the nanosecond from 1677 to 2262, and as the nearest end outside.
public struct Denylist: Sendable {
  /// A revocation that applies.
  public struct Match: Sendable, Equatable {
    /// From then on the token is revoked; nil: it always was.
    public var revokedAt: Timestamp?
    public init(revokedAt: Timestamp?) { self.revokedAt = revokedAt }
  }

  /// Which tokens are looked up at all.
  public struct TokenTypes: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let access = TokenTypes(rawValue: 1)
    public static let refresh = TokenTypes(rawValue: 2)
    public static let all: TokenTypes = [.access, .refresh]
  }

  /// Whom a token names as its issuer, looked up once for all that is asked about it.
  public struct Issuer: Sendable {
    fileprivate var number: UInt32
    /// No issuer, or one that no entry names: entries for any issuer still apply.
    public static let none = Issuer(number: DenylistTable.noIssuer)
  }

  private var table: DenylistTable

  /// A list without entries.
  public init() { table = DenylistTable() }
  init(_ table: DenylistTable) { self.table = table }

  public var isEmpty: Bool { table.isEmpty }

  /// About how much memory the list takes; quickly told.
  package var memoryOctets: Int { table.memoryOctets }

  // MARK: One text

  public func issuer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Issuer {
    let number = table.value(.issuer, DenylistTable.noIssuer, bytes, range)
    return Issuer(number: number.map { UInt32(truncatingIfNeeded: $0) } ?? DenylistTable.noIssuer)
  }

  public func jti(
    _ bytes: Span<UInt8>, _ range: Range<Int>, issuer: Issuer = .none
  ) -> Match? {
    Match(time(.jti, bytes, range, issuer))
  }

  public func family(
    _ bytes: Span<UInt8>, _ range: Range<Int>, issuer: Issuer = .none
  ) -> Match? {
    Match(time(.family, bytes, range, issuer))
  }

  public func kid(
    _ bytes: Span<UInt8>, _ range: Range<Int>, issuer: Issuer = .none
  ) -> Match? {
    Match(time(.kid, bytes, range, issuer))
  }

  /// `iat` nil: the token has none that is a number, and every entry of its subject applies.
  package func sub(
    _ bytes: Span<UInt8>, _ range: Range<Int>, iat: NumericDate?, issuer: Issuer = .none
  ) -> Match? {
    Match(time(.sub, bytes, range, issuer, iat: iat))
  }

  // MARK: A token

  /// The earliest revocation that applies to a verified token: its claims, which stand in `bytes`,
  /// and the `kid` of its header.
  package func match(
    _ claims: Claims, _ bytes: Span<UInt8>, kid: ByteString?, types: TokenTypes = .all
  ) -> Match? {
    guard !isEmpty else { return nil }
    let isRefresh = Self.isRefresh(claims, bytes)
    guard types.contains(isRefresh ? .refresh : .access) else { return nil }
    var issuer = Issuer.none
    withText(claims, claims.iss, bytes) { issuer = self.issuer($0, $1) }
    var earliest: Int64?
    func note(_ time: Int64?) { earliest = Self.earlier(earliest, time) }
    withText(claims, claims.jti, bytes) { note(time(.jti, $0, $1, issuer)) }
    if isRefresh {
      withText(claims, claims.accessTokenJTI, bytes) { note(time(.jti, $0, $1, issuer)) }
    }
    withText(claims, claims.family, bytes) { note(time(.family, $0, $1, issuer)) }
    if mayHold(.sub, issuer) {
      let iat = claims.time(claims.iat, bytes).flatMap { $0 }
      withText(claims, claims.sub, bytes) { note(time(.sub, $0, $1, issuer, iat: iat)) }
    }
    if let kid { note(time(.kid, kid.bytes.span, 0..<kid.bytes.count, issuer)) }
    return Match(earliest)
  }

  /// As `ClaimsPolicy` tells tokens apart, save that one without any mark is an access token.
  package static func isRefresh(_ claims: Claims, _ bytes: Span<UInt8>) -> Bool {
    guard claims.type != Claims.absent else { return claims.accessTokenJTI != Claims.absent }
    return claims.document.nodes[claims.type].kind == .string
      && claims.document.equals(claims.type, "refresh", in: bytes)
  }

  /// Calls `body` with the characters of a claim, if it is a string.
  @inline(__always)
  private func withText(
    _ claims: Claims, _ node: Int, _ bytes: Span<UInt8>, _ body: (Span<UInt8>, Range<Int>) -> Void
  ) {
    guard node != Claims.absent, claims.document.nodes[node].kind == .string else { return }
    if claims.document.nodes[node].escaped {
      let text = claims.document.unescaped(node, in: bytes)
      body(text.span, 0..<text.count)
    } else {
      body(bytes, claims.document.nodes[node].range)
    }
  }

  private func mayHold(_ kind: DenylistTable.Kind, _ issuer: Issuer) -> Bool {
    table.mayHold(kind, DenylistTable.noIssuer) || table.mayHold(kind, issuer.number)
  }

  /// The earliest time among the entries for this issuer and those for any.
  private func time(
    _ kind: DenylistTable.Kind, _ bytes: Span<UInt8>, _ range: Range<Int>, _ issuer: Issuer,
    iat: NumericDate? = nil
  ) -> Int64? {
    let general = time(kind, DenylistTable.noIssuer, bytes, range, iat)
    guard issuer.number != DenylistTable.noIssuer else { return general }
    return Self.earlier(general, time(kind, issuer.number, bytes, range, iat))
  }

  private func time(
    _ kind: DenylistTable.Kind, _ issuer: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>,
    _ iat: NumericDate?
  ) -> Int64? {
    guard table.mayHold(kind, issuer), let value = table.value(kind, issuer, bytes, range) else {
      return nil
    }
    guard kind == .sub else { return value }
    // Short of the end, where a `before` of the far future stands.
    return table.earliest(value, after: iat.map { min(Self.nanoseconds($0.floor), .max - 1) })
  }

  private static func earlier(_ a: Int64?, _ b: Int64?) -> Int64? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }

  // MARK: Times

  /// Earlier than every time.
  static let always = Int64.min

  /// Since 1970; the nearest that can be held.
  static func nanoseconds(_ time: Timestamp) -> Int64 {
    let (product, overflows) = time.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflowsToo) = product.addingReportingOverflow(Int64(time.nanoseconds))
    if overflows || overflowsToo { return time.seconds < 0 ? always + 1 : .max }
    return max(sum, always + 1)
  }
}

extension [Denylist] {
  /// The earliest revocation in any of the lists, as if they were one.
  package func match(
    _ claims: Claims, _ bytes: Span<UInt8>, kid: ByteString?, types: Denylist.TokenTypes = .all
  ) -> Denylist.Match? {
    var earliest: Denylist.Match?
    for list in self {
      guard let match = list.match(claims, bytes, kid: kid, types: types) else { continue }
      guard let revokedAt = match.revokedAt else { return match }
      // Without a time it would have been the answer already.
      if let known = earliest?.revokedAt, known <= revokedAt { continue }
      earliest = match
    }
    return earliest
  }
}

extension Denylist.Match {
  fileprivate init?(_ time: Int64?) {
    guard let time else { return nil }
    guard time != Denylist.always else {
      revokedAt = nil
      return
    }
    revokedAt = Timestamp(nanosecondsSince1970: time)
  }
}
