// Keys that follow their files, on a clock that the test moves.
// Owns: files in temporary folders. Must never: wait.

import Files
import JOSE
import Synchronization
import Testing

@testable import Pipeline

@Suite struct VerificationKeysTests {
  /// A key set in a file, and what was made of it.
  private final class Watched: Sendable {
    let folder = Folder()
    let time = Mutex(100.0)
    let loads = Mutex(0)
    let reports = Mutex<[String]>([])
    var path: String { "\(folder.path)/set.json" }

    struct Broken: Error, CustomStringConvertible {
      var description: String
    }

    /// Puts a set with the secret `kid` in the place of the one that was there.
    func write(_ kid: String) throws { try write(contents: kid) }

    func write(contents: String) throws {
      try OpenFile.open(folder.path, .readDirectory).replace(
        "set.json", contents: Array(contents.utf8), mode: 0o600)
    }

    func load(_ paths: [String]? = nil) throws -> VerificationKeys.Loaded {
      var loaded = VerificationKeys.Loaded()
      for path in paths ?? [path] { loaded.willRead(path) }
      loads.withLock { $0 += 1 }
      let kid = try OpenFile.open(path, .read).readAll().text
      if kid.hasPrefix("broken") { throw Broken(description: kid) }
      loaded.trust = Trust(Sample.keySet(Sample.secret(kid)))
      return loaded
    }

    func keys(_ paths: [String]? = nil) throws -> VerificationKeys {
      try VerificationKeys(
        following: { try self.load(paths) }, clock: { self.time.withLock { $0 } },
        report: { text in self.reports.withLock { $0.append(text) } })
    }

    func wait(_ seconds: Double) { time.withLock { $0 += seconds } }
    var loadCount: Int { loads.withLock { $0 } }
    var reported: [String] { reports.withLock { $0 } }
  }

  private func kid(_ keys: VerificationKeys) throws -> String {
    try keys.current().trust.keys.first?.jwk.kid?.description ?? ""
  }

  @Test func `a change is followed once a second has passed, by one load`() throws {
    let watched = Watched()
    try watched.write("a")
    let keys = try watched.keys()
    #expect(try kid(keys) == "a" && keys.current().generation == 0)
    for _ in 0..<5 {
      watched.wait(10)
      #expect(try keys.current().generation == 0)
    }
    #expect(watched.loadCount == 1, "what has not changed is not read again")
    try watched.write("b")
    watched.wait(0.999)
    #expect(try kid(keys) == "a")
    watched.wait(0.001)
    #expect(try kid(keys) == "b" && keys.current().generation == 1)
    #expect(watched.loadCount == 2 && watched.reported.isEmpty)
    // A check is due a second after the last one, not after the last change.
    watched.wait(0.5)
    try watched.write("c")
    #expect(try kid(keys) == "b")
    watched.wait(0.5)
    #expect(try kid(keys) == "c" && keys.current().generation == 2)
  }

  @Test func `a broken file keeps the keys, is reported once, and is taken when mended`() throws {
    let watched = Watched()
    try watched.write("a")
    let keys = try watched.keys()
    try watched.write("broken: x")
    for _ in 0..<3 {
      watched.wait(1)
      #expect(try kid(keys) == "a" && keys.current().generation == 0)
    }
    #expect(watched.reported == ["broken: x"])
    #expect(watched.loadCount == 4, "tried again at each check")
    try watched.write("broken: y")
    watched.wait(1)
    #expect(try kid(keys) == "a" && watched.reported == ["broken: x", "broken: y"])
    try watched.write("b")
    watched.wait(1)
    #expect(try kid(keys) == "b" && keys.current().generation == 1)
    try watched.write("broken: x")
    watched.wait(1)
    #expect(try kid(keys) == "b" && watched.reported.count == 2, "it was said before")
    let loads = watched.loadCount
    try watched.write("c")
    watched.wait(1)
    #expect(try kid(keys) == "c")
    watched.wait(1)
    #expect(try kid(keys) == "c" && watched.loadCount == loads + 1)
  }

