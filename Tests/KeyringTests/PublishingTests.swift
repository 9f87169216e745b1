// Publishing: copies that fail, repairs, the order of writes, and several changers at once.
// Owns: rings in temporary folders. Threads open the ring for themselves, as processes do.

import Dispatch
import Files
import JOSE
import Synchronization
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct PublishingTests {
  private let folder = Folder()
  private var path: String { "\(folder.path)/ring" }

  private func make(publishTo: [String] = []) throws -> RingDirectory {
    var policy = Sample.policy()
    policy.publishTo = publishTo.map { "\(folder.path)/\($0)" }
    return try RingDirectory.make(path, policy: policy, at: Sample.start)
  }

  private func add(_ directory: RingDirectory, at now: Timestamp = Sample.start) throws {
    let jwk = try Sample.key()
    try directory.change(at: now) { try $0.add(jwk, Sample.ed25519) }
  }

  @Test func `every copy is the published set`() throws {
    try folder.directory.makeDirectory("www", mode: 0o755)
    try folder.file("www/old.json", "", mode: 0o600)
    let directory = try make(publishTo: ["www/new.json", "www/old.json"])
    try add(directory)
    try add(directory, at: Sample.start + Seconds(1))
    let set = try folder.contents("ring/jwks.json")
    #expect(try JWKSet.parse(Array(set.utf8)).keys.count == 2)
    for name in ["www/new.json", "www/old.json"] {
      #expect(try folder.contents(name) == set)
      #expect(try folder.mode(name) == 0o644)
    }
    #expect(
      try OpenFile.open("\(folder.path)/www", .readDirectory).names() == ["new.json", "old.json"])
  }

  @Test func `a copy that fails keeps the key pending until a later change repairs it`() throws {
    try folder.directory.makeDirectory("www", mode: 0o755)
    let directory = try make(publishTo: ["first.json", "www/set.json"])
    try add(directory)
    try folder.directory.rename("www", to: "gone")
    let then = Sample.start + Seconds(1000)
    #expect(throws: KeyringError.self) { try add(directory, at: then) }
    var ring = try directory.load()
    let kid = try #require(ring.keys.last?.kid)
    #expect(ring.keys.count == 2 && ring.keys[1].phase(at: then) == .pending)
    #expect(ring.keys[1].published == nil && ring.keys[1].activation == nil)
    #expect(ring.keys[0].retired == nil, "the old key goes on signing")
    #expect(try directory.hasPrivateHalf(kid))
    #expect(try folder.contents("first.json").contains("\(kid)"))

    // Still broken: a change for something else fails too, and stamps nothing.
    #expect(throws: KeyringError.self) {
      try directory.change(at: then + Seconds(1))
    }
    #expect(try directory.load().keys[1].published == nil)

    try folder.directory.rename("gone", to: "www")
    let repaired = then + Seconds(5000)
    try directory.change(at: repaired) { #expect($0.ring.keys[1].published == repaired) }
    ring = try directory.load()
    #expect(ring.keys[1].published == repaired)
    #expect(ring.keys[1].activation == Sample.start + ring.policy.period)
    #expect(ring.keys[0].retired == ring.keys[1].activation)
    #expect(try folder.contents("www/set.json") == (try folder.contents("ring/jwks.json")))
  }

  @Test func `a run that died after the ring knew the key is finished by the next change`() throws {
    let directory = try make()
    try add(directory)
    var ring = try directory.load()
    let jwk = try Sample.key()
    ring.addPending(jwk, Sample.ed25519, at: Sample.start)
    try OpenFile.open(path, .readDirectory).replace(
      "keyring.json", contents: ring.text, mode: 0o644)
    #expect(try !folder.contents("ring/jwks.json").contains("\(jwk.kid!)"))
    try directory.change(at: Sample.start + Seconds(9))
    #expect(try folder.contents("ring/jwks.json").contains("\(jwk.kid!)"))
    #expect(try directory.load().keys[1].published == Sample.start + Seconds(9))
  }

  @Test func `a private half that another key left behind is never overwritten`() throws {
    let directory = try make()
    let jwk = try Sample.key()
    let name = "ring/private/\(jwk.kid!).jwk"
    try folder.file(name, "somebody's key", mode: 0o600)
    #expect(throws: KeyringError(.keyExists, "")) {
      try directory.change(at: Sample.start) { try $0.add(jwk, Sample.ed25519) }
    }
    #expect(try folder.contents(name) == "somebody's key")
    #expect(try directory.load().keys.isEmpty)
  }

  @Test func `a private half that a dead run left torn is replaced`() throws {
    let directory = try make()
    let jwk = try Sample.key()
    let text = try #require(jwk.privateText).reveal { $0.copy(0..<$0.count / 2) }
    try folder.file(
      "ring/private/\(jwk.kid!).jwk", String(decoding: text, as: UTF8.self), mode: 0o600)
    try directory.change(at: Sample.start) { try $0.add(jwk, Sample.ed25519) }
    #expect(try directory.privateKey(try directory.load().keys[0]).material == jwk.material)
  }

  @Test func `a copy that cannot be written keeps no other copy old and no other change back`()
    throws
  {
    try folder.directory.makeDirectory("www", mode: 0o755)
    let directory = try make(publishTo: ["www/set.json", "second.json"])
    try add(directory)
    try folder.directory.rename("www", to: "gone")
    let then = Sample.start + Seconds(5)
    #expect(throws: KeyringError(.notPublished, "")) { try add(directory, at: then) }
    #expect(try folder.contents("second.json") == (try folder.contents("ring/jwks.json")))
    #expect(try directory.load().keys[1].phase(at: then) == .pending)
    // The repair fails once more and is reported, but what was asked for is done.
    let old = try Sample.key()
    #expect(throws: KeyringError(.notPublished, "")) {
      try directory.change(at: then) { try $0.addArchived(old.publicHalf, Sample.ed25519) }
    }
    #expect(try directory.load().index(of: old.kid!) != nil)
  }

  @Test func `a missing set is written again by the next change`() throws {
    let directory = try make()
    try add(directory)
    let set = try folder.contents("ring/jwks.json")
    try folder.directory.remove("ring/jwks.json")
    try directory.change(at: Sample.start + Seconds(1))
    #expect(try folder.contents("ring/jwks.json") == set)
  }

  @Test func `a change that throws changes nothing`() throws {
    struct Refused: Error {}
    let directory = try make()
    try add(directory)
    let before = try folder.contents("ring/keyring.json")
    #expect(throws: Refused.self) {
      try directory.change(at: Sample.start) { update in
        try update.adopt(Sample.policy(Sample.es256)) { _ in throw Refused() }
        throw Refused()
      }
    }
    #expect(try folder.contents("ring/keyring.json") == before)
    try directory.change(at: Sample.start)
  }

  // MARK: Several at once

  @Test func `of many that find no successor exactly one makes it`() throws {
    try add(try make())
    let path = path
    let made = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 16) { _ in
      do {
        let directory = try RingDirectory.open(path)
        let fresh = try Sample.key()
        let now = Sample.start + Seconds(10)
        try directory.change(at: now) { update in
          guard update.ring.successor(at: now) == nil else { return }
          try update.add(fresh, Sample.ed25519)
          made.add(1, ordering: .relaxed)
        }
      } catch {
        Issue.record(error)
      }
    }
    let ring = try RingDirectory.open(path).load()
    #expect(made.load(ordering: .relaxed) == 1 && ring.keys.count == 2)
    #expect(try OpenFile.open("\(path)/private", .readDirectory).names().count == 2)
  }

  @Test func `readers without a lock find a whole ring and a whole set at any time`() throws {
    let directory = try make()
    try add(directory)
    let path = path
    let isDone = Atomic<Bool>(false)
    let readers = DispatchGroup()
    for _ in 0..<2 {
      DispatchQueue(label: "reader").async(group: readers) {
        do {
          while !isDone.load(ordering: .relaxed) {
            let ring = try RingDirectory.open(path).load()
            #expect(ring.activeKey(at: Sample.start) != nil)
            _ = try JWKSet.parse(try OpenFile.open("\(path)/jwks.json", .read).readAll())
          }
        } catch {
          Issue.record(error)
        }
      }
    }
    defer {
      isDone.store(true, ordering: .relaxed)
      readers.wait()
    }
    for i in 1...60 { try add(directory, at: Sample.start + Seconds(Int64(i))) }
    #expect(try directory.load().keys.count == 61)
  }

  @Test func `the lock keeps others out until it is given back, also after an error`() throws {
    struct Refused: Error {}
    let directory = try make()
    try directory.withLock {
      let other = try OpenFile.open("\(path)/lock", .lock(mode: 0o644))
      #expect { try other.lock(waiting: false) } throws: { ($0 as? FileError)?.wouldBlock == true }
    }
    #expect(throws: Refused.self) { try directory.withLock { throw Refused() } }
    try OpenFile.open("\(path)/lock", .lock(mode: 0o644)).lock(waiting: false)
  }

  @Test func `published is stamped after the last copy, however long the lock took`() throws {
    let start = Clock.now.seconds
    var policy = Sample.policy()
    policy.publishTo = []
    let directory = try RingDirectory.make(path, policy: policy, at: Timestamp(seconds: start))
    try add(directory, at: Timestamp(seconds: start))
    let lock = try OpenFile.open("\(path)/lock", .lock(mode: 0o644))
    try lock.lock(waiting: true)
    let done = DispatchGroup()
    let begun = DispatchSemaphore(value: 0)
    DispatchQueue(label: "changer").async(group: done) {
      do {
        let jwk = try Sample.key()
        begun.signal()
        try directory.change(at: Timestamp(seconds: Clock.now.seconds)) {
          try $0.add(jwk, Sample.ed25519)
        }
      } catch {
        Issue.record(error)
      }
    }
    begun.wait()
    usleep(2_100_000)
    let held = Clock.now.seconds
    _ = consume lock
    done.wait()
    let stamp = try #require(try directory.load().keys[1].published)
    #expect(stamp.seconds >= held, "stamped \(held - stamp.seconds) s before the set was written")
  }
}
