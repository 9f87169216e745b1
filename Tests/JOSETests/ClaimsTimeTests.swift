// exp, nbf, iat, max-age and leeway at their very edges (SPEC section 3, RFC 7519 section 4.1).
// Owns: the tests of ClaimsPolicy's checks on time.

import Testing

@testable import JOSE

@Suite struct ClaimsTimeTests {
  private func judge(
    _ payload: String, leeway: Int64 = 0, maxAge: Int64? = nil, at seconds: Int64 = noon,
    nanos: Int32 = 0
  ) throws -> [Rejection] {
    var policy = ClaimsPolicy()
    policy.leeway = Seconds(leeway)
    policy.maxAge = maxAge.map { Seconds($0) }
    return try Judging.rejections(payload, policy, at: seconds, nanos: nanos)
  }

  @Test("exp: expired at the very second, not a nanosecond before")
  func exp() throws {
    #expect(try judge("{\"exp\":\(noon)}") == [.expired])
    #expect(try judge("{\"exp\":\(noon - 1)}") == [.expired])
    #expect(try judge("{\"exp\":\(noon + 1)}") == [])
    #expect(try judge("{\"exp\":\(noon)}", at: noon - 1, nanos: 999_999_999) == [])
    #expect(try judge("{\"exp\":\(noon)}", at: noon, nanos: 1) == [.expired])
    #expect(try judge("{}") == [])
  }

  @Test("exp with a fraction is compared exactly, however fine")
  func expFraction() throws {
    #expect(try judge("{\"exp\":\(noon).5}") == [])
    #expect(try judge("{\"exp\":\(noon).5}", nanos: 499_999_999) == [])
    #expect(try judge("{\"exp\":\(noon).5}", nanos: 500_000_000) == [.expired])
    #expect(try judge("{\"exp\":\(noon).0000000000001}") == [])
    #expect(try judge("{\"exp\":\(noon).0000000000000}") == [.expired])
    #expect(try judge("{\"exp\":\(noon - 1).9999999999999}") == [.expired])
    #expect(try judge("{\"exp\":13008193805e-1}") == [])
    #expect(try judge("{\"exp\":1.30081938e9}") == [.expired])
  }

  @Test("exp with leeway: exp <= now - leeway is expired")
  func expLeeway() throws {
    #expect(try judge("{\"exp\":\(noon - 60)}", leeway: 60) == [.expired])
    #expect(try judge("{\"exp\":\(noon - 59)}", leeway: 60) == [])
    #expect(try judge("{\"exp\":\(noon - 60).000000001}", leeway: 60) == [])
    #expect(try judge("{\"exp\":\(noon - 60).000000001}", leeway: 60, nanos: 1) == [.expired])
  }

  @Test("nbf: valid at the very second, not a nanosecond before; leeway")
  func nbf() throws {
    #expect(try judge("{\"nbf\":\(noon)}") == [])
    #expect(try judge("{\"nbf\":\(noon + 1)}") == [.notYetValid])
    #expect(try judge("{\"nbf\":\(noon)}", at: noon - 1, nanos: 999_999_999) == [.notYetValid])
    #expect(try judge("{\"nbf\":\(noon).0000000000001}") == [.notYetValid])
    #expect(try judge("{\"nbf\":\(noon).5}", nanos: 500_000_000) == [])
    #expect(try judge("{\"nbf\":\(noon + 60)}", leeway: 60) == [])
    #expect(try judge("{\"nbf\":\(noon + 61)}", leeway: 60) == [.notYetValid])
    #expect(try judge("{\"nbf\":\(noon + 60).0000000001}", leeway: 60) == [.notYetValid])
  }

  @Test("iat: beyond now and leeway is issued in the future")
  func iat() throws {
    #expect(try judge("{\"iat\":\(noon)}") == [])
    #expect(try judge("{\"iat\":\(noon).000000001}") == [.issuedInFuture])
    #expect(try judge("{\"iat\":\(noon + 1)}") == [.issuedInFuture])
    #expect(try judge("{\"iat\":\(noon + 30)}", leeway: 30) == [])
    #expect(try judge("{\"iat\":\(noon + 31)}", leeway: 30) == [.issuedInFuture])
  }

