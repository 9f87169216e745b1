// Denylists that follow their files while keys do: none is lost, none is taken for another's.
// Owns: files in temporary folders and a clock that the test moves. Must never: wait.

import Files
import JOSE
import Keyring
import Synchronization
import Testing

@testable import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct FollowedDenylistTests {
  /// A key set and lists, each of which may change.
  private final class Watched: Sendable {
    let folder = Folder()
    let time = Mutex(100.0)
    let stamp = Mutex(1_000_000)
    let reports = Mutex<[String]>([])
    /// The lists that the next load names.
    let names = Mutex(["list"])
    let fails = Mutex(false)
    let mayBeMissing: Bool
    let largeFrom: Int

    init(mayBeMissing: Bool = false, largeFrom: Int = 64 << 20) throws {
      (self.mayBeMissing, self.largeFrom) = (mayBeMissing, largeFrom)
      try write("keys", "")
    }

    struct Broken: Error, CustomStringConvertible {
      var description: String { "broken" }
    }

    func write(_ name: String, _ contents: String) throws {
      try OpenFile.open(folder.path, .readDirectory).replace(
        name, contents: Array(contents.utf8), mode: 0o600)
      let next = stamp.withLock { stamp in
        stamp += 1
        return stamp
      }
      touch("\(folder.path)/\(name)", next)
    }

    func revoke(_ jtis: String..., in name: String = "list") throws {
      try write(name, jtis.map { "{\"jti\":\"\($0)\"}\n" }.joined())
    }

    func keys() throws -> VerificationKeys {
      try VerificationKeys(
        following: {
          var loaded = VerificationKeys.Loaded()
          loaded.willRead("\(self.folder.path)/keys")
          if self.fails.withLock({ $0 }) { throw Broken() }
          let names = self.names.withLock { $0 }
          loaded.denylists = names.map {
            .init(
              path: "\(self.folder.path)/\($0)", mayBeMissing: self.mayBeMissing,
              largeFrom: self.largeFrom)
          }
          // Each list for an issuer of its name, and the first one for all.
          loaded.trust = Trust(
            (["all"] + names).map { name in
              var issuer = TrustedIssuer(ByteString(name), Sample.keySet(Sample.secret()))
              issuer.denylists = names.firstIndex(of: name).map { [$0] } ?? [0]
              return issuer
            })
          return loaded
        }, clock: { self.time.withLock { $0 } },
        report: { text in self.reports.withLock { $0.append(text) } })
    }

    func wait() { time.withLock { $0 += 1 } }
    var reported: [String] { reports.withLock { $0 } }
  }

  /// Those of a, b and c that are revoked.
  private func revoked(
    _ processor: inout VerifyProcessor, iss: String = "all"
  ) throws -> String {
    try "abc".filter { jti in
      let token = try Sample.token("{\"iss\":\"\(iss)\",\"jti\":\"\(jti)\"}")
      let line = try processor.result(token).output.text
      let isRevoked = line.contains("[\"revoked_token\"]")
      #expect(isRevoked != line.contains("\"valid\":true"), "\(line)")
      return isRevoked
    }
  }

  @Test func `a list that grows, and one in its place, hold from the next check on`() throws {
    let watched = try Watched()
    try watched.revoke("a")
    let keys = try watched.keys()
    var processor = try VerifyProcessor(VerifyOptions(), keys: keys)
    #expect(try revoked(&processor) == "a")
    try watched.revoke("a", "b")
    #expect(try revoked(&processor) == "a")
    watched.wait()
    #expect(try revoked(&processor) == "ab")
    try watched.revoke("c")
    watched.wait()
    #expect(try revoked(&processor) == "c")
    try watched.write("list", "")
    watched.wait()
    #expect(try revoked(&processor) == "")
    #expect(try keys.current().generation == 0, "keys and headers stay as they are")
    #expect(watched.reported.isEmpty)
  }

  @Test func `a ring's list may appear later, and must not go away again`() throws {
    let watched = try Watched(mayBeMissing: true)
    var processor = try VerifyProcessor(VerifyOptions(), keys: try watched.keys())
    #expect(try revoked(&processor) == "")
    try watched.revoke("b")
    watched.wait()
    #expect(try revoked(&processor) == "b")
    try OpenFile.open(watched.folder.path, .readDirectory).remove("list")
    for _ in 0..<3 {
      watched.wait()
      #expect(try revoked(&processor) == "b")
    }
    #expect(watched.reported.count == 1 && watched.reported[0].contains("list"))
  }

  @Test func `a bad line keeps the list, is reported once, and is taken when mended`() throws {
    let watched = try Watched()
    try watched.revoke("a")
    var processor = try VerifyProcessor(VerifyOptions(), keys: try watched.keys())
    for _ in 0..<3 {
      try watched.write("list", "{\"jti\":\"b\"}\n{\"jti\":7}\n")
      watched.wait()
      #expect(try revoked(&processor) == "a")
    }
    #expect(watched.reported.count == 1)
    try watched.revoke("b")
    watched.wait()
    #expect(try revoked(&processor) == "b")
  }

  @Test func `keys that can't be loaded do not hold a list back, nor the other way round`() throws {
    let watched = try Watched()
    try watched.revoke("a")
    let keys = try watched.keys()
    var processor = try VerifyProcessor(VerifyOptions(), keys: keys)
    watched.fails.withLock { $0 = true }
    try watched.write("keys", "x")
    try watched.revoke("b")
    watched.wait()
    #expect(try revoked(&processor) == "b")
    #expect(try keys.current().generation == 0 && watched.reported == ["broken"])
    watched.fails.withLock { $0 = false }
    try watched.write("list", "x\n")
    watched.wait()
    #expect(try revoked(&processor) == "b")
    #expect(try keys.current().generation == 1 && watched.reported.count == 2)
  }

  @Test func `lists that come, go and change places stay with their issuers`() throws {
    let watched = try Watched()
    for (name, jti) in [("list", "a"), ("x", "b"), ("y", "c")] {
      try watched.revoke(jti, in: name)
    }
    var processor = try VerifyProcessor(VerifyOptions(), keys: try watched.keys())
    let own = ["list": "a", "x": "b", "y": "c"]
    for names in [["x", "list"], ["y", "x", "list"], ["x"], ["list", "y"], ["x", "y", "x2"]] {
      if names.contains("x2") { try watched.revoke("a", "c", in: "x2") }
      watched.names.withLock { $0 = names }
      try watched.write("keys", names.joined())
      watched.wait()
      for name in names {
        #expect(try revoked(&processor, iss: name) == own[name] ?? "ac", "\(names)")
      }
      #expect(try revoked(&processor) == own[names[0]] ?? "")
    }
    // A new list that can't be read: nothing changes, not even a part.
    watched.names.withLock { $0 = ["list", "missing"] }
    try watched.write("keys", "missing")
    watched.wait()
    #expect(try revoked(&processor, iss: "x2") == "ac")
    #expect(watched.reported.count == 1)
  }

  #if DEBUG
    // A large list's refresh: two reads by the start, five before the old one is let go. In a
    // process of its own, since a fault is counted over the process.
    @Test func `when a list is lost nobody gets what is left, until it can be read`() async {
      await #expect(processExitsWith: .success) {
        setenv("JOTMILL_FAULT", "7:EIO@read", 1)
        let watched = try Watched(largeFrom: 0)
        try watched.revoke("a")
        let keys = try watched.keys()
        try watched.revoke("b")
        watched.wait()
        #expect(throws: DenylistLost.self) { try keys.current() }
        try watched.write("list", "x\n")
        // Another worker, within the same second.
        for _ in 0..<3 { #expect(throws: DenylistLost.self) { try keys.current() } }
        try watched.revoke("c")
        #expect(try keys.current().denylists.first?.isEmpty == false)
      }
    }
  #endif
}
