// Who may log in: names and passwords against the users of a file.
// Owns: the work that each refusal costs, and how much of it is done at once. Must never: tell who is
// unknown, who is disabled and whose password is wrong apart.

internal import Dispatch
internal import JOSE
package import Keyring
internal import Synchronization

/// Shared by the workers of a run.
package final class Logins: Sendable {
  struct Attempt {
    var username: ByteString
    var password: SecretBytes
  }

  private let users: FollowedUsers
  private let rehashes: Rehashes
  private let cost: ScryptCost
  /// scrypt takes 16 MiB each time.
  private let places: DispatchSemaphore

  /// `cost`: of new verifiers, and of the work for a user who is unknown or disabled. `atOnce`: how
  /// many passwords are checked at a time, by all workers together.
  package init(_ users: FollowedUsers, _ rehashes: Rehashes, cost: ScryptCost, atOnce: Int) {
    (self.users, self.rehashes, self.cost) = (users, rehashes, cost)
    places = DispatchSemaphore(value: atOnce)
  }

  /// For each attempt the user's name as it is stored, nil for one that is refused. On all cores: a
  /// burst of logins on a pipe comes as one chunk. Throws where a password can't be checked at all.
  func check(_ attempts: [Attempt]) throws -> [ByteString?] {
    let results = Mutex([ByteString?](repeating: nil, count: attempts.count))
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: attempts.count) { i in
      places.wait()
      defer { places.signal() }
      do {
        let name = try check(attempts[i])
        results.withLock { $0[i] = name }
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return results.withLock { $0 }
  }

  private func check(_ attempt: Attempt) throws -> ByteString? {
    // Anew for each: a chunk of passwords takes seconds.
    let users = users.current()
    guard let place = users.find(attempt.username), !users.isDisabled(place) else {
      try PasswordVerifier.dummyWork(attempt.password, cost: cost)
      return nil
    }
    let user = users.user(place)
    guard try user.verifier.accepts(attempt.password) else { return nil }
    if rehashes.areWanted, user.verifier.isToBeReplaced(after: attempt.password, cost: cost) {
      let new = try PasswordVerifier.make(attempt.password, cost: cost)
      rehashes.add(.init(username: user.username, old: user.verifier, new: new))
    }
    return user.username
  }
}
