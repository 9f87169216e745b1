// A fresh directory in which commands run without any of the caller's settings.
// Owns: that directory and its removal.

import Foundation

/// A temporary directory with the fixtures under `f`; removed when the last owner lets go.
final class Workspace {
  let path: String

  /// The folder of this file.
  static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  static let scripts = tests.appendingPathComponent("scripts")
  static let fixtures = scripts.appendingPathComponent("fixtures").path

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "jotmill-\(UUID().uuidString)")
    path = folder.path
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    guard mkdir(path + "/w", 0o755) == 0, mkdir(path + "/bin", 0o755) == 0,
      symlink(Child.program, path + "/bin/jotmill") == 0, symlink(Self.fixtures, work + "/f") == 0
    else { throw ChildError(description: "\(path): cannot be prepared") }
  }

  /// Another directory with what stands in this one now.
  func copy() throws -> Workspace {
    let other = try Workspace()
    try FileManager.default.removeItem(atPath: other.work)
    try FileManager.default.copyItem(atPath: work, toPath: other.work)
    // A ring names the copies of its set by absolute paths: they move along.
    if exists("keys/keyring.json") {
      let ring = String(decoding: read("keys/keyring.json"), as: UTF8.self)
      try other.write("keys/keyring.json", ring.replacing(work, with: other.work))
    }
    return other
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Where commands run.
  var work: String { path + "/w" }

  /// No JOTMILL_*, no locale, no colours: only what finds the programs.
  var environment: [String: String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return [
      "PATH": "\(self.path)/bin:\(Self.fixtures):\(path)", "HOME": work,
      "SWIFT_BACKTRACE": "enable=no",
    ]
  }

  func start(
    _ arguments: [String], input: Child.Input = .nothing, output: String? = nil,
    fault: String? = nil
  ) throws -> Child {
    var environment = environment
    environment["JOTMILL_FAULT"] = fault
    return try Child(
      [Child.program] + arguments, in: work, environment: environment, input: input, output: output)
  }

  /// Runs jotmill with `arguments`.
  func jotmill(
    _ arguments: [String], input: Child.Input = .nothing, fault: String? = nil
  ) throws -> Outcome {
    try start(arguments, input: input, fault: fault).end()
  }

  /// Runs a shell command.
  func shell(_ command: String, seconds: Double = 60) throws -> Outcome {
    try Child(
      ["/bin/sh", "-c", command], in: work, environment: environment, seconds: seconds
    ).end()
  }

  // MARK: Files

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(work)/\(name)"))
  }

  func read(_ name: String) -> [UInt8] { Child.contents("\(work)/\(name)") }

  func exists(_ name: String) -> Bool { access("\(work)/\(name)", F_OK) == 0 }

  /// Permission bits, 0 when nothing stands there.
  func mode(_ name: String) -> UInt16 {
    var status = stat()
    guard lstat("\(work)/\(name)", &status) == 0 else { return 0 }
    return UInt16(status.st_mode & 0o7777)
  }

  func names(_ folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(work)/\(folder)"))?.sorted() ?? []
  }

  /// An HS256 token under the fixtures' secret.
  static func token(_ payload: String, header: String = #"{"alg":"HS256"}"#) throws -> String {
    let space = try Workspace()
    let made = try Child(
      [fixtures + "/token", header, payload], in: space.work, environment: space.environment
    ).end()
    return String(made.output.dropLast())
  }
}
