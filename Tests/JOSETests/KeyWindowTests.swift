// A key's window at its very edges, and one key that comes from several sources.
// Owns: the tests of KeyWindow and of how KeySet combines windows.

import Testing

@testable import JOSE

@Suite struct KeyWindowTests {
  /// `exp` is put in where the payload has none, unless it is asked to be missing.
  private func failures(
    _ text: String, _ window: KeyWindow, addsExpiry: Bool = true
  ) -> [Rejection] {
    var payload = text
    if addsExpiry, !text.contains("\"exp\"") {
      payload = String(text.dropLast()) + (text == "{}" ? "" : ",") + "\"exp\":2}"
    }
    var claims = Claims()
    #expect(claims.parse(unsigned: payload.octets.span, 0..<payload.utf8.count) == nil)
    return Array(window.failures(claims, payload.octets.span))
  }

  private func window(_ change: (inout KeyWindow) -> Void) -> KeyWindow {
    var window = KeyWindow()
    change(&window)
    return window
  }

  private func at(_ seconds: Int64, _ nanos: Int32 = 0) -> Timestamp {
    Timestamp(seconds: seconds, nanoseconds: nanos)
  }

  // MARK: Bounds

  @Test(
    "iat at and around the bounds, exactly",
    arguments: [
      ("999", true), ("999.999999999", true), ("999.99999999999999999999", true), ("1000", false),
      ("1e3", false), ("1000.0", false), ("1000.00000000000000000001", false), ("1999.5", false),
      ("2000", false), ("2000.000000000", false), ("2000.0000000000000000001", true),
      ("2001", true), ("-1", true), ("0", true), ("-1e400", true), ("1e400", true),
    ])
  func issuedAt(iat: String, isOutside: Bool) {
    let window = window { ($0.opens, $0.closes) = (at(1000), at(2000)) }
    #expect(failures("{\"iat\":\(iat)}", window) == (isOutside ? [.outsideKeyWindow] : []))
  }

