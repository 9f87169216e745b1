// The keys that may verify, and which one a token's header picks (SPEC section 3).
// Owns: selection. Must never: let a token choose an algorithm that its key is not for, follow
// jku, x5u, jwk or x5c, or compare a kid other than byte for byte.

public struct KeySet: Sendable {
  public struct Key: Sendable {
    public let jwk: JWK
    /// From `--key` or `--secret` and without a kid: stands for a token's kid, whatever it is.
    public fileprivate(set) var standsForAnyKid: Bool
  }

  public private(set) var keys: [Key] = []
  public var allowWeakKeys = false
  private var byKid: [ByteString: [Int]] = [:]
  /// Symmetric keys, which have no thumbprint; the others are found by theirs.
  private var symmetric: [Int] = []
  private var byThumbprint: [ByteString: [Int]] = [:]
  /// Keys that stand for any kid.
  private var standing: [Int] = []
  /// The keys that fit each name a header can give: tokens without a kid ask for them.
  private var byAlgorithm: [AlgorithmName: [Int]] = [:]

  public init() {}

  public var isEmpty: Bool { keys.isEmpty }

  /// Adds a key. Returns why it was left out: it is unusable here. The very same key again, under
  /// the same kid or both times without one, changes nothing. Two different keys of one type under
  /// one kid are both unusable (`removeAmbiguous`), which only shows at the end.
  public mutating func add(_ jwk: JWK, source: String, standsForAnyKid: Bool = false) -> String? {
    let name = jwk.kid.map { "\(source): kid \"\($0.shortened)\"" } ?? source
    if let reason = jwk.forbids(.verify) { return "\(name): \(reason)" }
    if jwk.isSymmetric, !jwk.hasPrivateHalf { return "\(name): the secret is not there" }
    do {
      if !jwk.isSymmetric { _ = try OpenSSLKey(jwk, isPrivate: false) }
    } catch {
      return "\(name): \(error.detail)"
    }
    let alike = jwk.isSymmetric ? symmetric : byThumbprint[jwk.thumbprint] ?? []
    if let twin = alike.first(where: {
      keys[$0].jwk.kid == jwk.kid && keys[$0].jwk.algorithm == jwk.algorithm
        && isSame(keys[$0].jwk, jwk)
    }) {
      if standsForAnyKid, jwk.kid == nil, !keys[twin].standsForAnyKid {
        keys[twin].standsForAnyKid = true
        standing.append(twin)
      }
      return nil
    }
    let half = jwk.isSymmetric ? jwk : jwk.publicHalf
    append(Key(jwk: half, standsForAnyKid: standsForAnyKid && jwk.kid == nil))
    return nil
  }

  private mutating func append(_ key: Key) {
    let index = keys.count
    keys.append(key)
    if let kid = key.jwk.kid { byKid[kid, default: []].append(index) }
    if key.standsForAnyKid { standing.append(index) }
    if key.jwk.isSymmetric {
      symmetric.append(index)
    } else {
      byThumbprint[key.jwk.thumbprint, default: []].append(index)
    }
    for name in AlgorithmName.all where key.jwk.fits(name) {
      byAlgorithm[name, default: []].append(index)
    }
  }

  private func isSame(_ a: JWK, _ b: JWK) -> Bool {
    if case .oct(let one) = a.secret, case .oct(let other) = b.secret { return one.equals(other) }
    return !a.isSymmetric && a.material == b.material
  }

  /// Takes out every kid that names two different keys of one type: which was meant can't be known.
  /// Returns a person's description of each.
  public mutating func removeAmbiguous() -> [String] {
    var notes: [String] = []
    var dropped: Set<Int> = []
    for (kid, indices) in byKid.sorted(by: { $0.key < $1.key }) {
      for (type, same) in Dictionary(grouping: indices, by: { keys[$0].jwk.keyType })
      where same.count > 1 {
        notes.append(
          "kid \"\(kid.shortened)\" names \(same.count) different \(type) keys; none of them is used"
        )
        dropped.formUnion(same)
      }
    }
    guard !dropped.isEmpty else { return [] }
    let kept = keys.indices.filter { !dropped.contains($0) }.map { keys[$0] }
    (keys, byKid, byThumbprint, byAlgorithm) = ([], [:], [:], [:])
    (symmetric, standing) = ([], [])
    for key in kept { append(key) }
    return notes
  }

  package enum Choice: Sendable, Equatable {
    case key(Int)
    case rejected(Rejection)
  }

  /// The key for a token with this `alg` and `kid`.
  package func choose(_ name: AlgorithmName, kid: ByteString?) -> Choice {
    let candidates: [Int]
    let fitting: [Int]
    if let kid {
      let named = byKid[kid] ?? []
      candidates = named + standing
      guard !candidates.isEmpty else { return .rejected(.unknownKey) }
      // A key of exactly that kid comes before one that stands for any.
      let exact = named.filter { keys[$0].jwk.fits(name) }
      fitting = exact.isEmpty ? standing.filter { keys[$0].jwk.fits(name) } : exact
    } else {
      candidates = Array(keys.indices.prefix(2))
      fitting = byAlgorithm[name] ?? []
    }
    guard let index = fitting.first else {
      // With several keys and no kid nothing says which was meant, so none is known to it.
      return .rejected(kid == nil && candidates.count != 1 ? .unknownKey : .algMismatch)
    }
    // One key under two kids is one key.
    guard fitting.dropFirst().allSatisfy({ isSame(keys[$0].jwk, keys[index].jwk) }) else {
      return .rejected(.ambiguousKey)
    }
    if !allowWeakKeys, keys[index].jwk.weakness(for: name.algorithm) != nil {
      return .rejected(.weakKey)
    }
    return .key(index)
  }
}
