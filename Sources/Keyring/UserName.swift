// What users and their mail addresses may be called, and when two names are one.
// Owns: that rule. Must never: change a name that is stored, or hold two names for different that a
// person would take for the same by their letters' case, width or composition.
//
// A name is compared by its key: each character in small letters, in capitals, in small letters
// again, and what is canonically equivalent (Unicode 3.7) is equal. `Ada`, `ada` and `ADA` are one
// name, so are both spellings of `é`, and `ß` and `SS`. Names whose key still has another spelling
// by NFKC_Casefold (wide or mathematical letters, invisible characters) are refused, and so is a mix
// of Latin, Greek, Cyrillic, Armenian or Cherokee letters in one name. What is left: names wholly in
// another script that look Latin, letters that differ in an accent, and l, I, 1 and O, 0.

public import JOSE

public enum UserName {
  /// The longest user name in octets.
  public static let mostOctets = 255

  /// Throws `.badName` unless `name` may be a user's: 1 to 255 octets of UTF-8, visible ASCII
  /// characters or letters of other scripts, under the rules above.
  public static func check(_ name: ByteString) throws(KeyringError) {
    try check(name.bytes.span, 0..<name.bytes.count)
  }

  /// The same for octets in place; allocates nothing for ASCII.
  static func check(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(KeyringError) {
    if !range.isEmpty, range.count <= mostOctets, isVisibleASCII(bytes, range) { return }
    let name = ByteString(bytes.copy(range))
    func bad(_ what: String) -> KeyringError {
      KeyringError(.badName, "user name \"\(name.shortened)\": \(what)")
    }
    let count = name.bytes.count
    guard count > 0 else { throw KeyringError(.badName, "the user name is empty") }
    guard count <= mostOctets else { throw bad("longer than \(mostOctets) octets") }
    guard let text = String(validating: name.bytes, as: UTF8.self) else {
      throw bad("not UTF-8")
    }
    var scripts: Set<Script> = []
    for (i, scalar) in text.unicodeScalars.enumerated() {
      if scalar.isASCII {
        guard scalar.value > 0x20, scalar.value < 0x7f else {
          throw bad("holds a space or a control character")
        }
      } else if !isLetter(scalar, isFirst: i == 0) {
        throw bad("U+\(hex(scalar)) is no letter; beyond ASCII a name has letters only")
      }
      if let script = Script(scalar) { scripts.insert(script) }
    }
    for scalar in folded(text).unicodeScalars where scalar.properties.changesWhenNFKCCaseFolded {
      throw bad("holds a letter that has a plainer spelling; use that")
    }
    guard scripts.count < 2 else {
      throw bad("mixes \(scripts.map(\.rawValue).sorted().joined(separator: " and ")) letters")
    }
  }

  /// Throws `.badName` unless `email` is a mailbox of RFC 5321 section 4.1.2 in ASCII, its local
  /// part without quotes, which would be a second spelling.
  public static func checkEmail(_ email: ByteString) throws(KeyringError) {
    try checkEmail(email.bytes.span, 0..<email.bytes.count)
  }

  static func checkEmail(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(KeyringError) {
    guard !range.isEmpty, bytes[range.lowerBound] != UInt8(ascii: "\""),
      StringFormat.email.accepts(bytes.extracting(range))
    else {
      let email = ByteString(bytes.copy(range)).shortened
      throw KeyringError(
        .badName, "\"\(email)\" is no mail address such as ada@example.com, in ASCII")
    }
  }

  private static func isVisibleASCII(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for i in range where bytes[i] &- 0x21 > 0x7e - 0x21 { return false }
    return true
  }

  private static func isLetter(_ scalar: Unicode.Scalar, isFirst: Bool) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    case .nonspacingMark, .spacingMark: !isFirst
    default: false
    }
  }

  private static func hex(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// The scripts whose letters look alike.
  private enum Script: String {
    case latin = "Latin"
    case greek = "Greek"
    case cyrillic = "Cyrillic"
    case armenian = "Armenian"
    case cherokee = "Cherokee"

    /// nil for all other characters.
    init?(_ scalar: Unicode.Scalar) {
      switch scalar.value {
      case 0x41...0x5a, 0x61...0x7a, 0xc0...0x24f, 0x250...0x2af, 0x1d00...0x1d25,
        0x1e00...0x1eff, 0x2c60...0x2c7f, 0xa722...0xa7ff, 0xab30...0xab64:
        self = .latin
      case 0x370...0x3ff, 0x1f00...0x1fff, 0x1d26...0x1d2a, 0x2c80...0x2cff: self = .greek
      case 0x400...0x52f, 0x1c80...0x1c8f, 0x2de0...0x2dff, 0xa640...0xa69f, 0x1d2b:
        self = .cyrillic
      case 0x530...0x58f: self = .armenian
      case 0x13a0...0x13ff, 0xab70...0xabbf: self = .cherokee
      default: return nil
      }
    }
  }

  // MARK: Keys

  /// The key of a name; equal keys are canonically equivalent, not always the same octets.
  static func folded(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      // Small letters first: the capital of \u{1e9e} is itself, that of its small letter is SS.
      for small in scalar.properties.lowercaseMapping.unicodeScalars {
        for capital in small.properties.uppercaseMapping.unicodeScalars {
          out.append(contentsOf: capital.properties.lowercaseMapping.unicodeScalars)
        }
      }
    }
    return String(out)
  }

  /// Equal for two names with one key. ASCII, which nearly all names are, costs no allocation.
  static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
    var hasher = Hasher()
    if isASCII(bytes, range) {
      combine(bytes, range, &hasher)
    } else {
      let key = folded(String(decoding: bytes.copy(range), as: UTF8.self))
      let octets = Array(key.utf8)
      if isASCII(octets.span, 0..<octets.count) {
        combine(octets.span, 0..<octets.count, &hasher)
      } else {
        hasher.combine(key)
      }
    }
    return hasher.finalize()
  }

  private static func combine(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ hasher: inout Hasher
  ) {
    var word: UInt64 = 0
    var filled = 0
    for i in range {
      word = word << 8 | UInt64(small(bytes[i]))
      filled += 1
      if filled == 8 {
        hasher.combine(word)
        (word, filled) = (0, 0)
      }
    }
    hasher.combine(word)
    hasher.combine(range.count)
  }

  /// Whether two names are one.
  static func isSame(
    _ a: Span<UInt8>, _ its: Range<Int>, _ b: Span<UInt8>, _ other: Range<Int>
  ) -> Bool {
    if isASCII(a, its), isASCII(b, other) {
      guard its.count == other.count else { return false }
      for i in 0..<its.count
      where small(a[its.lowerBound + i]) != small(b[other.lowerBound + i]) { return false }
      return true
    }
    // Swift's String compares by canonical equivalence, which is what is wanted here.
    return folded(String(decoding: a.copy(its), as: UTF8.self))
      == folded(String(decoding: b.copy(other), as: UTF8.self))
  }

  private static func isASCII(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for i in range where bytes[i] >= 0x80 { return false }
    return true
  }

  @inline(__always)
  private static func small(_ c: UInt8) -> UInt8 { c &- 0x41 < 26 ? c | 0x20 : c }
}
