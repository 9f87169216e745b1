// Remembers tokens whose signatures were found to hold: a log holds the same one many times.
// Owns: a bounded number of octets. Must never: take two tokens for one by a hash alone, remember
// one that did not hold, or outlive the keys that it was verified with.

internal import JOSE
internal import Synchronization

/// Shared by the workers of a run. Claims are not remembered as judged: time goes on.
///
/// Each shard keeps tokens in segments that are filled one after the other. The oldest segment makes
/// room for the next; what was asked for meanwhile is taken along.
package final class SignatureMemory: Sendable {
  /// What a token is compared by beside its payload and signature.
  struct Key: Sendable {
    /// Stands for the header segment, the issuer whose keys it was chosen from, and the generation
    /// of the keys.
    var header: UInt32
    var payloadCount: Int
  }

  private final class Shard: Sendable {
    let state: Mutex<State>
    init(_ state: consuming sending State) { self.state = Mutex(state) }
  }

  private struct HeaderName: Hashable {
    var generation: Int
    var issuer: Int
    var segment: [UInt8]
  }

  private struct Headers {
    var numbers: [HeaderName: UInt32] = [:]
    var generation = 0
    var octets = 0
    var last: UInt32 = 0
  }

  private let shards: [Shard]
  private let headers = Mutex(Headers())
  private let seed = UInt64.random(in: .min ... .max)

  /// What headers may take beside the tokens.
  private static let headerOctets = 256 << 10
  private static let segments = 16
  /// A shard has this much at least, so that a small memory can hold any token at all.
  private static let leastShard = 1 << 20
  private static let mostShards = 16

  /// Takes up to `octets`, its tables included, and half a MiB for headers. nil below 64 KiB:
  /// nothing would stay.
  package init?(octets: Int) {
    guard octets >= 64 << 10 else { return nil }
    let count = max(1, min(Self.mostShards, octets / Self.leastShard))
    let seed = self.seed
    shards = (0..<count).map { _ in Shard(State(octets: octets / count, seed: seed)) }
  }

  /// The number of a header segment, the same for all workers; nil when there are too many, or when
  /// it has none and is not to get one: whoever makes up headers must not use up what they may take.
  func number(
    ofHeader segment: [UInt8], issuer: Int, generation: Int, isVerified: Bool
  ) -> UInt32? {
    headers.withLock { headers in
      if generation > headers.generation {
        // Numbers are never used again, so what is remembered of the old keys can't be found.
        headers.generation = generation
        headers.numbers = [:]
        headers.octets = 0
      }
      guard generation == headers.generation else { return nil }
      let name = HeaderName(generation: generation, issuer: issuer, segment: segment)
      if let number = headers.numbers[name] { return number }
      guard isVerified, headers.octets + segment.count <= Self.headerOctets, headers.last < .max
      else { return nil }
      headers.octets += segment.count + 64
      headers.last += 1
      headers.numbers[name] = headers.last
      return headers.last
    }
  }

  /// The key that verified the token whose payload and signature are `octets[range]`, one behind
  /// the other; nil if it is not remembered.
  func find(_ key: Key, _ octets: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard let hash = Self.hash(key, octets, range, seed) else { return nil }
    return shard(hash).state.withLock { $0.find(key, hash, octets, range) }
  }

  /// Remembers that key `verifiedBy` verified the token.
  func insert(_ key: Key, _ octets: Span<UInt8>, _ range: Range<Int>, verifiedBy: Int) {
    guard let hash = Self.hash(key, octets, range, seed) else { return }
    shard(hash).state.withLock { state in
      if state.find(key, hash, octets, range) == nil {
        state.insert(key, hash, octets, range, verifiedBy: verifiedBy, uses: 0)
      }
    }
  }

  private func shard(_ hash: UInt64) -> Shard { shards[Int(hash >> 48) % shards.count] }

  /// Of the signature, which nobody can choose; nil if it is too short to be one.
  private static func hash(
    _ key: Key, _ octets: Span<UInt8>, _ range: Range<Int>, _ seed: UInt64
  ) -> UInt64? {
    guard range.count - key.payloadCount >= 32 else { return nil }
    let signature = range.lowerBound + key.payloadCount
    var hash = seed ^ UInt64(key.header)
    hash = (hash ^ octets.word(at: signature + 8)) &* 0x9e37_79b9_7f4a_7c15
    hash = (hash ^ hash >> 29 ^ octets.word(at: range.upperBound - 8)) &* 0xbf58_476d_1ce4_e5b9
    return hash ^ hash >> 32
  }

  /// One shard's tokens.
  private struct State: Sendable {
    /// In front of each token: its count of octets and of the payload's, header, key; uses.
    private static let head = 17
    private static let ways = 8
    private static let mostUses: UInt8 = 3

    private let seed: UInt64
    private var segments = [[UInt8]](repeating: [], count: SignatureMemory.segments)
    private let segmentOctets: Int
    /// The segment that is being filled.
    private var current = 0
    /// Buckets of `ways`: a part of the hash above, the place and 1 below; 0 for none.
    private var slots: [UInt64]
    private let buckets: Int

    init(octets: Int, seed: UInt64) {
      self.seed = seed
      // A slot of eight octets for each 128 of tokens: RS256 takes about 400, ES256 200.
      buckets = max(1, octets / 136 / Self.ways)
      slots = [UInt64](repeating: 0, count: buckets * Self.ways)
      segmentOctets = (octets - slots.count * 8) / SignatureMemory.segments
    }

    mutating func find(
      _ key: Key, _ hash: UInt64, _ octets: Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
      for slot in bucket(hash) where slots[slot] != 0 && Self.tag(slots[slot]) == Self.tag(hash) {
        let (segment, at) = place(slots[slot])
        guard let found = verifier(segment, at, key, octets, range) else { continue }
        if segments[segment][at + 16] < Self.mostUses { segments[segment][at + 16] += 1 }
        return found
      }
      return nil
    }

    /// The key that verified the token at `at` of a segment, if it is this one.
    private func verifier(
      _ segment: Int, _ at: Int, _ key: Key, _ octets: Span<UInt8>, _ range: Range<Int>
    ) -> Int? {
      let tokens = segments[segment]
      let bytes = tokens.span
      guard Self.number(bytes, at) == range.count,
        Self.number(bytes, at + 4) == key.payloadCount,
        Self.number(bytes, at + 8) == Int(key.header),
        octets.order(range, bytes, at + Self.head..<at + Self.head + range.count) == 0
      else { return nil }
      return Self.number(bytes, at + 12)
    }

    mutating func insert(
      _ key: Key, _ hash: UInt64, _ octets: Span<UInt8>, _ range: Range<Int>, verifiedBy: Int,
      uses: UInt8
    ) {
      let count = Self.head + range.count
      // A token that fills a segment would push out all others.
      guard count <= segmentOctets / 4 else { return }
      if segments[current].count + count > segmentOctets { turn() }
      guard segments[current].count + count <= segmentOctets else { return }
      let at = segments[current].count
      if at == 0 { segments[current].reserveCapacity(segmentOctets) }
      append(range.count)
      append(key.payloadCount)
      append(Int(key.header))
      append(verifiedBy)
      segments[current].append(uses)
      segments[current].append(octets, range)
      note(hash, at)
    }

    /// Empties the oldest segment for new tokens; what was asked for stays, with one use less.
    private mutating func turn() {
      current = (current + 1) % segments.count
      let old = exchange(&segments[current], with: [])
      let bytes = old.span
      var at = 0
      while at < bytes.count {
        let token = at + Self.head..<at + Self.head + Self.number(bytes, at)
        let key = Key(
          header: UInt32(Self.number(bytes, at + 8)), payloadCount: Self.number(bytes, at + 4))
        if let hash = SignatureMemory.hash(key, bytes, token, seed) {
          let mine = Self.tag(hash) | UInt64(current * segmentOctets + at + 1)
          for slot in bucket(hash) where slots[slot] == mine { slots[slot] = 0 }
          if bytes[at + 16] > 0 {
            insert(
              key, hash, bytes, token, verifiedBy: Self.number(bytes, at + 12),
              uses: bytes[at + 16] - 1)
          }
        }
        at = token.upperBound
      }
    }

    private mutating func note(_ hash: UInt64, _ at: Int) {
      let bucket = bucket(hash)
      let slot =
        bucket.first { slots[$0] == 0 } ?? bucket.lowerBound + Int(hash >> 40) % Self.ways
      slots[slot] = Self.tag(hash) | UInt64(current * segmentOctets + at + 1)
    }

    private func bucket(_ hash: UInt64) -> Range<Int> {
      let first = Int(((hash & 0xffff_ffff) * UInt64(buckets)) >> 32) * Self.ways
      return first..<first + Self.ways
    }

    private static func tag(_ hash: UInt64) -> UInt64 { hash & 0xffff_ffff_0000_0000 }

    private func place(_ slot: UInt64) -> (segment: Int, at: Int) {
      let place = Int(UInt32(truncatingIfNeeded: slot)) - 1
      return (place / segmentOctets, place % segmentOctets)
    }

    /// Four octets, the lowest first.
    private mutating func append(_ number: Int) {
      for shift in stride(from: 0, to: 32, by: 8) {
        segments[current].append(UInt8(truncatingIfNeeded: number >> shift))
      }
    }

    private static func number(_ bytes: Span<UInt8>, _ at: Int) -> Int {
      Int(bytes[at]) | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]) << 16 | Int(bytes[at + 3]) << 24
    }
  }
}
