// The process's surroundings: signals that stop a run, readiness of descriptors, clock, cores.
// Owns: the signal handlers and their pipe. Must never: do work inside a handler.

internal import CSystem
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The first SIGINT or SIGTERM asks the run to finish what is in flight; the second one ends the
/// process as it always would.
package enum StopSignal {
  private static let received = Atomic<Int32>(0)
  private static let wakeWrite = Atomic<Int32>(-1)
  private static let wakeRead = Atomic<Int32>(-1)

  /// Installs the handlers. SIGPIPE is ignored: a write then fails with EPIPE.
  package static func install() {
    var ends: [Int32] = [-1, -1]
    precondition(unsafe pipe(&ends) == 0, "a pipe for signals can be made")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wakeRead.store(ends[0], ordering: .relaxed)
    wakeWrite.store(ends[1], ordering: .relaxed)
    _ = signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM] {
      var old = sigaction()
      _ = unsafe sigaction(number, nil, &old)
      // A shell that starts a job in the background ignores SIGINT for it: that stays so.
      #if canImport(Glibc)
        let ignored =
          unsafe unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self)
          == unsafeBitCast(SIG_IGN, to: Int.self)
      #else
        let ignored = false
      #endif
      if ignored { continue }
      var action = sigaction()
      #if canImport(Glibc)
        unsafe action.__sigaction_handler.sa_handler = StopSignal.handle
      #else
        action.__sigaction_u.__sa_handler = StopSignal.handle
      #endif
      action.sa_flags = Int32(bitPattern: UInt32(truncatingIfNeeded: SA_RESETHAND))
      _ = unsafe sigaction(number, &action, nil)
    }
  }

  private static let handle: @convention(c) (Int32) -> Void = { number in
    let saved = errno
    StopSignal.received.store(number, ordering: .relaxed)
    var byte: UInt8 = 0
    _ = unsafe write(StopSignal.wakeWrite.load(ordering: .relaxed), &byte, 1)
    errno = saved
  }

  /// The signal that asked the run to stop, if one did.
  package static var number: Int32? {
    let n = received.load(ordering: .relaxed)
    return n == 0 ? nil : n
  }

  fileprivate static var wakeDescriptor: Int32 { wakeRead.load(ordering: .relaxed) }
}

package enum Readiness: Sendable { case ready, nothingYet, stopped }

extension OpenFile {
  /// Waits until there is something to read (or the end), or a stop signal came.
  /// `waiting: false` only looks.
  package func readiness(waiting: Bool) -> Readiness {
    var watched = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: StopSignal.wakeDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      if StopSignal.number != nil { return .stopped }
      let n = unsafe poll(&watched, 2, waiting ? -1 : 0)
      if n < 0, errno == EINTR || errno == EAGAIN { continue }
      if StopSignal.number != nil { return .stopped }
      if n == 0 { return .nothingYet }
      return .ready
    }
  }
}

package enum Clock {
  /// Seconds and nanoseconds since 1970.
  package static var now: (seconds: Int64, nanoseconds: Int32) {
    var t = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &t)
    return (Int64(t.tv_sec), Int32(t.tv_nsec))
  }

  /// Seconds that only go forward, from an arbitrary start.
  package static var monotonic: Double { csystem_monotonic_seconds() }
}

package enum Process {
  /// The cores that this process may use.
  package static var usableCores: Int { Int(csystem_usable_cores()) }
  package static var peakMemory: Int { Int(csystem_peak_resident_bytes()) }
  package static var userID: UInt32 { geteuid() }

  /// Keeps descriptors 0, 1 and 2 from naming a file that is opened later: one that the caller has
  /// closed stays an error to use. Called before anything is opened.
  package static func reserveStandardStreams() {
    for descriptor in 0...2 as ClosedRange<Int32> where fcntl(descriptor, F_GETFD) == -1 {
      _ = unsafe open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
    }
  }

  /// Forbids core dumps and tracing: called where keys are held.
  package static func forbidDumps() { _ = csystem_forbid_dumps() }

  package static func environment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  package static func exit(_ status: Int32) -> Never {
    #if canImport(Glibc)
      Glibc.exit(status)
    #else
      Darwin.exit(status)
    #endif
  }
}
