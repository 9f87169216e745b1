// The keys that may verify, and which one a token's header picks (SPEC section 3).
// Owns: selection. Must never: let a token choose an algorithm that its key is not for, follow
// jku, x5u, jwk or x5c, compare a kid other than byte for byte, or let one source of a key lift
// what another one says of it.

public struct KeySet: Sendable {
  public struct Key: Sendable {
    public let jwk: JWK
    /// From `--key` or `--secret` and without a kid: stands for a token's kid, whatever it is.
    public fileprivate(set) var standsForAnyKid: Bool
    /// What its sources say of the key under this kid; `windows` tells what it is judged by.
    fileprivate var window: KeyWindow?
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
  /// Revoked keys of which nothing is left that could verify.
  private var revokedKids: [ByteString: [AlgorithmName]] = [:]

  public init() {}

  /// Whether there is no key at all, not even a revoked one that is gone.
  public var isEmpty: Bool { keys.isEmpty && revokedKids.isEmpty }

  /// Adds a key. Returns why it was left out: it is unusable here. The very same key again, under
  /// the same kid or both times without one, changes no more than its window: the stricter of each
  /// bound holds, a revocation stays, and no window at all lifts nothing. Two different keys of one
  /// type under one kid are both unusable (`removeAmbiguous`), which only shows at the end.
  public mutating func add(
    _ jwk: JWK, source: String, standsForAnyKid: Bool = false, window: KeyWindow? = nil
  ) -> String? {
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
      keys[twin].window = .stricter(keys[twin].window, window)
      if standsForAnyKid, jwk.kid == nil, !keys[twin].standsForAnyKid {
        keys[twin].standsForAnyKid = true
        standing.append(twin)
      }
      return nil
    }
    let half = jwk.isSymmetric ? jwk : jwk.publicHalf
    append(
      Key(jwk: half, standsForAnyKid: standsForAnyKid && jwk.kid == nil, window: window))
    return nil
  }

  /// Notes a revoked key that can verify no more: its secret was destroyed. Its tokens are
  /// `revokedKey` without a look at their signatures, unless a key of that kid is there after all.
  public mutating func addRevoked(kid: ByteString, algorithm: AlgorithmName) {
    revokedKids[kid, default: []].append(algorithm)
  }

  /// What `addRevoked` noted, in order of kid.
  package var revokedWithoutKey: [(kid: ByteString, algorithm: AlgorithmName)] {
    revokedKids.sorted { $0.key < $1.key }.flatMap { kid, names in names.map { (kid, $0) } }
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
    // What was said of a key that goes still holds for the same key under another kid.
    let windows = self.windows
    if !windows.isEmpty { for i in keys.indices { keys[i].window = windows[i] } }
    let kept = keys.indices.filter { !dropped.contains($0) }.map { keys[$0] }
    (keys, byKid, byThumbprint, byAlgorithm) = ([], [:], [:], [:])
    (symmetric, standing) = ([], [])
    for key in kept { append(key) }
    return notes
  }

  /// The window that each key's tokens are judged by; empty when no key has one.
  ///
  /// Whoever forges a token writes its kid, so one key under several kids (or none) must not be as
  /// good as its best name: a revocation of any holds for all, and a name of which no window is
  /// known has the stricter of each bound of the others. A name with a window of its own keeps it.
  package var windows: [KeyWindow?] {
    guard keys.contains(where: { $0.window != nil }) else { return [] }
    var result = keys.map(\.window)
    for names in sameKeys {
      let all = names.reduce(nil) { KeyWindow.stricter($0, keys[$1].window) }
      guard let all else { continue }
      for name in names {
        var window = keys[name].window ?? all
        window.revocation = all.revocation
        result[name] = window
      }
    }
    return result
  }

  /// The keys that stand here under more than one name.
  private var sameKeys: [[Int]] {
    var groups = Array(byThumbprint.values)
    var rest = symmetric
    while let first = rest.first {
      let same = rest.filter { isSame(keys[$0].jwk, keys[first].jwk) }
      groups.append(same)
      rest.removeAll { same.contains($0) }
    }
    return groups.filter { $0.count > 1 }
  }

  package enum Choice: Sendable, Equatable {
    case key(Int)
    /// One of these, if any: only the signature tells which.
    case oneOf([Int])
    case rejected(Rejection)
  }

  /// How many keys are tried for a token that does not say which one it means.
  package static let mostTries = 16

  /// The key for a token with this `alg` and `kid`. `triesAll`: where nothing but the algorithm says
  /// which key is meant, every one that fits may be.
  package func choose(
    _ name: AlgorithmName, kid: ByteString?, triesAll: Bool = false
  ) -> Choice {
    let candidates: [Int]
    let fitting: [Int]
    if let kid {
      let named = byKid[kid] ?? []
      let revoked = revokedKids[kid] ?? []
      candidates = named + standing
      guard !candidates.isEmpty || !revoked.isEmpty else { return .rejected(.unknownKey) }
      // A key of exactly that kid comes before one that stands for any.
      let exact = named.filter { keys[$0].jwk.fits(name) }
      if exact.isEmpty, revoked.contains(where: { $0.algorithm == name.algorithm }) {
        return .rejected(.revokedKey)
      }
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
      guard triesAll, kid == nil, fitting.count <= Self.mostTries else {
        return .rejected(.ambiguousKey)
      }
      let strong = fitting.filter {
        allowWeakKeys || keys[$0].jwk.weakness(for: name.algorithm) == nil
      }
      return strong.isEmpty ? .rejected(.weakKey) : .oneOf(strong)
    }
    if !allowWeakKeys, keys[index].jwk.weakness(for: name.algorithm) != nil {
      return .rejected(.weakKey)
    }
    return .key(index)
  }
}
