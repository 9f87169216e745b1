// The search for tokens written the slow way: the text is taken apart into octets first, and words are
// looked for among those.
// Owns: a second opinion. Must never: share code with what it checks.

import Testing

@testable import Pipeline

struct PlainTokenSearch {
  /// One octet of the text, however it is written.
  struct Unit {
    /// nil for one that no word has.
    var octet: UInt8?
    var range: Range<Int>
    var isEscape: Bool { range.count > 1 }
    var isLetter: Bool { octet.map(Self.isLetter) ?? false }
    var isDot: Bool { octet == UInt8(ascii: ".") }

    static func isLetter(_ c: UInt8) -> Bool {
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8.contains(c)
    }
  }

  private let text: [UInt8]
  let units: [Unit]

  init(_ text: [UInt8]) {
    self.text = text
    var units: [Unit] = []
    var at = 0
    while at < text.count {
      var unit = Unit(octet: text[at], range: at..<at + 1)
      if "%\\".utf8.contains(text[at]) {
        for length in (3...32).reversed() where at + length <= text.count {
          guard let octet = Self.meaning(Array(text[at..<at + length])) else { continue }
          unit = Unit(octet: octet, range: at..<at + length)
          break
        }
      }
      // `\n`, and `%5Cn`: the letter is none.
      if units.last?.octet == UInt8(ascii: "\\"), "ntrbf".utf8.contains(text[at]) {
        unit.octet = nil
      }
      units.append(unit)
      at = unit.range.upperBound
    }
    self.units = units
  }

  /// The octet for which `spelling`, all of it, stands; 0 for one beyond them.
  static func meaning(_ spelling: [UInt8]) -> UInt8? {
    func number(_ digits: ArraySlice<UInt8>) -> Int? {
      let text = Array(digits).text
      return text.contains("+") || text.contains("-") ? nil : Int(text, radix: 16)
    }
    func isPercent(_ rest: [UInt8]) -> Bool { rest == [0x25] || meaning(rest) == 0x25 }
    func isBackslashes(_ rest: [UInt8]) -> Bool {
      (1...max(rest.count, 1)).contains { size in
        guard !rest.isEmpty, rest.count % size == 0 else { return false }
        let one = Array(rest.prefix(size))
        let isRow = (0..<rest.count).allSatisfy { rest[$0] == one[$0 % size] }
        return isRow && (one == [0x5c] || meaning(one) == 0x5c)
      }
    }
    guard spelling.count >= 3 else { return nil }
    let (two, rest) = (spelling.suffix(2), Array(spelling.dropLast(2)))
    guard let low = number(two) else { return nil }
    if isPercent(rest) { return UInt8(low) }
    if rest.last == UInt8(ascii: "x"), isBackslashes(Array(rest.dropLast())) { return UInt8(low) }
    guard spelling.count >= 6, let all = number(spelling.suffix(4)),
      spelling[spelling.count - 5] == UInt8(ascii: "u"),
      isBackslashes(Array(spelling.dropLast(5)))
    else { return nil }
    return UInt8(exactly: all) ?? 0
  }

  /// Every word that could be a token or a piece of one.
  func words() -> [TokenWord] {
    var found: [TokenWord] = []
    var (least, at) = (0, 0)
    while at < units.count {
      guard isOpening(at) else {
        at += 1
        continue
      }
      var start = at
      if at > least, units[at - 1].isLetter {
        guard !units[at - 1].isEscape, isBehindControl(at, least) else {
          at += 1
          continue
        }
      } else {
        while start > least, units[start - 1].isLetter || units[start - 1].isDot { start -= 1 }
      }
      var end = at
      while end < units.count {
        if units[end].isLetter || units[end].isDot {
          end += 1
        } else if let next = behindPadding(end) {
          end = next
        } else {
          break
        }
      }
      if let word = word(start..<end) { found.append(word) }
      (least, at) = (end, end)
    }
    return found
  }

  private func isOpening(_ at: Int) -> Bool {
    guard at + 2 < units.count else { return false }
    let three = units[at..<at + 3]
    guard three.first!.isEscape || three.allSatisfy({ !$0.isEscape }) else { return false }
    let bits = Self.bits(three.compactMap(\.octet))
    guard bits.count == 18, let octets = Self.octets(bits) else { return false }
    return octets[0] == UInt8(ascii: "{") && " \t\r\n\"".utf8.contains(octets[1])
  }

  /// `ESC[1;32m`, `#011` or `\011` before the unit at `end`.
  private func isBehindControl(_ end: Int, _ least: Int) -> Bool {
    func octet(_ at: Int) -> UInt8 { at >= least ? units[at].octet ?? 0 : 0 }
    func isPlain(_ at: Int, _ these: String) -> Bool {
      at >= least && !units[at].isEscape && these.utf8.contains(octet(at))
    }
    if isPlain(end - 1, "m") {
      var at = end - 2
      while isPlain(at, "0123456789;"), end - at < 33 { at -= 1 }
      return octet(at) == UInt8(ascii: "[")
    }
    return isPlain(end - 1, "01234567") && isPlain(end - 2, "01234567") && isPlain(end - 3, "0123")
      && "#\\".utf8.contains(octet(end - 4))
  }

  private func behindPadding(_ at: Int) -> Int? {
    for count in 1...2 where at + count + 1 < units.count {
      let signs = units[at..<at + count].allSatisfy { $0.octet == UInt8(ascii: "=") }
      if signs, units[at + count].isDot, units[at + count + 1].isLetter { return at + count + 1 }
    }
    return nil
  }

  private func word(_ range: Range<Int>) -> TokenWord? {
    var letters = units[range].map { $0.octet! }
    let parts = letters.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    func opens(_ part: ArraySlice<UInt8>) -> Bool {
      guard part.count >= 8 else { return false }
      let whole = part.prefix { $0 != UInt8(ascii: "=") }
      guard let octets = Self.octets(Self.bits(Array(whole))) else { return false }
      guard octets[0] == UInt8(ascii: "{"), octets[1] != UInt8(ascii: "}") else { return false }
      let rest = octets.dropFirst().drop { " \t\r\n".utf8.contains($0) }
      return rest.first.map { "\"}".utf8.contains($0) } ?? true
    }
    guard parts.contains(where: opens) else { return nil }
    let isHeader = parts[0].count >= 14 && opens(parts[0])
    var dots = parts.count - 1
    while letters.last == UInt8(ascii: ".") {
      if isHeader, dots == 2, letters[letters.count - 2] != UInt8(ascii: ".") { break }
      letters.removeLast()
      dots -= 1
    }
    let kept = units[range].prefix(letters.count)
    return TokenWord(
      range: kept.first!.range.lowerBound..<kept.last!.range.upperBound,
      isEscaped: units[range].contains(where: \.isEscape), isJWS: isHeader && dots == 2)
  }

  private static func bits(_ letters: [UInt8]) -> [Int] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    return letters.flatMap { letter -> [Int] in
      guard let value = alphabet.firstIndex(of: letter) else { return [] }
      return (0..<6).map { value >> (5 - $0) & 1 }
    }
  }

  /// The whole octets of `bits`, nil if there is none.
  private static func octets(_ bits: [Int]) -> [UInt8]? {
    guard bits.count >= 8 else { return nil }
    return (0..<bits.count / 8).map { i in
      bits[i * 8..<i * 8 + 8].reduce(0) { $0 << 1 | UInt8($1) }
    }
  }
}
