// Strict JSON (RFC 8259, SPEC section 9) as a flat list of nodes over the caller's bytes.
// Owns: the shape of a parsed text, and its storage. Must never: copy values, or read a text itself
// (JSONScanner does).

/// Why a text is not acceptable JSON.
package enum JSONFailure: Error, Sendable { case syntax, duplicateMember }

/// One parsed text. `nodes` is reused by the next `parse`; ranges point into the bytes parsed.
///
/// An object's children are name, value, name, value, ...; a value's `next` is the index just
/// behind its last descendant.
package struct JSONDocument: Sendable {
  package enum Kind: UInt8, Sendable { case null, bool, number, string, array, object, name }

  package struct Node: Sendable {
    package var start: UInt32
    package var end: UInt32
    /// A value: the node behind its subtree. A name: a hash of its unescaped bytes.
    package var next: UInt32
    package var kind: Kind
    /// A string or name holds an escape.
    package var escaped: Bool

    /// A string's or name's content without its quotes; any other value's whole text.
    @inlinable package var range: Range<Int> { Int(start)..<Int(end) }
  }

  package static let maxDepth = 64

  package private(set) var nodes: [Node] = []
  /// Whether white space stands anywhere outside strings.
  package private(set) var hasWhitespace = false
  /// The scanner's, kept for their room.
  private var marks: [UInt64] = []

  package init() {}

  /// Parses `bytes[range]`, which must be one value and white space around it. `isPublic`: the text
  /// is no secret, so that the lanes may have it.
  package mutating func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, isPublic: Bool = false
  ) -> JSONFailure? {
    nodes.removeAll(keepingCapacity: true)
    guard range.upperBound <= Int(UInt32.max) else { return .syntax }
    var marks: [UInt64] = []
    swap(&marks, &self.marks)
    defer { swap(&marks, &self.marks) }
    let words = range.count / 64 + 1
    if marks.count < words {
      marks.append(contentsOf: repeatElement(0, count: words - marks.count))
    }
    var result: (failure: JSONFailure?, hasWhitespace: Bool) = (.syntax, false)
    unsafe nodes.append(addingCapacity: JSONScanner.mostNodes(range.count)) { output in
      unsafe output.withUnsafeMutableBufferPointer { nodes, count in
        unsafe marks.withUnsafeMutableBufferPointer { marks in
          unsafe bytes.withUnsafeBufferPointer { octets in
            var scanner = unsafe JSONScanner(octets, range, marks, nodes, isPublic: isPublic)
            unsafe (result.failure, result.hasWhitespace) = (scanner.scan(), scanner.hasWhitespace)
            unsafe count = scanner.count
          }
        }
      }
    }
    hasWhitespace = result.hasWhitespace
    return result.failure
  }

  package mutating func parse(_ bytes: [UInt8]) -> JSONFailure? {
    parse(bytes.span, 0..<bytes.count)
  }
}
