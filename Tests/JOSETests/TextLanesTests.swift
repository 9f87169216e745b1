// The kernels for public text against plain loops, at every set of instructions that there is here.
// Owns: the comparison. A processor without the instructions uses less of them: the same is asked.

import Testing

@testable import JOSE

@Suite struct TextLanesTests {
  private typealias Level = TextLanes.Instructions

  // MARK: base64url

  private func decode(_ text: [UInt8], _ level: Level) -> (taken: Int, octets: [UInt8]) {
    var taken = 0
    let room = text.count / 4 * 3 + TextLanes.slack
    // A guard behind the room shows what is written past it.
    var out = [UInt8](repeating: 0xa5, count: room + 64)
    text.withUnsafeBufferPointer { text in
      out.withUnsafeMutableBufferPointer { out in
        taken = TextLanes.decodeBase64URL(text, into: .init(rebasing: out[..<room]), level)
      }
    }
    #expect(out[room...].allSatisfy { $0 == 0xa5 }, "\(text.count) letters fit their room")
    return (taken, Array(out[..<Base64URL.decodedCount(taken)]))
  }

  private func check(_ text: [UInt8], _ level: Level) {
    let (taken, octets) = decode(text, level)
    let whole = SlowBase64URL.decode(text)
    let firstWrong = text.firstIndex { !SlowBase64URL.letters.contains($0) } ?? text.count
    switch level.best {
    case .avx512:
      #expect(taken == (whole != nil ? text.count : firstWrong / 64 * 64), "\(text)")
    case .avx2: #expect(taken == firstWrong / 32 * 32, "\(text)")
    default: #expect(taken == 0)
    }
    #expect(SlowBase64URL.decode(Array(text[..<taken])) == octets)
    // What the whole path says, with the lanes and without.
    for isPublic in [true, false] {
      var out: [UInt8] = [7]
      let isRight = Base64URL.decode(text.span, 0..<text.count, into: &out, isPublic: isPublic)
      #expect(isRight == (whole != nil) && out == [7] + (whole ?? []), "\(text)")
    }
  }

  @Test(arguments: TextLanes.Instructions.allCases)
  func `letters decode to their bits, and every other octet stops the block it stands in`(
    level: TextLanes.Instructions
  ) {
    var random = SeededRandom(for: "lanes of base64url")
    for count in 0...200 {
      for _ in 0..<4 {
        let letters = SlowBase64URL.letters
        check((0..<count).map { _ in letters[random.below(64)] }, level)
        // Right to the last bit.
        check(Base64URL.encode(random.bytes(count)), level)
      }
    }
    for count in [96, 130] {
      for place in [0, 1, 31, 32, 63, 64, 94, 95, 127, 128, 129] where place < count {
        for octet in UInt8.min...UInt8.max {
          var text = [UInt8](repeating: UInt8(ascii: "Q"), count: count)
          text[place] = octet
          check(text, level)
        }
      }
    }
  }

  // MARK: Words

  private func plainWord(_ bytes: [UInt8], _ range: Range<Int>) -> TextLanes.Word {
    let dot = UInt8(ascii: ".")
    let letters = Set(SlowBase64URL.letters + [dot])
    let end = range.first { !letters.contains(bytes[$0]) } ?? range.upperBound
    let dots = (range.lowerBound..<end).filter { bytes[$0] == dot }
    return .init(
      range: range.lowerBound..<end, dots: dots.count, firstDot: dots.first ?? range.lowerBound,
      secondDot: dots.dropFirst().first ?? range.lowerBound)
  }

  @Test(arguments: TextLanes.Instructions.allCases)
  func `a word ends at the first octet that is no letter and no dot`(
    level: TextLanes.Instructions
  ) {
    for place in 0..<140 {
      for octet in UInt8.min...UInt8.max {
        var text = [UInt8](repeating: UInt8(ascii: "x"), count: 140)
        text[place] = octet
        let found = TextLanes.word(text.span, 0..<140, level)
        #expect(found == plainWord(text, 0..<140), "\(octet) at \(place)")
      }
    }
    var random = SeededRandom(for: "lanes of words")
    for _ in 0..<4000 {
      let text = (0..<random.below(300)).map { _ -> UInt8 in
        switch random.below(40) {
        case 0: UInt8(random.below(256))
        case 1...3: UInt8(ascii: ".")
        default: SlowBase64URL.letters[random.below(64)]
        }
      }
      // Letters before and behind the range, which must not be looked at.
      let start = random.below(text.count + 1)
      let range = start..<start + random.below(text.count - start + 1)
      #expect(TextLanes.word(text.span, range, level) == plainWord(text, range))
    }
  }

  // MARK: Strings of JSON

  private func check(marks text: [UInt8], _ level: Level) {
    let words = text.count / 64 + 1
    var marks = [UInt64](repeating: 0x5555, count: words + 2)
    let isMarked = text.withUnsafeBufferPointer { text in
      marks.withUnsafeMutableBufferPointer { marks in
        if level == .portable {
          JSONScanner.mark(text, into: marks)
          return true
        }
        return TextLanes.markJSON(text, into: marks, level)
      }
    }
    guard isMarked else {
      #expect(text.isEmpty || level.best == .portable)
      return
    }
    for i in 0..<words * 64 {
      let isPlain =
        i < text.count && text[i] >= 0x20 && text[i] < 0x80 && text[i] != UInt8(ascii: "\"")
        && text[i] != UInt8(ascii: "\\")
      #expect(marks[i / 64] >> UInt64(i % 64) & 1 == (isPlain ? 0 : 1), "\(i) of \(text)")
    }
    #expect(marks[words...].allSatisfy { $0 == 0x5555 })
  }

  @Test(arguments: TextLanes.Instructions.allCases)
  func `every octet that a string of JSON can't hold is marked, and no other`(
    level: TextLanes.Instructions
  ) {
    var random = SeededRandom(for: "lanes of JSON")
    for count in 0...200 {
      check(marks: [UInt8](repeating: UInt8(ascii: "a"), count: count), level)
      check(marks: random.bytes(count), level)
    }
    for place in [0, 5, 63, 64, 100, 127, 128, 140] {
      for octet in UInt8.min...UInt8.max {
        var text = [UInt8](repeating: UInt8(ascii: "!"), count: 141)
        text[place] = octet
        check(marks: text, level)
      }
    }
  }

  // MARK: The processor

  @Test func `where the processor can, the kernels are used`() {
    #expect(Level.avx2.best == (cpuHas(["avx2"]) ? .avx2 : .portable))
    let hasAll = cpuHas(["avx512f", "avx512bw", "avx512vl", "avx512vbmi"])
    #expect((Level.avx512.best == .avx512) == hasAll)
    #expect(Level.portable.best == .portable)
  }

  private func cpuHas(_ names: [Substring]) -> Bool {
    guard let file = fopen("/proc/cpuinfo", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1 << 16)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("flags") {
        return Set(names).isSubset(of: text.split { $0 == " " || $0 == "\n" })
      }
    }
    return false
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif
