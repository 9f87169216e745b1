// Keys and signatures exchanged with the openssl program, where it is installed.
// Owns: a second implementation's opinion. Must never: leave a file behind.

import Foundation
import Testing

@testable import JOSE

@Suite struct OpenSSLInteropTests {
  /// Runs openssl with `arguments` in `folder`; nil when it is not installed or fails.
  private func openssl(_ arguments: [String], in folder: URL) -> Data? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.currentDirectoryURL = folder
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? data : nil
  }

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("jotmill-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    guard openssl(["version"], in: folder) != nil else {
      print("openssl: the program is not installed, nothing was run")
      return
    }
    try body(folder)
  }

  @Test(
    "openssl's keys are read in every form that it writes",
    arguments: [
      ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
      ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], ["ED25519"], ["ED448"],
    ])
  func readsKeys(kind: [String]) throws {
    try inFolder { folder in
      func file(_ name: String, _ arguments: [String]) throws -> JWK {
        _ = try #require(openssl(arguments + ["-out", name], in: folder))
        let bytes = try octets(folder.appendingPathComponent(name))
        return try #require(try KeyFile.parse(bytes).keys.first)
      }
      let key = try file("key.pem", ["genpkey", "-algorithm"] + kind)
      try key.check()
      let closed = try file("key.der", ["pkey", "-in", "key.pem", "-outform", "DER"])
      #expect(closed.privateText?.copied == key.privateText?.copied)
      if !kind[0].hasPrefix("ED") {
        let old = try file("old.pem", ["pkey", "-in", "key.pem", "-traditional"])
        #expect(old.privateText?.copied == key.privateText?.copied)
      }
      for open in [
        try file("pub.pem", ["pkey", "-in", "key.pem", "-pubout"]),
        try file("pub.der", ["pkey", "-in", "key.pem", "-pubout", "-outform", "DER"]),
        try file("cert.pem", ["req", "-x509", "-key", "key.pem", "-subj", "/CN=x", "-days", "1"]),
        try file("cert.der", ["x509", "-in", "cert.pem", "-outform", "DER"]),
      ] { #expect(open.material == key.material && !open.hasPrivateHalf) }
      _ = try #require(
        openssl(
          ["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:secret", "-out", "locked.pem"],
          in: folder))
      let locked = try octets(folder.appendingPathComponent("locked.pem"))
      #expect(failure { try KeyFile.parse(locked) }?.code == .encryptedKey)
    }
  }

  @Test(
    "openssl takes the keys that are written here, and verifies what they sign",
    arguments: [
      "RS256", "ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
    ])
  func takesKeys(name: String) throws {
    try inFolder { folder in
      let key = try newKey(name)
      let algorithm = try #require(AlgorithmName(name)).algorithm
      for (pem, form) in [(true, "PEM"), (false, "DER")] {
        let bytes = try key.encoded(isPrivate: true, pem: pem).copied
        try Data(bytes).write(to: folder.appendingPathComponent("key"))
        #expect(
          openssl(["pkey", "-in", "key", "-inform", form, "-check", "-noout"], in: folder) != nil)
      }
      try Data(try key.encoded(isPrivate: false, pem: true).copied)
        .write(to: folder.appendingPathComponent("pub.pem"))
      guard algorithm.family == .rsa || algorithm.family == .edDSA else { return }
      let message = "a message".octets
      var signature: [UInt8] = []
      try Signer(key, algorithm).sign(message.span, 0..<message.count, into: &signature)
      try Data(message).write(to: folder.appendingPathComponent("message"))
      try Data(signature).write(to: folder.appendingPathComponent("signature"))
      let raw = algorithm.family == .edDSA ? ["-rawin"] : ["-rawin", "-digest", "sha256"]
      let verified = openssl(
        [
          "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-in", "message", "-sigfile",
          "signature",
        ]
          + raw, in: folder)
      #expect(verified != nil)
    }
  }
}
