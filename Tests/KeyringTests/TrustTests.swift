// A ring that was not named must be nobody else's to change.
// Owns: the permissions that checkTrusted asks for, and what it says.

import Glibc
import JOSE
import Testing

@testable import Keyring

@Suite struct TrustTests {
  /// A lax umask gives a cloned keys/ folder to the group; the answer says how to take it back.
  @Test func aFolderThatOthersCanWriteIsRefusedWithTheRemedy() throws {
    var template = Array("/tmp/jotmill-trust-XXXXXX".utf8CString)
    #expect(mkdtemp(&template) != nil)
    let path = String(
      decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      for name in ["keyring.json", "jwks.json", "lock"] { unlink("\(path)/\(name)") }
      for folder in ["\(path)/private", path] { rmdir(folder) }
    }
    let policy = Policy(algorithm: try #require(AlgorithmName("ES256")))
    let ring = try RingDirectory.make(path, policy: policy, at: Timestamp(seconds: 1_800_000_000))
    try ring.checkTrusted()

    chmod(path, 0o775)
    let error = #expect(throws: KeyringError.self) { try ring.checkTrusted() }
    #expect(error?.code == .unsafePermissions)
    #expect(error?.detail.contains("chmod go-w \(path)") == true)
  }
}
