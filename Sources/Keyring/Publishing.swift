// The published set on disk and its copies, and what a copy elsewhere lacks.
// Owns: jwks.json, openid-configuration and the files of publish_to. Must never: write a private
// member, or replace anything but a regular file.

internal import Files
public import JOSE

extension RingDirectory {
  /// Writes jwks.json and each of `publish_to` where it differs, and the discovery documents beside
  /// them, once there are some: all that can be written. Returns the files written and, if some
  /// could not be, what is wrong with them.
  func publish(
    _ ring: Ring, rewriting: Bool
  ) throws -> (written: [String], problem: KeyringError?) {
    let set = ring.publishedSet
    var written: [String] = []
    var failures: [String] = []
    var discovery: [UInt8]?
    // The ring's own file is a copy like the others: one that can't be written must not keep a
    // revocation from being recorded.
    do {
      if try put(set, Self.setName, in: directory, rewriting) {
        written.append("\(path)/\(Self.setName)")
      }
      discovery = try currentDiscovery(ring)
      if let discovery, try put(discovery, Self.discoveryName, in: directory, false) {
        written.append("\(path)/\(Self.discoveryName)")
      }
    } catch {
      failures.append("\(path)/\(Self.setName): the set could not be written: \(error)")
    }
    for target in ring.policy.publishTo {
      do {
        let (folder, name) = OpenFile.split(target)
        let directory = try OpenFile.open(folder, .readDirectory)
        guard try !isWithin(try directory.status()) else {
          throw FileError(refusing: target, "is inside the ring itself")
        }
        if let status = try directory.status(of: name), status.kind != .regular {
          throw FileError(refusing: target, "is no regular file")
        }
        try checkIsCopy(target, try Self.contents(of: name, in: directory), ring)
        if try put(set, name, in: directory, rewriting) { written.append(target) }
        if let discovery, try directory.status(of: Self.discoveryName)?.kind == .regular,
          try put(discovery, Self.discoveryName, in: directory, false)
        {
          written.append("\(folder)/\(Self.discoveryName)")
        }
      } catch {
        failures.append("\(target): the set could not be copied there: \(error)")
      }
    }
    let problem =
      failures.isEmpty
      ? nil
      : KeyringError(
        .notPublished,
        failures.joined(separator: "; ")
          + "; a new key waits until every copy is written; then run jotmill keys publish again")
    return (written, problem)
  }

  /// What stands where a copy is to go must be a set of this ring's, or nothing: another issuer's keys
  /// would be gone for its verifiers.
  private func checkIsCopy(_ target: String, _ present: [UInt8]?, _ ring: Ring) throws {
    guard let present, !present.isEmpty else { return }
    guard let set = try? JWKSet.parse(present), set.skipped.isEmpty else {
      throw FileError(refusing: target, "is there already and is no set of this ring's; remove it")
    }
    if let foreign = set.keys.first(where: { $0.kid.flatMap(ring.index) == nil }) {
      throw FileError(
        refusing: target,
        "holds \(foreign.kid.map { "the key \($0)" } ?? "a key without a kid"), which is none of this "
          + "ring's; remove it, or import that key --as archived")
    }
  }

  /// Throws `.unsafePolicy` where a file would be written over the ring's own.
  public func checkIsOutside(_ path: String) throws {
    let (folder, name) = OpenFile.split(path)
    guard !name.isEmpty else {
      throw KeyringError(.unsafePolicy, "\(path): is a folder; name a file in it")
    }
    if let status = try OpenFile.status(at: folder), try isWithin(status) {
      throw KeyringError(
        .unsafePolicy, "\(path): is inside the ring itself; name a file elsewhere")
    }
  }

  func checkTargets(_ policy: Policy) throws {
    for target in policy.publishTo { try checkIsOutside(target) }
  }

  private func isWithin(_ folder: FileStatus) throws -> Bool {
    let own = [try directory.status(), try directory.status(of: Self.privateName)]
    return own.contains { $0?.device == folder.device && $0?.inode == folder.inode }
  }

