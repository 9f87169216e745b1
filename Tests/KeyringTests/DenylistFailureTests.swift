// A followed denylist whose file is missing, bad, no file or fails to be read.
// Owns: what stays in force then.

import Files
import JOSE
import Keyring
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct DenylistFailureTests {
  @Test func `a list that must be there is a file error when it is missing`() throws {
    #expect { try DenylistFollower(path: "\(Folder().path)/none", mayBeMissing: false) } throws: {
      ($0 as? FileError)?.isMissing == true
    }
    #expect(throws: KeyringError(.badFormat, "")) { try Followed("x\n", mayBeMissing: true) }
  }

  @Test func `a list that may be missing is empty until it appears`() throws {
    var file = try Followed(nil)
    #expect(try !file.follower.refresh())
    #expect(file.follower.lists.isEmpty)
    try file.replace(jti("a") + "x\n")
    #expect(throws: KeyringError(.badFormat, "")) { try file.follower.refresh() }
    file.remove()
    #expect(try !file.follower.refresh(), "it was never in force")
    try file.replace(jti("a"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "a")
  }

  @Test(arguments: [false, true], [0, 64 << 20])
  func `a list that has vanished stays in force`(mayBeMissing: Bool, largeFrom: Int) throws {
    var file = try Followed(jti("a"), mayBeMissing: mayBeMissing, largeFrom: largeFrom)
    file.remove()
    for _ in 0..<2 {
      #expect {
        try file.follower.refresh()
      } throws: {
        "\($0)".contains("denylist.ndjson: has vanished; only an empty file")
      }
      #expect(try file.listed == "a")
    }
    try file.replace(jti("b"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "b")
  }

  @Test(arguments: [0, 64 << 20])
  func `a bad line that is appended changes nothing until it is mended`(largeFrom: Int) throws {
    var file = try Followed(jti("a") + "\n" + jti("b"), largeFrom: largeFrom)
    let size = try file.size
    file.append(jti("c"))
    #expect(try file.follower.refresh())
    file.append("\n" + jti("d") + "{\"jti\"}\n" + jti("e"))
    for _ in 0..<3 {
      #expect {
        try file.follower.refresh()
      } throws: {
        "\($0)".hasSuffix("denylist.ndjson: line 7: not valid JSON")
      }
      #expect(try file.listed == "abc")
    }
    file.cut(to: size)
    file.append(jti("f"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "abf")
    #expect(try !file.follower.refresh())
  }

  @Test(arguments: [0, 64 << 20])
  func `a bad file in its place changes nothing until it is mended`(largeFrom: Int) throws {
    var file = try Followed(jti("a"), largeFrom: largeFrom)
    for text in [
      jti("b") + "{}\n", jti("b") + "{}", jti("b") + String(repeating: " ", count: 1 << 20),
    ] {
      try file.replace(text)
      for _ in 0..<2 {
        #expect {
          try file.follower.refresh()
        } throws: {
          "\($0)".contains("denylist.ndjson: line 2: ") && $0 is KeyringError
        }
        #expect(try file.listed == "a")
      }
    }
    file.cut(to: jti("b").utf8.count)
    #expect(try file.follower.refresh())
    #expect(try file.listed == "b")
  }

  @Test func `a file that could not be read is tried again though it did not change`() throws {
    var file = try Followed(jti("a"))
    try file.replace(jti("b"))
    // As a link to itself it can't even be examined.
    rename(file.path, "\(file.path).aside")
    symlink(file.path, file.path)
    #expect(throws: FileError.self) { try file.follower.refresh() }
    #expect(try file.listed == "a")
    unlink(file.path)
    rename("\(file.path).aside", file.path)
    #expect(try file.follower.refresh())
    #expect(try file.listed == "b")
  }

  @Test(.timeLimit(.minutes(20)))
  func `a file that has become a pipe is refused, without waiting for it`() throws {
    var file = try Followed(jti("a"))
    file.remove()
    mkfifo(file.path, 0o600)
    #expect {
      try file.follower.refresh()
    } throws: {
      "\($0)".contains("is no regular file any more")
    }
    #expect(try file.listed == "a")
  }

  @Test func `a pipe is read once`() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let text = jti("a") + #"{"jti":"b"}"#
    try #require(write(ends[1], text, text.utf8.count) == text.utf8.count)
    close(ends[1])
    var follower = try DenylistFollower(path: "/dev/fd/\(ends[0])", mayBeMissing: false)
    close(ends[0])
    #expect(try !follower.refresh(), "not even that it has gone is seen")
    #expect(try follower.lists.match(claims: #"{"jti":"a"}"#) != nil)
    #expect(try follower.lists.match(claims: #"{"jti":"b"}"#) != nil)
  }

  #if DEBUG
    // In processes of their own, since a fault is counted over the process. A large list's refresh:
    // two reads by init, then seek (3), the check (4 and 5), seek (6), the load (7 and 8).

    @Test func `what fails before the old list is let go leaves it in force`() async {
      await #expect(processExitsWith: .success) {
        setenv("JOTMILL_FAULT", "6:EIO@read", 1)
        var file = try Followed(jti("a"), largeFrom: 0)
        try file.replace(jti("b"))
        #expect(throws: FileError.self) { try file.follower.refresh() }
        #expect(try file.listed == "a")
        #expect(try file.follower.refresh())
        #expect(try file.listed == "b")
      }
    }

    @Test func `what fails after the old list was let go says so, until a refresh succeeds`() async
    {
      await #expect(processExitsWith: .success) {
        setenv("JOTMILL_FAULT", "7:EIO@read", 1)
        var file = try Followed(jti("a"), largeFrom: 0)
        try file.replace(jti("b"))
        #expect(throws: DenylistLost.self) { try file.follower.refresh() }
        #expect(file.follower.lists.isEmpty)
        try file.replace(jti("b") + "x\n")
        #expect(throws: DenylistLost.self) { try file.follower.refresh() }
        file.remove()
        #expect(throws: DenylistLost.self) { try file.follower.refresh() }
        try file.replace(jti("c"))
        #expect(try file.follower.refresh())
        #expect(try file.listed == "c")
        file.remove()
        #expect(throws: FileError.self) { try file.follower.refresh() }
        #expect(try file.listed == "c")
      }
    }
  #endif
}
