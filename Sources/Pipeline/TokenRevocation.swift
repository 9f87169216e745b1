// What revoking a token lists: its own id, and of a refresh token its access token's and its family.
// Owns: which entries these are and until when they matter. Must never: choose an end before which a
// token that is meant may still live.

package import JOSE
package import Keyring

/// How long tokens may live, where all of them are by one ring.
package struct TokenLife: Sendable {
  /// From when a token is issued.
  let longest: Seconds
  /// From its end.
  private let slack: Seconds

  package init(longest: Seconds, slack: Seconds) {
    (self.longest, self.slack) = (longest, slack)
  }

  /// nil where the ring does not know.
  package init?(_ ring: Ring, at now: Timestamp) {
    guard let longest = ring.longestTokenLife(at: now) else { return nil }
    self.init(longest: longest, slack: ring.policy.slack)
  }

  /// When the last token of a family is dead that was issued until now. Up to a multiple of a long
  /// time, so that revoking it again adds nothing most times.
  func familyEnd(at now: Timestamp) -> Timestamp {
    let step: Int64 = 30 * 86_400
    let end = (now + longest + slack).seconds
    return Timestamp(seconds: (end / step + 1) * step)
  }
}

struct TokenRevocation: Sendable {
  private typealias Entry = DenylistWriter.Entry

  /// nil: nothing is known.
  private let life: TokenLife?

  init(_ life: TokenLife?) { self.life = life }

  /// Appends the entries for a token whose claims stand in `bytes`; returns why there are none.
  ///
  /// A token without `iss` is listed for any issuer: no other entry would mean it.
  func append(
    _ claims: borrowing Claims, _ bytes: Span<UInt8>, at now: Timestamp,
    to entries: inout [DenylistWriter.Entry]
  ) -> Rejections {
    let isRefresh = Denylist.isRefresh(claims, bytes)
    var failures = Rejections()
    if claims.jti == Claims.absent { failures.insert(.missingClaim) }
    let time = claims.time(claims.exp, bytes)
    var isBad = Self.isOther(claims, claims.jti) || Self.isOther(claims, claims.iss)
    isBad = isBad || Self.isOther(claims, claims.family)
    isBad = isBad || isRefresh && Self.isOther(claims, claims.accessTokenJTI)
    if case .some(nil) = time { isBad = true }
    if isBad { failures.insert(.badClaim) }
    guard failures.isEmpty, let jti = claims.string(claims.jti, bytes) else { return failures }

    let iss = claims.string(claims.iss, bytes)
    let exp = (time ?? nil)?.roundedUp
    let first = entries.count
    entries.append(
      Entry(.jti(jti), iss: iss, type: Self.type(claims, bytes, isRefresh), exp: exp))
    if isRefresh {
      if let jti = claims.string(claims.accessTokenJTI, bytes) {
        let end = accessTokenEnd(claims, bytes, exp)
        entries.append(Entry(.jti(jti), iss: iss, type: .access, exp: end))
      }
      if let family = claims.string(claims.family, bytes) {
        entries.append(Entry(.family(family), iss: iss, exp: life?.familyEnd(at: now)))
      }
    }
    if !entries[first...].allSatisfy(\.isStorable) {
      entries.removeSubrange(first...)
      failures.insert(.invalidRequest)
    }
    return failures
  }

  /// Whether a claim is there and no string.
  private static func isOther(_ claims: borrowing Claims, _ node: Int) -> Bool {
    node != Claims.absent && claims.document.nodes[node].kind != .string
  }

  private static func type(
    _ claims: borrowing Claims, _ bytes: Span<UInt8>, _ isRefresh: Bool
  ) -> Entry.TokenType? {
    if isRefresh { return .refresh }
    guard claims.type != Claims.absent else { return .access }
    return claims.string(claims.type, bytes) == "access" ? .access : nil
  }

  /// The entry is for the refresh token too, which names its access token. That one was signed when
  /// it was issued, or together with the refresh token if its `iat` is a record's own.
  private func accessTokenEnd(
    _ claims: borrowing Claims, _ bytes: Span<UInt8>, _ exp: Timestamp?
  ) -> Timestamp? {
    let issued = claims.document.member("access_token_iat", in: bytes) ?? Claims.absent
    guard let life, let exp, let issued = claims.time(issued, bytes) ?? nil,
      let together = claims.time(claims.iat, bytes) ?? nil
    else { return nil }
    return max(exp, max(issued.roundedUp, together.roundedUp) + life.longest)
  }
}
