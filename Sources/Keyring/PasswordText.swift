// Verifiers as text: passlib's modular forms, read strictly.
// Owns: the grammar. Must never: put a salt, a hash or what may be a plain password into an error.

public import JOSE

/// The two spellings of base64 without padding that passlib has. Its scrypt writes the standard
/// alphabet and reads no other; its PBKDF2 writes `.` for `+`.
enum PasswordText {
  enum Alphabet { case standard, adapted }

  static func encode(_ octets: [UInt8], _ alphabet: Alphabet) -> [UInt8] {
    let plus = alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: ".")
    return Base64URL.encode(octets).map { c in
      switch c {
      case UInt8(ascii: "-"): plus
      case UInt8(ascii: "_"): UInt8(ascii: "/")
      default: c
      }
    }
  }

  /// nil unless `text` is exactly the spelling of some octets.
  static func decode(_ text: ArraySlice<UInt8>, _ alphabet: Alphabet) -> [UInt8]? {
    let plus = alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: ".")
    var letters: [UInt8] = []
    letters.reserveCapacity(text.count)
    for c in text {
      switch c {
      case plus: letters.append(UInt8(ascii: "-"))
      case UInt8(ascii: "/"): letters.append(UInt8(ascii: "_"))
      case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
      default: letters.append(c)
      }
    }
    return Base64URL.decode(letters)
  }

  /// A decimal number of up to nine digits without leading zeros.
  static func number(_ text: ArraySlice<UInt8>) -> Int? {
    guard (1...9).contains(text.count), text.allSatisfy({ $0 &- 0x30 < 10 }),
      text.first != 0x30 || text.count == 1
    else { return nil }
    return text.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }
}

extension PasswordVerifier {
  /// Salts are this long; passlib makes 16 octets.
  private static let saltRange = 1...1024

  /// Reads a verifier. Throws `.badVerifier`, in words that hold nothing of it.
  public init(parsing text: ByteString) throws(KeyringError) {
    let bytes = text.bytes
    guard bytes.count <= 2048 else { throw Self.bad("longer than any verifier") }
    let parts = bytes.split(
      separator: UInt8(ascii: "$"), maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0].isEmpty else {
      throw Self.bad("no verifier: it does not begin with a scheme such as $scrypt$")
    }
    func isScheme(_ name: StaticString) -> Bool {
      bytes.span.equals(parts[1].startIndex..<parts[1].endIndex, name)
    }
    if isScheme("2b") || isScheme("2a") || isScheme("2y") {
      self = try Self.bcrypt(text, parts)
    } else if isScheme("scrypt") {
      self = try Self.scrypt(text, parts)
    } else if isScheme("pbkdf2-sha256") {
      self = try Self.pbkdf2(text, parts, .sha256)
    } else if isScheme("pbkdf2-sha512") {
      self = try Self.pbkdf2(text, parts, .sha512)
    } else {
      // Its name is not told: it may be the beginning of a password.
      throw Self.bad(
        "unknown scheme; known are $scrypt$, $pbkdf2-sha256$, $pbkdf2-sha512$, $2a$, $2b$ and $2y$")
    }
  }

  private static func bad(_ what: String) -> KeyringError { KeyringError(.badVerifier, what) }

  private static func scrypt(
    _ text: ByteString, _ parts: [ArraySlice<UInt8>]
  ) throws(KeyringError) -> PasswordVerifier {
    guard parts.count == 5 else { throw bad("scrypt: not $scrypt$ln=…,r=…,p=…$salt$hash") }
    let costs = parts[2].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    var numbers: [Int] = []
    for (name, cost) in zip(["ln=", "r=", "p="], costs) where cost.starts(with: name.utf8) {
      if let number = PasswordText.number(cost.dropFirst(name.utf8.count)) {
        numbers.append(number)
      }
    }
    guard costs.count == 3, numbers.count == 3 else {
      throw bad("scrypt: its cost is not ln=…,r=…,p=…")
    }
    guard let cost = ScryptCost(logN: numbers[0], r: numbers[1], p: numbers[2]) else {
      throw bad(
        "scrypt: a cost that scrypt does not have, or above \(ScryptCost.mostMemory >> 30) GiB or "
          + "N·r·p of \(ScryptCost.mostWork)")
    }
    let (salt, digest) = try saltAndDigest(parts, .standard, octets: 32, "scrypt")
    return PasswordVerifier(scheme: .scrypt(cost), text: text, salt: salt, digest: digest)
  }

