// Which key a token's header picks (SPEC section 3, "Which key" and "In a JWK set").
// Owns: the tests of KeySet.

import Testing

@testable import JOSE

@Suite struct KeySetTests {
  /// Keys are generated once: RSA takes its time.
  private static let rsa = [try! newKey("RS256"), try! newKey("RS256")]
  private static let p256 = [try! newKey("ES256"), try! newKey("ES256")]
  private static let p384 = try! newKey("ES384")
  private static let ed25519 = try! newKey("Ed25519")
  private static let ed448 = try! newKey("Ed448")
  private static let secret = try! newKey("HS256")

  /// `key` as its JWK would say: with this kid, and RSA or a secret with this alg or none.
  private func named(_ key: JWK, _ kid: String?, alg: String? = nil) -> JWK {
    var key = key.isSymmetric ? key : key.publicHalf
    key.kid = kid.map { ByteString($0) }
    if key.keyType == "RSA" || key.isSymmetric { key.algorithm = alg.flatMap { AlgorithmName($0) } }
    return key
  }

  private func set(_ keys: [JWK], fromOption: [JWK] = []) -> KeySet {
    var set = KeySet()
    for key in keys { #expect(set.add(key, source: "a set") == nil) }
    for key in fromOption { #expect(set.add(key, source: "--key", standsForAnyKid: true) == nil) }
    return set
  }

  private func choose(_ set: KeySet, _ name: String, _ kid: String?) -> KeySet.Choice {
    set.choose(AlgorithmName(name)!, kid: kid.map { ByteString($0) })
  }

  @Test("A token with a kid takes the key of exactly that kid, or none")
  func exactKid() {
    let keys = set([named(Self.p256[0], "a"), named(Self.p256[1], "b")])
    #expect(choose(keys, "ES256", "a") == .key(0))
    #expect(choose(keys, "ES256", "b") == .key(1))
    for kid in ["c", "A", "a ", " a", "", "a\u{0}", "ab"] {
      #expect(choose(keys, "ES256", kid) == .rejected(.unknownKey), "\(kid)")
    }
  }

  @Test("Composed and decomposed spellings of a kid are two kids")
  func normalisation() {
    let keys = set([named(Self.p256[0], "caf\u{e9}"), named(Self.p256[1], "cafe\u{301}")])
    #expect(keys.keys.count == 2)
    #expect(choose(keys, "ES256", "caf\u{e9}") == .key(0))
    #expect(choose(keys, "ES256", "cafe\u{301}") == .key(1))
    let one = set([named(Self.p256[0], "caf\u{e9}")])
    #expect(choose(one, "ES256", "cafe\u{301}") == .rejected(.unknownKey))
  }

  @Test("A key from --key or --secret without a kid stands for any kid; one of a set does not")
  func standsForAnyKid() {
    #expect(choose(set([], fromOption: [named(Self.p256[0], nil)]), "ES256", "x") == .key(0))
    #expect(
      choose(set([named(Self.p256[0], nil)]), "ES256", "x") == .rejected(.unknownKey))
    #expect(
      choose(set([], fromOption: [named(Self.p256[0], "a")]), "ES256", "x")
        == .rejected(.unknownKey), "a key of --key that has a kid stands for that kid")
    let mixed = set([named(Self.p256[0], "a")], fromOption: [named(Self.p256[1], nil)])
    #expect(choose(mixed, "ES256", "a") == .key(0), "the kid's own key comes first")
    #expect(choose(mixed, "ES256", "b") == .key(1))
    let two = set([], fromOption: [named(Self.p256[0], nil), named(Self.p256[1], nil)])
    #expect(choose(two, "ES256", "x") == .rejected(.ambiguousKey))
    let types = set([], fromOption: [named(Self.p256[0], nil), named(Self.secret, nil)])
    #expect(choose(types, "ES256", "x") == .key(0) && choose(types, "HS256", "x") == .key(1))
  }

  @Test("Without a kid the one key that fits is taken, several are ambiguous, none is unknown")
  func withoutKid() {
    let keys = set([
      named(Self.p256[0], "a"), named(Self.p384, "b"), named(Self.rsa[0], nil),
      named(Self.p256[1], "c"),
    ])
    #expect(choose(keys, "ES384", nil) == .key(1))
    #expect(choose(keys, "PS512", nil) == .key(2))
    #expect(choose(keys, "ES256", nil) == .rejected(.ambiguousKey))
    #expect(choose(keys, "HS256", nil) == .rejected(.unknownKey))
    #expect(choose(KeySet(), "HS256", nil) == .rejected(.unknownKey))
    #expect(choose(KeySet(), "HS256", "a") == .rejected(.unknownKey))
  }

