// What these tests share: fresh folders, seeded randomness, pipes, chunks made by hand.
// Owns: everything it makes. Must never: leave a file behind or depend on a machine's paths.

import Files
import JOSE
import Synchronization
import Testing

@testable import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of its own, removed with all that is in it when the last owner lets go.
final class Folder: Sendable {
  let path: String

  init() {
    // A closed pipe is an error to be tested here, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let base = Process.environment("TMPDIR") ?? "/tmp"
    var template = Array("\(base)/jotmill-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no folder can be made in \(base)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.removeTree(path) }

  private static func removeTree(_ path: String) {
    if let status = try? OpenFile.status(at: path, followsLinks: false), status.kind == .directory {
      for name in (try? OpenFile.open(path, .readDirectory).names()) ?? [] {
        removeTree("\(path)/\(name)")
      }
      rmdir(path)
    } else {
      unlink(path)
    }
  }

  func file(_ name: String, _ contents: [UInt8]) throws -> String {
    try OpenFile.open(path, .readDirectory).create(name, contents: contents, mode: 0o600)
    return "\(path)/\(name)"
  }

  /// An output that is written in place, without the cost of making it durable.
  func output(_ name: String) throws -> OutputFile {
    let target = try file("\(name).bin", [])
    symlink(target, "\(path)/\(name)")
    return try OutputFile("\(path)/\(name)")
  }

  func contents(_ name: String) throws -> [UInt8] {
    try OpenFile.open("\(path)/\(name)", .read).readAll()
  }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

/// A pipe whose reading end a run opens by name.
final class Pipe: Sendable {
  private let reading: Int32
  private let writing: Mutex<Int32>

  init() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { fatalError("no pipe can be made") }
    reading = ends[0]
    writing = Mutex(ends[1])
  }

  deinit {
    finish()
    close(reading)
  }

  var name: String { "/dev/fd/\(reading)" }

  func write(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while !rest.isEmpty {
      let n = writing.withLock { fd in
        rest.withUnsafeBytes { systemWrite(fd, $0.baseAddress!, $0.count) }
      }
      guard n > 0 else { return }
      rest = rest.dropFirst(n)
    }
  }

  /// The end of what the run reads.
  func finish() {
    writing.withLock { fd in
      if fd >= 0 { close(fd) }
      fd = -1
    }
  }
}

/// Gives a file a time of its own: two changes may fall in one tick of the clock.
func touch(_ path: String, _ seconds: Int) {
  let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
  utimensat(AT_FDCWD, path, times, 0)
}

private func systemWrite(_ fd: Int32, _ from: UnsafeRawPointer, _ count: Int) -> Int {
  write(fd, from, count)
}

extension Chunk {
  /// Whole lines, as the reader would hand them out.
  init(_ text: [UInt8], now: Timestamp = Timestamp(seconds: 0), firstLine: Int = 1) {
    self.init()
    bytes = text
    count = text.count
    lineCount = text.split(separator: 10, omittingEmptySubsequences: false).count
    self.now = now
    self.firstLine = firstLine
  }

  init(_ text: String, now: Timestamp = Timestamp(seconds: 0)) {
    self.init(Array(text.utf8), now: now)
  }
}

extension ChunkProcessor {
  /// What this processor makes of one chunk of lines.
  mutating func result(_ text: String, now: Timestamp = Timestamp(seconds: 0)) throws -> ChunkResult
  {
    var result = ChunkResult()
    try process(Chunk(text, now: now), into: &result)
    return result
  }

  /// The lines that this processor writes for one chunk.
  mutating func lines(_ text: String, now: Timestamp = Timestamp(seconds: 0)) throws -> [String] {
    try result(text, now: now).output.lines
  }
}

extension [UInt8] {
  var text: String { String(decoding: self, as: UTF8.self) }

  /// The lines of complete output: the newline that ends the last one stands for no further line.
  var lines: [String] {
    var all = split(separator: 10, omittingEmptySubsequences: false).map { Array($0).text }
    if all.last == "" { all.removeLast() }
    return all
  }
}

/// The processor time of the calling thread in `body`, in nanoseconds: other tests are none of it.
func threadTime(_ body: () throws -> Void) rethrows -> Int {
  func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
  let start = now()
  try body()
  return now() - start
}

/// Keys and tokens for tests.
enum Sample {
  static func secret(_ kid: String? = "k1", _ octets: Int = 64, fill: UInt8 = 7) -> JWK {
    var bytes = [UInt8](repeating: fill, count: octets)
    var jwk = JWK(secret: SecretBytes(consuming: &bytes))
    jwk.kid = kid.map { ByteString($0) }
    return jwk
  }

  static func keySet(_ keys: JWK...) -> KeySet {
    var set = KeySet()
    for key in keys { #expect(set.add(key, source: "test") == nil) }
    return set
  }

  /// Keys that never change.
  static func keys(_ keys: JWK...) -> VerificationKeys {
    var set = KeySet()
    for key in keys { #expect(set.add(key, source: "test") == nil) }
    return VerificationKeys(set)
  }

  /// A compact JWS over exactly these texts.
  static func token(
    _ payload: String, header: String = "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
    _ jwk: JWK = secret(), _ algorithm: Algorithm = .hs256
  ) throws -> String {
    var made = Base64URL.encode(Array(header.utf8)) + [UInt8(ascii: ".")]
    made += Base64URL.encode(Array(payload.utf8))
    var signature: [UInt8] = []
    try Signer(jwk, algorithm).sign(made.span, 0..<made.count, into: &signature)
    return (made + [UInt8(ascii: ".")] + Base64URL.encode(signature)).text
  }

  /// The decoded segment of a token.
  static func segment(_ index: Int, of token: String) -> String {
    let parts = Array(token.utf8).split(
      separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard index < parts.count else { return "" }
    return Base64URL.decode(Array(parts[index]))?.text ?? ""
  }
}
