// What an operator asks of a verification, the keys aside.
// Owns: the choices. Must never: act on one.

package import JOSE
package import Keyring

package struct VerifyOptions: Sendable {
  package enum Print: String, Sendable, CaseIterable { case verdict, claims, line, none }
  package enum Filter: String, Sendable, CaseIterable { case valid, invalid }
  package enum Tokens: String, Sendable, CaseIterable { case first, all }

  /// As of when a token is judged.
  package enum Time: Sendable {
    case now
    case fixed(Timestamp)
    /// The line's own: a log line's stamp, a JSON record's member.
    case line(log: Bool, member: JSONPointer?)

    var isNow: Bool { if case .now = self { true } else { false } }
    var isLine: Bool { if case .line = self { true } else { false } }
  }

  package var policy = ClaimsPolicy()
  /// `--alg`; nil allows every algorithm that a key is for.
  package var allowed: [AlgorithmName]?
  package var time = Time.now
  /// Tokens are taken apart only: no key is chosen and no signature checked.
  package var isUnverified = false
  /// Any JWS: the payload need not be claims.
  package var raw = false
  /// A token without kid may be by any key that fits, a few of them at most.
  package var triesAllKeys = false
  /// What the claims must look like beside.
  package var schema: JSONSchema?
  /// Who a subject must be one of, and enabled, shared by the workers; nil asks for nobody.
  package var users: FollowedUsers?
  /// Which tokens are looked up in denylists.
  package var denylistTypes = Denylist.TokenTypes.all
  package var format = InputFormat.auto
  package var field: JSONPointer?
  /// Which tokens of a line are judged.
  package var tokens = Tokens.first
  package var print = Print.verdict
  /// Lines are printed without tokens.
  package var redacts = false
  package var only: Filter?
  /// Names of the inputs, when there are several and verdicts carry them.
  package var inputNames: [ByteString]?
  package var keepsRejects = false
  /// What only a report shows is counted.
  package var countsDetails = false
  package var maxLine = 1 << 20
  /// Signatures that were checked before, shared by the workers; nil checks each one anew.
  package var memory: SignatureMemory?
  /// Many signatures at once, shared by the workers; nil leaves each one to OpenSSL.
  package var lanes: Lanes?

  package init() {}
}
