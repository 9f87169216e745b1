// Faults on demand, in debug builds only: the Nth file call fails, or the process ends there.
// Owns: counting calls. Must never: exist in a release build.
//
// JOTMILL_FAULT=N:ERRNO        call N, counted from 1 over the whole process, fails with ERRNO
// JOTMILL_FAULT=N:kill         the process ends, as by kill -9, in place of call N
// JOTMILL_FAULT=N:ERRNO@write  only calls named so are counted: open read write sync rename unlink
//                              mkdir lock list status mode truncate

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

enum Fault {
  /// The errno that this call is to fail with, nil to go on. Release builds pay nothing.
  @inline(__always)
  static func check(_ operation: StaticString) -> Int32? {
    #if DEBUG
      return plan?.check(operation)
    #else
      return nil
    #endif
  }

  #if DEBUG
    private static let plan: Plan? = Plan()
    private static let calls = Atomic<Int>(0)

    private struct Plan {
      var call: Int
      /// nil ends the process.
      var number: Int32?
      var only: [UInt8]?

      init?() {
        guard let value = unsafe getenv("JOTMILL_FAULT") else { return nil }
        let parts = unsafe String(cString: value).split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let call = Int(parts[0]) else {
          preconditionFailure("JOTMILL_FAULT is N:ERRNO or N:kill, and @OPERATION if wanted")
        }
        let words = parts[1].split(separator: "@", maxSplits: 1)
        let numbers: [String: Int32] = [
          "EIO": EIO, "ENOSPC": ENOSPC, "EACCES": EACCES, "EMFILE": EMFILE, "EROFS": EROFS,
          "EDQUOT": EDQUOT, "EINTR": EINTR, "ENOMEM": ENOMEM, "EPIPE": EPIPE, "EPERM": EPERM,
        ]
        self.call = call
        number = numbers[String(words[0])]
        precondition(number != nil || words[0] == "kill", "JOTMILL_FAULT names an unknown error")
        only = words.count == 2 ? Array(words[1].utf8) : nil
      }

      func check(_ operation: StaticString) -> Int32? {
        if let only, !operation.withUTF8Buffer({ unsafe $0.elementsEqual(only) }) { return nil }
        guard Fault.calls.add(1, ordering: .relaxed).newValue == call else { return nil }
        if number == nil { kill(getpid(), SIGKILL) }
        return number
      }
    }
  #endif
}
