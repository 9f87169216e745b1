// What a token is good for, as a list of words (RFC 6749 section 3.3).
// Owns: its grammar and comparing two. Must never: make one wider.

package import JOSE

/// A scope's words, in the order in which they were given, each once. Words differ by case.
package struct Scope: Sendable, Equatable {
  package private(set) var words: [ByteString] = []

  /// Comparing two takes time by the product of their lengths.
  private static let mostOctets = 4096

  /// nil for a text that is no scope, or longer than 4096 octets. An empty one is a scope: forms send
  /// it for none.
  package init?(_ text: ByteString) {
    guard !text.isEmpty else { return }
    guard text.bytes.count <= Self.mostOctets else { return nil }
    for word in text.bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
      guard !word.isEmpty, word.allSatisfy(Self.isAllowed) else { return nil }
      let word = ByteString(Array(word))
      if !words.contains(word) { words.append(word) }
    }
  }

  private static func isAllowed(_ octet: UInt8) -> Bool {
    octet > 0x20 && octet < 0x7f && octet != UInt8(ascii: "\"") && octet != UInt8(ascii: "\\")
  }

  package var isEmpty: Bool { words.isEmpty }

  func isWithin(_ other: Scope) -> Bool { words.allSatisfy(other.words.contains) }

  /// The words that stand in `other` too.
  func limited(to other: Scope) -> Scope {
    var limited = self
    limited.words.removeAll { !other.words.contains($0) }
    return limited
  }

  package mutating func add(_ other: Scope) {
    words += other.words.filter { !words.contains($0) }
  }

  /// As it stands in a claim; nil for no word.
  var text: ByteString? {
    isEmpty ? nil : ByteString(Array(words.map(\.bytes).joined(separator: [UInt8(ascii: " ")])))
  }
}
