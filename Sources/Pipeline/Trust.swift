// Whose tokens are accepted, and by which keys: one issuer for all keys, or each with its own
// (SPEC section 3, `--trust`).
// Owns: keeping issuers' keys apart. Must never: let one issuer's key verify another's token.

package import JOSE

/// An issuer, and what it alone may use.
package struct TrustedIssuer: Sendable {
  /// nil: the keys are for tokens of any issuer.
  package var name: ByteString?
  package var keys: KeySet
  /// nil allows every algorithm that a key is for.
  package var algorithms: [AlgorithmName]?
  /// `aud` must name one of these; empty means it is not looked at.
  package var audiences: [ByteString] = []
  package var typ: ByteString?
  /// Which of the run's denylists hold for this issuer.
  package var denylists: [Int] = []

  package init(_ name: ByteString? = nil, _ keys: KeySet) {
    self.name = name
    self.keys = keys
  }
}

package struct Trust: Sendable {
  package let issuers: [TrustedIssuer]
  /// All keys; an issuer's begin at its place in `firstKeys`.
  let keys: [KeySet.Key]
  let firstKeys: [Int]
  /// Each key's window; empty when no key has one.
  let windows: [KeyWindow?]
  /// nil: any issuer's tokens are judged, by the one entry.
  private let byName: [ByteString: Int]?

  /// Keys for tokens of any issuer.
  package init(_ keys: KeySet, denylists: [Int] = []) {
    var anyone = TrustedIssuer(nil, keys)
    anyone.denylists = denylists
    self.init([anyone])
  }

  /// Issuers with names, each once, or one without.
  package init(_ issuers: [TrustedIssuer]) {
    let isOpen = issuers.count == 1 && issuers[0].name == nil
    precondition(isOpen || issuers.allSatisfy { $0.name != nil }, "issuers are told apart by names")
    self.issuers = issuers
    keys = issuers.flatMap(\.keys.keys)
    var first = 0
    firstKeys = issuers.map { issuer in
      defer { first += issuer.keys.keys.count }
      return first
    }
    let all = issuers.map { ($0.keys.windows, $0.keys.keys.count) }
    windows =
      all.allSatisfy(\.0.isEmpty)
      ? [] : all.flatMap { $0.isEmpty ? [KeyWindow?](repeating: nil, count: $1) : $0 }
    byName =
      isOpen
      ? nil
      : Dictionary(
        uniqueKeysWithValues: issuers.enumerated().map { ($1.name ?? "", $0) })
  }

  /// Whether a token's `iss` has to be known before its key can be.
  var asksForIssuer: Bool { byName != nil }

  func issuer(named name: ByteString) -> Int? { byName?[name] }
}
