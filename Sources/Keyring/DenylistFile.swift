// The text of denylist.ndjson: one entry a line, read in chunks.
// Owns: the format and what a bad line is called. Must never: take half an entry, pass over a member
// that it does not know, or hold the file whole.

package import Files
internal import JOSE

extension Denylist {
  /// Reads the list at `path`. Throws `FileError`, `isMissing` without a file, or `.badFormat`,
  /// which names the line.
  public static func load(_ path: String) throws -> Denylist {
    try load(try OpenFile.open(path, .read))
  }

  /// Reads `file` from where it stands to its end.
  package static func load(_ file: OpenFile) throws -> Denylist {
    var reader = DenylistReader(file.path)
    let read = try reader.readLines(file)
    try reader.readLast(read.rest)
    return reader.finish()
  }
}

/// Turns lines into entries, or only checks them.
struct DenylistReader: ~Copyable {
  /// What was read of a file.
  struct Pass {
    static let sampleOctets = 4096

    /// How many the whole lines have, their newlines included.
    private(set) var octets = 0
    /// The first and the last of these octets, up to `sampleOctets`.
    private(set) var head: [UInt8] = []
    private(set) var tail: [UInt8] = []
    /// What follows the last newline.
    fileprivate(set) var rest: [UInt8] = []

    fileprivate mutating func add(_ bytes: Span<UInt8>, _ range: Range<Int>) {
      octets += range.count
      head += bytes.copy(range.prefix(Self.sampleOctets - head.count))
      tail += bytes.copy(range.suffix(Self.sampleOctets))
      tail.removeFirst(max(0, tail.count - Self.sampleOctets))
    }
  }

  /// A line, its newline included, is no longer.
  static let mostOctets = 1 << 20

  private let path: String
  private let keepsEntries: Bool
  private var builder = DenylistBuilder()
  private var parser = DenylistLine()
  /// The number of the last line that was read.
  private(set) var line: Int

  /// For lines after number `line` of the file at `path`. `keepsEntries: false` checks them within
  /// bounded memory, and leaves the list empty.
  init(_ path: String, after line: Int = 0, keepsEntries: Bool = true) {
    self.path = path
    self.line = line
    self.keepsEntries = keepsEntries
  }

  consuming func finish() -> Denylist { Denylist(builder.finish()) }

  /// Reads the whole lines of `file` from where it stands to its end, or of its next `limit` octets.
  mutating func readLines(_ file: OpenFile, limit: Int = .max) throws -> Pass {
    var pass = Pass()
    var buffer = [UInt8](repeating: 0, count: Self.mostOctets)
    var filled = 0
    while true {
      let room = min(buffer.count, limit - pass.octets) - filled
      let n = try file.read(into: &buffer, at: filled, count: room)
      if n == 0 {
        pass.rest = Array(buffer.prefix(filled))
        return pass
      }
      filled += n
      var start = 0
      while let newline = buffer.span.firstIndex(of: UInt8(ascii: "\n"), in: start..<filled) {
        try read(buffer.span, start..<newline, isLast: false)
        start = newline + 1
      }
      guard filled - start < Self.mostOctets else {
        throw bad(line + 1, "longer than \(Self.mostOctets >> 20) MiB")
      }
      pass.add(buffer.span, 0..<start)
      for i in start..<filled { buffer[i - start] = buffer[i] }
      filled -= start
    }
  }

  /// Reads what follows the last newline.
  mutating func readLast(_ rest: [UInt8]) throws(KeyringError) {
    if !rest.isEmpty { try read(rest.span, 0..<rest.count, isLast: true) }
  }

  private func bad(_ line: Int, _ what: String) -> KeyringError {
    KeyringError(.badFormat, "\(path): line \(line): \(what)")
  }

  /// Reads one line. `isLast`: no newline follows, so that a writer may have died within it.
  private mutating func read(
    _ bytes: Span<UInt8>, _ range: Range<Int>, isLast: Bool
  ) throws(KeyringError) {
    line += 1
    let found: DenylistLine.Members?
    do throws(BadLine) { found = try parser.members(bytes, range, isLast: isLast) } catch {
      throw bad(line, error.what)
    }
    guard let found, keepsEntries else { return }
    guard !builder.isFull else { throw bad(line, "more entries than a list can hold") }
    add(found, bytes)
  }

  private mutating func add(_ members: DenylistLine.Members, _ bytes: Span<UInt8>) {
    var issuer = DenylistTable.noIssuer
    if let iss = members.iss {
      if let text = parser.unescaped(iss, bytes) {
        issuer = builder.issuer(text.span, 0..<text.count)
      } else {
        issuer = builder.issuer(bytes, parser.document.nodes[iss].range)
      }
    }
    if let text = parser.unescaped(members.subject, bytes) {
      builder.add(
        members.kind, issuer: issuer, text.span, 0..<text.count, before: members.before,
        revokedAt: members.revokedAt)
    } else {
      builder.add(
        members.kind, issuer: issuer, bytes, parser.document.nodes[members.subject].range,
        before: members.before, revokedAt: members.revokedAt)
    }
  }
}
