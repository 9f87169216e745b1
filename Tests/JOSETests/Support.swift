// What the test files of JOSE share: seeded randomness, the folder of vectors, small conversions.
// Owns: no test. Must never: name a folder of one machine.

import Foundation
import Testing

@testable import JOSE

/// SplitMix64: small, and the same on every platform for the same seed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// A new seed each run, or `JOTMILL_TEST_SEED`; printed, so that a failure can be seen again.
  init(for test: String) {
    let given = ProcessInfo.processInfo.environment["JOTMILL_TEST_SEED"].flatMap { UInt64($0) }
    state = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): JOTMILL_TEST_SEED=\(state)")
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
}

/// The folder of public vectors, which is no part of the project.
enum Vectors {
  static let folder: URL = {
    if let named = ProcessInfo.processInfo.environment["JOTMILL_VECTORS"], !named.isEmpty {
      return URL(fileURLWithPath: named)
    }
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent("../shared/vectors").standardizedFileURL
  }()

  /// The files of a vector folder, or the one file named; nil, with a note, when it is absent.
  static func files(_ path: String) -> [URL]? {
    let url = folder.appendingPathComponent(path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      print("vectors: the folder was absent, nothing was run: \(url.path)")
      return nil
    }
    guard isFolder.boolValue else { return [url] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return names.sorted().map { url.appendingPathComponent($0) }
  }

  static func ran(_ count: Int, _ path: String) {
    print("vectors: \(count) cases run from \(folder.appendingPathComponent(path).path)")
    #expect(count > 0, "a folder of vectors that is there holds cases")
  }
}

func octets(_ url: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: url)) }

/// The lines of a file that are not empty.
func lines(_ url: URL) throws -> [[UInt8]] {
  try octets(url).split(separator: 0x0a).map { Array($0) }
}

extension String {
  var octets: [UInt8] { Array(utf8) }

  /// The octets that a string of hexadecimal digits spells.
  var unhexed: [UInt8] {
    let digits = Array(utf8).map { hexDigit($0)! }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

extension [UInt8] {
  var text: String { String(decoding: self, as: UTF8.self) }
  var base64url: String { Base64URL.encode(self).text }
}

extension SecretBytes {
  /// A copy, which only a test may want.
  var copied: [UInt8] { reveal { span in span.copy(0..<span.count) } }
}

/// What JSONDocument says of `text`: the same with the lanes and without, and whatever stands around.
func jsonFailure(_ text: [UInt8]) -> JSONFailure? {
  var document = JSONDocument()
  let failure = document.parse(text)
  let nodes = document.nodes
  for (before, behind) in [("", ""), ("", "9"), ("1\"", "\"90}]123456789\\")] {
    let bytes = before.octets + text + behind.octets
    let start = before.utf8.count
    let again = document.parse(bytes.span, start..<start + text.count, isPublic: true)
    #expect(again == failure, "\(text)")
    let areSame = zip(document.nodes, nodes).allSatisfy {
      $0.range == $1.range.lowerBound + start..<$1.range.upperBound + start && $0.next == $1.next
        && $0.kind == $1.kind && $0.escaped == $1.escaped
    }
    #expect(failure != nil || areSame && document.nodes.count == nodes.count, "\(text)")
  }
  return failure
}

/// The error that `body` throws, nil when it throws none.
func failure<T>(_ body: () throws -> T) -> JOSEError? {
  do {
    _ = try body()
    return nil
  } catch let error as JOSEError {
    return error
  } catch {
    Issue.record("an error of another type: \(error)")
    return nil
  }
}

func jwk(_ text: String) throws -> JWK { try JWK.parse(text.octets) }

/// A fresh key for `name`, and a registered name or RFC 9864's.
func newKey(_ name: String) throws -> JWK {
  try JWK.generate(for: try #require(AlgorithmName(name)))
}

// `#expect` cannot take a call with a Span apart, so the tests ask through arrays.
extension JSONDocument {
  mutating func parse(_ bytes: [UInt8], _ range: Range<Int>) -> JSONFailure? {
    parse(bytes.span, range)
  }
  func has(_ index: Int, _ name: StaticString, in bytes: [UInt8]) -> Bool {
    equals(index, name, in: bytes.span)
  }
  func has(_ index: Int, text: ByteString, in bytes: [UInt8]) -> Bool {
    equals(index, text: text, in: bytes.span)
  }
  func find(_ name: StaticString, of object: Int = 0, in bytes: [UInt8]) -> Int? {
    member(name, of: object, in: bytes.span)
  }
  func find(named name: ByteString, in bytes: [UInt8]) -> Int? {
    member(named: name, in: bytes.span)
  }
  func find(at pointer: JSONPointer, in bytes: [UInt8]) -> Int? {
    value(at: pointer, in: bytes.span)
  }
}
