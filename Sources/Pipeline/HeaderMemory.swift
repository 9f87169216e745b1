// Remembers headers: a segment equal to one seen before is that header, key choice included.
// Owns: the memory, one a worker. Must never: take two segments for one by a hash alone.

internal import JOSE

struct HeaderMemory: Sendable {
  /// What is known of tokens with one header segment.
  struct Entry: Sendable {
    /// In `texts`.
    var segment: Range<Int>
    /// Whose keys it was chosen from.
    var issuer: Int
    var rejection: Rejection?
    var key = 0
    /// Keys to try after that one.
    var others: [Int] = []
    /// Stands for this header in the memory of signatures; nil: none of its tokens is remembered.
    var number: UInt32?
    /// A signature under it is still to hold for the first time, as far as this worker knows.
    var awaitsNumber = false
    var algorithm = Algorithm.rs256
    var isUnencoded = false
    var acceptsTyp = true
    /// `,"alg":"…","kid":"…"` as it stands in a verdict, in `texts`.
    var verdictText = 0..<0
    var algorithmName: ByteString?
    var kid: ByteString?
    /// Lines of this chunk with this header.
    var count = Summary.Count()
  }

  private let trust: Trust
  private let generation: Int
  private let options: VerifyOptions
  private(set) var entries: [Entry] = []
  /// The entries' texts in one array: one of an entry's own would be counted as used by each token.
  private(set) var texts: [UInt8] = []
  private var octets = 0
  /// The entry that was found last, if there is one at that place.
  private var last = -1
  /// Where an entry stands for each slot of a hash; -1 for none.
  private var slots = [Int32](repeating: -1, count: slotCount)

  private static let slotCount = 256
  /// What is kept from one chunk to the next: a header can be as long as a line.
  private static let kept = (entries: 256, octets: 256 << 10)

  init(_ trust: Trust, generation: Int, _ options: VerifyOptions) {
    self.trust = trust
    self.generation = generation
    self.options = options
  }

  /// The index of the entry for a header segment of a token of this issuer; valid until the next
  /// `beginChunk`.
  mutating func find(_ bytes: Span<UInt8>, _ segment: Range<Int>, issuer: Int) -> Int {
    // Most tokens have the header of the one before.
    if isEntry(last, bytes, segment, issuer) { return last }
    let slot = Self.slot(bytes, segment, issuer)
    last = Int(slots[slot])
    if isEntry(last, bytes, segment, issuer) { return last }
    let entry = read(bytes, segment, issuer)
    last = entries.count
    slots[slot] = Int32(last)
    entries.append(entry)
    octets += 3 * segment.count
    return last
  }

  private func isEntry(
    _ index: Int, _ bytes: Span<UInt8>, _ segment: Range<Int>, _ issuer: Int
  ) -> Bool {
    entries.indices.contains(index) && entries[index].issuer == issuer
      && bytes.order(segment, texts.span, entries[index].segment) == 0
  }

  /// The number of a header under which a signature holds.
  mutating func number(ofVerified index: Int) -> UInt32? {
    if entries[index].awaitsNumber {
      entries[index].awaitsNumber = false
      entries[index].number = options.memory?.number(
        ofHeader: Array(texts[entries[index].segment]), issuer: entries[index].issuer,
        generation: generation,
        isVerified: true)
    }
    return entries[index].number
  }

  mutating func beginChunk() {
    guard entries.count > Self.kept.entries || octets > Self.kept.octets else { return }
    entries.removeAll(keepingCapacity: true)
    texts.removeAll(keepingCapacity: true)
    octets = 0
    for i in slots.indices { slots[i] = -1 }
  }

  mutating func count(_ index: Int, accepted: Bool) {
    if accepted { entries[index].count.accepted += 1 } else { entries[index].count.rejected += 1 }
  }

