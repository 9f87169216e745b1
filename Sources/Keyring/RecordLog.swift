// A file of lines in the ring to which several processes append: what stands in it, read once, and
// what is added, durable before anybody is told.
// Owns: the lock beside the file, following what others append and replace, and bringing the file
// back after a failure. Must never: let half a line meet another one, report what is not durable, or
// cut a line that is whole.

internal import Files
internal import JOSE

/// What keeps the lines of a `RecordLog` in memory.
protocol RecordLogReader {
  /// The file is another one: what was taken does not count any more.
  mutating func forget()
  /// So many octets of lines are about to come.
  mutating func expect(octets: Int)
  /// A line, without its newline. After a failed call the same lines may come again.
  mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(BadLine)
}

/// What is wrong with a line; whoever reads the file knows which one it is.
struct BadLine: Error {
  var what: String
  init(_ what: String) { self.what = what }
}

/// Every process that writes holds `NAME.lock` for as long as it looks, appends and syncs. The file
/// may be replaced under that lock, by `rename`: the others notice and read it anew. Whoever takes
/// the lock and finds a last line without a newline knows that its writer is dead: it ends the line
/// where that is whole, as a person's may be, and else cuts it. So within the lock the file is
/// whole lines, and such lines are never changed.
///
/// A lock on the file itself would be let go of by replacing it, and could be held by anybody who may
/// read it.
///
/// Thread rule: a value; its owner sees to it that one call is made at a time.
struct RecordLog: Sendable {
  /// Lines to append.
  struct Lines {
    var octets: [UInt8] = []
    var count = 0
  }

  let name: String
  private let directory: OpenFile
  /// Only for the ring's owner; else a file that anybody may read.
  private let isPrivate: Bool
  private var file: OpenFile?
  private var seen: FileStatus?
  /// Up to where lines were taken, how many, and the last octets of them.
  private var end = 0
  private var line = 0
  private var mark: [UInt8] = []
  /// Nothing stands in the file that might not be on the disk.
  private var isSynced = false

  /// A line, its newline included, is no longer.
  static let mostOctets = DenylistReader.mostOctets
  private static let markOctets = 64
  /// What is more than this is read without holding up others.
  private static let mostUnderLock = 4 << 20

  init(_ name: String, in directory: OpenFile, isPrivate: Bool) {
    (self.name, self.directory, self.isPrivate) = (name, directory, isPrivate)
  }

  var path: String { "\(directory.path)/\(name)" }

  /// What stands beside a file that several processes change.
  static func lockName(of name: String) -> String { "\(name).lock" }

  // MARK: What there is to do

  /// Reads what is new in the file, if there is one.
  mutating func catchUp(_ reader: inout some RecordLogReader) throws {
    var size: Int?
    repeat {
      if let size { try read(to: size, &reader) }
      size = try withLock { try look(creates: false, &reader) }
    } while size! > end
  }

  /// Reads what is new, and appends the lines that are then asked for: when this returns, they and
  /// all that was read are durable. When it throws, none of them was appended, as far as anybody can
  /// see to it: if the file can't be brought back either, whole lines of them may stay.
  mutating func append<R: RecordLogReader>(
    _ reader: inout R, _ lines: (inout R) throws -> Lines
  ) throws {
    var size: Int?
    repeat {
      if let size { try read(to: size, &reader) }
      size = try withLock {
        let size = try look(creates: true, &reader)
        guard size - end <= Self.mostUnderLock else { return size }
        try read(to: size, &reader)
        try write(try lines(&reader))
        return nil
      }
    } while size != nil
  }

