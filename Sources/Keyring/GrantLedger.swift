// Spent refresh tokens: the ring's grants.ndjson, in which each stands once.
// Owns: the format of its lines and which of several requests spends a token. Must never: answer
// that a token is spent before that is durable, or for two requests.

public import JOSE
internal import Synchronization

/// Which refresh tokens were spent, by all processes on one file system.
///
/// A line is `{"iss":…,"jti":…,"family":…,"spent_at":…,"exp":…}`, `iss` and `family` where the token
/// has them, `spent_at` in RFC 3339, `exp` in Unix seconds; other members are passed over. A token is
/// known by its `iss` and `jti`, compared whole.
///
/// Memory: about 60 octets for a token whose `jti` and `family` are UUIDs.
///
/// Thread rule: any thread may call; calls wait for each other and for other processes.
public final class GrantLedger: Sendable {
  /// A refresh token that a request wants to spend. Its texts are UTF-8.
  public struct Spending: Sendable, Equatable {
    public var iss: ByteString?
    public var jti: ByteString
    public var family: ByteString?
    /// When the token expires: its record is of no use afterwards.
    public var exp: Timestamp

    public init(iss: ByteString?, jti: ByteString, family: ByteString?, exp: Timestamp) {
      (self.iss, self.jti, self.family, self.exp) = (iss, jti, family, exp)
    }
  }

  public enum Outcome: Sendable, Equatable {
    /// By this request and no other.
    case spent
    /// Another request has spent it, at that time; the family is the one that was recorded then.
    case reused(at: Timestamp, family: ByteString?)
  }

  private struct State: Sendable {
    var log: RecordLog
    var tokens = SpentTokens()
  }

  private let state: Mutex<State>

  /// Reads the ring's ledger; a ring without one gets it when the first token is spent. Throws
  /// `.unsafePermissions` for one that others can read, `.badFormat` for a bad line, which it names.
  public init(_ ring: RingDirectory) throws {
    var state = State(
      log: RecordLog(RingDirectory.grantsName, in: ring.directory, isPrivate: true))
    try state.log.catchUp(&state.tokens)
    self.state = Mutex(state)
  }

  /// Reads a ring's ledger, if it has one, without holding up or changing anything. Throws as `init`
  /// does.
  static func check(_ ring: RingDirectory) throws {
    var log = RecordLog(RingDirectory.grantsName, in: ring.directory, isPrivate: true)
    var lines = LineCheck()
    try log.readAside(&lines)
  }

  /// Checks lines and keeps none.
  private struct LineCheck: RecordLogReader {
    private var tokens = SpentTokens()

    mutating func forget() {}
    mutating func expect(octets: Int) {}
    mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(BadLine) {
      _ = try tokens.expiry(bytes, range)
    }
  }

  /// How many tokens are known to be spent.
  public var count: Int { state.withLock { $0.tokens.count } }

  /// About how much memory the tokens take.
  package var memoryOctets: Int { state.withLock { $0.tokens.memoryOctets } }

  /// Spends tokens, in order: of two requests for one token the first one has it. When this returns,
  /// each outcome is durable. When it throws, no request has spent its token: the file was brought
  /// back, or where that failed too the tokens may be lost to everybody, but are never spent twice.
  public func spend(_ requests: [Spending], at now: Timestamp) throws -> [Outcome] {
    guard !requests.isEmpty else { return [] }
    return try state.withLock { state in
      var outcomes: [Outcome] = []
      var fresh = SpentTokens()
      var spent: [Int] = []
      try state.log.append(&state.tokens) { tokens in
        var lines = RecordLog.Lines()
        outcomes.reserveCapacity(requests.count)
        for (index, request) in requests.enumerated() {
          if let known = tokens.find(request) ?? fresh.find(request) {
            outcomes.append(known)
            continue
          }
          try SpentTokens.appendLine(request, at: now, to: &lines.octets)
          lines.count += 1
          fresh.add(request, at: now)
          spent.append(index)
          outcomes.append(.spent)
        }
        return lines
      }
      // Not before they stand in the file: a failure leaves no trace here.
      for index in spent { state.tokens.add(requests[index], at: now) }
      return outcomes
    }
  }

