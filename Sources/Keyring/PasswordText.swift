// The letters of verifiers: passlib's spellings of base64, and numbers.
// Owns: the alphabets. Must never: take two spellings for the same octets.

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

  /// The octets behind letters that `isSpelling` accepted.
  static func decode(_ text: [UInt8]) -> [UInt8] {
    let letters = text.map { c in
      switch c {
      case UInt8(ascii: "+"), UInt8(ascii: "."): UInt8(ascii: "-")
      case UInt8(ascii: "/"): UInt8(ascii: "_")
      default: c
      }
    }
    guard let octets = Base64URL.decode(letters) else {
      preconditionFailure("the letters were checked")
    }
    return octets
  }

  /// How many octets the letters at `range` are the one spelling of; nil if of none.
  static func octets(
    _ text: Span<UInt8>, _ range: Range<Int>, _ alphabet: Alphabet
  ) -> Int? {
    var last: UInt8 = 0
    for i in range {
      switch text[i] {
      case 0x41...0x5a: last = text[i] - 0x41
      case 0x61...0x7a: last = text[i] - 0x61 + 26
      case 0x30...0x39: last = text[i] - 0x30 + 52
      case UInt8(ascii: "+") where alphabet == .standard: last = 62
      case UInt8(ascii: ".") where alphabet == .adapted: last = 62
      case UInt8(ascii: "/"): last = 63
      default: return nil
      }
    }
    switch range.count % 4 {
    case 1: return nil
    // The unused bits.
    case 2: if last & 15 != 0 { return nil }
    case 3: if last & 3 != 0 { return nil }
    default: break
    }
    return Base64URL.decodedCount(range.count)
  }

  /// A decimal number of up to nine digits without leading zeros.
  static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard (1...9).contains(range.count), text[range.lowerBound] != 0x30 || range.count == 1 else {
      return nil
    }
    var n = 0
    for i in range {
      guard text[i] &- 0x30 < 10 else { return nil }
      n = n * 10 + Int(text[i] - 0x30)
    }
    return n
  }
}

extension PasswordVerifier {
  /// Reads a verifier. Throws `.badVerifier`, in words that hold nothing of it.
  public init(parsing text: ByteString) throws(KeyringError) {
    let bytes = text.bytes
    let layout = try PasswordLayout(bytes.span, 0..<bytes.count)
    var salt = Array(bytes[layout.salt])
    var digest = Array(bytes[layout.digest])
    if case .bcrypt = layout.scheme {
      // `2a` and `2y` are the same function; of them crypt(3) computes only `2b` everywhere alike.
      salt = Array("$2b$".utf8) + bytes[4..<7] + salt
    } else {
      salt = PasswordText.decode(salt)
      digest = PasswordText.decode(digest)
    }
    self.init(scheme: layout.scheme, text: text, salt: salt, digest: digest)
  }
}
