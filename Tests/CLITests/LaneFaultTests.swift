// A kernel that is wrong, as a user sees it (debug builds only): the report, the verdicts, the
// status and the output file.
// Owns: the command lines. Must never: know how a kernel works.

import Foundation
import Testing

@Suite("A wrong kernel")
struct LaneFaultTests {
  /// Tokens of one key, every fifth of them forged.
  private struct Setting {
    let space: Workspace
    var tokens: [String] = []
    let expected: Outcome

    init(_ algorithm: String) throws {
      space = try Workspace()
      let ring = try space.jotmill(["keys", "init", "--alg", algorithm])
      #expect(ring.status == 0, "\(ring.errors)")
      try space.write(
        "claims", (0..<60).map { "{\"n\":\($0),\"sub\":\"Alice S. Ecret\"}\n" }.joined())
      let signed = try space.jotmill(["sign", "claims"])
      #expect(signed.status == 0, "\(signed.errors)")
      tokens = signed.output.split(separator: "\n").map(String.init)
      for place in stride(from: 3, to: tokens.count, by: 5) {
        // The next one's signature.
        let next = tokens[place + 1].split(separator: ".")
        let own = tokens[place].split(separator: ".")
        tokens[place] = "\(own[0]).\(own[1]).\(next[2])"
      }
      try space.write("tokens", tokens.joined(separator: "\n") + "\n")
      expected = try space.jotmill(["verify", "-q", "--engine", "openssl", "tokens"])
      #expect(expected.status == 1, "some are forged")
    }

    func verify(_ engine: String, fault: Int?, _ more: [String] = []) throws -> Outcome {
      var environment = space.environment
      environment["JOTMILL_LANE_FAULT"] = fault.map { "\($0)" }
      let words = ["verify", "-q", "--engine", engine, "--cache", "0", "-j", "1"] + more
      return try Child(
        [Child.program] + words + ["tokens"], in: space.work, environment: environment
      ).end()
    }
  }

  /// The self-test's answers come first.
  private static let known = 24

  @Test(
    "every verdict is OpenSSL's, the report names no token, the status is 2",
    arguments: ["lanes", "portable"])
  func disagreement(_ engine: String) throws {
    let setting = try Setting("ES256")
    let good = try setting.verify(engine, fault: nil)
    #expect(good.status == 1 && good.output == setting.expected.output && good.errors.isEmpty)
    // In the self-test; then a good token, and the last one.
    for (fault, word) in [
      (1, "self-test"), (Self.known, "self-test"), (Self.known + 1, "kernel: invalid"),
      (Self.known + 60, "kernel: invalid"),
    ] {
      let outcome = try setting.verify(engine, fault: fault)
      #expect(outcome.status == 2, "\(fault)")
      #expect(outcome.output == setting.expected.output, "\(fault)")
      #expect(outcome.errors.contains(word), "\(fault): \(outcome.errors)")
      #expect(outcome.errors.contains("two ways of checking a signature disagree"))
      #expect(outcome.errors.components(separatedBy: "disagree, which is a bug").count == 2, "once")
      for token in setting.tokens {
        let parts = token.split(separator: ".")
        #expect(!outcome.errors.contains(parts[1]), "no payload")
        #expect(!outcome.errors.contains("\(parts[0])."), "no header")
      }
      #expect(!outcome.errors.contains("Alice"))
    }
  }

  @Test("an accept of a forged token stands until a sample meets it, and never beside a report")
  func forgedAccept() throws {
    let setting = try Setting("EdDSA")
    // Token 4 is forged. One accept in a thousand is asked about: nearly always this one is not.
    let outcome = try setting.verify("lanes", fault: Self.known + 4)
    if outcome.status == 2 {
      #expect(outcome.output == setting.expected.output)
      #expect(outcome.errors.contains("kernel: valid"))
    } else {
      #expect(outcome.status == 1 && outcome.errors.isEmpty)
    }
  }

  @Test("with -o the file stays as it was, as for any status 2")
  func output() throws {
    let setting = try Setting("ES256")
    try setting.space.write("out", "before\n")
    let outcome = try setting.verify("lanes", fault: Self.known + 1, ["-o", "out"])
    #expect(outcome.status == 2)
    #expect(String(decoding: setting.space.read("out"), as: UTF8.self) == "before\n")
    let good = try setting.verify("lanes", fault: nil, ["-o", "out"])
    #expect(good.status == 1)
    #expect(
      String(decoding: setting.space.read("out"), as: UTF8.self) == setting.expected.output)
  }

  @Test("OpenSSL's engine asks no kernel")
  func openSSL() throws {
    let setting = try Setting("ES256")
    for fault in [1, Self.known + 1] {
      let outcome = try setting.verify("openssl", fault: fault)
      #expect(outcome.status == 1 && outcome.output == setting.expected.output)
      #expect(outcome.errors.isEmpty)
    }
  }
}
