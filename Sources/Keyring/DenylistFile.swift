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
  private var document = JSONDocument()
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
    switch document.parse(bytes, range) {
    case .syntax:
      if isLast || Self.isBlank(bytes, range) { return }
      throw bad(line, "not valid JSON")
    case .duplicateMember: throw bad(line, "a member stands there twice")
    case nil: break
    }
    guard document.nodes[0].kind == .object else { throw bad(line, "not an object") }
    guard !builder.isFull else { throw bad(line, "more entries than a list can hold") }
    try add(try members(bytes), bytes)
  }

  private static func isBlank(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for i in range where bytes[i] != 0x20 && bytes[i] != 0x09 && bytes[i] != 0x0d { return false }
    return true
  }

  private struct Members {
    /// Node of each value.
    var iss: Int?
    var subject: (kind: DenylistTable.Kind, node: Int)?
    var before: NumericDate?
    var revokedAt: NumericDate?
  }

  private func members(_ bytes: Span<UInt8>) throws(KeyringError) -> Members {
    var found = Members()
    var child = 1
    while child < Int(document.nodes[0].next) {
      let value = child + 1
      if let kind = subjectKind(child, bytes) {
        guard found.subject == nil else {
          throw bad(line, "more than one of \"jti\", \"family\", \"sub\" and \"kid\"")
        }
        guard document.nodes[value].kind == .string else {
          throw bad(line, "\"\(name(child, bytes))\" is no string")
        }
        found.subject = (kind, value)
      } else if document.equals(child, "iss", in: bytes) {
        guard document.nodes[value].kind == .string else { throw bad(line, "\"iss\" is no string") }
        found.iss = value
      } else if document.equals(child, "revoked_at", in: bytes) {
        found.revokedAt = try time(child, bytes)
      } else if document.equals(child, "exp", in: bytes) {
        // For pruning: a dead token's entry does no harm here.
        _ = try time(child, bytes)
      } else if document.equals(child, "before", in: bytes) {
        found.before = try time(child, bytes)
      } else if document.equals(child, "type", in: bytes) {
        try checkType(value, bytes)
      } else if !document.equals(child, "reason", in: bytes) {
        throw bad(
          line,
          "member \"\(name(child, bytes))\" is not known; was it written by a later jotmill?")
      }
      child = Int(document.nodes[value].next)
    }
    return found
  }

  private func subjectKind(_ node: Int, _ bytes: Span<UInt8>) -> DenylistTable.Kind? {
    if document.equals(node, "jti", in: bytes) { return .jti }
    if document.equals(node, "sub", in: bytes) { return .sub }
    if document.equals(node, "kid", in: bytes) { return .kid }
    if document.equals(node, "family", in: bytes) { return .family }
    return nil
  }

  /// Says what the token was; its jti is listed for every kind of token all the same.
  private func checkType(_ value: Int, _ bytes: Span<UInt8>) throws(KeyringError) {
    guard document.nodes[value].kind == .string,
      document.equals(value, "access", in: bytes) || document.equals(value, "refresh", in: bytes)
    else { throw bad(line, "\"type\" is neither \"access\" nor \"refresh\"") }
  }

  /// The years that RFC 3339 can write. Milliseconds taken for seconds lie beyond: a revocation
  /// would wait for them for ever.
  private static let firstTime = Timestamp(seconds: -62_167_219_200)
  private static let lastTime = Timestamp(seconds: 253_402_300_799, nanoseconds: 999_999_999)

  /// The time of the member whose name is node `child`.
  private func time(_ child: Int, _ bytes: Span<UInt8>) throws(KeyringError) -> NumericDate {
    let node = document.nodes[child + 1]
    var found: NumericDate?
    switch node.kind {
    case .number:
      let time = NumericDate(bytes, node.range)
      if time.floor >= Self.firstTime, time.floor <= Self.lastTime { found = time }
    case .string:
      if node.escaped {
        let text = document.unescaped(child + 1, in: bytes)
        found = Timestamp(rfc3339: text.span, 0..<text.count).map { NumericDate($0) }
      } else {
        found = Timestamp(rfc3339: bytes, node.range).map { NumericDate($0) }
      }
    default: break
    }
    guard let found else {
      throw bad(line, "\"\(name(child, bytes))\" is neither an RFC 3339 time nor Unix seconds")
    }
    return found
  }

  private func name(_ node: Int, _ bytes: Span<UInt8>) -> String {
    ByteString(document.unescaped(node, in: bytes)).shortened
  }

  private mutating func add(_ members: Members, _ bytes: Span<UInt8>) throws(KeyringError) {
    guard let (kind, node) = members.subject else {
      throw bad(line, "none of \"jti\", \"family\", \"sub\" and \"kid\"")
    }
    guard (kind == .sub) == (members.before != nil) else {
      throw bad(
        line, kind == .sub ? "\"sub\" without \"before\"" : "\"before\" goes with \"sub\" only")
    }
    guard keepsEntries else { return }
    var issuer = DenylistTable.noIssuer
    if let iss = members.iss {
      if document.nodes[iss].escaped {
        let text = document.unescaped(iss, in: bytes)
        issuer = builder.issuer(text.span, 0..<text.count)
      } else {
        issuer = builder.issuer(bytes, document.nodes[iss].range)
      }
    }
    // Below a nanosecond both times move so that more is revoked.
    let before = members.before.map { time in
      let floor = Denylist.nanoseconds(time.floor)
      return time.isAbove && floor < .max ? floor + 1 : floor
    }
    let revokedAt = members.revokedAt.map { Denylist.nanoseconds($0.floor) } ?? Denylist.always
    if document.nodes[node].escaped {
      let text = document.unescaped(node, in: bytes)
      builder.add(
        kind, issuer: issuer, text.span, 0..<text.count, before: before, revokedAt: revokedAt)
    } else {
      builder.add(
        kind, issuer: issuer, bytes, document.nodes[node].range, before: before,
        revokedAt: revokedAt)
    }
  }
}
