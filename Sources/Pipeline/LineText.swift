// What every processor does with a line: take its blanks off, open the JSON object that answers it.
// Owns: nothing of a line's meaning.

internal import JOSE

enum LineText {
  /// `range` without the blanks and the CR at its ends.
  static func trim(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    return start..<end
  }

  @inline(__always)
  static func isBlank(_ c: UInt8) -> Bool {
    c == UInt8(ascii: " ") || c == UInt8(ascii: "\t") || c == UInt8(ascii: "\r")
  }

  /// Appends `{"line":7,"file":"…"`, the file only where there are names of inputs.
  static func open(_ line: Int, _ input: Int, _ names: [ByteString]?, to out: inout [UInt8]) {
    out.append("{\"line\":")
    out.append(decimal: line)
    if let names {
      out.append(",\"file\":")
      JSONText.appendString(names[input], to: &out)
    }
  }
}
