// What an operator asks of grants, and what their workers share.
// Owns: the choices. Must never: act on one.

package import JOSE
internal import Keyring

package struct GrantOptions: Sendable {
  /// The claims and the header of access tokens, how long they live, the clock, the longest line.
  package var access = SignOptions()
  /// Whether access tokens say that they are fresh or not, and of which family.
  package var saysFresh = true
  package var saysFamily = true
  package var refreshTTL = Seconds(7 * 86_400)
  /// A refresh token is good for one exchange, which makes the next one.
  package var rotatesRefresh = false
  /// Whose refresh tokens are exchanged.
  package var policy = ClaimsPolicy()
  /// What checks the signatures of refresh tokens; nil is OpenSSL alone.
  package var lanes: Lanes?
  /// What may be granted; nil: whatever is asked for.
  package var scope: Scope?

  package init() {}

  /// How a refresh token is judged; it must be one of these users', if there are any.
  func verification(of users: FollowedUsers?) -> VerifyOptions {
    var options = VerifyOptions()
    options.users = users
    options.policy = policy
    options.policy.tokenType = .refresh
    options.policy.required = ["sub", "exp", "jti"]
    options.format = .json
    options.field = JSONPointer("/refresh_token")
    options.maxLine = access.maxLine
    options.lanes = lanes
    return options
  }
}

/// What the workers of a run of grants share.
package struct GrantSources: Sendable {
  package var signing: SigningKeys
  package var verification: VerificationKeys
  package var refreshTokens: RefreshTokens
  /// Both or none: then anybody's refresh tokens are exchanged, and nobody's password.
  package var users: FollowedUsers?
  package var logins: Logins?

  package init(
    signing: SigningKeys, verification: VerificationKeys, refreshTokens: RefreshTokens,
    users: FollowedUsers?, logins: Logins?
  ) {
    (self.signing, self.verification, self.refreshTokens) = (signing, verification, refreshTokens)
    (self.users, self.logins) = (users, logins)
  }
}
