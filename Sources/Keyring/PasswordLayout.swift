// Verifiers as text: passlib's modular forms, read strictly and in place.
// Owns: the grammar. Must never: put a salt, a hash or what may be a plain password into an error.

internal import JOSE

/// Where the parts of a verifier stand in a text, all of them checked.
struct PasswordLayout {
  var scheme: PasswordVerifier.Scheme
  /// bcrypt: its 22 letters of salt, behind the cost.
  var salt: Range<Int>
  var digest: Range<Int>

  /// Salts are this long; passlib makes 16 octets.
  private static let saltRange = 1...1024

  /// Reads the verifier at `range` without allocating. Throws `.badVerifier`, in words that hold
  /// nothing of it.
  init(_ text: Span<UInt8>, _ range: Range<Int>) throws(KeyringError) {
    guard range.count <= 2048 else { throw Self.bad("longer than any verifier") }
    var rest = range
    guard !rest.isEmpty, text[rest.lowerBound] == UInt8(ascii: "$"),
      case _ = Self.part(text, &rest), let name = Self.part(text, &rest), !rest.isEmpty
    else { throw Self.bad("no verifier: it does not begin with a scheme such as $scrypt$") }
    if text.equals(name, "2b") || text.equals(name, "2a") || text.equals(name, "2y") {
      self = try Self.bcrypt(text, rest)
    } else if text.equals(name, "scrypt") {
      self = try Self.scrypt(text, rest)
    } else if text.equals(name, "pbkdf2-sha256") {
      self = try Self.pbkdf2(text, rest, .sha256)
    } else if text.equals(name, "pbkdf2-sha512") {
      self = try Self.pbkdf2(text, rest, .sha512)
    } else {
      // Its name is not told: it may be the beginning of a password.
      throw Self.bad(
        "unknown scheme; known are $scrypt$, $pbkdf2-sha256$, $pbkdf2-sha512$, $2a$, $2b$ and $2y$")
    }
  }

  private init(scheme: PasswordVerifier.Scheme, salt: Range<Int>, digest: Range<Int>) {
    (self.scheme, self.salt, self.digest) = (scheme, salt, digest)
  }

  private static func bad(_ what: String) -> KeyringError { KeyringError(.badVerifier, what) }

  /// Takes what stands before the next `mark` off `rest`, and the mark; nil without one.
  private static func part(
    _ text: Span<UInt8>, _ rest: inout Range<Int>, _ mark: UInt8 = UInt8(ascii: "$")
  ) -> Range<Int>? {
    guard let end = text.firstIndex(of: mark, in: rest) else { return nil }
    defer { rest = end + 1..<rest.upperBound }
    return rest.lowerBound..<end
  }

  private static func scrypt(
    _ text: Span<UInt8>, _ all: Range<Int>
  ) throws(KeyringError) -> PasswordLayout {
    var rest = all
    guard var costs = part(text, &rest), let salt = part(text, &rest) else {
      throw bad("scrypt: not $scrypt$ln=…,r=…,p=…$salt$hash")
    }
    func value(_ range: Range<Int>?, _ name: StaticString) -> Int? {
      guard let range, range.count > name.utf8CodeUnitCount,
        case let start = range.lowerBound + name.utf8CodeUnitCount,
        text.equals(range.lowerBound..<start, name)
      else { return nil }
      return PasswordText.number(text, start..<range.upperBound)
    }
    let comma = UInt8(ascii: ",")
    guard let logN = value(part(text, &costs, comma), "ln="),
      let r = value(part(text, &costs, comma), "r="), let p = value(costs, "p=")
    else { throw bad("scrypt: its cost is not ln=…,r=…,p=…") }
    guard let cost = ScryptCost(logN: logN, r: r, p: p) else {
      throw bad(
        "scrypt: a cost that scrypt does not have, or above \(ScryptCost.mostMemory >> 30) GiB or "
          + "N·r·p of \(ScryptCost.mostWork)")
    }
    try check(text, salt: salt, digest: rest, .standard, octets: 32, "scrypt")
    return PasswordLayout(scheme: .scrypt(cost), salt: salt, digest: rest)
  }

  private static func pbkdf2(
    _ text: Span<UInt8>, _ all: Range<Int>, _ sha: PasswordHash.SHA
  ) throws(KeyringError) -> PasswordLayout {
    let name: StaticString = sha == .sha256 ? "pbkdf2-sha256" : "pbkdf2-sha512"
    var rest = all
    guard let first = part(text, &rest), let salt = part(text, &rest) else {
      throw bad("\(name): not $\(name)$rounds$salt$hash")
    }
    let most = PasswordVerifier.mostRounds
    guard let rounds = PasswordText.number(text, first), (1...most).contains(rounds) else {
      throw bad("\(name): its rounds are no number from 1 to \(most)")
    }
    try check(
      text, salt: salt, digest: rest, .adapted, octets: sha == .sha256 ? 32 : 64, name)
    return PasswordLayout(
      scheme: sha == .sha256 ? .pbkdf2SHA256(rounds: rounds) : .pbkdf2SHA512(rounds: rounds),
      salt: salt, digest: rest)
  }

  private static func check(
    _ text: Span<UInt8>, salt: Range<Int>, digest: Range<Int>,
    _ alphabet: PasswordText.Alphabet, octets: Int, _ name: StaticString
  ) throws(KeyringError) {
    guard let count = PasswordText.octets(text, salt, alphabet), saltRange.contains(count) else {
      throw bad(
        "\(name): its salt is no base64 as passlib writes it, of \(saltRange.lowerBound) to "
          + "\(saltRange.upperBound) octets")
    }
    guard PasswordText.octets(text, digest, alphabet) == octets else {
      throw bad("\(name): its hash is no base64 of \(octets) octets as passlib writes it")
    }
  }

  private static func bcrypt(
    _ text: Span<UInt8>, _ all: Range<Int>
  ) throws(KeyringError) -> PasswordLayout {
    let most = PasswordVerifier.mostBcryptCost
    var rest = all
    guard let digits = part(text, &rest), digits.count == 2,
      case let tens = text[digits.lowerBound] &- 0x30, tens < 10,
      case let ones = text[digits.lowerBound + 1] &- 0x30, ones < 10,
      case let cost = Int(tens) * 10 + Int(ones), (4...most).contains(cost)
    else { throw bad("bcrypt: its cost is no number from 04 to \(most)") }
    // 128 bits of salt and 184 of hash, in letters of an order of its own. crypt(3) does not look at
    // the unused bits of the salt, which some programs set; those of a hash are zero.
    let isWhole = rest.count == 53 && lastOfHash.contains(text[rest.upperBound - 1])
    for i in rest where isWhole {
      let c = text[i]
      let isLetter =
        c &- 0x30 < 10 || (c | 0x20) &- 0x61 < 26 || c == UInt8(ascii: ".")
        || c == UInt8(ascii: "/")
      if !isLetter { throw bad(bcryptLetters) }
    }
    guard isWhole else { throw bad(bcryptLetters) }
    let middle = rest.lowerBound + 22
    return PasswordLayout(
      scheme: .bcrypt(cost: cost), salt: rest.lowerBound..<middle, digest: middle..<rest.upperBound)
  }

  private static let bcryptLetters =
    "bcrypt: its salt and hash are not 53 letters as crypt(3) writes them"

  /// Every fourth letter of bcrypt's alphabet.
  private static let lastOfHash = Array(".CGKOSWaeimquy26".utf8)
}
