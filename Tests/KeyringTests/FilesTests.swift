// The file calls that rings and runs rest on: replacing, creating, listing, output files.
// Owns: files in temporary folders.

import Files
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct FilesTests {
  private let folder = Folder()

  private func names() throws -> [String] { try folder.directory.names() }

  // MARK: Create and replace

  @Test func `create makes a new file with exactly its mode, and never touches one that exists`()
    throws
  {
    try folder.directory.create("a", contents: [1, 2, 3], mode: 0o640)
    #expect(try folder.mode("a") == 0o640)
    #expect { try folder.directory.create("a", contents: [9], mode: 0o600) } throws: {
      ($0 as? FileError)?.alreadyExists == true
    }
    #expect(try OpenFile.open("\(folder.path)/a", .read).readAll() == [1, 2, 3])
    folder.link("dangling", to: "\(folder.path)/b")
    #expect(throws: FileError.self) {
      try folder.directory.create("dangling", contents: [9], mode: 0o600)
    }
    #expect(try names() == ["a", "dangling"])
  }

  @Test func `replace gives the new contents and mode, and leaves no temporary file`() throws {
    try folder.file("a", "old", mode: 0o600)
    try folder.file(".a.new", "left by a crash", mode: 0o400)
    let reader = try OpenFile.open("\(folder.path)/a", .read)
    try folder.directory.replace("a", contents: Array("new".utf8), mode: 0o644)
    #expect(try folder.contents("a") == "new")
    #expect(try folder.mode("a") == 0o644)
    #expect(try names() == ["a"])
    #expect(
      String(decoding: try reader.readAll(), as: UTF8.self) == "old", "whoever had it keeps it")
    try folder.directory.replace("b", contents: [], mode: 0o600)
    #expect(try folder.contents("b").isEmpty)
  }

  @Test func `replace takes the place of a link and does not follow it`() throws {
    try folder.file("target", "mine")
    folder.link("a", to: "\(folder.path)/target")
    folder.link(".a.new", to: "\(folder.path)/target")
    try folder.directory.replace("a", contents: Array("new".utf8), mode: 0o644)
    #expect(try folder.contents("target") == "mine" && (try folder.contents("a")) == "new")
    #expect(try names() == ["a", "target"])
  }

  @Test func `contents that are written piece by piece replace the file, or leave it`() throws {
    try folder.file("a", "old")
    func write(_ answer: Bool) throws {
      try folder.directory.replace("a", mode: 0o600) { file in
        for text in ["n", "ew"] { try file.write(Array(text.utf8)) }
        return answer
      }
    }
    try write(false)
    #expect(try folder.contents("a") == "old" && (try folder.mode("a")) == 0o644)
    #expect(throws: FileError("fill", "a", EIO)) {
      try folder.directory.replace("a", mode: 0o600) { _ in throw FileError("fill", "a", EIO) }
    }
    #expect(try folder.contents("a") == "old" && (try names()) == ["a"])
    try write(true)
    #expect(try folder.contents("a") == "new" && (try folder.mode("a")) == 0o600)
    #expect(try names() == ["a"])
  }

  @Test func `what is appended goes to the end, wherever it was read, and can be cut`() throws {
    try folder.file("a", "one")
    let file = try OpenFile.open("\(folder.path)/a", .append)
    try file.write(Array("two".utf8))
    try file.seek(to: 1)
    var buffer: [UInt8] = [0, 0]
    #expect(try file.read(into: &buffer, at: 0, count: 2) == 2 && buffer == Array("ne".utf8))
    let other = try OpenFile.open("\(folder.path)/a", .append)
    try other.write(Array("three".utf8))
    try file.write(Array("!".utf8))
    #expect(try folder.contents("a") == "onetwothree!")
    try file.truncate(to: 4)
    try file.write(Array("o".utf8))
    #expect(try folder.contents("a") == "oneto")
    #expect(throws: FileError.self) { try OpenFile.open("\(folder.path)/b", .append) }
    #expect(throws: FileError.self) {
      try OpenFile.open("\(folder.path)/a", .read).truncate(to: 0)
    }
  }

  @Test func `a replace that fails leaves what was there, and no temporary file`() throws {
    try folder.directory.makeDirectory("a", mode: 0o755)
    #expect(throws: FileError.self) {
      try folder.directory.replace("a", contents: [1], mode: 0o644)
    }
    #expect(try names() == ["a"])
  }

  @Test func `names are sorted by their bytes`() throws {
    let all = ["Z", "a", "é", "e\u{301}", "10", "9", ".h", "a b", "a.b", "\u{1}"]
    for name in all { try folder.file(name, "") }
    #expect(
      try names().map { Array($0.utf8) }
        == all.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
    let long = String(repeating: "n", count: 255)
    try folder.file(long, "")
    #expect(try names().contains(long))
  }

  @Test func `removing what is not there is no error, and paths are split at the last slash`()
    throws
  {
    try folder.directory.remove("none")
    for (path, directory, name) in [
      ("a", ".", "a"), ("/a", "/", "a"), ("a/b/c", "a/b", "c"), ("./a", ".", "a"), ("a/", "a", ""),
    ] {
      let found = OpenFile.split(path)
      #expect(found.directory == directory && found.name == name, "\(path)")
    }
  }

  @Test(
    "readAll takes files up to its limit",
    arguments: [0, 1, 99, 100, 101, 65_535, 65_536, 65_537, 300_000])
  func readAll(_ size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    try folder.directory.create("a", contents: bytes, mode: 0o600)
    let path = "\(folder.path)/a"
    for limit in [size, size + 1, size + 70_000] {
      #expect(try OpenFile.open(path, .read).readAll(limit: limit) == bytes)
    }
    if size > 0 {
      #expect { try OpenFile.open(path, .read).readAll(limit: size - 1) } throws: {
        ($0 as? FileError)?.number == 0
      }
    }
  }

  @Test func `errors name the file and what could not be done`() throws {
    let path = "\(folder.path)/none"
    #expect { try OpenFile.open(path, .read) } throws: {
      guard let error = $0 as? FileError else { return false }
      return error.isMissing && error.path == path
        && error.description.hasPrefix("\(path): cannot open: ")
    }
    #expect(try OpenFile.status(at: path) == nil)
    try folder.file("file", "")
    folder.link("link", to: "file")
    #expect(throws: FileError.self) {
      try OpenFile.open("link", in: folder.directory, .read, followsLinks: false)
    }
    #expect(try OpenFile.status(at: "\(folder.path)/link")?.kind == .regular)
    #expect(try folder.directory.status(of: "link")?.kind == .symbolicLink)
  }

  // MARK: Output files

  @Test func `an output file appears only when it is committed`() throws {
    let output = try OutputFile("\(folder.path)/out")
    try output.file.write(Array("done".utf8))
    #expect(!(try names().contains("out")))
    try output.commit()
    #expect(try folder.contents("out") == "done" && (try names()) == ["out"])
    let umaskNow = umask(0)
    umask(umaskNow)
    #expect(try folder.mode("out") == 0o666 & ~UInt16(umaskNow))
  }

  @Test func `a discarded output leaves the old file, and nothing else`() throws {
    try folder.file("out", "old", mode: 0o604)
    let output = try OutputFile("\(folder.path)/out")
    try output.file.write(Array("half".utf8))
    output.discard()
    #expect(try folder.contents("out") == "old" && (try names()) == ["out"])
  }

  @Test(
    "the mode of the file that is replaced is kept",
    arguments: [0o600, 0o640, 0o604, 0o755] as [UInt16])
  func mode(_ mode: UInt16) throws {
    try folder.file("out", "old", mode: mode)
    let output = try OutputFile("\(folder.path)/out")
    try output.file.write(Array("new".utf8))
    try output.commit()
    #expect(try folder.mode("out") == mode && (try folder.contents("out")) == "new")
  }

  @Test func `the target of a link is written in place`() throws {
    try folder.file("target", "something longer", mode: 0o640)
    folder.link("out", to: "\(folder.path)/target")
    let output = try OutputFile("\(folder.path)/out")
    try output.file.write(Array("new".utf8))
    try output.commit()
    #expect(try folder.contents("target") == "new" && (try folder.mode("target")) == 0o640)
    #expect(try folder.directory.status(of: "out")?.kind == .symbolicLink)
    folder.link("broken", to: "\(folder.path)/none")
    #expect(throws: FileError.self) { try OutputFile("\(folder.path)/broken") }
  }

  @Test func `devices are written in place; directories and missing folders are refused`() throws {
    let null = try OutputFile("/dev/null")
    try null.file.write([1])
    try null.commit()
    null.discard()
    #expect(try OpenFile.status(at: "/dev/null")?.kind == .device)
    #expect(throws: FileError("write", "", EISDIR)) { try OutputFile(folder.path) }
    #expect(throws: FileError.self) { try OutputFile("\(folder.path)/none/out") }
    #expect(try names().isEmpty)
  }

  @Test func `two outputs to one name do not mix`() throws {
    let one = try OutputFile("\(folder.path)/out")
    let two = try OutputFile("\(folder.path)/out")
    try one.file.write(Array("one".utf8))
    try two.file.write(Array("two".utf8))
    try two.commit()
    #expect(try folder.contents("out") == "two")
    try one.commit()
    #expect(try folder.contents("out") == "one" && (try names()) == ["out"])
  }

  @Test func `a name as long as a name may be is written too`() throws {
    let name = String(repeating: "n", count: 250)
    let output = try OutputFile("\(folder.path)/\(name)")
    try output.file.write([65])
    try output.commit()
    #expect(try folder.contents(name) == "A")
  }
}