  /// Adds this chunk's counts to `summary` and forgets them.
  mutating func flush(into summary: inout Summary) {
    for i in entries.indices where entries[i].count.total > 0 {
      let entry = entries[i]
      if let name = entry.algorithmName { summary.add(algorithm: name, entry.count) }
      if let kid = entry.kid { summary.add(kid: kid, entry.count) }
      entries[i].count = Summary.Count()
    }
  }

  /// Headers differ in `alg` near their start and in `kid` near their end.
  private static func slot(_ bytes: Span<UInt8>, _ segment: Range<Int>, _ issuer: Int) -> Int {
    var hash = UInt32(truncatingIfNeeded: segment.count + issuer &* 0x9e37)
    let step = max(1, segment.count / 16)
    var i = segment.lowerBound
    while i < segment.upperBound {
      hash = (hash ^ UInt32(bytes[i])) &* 0x0100_0193
      i += step
    }
    return Int((hash ^ hash >> 15) % UInt32(slotCount))
  }

  private mutating func read(
    _ bytes: Span<UInt8>, _ segment: Range<Int>, _ issuer: Int
  ) -> Entry {
    let start = texts.count
    texts.append(bytes, segment)
    var entry = Entry(segment: start..<texts.count, issuer: issuer)
    switch JOSEHeader.read(bytes, segment, raw: options.raw) {
    case .rejected(let rejection, let alg, let kid):
      entry.rejection = rejection
      entry.algorithmName = alg.map { AlgorithmName($0.description).map(Self.name) ?? $0 }
      entry.kid = kid
    case .header(let header):
      let trusted = trust.issuers[issuer]
      entry.algorithm = header.algorithm.algorithm
      entry.isUnencoded = header.isUnencoded
      var policy = options.policy
      policy.typ = policy.typ ?? trusted.typ
      entry.acceptsTyp = policy.accepts(typ: header.typ)
      entry.algorithmName = Self.name(header.algorithm)
      entry.kid = header.kid
      if !options.isUnverified { choose(header, trusted, &entry) }
      // An HMAC is as quickly computed as looked up.
      if entry.rejection == nil, entry.algorithm.family != .hmac, let memory = options.memory {
        entry.number = memory.number(
          ofHeader: bytes.copy(segment), issuer: issuer, generation: generation, isVerified: false)
        entry.awaitsNumber = entry.number == nil
      }
    }
    if let name = entry.algorithmName {
      texts.append(",\"alg\":")
      JSONText.appendString(name, to: &texts)
    }
    if let kid = entry.kid {
      texts.append(",\"kid\":")
      JSONText.appendString(kid, to: &texts)
    }
    entry.verdictText = entry.segment.upperBound..<texts.count
    return entry
  }

  private func choose(_ header: JOSEHeader, _ trusted: TrustedIssuer, _ entry: inout Entry) {
    let choice = trusted.keys.choose(
      header.algorithm, kid: header.kid, triesAll: options.triesAllKeys)
    var keys: [Int] = []
    switch choice {
    case .key(let key): keys = [key]
    case .oneOf(let all): keys = all
    case .rejected(let rejection):
      entry.rejection = rejection
      return
    }
    if let allowed = options.allowed ?? trusted.algorithms {
      // `--alg Ed25519` also holds for a token that says EdDSA: its key decides the curve.
      keys.removeAll { key in
        let jwk = trusted.keys.keys[key].jwk
        return !allowed.contains { jwk.fits($0) && Self.covers($0, header.algorithm) }
      }
      guard !keys.isEmpty else {
        entry.rejection = .algNotAllowed
        return
      }
    }
    let first = trust.firstKeys[entry.issuer]
    entry.key = first + keys[0]
    entry.others = keys.dropFirst().map { first + $0 }
  }

  private static func name(_ name: AlgorithmName) -> ByteString {
    ByteString(name.algorithm.name)
  }

  private static func covers(_ allowed: AlgorithmName, _ name: AlgorithmName) -> Bool {
    guard allowed.algorithm == name.algorithm else { return false }
    if let a = allowed.curve, let b = name.curve { return a == b }
    return true
  }
}
