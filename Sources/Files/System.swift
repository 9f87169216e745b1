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

  /// A write to a reader that has gone then fails with EPIPE, in place of ending the process.
  package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

  /// Installs the handlers: for commands that have something in flight to finish.
  package static func install() {
    let ends = Waker.makePipe()
    wakeRead.store(ends[0], ordering: .relaxed)
    wakeWrite.store(ends[1], ordering: .relaxed)
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
        unsafe action.__sigaction_u.__sa_handler = StopSignal.handle
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

/// Ends the waits of one run from another of its threads: its output has failed.
package final class Waker: Sendable {
  private let ends: [Int32]

  package init() { ends = Self.makePipe() }
  deinit { for end in ends { close(end) } }

  /// From now on `readiness` answers `stopped`.
  package func wake() {
    var byte: UInt8 = 0
    _ = unsafe write(ends[1], &byte, 1)
  }

  fileprivate var descriptor: Int32 { ends[0] }

  fileprivate static func makePipe() -> [Int32] {
    var ends: [Int32] = [-1, -1]
    precondition(unsafe pipe(&ends) == 0, "there is room for the two ends of a pipe")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return ends
  }
}

package enum Readiness: Sendable { case ready, nothingYet, stopped }

extension OpenFile {
  /// Waits until there is something to read (or the end), a stop signal came or `waker` was woken.
  /// `waiting: false` only looks.
  package func readiness(waiting: Bool, _ waker: Waker?) -> Readiness {
    var watched = [descriptor, StopSignal.wakeDescriptor, waker?.descriptor ?? -1].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    while true {
      if StopSignal.number != nil { return .stopped }
      let n = unsafe poll(&watched, 3, waiting ? -1 : 0)
      if n < 0, errno == EINTR || errno == EAGAIN { continue }
      if StopSignal.number != nil || watched[2].revents != 0 { return .stopped }
      return n == 0 ? .nothingYet : .ready
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

  /// Returns once the clock says `seconds` since 1970, or has been set back.
  package static func sleep(until seconds: Int64) {
    let start = now
    while now.seconds < seconds, now.seconds >= start.seconds { usleep(10_000) }
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