  @Test func `a file that goes away and comes back`() throws {
    let watched = Watched()
    try watched.write("a")
    let keys = try watched.keys()
    try OpenFile.open(watched.folder.path, .readDirectory).remove("set.json")
    watched.wait(1)
    #expect(try kid(keys) == "a" && watched.reported.count == 1)
    #expect(watched.reported.first?.contains("set.json") == true)
    try watched.write("b")
    watched.wait(1)
    #expect(try kid(keys) == "b" && watched.reported.count == 1)
  }

  @Test func `messages that never end are bounded`() throws {
    let watched = Watched()
    try watched.write("a")
    let keys = try watched.keys()
    for i in 0..<50 {
      try watched.write("broken \(i)")
      watched.wait(1)
      #expect(try kid(keys) == "a")
    }
    #expect(watched.reported.count == 20)
  }

  @Test func `a change of mode alone is a change, and any watched file counts`() throws {
    let watched = Watched()
    try watched.write("a")
    let other = try watched.folder.file("other", [1])
    let keys = try watched.keys([watched.path, other, "\(watched.folder.path)/missing"])
    try OpenFile.open(other, .read).setMode(0o640)
    watched.wait(1)
    #expect(try keys.current().generation == 1)
    _ = try watched.folder.file("missing", [])
    watched.wait(1)
    #expect(try keys.current().generation == 2)
    watched.wait(1)
    #expect(try keys.current().generation == 2)
  }

  @Test func `a change during the load is seen by the next check`() throws {
    let watched = Watched()
    try watched.write("a")
    let isFirst = Mutex(true)
    let keys = try VerificationKeys(
      following: {
        let set = try watched.load()
        // Another host is quicker.
        if isFirst.withLock({ exchange(&$0, with: false) }) { try watched.write("b") }
        return set
      }, clock: { watched.time.withLock { $0 } }, report: { _ in })
    #expect(try kid(keys) == "a")
    watched.wait(1)
    #expect(try kid(keys) == "b")
  }

  @Test func `a first load that fails is the caller's`() throws {
    let watched = Watched()
    try watched.write("broken")
    #expect(throws: Watched.Broken.self) { try watched.keys() }
    #expect(watched.reported.isEmpty)
  }

  @Test func `keys that are not watched never change`() throws {
    let keys = Sample.keys(Sample.secret("a"))
    for _ in 0..<3 { #expect(try kid(keys) == "a" && keys.current().generation == 0) }
  }

  @Test func `a processor takes new keys, headers and windows between two chunks`() throws {
    let watched = Watched()
    try watched.write("k1")
    let keys = try watched.keys()
    var processor = try VerifyProcessor(VerifyOptions(), keys: keys)
    let one = try Sample.token("{}")
    let two = try Sample.token("{}", header: "{\"alg\":\"HS256\",\"kid\":\"k2\"}")
    func errors() throws -> [String] {
      try processor.lines("\(one)\n\(two)\n").map {
        $0.contains("unknown_key") ? "unknown" : $0.contains("true") ? "valid" : $0
      }
    }
    #expect(try errors() == ["valid", "unknown"])
    try watched.write("k2")
    #expect(try errors() == ["valid", "unknown"])
    watched.wait(1)
    #expect(try errors() == ["unknown", "valid"])
    try watched.write("k1")
    watched.wait(1)
    #expect(try errors() == ["valid", "unknown"])
  }

  @Test func `a key that is revoked in the middle of a run is revoked from then on`() throws {
    let isRevoked = Mutex(false)
    let watched = Watched()
    try watched.write("k1")
    let keys = try VerificationKeys(
      following: {
        var loaded = try watched.load()
        var window = KeyWindow()
        window.requiresTimes = false
        if isRevoked.withLock({ $0 }) { window.revocation = .init(since: nil) }
        var set = KeySet()
        #expect(set.add(Sample.secret(), source: "", window: window) == nil)
        loaded.trust = Trust(set)
        return loaded
      }, clock: { watched.time.withLock { $0 } }, report: { _ in })
    var processor = try VerifyProcessor(VerifyOptions(), keys: keys)
    let token = try Sample.token("{}")
    #expect(try processor.result(token).output.text.contains("\"valid\":true"))
    isRevoked.withLock { $0 = true }
    try watched.write("k2")
    watched.wait(1)
    #expect(try processor.result(token).output.text.contains("[\"revoked_key\"]"))
  }
}