  /// What was recorded of tokens until now, by anybody; nil for one that is not spent.
  public func find(_ requests: [Spending]) throws -> [Outcome?] {
    guard !requests.isEmpty else { return [] }
    return try state.withLock { state in
      try state.log.catchUp(&state.tokens)
      return requests.map { state.tokens.find($0) }
    }
  }

  /// Takes out the tokens that expired `slack` before `now` or earlier, if there are any. Returns how
  /// many. `slack` is at least what verifiers allow: a token whose record is gone can be spent again.
  public func prune(before now: Timestamp, slack: Seconds) throws -> Int {
    try state.withLock { state in
      let limit = now - slack
      return try state.log.prune(&state.tokens) { tokens, bytes, range throws(BadLine) in
        try tokens.expiry(bytes, range) > limit
      }
    }
  }
}

extension GrantLedger.Spending {
  /// Whether it can be recorded: texts that are UTF-8, and short enough for a line of less than 1 MiB
  /// with every character escaped, a time that RFC 3339 can write.
  public var isStorable: Bool {
    [iss, jti, family].allSatisfy { text in
      text.map { $0.bytes.count < 50_000 && $0.isUTF8 } ?? true
    }
  }
}

extension ByteString {
  var isUTF8: Bool {
    !bytes.contains { $0 >= 0x80 } || String(validating: bytes, as: UTF8.self) != nil
  }
}

/// The tokens in memory, and the text of a line.
private struct SpentTokens: RecordLogReader, Sendable {
  private var table = RecordTable()
  private var document = JSONDocument()

  /// There is but one kind.
  private static let kind: UInt32 = 0

  var count: Int { table.count }
  var memoryOctets: Int { table.memoryOctets }

  // MARK: Lines

  mutating func forget() { table = RecordTable() }
  mutating func expect(octets: Int) { table.expect(octets: octets) }

  mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(BadLine) {
    let record = try record(bytes, range)
    let issuer = record.iss.map { table.issuer(text($0, bytes)) } ?? RecordTable.noIssuer
    add(
      issuer, text(record.jti, bytes).bytes, record.family.map { text($0, bytes).bytes },
      record.spentAt)
  }

