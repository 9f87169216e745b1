// Older verifiers' replacements, which are written together: each time the whole file is.
// Owns: when that is. Must never: hold up or fail a login that was right.

internal import Files
package import Keyring
internal import Synchronization

/// Shared by the workers of a run.
package final class Rehashes: Sendable {
  private struct State {
    var pending: [UsersFile.Rehash] = []
    var isWriting = false
    /// When the file may be written again.
    var next = -Double.infinity
    var hasFailed = false
  }

  private let file: UsersFile
  private let clock: @Sendable () -> Double
  private let report: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// Of the time at most one part in so many goes into writing.
  private static let share = 20.0

  /// `report` is told why nothing can be written, once; nothing is tried after that.
  package init(
    _ file: UsersFile, clock: @escaping @Sendable () -> Double = { Clock.monotonic },
    report: @escaping @Sendable (String) -> Void
  ) {
    (self.file, self.clock, self.report) = (file, clock, report)
  }

  /// Whether there is any use in making a new verifier.
  var areWanted: Bool { state.withLock { !$0.hasFailed } }

  func add(_ swap: UsersFile.Rehash) {
    state.withLock { $0.pending.append(swap) }
    write(always: false)
  }

  /// Writes what is pending: to be called when all logins are answered.
  package func finish() { write(always: true) }

  private func write(always: Bool) {
    let now = clock()
    let swaps = state.withLock { state -> [UsersFile.Rehash] in
      guard !state.pending.isEmpty, always || !state.isWriting && now >= state.next else {
        return []
      }
      state.isWriting = true
      return exchange(&state.pending, with: [])
    }
    guard !swaps.isEmpty else { return }
    var failure: String?
    do { try file.rehash(swaps) } catch { failure = "\(error)" }
    let end = clock()
    let isFirst = state.withLock { state in
      state.isWriting = false
      state.next = end + (end - now) * Self.share
      guard failure != nil, !state.hasFailed else { return false }
      state.hasFailed = true
      return true
    }
    if isFirst, let failure {
      report("older verifiers stay as they are: \(failure)")
    }
  }
}