  @Test("max-age: just that old is accepted, anything older is too old; it needs iat")
  func maxAge() throws {
    #expect(try judge("{\"iat\":\(noon - 100)}", maxAge: 100) == [])
    #expect(try judge("{\"iat\":\(noon - 101)}", maxAge: 100) == [.tooOld])
    #expect(try judge("{\"iat\":\(noon - 101).9999999999}", maxAge: 100) == [.tooOld])
    #expect(try judge("{\"iat\":\(noon - 100)}", maxAge: 100, nanos: 1) == [.tooOld])
    #expect(try judge("{\"iat\":\(noon - 100).000000001}", maxAge: 100, nanos: 1) == [])
    #expect(try judge("{\"iat\":\(noon - 105)}", leeway: 5, maxAge: 100) == [])
    #expect(try judge("{\"iat\":\(noon - 106)}", leeway: 5, maxAge: 100) == [.tooOld])
    #expect(try judge("{\"iat\":\(noon)}", maxAge: 0) == [])
    #expect(try judge("{}", maxAge: 100) == [.missingClaim])
    #expect(try judge("{\"iat\":\"\(noon)\"}", maxAge: 100) == [.badClaim])
    #expect(try judge("{\"iat\":-1e400}") == [])
  }

  @Test("Numbers too large for the clock saturate in the safe direction")
  func saturation() throws {
    for far in [
      "1e400", "9223372036854775807", "9223372036854775808", "1e18", "99999999999999999999",
    ] {
      #expect(try judge("{\"exp\":\(far)}") == [], "\(far)")
      #expect(try judge("{\"exp\":-\(far)}") == [.expired], "\(far)")
      #expect(try judge("{\"nbf\":\(far)}") == [.notYetValid], "\(far)")
      #expect(try judge("{\"nbf\":-\(far)}") == [], "\(far)")
      #expect(try judge("{\"iat\":\(far)}") == [.issuedInFuture], "\(far)")
      #expect(try judge("{\"iat\":-\(far)}", maxAge: 1) == [.tooOld], "\(far)")
    }
    #expect(try judge("{\"exp\":0}") == [.expired])
    #expect(try judge("{\"exp\":-0}") == [.expired])
    #expect(try judge("{\"exp\":1e-400}", at: 0) == [])
    #expect(try judge("{\"exp\":-1e-400}", at: 0) == [.expired])
    #expect(try judge("{\"nbf\":1e-400}", at: 0) == [.notYetValid])
    let all = "{\"exp\":1e400,\"nbf\":-1e400,\"iat\":-1e400}"
    #expect(try judge(all, leeway: .max, maxAge: .max) == [])
    #expect(try judge("{\"exp\":-1e400}", leeway: .max) == [.expired])
    #expect(try judge("{\"exp\":5,\"nbf\":\(noon + 5),\"iat\":\(noon + 5)}", leeway: .max) == [])
    #expect(try judge("{\"exp\":\(noon)}", at: .max) == [.expired])
    #expect(try judge("{\"nbf\":\(noon)}", at: .min) == [.notYetValid])
  }

  @Test("Times must be JSON numbers when they are there")
  func types() throws {
    for value in ["null", "true", "\"\(noon + 9)\"", "[]", "[\(noon)]", "{}", "\"\""] {
      for name in ["exp", "nbf", "iat", "\\u0065xp"] {
        #expect(try judge("{\"\(name)\":\(value)}") == [.badClaim], "\(name) \(value)")
      }
    }
    #expect(try judge("{\"EXP\":null,\"exp \":null,\"exp\\u0000\":1}") == [], "other claims")
    #expect(try judge("{\"x\":{\"exp\":1},\"y\":[{\"nbf\":9e9}]}") == [], "claims inside others")
  }
}
