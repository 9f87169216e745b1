// The seam between a chunk of tokens and whatever checks their signatures.
// Owns: the batch. Must never: know lines, claims or time.

/// The signatures of one chunk, by offsets: nothing is copied. Reused from chunk to chunk.
package struct SignatureBatch: Sendable {
  /// What is known of a signature. An engine looks at pending ones only.
  package enum Answer: UInt8, Sendable { case pending, valid, invalid }

  package struct Entry: Sendable {
    /// Index in the keys.
    var key: Int32
    var algorithm: Algorithm
    package internal(set) var answer = Answer.pending
    /// The signing input in the chunk's bytes.
    var input: Range<Int32>
    /// Signature and payload in the decoded octets.
    var signature: Range<Int32>
    var payload: Range<Int32>
  }

  package internal(set) var entries: [Entry] = []

  package init() {}

  package var count: Int { entries.count }

  package mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

  /// Adds one signature and returns its place. Offsets are below 2 GiB: a chunk is far smaller.
  /// `isKnown`: this very signature over this very input was found to hold before, by this key.
  package mutating func append(
    key: Int, _ algorithm: Algorithm, input: Range<Int>, signature: Range<Int>,
    payload: Range<Int>, isKnown: Bool = false
  ) -> Int {
    func short(_ range: Range<Int>) -> Range<Int32> {
      Int32(range.lowerBound)..<Int32(range.upperBound)
    }
    entries.append(
      Entry(
        key: Int32(key), algorithm: algorithm, answer: isKnown ? .valid : .pending,
        input: short(input), signature: short(signature), payload: short(payload)))
    return entries.count - 1
  }

  /// Asks again about a signature that did not hold, with another key.
  package mutating func retry(_ index: Int, key: Int) {
    precondition(entries[index].answer == .invalid, "only what failed is tried again")
    entries[index].key = Int32(key)
    entries[index].answer = .pending
  }

  package func answer(_ index: Int) -> Answer { entries[index].answer }

  /// Payload and signature in the decoded octets, if they stand one behind the other.
  package func octets(_ index: Int) -> Range<Int> {
    Int(entries[index].payload.lowerBound)..<Int(entries[index].signature.upperBound)
  }

  /// The token at `index` if the engine found its signature to hold.
  package func verified(_ index: Int) -> VerifiedJWS? {
    let entry = entries[index]
    guard entry.answer == .valid else { return nil }
    return VerifiedJWS(
      payload: Int(entry.payload.lowerBound)..<Int(entry.payload.upperBound), key: Int(entry.key))
  }
}

/// Checks batches of signatures. One instance a worker: it holds contexts with state.
package protocol SignatureEngine: AnyObject {
  /// Answers each pending entry. `input` holds the signing inputs, `octets` the decoded signatures.
  /// Throws only when the library behind it can't work at all.
  func verify(
    _ batch: inout SignatureBatch, input: Span<UInt8>, octets: Span<UInt8>
  ) throws(JOSEError)
}
