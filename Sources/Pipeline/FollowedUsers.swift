// The users of a run: as they were at the start, or as their file holds them, looked at again.
// Owns: following one file of users. Must never: drop users who are good for a file that is not, or
// answer with some from before the call when every call is to look.

internal import Files
internal import JOSE
package import Keyring
internal import Synchronization

/// The users of a file as they are now, shared by the workers of a run.
package final class FollowedUsers: Sendable {
  private struct State {
    var users: Users
    var checked: Double
    var reported: Set<ByteString> = []
  }

  private let file: UsersFile
  private let interval: Double?
  private let clock: @Sendable () -> Double
  private let report: @Sendable (String) -> Void
  private let state: Mutex<State>

  /// How many different messages are reported: a file that fails ever differently is no news.
  private static let mostReports = 20

  /// Reads the file, and throws what that throws. `follows`: nil never looks again; otherwise the
  /// least time between two looks, in seconds of `clock`, 0 for a look at every call.
  package init(
    _ file: UsersFile, follows: Double?,
    clock: @escaping @Sendable () -> Double = { Clock.monotonic },
    report: @escaping @Sendable (String) -> Void
  ) throws {
    (self.file, interval, self.clock, self.report) = (file, follows, clock, report)
    let checked = clock()
    state = Mutex(State(users: try file.load(), checked: checked))
  }

  /// The users now. A file that can't be read any more leaves what was read before in force; each
  /// different message goes to `report` once, and the next look tries again.
  package func current() -> Users {
    guard let interval else { return state.withLock { $0.users } }
    // Before the lock: who waited for a look that began later needs none of its own.
    let now = clock()
    let (users, failure) = state.withLock { state in
      let failure = now - state.checked >= interval ? look(&state, at: now) : nil
      return (state.users, failure)
    }
    if let failure { report(failure) }
    return users
  }

  /// One look. Returns its failure if that was not reported before.
  private func look(_ state: inout State, at now: Double) -> String? {
    state.checked = now
    do {
      if let users = try file.load(ifChangedFrom: state.users) { state.users = users }
      return nil
    } catch {
      let message = ByteString("\(error)")
      guard state.reported.count < Self.mostReports, state.reported.insert(message).inserted else {
        return nil
      }
      return message.description
    }
  }
}
