// Which refresh tokens may still be exchanged: each once, and none of a family whose token came a
// second time.
// Owns: what a reused token leads to. Must never: let a request through before it is durable that
// its token is spent.

package import JOSE
package import Keyring
internal import Synchronization

/// Shared by the workers of a run.
package final class RefreshTokens: Sendable {
  enum Outcome: Equatable {
    /// No other request has exchanged it, nor will.
    case accepted
    case reused
    /// Its family was revoked by a request before it.
    case revoked
  }

  private let ring: RingDirectory
  private let ledger: GrantLedger
  private let areSpent: Bool
  private let grace: Seconds
  /// Made when it is needed: it holds the whole list.
  private let denylist = Mutex<DenylistWriter?>(nil)

  /// `areSpent`: exchanging a token spends it; else it stays good until it expires. `grace`: for so
  /// long a second request is taken for a client's that did not get the answer.
  package init(_ ring: RingDirectory, areSpent: Bool, grace: Seconds) throws {
    (self.ring, self.areSpent, self.grace) = (ring, areSpent, grace)
    ledger = try GrantLedger(ring)
  }

  /// Exchanges tokens, in order; each names its family. What is answered is durable. Where a family
  /// can't be revoked there is a failure too: tokens were spent, so their answers are to be given
  /// before it ends the run.
  func exchange(
    _ requests: [GrantLedger.Spending], at now: Timestamp
  ) throws -> (outcomes: [Outcome], failure: (any Error)?) {
    guard !requests.isEmpty else { return ([], nil) }
    let found: [GrantLedger.Outcome?] =
      areSpent ? try ledger.spend(requests, at: now) : try ledger.find(requests)
    var revoked: [DenylistWriter.Entry] = []
    let outcomes = zip(requests, found).map { request, found -> Outcome in
      guard case .reused(let time, let family) = found else {
        let isRevoked = revoked.contains { entry in
          entry.iss == request.iss && entry.subject == request.family.map { .family($0) }
        }
        return isRevoked ? .revoked : .accepted
      }
      if grace.count == 0 || time + grace < now, let family = family ?? request.family {
        revoked.append(.init(.family(family), iss: request.iss))
      }
      return .reused
    }
    do { try revoke(revoked, at: now) } catch { return (outcomes, error) }
    return (outcomes, nil)
  }

  private func revoke(_ entries: [DenylistWriter.Entry], at now: Timestamp) throws {
    guard !entries.isEmpty else { return }
    let end = TokenLife(try ring.load(), at: now)?.familyEnd(at: now)
    let entries = entries.map { entry in
      var entry = entry
      entry.exp = end
      return entry
    }
    let writer = try denylist.withLock { made in
      let writer = try made ?? DenylistWriter(ring)
      made = writer
      return writer
    }
    _ = try writer.append(entries, at: now)
  }
}
