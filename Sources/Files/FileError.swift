// What a failed file call says.
// Owns: the wording of errno. Must never: carry file contents.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file call that failed. Compared by its error number.
public struct FileError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The verb for a person: "open", "write", "rename".
  public var operation: String
  public var path: String
  /// The system's errno; 0 for a refusal of jotmill's own.
  public var number: Int32
  /// What a refusal of jotmill's own says.
  public var reason: String?

  package init(_ operation: String, _ path: String, _ number: Int32) {
    self.operation = operation
    self.path = path
    self.number = number
  }

  package init(refusing path: String, _ reason: String) {
    (operation, self.path, number, self.reason) = ("use", path, 0, reason)
  }

  public static func == (a: FileError, b: FileError) -> Bool {
    a.number == b.number && a.operation.utf8.elementsEqual(b.operation.utf8)
  }

  public var description: String {
    if let reason { return "\(path): \(reason)" }
    return "\(path): cannot \(operation): \(unsafe String(cString: strerror(number)))"
  }

  package var isMissing: Bool { number == ENOENT }
  package var isBrokenPipe: Bool { number == EPIPE }
  package var alreadyExists: Bool { number == EEXIST }
  package var wouldBlock: Bool { number == EWOULDBLOCK }
}