  /// When the token of a line expires.
  mutating func expiry(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(BadLine) -> Timestamp {
    try record(bytes, range).exp
  }

  private struct Record {
    /// Nodes.
    var iss: Int?
    var jti: Int
    var family: Int?
    var spentAt: Timestamp
    var exp: Timestamp
  }

  private mutating func record(
    _ bytes: Span<UInt8>, _ range: Range<Int>
  ) throws(BadLine) -> Record {
    switch document.parse(bytes, range) {
    case .syntax: throw BadLine("not valid JSON")
    case .duplicateMember: throw BadLine("a member stands there twice")
    case nil: break
    }
    guard document.nodes[0].kind == .object else { throw BadLine("not an object") }
    var texts: (iss: Int?, jti: Int?, family: Int?)
    var times: (spentAt: Timestamp?, exp: Timestamp?)
    var child = 1
    while child < Int(document.nodes[0].next) {
      let value = child + 1
      if document.equals(child, "iss", in: bytes) {
        texts.iss = value
      } else if document.equals(child, "jti", in: bytes) {
        texts.jti = value
      } else if document.equals(child, "family", in: bytes) {
        texts.family = value
      } else if document.equals(child, "spent_at", in: bytes) {
        times.spentAt = Timestamp(rfc3339: bytes, document.nodes[value].range)
      } else if document.equals(child, "exp", in: bytes), document.nodes[value].kind == .number {
        times.exp = NumericDate(bytes, document.nodes[value].range).roundedUp
      }
      child = Int(document.nodes[value].next)
    }
    guard let jti = texts.jti else { throw BadLine("no \"jti\"") }
    for node in [texts.iss, jti, texts.family] {
      guard node.map({ document.nodes[$0].kind == .string }) ?? true else {
        throw BadLine("\"iss\", \"jti\" or \"family\" is no string")
      }
    }
    guard let spentAt = times.spentAt else {
      throw BadLine("\"spent_at\" is no RFC 3339 time")
    }
    guard let exp = times.exp else { throw BadLine("\"exp\" is no number") }
    return Record(iss: texts.iss, jti: jti, family: texts.family, spentAt: spentAt, exp: exp)
  }

  private func text(_ node: Int, _ bytes: Span<UInt8>) -> ByteString {
    ByteString(document.unescaped(node, in: bytes))
  }

  /// Throws `.badFormat` for a request that is not storable.
  static func appendLine(
    _ request: GrantLedger.Spending, at now: Timestamp, to out: inout [UInt8]
  ) throws(KeyringError) {
    guard request.isStorable, now.isWritable else {
      throw KeyringError(
        .badFormat,
        "the refresh token \"\(request.jti.shortened)\" can't be recorded as spent: a text is too "
          + "long, or a time is out of range")
    }
    out.append("{")
    if let iss = request.iss {
      out.append("\"iss\":")
      JSONText.appendString(iss, to: &out)
      out.append(",")
    }
    out.append("\"jti\":")
    JSONText.appendString(request.jti, to: &out)
    if let family = request.family {
      out.append(",\"family\":")
      JSONText.appendString(family, to: &out)
    }
    out.append(",\"spent_at\":\"")
    now.append(to: &out, withFraction: true)
    out.append("\",\"exp\":")
    out.append(decimal: Int(request.exp.wholeSeconds))
    out.append("}\n")
  }

  // MARK: Memory

  // A record's words: the time (2), what the family is, and the family.
  private static let noFamily: UInt32 = 0
  private static let packedFamily: UInt32 = 1
  private static let familyLength: UInt32 = 2

  mutating func find(_ request: GrantLedger.Spending) -> GrantLedger.Outcome? {
    let jti = request.jti.bytes
    let issuer = table.issuer(request.iss)
    guard let place = table.find(Self.kind, issuer: issuer, jti.span, 0..<jti.count) else {
      return nil
    }
    return .reused(
      at: Timestamp(nanosecondsSince1970: table[long: place]), family: family(place + 2))
  }

  mutating func add(_ request: GrantLedger.Spending, at now: Timestamp) {
    add(table.issuer(request.iss), request.jti.bytes, request.family?.bytes, now)
  }

  /// Does nothing for a token that is known: its first record counts.
  private mutating func add(
    _ issuer: UInt32, _ jti: [UInt8], _ family: [UInt8]?, _ time: Timestamp
  ) {
    let other = family ?? []
    let packed = PackedUUID(other.span, 0..<other.count)
    let count = family == nil ? 0 : packed == nil ? (other.count + 3) / 4 : 4
    let (place, isNew) = table.insert(
      Self.kind, issuer: issuer, jti.span, 0..<jti.count, words: 3 + count)
    guard isNew else { return }
    table[long: place] = Denylist.nanoseconds(time)
    if let packed {
      table[place + 2] = Self.packedFamily
      table[long: place + 3] = Int64(bitPattern: packed.first)
      table[long: place + 5] = Int64(bitPattern: packed.second)
    } else if family != nil {
      table[place + 2] = Self.familyLength + UInt32(other.count)
      for (i, octet) in other.enumerated() {
        table[place + 3 + i / 4] |= UInt32(octet) << UInt32(i % 4 * 8)
      }
    }
  }

  private func family(_ place: Int) -> ByteString? {
    switch table[place] {
    case Self.noFamily: return nil
    case Self.packedFamily:
      let halves = (table[long: place + 1], table[long: place + 3])
      return ByteString(
        PackedUUID.text(UInt64(bitPattern: halves.0), UInt64(bitPattern: halves.1)))
    case let length:
      return ByteString(
        (0..<Int(length - Self.familyLength)).map { i in
          UInt8(truncatingIfNeeded: table[place + 1 + i / 4] >> UInt32(i % 4 * 8))
        })
    }
  }
}
