// JSON Web Keys as values (RFC 7517, RFC 7518 section 6, RFC 8037, RFC 7638).
// Owns: the members of a key, their checks and their text. Must never: print a private member
// except through `privateText`, or accept a key that its own `alg` contradicts.

/// A key's numbers and what its JWK says of its use. The private half, if any, is wiped after use.
public struct JWK: Sendable {
  public enum Material: Sendable, Equatable {
    /// Big-endian, no leading zeros.
    case rsa(n: [UInt8], e: [UInt8])
    /// Coordinates of exactly the curve's width.
    case ec(Curve, x: [UInt8], y: [UInt8])
    case okp(Curve, x: [UInt8])
    /// Symmetric: nothing of it is public.
    case oct
  }

  package enum PrivateMaterial: Sendable {
    /// d, and all or none of p q dp dq qi.
    case rsa([SecretBytes])
    /// EC or OKP `d`.
    case scalar(SecretBytes)
    case oct(SecretBytes)
  }

  public let material: Material
  package var secret: PrivateMaterial?
  public var kid: ByteString?
  /// The one algorithm that the key is for, when its JWK or its curve says so.
  public var algorithm: AlgorithmName?
  public var use: ByteString?
  public var keyOps: [ByteString]?

  package init(_ material: Material, secret: PrivateMaterial? = nil) {
    self.material = material
    self.secret = secret
    switch material {
    case .ec(let curve, _, _), .okp(let curve, _):
      algorithm = AlgorithmName(curve.isOctetKeyPair ? curve.rawValue : curve.algorithm.name)
    case .rsa, .oct: break
    }
  }

  /// An HMAC key of raw octets.
  public init(secret: SecretBytes) { self.init(.oct, secret: .oct(secret)) }

  public var hasPrivateHalf: Bool { secret != nil }
  public var isSymmetric: Bool { material == .oct }

  /// The key without its private half. For `oct` that leaves nothing that can verify.
  public var publicHalf: JWK {
    var half = self
    half.secret = nil
    half.keyOps = nil
    return half
  }

  public var keyType: String {
    switch material {
    case .rsa: "RSA"
    case .ec: "EC"
    case .okp: "OKP"
    case .oct: "oct"
    }
  }

  /// What a person calls the key: `RSA 2048`, `EC P-256`, `OKP Ed25519`, `oct 256`.
  public var kind: String {
    switch material {
    case .rsa(let n, _): "RSA \(Self.bits(n))"
    case .ec(let curve, _, _): "EC \(curve.rawValue)"
    case .okp(let curve, _): "OKP \(curve.rawValue)"
    case .oct: if case .oct(let k) = secret { "oct \(k.count * 8)" } else { "oct" }
    }
  }

  static func bits(_ number: [UInt8]) -> Int {
    guard let first = number.first else { return 0 }
    return number.count * 8 - first.leadingZeroBitCount
  }

  /// The SHA-256 thumbprint (RFC 7638), base64url. Never ask for that of a symmetric key: it is a
  /// hash of the secret; jotmill gives those a random kid.
  public var thumbprint: ByteString {
    precondition(!isSymmetric, "a symmetric key has no thumbprint here")
    var text: [UInt8] = []
    JSONValue.object(publicMembers.sorted { $0.name < $1.name }).append(to: &text)
    return ByteString(Base64URL.encode(sha256(text)))
  }

  /// Whether the key may be used with `name`: type, curve and the key's own `alg` agree.
  public func fits(_ name: AlgorithmName) -> Bool {
    if let own = algorithm {
      guard own.algorithm == name.algorithm else { return false }
      if let a = own.curve, let b = name.curve, a != b { return false }
    }
    switch (material, name.algorithm.family) {
    case (.rsa, .rsa), (.rsa, .rsaPSS), (.oct, .hmac): return true
    case (.ec(let curve, _, _), .ecdsa): return name.algorithm.curve == curve
    case (.okp(let curve, _), .edDSA): return name.curve == nil || name.curve == curve
    default: return false
    }
  }

  /// Why the key is too weak for `algorithm` (SPEC section 5), nil when it isn't.
  public func weakness(for algorithm: Algorithm) -> String? {
    switch material {
    case .rsa(let n, let e):
      if Self.bits(n) < 2048 {
        return "an RSA modulus of \(Self.bits(n)) bits; at least 2048 are asked for"
      }
      if e.last.map({ $0 & 1 == 0 }) ?? true { return "an even RSA exponent" }
      if n.last.map({ $0 & 1 == 0 }) ?? true { return "an even RSA modulus" }
      if e.count < 3 { return "an RSA exponent below 65537" }
    case .oct:
      if case .oct(let k) = secret, k.count * 8 < algorithm.hashBits {
        return
          "a secret of \(k.count) octets; \(algorithm.name) asks for at least \(algorithm.hashBits / 8)"
      }
    case .ec, .okp: break
    }
    return nil
  }

  package enum Operation: Sendable { case sign, verify }

  /// Why `use` or `key_ops` forbid the operation (RFC 7517 sections 4.2 and 4.3), nil when they don't.
  package func forbids(_ operation: Operation) -> String? {
    if let use, use != "sig" { return "its use is \"\(use.shortened)\", not \"sig\"" }
    let name: ByteString = operation == .sign ? "sign" : "verify"
    if let keyOps, !keyOps.contains(name) { return "its key_ops do not allow \"\(name)\"" }
    return nil
  }

  // MARK: Text

  private var publicMembers: [JSONValue.Member] {
    func octets(_ bytes: [UInt8]) -> JSONValue { .string(ByteString(Base64URL.encode(bytes))) }
    var members = [JSONValue.Member(name: "kty", value: .string(keyType))]
    switch material {
    case .rsa(let n, let e):
      members.append(.init(name: "n", value: octets(n)))
      members.append(.init(name: "e", value: octets(e)))
    case .ec(let curve, let x, let y):
      members.append(.init(name: "crv", value: .string(curve.rawValue)))
      members.append(.init(name: "x", value: octets(x)))
      members.append(.init(name: "y", value: octets(y)))
    case .okp(let curve, let x):
      members.append(.init(name: "crv", value: .string(curve.rawValue)))
      members.append(.init(name: "x", value: octets(x)))
    case .oct: break
    }
    return members
  }

  /// The public members, kid, alg and use. Never a private one, never a `k`.
  package var publicValue: JSONValue {
    var members = publicMembers
    if let kid { members.append(.init(name: "kid", value: .string(kid))) }
    if let algorithm {
      members.append(.init(name: "alg", value: .string(algorithm.algorithm.name)))
    }
    members.append(.init(name: "use", value: .string("sig")))
    return .object(members)
  }

  /// The whole private JWK on one line; nil when there is no private half.
  package var privateText: SecretBytes? {
    guard let secret else { return nil }
    var text: [UInt8] = []
    // Room for all of it, so that growth leaves no copy behind.
    text.reserveCapacity(32_768)
    text.append(contentsOf: publicValue.text().dropLast())
    func add(_ name: StaticString, _ octets: SecretBytes) {
      text.append(",\"")
      text.append(name)
      text.append("\":\"")
      octets.reveal { Base64URL.encode($0, 0..<$0.count, into: &text) }
      text.append("\"")
    }
    switch secret {
    case .rsa(let numbers):
      let names: [StaticString] = ["d", "p", "q", "dp", "dq", "qi"]
      for (name, number) in zip(names, numbers) { add(name, number) }
    case .scalar(let d): add("d", d)
    case .oct(let k): add("k", k)
    }
    text.append("}\n")
    return SecretBytes(consuming: &text)
  }
}
