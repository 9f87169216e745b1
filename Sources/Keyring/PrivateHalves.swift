// The private halves of a ring: one file a key, readable by its owner alone, under a passphrase if
// the ring has one. Owns: private/. Must never: write a private half where others can read it,
// overwrite one that it does not know, or keep a passphrase longer than the command.

internal import Files
public import JOSE
internal import Synchronization

/// A passphrase, asked for when it is first needed.
public final class Passphrase: Sendable {
  private let ask: @Sendable () throws -> SecretBytes
  private let known = Mutex<SecretBytes?>(nil)

  /// `ask` throws the operator's error when there is none to be had.
  public init(_ ask: @escaping @Sendable () throws -> SecretBytes) { self.ask = ask }

  package func get() throws -> SecretBytes {
    try known.withLock { known in
      if let known { return known }
      let answer = try ask()
      known = answer
      return answer
    }
  }
}

extension RingDirectory {
  static func plainName(_ kid: ByteString) -> String { "\(kid).jwk" }
  static func encryptedName(_ kid: ByteString) -> String { "\(kid).jwe" }

  /// A key with its private half. Refuses a file that others can read, as ssh does.
  public func privateKey(_ key: RingKey) throws -> JWK {
    let (name, shown) = try privateFile(key.kid)
    let folder = try privateFolder()
    let status = try folder.status()
    guard status.mode & 0o022 == 0 else {
      throw KeyringError(
        .unsafePermissions,
        "\(path)/\(Self.privateName): can be written by others; mend it with: chmod 700 "
          + "\(path)/\(Self.privateName)")
    }
    let file = try OpenFile.open(name, in: folder, .read, followsLinks: false)
    try Self.checkPrivate(try file.status(), shown)
    var text = try file.readAll(limit: 1 << 20)
    defer { text.wipe() }
    if name.utf8.elementsEqual(Self.encryptedName(key.kid).utf8) { try decrypt(&text, shown) }
    var jwk: JWK
    do { jwk = try JWK.parse(text) } catch {
      throw KeyringError(.badFormat, "\(shown): \(error.detail)")
    }
    // Two secrets can only be told apart by their kids: nothing of them is public.
    guard jwk.hasPrivateHalf, jwk.material == key.jwk.material,
      jwk.kid == key.kid || jwk.kid == nil && !jwk.isSymmetric
    else {
      throw KeyringError(
        .badFormat, "\(shown): not the private half of the key that \(Self.ringName) names")
    }
    jwk.kid = key.kid
    jwk.algorithm = jwk.algorithm ?? key.algorithm
    return jwk
  }

  static func checkPrivate(_ status: FileStatus, _ shown: String) throws(KeyringError) {
    guard status.kind == .regular else {
      throw KeyringError(.unsafePermissions, "\(shown): not a regular file")
    }
    guard status.mode & 0o077 == 0 else {
      throw KeyringError(
        .unsafePermissions, "\(shown): others can read it; mend it with: chmod 600 \(shown)")
    }
    guard status.owner == Process.userID || status.owner == 0 || Process.userID == 0 else {
      throw KeyringError(.unsafePermissions, "\(shown): belongs to another user")
    }
  }

  /// Whether the private half is on disk.
  public func hasPrivateHalf(_ kid: ByteString) throws -> Bool {
    guard try directory.status(of: Self.privateName) != nil else { return false }
    let folder = try privateFolder()
    return try folder.status(of: Self.plainName(kid)) != nil
      || folder.status(of: Self.encryptedName(kid)) != nil
  }

  /// Where the private half is: its name in the folder, and as it is shown. While a ring is being
  /// encrypted both forms are there for a moment, and either will do.
  private func privateFile(_ kid: ByteString) throws -> (name: String, shown: String) {
    guard Self.isSafeName(kid) else {
      throw KeyringError(.badFormat, "kid \"\(kid)\" can be no file name")
    }
    if try directory.status(of: Self.privateName) != nil {
      let folder = try privateFolder()
      for name in [Self.plainName(kid), Self.encryptedName(kid)]
      where try folder.status(of: name) != nil {
        return (name, "\(path)/\(Self.privateName)/\(name)")
      }
    }
    throw KeyringError(
      .noPrivateKey,
      "\(path)/\(Self.privateName)/\(Self.plainName(kid)): the private half is not there")
  }

  func privateFolder() throws -> OpenFile {
    try OpenFile.open(Self.privateName, in: directory, .readDirectory, followsLinks: false)
  }

  func checkPrivateFolder() throws {
    let shown = "\(path)/\(Self.privateName)"
    guard let status = try directory.status(of: Self.privateName) else {
      throw KeyringError(
        .notARing, "\(shown): is not there; changes are made where the private halves are")
    }
    guard status.kind == .directory else {
      throw KeyringError(.unsafePermissions, "\(shown): not a directory")
    }
    guard status.mode & 0o077 == 0 else {
      throw KeyringError(
        .unsafePermissions, "\(shown): open to others; mend it with: chmod 700 \(shown)")
    }
  }

  // MARK: Passphrases

  private func thePassphrase(_ shown: String) throws -> SecretBytes {
    guard let passphrase else {
      throw KeyringError(.noPassphrase, "\(shown): is encrypted, and no passphrase is given")
    }
    return try passphrase.get()
  }

