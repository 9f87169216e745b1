// What the tests of a followed denylist share.
// Owns: the followed file and its changes, each with a time of its own.

import Files
import JOSE
import Keyring
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is changed, and its follower.
struct Followed {
  let folder = Folder()
  let path: String
  var follower: DenylistFollower
  private var time = 1_000_000

  /// `contents` nil: no file, and none needed. `largeFrom` 0: every list is a large one.
  init(_ contents: String?, mayBeMissing: Bool = false, largeFrom: Int = 64 << 20) throws {
    path = "\(folder.path)/denylist.ndjson"
    if let contents { try folder.file("denylist.ndjson", contents) }
    follower = try DenylistFollower(
      path: path, mayBeMissing: mayBeMissing || contents == nil, largeFrom: largeFrom)
  }

  func has(_ jti: String) throws -> Bool {
    try follower.lists.match(claims: #"{"jti":"\#(jti)"}"#) != nil
  }

  /// Those of the names a to f that are listed.
  var listed: String {
    get throws { try "abcdef".filter { try has(String($0)) } }
  }

  var size: Int { get throws { Int(try OpenFile.status(at: path)?.size ?? 0) } }

  // MARK: Changes

  mutating func append(_ text: String) { change(text, O_WRONLY | O_APPEND) }

  /// The same file with other contents.
  mutating func rewrite(_ text: String) { change(text, O_WRONLY | O_TRUNC) }

  /// Another file of the same name.
  mutating func replace(_ text: String) throws {
    unlink("\(path).new")
    try folder.file("denylist.ndjson.new", text)
    replace(with: "\(path).new")
  }

  mutating func replace(with other: String) {
    rename(other, path)
    touch()
  }

  /// Octets in place of others; beyond the end, the file grows.
  mutating func patch(_ text: String, at offset: Int) {
    change(text, O_WRONLY, at: offset)
  }

  mutating func cut(to size: Int) {
    _ = truncate(path, size)
    touch()
  }

  func remove() { unlink(path) }

  private mutating func change(_ text: String, _ flags: Int32, at offset: Int = 0) {
    let file = open(path, flags)
    precondition(file >= 0, "the file is there")
    lseek(file, offset, SEEK_SET)
    let bytes = Array(text.utf8)
    precondition(write(file, bytes, bytes.count) == bytes.count, "all is written")
    close(file)
    touch()
  }

  /// Two changes within one tick of the clock can't be told apart by their time.
  mutating func touch() {
    time += 1
    let times = [timespec(tv_sec: time, tv_nsec: 0), timespec(tv_sec: time, tv_nsec: 0)]
    utimensat(AT_FDCWD, path, times, 0)
  }
}

extension [Denylist] {
  func match(claims: String, kid: String? = nil) throws -> Denylist.Match? {
    let bytes = [UInt8](claims.utf8)
    var parsed = Claims()
    try #require(parsed.parse(unsigned: bytes.span, 0..<bytes.count) == nil)
    return match(parsed, bytes.span, kid: kid.map { ByteString($0) })
  }
}

func jti(_ text: String) -> String { "{\"jti\":\"\(text)\"}\n" }

/// Lines that say nothing of the names a to f.
func filler(_ octets: Int) -> String {
  (0..<octets / 20).map { _ in "{\"jti\":\"filler...\"}\n" }.joined()
}