  @Test("Bounds that lie within a second")
  func fractions() {
    let window = window { ($0.opens, $0.closes) = (at(1000, 5), at(1000, 900_000_000)) }
    for (iat, isOutside) in [
      ("1000", true), ("1000.000000004999", true), ("1000.000000005", false), ("1000.9", false),
      ("1000.9000000000001", true),
    ] {
      #expect(
        failures("{\"iat\":\(iat)}", window) == (isOutside ? [.outsideKeyWindow] : []), "\(iat)")
    }
  }

  @Test("A bound that is not known bounds nothing")
  func openBounds() {
    let opens = window { $0.opens = at(1000) }
    #expect(failures(#"{"iat":9e99}"#, opens) == [])
    #expect(failures(#"{"iat":999}"#, opens) == [.outsideKeyWindow])
    let closes = window { $0.closes = at(1000) }
    #expect(failures(#"{"iat":-9e99}"#, closes) == [])
    #expect(failures(#"{"iat":1001}"#, closes) == [.outsideKeyWindow])
    #expect(failures(#"{"iat":5,"exp":9e99}"#, window { _ in }) == [])
  }

  @Test("exp at and around the key's end, and none")
  func end() {
    let window = window { $0.ends = at(5000) }
    for (exp, isOutside) in [
      ("4999", false), ("5000", false), ("5000.0", false), ("5e3", false),
      ("5000.00000000000001", true), ("5001", true), ("1e400", true), ("-1e400", false),
      ("\"x\"", true), ("null", true),
    ] {
      let found = failures("{\"iat\":1,\"exp\":\(exp)}", window)
      #expect(found == (isOutside ? [.outsideKeyWindow] : []), "\(exp)")
    }
    // A ring signs no token without an end; another program may have.
    #expect(failures(#"{"iat":1}"#, window, addsExpiry: false) == [.outsideKeyWindow])
    var imported = window
    imported.requiresTimes = false
    #expect(failures(#"{"iat":1}"#, imported, addsExpiry: false) == [])
  }

  @Test("A token without iat, and one whose iat is no number")
  func missing() {
    let own = window { ($0.opens, $0.closes, $0.ends) = (at(1), at(2), at(3)) }
    var imported = own
    imported.requiresTimes = false
    #expect(failures("{}", own) == [.outsideKeyWindow])
    #expect(failures("{}", imported) == [])
    #expect(failures(#"{"exp":4}"#, imported) == [.outsideKeyWindow])
    #expect(failures(#"{"iat":9}"#, imported) == [.outsideKeyWindow])
    for iat in ["null", "\"1\"", "[1]", "{}", "true"] {
      #expect(failures("{\"iat\":\(iat)}", own) == [.outsideKeyWindow], "\(iat)")
      #expect(failures("{\"iat\":\(iat)}", imported) == [.outsideKeyWindow], "\(iat)")
    }
  }

  @Test("A key that was never activated has no token")
  func neverOpens() {
    var never = window { $0.neverOpens = true }
    never.requiresTimes = false
    for payload in ["{}", #"{"iat":0}"#, #"{"iat":5,"exp":6}"#] {
      #expect(failures(payload, never) == [.outsideKeyWindow])
    }
  }

  // MARK: Revocation

  @Test("A revoked key's tokens, all of them or those since a time")
  func revoked() {
    let all = window { $0.revocation = .init(since: nil) }
    #expect(failures(#"{"iat":0}"#, all) == [.revokedKey])
    #expect(Array(all.failuresWithoutClaims) == [.revokedKey])
    let since = window {
      $0.revocation = .init(since: at(1000, 500_000_000))
      $0.requiresTimes = false
    }
    for (iat, isRevoked) in [
      ("1000", false), ("1000.4999999999999999999", false), ("1000.5", true), ("1000.50", true),
      ("1001", true), ("9e99", true), ("-9e99", false),
    ] {
      #expect(failures("{\"iat\":\(iat)}", since) == (isRevoked ? [.revokedKey] : []), "\(iat)")
    }
    #expect(failures("{}", since) == [.revokedKey], "without iat")
    #expect(failures(#"{"iat":"1"}"#, since) == [.revokedKey, .outsideKeyWindow])
    #expect(Array(since.failuresWithoutClaims) == [])
    #expect(Array(KeyWindow().failuresWithoutClaims) == [])
  }

  @Test("Both failures are listed")
  func both() {
    let window = window {
      ($0.opens, $0.closes, $0.revocation) = (at(10), at(20), .init(since: at(15)))
    }
    #expect(failures(#"{"iat":9}"#, window) == [.outsideKeyWindow])
    #expect(failures(#"{"iat":12}"#, window) == [])
    #expect(failures(#"{"iat":15}"#, window) == [.revokedKey])
    #expect(failures(#"{"iat":21}"#, window) == [.revokedKey, .outsideKeyWindow])
    #expect(failures("{}", window) == [.revokedKey, .outsideKeyWindow])
  }

  @Test("The stricter of two windows has the narrower of each bound, in either order")
  func stricter() {
    let one = window {
      ($0.opens, $0.closes, $0.ends) = (at(10), at(20), nil)
      ($0.requiresTimes, $0.revocation) = (false, .init(since: at(7)))
    }
    let other = window {
      ($0.opens, $0.closes, $0.ends) = (at(5), nil, at(40))
      ($0.neverOpens, $0.revocation) = (true, .init(since: at(6)))
    }
    let expected = window {
      ($0.opens, $0.closes, $0.ends) = (at(10), at(20), at(40))
      ($0.neverOpens, $0.revocation) = (true, .init(since: at(6)))
    }
    let forEver = window { $0.revocation = .init(since: nil) }
    for (a, b, both) in [(one, other, expected), (one, one, one)] {
      #expect(KeyWindow.stricter(a, b) == both && KeyWindow.stricter(b, a) == both)
    }
    for window in [one, other, expected] {
      #expect(KeyWindow.stricter(window, nil) == window)
      #expect(KeyWindow.stricter(nil, window) == window)
      #expect(KeyWindow.stricter(window, forEver)?.revocation == .init(since: nil))
      #expect(KeyWindow.stricter(forEver, window)?.revocation == .init(since: nil))
    }
    #expect(KeyWindow.stricter(nil, nil) == nil)
  }

  // MARK: Key sets

  private static let p256 = [try! newKey("ES256"), try! newKey("ES256")]
  private static let secret = try! newKey("HS256")

  private func named(_ key: JWK, _ kid: String?) -> JWK {
    var key = key.isSymmetric ? key : key.publicHalf
    key.kid = kid.map { ByteString($0) }
    return key
  }

  /// Adds keys, in this order and in the other one, and gives each set to `check`.
  private func both(
    _ keys: [(JWK, KeyWindow?)], _ check: (KeySet) throws -> Void
  ) rethrows {
    for order in [keys, keys.reversed()] {
      var set = KeySet()
      for (jwk, window) in order {
        #expect(
          set.add(jwk, source: "a test", standsForAnyKid: jwk.kid == nil, window: window) == nil)
      }
      #expect(set.removeAmbiguous() == [])
      try check(set)
    }
  }

  /// The window that a token is judged by.
  private func judged(_ set: KeySet, _ name: String, _ kid: String?) -> KeyWindow? {
    guard
      case .key(let index) = set.choose(AlgorithmName(name)!, kid: kid.map { ByteString($0) })
    else {
      Issue.record("no key for \(name) \(kid ?? "without kid")")
      return nil
    }
    let windows = set.windows
    return windows.isEmpty ? nil : windows[index]
  }

  private var ringWindow: KeyWindow { window { ($0.opens, $0.closes) = (at(10), at(20)) } }
  private var revokedWindow: KeyWindow { window { $0.revocation = .init(since: nil) } }

  @Test("Keys without windows have none")
  func none() {
    both([(named(Self.p256[0], "a"), nil), (named(Self.secret, "s"), nil)]) {
      #expect($0.windows.isEmpty)
    }
    both([(named(Self.p256[0], "a"), nil), (named(Self.p256[1], "b"), ringWindow)]) {
      #expect(judged($0, "ES256", "a") == nil)
      #expect(judged($0, "ES256", "b") == ringWindow)
    }
  }

  @Test("The same key under the same kid: a source without a window lifts none")
  func twin() {
    for key in [Self.p256[0], Self.secret] {
      let name = key.isSymmetric ? "HS256" : "ES256"
      for window in [ringWindow, revokedWindow] {
        both([(named(key, "a"), window), (named(key, "a"), nil)]) {
          #expect($0.keys.count == 1)
          #expect(judged($0, name, "a") == window)
        }
      }
      let later = window { ($0.opens, $0.ends) = (at(15), at(99)) }
      both([(named(key, "a"), ringWindow), (named(key, "a"), later)]) {
        let expected = window { ($0.opens, $0.closes, $0.ends) = (at(15), at(20), at(99)) }
        #expect(judged($0, name, "a") == expected)
      }
    }
  }

  @Test("A key of --key or of another kid does not get round the window or the revocation")
  func otherNames() {
    for key in [Self.p256[0], Self.secret] {
      let name = key.isSymmetric ? "HS256" : "ES256"
      for window in [ringWindow, revokedWindow] {
        for other in [nil, "b"] as [String?] {
          both([(named(key, "a"), window), (named(key, other), nil)]) {
            for kid in ["a", other ?? "anything", nil] {
              #expect(judged($0, name, kid) == window, "\(kid ?? "-") beside \(other ?? "-")")
            }
          }
        }
      }
    }
  }

  @Test("Two kids of one key keep a window each, but share a revocation")
  func twoKids() {
    let later = window { ($0.opens, $0.closes) = (at(20), at(30)) }
    both([(named(Self.p256[0], "a"), ringWindow), (named(Self.p256[0], "b"), later)]) {
      #expect(judged($0, "ES256", "a") == ringWindow)
      #expect(judged($0, "ES256", "b") == later)
    }
    var revoked = later
    revoked.revocation = .init(since: at(25))
    both([(named(Self.p256[0], "a"), ringWindow), (named(Self.p256[0], "b"), revoked)]) {
      #expect(judged($0, "ES256", "a")?.revocation == .init(since: at(25)))
      #expect(judged($0, "ES256", "a")?.closes == at(20))
      #expect(judged($0, "ES256", nil)?.revocation == .init(since: at(25)))
    }
  }

  @Test("A revocation outlasts its kid, which names another key too")
  func ambiguous() {
    var set = KeySet()
    #expect(set.add(named(Self.p256[0], "a"), source: "ring", window: revokedWindow) == nil)
    #expect(set.add(named(Self.p256[1], "a"), source: "set") == nil)
    #expect(set.add(named(Self.p256[0], "b"), source: "set") == nil)
    #expect(set.removeAmbiguous().count == 1)
    #expect(set.keys.count == 1 && judged(set, "ES256", "b") == revokedWindow)
  }
}
