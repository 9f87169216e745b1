// A denylist file followed through a long run: what is in force, and when what is read anew.
// Owns: telling growth from replacement, and the memory that a reload takes. Must never: let go of a
// list for a file that is missing or bad, or wait for a file that is no longer a regular one.

internal import Files

/// The entries of one file, as they were at the last refresh that succeeded.
///
/// Of a file that has grown only what follows the first list, the base, is read, into a second one;
/// once that is more than a quarter of the base and 1 MiB, or the file is otherwise different, all
/// is read. A file has grown if it is the same one, has another size, no less than what was read,
/// and holds the same octets at its start and before each end that was read up to. Not noticed is
/// who edits the middle in place and lets the file grow at the same time, or keeps its size and does
/// so within one tick of the file system's clock: a file that is replaced, by `rename`, always is.
///
/// A last line without a newline is in force if it is an entry. It never joins the base, since it
/// may yet become another one.
///
/// A list is loaded beside the old one, which a large one must not be: then the file is checked line
/// by line before the old list is let go. `refresh` lasts as long as `Denylist.load`, or a large
/// list's check and load.
///
/// A pipe or a device is read once, by `init`, and never looked at again.
///
/// Thread rule: a value; `refresh` needs it alone.
package struct DenylistFollower: Sendable {
  private let path: String
  /// From how many octets of memory on a list makes room before another one is loaded.
  private let largeFrom: Int
  private var parts = Parts()
  /// The file as it was just before what is in force was read; nil when there was none. A refresh
  /// that fails leaves it, so that the next one tries again.
  private var seen: FileStatus?
  /// That file, kept open: as long as it is, no other one is given its number.
  private var held: OpenFile?
  private var isLost = false
  private var isFollowed = true

  /// Throws as `Denylist.load` does. A file that may be missing counts as an empty list until it
  /// appears.
  package init(path: String, mayBeMissing: Bool, largeFrom: Int = 64 << 20) throws {
    self.path = path
    self.largeFrom = largeFrom
    do {
      let file = try OpenFile.open(path, .read)
      let status = try file.status()
      parts = try Parts(file)
      isFollowed = status.kind == .regular
      seen = status
      held = isFollowed ? file : nil
    } catch let error as FileError where error.isMissing && mayBeMissing {}
  }

  /// What must be asked, all of it: none, a base, what was appended since, or both.
  ///
  /// A copy keeps its memory: let go of them before `refresh`, or the old list stays beside the new.
  package var lists: [Denylist] { [parts.base, parts.appended].filter { !$0.isEmpty } }

  /// Looks at the file again: one call of the kernel if nothing changed. Whether `lists` may now
  /// answer otherwise.
  ///
  /// Throws `FileError` or `KeyringError` if the file can't be read, has a bad line, is no regular
  /// file any more, or has vanished after it was there: the old lists then stay in force, since a
  /// missing list would let all revoked tokens in, and the next call tries again, even with a file
  /// that did not change.
  ///
  /// Throws `DenylistLost` if no list is in force any more: nothing may be judged until a later call
  /// succeeds. Only a file that fails to be read, or is edited in place, between the check of a
  /// large list's successor and its loading brings that about.
  package mutating func refresh() throws -> Bool {
    guard isFollowed else { return false }
    do {
      let status = try OpenFile.status(at: path)
      guard status != seen || isLost else { return false }
      try read(status)
      isLost = false
      return true
    } catch {
      throw isLost ? DenylistLost(path: path, cause: error) : error
    }
  }

  private mutating func read(_ status: FileStatus?) throws {
    guard let status else {
      throw FileError(refusing: path, "has vanished; only an empty file would lift its entries")
    }
    // Before it is opened too: that may have effects on a pipe's other end, or a device.
    try checkKind(status)
    let file = try OpenFile.open(path, .readInput)
    let opened = try file.status()
    try checkKind(opened)
    if try hasGrown(opened, file) {
      try file.seek(to: parts.baseEnd)
      try parts.readAppended(file)
    } else {
      try file.seek(to: 0)
      try readAll(file)
    }
    seen = opened
    held = file
  }

  private func checkKind(_ status: FileStatus) throws(FileError) {
    guard status.kind == .regular else {
      throw FileError(refusing: path, "is no regular file any more")
    }
  }

  /// Whether the file is what was read with lines appended to it, few enough for a list of theirs.
  private func hasGrown(_ status: FileStatus, _ file: OpenFile) throws(FileError) -> Bool {
    guard let seen, status.device == seen.device, status.inode == seen.inode,
      status.size != seen.size, status.size >= parts.end,
      status.size - Int64(parts.baseEnd) <= max(1 << 20, parts.baseEnd / 4)
    else { return false }
    for sample in parts.samples where try !sample.stands(in: file) { return false }
    return true
  }

  private mutating func readAll(_ file: OpenFile) throws {
    guard parts.memoryOctets >= largeFrom else {
      parts = try Parts(file)
      return
    }
    var checker = DenylistReader(path, keepsEntries: false)
    let checked = try checker.readLines(file)
    try checker.readLast(checked.rest)
    try file.seek(to: 0)
    // The new list takes the place of the old one: there is no room for both.
    parts = Parts()
    isLost = true
    parts = try Parts(file, as: checked)
  }
}

