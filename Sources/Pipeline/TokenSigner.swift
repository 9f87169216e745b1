// Signs payloads with the key of the moment: the header is made once a key.
// Owns: headers. Must never: sign with a key whose time is over, or know what a payload means.

internal import JOSE

/// One a worker: it holds a signer and scratch space.
struct TokenSigner {
  /// A header beside alg and kid.
  struct Header: Sendable {
    var typ: ByteString?
    /// Further members, name and JSON text.
    var members: [(name: ByteString, json: [UInt8])] = []
  }

  private let keys: SigningKeys
  private let headers: [Header]
  private var key: SigningKey?
  private var signer: Signer?
  /// The encoded headers and their dots, for `key`.
  private var texts: [[UInt8]] = []
  private var signature: [UInt8] = []

  init(_ keys: SigningKeys, _ headers: [Header]) {
    self.keys = keys
    self.headers = headers
  }

  /// Takes the key that signs at `now`, for all that is signed until the next call.
  mutating func prepare(at now: Timestamp) throws -> SigningKey {
    let current = try keys.current(at: now)
    if key?.generation != current.generation {
      signer = try Signer(current.jwk, current.algorithm)
      texts = headers.map { Self.text($0, current) }
    }
    key = current
    return current
  }

  private static func text(_ wanted: Header, _ key: SigningKey) -> [UInt8] {
    var header: [UInt8] = Array("{\"alg\":\"\(key.algorithm.name)\"".utf8)
    func add(_ name: ByteString, _ json: [UInt8]) {
      header.append(UInt8(ascii: ","))
      JSONText.appendString(name, to: &header)
      header.append(UInt8(ascii: ":"))
      header.append(contentsOf: json)
    }
    if let kid = key.jwk.kid { add("kid", JSONValue.string(kid).text()) }
    if let typ = wanted.typ { add("typ", JSONValue.string(typ).text()) }
    for (name, json) in wanted.members { add(name, json) }
    header.append(UInt8(ascii: "}"))
    return Base64URL.encode(header) + [UInt8(ascii: ".")]
  }

  /// Leaves in `token` the token over `payload` with the header at `header`.
  mutating func sign(
    _ payload: [UInt8], header: Int, into token: inout [UInt8]
  ) throws(JOSEError) {
    guard let signer else { preconditionFailure("a key is prepared before anything is signed") }
    token.removeAll(keepingCapacity: true)
    token.append(contentsOf: texts[header])
    Base64URL.encode(payload.span, 0..<payload.count, into: &token)
    var octets = exchange(&signature, with: [])
    octets.removeAll(keepingCapacity: true)
    try signer.sign(token.span, 0..<token.count, into: &octets)
    token.append(UInt8(ascii: "."))
    Base64URL.encode(octets.span, 0..<octets.count, into: &token)
    signature = octets
  }
}