  @Test("The key decides the algorithm: its alg, or its type and curve")
  func algorithmMismatch() {
    let all = Algorithm.allCases.map(\.name)
    func expect(_ key: JWK, fits: [String]) {
      let keys = set([key])
      for name in all + ["Ed25519", "Ed448"] {
        let expected = fits.contains(name) ? KeySet.Choice.key(0) : .rejected(.algMismatch)
        var weak = keys
        weak.allowWeakKeys = true
        #expect(choose(weak, name, "k") == expected, "\(key.kind) \(name)")
        #expect(choose(weak, name, nil) == expected, "\(key.kind) \(name) without kid")
      }
    }
    expect(named(Self.rsa[0], "k"), fits: all.filter { $0.hasPrefix("RS") || $0.hasPrefix("PS") })
    expect(named(Self.rsa[0], "k", alg: "PS384"), fits: ["PS384"])
    expect(named(Self.secret, "k"), fits: all.filter { $0.hasPrefix("HS") })
    expect(named(Self.secret, "k", alg: "HS256"), fits: ["HS256"])
    expect(named(Self.p256[0], "k"), fits: ["ES256"])
    expect(named(Self.p384, "k"), fits: ["ES384"])
    expect(named(Self.ed25519, "k"), fits: ["EdDSA", "Ed25519"])
    expect(named(Self.ed448, "k"), fits: ["EdDSA", "Ed448"])
  }

  @Test("EdDSA names both curves, RFC 9864's names one")
  func edwardsCurves() {
    let keys = set([named(Self.ed25519, "a"), named(Self.ed448, "b")])
    #expect(choose(keys, "EdDSA", nil) == .rejected(.ambiguousKey))
    #expect(choose(keys, "Ed25519", nil) == .key(0) && choose(keys, "Ed448", nil) == .key(1))
    #expect(choose(keys, "Ed448", "a") == .rejected(.algMismatch))
  }

