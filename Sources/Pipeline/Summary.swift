// Counts of a run as a value that adds up: over chunks, workers and shards.
// Owns: what is counted and its JSON. Must never: grow without bound on hostile input.

package import JOSE

package struct Summary: Sendable, Equatable {
  package struct Count: Sendable, Equatable {
    package var accepted = 0
    package var rejected = 0
    package var total: Int { accepted + rejected }

    static func += (a: inout Count, b: Count) {
      a.accepted += b.accepted
      a.rejected += b.rejected
    }
  }

  /// Distinct values counted by name; what comes after them, or is longer than `nameLimit` octets,
  /// is added up under `other`.
  package static let distinctLimit = 10_000
  package static let nameLimit = 256
  package static let other: ByteString = "(other)"

  package private(set) var lines = Count()
  /// By Rejection's raw value; a line with two errors counts in both.
  package private(set) var errors = [Int](repeating: 0, count: Rejection.allCases.count)
  package private(set) var byAlgorithm: [ByteString: Count] = [:]
  package private(set) var byKid: [ByteString: Count] = [:]
  package private(set) var byIssuer: [ByteString: Count] = [:]

  package init() {}

  package mutating func count(_ reasons: Rejections) {
    if reasons.isEmpty { lines.accepted += 1 } else { lines.rejected += 1 }
    for reason in reasons { errors[Int(reason.rawValue)] += 1 }
  }

  package mutating func add(algorithm: ByteString, _ count: Count) {
    Self.add(algorithm, count, to: &byAlgorithm)
  }
  package mutating func add(kid: ByteString, _ count: Count) { Self.add(kid, count, to: &byKid) }
  package mutating func add(issuer: ByteString, _ count: Count) {
    Self.add(issuer, count, to: &byIssuer)
  }

  private static func add(
    _ name: ByteString, _ count: Count, to table: inout [ByteString: Count]
  ) {
    let known =
      name.bytes.count <= nameLimit && (table.count < distinctLimit || table[name] != nil)
    table[known ? name : other, default: Count()] += count
  }

  package static func += (a: inout Summary, b: Summary) {
    a.lines += b.lines
    for i in a.errors.indices { a.errors[i] += b.errors[i] }
    for (name, count) in b.byAlgorithm { a.add(algorithm: name, count) }
    for (name, count) in b.byKid { a.add(kid: name, count) }
    for (name, count) in b.byIssuer { a.add(issuer: name, count) }
  }

  /// The errors that occurred, most frequent first.
  package var errorCounts: [(code: StaticString, count: Int)] {
    Rejection.allCases.map { ($0.code, errors[Int($0.rawValue)]) }
      .filter { $0.count > 0 }
      .sorted { $0.count > $1.count }
  }

  /// A table's rows, most frequent first, ties by name.
  package static func rows(_ table: [ByteString: Count]) -> [(name: ByteString, count: Count)] {
    table.map { (name: $0.key, count: $0.value) }
      .sorted { ($1.count.total, $0.name) < ($0.count.total, $1.name) }
  }

  package var value: JSONValue {
    func table(_ table: [ByteString: Count]) -> JSONValue {
      .object(
        Self.rows(table).map {
          .init(
            name: $0.name,
            value: .object([
              "valid": .number($0.count.accepted), "invalid": .number($0.count.rejected),
            ]))
        })
    }
    return .object([
      "lines": .number(lines.total),
      "valid": .number(lines.accepted),
      "invalid": .number(lines.rejected),
      "errors": .object(
        errorCounts.map { .init(name: ByteString("\($0.code)"), value: .number($0.count)) }),
      "alg": table(byAlgorithm),
      "kid": table(byKid),
      "iss": table(byIssuer),
    ])
  }
}
