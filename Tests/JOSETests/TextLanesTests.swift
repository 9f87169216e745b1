// The kernels for public text against plain loops, whatever the processor can do.
// Owns: the comparison. A processor without the instructions answers 0, which is right as well.

import Testing

@testable import JOSE

@Suite struct TextLanesTests {
  private static let letters = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  private func decode(_ text: [UInt8]) -> (taken: Int, octets: [UInt8]) {
    var taken = 0
    let room = text.count / 4 * 3 + TextLanes.slack
    let octets = [UInt8](unsafeUninitializedCapacity: room) { out, count in
      text.withUnsafeBufferPointer { taken = TextLanes.decodeBase64URL($0, into: out) }
      count = taken / 4 * 3
    }
    return (taken, octets)
  }

  /// Six bits a letter, one after the other.
  private func plain(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var bits: UInt32 = 0
    var out: [UInt8] = []
    for (i, letter) in text.enumerated() {
      bits = bits << 6 | UInt32(Self.letters.firstIndex(of: letter)!)
      if i % 4 == 3 { for shift in [16, 8, 0] { out.append(UInt8(bits >> shift & 255)) } }
    }
    return out
  }

  @Test func `letters decode to their bits, and every other octet stops the block it stands in`() {
    var random = SystemRandomNumberGenerator()
    for count in [0, 1, 31, 32, 33, 63, 64, 95, 96, 200, 342] {
      for _ in 0..<20 {
        let text = (0..<count).map { _ in Self.letters.randomElement(using: &random)! }
        let (taken, octets) = decode(text)
        #expect(taken == 0 || taken == count / 32 * 32)
        #expect(octets == plain(text[..<taken]))
      }
    }
    let letters = Set(Self.letters)
    for place in 0..<96 {
      for octet in UInt8.min...UInt8.max {
        var text = [UInt8](repeating: UInt8(ascii: "Q"), count: 96)
        text[place] = octet
        let (taken, octets) = decode(text)
        if taken == 0, place >= 32 { continue }
        #expect(taken == (letters.contains(octet) ? 96 : place / 32 * 32), "\(octet) at \(place)")
        #expect(octets == plain(text[..<taken]))
      }
    }
  }

  @Test func `a word ends at the first octet that is no letter and no dot`() {
    let word = Set(Self.letters + [UInt8(ascii: ".")])
    for place in 0..<96 {
      for octet in UInt8.min...UInt8.max {
        var text = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
        text[place] = octet
        let prefix = TextLanes.wordPrefix(text.span, 0..<100)
        #expect(
          prefix == 0 || prefix == (word.contains(octet) ? 96 : place), "\(octet) at \(place)")
        #expect(TextLanes.wordPrefix(text.span, 50..<70) == 0, "fewer than a block")
      }
    }
  }

  @Test func `where the processor can, the kernels are used`() {
    guard cpuHasAVX2 else { return }
    #expect(decode([UInt8](repeating: UInt8(ascii: "Q"), count: 64)).taken == 64)
    #expect(
      TextLanes.wordPrefix([UInt8](repeating: UInt8(ascii: "."), count: 64).span, 0..<64) == 64)
  }

  private var cpuHasAVX2: Bool {
    guard let file = fopen("/proc/cpuinfo", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1 << 16)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("flags") { return text.split(separator: " ").contains("avx2") }
    }
    return false
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
