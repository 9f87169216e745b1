// The stable words of SPEC section 8, and sets of them.
// Owns: the tests of Rejection, Rejections and JOSEError.

import Testing

@testable import JOSE

@Suite struct RejectionTests {
  static let contract = """
    no_token too_large malformed bad_base64 bad_header bad_payload duplicate_member \
    unsupported_alg alg_not_allowed alg_mismatch unsupported_crit unknown_key ambiguous_key \
    weak_key bad_signature no_time expired not_yet_valid issued_in_future too_old wrong_issuer \
    wrong_audience wrong_subject unknown_subject wrong_typ wrong_token_type not_fresh \
    missing_claim bad_claim schema untrusted_issuer revoked_token revoked_key \
    outside_key_window bad_json outlives_key invalid_request invalid_grant invalid_scope \
    unsupported_grant_type
    """.split(separator: " ").map(String.init)

  @Test("The codes are exactly the contract's, in its order, each once")
  func codes() {
    let codes = Rejection.allCases.map { "\($0.code)" }
    #expect(codes == Self.contract)
    #expect(Set(codes).count == codes.count)
  }

  @Test("Raw values are bit numbers: distinct, and all of them fit 64 bits")
  func bits() {
    #expect(Set(Rejection.allCases.map(\.rawValue)).count == Rejection.allCases.count)
    #expect(Rejection.allCases.allSatisfy { $0.rawValue < 64 })
  }

  @Test("A set of causes is read in the enum's order, whatever order they came in")
  func order() {
    var random = SeededRandom(for: "Rejections")
    for _ in 0..<200 {
      let some = Rejection.allCases.filter { _ in random.below(3) == 0 }
      var set = Rejections()
      for cause in some.shuffled(using: &random) {
        set.insert(cause)
        set.insert(cause)
      }
      #expect(Array(set) == some)
      #expect(set.isEmpty == some.isEmpty)
      #expect(Rejection.allCases.allSatisfy { set.contains($0) == some.contains($0) })
    }
    #expect(Array(Rejections(.schema)) == [.schema])
    var all = Rejections()
    for cause in Rejection.allCases.reversed() { all.insert(cause) }
    #expect(Array(all) == Rejection.allCases)
  }

  @Test("Errors are equal by code")
  func errors() {
    #expect(JOSEError(.badKey, "one") == JOSEError(.badKey, "other"))
    #expect(JOSEError(.badKey, "one") != JOSEError(.weakKey, "one"))
    #expect("\(JOSEError(.badKey, "what is wrong"))" == "what is wrong")
  }
}
