// Comma-separated values (RFC 4180), a record at a time.
// Owns: quotes, commas and line ends. Must never: guess another separator, or pass over a quote that
// does not close.

internal import JOSE

/// The records of a text. A byte order mark in front, which spreadsheets write, is skipped; lines
/// may end in LF alone.
struct CSV {
  struct Record {
    /// The number of its first line.
    var line: Int
    var fields: [ByteString]
  }

  struct Failure: Error {
    var line: Int
    var what: String
  }

  private let text: [UInt8]
  private var at = 0
  private var line = 1

  init(_ text: [UInt8]) {
    self.text = text
    if text.starts(with: [0xef, 0xbb, 0xbf]) { at = 3 }
  }

  /// The next record; nil at the end. Empty lines are none.
  mutating func next() throws(Failure) -> Record? {
    while at < text.count, isLineEnd(at) { endLine() }
    guard at < text.count else { return nil }
    var record = Record(line: line, fields: [])
    while true {
      record.fields.append(ByteString(try field()))
      guard at < text.count, text[at] == UInt8(ascii: ",") else { break }
      at += 1
    }
    if at < text.count { endLine() }
    return record
  }

  private func isLineEnd(_ i: Int) -> Bool {
    text[i] == 0x0a || text[i] == 0x0d && i + 1 < text.count && text[i + 1] == 0x0a
  }

  private mutating func endLine() {
    at += text[at] == 0x0d ? 2 : 1
    line += 1
  }

  private mutating func field() throws(Failure) -> [UInt8] {
    var out: [UInt8] = []
    guard at < text.count, text[at] == UInt8(ascii: "\"") else {
      while at < text.count, text[at] != UInt8(ascii: ","), !isLineEnd(at) {
        guard text[at] != UInt8(ascii: "\"") else {
          throw Failure(line: line, what: "a quote within a field that does not begin with one")
        }
        out.append(text[at])
        at += 1
      }
      return out
    }
    let first = line
    at += 1
    while at < text.count {
      if text[at] == UInt8(ascii: "\"") {
        at += 1
        guard at < text.count, text[at] == UInt8(ascii: "\"") else {
          guard at == text.count || text[at] == UInt8(ascii: ",") || isLineEnd(at) else {
            throw Failure(line: line, what: "something stands behind a field's closing quote")
          }
          return out
        }
      }
      if text[at] == 0x0a { line += 1 }
      out.append(text[at])
      at += 1
    }
    throw Failure(line: first, what: "a quote that does not close")
  }
}
