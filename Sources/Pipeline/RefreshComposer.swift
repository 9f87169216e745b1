// The claims of a refresh token: what it takes from its access token, and what is its own (SPEC
// section 4).
// Owns: their names and order. Must never: carry what only the access token may say, such as fresh
// or a scope that was not passed on.

internal import JOSE

/// One a worker.
struct RefreshComposer: Sendable {
  private let ttl: Seconds
  /// As it stands in the header too.
  private let jku: [UInt8]?
  private var ids = RandomIDs()
  private var now = Timestamp(seconds: 0)
  private var kid: [UInt8]?

  init(ttl: Seconds, jku: [UInt8]?) {
    self.ttl = ttl
    self.jku = jku
  }

  mutating func beginChunk(at now: Timestamp, kid: ByteString?) {
    self.now = now
    self.kid = kid.map { JSONValue.string($0).text() }
  }

  /// When a token that is made now ends.
  var expiry: Timestamp { now + ttl }

  /// Leaves the claims in `payload`. `access` are the access token's, which stand in `bytes`; nil
  /// `family` begins a new one; `scope` is what its access tokens may have at most. False when the
  /// access token has no `jti` to name.
  mutating func compose(
    _ access: borrowing Claims, _ bytes: Span<UInt8>, family: ByteString?, scope: ByteString? = nil,
    into payload: inout [UInt8]
  ) -> Bool {
    guard access.jti != Claims.absent else { return false }
    payload.removeAll(keepingCapacity: true)
    payload.append("{\"type\":\"refresh\"")
    Self.copy("iss", access, access.iss, bytes, to: &payload)
    Self.copy("sub", access, access.sub, bytes, to: &payload)
    Self.copy("aud", access, access.aud, bytes, to: &payload)
    payload.append(",\"iat\":")
    payload.append(decimal: Int(now.seconds))
    payload.append(",\"exp\":")
    payload.append(decimal: Int(expiry.seconds))
    payload.append(",\"jti\":\"")
    ids.append(to: &payload)
    payload.append("\",\"family\":")
    if let family {
      JSONText.appendString(family, to: &payload)
    } else {
      payload.append(UInt8(ascii: "\""))
      ids.append(to: &payload)
      payload.append(UInt8(ascii: "\""))
    }
    if let scope {
      payload.append(",\"scope\":")
      JSONText.appendString(scope, to: &payload)
    }
    Self.copy("access_token_jti", access, access.jti, bytes, to: &payload)
    Self.copy("access_token_iat", access, access.iat, bytes, to: &payload)
    for (name, json) in [("kid", kid), ("jku", jku)] {
      guard let json else { continue }
      payload.append(text: ",\"\(name)\":")
      payload.append(contentsOf: json)
    }
    payload.append(UInt8(ascii: "}"))
    return true
  }

  /// The access token's own text of a claim; nothing where it has none.
  private static func copy(
    _ name: StaticString, _ claims: borrowing Claims, _ node: Int, _ bytes: Span<UInt8>,
    to payload: inout [UInt8]
  ) {
    guard node != Claims.absent else { return }
    payload.append(",\"")
    payload.append(name)
    payload.append("\":")
    claims.document.appendCompact(node, bytes, to: &payload)
  }
}
