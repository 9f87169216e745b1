// The text of keyring.json: the one source of truth about a ring.
// Owns: its format. Must never: hold a `k` or any private member.

internal import JOSE

extension Ring {
  static let format = 1

  /// The file's text.
  package var text: [UInt8] {
    JSONValue.object([
      "format": .number(Self.format),
      "rehearsal": isRehearsal ? .bool(true) : nil,
      "encrypted": isEncrypted ? .bool(true) : nil,
      "caches_until": cachesUntil.map { .string($0.rfc3339) },
      "changed": .string(changed.rfc3339),
      "policy": policy.value,
      "keys": .array(keys.map(\.value)),
    ]).text(pretty: true)
  }

  /// Reads the file's text; unknown members are an error, since a later format may give them a
  /// meaning that it would not be safe to miss.
  package init(parsing text: [UInt8]) throws(KeyringError) {
    let value: JSONValue
    do { value = try JSONValue(parsing: text) } catch {
      throw KeyringError(.badFormat, "not valid JSON")
    }
    guard value["format"]?.int == Self.format else {
      throw KeyringError(.badFormat, "not a keyring of format \(Self.format)")
    }
    try value.allow(only: [
      "format", "rehearsal", "encrypted", "caches_until", "changed", "policy", "keys",
    ])
    guard let policyValue = value["policy"], let list = value["keys"]?.array else {
      throw KeyringError(.badFormat, "no policy or no keys")
    }
    self.init(policy: try Policy(policyValue), changed: try value.time("changed"))
    isRehearsal = try value.flag("rehearsal")
    isEncrypted = try value.flag("encrypted")
    cachesUntil = try value.optionalTime("caches_until")
    for item in list {
      let key = try RingKey(item)
      guard index(of: key.kid) == nil else {
        throw KeyringError(.badFormat, "kid \"\(key.kid)\" stands there twice")
      }
      keys.append(key)
    }
  }
}

extension RingKey {
  var value: JSONValue {
    func time(_ stamp: Timestamp?) -> JSONValue? { stamp.map { .string($0.rfc3339) } }
    return .object([
      "kid": .string(kid),
      "alg": .string(algorithm.algorithm.name),
      "created": time(created),
      "published": time(published),
      "activation": time(activation),
      "retired": time(retired),
      "archived": time(archived),
      "withdrawn": time(withdrawn),
      "imported": isImported ? .bool(true) : nil,
      "max_token_ttl": .string(maxTokenTTL.text),
      "revoked": revocation.map {
        .object([
          "at": time($0.at), "since": time($0.since), "reason": $0.reason.map { .string($0) },
        ])
      },
      "private_deleted": time(privateDeleted),
      "jwk": jwk.isSymmetric ? nil : jwk.publicValue,
    ])
  }

  init(_ value: JSONValue) throws(KeyringError) {
    try value.allow(only: [
      "kid", "alg", "created", "published", "activation", "retired", "archived", "withdrawn",
      "imported", "max_token_ttl", "revoked", "private_deleted", "jwk",
    ])
    guard let kid = value["kid"]?.string, RingDirectory.isSafeName(kid),
      let alg = value["alg"]?.string,
      let name = AlgorithmName(alg.description),
      let ttl = value["max_token_ttl"]?.string.flatMap({ Seconds($0.description) })
    else { throw KeyringError(.badFormat, "a key without kid, alg or max_token_ttl") }
    var key: JWK
    if let text = value["jwk"] {
      do { key = try JWK.parse(text.text()) } catch {
        throw KeyringError(.badFormat, "key \"\(kid)\": \(error.detail)")
      }
      guard !key.hasPrivateHalf else {
        throw KeyringError(
          .badFormat, "key \"\(kid)\" has a private member, which never belongs into this file")
      }
      try text.allow(only: ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"])
      guard key.kid == kid else {
        throw KeyringError(.badFormat, "key \"\(kid)\" has a \"jwk\" of another kid")
      }
    } else {
      guard name.algorithm.family == .hmac else {
        throw KeyringError(.badFormat, "key \"\(kid)\" has no \"jwk\"")
      }
      key = JWK(.oct)
    }
    key.kid = kid
    key.algorithm = key.algorithm ?? name
    guard key.fits(name) else {
      throw KeyringError(.badFormat, "key \"\(kid)\" is not for \(alg)")
    }
    self.init(
      jwk: key, algorithm: key.algorithm ?? name, created: try value.time("created"),
      published: try value.optionalTime("published"),
      activation: try value.optionalTime("activation"),
      retired: try value.optionalTime("retired"), archived: try value.optionalTime("archived"),
      withdrawn: try value.optionalTime("withdrawn"), maxTokenTTL: ttl,
      privateDeleted: try value.optionalTime("private_deleted"),
      isImported: try value.flag("imported"))
    guard activation == nil || published != nil else {
      throw KeyringError(.badFormat, "key \"\(kid)\" signs, but was never published")
    }
    if let revoked = value["revoked"] {
      try revoked.allow(only: ["at", "since", "reason"])
      revocation = Revocation(
        at: try revoked.time("at"), since: try revoked.optionalTime("since"),
        reason: revoked["reason"]?.string?.description)
    }
  }
}

extension JSONValue {
  func allow(only names: [ByteString]) throws(KeyringError) {
    guard case .object(let members) = self else {
      throw KeyringError(.badFormat, "an object is missing")
    }
    for member in members where !names.contains(member.name) {
      throw KeyringError(
        .badFormat, "member \"\(member.name)\" is not known; was it written by a later jotmill?")
    }
  }

  fileprivate func flag(_ name: ByteString) throws(KeyringError) -> Bool {
    guard let value = self[name] else { return false }
    guard let flag = value.bool else {
      throw KeyringError(.badFormat, "\"\(name)\" is neither true nor false")
    }
    return flag
  }

  fileprivate func time(_ name: ByteString) throws(KeyringError) -> Timestamp {
    guard let stamp = try optionalTime(name) else {
      throw KeyringError(.badFormat, "no \"\(name)\"")
    }
    return stamp
  }

  fileprivate func optionalTime(_ name: ByteString) throws(KeyringError) -> Timestamp? {
    guard let value = self[name] else { return nil }
    guard let text = value.string, let stamp = Timestamp(rfc3339: text.description) else {
      throw KeyringError(.badFormat, "\"\(name)\" is no RFC 3339 time")
    }
    return stamp
  }
}
