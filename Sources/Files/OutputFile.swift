// Where a run's output goes: standard output, or a file that appears only when the run is done.
// Owns: the temporary file. Must never: leave a partial file under the name that was asked for.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// An output. Devices, FIFOs and the targets of symbolic links are written in place; any other file
/// is written beside its name and renamed into place by `commit`.
public final class OutputFile: Sendable {
  package let file: OpenFile
  private let directory: OpenFile?
  private let temporary: String
  private let name: String

  /// Standard output.
  package init() {
    (file, directory, temporary, name) = (.standardOutput, nil, "", "")
  }

  package init(_ path: String) throws(FileError) {
    let (folder, last) = OpenFile.split(path)
    let present = try OpenFile.status(at: path, followsLinks: false)
    if let present, present.kind != .regular {
      if present.kind == .directory { throw FileError("write", path, EISDIR) }
      if present.kind == .symbolicLink, try OpenFile.status(at: path) == nil {
        throw FileError("open", path, ENOENT)
      }
      file = try OpenFile.open(path, .overwrite)
      (directory, temporary, name) = (nil, "", "")
      return
    }
    let opened = try OpenFile.open(folder, .readDirectory)
    var generator = SystemRandomNumberGenerator()
    // Cut, since a name has room for 255 octets; the random part makes it unique.
    let start = String(decoding: last.utf8.prefix(160), as: UTF8.self)
    temporary = ".\(start).\(getpid())-\(String(generator.next() as UInt64, radix: 36))"
    name = last
    // The mode of the file that is replaced, else what the umask leaves of 0666.
    file = try OpenFile.open(temporary, in: opened, .create(mode: present?.mode ?? 0o666))
    directory = opened
    if let present { try file.setMode(present.mode) }
  }

  /// Makes what was written durable and gives it its name.
  package func commit() throws(FileError) {
    guard let directory else { return }
    do {
      try file.sync()
      try directory.rename(temporary, to: name)
      try directory.sync()
    } catch {
      try? directory.remove(temporary)
      throw error
    }
  }

  /// Removes what was written.
  package func discard() {
    if let directory { try? directory.remove(temporary) }
  }
}

extension OutputFile {
  /// Takes away what others may read: for a file that will hold a private key.
  package func makePrivate() throws(FileError) { try file.setMode(0o600) }
}