  private func decrypt(_ text: inout [UInt8], _ shown: String) throws {
    let passphrase = try thePassphrase(shown)
    do {
      let plain = try PasswordJWE.decrypt(text, passphrase: passphrase).plaintext
      text.wipe()
      text = plain.reveal { $0.copy(0..<$0.count) }
    } catch {
      throw KeyringError(
        error.code == .wrongPassphrase ? .wrongPassphrase : .badFormat, "\(shown): \(error.detail)")
    }
  }

  /// The octets of a private half's file.
  private func fileText(_ jwk: JWK, encrypted: Bool) throws -> [UInt8] {
    guard let text = jwk.privateText else {
      preconditionFailure("a key to write has a private half")
    }
    guard encrypted else { return text.reveal { $0.copy(0..<$0.count) } }
    let passphrase = try thePassphrase("\(path)/\(Self.privateName)")
    return try PasswordJWE.encrypt(text, passphrase: passphrase) + [UInt8(ascii: "\n")]
  }

  // MARK: Writing

  /// Writes a new private half, durably. A torn one of a run that died is replaced; any other that
  /// is there is somebody's, and is never overwritten.
  func writePrivateHalf(_ jwk: JWK, into ring: Ring) throws {
    guard let kid = jwk.kid, Self.isSafeName(kid) else {
      preconditionFailure("a key to add has a kid that can be a file name")
    }
    if ring.isEncrypted { try checkPassphrase(ring) }
    guard !isDryRun else { return }
    let folder = try privateFolder()
    let name = ring.isEncrypted ? Self.encryptedName(kid) : Self.plainName(kid)
    var bytes = try fileText(jwk, encrypted: ring.isEncrypted)
    defer { bytes.wipe() }
    do {
      try folder.create(name, contents: bytes, mode: 0o600, owner: try fileOwner)
    } catch {
      guard error.alreadyExists else { throw error }
      let isOurs = try isSameHalf(jwk, name, in: folder, bytes, encrypted: ring.isEncrypted)
      guard isOurs else {
        throw KeyringError(
          .keyExists,
          "\(path)/\(Self.privateName)/\(name): another private half is there, which "
            + "the ring does not know; move it away or choose another kid")
      }
      try folder.replace(name, contents: bytes, mode: 0o600, owner: try fileOwner)
    }
  }

  /// Whether what is there under `name` is this very key, or the beginning of its file.
  private func isSameHalf(
    _ jwk: JWK, _ name: String, in folder: OpenFile, _ bytes: [UInt8], encrypted: Bool
  ) throws -> Bool {
    let file = try OpenFile.open(name, in: folder, .read, followsLinks: false)
    var present = try file.readAll(limit: 1 << 20)
    defer { present.wipe() }
    guard encrypted else { return bytes.starts(with: present) }
    // Encrypted anew each time: a torn file can't be compared, only an empty or a whole one.
    if present.isEmpty { return true }
    do { try decrypt(&present, name) } catch { return false }
    guard let text = jwk.privateText else { return false }
    return text.reveal { $0.count == present.count && $0.equals(0..<$0.count, present) }
  }

  /// A new key must not be locked with another passphrase than the others: a typing error would
  /// only show when it is to sign.
  private func checkPassphrase(_ ring: Ring) throws {
    for key in ring.keys.reversed() where try hasPrivateHalf(key.kid) {
      _ = try privateKey(key)
      return
    }
  }

  /// Writes every private half in its other form, durably, beside the one that is there. The
  /// caller then commits the ring, and `removeUnneeded` takes away the old form.
  func convertPrivateHalves(of ring: Ring, encrypted: Bool) throws -> [ByteString] {
    var converted: [ByteString] = []
    for key in ring.keys where try key.privateDeleted == nil && hasPrivateHalf(key.kid) {
      let jwk = try privateKey(key)
      let name = encrypted ? Self.encryptedName(key.kid) : Self.plainName(key.kid)
      converted.append(key.kid)
      guard !isDryRun else { continue }
      var bytes = try fileText(jwk, encrypted: encrypted)
      defer { bytes.wipe() }
      try privateFolder().replace(name, contents: bytes, mode: 0o600, owner: try fileOwner)
    }
    return converted
  }

  /// Removes the private halves that the ring says are deleted, the form that it no longer uses,
  /// and what died while it was being written. Returns the kids whose private half it removed.
  func removeUnneeded(_ ring: Ring) throws -> [ByteString] {
    let folder = try privateFolder()
    let names = Set(try folder.names().map { ByteString($0) })
    var unneeded = names.filter {
      $0.bytes.first == UInt8(ascii: ".") && $0.bytes.suffix(4).elementsEqual(".new".utf8)
    }
    var deleted: [ByteString] = []
    for key in ring.keys {
      let plain = ByteString(Self.plainName(key.kid))
      let encrypted = ByteString(Self.encryptedName(key.kid))
      let both = names.contains(plain) && names.contains(encrypted)
      if key.privateDeleted != nil {
        let present = [plain, encrypted].filter(names.contains)
        unneeded.formUnion(present)
        if !present.isEmpty { deleted.append(key.kid) }
      } else if both {
        unneeded.insert(ring.isEncrypted ? plain : encrypted)
      }
    }
    guard !unneeded.isEmpty, !isDryRun else { return deleted }
    for name in unneeded.sorted() { try folder.remove(name.description) }
    try folder.sync()
    return deleted
  }

  /// The private files that no key of the ring explains.
  func orphans(_ ring: Ring) throws -> [String] {
    let known = Set(
      ring.keys.flatMap { [Self.plainName($0.kid), Self.encryptedName($0.kid)] }
        .map { ByteString($0) })
    return try privateFolder().names().filter { !known.contains(ByteString($0)) }
  }
}
