// A ring's policy: how long keys sign, how early they are published, how long tokens live.
// Owns: the defaults and which policies are unsafe. Must never: read a clock.

public import JOSE

public struct Policy: Sendable, Equatable {
  /// The algorithm of the next key that is made.
  public var algorithm: AlgorithmName
  public var rsaBits = 2048
  /// P: how long a key signs.
  public var period = Seconds(30 * 86_400)
  /// A: how long a key is published before it signs, at least.
  public var publishAhead = Seconds(86_400)
  /// T: how long a token may live.
  public var maxTokenTTL = Seconds(8 * 86_400)
  /// L: the leeway that verifiers allow.
  public var leeway = Seconds(60)
  /// S: how far the clocks of hosts may differ.
  public var clockSkew = Seconds(60)
  /// C: how long the slowest verifier keeps its copy of the set, a CDN included.
  public var jwksMaxAge = Seconds(3600)
  /// Further files that the published set is copied to.
  public var publishTo: [String] = []

  /// A hundred years: every time that follows from a policy can be written as RFC 3339.
  private static let longest: Int64 = 36_525 * 86_400

  public init(algorithm: AlgorithmName) { self.algorithm = algorithm }

  /// Throws `.unsafePolicy` for a policy under which a verifier could miss a key (SPEC section 6).
  public func check() throws(KeyringError) {
    for (name, span) in [
      ("period", period), ("publish_ahead", publishAhead), ("max_token_ttl", maxTokenTTL),
      ("leeway", leeway), ("clock_skew", clockSkew), ("jwks_max_age", jwksMaxAge),
    ] where !(0...Self.longest).contains(span.count) {
      throw KeyringError(
        .unsafePolicy, "\(name) \(span.text) is more than \(Seconds(Self.longest).text)")
    }
    let a = publishAhead.count
    let c = jwksMaxAge.count
    let s = clockSkew.count
    guard a >= c + 2 * s else {
      throw KeyringError(
        .unsafePolicy,
        "publish_ahead \(publishAhead.text) is less than jwks_max_age + 2 clock_skew "
          + "(\(Seconds(c + 2 * s).text)): a key would sign before every cache has it")
    }
    guard period.count > a + 2 * s else {
      throw KeyringError(
        .unsafePolicy,
        "period \(period.text) is not more than publish_ahead + 2 clock_skew "
          + "(\(Seconds(a + 2 * s).text)): the next key could not be published in time")
    }
    guard maxTokenTTL.count > 0 else {
      throw KeyringError(.unsafePolicy, "max_token_ttl must be more than 0s")
    }
    guard (2048...16_384).contains(rsaBits) else {
      throw KeyringError(.unsafePolicy, "rsa_bits must be 2048 to 16384")
    }
  }

  /// Changes one value by its name in keyring.json, `publish_to` aside.
  package mutating func set(_ name: String, _ value: String) throws(KeyringError) {
    func span() throws(KeyringError) -> Seconds {
      guard let span = Seconds(value) else {
        throw KeyringError(.unsafePolicy, "\(name) is a span such as 30d, not \"\(value)\"")
      }
      return span
    }
    switch ByteString(name) {
    case "alg":
      guard let found = AlgorithmName(value) else {
        throw KeyringError(
          .unsafePolicy, "alg is an algorithm such as RS256, not \"\(value)\"")
      }
      algorithm = found
    case "rsa_bits":
      guard let bits = Int(value) else {
        throw KeyringError(.unsafePolicy, "rsa_bits is a number, not \"\(value)\"")
      }
      rsaBits = bits
    case "period": period = try span()
    case "publish_ahead": publishAhead = try span()
    case "max_token_ttl": maxTokenTTL = try span()
    case "leeway": leeway = try span()
    case "clock_skew": clockSkew = try span()
    case "jwks_max_age": jwksMaxAge = try span()
    default:
      throw KeyringError(
        .unsafePolicy,
        "no policy \"\(name)\"; there are alg, rsa_bits, period, publish_ahead, max_token_ttl, "
          + "leeway, clock_skew, jwks_max_age and publish_to")
    }
  }

  /// Every name with its value, as `keys policy` shows them.
  package var members: [(name: String, value: String)] {
    [
      ("alg", self.name), ("rsa_bits", String(rsaBits)), ("period", period.text),
      ("publish_ahead", publishAhead.text), ("max_token_ttl", maxTokenTTL.text),
      ("leeway", leeway.text), ("clock_skew", clockSkew.text),
      ("jwks_max_age", jwksMaxAge.text), ("publish_to", publishTo.joined(separator: " ")),
    ]
  }

  package var value: JSONValue {
    .object([
      "alg": .string(name),
      "rsa_bits": rsaBits == 2048 ? nil : .number(rsaBits),
      "period": .string(period.text),
      "publish_ahead": .string(publishAhead.text),
      "max_token_ttl": .string(maxTokenTTL.text),
      "leeway": .string(leeway.text),
      "clock_skew": .string(clockSkew.text),
      "jwks_max_age": .string(jwksMaxAge.text),
      "publish_to": .array(publishTo.map { .string($0) }),
    ])
  }

  /// How the algorithm is written: Ed448 keeps RFC 9864's name, since `EdDSA` alone means Ed25519.
  private var name: String {
    algorithm.curve == .ed448 ? "Ed448" : algorithm.algorithm.name
  }

  init(_ value: JSONValue) throws(KeyringError) {
    try value.allow(only: [
      "alg", "rsa_bits", "period", "publish_ahead", "max_token_ttl", "leeway", "clock_skew",
      "jwks_max_age", "publish_to",
    ])
    guard let alg = value["alg"]?.string, let name = AlgorithmName(alg.description) else {
      throw KeyringError(.badFormat, "the policy has no known \"alg\"")
    }
    self.init(algorithm: name)
    if let bits = value["rsa_bits"] {
      guard let n = bits.int else { throw KeyringError(.badFormat, "rsa_bits is no number") }
      rsaBits = n
    }
    period = try Self.span(value, "period")
    publishAhead = try Self.span(value, "publish_ahead")
    maxTokenTTL = try Self.span(value, "max_token_ttl")
    leeway = try Self.span(value, "leeway")
    clockSkew = try Self.span(value, "clock_skew")
    jwksMaxAge = try Self.span(value, "jwks_max_age")
    guard let targets = value["publish_to"]?.array, targets.allSatisfy({ $0.string != nil }) else {
      throw KeyringError(.badFormat, "publish_to is no array of strings")
    }
    publishTo = targets.compactMap { $0.string?.description }
  }

  private static func span(
    _ value: JSONValue, _ name: ByteString
  ) throws(KeyringError) -> Seconds {
    guard let text = value[name]?.string, let span = Seconds(text.description) else {
      throw KeyringError(.badFormat, "\(name) in the policy is no length of time such as 30d")
    }
    return span
  }
}