  /// Replaces a published file where it differs. Later by a second each time: a cache that asks
  /// whether it has changed must never be told no, least of all after a revocation.
  private func put(
    _ contents: [UInt8], _ name: String, in folder: OpenFile, _ rewriting: Bool
  ) throws(FileError) -> Bool {
    if !rewriting {
      guard try Self.contents(of: name, in: folder) != contents else { return false }
    }
    if !isDryRun {
      let isOwn = folder === directory
      try folder.replace(
        name, contents: contents, mode: 0o644, owner: isOwn ? try fileOwner : nil,
        advancesTime: true)
    }
    return true
  }

  /// What the file holds; nil where there is none.
  static func contents(of name: String, in folder: OpenFile) throws(FileError) -> [UInt8]? {
    guard try folder.status(of: name)?.kind == .regular else { return nil }
    return try OpenFile.open(name, in: folder, .read, followsLinks: false).readAll()
  }

  /// What verifiers get, as it stands in jwks.json.
  public func publishedText() throws -> [UInt8]? {
    try Self.contents(of: Self.setName, in: directory)
  }

  // MARK: Discovery

  /// Writes the OpenID Connect discovery document (OpenID Connect Discovery 1.0 section 3) for
  /// `issuer` into the ring and beside each copy of the set, `path` included. From then on it
  /// follows the ring's algorithms, there and beside `publish_to`.
  public func publishDiscovery(
    _ ring: Ring, issuer: String, jwksURI: String, beside path: String?
  ) throws -> [String] {
    let text = ring.discovery(issuer: issuer, jwksURI: jwksURI)
    var folders = [self.path]
    for target in ring.policy.publishTo + (path.map { [$0] } ?? []) {
      let folder = try OpenFile.absolute(OpenFile.split(target).directory)
      if !folders.contains(where: { ByteString($0) == ByteString(folder) }) {
        folders.append(folder)
      }
    }
    for folder in folders {
      guard !isDryRun else { continue }
      try OpenFile.open(folder, .readDirectory)
        .replace(Self.discoveryName, contents: text, mode: 0o644, advancesTime: true)
    }
    return folders.map { "\($0)/\(Self.discoveryName)" }
  }

  /// The ring's discovery document as it should read now; nil where it has none.
  func currentDiscovery(_ ring: Ring) throws -> [UInt8]? {
    guard let text = try Self.contents(of: Self.discoveryName, in: directory),
      let value = try? JSONValue(parsing: text), let issuer = value["issuer"]?.string,
      let uri = value["jwks_uri"]?.string
    else { return nil }
    return ring.discovery(issuer: issuer.description, jwksURI: uri.description)
  }
}

extension Ring {
  /// What services without a login endpoint of their own need of the document.
  func discovery(issuer: String, jwksURI: String) -> [UInt8] {
    var names: [ByteString] = []
    for key in publishedKeys {
      let name = ByteString(key.algorithm?.algorithm.name ?? "")
      if !names.contains(name) { names.append(name) }
    }
    return JSONValue.object([
      "issuer": .string(issuer),
      "jwks_uri": .string(jwksURI),
      "id_token_signing_alg_values_supported": .array(names.map { .string($0) }),
      "response_types_supported": .array([.string("id_token")]),
      "subject_types_supported": .array([.string("public")]),
    ]).text(pretty: true)
  }

  /// What verifiers that hold `set` would get wrong: keys they miss, keys they must no longer trust.
  public func shortcomings(of set: JWKSet, at now: Timestamp) -> [String] {
    var found: [String] = []
    for key in keys {
      let copies = set.keys.filter { $0.kid == key.kid }
      let holds = copies.contains { $0.material == key.jwk.material }
      let phase = key.phase(at: now)
      if phase == .revoked {
        if holds { found.append("it still holds the revoked key \(key.kid)") }
        continue
      }
      if !copies.isEmpty, !holds, !key.jwk.isSymmetric {
        found.append("it holds another key under the kid \(key.kid)")
      } else if !holds, publishedKeys.contains(where: { $0.kid == key.kid }), phase != .archived {
        found.append("it lacks the \(phase.rawValue) key \(key.kid)")
      }
    }
    for jwk in set.keys where jwk.kid.flatMap(index) == nil {
      found.append(
        "it holds \(jwk.kid.map { "the key \($0.shortened)" } ?? "a key without a kid"), which the "
          + "ring does not know")
    }
    return found
  }
}