/// No list is in force: the old one had made room for one that then could not be loaded.
package struct DenylistLost: Error, CustomStringConvertible {
  package var path: String
  package var cause: any Error

  package var description: String { "\(path): no denylist is in force: \(cause)" }
}

/// What was read of the file.
private struct Parts: Sendable {
  /// Its whole lines up to an end that stays.
  var base = Denylist()
  var baseEnd = 0
  private var baseLines = 0
  private var baseSamples: [Sample] = []

  /// What follows, read anew whenever the file has grown, with a last line without a newline.
  var appended = Denylist()
  /// Where its whole lines end.
  var end = 0
  private var lastSample: Sample?

  init() {}

  /// Reads `file` from its start, where it stands: to its end, or what was checked of it.
  init(_ file: OpenFile, as checked: DenylistReader.Pass? = nil) throws {
    var reader = DenylistReader(file.path)
    let pass = try reader.readLines(file, limit: checked?.octets ?? .max)
    baseEnd = pass.octets
    baseLines = reader.line
    baseSamples = [
      Sample(offset: 0, octets: pass.head),
      Sample(offset: pass.octets - pass.tail.count, octets: pass.tail),
    ]
    base = reader.finish()
    end = baseEnd
    var last = DenylistReader(file.path, after: baseLines)
    try last.readLast(checked?.rest ?? pass.rest)
    appended = last.finish()
  }

  /// Reads `file` from the base's end, where it stands.
  mutating func readAppended(_ file: OpenFile) throws {
    var reader = DenylistReader(file.path, after: baseLines)
    let pass = try reader.readLines(file)
    try reader.readLast(pass.rest)
    appended = reader.finish()
    end = baseEnd + pass.octets
    lastSample = Sample(offset: end - pass.tail.count, octets: pass.tail)
  }

  var memoryOctets: Int { base.memoryOctets + appended.memoryOctets }

  /// Octets that still stand in the file if it was only appended to.
  var samples: [Sample] { baseSamples + (lastSample.map { [$0] } ?? []) }
}

private struct Sample: Sendable {
  var offset: Int
  var octets: [UInt8]

  func stands(in file: OpenFile) throws(FileError) -> Bool {
    try file.seek(to: offset)
    var found = [UInt8](repeating: 0, count: octets.count)
    var filled = 0
    while filled < found.count {
      let n = try file.read(into: &found, at: filled, count: found.count - filled)
      if n == 0 { return false }
      filled += n
    }
    return found == octets
  }
}
