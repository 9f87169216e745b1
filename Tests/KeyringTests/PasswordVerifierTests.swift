// Verifiers: known answers of other programs, the grammar, the limits.

import Files
import Foundation
import JOSE
import Testing

@testable import Keyring

@Suite("Password verifiers")
struct PasswordVerifierTests {
  static func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(consuming: &bytes)
  }

  static func parse(_ text: String) throws -> PasswordVerifier {
    try PasswordVerifier(parsing: ByteString(text))
  }

  /// Cheap, for tests that need many.
  static let cheap = ScryptCost(logN: 4, r: 8, p: 1)!

  // MARK: Checking

  @Test("accepts what others made, and nothing near it", arguments: PasswordSamples.all)
  func knownAnswers(_ sample: (maker: String, password: String, verifier: String)) throws {
    let verifier = try Self.parse(sample.verifier)
    #expect(try verifier.accepts(Self.secret(sample.password)))
    #expect(try !verifier.accepts(Self.secret("X" + sample.password)))
    if sample.password.utf8.count < 72 {
      #expect(try !verifier.accepts(Self.secret(sample.password + "x")))
    }
    if !sample.password.isEmpty { #expect(try !verifier.accepts(Self.secret(""))) }
    #expect(verifier.text == ByteString(sample.verifier))
  }

  @Test("what RFC 7914 has as its second test, as a verifier")
  func rfc7914() throws {
    let digest = """
      fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830\
      dac727afb94a83ee6d8360cbdfa2cc0640
      """
    let octets = stride(from: 0, to: digest.count, by: 2).map { at in
      let start = digest.index(digest.startIndex, offsetBy: at)
      return UInt8(digest[start..<digest.index(start, offsetBy: 2)], radix: 16)!
    }
    let made = try PasswordHash.scrypt(
      Self.secret("password"), salt: Array("NaCl".utf8), logN: 10, r: 8, p: 16, octets: 64,
      mostMemory: 1 << 21)
    #expect(made.reveal { $0.copy(0..<64) } == octets)
  }

  @Test("passwords are octets: another composition of a letter is another password")
  func noNormalisation() throws {
    let verifier = try PasswordVerifier.make(Self.secret("caf\u{e9}"), cost: Self.cheap)
    #expect(try verifier.accepts(Self.secret("caf\u{e9}")))
    #expect(try !verifier.accepts(Self.secret("cafe\u{301}")))
    #expect(try !verifier.accepts(Self.secret("caf\u{e9} ")))
  }

  @Test("bcrypt sees 72 octets, and never takes a NUL")
  func bcryptEdges() throws {
    let long = String(repeating: "x", count: 72)
    let verifier = try Self.parse(PasswordSamples.all.last!.verifier)
    #expect(try verifier.accepts(Self.secret(long)))
    #expect(try verifier.accepts(Self.secret(long + "anything")))
    #expect(try !verifier.accepts(Self.secret(String(long.dropLast()))))
    #expect(try !verifier.accepts(Self.secret(long + "\0")))
    // A C string ends at the NUL.
    let empty = try #require(
      PasswordSamples.all.first { $0.password.isEmpty && $0.maker.hasPrefix("bcrypt") })
    #expect(try Self.parse(empty.verifier).accepts(Self.secret("")))
    #expect(try !Self.parse(empty.verifier).accepts(Self.secret("\0")))
    #expect(try !Self.parse(empty.verifier).accepts(Self.secret("\0x")))
  }

  @Test("unused bits of a bcrypt salt make no difference")
  func bcryptSalt() throws {
    let plain = "$2b$04$abcdefghijklmnopqrstuuPp7HPfoAs8I2dCQCQ/fW7zEJv8I8C8e"
    for last in "vwxyz" where last < "z" {
      let other = plain.replacing("tuuP", with: "tu\(last)P")
      #expect(try Self.parse(other).accepts(Self.secret("x")), "\(last)")
    }
  }

  @Test("no verifier takes more than 4096 octets")
  func longest() throws {
    let most = String(repeating: "x", count: 4096)
    let verifier = try PasswordVerifier.make(Self.secret(most), cost: Self.cheap)
    #expect(try verifier.accepts(Self.secret(most)))
    #expect(try !verifier.accepts(Self.secret(most + "x")))
    #expect(throws: KeyringError(.badPassword, "")) {
      try PasswordVerifier.make(Self.secret(most + "x"), cost: Self.cheap)
    }
  }

  // MARK: Text

  @Test("is read strictly, and an error repeats nothing of it", arguments: broken)
  func grammar(_ text: String) {
    do {
      let verifier = try Self.parse(text)
      Issue.record("read as \(verifier)")
    } catch let error as KeyringError {
      #expect(error.code == .badVerifier)
      for piece in text.split(whereSeparator: { "$,=".contains($0) }) where piece.count > 8 {
        let isName = piece.hasPrefix("pbkdf2-sha")
        #expect(isName || !error.detail.contains(piece), "\(error.detail)")
      }
    } catch {
      Issue.record("\(error)")
    }
  }

  static let salt = "+/+/+/+/+/+/+/+/+/+/eA"
  static let hash = "ws65Br3WaOBStGDlEaY40051adZHyuk0XryB/ZuyojA"
  static let adapted = "5bpIsw9gzZlJgSHiCOC/EKQ8Wfc0APwLwh.sRG4p2.M"
  static let letters = "abcdefghijklmnopqrstuuPp7HPfoAs8I2dCQCQ/fW7zEJv8I8C8e"

  static let broken: [String] = [
    "", "$", "$$", "$$$", "correct horse battery staple", "$correcthorse$",
    "$1$saltsalt$abcdefghijk",
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
    "$5$rounds=535000$saltstring$abcdefghijklmnop", "$scrypt", "$scrypt$", "$2b$", "scrypt$ln=4",
    "$SCRYPT$ln=4,r=8,p=1$\(salt)$\(hash)", " $scrypt$ln=4,r=8,p=1$\(salt)$\(hash)",
    "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash)\n", "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash)$",
    "$scrypt$ln=4,r=8,p=1$\(salt)", "$scrypt$ln=4,r=8$\(salt)$\(hash)",
    "$scrypt$ln=4,r=8,p=1,q=1$\(salt)$\(hash)", "$scrypt$r=8,ln=4,p=1$\(salt)$\(hash)",
    "$scrypt$ln=04,r=8,p=1$\(salt)$\(hash)", "$scrypt$ln=,r=8,p=1$\(salt)$\(hash)",
    "$scrypt$ln=+4,r=8,p=1$\(salt)$\(hash)", "$scrypt$ln=0,r=8,p=1$\(salt)$\(hash)",
    "$scrypt$ln=4,r=0,p=1$\(salt)$\(hash)", "$scrypt$ln=4,r=8,p=0$\(salt)$\(hash)",
    "$scrypt$ln=16,r=1,p=1$\(salt)$\(hash)", "$scrypt$ln=4,r=8,p=1$$\(hash)",
    "$scrypt$ln=4,r=8,p=1$\(salt.replacing("+", with: "."))$\(hash)",
    "$scrypt$ln=4,r=8,p=1$\(salt.replacing("/", with: "_"))$\(hash)",
    "$scrypt$ln=4,r=8,p=1$\(salt)==$\(hash)", "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash)=",
    "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash.dropLast())",
    "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash.dropLast())B", "$scrypt$ln=4,r=8,p=1$\(salt)$\(hash)A",
    "$scrypt$ln=4,r=8,p=1$\(salt.dropLast())B$\(hash)",
    "$scrypt$ln=4,r=8,p=1$\(String(repeating: "A", count: 1368))$\(hash)",
    // Gigabytes and hours.
    "$scrypt$ln=21,r=8,p=1$\(salt)$\(hash)", "$scrypt$ln=20,r=9,p=1$\(salt)$\(hash)",
    "$scrypt$ln=14,r=8,p=257$\(salt)$\(hash)", "$scrypt$ln=1,r=1,p=16777216$\(salt)$\(hash)",
    "$scrypt$ln=1,r=4194304,p=1$\(salt)$\(hash)", "$scrypt$ln=63,r=8,p=1$\(salt)$\(hash)",
    "$scrypt$ln=64,r=8,p=1$\(salt)$\(hash)", "$scrypt$ln=1,r=999999999,p=999999999$\(salt)$\(hash)",
    "$scrypt$ln=14,r=18446744073709551624,p=1$\(salt)$\(hash)",
    "$pbkdf2-sha256$10000001$\(salt.replacing("+", with: "."))$\(adapted)",
    "$pbkdf2-sha256$4294967297$\(salt.replacing("+", with: "."))$\(adapted)",
    "$pbkdf2-sha256$0$\(salt.replacing("+", with: "."))$\(adapted)",
    "$2b$19$\(letters)", "$2b$31$\(letters)", "$2b$99$\(letters)", "$2b$03$\(letters)",
    "$pbkdf2-sha256$i=10$\(salt.replacing("+", with: "."))$\(adapted)",
    "$pbkdf2-sha256$10$\(salt)$\(adapted)", "$pbkdf2-sha512$10$././$\(adapted)",
    "$pbkdf2-sha256$10$././$\(adapted.replacing(".", with: "+"))",
    "$pbkdf2$10$././$\(adapted)", "$2x$04$\(letters)", "$2$04$\(letters)", "$2b$4$\(letters)",
    "$2b$+4$\(letters)", "$2b$04$\(letters)a", "$2b$04$\(letters.dropLast())",
    "$2b$04$\(letters.dropLast())f", "$2b$04$\(letters.dropFirst())+", "$2b$04$\(letters)$",
    "$2b$04$\(letters.dropLast(2))\u{0}e",
    "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4",
  ]

  @Test("cut or with an octet changed, it is another verifier or none", arguments: [0, 4, 6, 9])
  func changes(_ index: Int) throws {
    let text = Array(PasswordSamples.all[index].verifier.utf8)
    let whole = try PasswordVerifier(parsing: ByteString(text))
    for length in 0..<text.count {
      #expect(throws: KeyringError(.badVerifier, "")) {
        try PasswordVerifier(parsing: ByteString(Array(text.prefix(length))))
      }
    }
    for at in text.indices {
      for octet in 0...255 as ClosedRange<UInt8> where octet != text[at] {
        var changed = text
        changed[at] = octet
        do {
          let other = try PasswordVerifier(parsing: ByteString(changed))
          // `2a`, `2b` and `2y` are one, and a bcrypt salt has bits that nothing looks at.
          let isSame =
            other.scheme == whole.scheme && other.salt == whole.salt && other.digest == whole.digest
          #expect(!isSame || at == 2 && text[1] == UInt8(ascii: "2"))
        } catch {
          #expect(error.code == .badVerifier)
        }
      }
    }
  }

  @Test("costs at the limits are read, and asked for within them")
  func limits() throws {
    for (text, octets) in [
      ("ln=20,r=8,p=1", 1 << 30), ("ln=14,r=8,p=256", 16 << 20), ("ln=1,r=1,p=1", 256),
    ] {
      let verifier = try Self.parse("$scrypt$\(text)$\(Self.salt)$\(Self.hash)")
      guard case .scrypt(let cost) = verifier.scheme else {
        Issue.record("\(verifier)")
        continue
      }
      #expect(cost.memory >= octets && cost.memory < octets + 1 << 20)
      #expect(verifier.description == "scrypt \(text)")
    }
    #expect(try Self.parse("$2y$18$\(Self.letters)").scheme == .bcrypt(cost: 18))
    let rounds = try Self.parse("$pbkdf2-sha256$10000000$././$\(Self.adapted)")
    #expect(rounds.scheme == .pbkdf2SHA256(rounds: 10_000_000))
  }

  // MARK: Other programs

  @Test(
    "The pairs of JOTMILL_USERS_PAIRS, which Tests/Interop/users.py wrote",
    .enabled(if: ProcessInfo.processInfo.environment["JOTMILL_USERS_PAIRS"] != nil))
  func pairs() throws {
    let path = try #require(ProcessInfo.processInfo.environment["JOTMILL_USERS_PAIRS"])
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var counts = (accepted: 0, refused: 0)
    for line in text.split(separator: "\n") {
      let pair = try JSONValue(parsing: Array(line.utf8))
      let password = try #require(pair["password"]?.string?.description)
      let verifier = try PasswordVerifier(parsing: try #require(pair["verifier"]?.string))
      let found = try verifier.accepts(Self.secret(password))
      #expect(found == pair["accepts"]?.bool, "\(line)")
      if found { counts.accepted += 1 } else { counts.refused += 1 }
    }
    print("users pairs: \(counts.accepted) accepted, \(counts.refused) refused")
    #expect(counts.accepted > 0 && counts.refused > 0)
  }
}
