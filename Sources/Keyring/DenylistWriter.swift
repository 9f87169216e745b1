// Adding to a denylist and pruning it.
// Owns: the text of an entry, and which entries go. Must never: report an entry
// that is not durable, or drop one whose tokens may live.

internal import Files
public import JOSE
internal import Synchronization

/// A denylist that is written to, by this process and others.
///
/// Verifiers with a `DenylistFollower` see what is appended, and what pruning leaves. A new list can
/// be read by anybody, as a ring's public files are: it says which tokens are of no use any more.
///
/// Memory: about 55 octets for an entry of a UUID.
///
/// Thread rule: any thread may call; calls wait for each other and for other processes.
public final class DenylistWriter: Sendable {
  /// What is to be revoked. Its texts are UTF-8.
  public struct Entry: Sendable, Equatable {
    public enum Subject: Sendable, Equatable {
      case jti(ByteString)
      case family(ByteString)
      case kid(ByteString)
      /// The subject's tokens that were issued before that time.
      case sub(ByteString, before: Timestamp)
    }
    public enum TokenType: Sendable { case access, refresh }

    /// nil: any issuer's.
    public var iss: ByteString?
    public var subject: Subject
    /// What the token was, for people.
    public var type: TokenType?
    /// When the last of the tokens that are meant expires, so that pruning may drop the entry; nil:
    /// it stays, one of a subject aside.
    public var exp: Timestamp?
    /// From when on; nil: from the second on in which it is appended.
    public var revokedAt: Timestamp?
    /// For people; it makes no entry another one.
    public var reason: ByteString?

    public init(
      _ subject: Subject, iss: ByteString? = nil, type: TokenType? = nil, exp: Timestamp? = nil,
      revokedAt: Timestamp? = nil, reason: ByteString? = nil
    ) {
      (self.subject, self.iss, self.type) = (subject, iss, type)
      (self.exp, self.revokedAt, self.reason) = (exp, revokedAt, reason)
    }
  }

  public enum Outcome: Sendable, Equatable {
    case added
    /// An entry of the list, or an earlier one of this call, revokes as much, from as early on and
    /// for as long: the same, or one for any issuer.
    case alreadyThere
  }

  private struct State: Sendable {
    var log: RecordLog
    var entries = RevokedEntries()
  }

  private let state: Mutex<State>

  /// Reads the ring's list; a ring without one gets it with the first entry. Throws `.badFormat` for
  /// a bad line, which it names.
  public convenience init(_ ring: RingDirectory) throws {
    try self.init(RingDirectory.denylistName, in: ring.directory)
  }

  /// The list at `path`, in a directory that exists. Links to it are not followed.
  public convenience init(path: String) throws {
    let (directory, name) = OpenFile.split(path)
    guard !name.isEmpty else { throw FileError(refusing: path, "is no file's name") }
    try self.init(name, in: try OpenFile.open(directory, .readDirectory))
  }

  private init(_ name: String, in directory: OpenFile) throws {
    var state = State(log: RecordLog(name, in: directory, isPrivate: false))
    try state.log.catchUp(&state.entries)
    self.state = Mutex(state)
  }

  /// About how much memory the entries take.
  package var memoryOctets: Int { state.withLock { $0.entries.memoryOctets } }

  /// Appends the entries that are not there yet, in order, at the time that `clock` says when it is
  /// this call's turn: another process may have appended while it waited. When this returns, all of
  /// them are durable, those that were there too. When it throws, the file was brought back; where that failed
  /// as well some may have stayed in it.
  public func append(
    _ entries: [Entry], at clock: @autoclosure () -> Timestamp
  ) throws -> [Outcome] {
    guard !entries.isEmpty else { return [] }
    return try state.withLock { state in
      var outcomes: [Outcome] = []
      var fresh = RevokedEntries()
      var added: [Int] = []
      var now = Timestamp(seconds: 0)
      try state.log.append(&state.entries) { known in
        now = clock()
        var lines = RecordLog.Lines()
        outcomes.reserveCapacity(entries.count)
        fresh.expect(octets: entries.count * 100)
        for (index, entry) in entries.enumerated() {
          if known.cover(entry, at: now) || fresh.cover(entry, at: now) {
            outcomes.append(.alreadyThere)
            continue
          }
          try entry.appendLine(at: now, to: &lines.octets)
          lines.count += 1
          fresh.add(entry, at: now)
          added.append(index)
          outcomes.append(.added)
        }
        return lines
      }
      for index in added { state.entries.add(entries[index], at: now) }
      return outcomes
    }
  }