  /// Replaces the file by one without the lines that `keeps` says no to, if there are any. Returns
  /// how many. Others who append wait.
  mutating func prune<R: RecordLogReader>(
    _ reader: inout R, keeps: (inout R, Span<UInt8>, Range<Int>) throws(BadLine) -> Bool
  ) throws -> Int {
    try withLock {
      let size = try look(creates: false, &reader)
      guard let file, let seen else { return 0 }
      var dropped = 0
      let mode = isPrivate ? 0o600 : seen.mode
      let owner = Process.userID == 0 && seen.owner != 0 ? seen.owner : nil
      try directory.replace(name, mode: mode, owner: owner) { output in
        var kept: [UInt8] = []
        var number = 0
        try Self.eachLine(of: file, 0..<size) { bytes, range in
          number += 1
          do throws(BadLine) {
            guard try keeps(&reader, bytes, range) else {
              dropped += 1
              return
            }
          } catch { throw bad(number, error) }
          kept.append(bytes, range)
          kept.append(UInt8(ascii: "\n"))
          if kept.count >= 1 << 20 {
            try output.write(kept)
            kept.removeAll(keepingCapacity: true)
          }
        }
        try output.write(kept)
        return dropped > 0
      }
      return dropped
    }
  }

  /// Reads the file as it stands, without its lock, if there is one. It is not changed: a torn last
  /// line stays and is passed over. Not to be mixed with the other calls.
  mutating func readAside(_ reader: inout some RecordLogReader) throws {
    let opened: OpenFile
    do { opened = try OpenFile.open(name, in: directory, .read, followsLinks: false) } catch {
      guard error.isMissing else { throw error }
      return
    }
    let status = try opened.status()
    try check(status)
    file = opened
    begin(&reader)
    try read(to: Int(status.size), &reader)
    let tail = try octets(end..<max(end, Int(status.size)))
    var document = JSONDocument()
    guard !tail.isEmpty, document.parse(tail) != .syntax else { return }
    do throws(BadLine) { try reader.take(tail.span, 0..<tail.count) } catch {
      throw bad(line + 1, error)
    }
  }

  // MARK: Under the lock

  private func withLock<T>(_ body: () throws -> T) throws -> T {
    let lock = try OpenFile.open(
      Self.lockName(of: name), in: directory, .lock(mode: 0o600), followsLinks: false)
    if let owner = try owner { try lock.setOwner(owner) }
    try lock.lock(waiting: true)
    return try withExtendedLifetime(lock) { try body() }
  }

  /// Whose the files are to be, as `RingDirectory.fileOwner` says.
  private var owner: UInt32? {
    get throws(FileError) {
      guard Process.userID == 0 else { return nil }
      let owner = try directory.status().owner
      return owner == 0 ? nil : owner
    }
  }

  /// Opens the file, makes its last line whole, and returns its size then.
  private mutating func look(creates: Bool, _ reader: inout some RecordLogReader) throws -> Int {
    let opened: OpenFile
    do {
      // Each time: on a network's file system that is when another host's changes are asked for.
      opened = try OpenFile.open(name, in: directory, .append, followsLinks: false)
    } catch {
      guard error.isMissing else { throw error }
      guard file == nil else {
        throw FileError(refusing: path, "has vanished while it was in use; put it back")
      }
      guard creates else { return 0 }
      try directory.create(
        name, contents: [], mode: isPrivate ? 0o600 : 0o644, owner: try owner)
      return try look(creates: false, &reader)
    }
    let status = try opened.status()
    try check(status)
    let size = Int(status.size)
    if file == nil || status.inode != seen?.inode || status.device != seen?.device {
      // Whoever gave it its name may have died before that was durable.
      try directory.sync()
      begin(&reader)
    } else if try size < end || size > end && octets(end - mark.count..<end) != mark {
      // Nobody who holds the lock takes back a line that others may have seen. A person may edit a
      // list that anybody may read; what is forgotten of the other one would be good again.
      guard !isPrivate else {
        throw FileError(refusing: path, "was cut or written over while it was in use; put it back")
      }
      begin(&reader)
    }
    // As long as one of them is open, no other file is given its number.
    (file, seen) = (opened, status)
    guard size > end else { return size }
    isSynced = false
    return try endLastLine(size)
  }

  private mutating func begin(_ reader: inout some RecordLogReader) {
    reader.forget()
    (end, line, mark, isSynced) = (0, 0, [], false)
  }

