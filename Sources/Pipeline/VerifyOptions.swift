// What an operator asks of a verification, the keys aside.
// Owns: the choices. Must never: act on one.

package import JOSE

package struct VerifyOptions: Sendable {
  package enum Print: String, Sendable, CaseIterable { case verdict, claims, line, none }
  package enum Filter: String, Sendable, CaseIterable { case valid, invalid }

  package var policy = ClaimsPolicy()
  /// `--alg`; nil allows every algorithm that a key is for.
  package var allowed: [AlgorithmName]?
  /// nil: now.
  package var at: Timestamp?
  /// Any JWS: the payload need not be claims.
  package var raw = false
  package var format = InputFormat.auto
  package var field: JSONPointer?
  package var print = Print.verdict
  package var only: Filter?
  /// Names of the inputs, when there are several and verdicts carry them.
  package var inputNames: [ByteString]?
  package var keepsRejects = false
  package var maxLine = 1 << 20

  package init() {}
}
