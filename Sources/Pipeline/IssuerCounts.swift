// Counts by issuer within a chunk.
// Owns: finding the issuer's counter without building a key for each record.

internal import JOSE

/// Counts by issuer; the last few are found without building a key.
struct IssuerCounts: Sendable {
  private var names: [ByteString] = []
  private var counts: [Summary.Count] = []
  private var last = 0

  mutating func count(_ claims: borrowing Claims, _ bytes: Span<UInt8>, accepted: Bool) {
    guard claims.iss != Claims.absent, claims.document.nodes[claims.iss].kind == .string else {
      return
    }
    if last >= names.count || !isName(last, claims, bytes) {
      last = index(claims, bytes)
    }
    if accepted { counts[last].accepted += 1 } else { counts[last].rejected += 1 }
  }

  private func isName(_ i: Int, _ claims: borrowing Claims, _ bytes: Span<UInt8>) -> Bool {
    // Through a span: an element of an array would be counted as used.
    claims.document.equals(claims.iss, text: names.span[i], in: bytes)
  }

  private mutating func index(_ claims: borrowing Claims, _ bytes: Span<UInt8>) -> Int {
    // Past this many in one chunk a look-up would cost more than a second entry does.
    for i in 0..<min(names.count, 64)
    where isName(i, claims, bytes) { return i }
    names.append(ByteString(claims.document.unescaped(claims.iss, in: bytes)))
    counts.append(Summary.Count())
    return names.count - 1
  }

  /// Adds this chunk's counts to `summary` and forgets them.
  mutating func flush(into summary: inout Summary) {
    for (name, count) in zip(names, counts) { summary.add(issuer: name, count) }
    names.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    last = 0
  }
}
