// Which keys verify now: those of the start, or those that watched files hold, looked at again each
// second.
// Owns: following files. Must never: take half of a change, drop good keys for a load that failed,
// or touch a file when nothing is watched.

internal import Files
package import JOSE
internal import Synchronization

/// Shared by the workers of a run.
package final class VerificationKeys: Sendable {
  /// Reading the keys again, and what to do about it; nil for keys that never change.
  private struct Watch: Sendable {
    var paths: [String]
    var clock: @Sendable () -> Double
    var load: @Sendable () throws -> KeySet
    var report: @Sendable (String) -> Void
  }

  private struct State {
    var keys: KeySet
    /// Changes whenever the keys do.
    var generation = 0
    /// What the files were just before the last load; nil for one that could not be examined.
    var seen: [FileStatus?] = []
    var checked = 0.0
    var hasFailed = false
    var reported: Set<ByteString> = []
  }

  private let watch: Watch?
  private let state: Mutex<State>

  /// How many different messages are reported: files that fail ever differently are no news.
  private static let mostReports = 20

  /// Verifies with `keys` from first to last.
  package init(_ keys: KeySet) {
    watch = nil
    state = Mutex(State(keys: keys))
  }

  /// Verifies with what `load` gives, and loads again when one of the files at `paths` has changed,
  /// at most once a second of `clock`. Throws what the first load throws; later the keys stay as
  /// they are when a load fails, each different message goes to `report` once, and the next check
  /// tries again.
  package init(
    watching paths: [String], clock: @escaping @Sendable () -> Double = { Clock.monotonic },
    load: @escaping @Sendable () throws -> KeySet, report: @escaping @Sendable (String) -> Void
  ) throws {
    watch = Watch(paths: paths, clock: clock, load: load, report: report)
    // Examined before they are read: a change in between is seen by the next check.
    let checked = clock()
    let seen = Self.examine(paths)
    state = Mutex(State(keys: try load(), seen: seen, checked: checked))
  }

  /// The keys as they are now, and their generation.
  package func current() -> (keys: KeySet, generation: Int) {
    guard let watch else { return state.withLock { ($0.keys, $0.generation) } }
    let now = watch.clock()
    let (keys, generation, failure) = state.withLock { state in
      let failure = now - state.checked >= 1 ? Self.check(&state, watch, at: now) : nil
      return (state.keys, state.generation, failure)
    }
    if let failure { watch.report(failure) }
    return (keys, generation)
  }

  /// One check. Returns a failure that was not reported before.
  private static func check(_ state: inout State, _ watch: Watch, at now: Double) -> String? {
    state.checked = now
    let seen = examine(watch.paths)
    guard seen != state.seen || state.hasFailed else { return nil }
    state.seen = seen
    do {
      state.keys = try watch.load()
      state.generation += 1
      state.hasFailed = false
      return nil
    } catch {
      state.hasFailed = true
      let message = "\(error)"
      guard state.reported.count < mostReports,
        state.reported.insert(ByteString(message)).inserted
      else { return nil }
      return message
    }
  }

  private static func examine(_ paths: [String]) -> [FileStatus?] {
    paths.map { try? OpenFile.status(at: $0) }
  }
}