  /// Drops the entries whose `exp` lies `slack` before `now` or earlier, and those of subjects whose
  /// `before` does so by `longestLife` more, if there are any. Returns how many.
  ///
  /// `longestLife`: how long after its `iat` a token may live at most, the largest that was ever in
  /// force; nil: nobody knows, and entries of subjects stay. `slack`: the leeway of verifiers and how
  /// far clocks may differ. Tokens without `iat`, or that live longer, are let in again when a
  /// subject's entry is dropped.
  public func prune(at now: Timestamp, slack: Seconds, longestLife: Seconds?) throws -> Int {
    try state.withLock { state in
      try state.log.prune(&state.entries) { entries, bytes, range throws(BadLine) in
        guard let entry = try entries.line.members(bytes, range, isLast: false) else { return true }
        if let exp = entry.exp, exp + slack <= now { return false }
        guard let before = entry.before, let longestLife else { return true }
        return Timestamp(nanosecondsSince1970: before) + longestLife + slack > now
      }
    }
  }
}

extension DenylistWriter.Entry {
  /// Whether it can be written: texts that are UTF-8, and short enough for a line of less than 1 MiB
  /// with every character escaped, times from 1678 to 2261, which are held to the nanosecond.
  public var isStorable: Bool {
    func isWritable(_ text: ByteString?, below limit: Int) -> Bool {
      text.map { $0.bytes.count < limit && $0.isUTF8 } ?? true
    }
    if case .sub(_, let before) = subject, !before.isWritable { return false }
    return isWritable(text, below: 80_000) && isWritable(iss, below: 80_000)
      && isWritable(reason, below: 4000) && revokedAt?.isWritable ?? true
  }

  var text: ByteString {
    switch subject {
    case .jti(let text), .family(let text), .kid(let text), .sub(let text, _): text
    }
  }

  func revokedAt(_ now: Timestamp) -> Timestamp { revokedAt ?? now.roundedDown }

  /// Throws `.badFormat` for an entry that is not storable.
  fileprivate func appendLine(at now: Timestamp, to out: inout [UInt8]) throws(KeyringError) {
    guard isStorable, revokedAt(now).isWritable else {
      throw KeyringError(
        .badFormat,
        "\"\(text.shortened)\" can't be put on the denylist: a text is too long, or a time is out of "
          + "range")
    }
    out.append("{")
    if let iss {
      out.append("\"iss\":")
      JSONText.appendString(iss, to: &out)
      out.append(",")
    }
    switch subject {
    case .jti: out.append("\"jti\":")
    case .family: out.append("\"family\":")
    case .kid: out.append("\"kid\":")
    case .sub: out.append("\"sub\":")
    }
    JSONText.appendString(text, to: &out)
    if case .sub(_, let before) = subject {
      out.append(",\"before\":\"")
      before.append(to: &out, withFraction: true)
      out.append("\"")
    }
    switch type {
    case .access: out.append(",\"type\":\"access\"")
    case .refresh: out.append(",\"type\":\"refresh\"")
    case nil: break
    }
    if let exp {
      out.append(",\"exp\":")
      out.append(decimal: Int(exp.wholeSeconds))
    }
    out.append(",\"revoked_at\":\"")
    revokedAt(now).append(to: &out, withFraction: true)
    out.append("\"")
    if let reason {
      out.append(",\"reason\":")
      JSONText.appendString(reason, to: &out)
    }
    out.append("}\n")
  }
}