  @Test("An RSA public key never stands as an HMAC secret")
  func confusion() {
    let keys = set([named(Self.rsa[0], "a"), named(Self.p256[0], "b")])
    for kid in ["a", "b"] { #expect(choose(keys, "HS256", kid) == .rejected(.algMismatch)) }
  }

  @Test("use and key_ops that forbid verification keep a key out, with a reason that names it")
  func forbidden() {
    var keys = KeySet()
    var key = named(Self.p256[0], "a")
    key.use = "enc"
    #expect(keys.add(key, source: "jwks.json")?.hasPrefix("jwks.json: kid \"a\": ") == true)
    key.use = nil
    key.keyOps = ["sign"]
    #expect(keys.add(key, source: "jwks.json") != nil)
    let hollow = JWK(.oct)
    #expect(keys.add(hollow, source: "jwks.json") != nil, "a secret that is not there")
    #expect(keys.isEmpty)
    key.keyOps = ["verify"]
    #expect(keys.add(key, source: "jwks.json") == nil && keys.keys.count == 1)
  }

  @Test("Only public halves are kept, secrets aside")
  func publicHalves() {
    let keys = set([Self.p256[0], Self.secret])
    #expect(!keys.keys[0].jwk.hasPrivateHalf && keys.keys[1].jwk.hasPrivateHalf)
  }

  @Test("One kid with two different keys of a type: neither is used; with two types both are")
  func sameKid() {
    var twice = set([
      named(Self.p256[0], "a"), named(Self.p256[1], "a"), named(Self.p384, "b"),
      named(Self.rsa[0], "a"),
    ])
    #expect(choose(twice, "ES256", "a") == .rejected(.ambiguousKey))
    let notes = twice.removeAmbiguous()
    #expect(notes.count == 1 && notes[0].contains("\"a\"") && notes[0].contains("EC"))
    #expect(choose(twice, "ES256", "a") == .rejected(.algMismatch), "only the RSA key is left")
    #expect(choose(twice, "RS256", "a") == .key(1))
    #expect(choose(twice, "ES384", "b") == .key(0))
    #expect(twice.removeAmbiguous().isEmpty)

    var types = set([
      named(Self.p256[0], "a"), named(Self.rsa[0], "a"), named(Self.ed25519, "a"),
      named(Self.secret, "a"),
    ])
    #expect(types.removeAmbiguous().isEmpty)
    for (name, index) in [("ES256", 0), ("RS512", 1), ("EdDSA", 2), ("HS256", 3)] {
      #expect(choose(types, name, "a") == .key(index))
    }
    var curves = set([named(Self.p256[0], "a"), named(Self.p384, "a")])
    #expect(curves.removeAmbiguous().count == 1 && curves.isEmpty, "the same kty, two curves")
  }

  @Test("After a kid's keys are taken out, a key that stands for any kid still does")
  func ambiguousBesideOption() {
    var keys = set(
      [named(Self.p256[0], "a"), named(Self.p256[1], "a")], fromOption: [named(Self.p384, nil)])
    _ = keys.removeAmbiguous()
    #expect(choose(keys, "ES384", "a") == .key(0))
    #expect(choose(keys, "ES256", "a") == .rejected(.algMismatch))
  }

  @Test("The very same key under the same kid, or twice without one, counts once")
  func sameKeyTwice() {
    var keys = set([
      named(Self.p256[0], "a"), named(Self.p256[0], "a"), named(Self.secret, "s"),
      named(Self.secret, "s"), named(Self.p384, nil), named(Self.p384, nil),
    ])
    #expect(keys.keys.count == 3 && keys.removeAmbiguous().isEmpty)
    #expect(choose(keys, "ES256", "a") == .key(0) && choose(keys, "ES384", nil) == .key(2))
  }

  @Test("The same key with a kid and without one: its kid is known, in either order")
  func sameKeyWithAndWithoutKid() {
    let (bare, a) = (named(Self.p256[0], nil), named(Self.p256[0], "a"))
    for keys in [set([bare, a]), set([a, bare]), set([a], fromOption: [bare])] {
      guard case .key(let index) = choose(keys, "ES256", "a") else {
        Issue.record("the key of kid a is not known")
        continue
      }
      #expect(keys.keys[index].jwk.material == Self.p256[0].material)
    }
    let two = set([a, named(Self.p256[0], "b")])
    #expect(choose(two, "ES256", "a") == .key(0) && choose(two, "ES256", "b") == .key(1))
    #expect(choose(two, "ES256", nil) == .key(0), "under two kids it is still one key")
  }

  @Test("A key of --key without a kid stands for any kid, even if a set holds it without one too")
  func optionBesideSet() {
    let bare = named(Self.p256[0], nil)
    let keys = set([bare], fromOption: [bare])
    #expect(choose(keys, "ES256", "x") != .rejected(.unknownKey))
    #expect(choose(keys, "ES256", nil) != .rejected(.ambiguousKey))
  }

  @Test("One secret for two algorithms is two keys: each alg is verified")
  func secretForTwoAlgorithms() {
    var keys = set([named(Self.secret, nil, alg: "HS256"), named(Self.secret, nil, alg: "HS512")])
    keys.allowWeakKeys = true
    #expect(choose(keys, "HS256", nil) == .key(0))
    #expect(choose(keys, "HS512", nil) == .key(1))
  }

  @Test("Weak keys are refused unless they are allowed")
  func weakKeys() throws {
    let small = try JWK.generate(for: AlgorithmName(.rs256), rsaBits: 1024)
    var keys = set([named(small, "a"), named(Self.secret, "s")])
    #expect(choose(keys, "RS256", "a") == .rejected(.weakKey))
    #expect(choose(keys, "RS256", nil) == .rejected(.weakKey))
    #expect(choose(keys, "HS256", "s") == .key(1))
    #expect(choose(keys, "HS512", "s") == .rejected(.weakKey))
    keys.allowWeakKeys = true
    #expect(choose(keys, "RS256", "a") == .key(0))
    #expect(choose(keys, "HS512", "s") == .key(1))
  }

  @Test("A destroyed secret's kid is revoked, for its algorithm and no other kid")
  func destroyed() {
    var set = KeySet()
    #expect(set.isEmpty)
    set.addRevoked(kid: "s", algorithm: AlgorithmName(.hs256))
    #expect(!set.isEmpty && set.windows.isEmpty)
    func choose(_ name: String, _ kid: String?) -> KeySet.Choice { self.choose(set, name, kid) }
    #expect(choose("HS256", "s") == .rejected(.revokedKey))
    #expect(choose("HS512", "s") == .rejected(.algMismatch))
    #expect(choose("ES256", "s") == .rejected(.algMismatch))
    for kid in ["S", "t", "", nil] as [String?] {
      #expect(choose("HS256", kid) == .rejected(.unknownKey))
    }
    // A key of another type, and one that stands for any kid, which may be the very same secret.
    #expect(set.add(named(Self.p256[0], "s"), source: "set") == nil)
    #expect(set.add(named(Self.secret, nil), source: "--secret", standsForAnyKid: true) == nil)
    #expect(choose("HS256", "s") == .rejected(.revokedKey))
    #expect(choose("ES256", "s") == .key(0))
    #expect(choose("HS256", "t") == .key(1))
    #expect(set.removeAmbiguous().isEmpty)
    #expect(choose("HS256", "s") == .rejected(.revokedKey))
    // The key itself answers for itself.
    var revoked = KeyWindow()
    revoked.revocation = .init(since: nil)
    #expect(set.add(named(Self.secret, "s"), source: "ring", window: revoked) == nil)
    #expect(choose("HS256", "s") == .key(2) && set.windows[2] == revoked)
  }
}
