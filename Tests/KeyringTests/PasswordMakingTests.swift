// Verifiers that are made here: their form, when they are current, what they cost, what they show.

import Files
import Foundation
import JOSE
import Testing

@testable import Keyring

@Suite("Making password verifiers")
struct PasswordMakingTests {
  typealias Samples = PasswordVerifierTests

  @Test("what is made is in passlib's form, salted anew, and reads back as itself")
  func making() throws {
    let password = Samples.secret("open sesame")
    let first = try PasswordVerifier.make(password)
    let second = try PasswordVerifier.make(password)
    #expect(first != second)
    let form = /\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+\/]{22}\$[A-Za-z0-9+\/]{43}/
    #expect(first.text.description.wholeMatch(of: form) != nil)
    let again = try PasswordVerifier(parsing: first.text)
    #expect(again.scheme == .scrypt(.interactive))
    #expect(try again.accepts(password) && second.accepts(password))
    #expect(try !again.accepts(Samples.secret("open sesamf")))
  }

  @Test("what is current, and what is to be replaced after a login")
  func current() throws {
    let password = Samples.secret("open sesame")
    let long = Samples.secret(String(repeating: "x", count: 73))
    func scrypt(_ text: String) throws -> PasswordVerifier {
      try Samples.parse("$scrypt$\(text)$\(Samples.salt)$\(Samples.hash)")
    }
    #expect(try scrypt("ln=14,r=8,p=1").isCurrent())
    #expect(try scrypt("ln=15,r=8,p=1").isCurrent())
    #expect(try scrypt("ln=13,r=16,p=1").isCurrent())
    #expect(try !scrypt("ln=13,r=8,p=2").isCurrent(), "the same work in less memory")
    #expect(try !scrypt("ln=14,r=8,p=1").isCurrent(ScryptCost(logN: 15, r: 8, p: 1)!))
    #expect(
      try !Samples.parse("$scrypt$ln=14,r=8,p=1$AAAA$\(Samples.hash)").isCurrent(), "a short salt")
    let bcrypt = try Samples.parse("$2b$12$\(Samples.letters)")
    #expect(!bcrypt.isCurrent())
    #expect(bcrypt.isToBeReplaced(after: password))
    #expect(!bcrypt.isToBeReplaced(after: long), "the 73rd octet was not looked at")
    #expect(
      !bcrypt.isToBeReplaced(after: Samples.secret(String(repeating: "x", count: 72))),
      "of a longer one the first 72 are accepted too")
    #expect(bcrypt.isToBeReplaced(after: Samples.secret(String(repeating: "x", count: 71))))
    #expect(try scrypt("ln=13,r=8,p=1").isToBeReplaced(after: long))
    #expect(try !scrypt("ln=14,r=8,p=1").isToBeReplaced(after: password))
  }

  /// What `count` calls take of this thread's own time: other tests run at the same time.
  private static func seconds(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    var (before, after) = (timespec(), timespec())
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before)
    for _ in 0..<count { try body() }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after)
    return Double(after.tv_sec - before.tv_sec) + Double(after.tv_nsec - before.tv_nsec) / 1e9
  }

  @Test("an unknown user costs what a known one does")
  func dummyWork() throws {
    let password = Samples.secret("open sesame")
    let verifier = try PasswordVerifier.make(password)
    let known = try Self.seconds(4) { _ = try verifier.accepts(password) }
    let unknown = try Self.seconds(4) { try PasswordVerifier.dummyWork(password) }
    #expect(unknown > known / 2 && unknown < known * 2, "\(unknown) against \(known)")
  }

  @Test(
    "rates, for the reader",
    .enabled(if: ProcessInfo.processInfo.environment["JOTMILL_LONG"] != nil))
  func rates() throws {
    let password = Samples.secret("x")
    let salt = "$././././././././././eA$"
    let long = String(repeating: "A", count: 86)
    let verifiers = [
      try PasswordVerifier.make(password), try Samples.parse("$2b$10$\(Samples.letters)"),
      try Samples.parse("$2b$12$\(Samples.letters)"),
      try Samples.parse("$pbkdf2-sha256$29000\(salt)\(Samples.adapted)"),
      try Samples.parse("$pbkdf2-sha512$25000\(salt)\(long)"),
    ]
    for verifier in verifiers {
      let seconds = try Self.seconds(8) { _ = try verifier.accepts(password) } / 8
      print("passwords: \(verifier): \((seconds * 10_000).rounded() / 10) ms of one core")
    }
  }

  @Test("printing one shows its scheme and cost")
  func printing() throws {
    let verifier = try PasswordVerifier.make(Samples.secret("x"), cost: Samples.cheap)
    var shown = "\(verifier) \(String(reflecting: verifier)) "
    dump(verifier, to: &shown)
    shown += "\([verifier])"
    #expect(!shown.contains("$"))
    #expect(!shown.contains(verifier.text.description.suffix(20)))
  }
}
