// A followed denylist: what each change of its file brings into force.

import Files
import JOSE
import Keyring
import Testing

@Suite struct DenylistFollowerTests {
  // MARK: Growth

  @Test(arguments: [0, 64 << 20])
  func `lines that are appended hold beside the others`(largeFrom: Int) throws {
    var file = try Followed(jti("a"), largeFrom: largeFrom)
    #expect(try !file.follower.refresh())
    #expect(try file.listed == "a" && file.follower.lists.count == 1)
    for (name, all) in [("b", "ab"), ("c", "abc"), ("d", "abcd")] {
      file.append(jti(name))
      #expect(try file.listed + name == all, "nothing is read before the refresh")
      #expect(try file.follower.refresh())
      #expect(try file.listed == all && file.follower.lists.count == 2)
      #expect(try !file.follower.refresh())
    }
  }

  @Test func `the base is not read again for lines that are appended`() throws {
    let base = filler(20_000) + jti("a") + filler(20_000)
    var file = try Followed(base)
    // The documented price: an edit in the middle goes unseen while the file grows.
    file.patch(jti("b"), at: 20_000)
    file.append(jti("c"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "ac")
    file.touch()
    #expect(try file.follower.refresh())
    #expect(try file.listed == "bc", "the same size and another time")
  }

  @Test func `the earliest revocation counts, whichever part it stands in`() throws {
    var file = try Followed(
      """
      {"jti":"a","revoked_at":5}
      {"jti":"b","revoked_at":9}
      {"jti":"c"}
      {"jti":"d","revoked_at":9}

      """)
    file.append(
      """
      {"jti":"a","revoked_at":9}
      {"jti":"b","revoked_at":5}
      {"jti":"c","revoked_at":5}
      {"jti":"d"}
      {"jti":"e","revoked_at":5}

      """)
    #expect(try file.follower.refresh())
    let lists = file.follower.lists
    try #require(lists.count == 2)
    for (name, time) in [("a", 5), ("b", 5), ("c", nil), ("d", nil), ("e", 5)] {
      let expected = Denylist.Match(revokedAt: time.map { Timestamp(seconds: Int64($0)) })
      let claims = #"{"jti":"\#(name)"}"#
      #expect(try lists.match(claims: claims) == expected, "\(name)")
      #expect(try Array(lists.reversed()).match(claims: claims) == expected, "\(name)")
    }
    #expect(try lists.match(claims: #"{"jti":"f"}"#) == nil)
  }

  @Test func `a part that has grown beyond its bounds joins the base`() throws {
    var file = try Followed(jti("a"))
    file.append(filler(1 << 19) + jti("b"))
    #expect(try file.follower.refresh())
    #expect(file.follower.lists.count == 2)
    file.append(filler(1 << 19) + jti("c"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "abc" && file.follower.lists.count == 1)
    file.append(jti("d"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "abcd" && file.follower.lists.count == 2)
  }

  // MARK: The last line

  @Test func `a line may be torn anywhere, and is in force once it is whole`() throws {
    let line = #"{"iss":"é","jti":"b","revoked_at":7}"#
    let claims = #"{"iss":"é","jti":"b"}"#
    let expected = Denylist.Match(revokedAt: Timestamp(seconds: 7))
    for isAppended in [false, true] {
      for count in 0...line.utf8.count {
        let start = jti("a") + String(decoding: line.utf8.prefix(count), as: UTF8.self)
        // Cut within the character that would become another one here.
        guard start.hasSuffix(line.prefix(count)) || !start.contains("\u{fffd}") else { continue }
        var file = try Followed(isAppended ? "" : start)
        if isAppended {
          file.append(start)
          #expect(try file.follower.refresh())
        }
        #expect(
          try file.follower.lists.match(claims: claims)
            == (count == line.utf8.count ? expected : nil))
        file.append(String(decoding: line.utf8.dropFirst(count), as: UTF8.self) + "\n" + jti("c"))
        #expect(try file.follower.refresh())
        #expect(try file.follower.lists.match(claims: claims) == expected, "\(count)")
        #expect(try file.listed == "ac")
      }
    }
  }

  @Test func `an entry without a newline is in force as long as it stands there`() throws {
    var file = try Followed(jti("a") + #"{"jti":"b"}"#)
    #expect(try file.listed == "ab")
    file.append("\n")
    #expect(try file.follower.refresh())
    #expect(try file.listed == "ab")
    file.append(#"{"jti":"c"}"#)
    #expect(try file.follower.refresh())
    #expect(try file.listed == "abc")

    file = try Followed(jti("a") + #"{"jti":"b"}"#)
    file.patch(jti("c") + jti("d"), at: jti("a").utf8.count)
    #expect(try file.follower.refresh())
    #expect(try file.listed == "acd", "it had no end yet, and became another one")

    file.append(#"{"jti":"b"}"#)
    #expect(try file.follower.refresh())
    file.append(jti("e"))
    #expect(throws: KeyringError(.badFormat, "")) { try file.follower.refresh() }
    #expect(try file.listed == "abcd")
  }

  // MARK: Other changes

  @Test(arguments: [0, 64 << 20])
  func `a file that was replaced is read whole`(largeFrom: Int) throws {
    var file = try Followed(jti("a") + jti("b"), largeFrom: largeFrom)
    file.append(jti("c"))
    #expect(try file.follower.refresh())
    for (text, listed) in [
      (jti("d"), "d"), (jti("a"), "a"), (jti("e") + jti("f") + jti("b"), "bef"), ("", ""),
      (jti("a") + jti("b"), "ab"), (jti("a") + jti("b") + #"{"jti":"c"}"#, "abc"),
      (jti("a") + #"{"jti":""#, "a"),
    ] {
      try file.replace(text)
      #expect(try file.follower.refresh())
      #expect(try file.listed == listed && file.follower.lists.count <= 2)
      #expect(try !file.follower.refresh())
      file.append(text.hasSuffix("\n") ? "\n" : " ")
      #expect(try file.follower.refresh())
      #expect(try file.listed == listed)
    }
  }

  @Test func `a file that replaced one which it resembles is read whole`() throws {
    let (start, end) = (filler(20_000), filler(20_000) + jti("b"))
    var file = try Followed(start + jti("a") + end)
    try file.replace(start + jti("c") + end + jti("d"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "bcd")
    // Many a file system would give the number of the first one to the third.
    try file.replace("")
    try file.replace(start + jti("e") + end + jti("d") + jti("f"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "bdef")
  }

  @Test(arguments: [0, 64 << 20])
  func `a file that was cut is read whole`(largeFrom: Int) throws {
    var file = try Followed(jti("a") + jti("b"), largeFrom: largeFrom)
    file.append(jti("c") + jti("d"))
    #expect(try file.follower.refresh())
    for (count, listed) in [(3, "abc"), (1, "a"), (0, "")] {
      file.cut(to: count * jti("a").utf8.count)
      #expect(try file.follower.refresh())
      #expect(try file.listed == listed)
      file.append(jti("f"))
      #expect(try file.follower.refresh())
      #expect(try file.listed == listed + "f")
    }
  }

  /// The base is several samples long; `c` is appended to it, then a longer end after each edit.
  @Test(arguments: ["start", "end of the base", "end"])
  func `an edit in place is seen at the ends while the file grows`(place: String) throws {
    let middle = jti("b") + filler(20_000)
    var file = try Followed(jti("a") + filler(20_000) + middle + jti("d"))
    let baseEnd = try file.size
    file.append(filler(10_000) + jti("e"))
    #expect(try file.follower.refresh())
    let size = try file.size
    let line = jti("a").utf8.count
    // Where no sample is: read only if the file is read whole.
    file.patch(jti("f"), at: baseEnd - line - middle.utf8.count)
    switch place {
    case "start": file.patch(jti("c"), at: 0)
    case "end of the base": file.patch(jti("c"), at: baseEnd - line)
    default: file.patch(jti("c"), at: size - line)
    }
    file.append(jti("c"))
    #expect(try file.follower.refresh())
    let gone: Character = ["start": "a", "end of the base": "d"][place] ?? "e"
    #expect(try file.listed == "acdef".filter { $0 != gone })
  }

  @Test(arguments: [0, 64 << 20])
  func `the same size and another time is another list`(largeFrom: Int) throws {
    var file = try Followed(jti("a"), largeFrom: largeFrom)
    file.rewrite(jti("b"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "b")
    try file.replace(jti("c"))
    #expect(try file.follower.refresh())
    #expect(try file.listed == "c")
  }

  @Test func `a list tells its memory`() throws {
    let ids = (0..<10_000).map { jti("0f8fad5b-d9cb-469f-a165-\(100_000_000_000 + $0)") }.joined()
    let octets = try Followed(ids).follower.lists[0].memoryOctets
    #expect((280_000...500_000).contains(octets), "\(octets)")
    #expect(Denylist().memoryOctets == 0)
  }
}
