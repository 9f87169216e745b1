// Asking a person at the terminal for something that must not be seen.
// Owns: the terminal's echo while it asks. Must never: leave a terminal that does not echo.

internal import CSystem

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension OpenFile {
  /// Asks the controlling terminal for a line, without showing what is typed; nil when there is no
  /// terminal. The caller wipes the answer.
  package static func askTerminal(_ prompt: String) -> [UInt8]? {
    let fd = unsafe csystem_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY, 0)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var shown = termios()
    guard unsafe tcgetattr(fd, &shown) == 0 else { return nil }
    var hidden = shown
    hidden.c_lflag &= ~tcflag_t(ECHO)
    // A signal that would end the process waits until the terminal echoes again.
    var blocked = sigset_t()
    var before = sigset_t()
    _ = unsafe sigemptyset(&blocked)
    for number in stopping { _ = unsafe sigaddset(&blocked, number) }
    _ = unsafe sigprocmask(SIG_BLOCK, &blocked, &before)
    defer { _ = unsafe sigprocmask(SIG_SETMASK, &before, nil) }
    _ = unsafe tcsetattr(fd, TCSAFLUSH, &hidden)
    defer { _ = unsafe tcsetattr(fd, TCSAFLUSH, &shown) }
    put(prompt, fd)
    defer { put("\n", fd) }
    return line(fd)
  }

  private static let stopping = [SIGINT, SIGTERM, SIGTSTP, SIGHUP, SIGQUIT]

  /// Up to 4096 octets, without the line end; nil where a signal wants the process to end.
  private static func line(_ fd: Int32) -> [UInt8]? {
    var answer: [UInt8] = []
    // Room for all of it, so that growth leaves no copy behind.
    answer.reserveCapacity(4096)
    while answer.count < 4096 {
      var watched = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&watched, 1, 100)
      var pending = sigset_t()
      _ = unsafe sigpending(&pending)
      if stopping.contains(where: { unsafe sigismember(&pending, $0) == 1 }) { return nil }
      if ready <= 0 { continue }
      var byte: UInt8 = 0
      guard read(from: fd, &byte) == 1, byte != UInt8(ascii: "\n") else { break }
      answer.append(byte)
    }
    return answer
  }

  private static func read(from fd: Int32, _ byte: inout UInt8) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(fd, &byte, 1)
    #else
      unsafe Darwin.read(fd, &byte, 1)
    #endif
  }

  private static func put(_ text: String, _ fd: Int32) {
    let file = OpenFile(borrowing: fd, path: "/dev/tty")
    try? file.write(Array(text.utf8))
  }
}
