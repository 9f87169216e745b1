// A ring on disk: what is made, with which modes, and what is refused.
// Owns: rings in temporary folders, on a fake clock.

import Files
import JOSE
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct RingDirectoryTests {
  private let folder = Folder()
  private var path: String { "\(folder.path)/ring" }

  private func make(_ policy: Policy = Sample.policy()) throws -> RingDirectory {
    try RingDirectory.make(path, policy: policy, at: Sample.start)
  }

  @discardableResult
  private func add(
    _ directory: RingDirectory, _ name: AlgorithmName = Sample.ed25519,
    at now: Timestamp = Sample.start
  ) throws -> JWK {
    let jwk = try Sample.key(name)
    try directory.change(at: now) { try $0.add(jwk, name) }
    return jwk
  }

  private func fails(
    _ code: KeyringError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    #expect(throws: KeyringError(code, ""), sourceLocation: sourceLocation) { try body() }
  }

  @Test func `a new ring has its files and their modes`() throws {
    let directory = try make()
    let jwk = try add(directory)
    #expect(try folder.mode("ring") == 0o755)
    #expect(try folder.mode("ring/private") == 0o700)
    #expect(try folder.mode("ring/private/\(jwk.kid!).jwk") == 0o600)
    #expect(try folder.mode("ring/keyring.json") == 0o644)
    #expect(try folder.mode("ring/jwks.json") == 0o644)
    #expect(
      try OpenFile.open(path, .readDirectory).names() == [
        "jwks.json", "keyring.json", "lock", "private",
      ])
    let set = try JWKSet.parse(Array(try folder.contents("ring/jwks.json").utf8))
    #expect(set.keys.map(\.kid) == [jwk.kid] && !set.keys[0].hasPrivateHalf)
    let again = try RingDirectory.open(path).load()
    #expect(again.activeKey(at: Sample.start)?.kid == jwk.kid)
  }

  @Test func `what is no ring is not opened, and a ring is not made twice`() throws {
    fails(.notARing) { _ = try RingDirectory.open(path) }
    fails(.notARing) { _ = try RingDirectory.open(folder.path) }
    _ = try make()
    let before = try folder.contents("ring/keyring.json")
    fails(.alreadyARing) { _ = try make() }
    #expect(try folder.contents("ring/keyring.json") == before)
    var unsafe = Sample.policy()
    unsafe.publishAhead = Seconds(0)
    fails(.unsafePolicy) {
      _ = try RingDirectory.make("\(folder.path)/other", policy: unsafe, at: Sample.start)
    }
    #expect(try folder.mode("other") == nil, "a refused policy makes nothing")
  }

  @Test func `what a crash left of making a ring is taken over`() throws {
    try OpenFile.makeDirectory(path, mode: 0o755)
    try folder.directory.makeDirectory("ring/private", mode: 0o700)
    try folder.file("ring/.keyring.json.new", "half of a")
    try folder.file("ring/lock", "")
    let directory = try make()
    #expect(try directory.load().keys.isEmpty)
    #expect(!(try OpenFile.open(path, .readDirectory).names().contains(".keyring.json.new")))
  }

  @Test func `a temporary file that a crash left is taken over by the next change`() throws {
    let directory = try make()
    for name in [".keyring.json.new", ".jwks.json.new"] { try folder.file("ring/\(name)", "torn") }
    folder.link("ring/private/.x.jwk.new", to: "/nowhere")
    try add(directory)
    #expect(
      try OpenFile.open(path, .readDirectory).names() == [
        "jwks.json", "keyring.json", "lock", "private",
      ])
  }

  @Test(
    "the private half is what the ring says, for every kind of key",
    arguments: ["EdDSA", "Ed448", "ES256", "ES512", "HS256", "RS256"])
  func privateHalf(_ name: String) throws {
    let algorithm = try #require(AlgorithmName(name))
    let directory = try make()
    let jwk = try add(directory, algorithm)
    let key = try #require(try directory.load().keys.first)
    let found = try directory.privateKey(key)
    #expect(found.hasPrivateHalf && found.kid == jwk.kid && found.material == jwk.material)
    #expect(try directory.hasPrivateHalf(jwk.kid!))
    #expect(!(try directory.hasPrivateHalf("other")))
    _ = try Signer(found, algorithm.algorithm)
  }

  @Test(
    "a private file that others can use is refused",
    arguments: [0o644, 0o640, 0o660, 0o604, 0o601, 0o602] as [UInt16])
  func openPrivateFile(_ mode: UInt16) throws {
    let directory = try make()
    let jwk = try add(directory)
    let key = try directory.load().keys[0]
    chmod("\(path)/private/\(jwk.kid!).jwk", mode_t(mode))
    fails(.unsafePermissions) { _ = try directory.privateKey(key) }
    chmod("\(path)/private/\(jwk.kid!).jwk", 0o400)
    _ = try directory.privateKey(key)
  }

  @Test("another key's private half is refused", arguments: ["EdDSA", "RS256", "HS256"])
  func foreignPrivateHalf(_ name: String) throws {
    let algorithm = try #require(AlgorithmName(name))
    let directory = try make()
    let jwk = try add(directory, algorithm)
    let other = try RingDirectory.make(
      "\(folder.path)/other", policy: Sample.policy(), at: Sample.start)
    let foreign = try add(other, algorithm)
    rename("\(folder.path)/other/private/\(foreign.kid!).jwk", "\(path)/private/\(jwk.kid!).jwk")
    fails(.badFormat) { _ = try directory.privateKey(try directory.load().keys[0]) }
  }

  @Test func `a private half that is missing, torn, public or no file is refused`() throws {
    let directory = try make()
    let jwk = try add(directory)
    let key = try directory.load().keys[0]
    let name = "\(jwk.kid!).jwk"
    let file = try OpenFile.open("\(path)/private", .readDirectory)
    let whole = try OpenFile.open(name, in: file, .read).readAll()
    for wrong in [[], Array(whole.prefix(40)), jwk.publicValue.text(), Array("{}".utf8)] {
      try file.replace(name, contents: wrong, mode: 0o600)
      fails(.badFormat) { _ = try directory.privateKey(key) }
    }
    try file.remove(name)
    fails(.noPrivateKey) { _ = try directory.privateKey(key) }
    try file.makeDirectory(name, mode: 0o700)
    fails(.unsafePermissions) { _ = try directory.privateKey(key) }
  }

  @Test(
    "symbolic links inside a ring are not followed",
    arguments: ["keyring.json", "private", "lock", "private/KID.jwk"])
  func links(_ name: String) throws {
    let directory = try make()
    let jwk = try add(directory)
    let inside = name.replacing("KID", with: "\(jwk.kid!)")
    rename("\(path)/\(inside)", "\(folder.path)/moved")
    folder.link("ring/\(inside)", to: "\(folder.path)/moved")
    #expect(throws: (any Error).self) {
      let ring = try directory.load()
      _ = try directory.privateKey(ring.keys[0])
      try directory.withLock {}
    }
  }

  @Test func `a linked jwks.json is replaced, and what it names stays as it is`() throws {
    let directory = try make()
    let victim = try folder.file("victim", "mine")
    try OpenFile.open(path, .readDirectory).remove("jwks.json")
    folder.link("ring/jwks.json", to: victim)
    try add(directory)
    #expect(try folder.contents("victim") == "mine")
    #expect(try OpenFile.status(at: "\(path)/jwks.json", followsLinks: false)?.kind == .regular)
  }

  @Test func `a ring that others can write is not used unasked`() throws {
    let directory = try make()
    try directory.checkTrusted()
    for (name, mode) in [("", 0o777), ("", 0o775), ("/keyring.json", 0o646)] as [(String, mode_t)] {
      chmod(path + name, mode)
      fails(.unsafePermissions) { try directory.checkTrusted() }
      chmod(path + name, name.isEmpty ? 0o755 : 0o644)
    }
    try directory.checkTrusted()
  }

  @Test func `a clock behind the ring is refused, within the skew it is not`() throws {
    let directory = try make()
    try add(directory)
    let before = try folder.contents("ring/keyring.json")
    fails(.clockBehind) { try directory.change(at: Sample.start - Seconds(61)) }
    #expect(try folder.contents("ring/keyring.json") == before)
    try directory.change(at: Sample.start - Seconds(60))
  }

  @Test func `two changes within a second are no clock that runs behind`() throws {
    var policy = Sample.policy()
    policy.clockSkew = Seconds(0)
    let directory = try make(policy)
    try add(directory)
    let half = Timestamp(seconds: Sample.start.seconds, nanoseconds: 500_000_000)
    try add(directory, at: half)
    try directory.change(at: half)
  }

  @Test func `an archived key keeps its public half and is not published`() throws {
    let directory = try make()
    let jwk = try Sample.key()
    try directory.change(at: Sample.start) { try $0.addArchived(jwk.publicHalf, Sample.ed25519) }
    let ring = try directory.load()
    #expect(ring.keys[0].phase(at: Sample.start) == .archived)
    #expect(!(try directory.hasPrivateHalf(jwk.kid!)))
    #expect(try !folder.contents("ring/jwks.json").contains("\(jwk.kid!)"))
  }

  @Test(
    "kids that can be no file name",
    arguments: [
      ("a", true), ("A-z_9.x", true), (String(repeating: "k", count: 200), true), ("", false),
      (".", false),
      ("..", false), (".a", false), ("a/b", false), ("../x", false), ("a b", false), ("é", false),
      ("a\0", false), ("a\n", false), (String(repeating: "k", count: 201), false), ("~", false),
    ])
  func safeNames(_ kid: String, _ isSafe: Bool) {
    #expect(RingDirectory.isSafeName(ByteString(kid)) == isSafe)
  }
}
