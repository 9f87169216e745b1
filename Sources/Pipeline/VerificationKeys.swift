// What verifies now: keys and denylists as they were at the start, or as their files hold them,
// looked at again each second.
// Owns: following files. Must never: take half of a change, drop what is good for a load that
// failed, or touch a file when nothing is followed.

internal import Files
package import JOSE
package import Keyring
internal import Synchronization

/// Shared by the workers of a run.
package final class VerificationKeys: Sendable {
  /// What verifies now.
  package struct Current: Sendable {
    package var trust: Trust
    /// Changes whenever the keys do.
    package var generation = 0
    /// Of each denylist file its lists. To be let go before the next chunk: a long list must not
    /// stand in memory twice.
    package var denylists: [[Denylist]] = []
  }

  /// What reading everything gives.
  package struct Loaded: Sendable {
    package struct DenylistFile: Sendable {
      package var path: String
      package var mayBeMissing: Bool
      /// As `DenylistFollower` takes it.
      package var largeFrom: Int
      package init(path: String, mayBeMissing: Bool, largeFrom: Int = 64 << 20) {
        (self.path, self.mayBeMissing, self.largeFrom) = (path, mayBeMissing, largeFrom)
      }
    }

    package var trust: Trust
    /// The issuers of `trust` name these by their place.
    package var denylists: [DenylistFile]
    /// The files that tell whether the keys have changed.
    fileprivate var files: [String] = []
    /// What each was before it was read: a change meanwhile is seen by the next check.
    fileprivate var seen: [FileStatus?] = []

    package init(_ trust: Trust = Trust(KeySet()), denylists: [DenylistFile] = []) {
      (self.trust, self.denylists) = (trust, denylists)
    }

    /// To be called before a file is read that says which keys there are.
    package mutating func willRead(_ path: String) {
      files.append(path)
      seen.append(try? OpenFile.status(at: path))
    }
  }

  /// Reading everything again, and what to do about it; nil for what never changes.
  private struct Watch: Sendable {
    var clock: @Sendable () -> Double
    var load: @Sendable () throws -> Loaded
    var report: @Sendable (String) -> Void
  }

  private struct State {
    var current: Current
    var files: [String] = []
    /// What the files were just before the last load; nil for one that could not be examined.
    var seen: [FileStatus?] = []
    var denylists: [(path: String, list: DenylistFollower)]
    var checked = 0.0
    var hasFailed = false
    var reported: Set<ByteString> = []
  }

  private let watch: Watch?
  private let state: Mutex<State>

  /// How many different messages are reported: files that fail ever differently are no news.
  private static let mostReports = 20

  /// Verifies with the same from first to last. Throws when a denylist can't be read.
  package init(_ loaded: Loaded) throws {
    watch = nil
    state = Mutex(try Self.state(loaded))
  }

  package init(_ keys: KeySet) {
    watch = nil
    state = Mutex(State(current: Current(trust: Trust(keys)), denylists: []))
  }

  /// Verifies with what `load` gives, and loads again when one of its files has changed, at most
  /// once a second of `clock`. Throws what the first load throws; later everything stays as it is
  /// when a load fails, each different message goes to `report` once, and the next check tries
  /// again.
  package init(
    following load: @escaping @Sendable () throws -> Loaded,
    clock: @escaping @Sendable () -> Double = { Clock.monotonic },
    report: @escaping @Sendable (String) -> Void
  ) throws {
    watch = Watch(clock: clock, load: load, report: report)
    let checked = clock()
    var first = try Self.state(try load())
    first.checked = checked
    state = Mutex(first)
  }

  private static func state(_ loaded: Loaded) throws -> State {
    var state = State(
      current: Current(trust: loaded.trust), files: loaded.files, seen: loaded.seen, denylists: [])
    state.denylists = try followers(of: loaded, known: [])
    state.current.denylists = state.denylists.map(\.list.lists)
    return state
  }

  private static func followers(
    of loaded: Loaded, known: [(path: String, list: DenylistFollower)]
  ) throws -> [(path: String, list: DenylistFollower)] {
    try loaded.denylists.map { file in
      if let same = known.first(where: { $0.path.utf8.elementsEqual(file.path.utf8) }) {
        return same
      }
      return (
        file.path,
        try DenylistFollower(
          path: file.path, mayBeMissing: file.mayBeMissing, largeFrom: file.largeFrom)
      )
    }
  }

  /// What verifies now. Throws when a denylist was lost, so that nothing can be judged any more.
  package func current() throws -> Current {
    guard let watch else { return state.withLock { $0.current } }
    let now = watch.clock()
    let (current, failures) = try state.withLock { state in
      let failures = now - state.checked >= 1 ? try Self.check(&state, watch, at: now) : []
      return (state.current, failures)
    }
    for failure in failures { watch.report(failure) }
    return current
  }

  /// The keys as they were last.
  package var trust: Trust { state.withLock { $0.current.trust } }

  /// One check. Returns the failures that were not reported before.
  private static func check(
    _ state: inout State, _ watch: Watch, at now: Double
  ) throws -> [String] {
    state.checked = now
    var failures: [any Error] = []
    let seen = state.files.map { try? OpenFile.status(at: $0) }
    if seen != state.seen || state.hasFailed {
      state.seen = seen
      do { try load(&state, watch) } catch {
        state.hasFailed = true
        failures.append(error)
      }
    }
    // Let go first: a list that is replaced must not stand beside the new one.
    state.current.denylists = []
    defer { state.current.denylists = state.denylists.map(\.list.lists) }
    for i in state.denylists.indices {
      do { _ = try state.denylists[i].list.refresh() } catch let lost as DenylistLost {
        // Whoever asks next must not get what is left: it is asked for again at once.
        state.checked = -.infinity
        throw lost
      } catch {
        failures.append(error)
      }
    }
    let messages = failures.map { ByteString("\($0)") }
    return messages.filter {
      state.reported.count < mostReports && state.reported.insert($0).inserted
    }.map(\.description)
  }

  private static func load(_ state: inout State, _ watch: Watch) throws {
    let loaded = try watch.load()
    state.denylists = try followers(of: loaded, known: state.denylists)
    state.current.trust = loaded.trust
    state.current.generation += 1
    state.hasFailed = false
    (state.files, state.seen) = (loaded.files, loaded.seen)
  }
}
