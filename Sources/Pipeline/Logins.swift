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

  /// An attempt that was right, and by which verifier.
  struct Login {
    var username: ByteString
    fileprivate var verifier: PasswordVerifier
    /// What takes its place in the file.
    fileprivate var newer: PasswordVerifier?
  }

  /// For each attempt whom it is by, nil for one that is refused. On all cores: a burst of logins on a
  /// pipe comes as one chunk. Throws where a password can't be checked at all.
  func check(_ attempts: [Attempt]) throws -> [Login?] {
    let results = Mutex([Login?](repeating: nil, count: attempts.count))
    let failure = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: attempts.count) { i in
      places.wait()
      defer { places.signal() }
      do {
        let login = try check(attempts[i])
        results.withLock { $0[i] = login }
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return results.withLock { $0 }
  }

  /// The names, as they are stored, of those of `logins` who are still users with that password: the
  /// others were checked while somebody took it from them. To be called when it is settled as of when
  /// tokens are made, so that what is revoked later is later than they are.
  func confirm(_ logins: [Login?], _ attempts: [Attempt]) throws -> [ByteString?] {
    let users = users.current()
    return try zip(logins, attempts).map { login, attempt in
      guard let login, let place = users.find(subject: login.username), !users.isDisabled(place)
      else { return nil }
      let verifier = users.user(place).verifier
      // Another login of theirs may have brought a newer one.
      let isSame = verifier == login.verifier || verifier == login.newer
      return try isSame || verifier.accepts(attempt.password) ? login.username : nil
    }
  }

  private func check(_ attempt: Attempt) throws -> Login? {
    // Anew for each: a chunk of passwords takes seconds.
    let users = users.current()
    guard let place = users.find(attempt.username), !users.isDisabled(place) else {
      try PasswordVerifier.dummyWork(attempt.password, cost: cost)
      return nil
    }
    let user = users.user(place)
    guard try user.verifier.accepts(attempt.password) else { return nil }
    var login = Login(username: user.username, verifier: user.verifier)
    if rehashes.areWanted, user.verifier.isToBeReplaced(after: attempt.password, cost: cost) {
      let newer = try PasswordVerifier.make(attempt.password, cost: cost)
      rehashes.add(.init(username: user.username, old: user.verifier, new: newer))
      login.newer = newer
    }
    return login
  }
}