  private func check(_ status: FileStatus) throws {
    guard status.kind == .regular else {
      throw FileError(refusing: path, "is no regular file")
    }
    if isPrivate { try RingDirectory.checkPrivate(status, path) }
  }

  /// Ends or cuts a last line that has no newline. Returns the size of the file then.
  private func endLastLine(_ size: Int) throws -> Int {
    var tail: [UInt8] = []
    var start = size
    while start > end {
      let from = max(end, start - max(1, min(tail.count, 1 << 20)))
      let found = try octets(from..<start)
      if let newline = found.lastIndex(of: UInt8(ascii: "\n")) {
        tail = Array(found[(newline + 1)...]) + tail
        start = from + newline + 1
        break
      }
      tail = found + tail
      start = from
    }
    guard !tail.isEmpty, let file else { return size }
    var document = JSONDocument()
    if document.parse(tail) == .syntax {
      try file.truncate(to: start)
      return start
    }
    do { try file.write([UInt8(ascii: "\n")]) } catch {
      try? file.truncate(to: size)
      throw error
    }
    return size + 1
  }

  private mutating func write(_ lines: Lines) throws {
    guard let file, !lines.octets.isEmpty || !isSynced else { return }
    do {
      try file.write(lines.octets)
      try file.sync()
    } catch {
      isSynced = false
      if !lines.octets.isEmpty { try? file.truncate(to: end) }
      throw error
    }
    isSynced = true
    end += lines.octets.count
    line += lines.count
    if !lines.octets.isEmpty { mark = Array(lines.octets.suffix(Self.markOctets)) }
  }

  // MARK: Reading

  /// Takes the lines up to `limit`, which is the end of one.
  private mutating func read(to limit: Int, _ reader: inout some RecordLogReader) throws {
    guard let file, end < limit else { return }
    // None, should a line be bad: what stands before it is known all the same.
    mark = []
    reader.expect(octets: limit - end)
    try Self.eachLine(of: file, end..<limit) { bytes, range in
      do throws(BadLine) { try reader.take(bytes, range) } catch { throw bad(line + 1, error) }
      line += 1
      end += range.count + 1
    }
    mark = try octets(max(0, end - Self.markOctets)..<end)
  }

  private func bad(_ line: Int, _ error: BadLine) -> KeyringError {
    KeyringError(.badFormat, "\(path): line \(line): \(error.what)")
  }

  /// Calls `body` with each line of `file` at `range`, which is whole lines.
  private static func eachLine(
    of file: OpenFile, _ range: Range<Int>, _ body: (Span<UInt8>, Range<Int>) throws -> Void
  ) throws {
    try file.seek(to: range.lowerBound)
    var left = range.count
    var buffer = [UInt8](repeating: 0, count: min(left, mostOctets))
    var filled = 0
    while left > 0 {
      let n = try file.read(into: &buffer, at: filled, count: min(buffer.count - filled, left))
      guard n > 0 else { throw FileError(refusing: file.path, "was cut while it was read") }
      left -= n
      filled += n
      var start = 0
      while let newline = buffer.span.firstIndex(of: UInt8(ascii: "\n"), in: start..<filled) {
        try body(buffer.span, start..<newline)
        start = newline + 1
      }
      guard filled - start < mostOctets else {
        throw FileError(refusing: file.path, "a line of it is longer than \(mostOctets >> 20) MiB")
      }
      for i in start..<filled { buffer[i - start] = buffer[i] }
      filled -= start
    }
  }

  private func octets(_ range: Range<Int>) throws(FileError) -> [UInt8] {
    guard let file, !range.isEmpty else { return [] }
    var found = [UInt8](repeating: 0, count: range.count)
    var filled = 0
    try file.seek(to: range.lowerBound)
    while filled < found.count {
      let n = try file.read(into: &found, at: filled, count: found.count - filled)
      if n == 0 { break }
      filled += n
    }
    return Array(found.prefix(filled))
  }
}