  private static func pbkdf2(
    _ text: ByteString, _ parts: [ArraySlice<UInt8>], _ sha: PasswordHash.SHA
  ) throws(KeyringError) -> PasswordVerifier {
    let name = sha == .sha256 ? "pbkdf2-sha256" : "pbkdf2-sha512"
    guard parts.count == 5 else { throw bad("\(name): not $\(name)$rounds$salt$hash") }
    guard let rounds = PasswordText.number(parts[2]), (1...mostRounds).contains(rounds) else {
      throw bad("\(name): its rounds are no number from 1 to \(mostRounds)")
    }
    let (salt, digest) = try saltAndDigest(parts, .adapted, octets: sha == .sha256 ? 32 : 64, name)
    return PasswordVerifier(
      scheme: sha == .sha256 ? .pbkdf2SHA256(rounds: rounds) : .pbkdf2SHA512(rounds: rounds),
      text: text, salt: salt, digest: digest)
  }

  private static func saltAndDigest(
    _ parts: [ArraySlice<UInt8>], _ alphabet: PasswordText.Alphabet, octets: Int, _ name: String
  ) throws(KeyringError) -> (salt: [UInt8], digest: [UInt8]) {
    guard let salt = PasswordText.decode(parts[3], alphabet), saltRange.contains(salt.count) else {
      throw bad(
        "\(name): its salt is no base64 as passlib writes it, of \(saltRange.lowerBound) to "
          + "\(saltRange.upperBound) octets")
    }
    guard let digest = PasswordText.decode(parts[4], alphabet), digest.count == octets else {
      throw bad("\(name): its hash is no base64 of \(octets) octets as passlib writes it")
    }
    return (salt, digest)
  }

  private static func bcrypt(
    _ text: ByteString, _ parts: [ArraySlice<UInt8>]
  ) throws(KeyringError) -> PasswordVerifier {
    guard parts.count == 4, parts[2].count == 2, parts[2].allSatisfy({ $0 &- 0x30 < 10 }),
      case let cost = parts[2].reduce(0, { $0 * 10 + Int($1 - 0x30) }),
      (4...mostBcryptCost).contains(cost)
    else { throw bad("bcrypt: its cost is no number from 04 to \(mostBcryptCost)") }
    // 128 bits of salt and 184 of hash, in letters of an order of its own. crypt(3) does not look at
    // the unused bits of the salt, which some programs set; those of a hash are zero.
    let letters = parts[3]
    guard letters.count == 53,
      letters.allSatisfy({
        $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == UInt8(ascii: ".")
          || $0 == UInt8(ascii: "/")
      }), lastOfHash.contains(letters.last!)
    else { throw bad("bcrypt: its salt and hash are not 53 letters as crypt(3) writes them") }
    // `2a` and `2y` are the same function; of them crypt(3) computes only `2b` everywhere alike.
    var setting: [UInt8] = []
    setting.append("$2b$")
    setting += parts[2]
    setting.append("$")
    setting += letters.prefix(22)
    return PasswordVerifier(
      scheme: .bcrypt(cost: cost), text: text, salt: setting, digest: Array(letters.suffix(31)))
  }

  /// Every fourth letter of bcrypt's alphabet.
  private static let lastOfHash = Set(
    Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
      .enumerated().filter { $0.offset % 4 == 0 }.map(\.element))
}
