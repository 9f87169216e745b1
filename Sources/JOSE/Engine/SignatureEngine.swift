// The seam between a chunk of tokens and whatever checks their signatures.
// Owns: the batch. Must never: know lines, claims or time.

/// The signatures of one chunk, by offsets: nothing is copied. Reused from chunk to chunk.
package struct SignatureBatch: Sendable {
  package struct Entry: Sendable {
    /// Index in the key set.
    var key: Int32
    var algorithm: Algorithm
    var isValid = false
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
  package mutating func append(
    key: Int, _ algorithm: Algorithm, input: Range<Int>, signature: Range<Int>,
    payload: Range<Int>
  ) -> Int {
    func short(_ range: Range<Int>) -> Range<Int32> {
      Int32(range.lowerBound)..<Int32(range.upperBound)
    }
    entries.append(
      Entry(
        key: Int32(key), algorithm: algorithm, input: short(input), signature: short(signature),
        payload: short(payload)))
    return entries.count - 1
  }

  /// The token at `index` if the engine found its signature to hold.
  package func verified(_ index: Int) -> VerifiedJWS? {
    let entry = entries[index]
    guard entry.isValid else { return nil }
    return VerifiedJWS(
      payload: Int(entry.payload.lowerBound)..<Int(entry.payload.upperBound), key: Int(entry.key))
  }
}

/// Checks batches of signatures. One instance a worker: it holds contexts with state.
package protocol SignatureEngine: AnyObject {
  /// Sets each entry's answer. `input` holds the signing inputs, `octets` the decoded signatures.
  /// Throws only when the library behind it can't work at all.
  func verify(
    _ batch: inout SignatureBatch, input: Span<UInt8>, octets: Span<UInt8>
  ) throws(JOSEError)
}
