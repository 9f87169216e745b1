// Names in directories: making, listing, renaming, removing, and replacing a file whole.
// Owns: the order of calls that makes a change durable. Must never: leave a half-written file under
// its final name, or a temporary one behind after a failure that it lived to see.

internal import CSystem

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension OpenFile {
  /// What stands under `name` here; symbolic links are not followed. nil when nothing does.
  package func status(of name: String) throws(FileError) -> FileStatus? {
    try Self.status(descriptor, name, "\(path)/\(name)", AT_SYMLINK_NOFOLLOW)
  }

  /// What stands at `path`; links are followed unless asked not to. nil when nothing does.
  package static func status(
    at path: String, followsLinks: Bool = true
  ) throws(FileError) -> FileStatus? {
    try status(AT_FDCWD, path, path, followsLinks ? 0 : AT_SYMLINK_NOFOLLOW)
  }

  private static func status(
    _ directory: Int32, _ name: String, _ path: String, _ flags: Int32
  ) throws(FileError) -> FileStatus? {
    if let fault = Fault.check("status") { throw FileError("examine", path, fault) }
    var result = stat()
    guard unsafe fstatat(directory, name, &result, flags) == 0 else {
      if errno == ENOENT { return nil }
      throw FileError("examine", path, errno)
    }
    return FileStatus(result)
  }

  package static func makeDirectory(_ path: String, mode: UInt16) throws(FileError) {
    try makeDirectory(AT_FDCWD, path, path, mode)
  }

  package func makeDirectory(_ name: String, mode: UInt16) throws(FileError) {
    try Self.makeDirectory(descriptor, name, "\(path)/\(name)", mode)
  }

  private static func makeDirectory(
    _ directory: Int32, _ name: String, _ path: String, _ mode: UInt16
  ) throws(FileError) {
    if let fault = Fault.check("mkdir") { throw FileError("make the directory", path, fault) }
    guard unsafe mkdirat(directory, name, mode_t(mode)) == 0 else {
      throw FileError("make the directory", path, errno)
    }
    // The mode as asked for, whatever the umask is.
    if let fault = Fault.check("mode") { throw FileError("set the mode of", path, fault) }
    guard unsafe fchmodat(directory, name, mode_t(mode), 0) == 0 else {
      throw FileError("set the mode of", path, errno)
    }
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    if let fault = Fault.check("rename") { throw FileError("rename", "\(path)/\(from)", fault) }
    guard unsafe renameat(descriptor, from, descriptor, to) == 0 else {
      throw FileError("rename", "\(path)/\(from)", errno)
    }
  }

  /// Removes `name`; nothing there is no error.
  package func remove(_ name: String) throws(FileError) {
    if let fault = Fault.check("unlink") { throw FileError("remove", "\(path)/\(name)", fault) }
    guard unsafe unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
      throw FileError("remove", "\(path)/\(name)", errno)
    }
  }

  /// The names in this directory, sorted by their bytes, without `.` and `..`.
  package func names() throws(FileError) -> [String] {
    if let fault = Fault.check("list") { throw FileError("list", path, fault) }
    let copy = unsafe csystem_openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard copy >= 0, let stream = unsafe fdopendir(copy) else {
      throw FileError("list", path, errno)
    }
    defer { unsafe closedir(stream) }
    var found: [String] = []
    errno = 0
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name.utf8.elementsEqual(".".utf8) || name.utf8.elementsEqual("..".utf8) { continue }
      found.append(name)
    }
    guard errno == 0 else { throw FileError("list", path, errno) }
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes a new file with `contents`, durable when this returns. One that exists is an error.
  /// `owner`: whose it becomes, where the caller is root; nil: the caller's.
  package func create(
    _ name: String, contents: [UInt8], mode: UInt16, owner: UInt32? = nil
  ) throws(FileError) {
    do {
      let file = try OpenFile.open(name, in: self, .create(mode: mode))
      try file.setMode(mode)
      if let owner { try file.setOwner(owner) }
      try file.write(contents)
      try file.sync()
      try sync()
    } catch {
      if !error.alreadyExists { try? remove(name) }
      throw error
    }
  }

  /// Replaces `name` by a file with `contents`: whoever opens it gets the old one or the new one,
  /// whole, also after a crash at any point. The temporary file has a fixed name, so that a crash
  /// leaves at most one behind and the next change takes it over; callers hold the directory's lock.
  /// `advancesTime` makes the new file later than the old one by a second at least: web servers tell
  /// versions apart by whole seconds and the size.
  package func replace(
    _ name: String, contents: [UInt8], mode: UInt16, owner: UInt32? = nil,
    advancesTime: Bool = false
  ) throws(FileError) {
    let old = advancesTime ? try status(of: name)?.modified.seconds : nil
    do {
      let file = try beginReplacement(of: name, mode, owner)
      try file.write(contents)
      if let old { try file.setModified(after: old) }
      try finishReplacement(of: name, by: file)
    } catch {
      try? remove(Self.temporary(name))
      throw error
    }
  }

  /// As the other one, with contents that `fill` writes. Where it answers false, or throws, the old
  /// file stays.
  package func replace(
    _ name: String, mode: UInt16, owner: UInt32? = nil, fill: (OpenFile) throws -> Bool
  ) throws {
    do {
      let file = try beginReplacement(of: name, mode, owner)
      if try fill(file) {
        try finishReplacement(of: name, by: file)
      } else {
        try remove(Self.temporary(name))
      }
    } catch {
      try? remove(Self.temporary(name))
      throw error
    }
  }

  private static func temporary(_ name: String) -> String { ".\(name).new" }

  private func beginReplacement(
    of name: String, _ mode: UInt16, _ owner: UInt32?
  ) throws(FileError) -> OpenFile {
    try remove(Self.temporary(name))
    let file = try OpenFile.open(Self.temporary(name), in: self, .create(mode: mode))
    // The mode as asked for, whatever the umask is.
    try file.setMode(mode)
    if let owner { try file.setOwner(owner) }
    return file
  }

  private func finishReplacement(of name: String, by file: OpenFile) throws(FileError) {
    try file.sync()
    try rename(Self.temporary(name), to: name)
    try sync()
  }

  /// `path` from the root, by the process's current directory.
  package static func absolute(_ path: String) throws(FileError) -> String {
    if path.utf8.first == UInt8(ascii: "/") { return path }
    guard let current = unsafe getcwd(nil, 0) else { throw FileError("find", path, errno) }
    defer { unsafe free(current) }
    return unsafe "\(String(cString: current))/\(path)"
  }

  /// Splits a path into its directory and its last name.
  package static func split(_ path: String) -> (directory: String, name: String) {
    let bytes = Array(path.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(decoding: bytes[(slash + 1)...], as: UTF8.self)
    return (slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self), name)
  }
}
