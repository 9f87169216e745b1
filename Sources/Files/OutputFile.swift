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

  /// `mode`: what a file that is made has from its first moment on, whatever the umask is and
  /// whatever it replaces.
  package init(_ path: String, mode asked: UInt16? = nil) throws(FileError) {
    let (folder, last) = OpenFile.split(path)
    guard !last.isEmpty else { throw FileError("write", path, path.isEmpty ? ENOENT : EISDIR) }
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
    let mode = asked ?? present?.mode
    file = try OpenFile.open(temporary, in: opened, .create(mode: mode ?? 0o666))
    directory = opened
    do { if let mode { try file.setMode(mode) } } catch {
      discard()
      throw error
    }
  }

  /// Makes what was written durable and gives it its name.
  package func commit() throws(FileError) {
    do { try settle() } catch {
      discard()
      throw error
    }
  }

  /// As `commit`, for what can't be made again: without its name it stays there under the one that it
  /// was written by, which the error tells.
  package func keep() throws(FileError) {
    do { try settle() } catch {
      throw FileError(
        refusing: "\(directory?.path ?? "")/\(temporary)", "is what was written; \(error)")
    }
  }

  private func settle() throws(FileError) {
    guard let directory else { return }
    try file.sync()
    try directory.rename(temporary, to: name)
    try directory.sync()
  }

  /// Removes what was written.
  package func discard() {
    if let directory { try? directory.remove(temporary) }
  }
}
