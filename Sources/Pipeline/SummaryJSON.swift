// A summary as JSON, for programs and for adding up shards.
// Owns: the names of its members. SummaryParsing reads them back. Must never: write a form that
// SummaryParsing refuses.

package import JOSE

extension Summary {
  /// The form of the JSON; a reader refuses others.
  package static let formatVersion = 1

  /// What --summary-json writes. Tables that only a detailed count fills are left out when empty.
  package var value: JSONValue {
    .object([
      "jotmill_summary": .number(Self.formatVersion),
      "lines": .number(lines.total),
      "valid": .number(lines.accepted),
      "invalid": .number(lines.rejected),
      "lines_with_more_tokens": linesWithMore == 0 ? nil : .number(linesWithMore),
      "errors": .object(
        errorCounts.map { .init(name: ByteString("\($0.code)"), value: .number($0.count)) }),
      "alg": Self.table(byAlgorithm) { $0.value },
      "kid": Self.table(byKid) { $0.value },
      "iss": Self.table(byIssuer) { $0.value },
      "over_time": overTime.isEmpty ? nil : overTimeValue,
      "errors_by_day": errorDays.isEmpty ? nil : errorDaysValue,
      "keys": keys.isEmpty ? nil : keysValue,
      "key_uses": uses.isEmpty ? nil : usesValue,
      "rejected_sub": rejectedSubjects.isEmpty
        ? nil : Self.table(rejectedSubjects) { .number($0.rejected) },
      "rejected_address": rejectedAddresses.isEmpty
        ? nil : Self.table(rejectedAddresses) { .number($0.rejected) },
    ])
  }

  private static func table(
    _ table: [ByteString: Count], _ value: (Count) -> JSONValue
  ) -> JSONValue {
    .object(rows(bounded(table)).map { .init(name: $0.name, value: value($0.count)) })
  }

  private var overTimeValue: JSONValue {
    .object([
      "step": .number(Int(overTime.step)),
      "counts": .object(
        overTime.counts.sorted { $0.key < $1.key }.map { start, count in
          .init(name: start.name, value: count.value)
        }),
      "other": overTime.other == Count() ? nil : overTime.other.value,
    ])
  }

  private var errorDaysValue: JSONValue {
    var members: [JSONValue.Member] = []
    for (reason, days) in Dictionary(grouping: errorDays.counts, by: \.key.reason)
      .sorted(by: { $0.key.rawValue < $1.key.rawValue })
    {
      let counts = days.sorted { $0.key < $1.key }.map {
        JSONValue.Member(name: $0.key.start.name, value: .number($0.value.rejected))
      }
      members.append(.init(name: ByteString("\(reason.code)"), value: .object(counts)))
    }
    let other = errorDays.other.rejected
    return .object([
      "step": .number(Int(errorDays.step)), "counts": .object(members),
      "other": other == 0 ? nil : .number(other),
    ])
  }

  private var usesValue: JSONValue {
    var members: [JSONValue.Member] = []
    for (kid, times) in Dictionary(grouping: uses.counts, by: \.key.kid)
      .sorted(by: { $0.key < $1.key })
    {
      let counts = times.sorted { $0.key < $1.key }.map {
        JSONValue.Member(name: $0.key.start?.name ?? Self.undated, value: $0.value.value)
      }
      members.append(.init(name: kid, value: .object(counts)))
    }
    return .object([
      "step": .number(Int(uses.step)), "counts": .object(members),
      "other": uses.other == Uses() ? nil : uses.other.value,
    ])
  }

  /// Stands for a time where tokens have none.
  static let undated: ByteString = "undated"

  private var keysValue: JSONValue {
    .object(
      keys.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value.value) })
  }
}

extension Summary.Count {
  var value: JSONValue { .object(["valid": .number(accepted), "invalid": .number(rejected)]) }
}

extension Summary.Uses {
  var value: JSONValue {
    .object([
      "inside": .number(inside), "outside": .number(outside), "revoked": .number(revoked),
    ])
  }
}

extension KeyDescription {
  var value: JSONValue {
    func time(_ time: Timestamp?) -> JSONValue? { time.map { .string($0.rfc3339) } }
    return .object([
      "alg": .string(algorithm),
      "window": window.map { window in
        .object([
          "opens": time(window.opens), "closes": time(window.closes), "ends": time(window.ends),
          "never_opens": window.neverOpens ? .bool(true) : nil,
        ])
      },
      "revoked": revocation.map { .object(["since": time($0.since)]) },
    ])
  }
}

extension BucketStart {
  var name: ByteString { ByteString(time.rfc3339) }
}
