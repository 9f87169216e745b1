// Which keys have tables: those that sign the most, within a bound on memory.
// Owns: the choice, for all workers of a process. Must never: hold more than its limit, beside what
// the workers' batches still use.

internal import Synchronization

final class LaneTables: Sendable {
  /// One key of a batch and how many signatures by it the batch has.
  struct Use {
    /// What `slot` gave for the key.
    var slot: Int
    var count: Int
    var table: LaneTable?
  }

  private struct Slot {
    let lane: Lane
    let octets: [UInt8]
    /// Signatures seen, halved as time goes on.
    var uses = 0
    var table: LaneTable?

    /// What keeps a table: uses for each octet that it takes.
    var worth: Double { Double(uses) / Double(lane.tableOctets) }
  }

  private struct State {
    var slots: [Slot] = []
    var byKey: [[UInt8]: Int] = [:]
    var octets = 0
    var usesSinceHalving = 0
    /// The least that a table is worth, for one batch: thousands of keys ask for it.
    var least: Double?
  }

  private let limit: Int
  /// Tables are made at a key's first signature.
  private let isEager: Bool
  private let state = Mutex(State())

  /// Counts are halved each time that this many uses were added, so that yesterday's keys make room.
  private static let usesToHalve = 1 << 20

  init(limit: Int, isEager: Bool) {
    self.limit = limit
    self.isEager = isEager
  }

  /// The place of a key, the same for all workers and after a reload of the keys.
  func slot(_ lane: Lane, _ octets: [UInt8]) -> Int {
    state.withLock { state in
      if let known = state.byKey[octets] { return known }
      state.slots.append(Slot(lane: lane, octets: octets))
      state.byKey[octets] = state.slots.count - 1
      return state.slots.count - 1
    }
  }

  /// Counts the uses of a batch, and gives each key its table if it has one or is now worth one.
  func note(_ uses: inout [Use]) {
    state.withLock { state in
      state.least = nil
      for i in uses.indices {
        let slot = uses[i].slot
        state.slots[slot].uses += uses[i].count
        state.usesSinceHalving += uses[i].count
        if state.slots[slot].table == nil { makeTable(slot, &state) }
        uses[i].table = state.slots[slot].table
      }
      guard state.usesSinceHalving >= Self.usesToHalve else { return }
      state.usesSinceHalving = 0
      for slot in state.slots.indices { state.slots[slot].uses /= 2 }
    }
  }

  /// What all tables take, in octets.
  var octets: Int { state.withLock { $0.octets } }

  private func makeTable(_ slot: Int, _ state: inout State) {
    let key = state.slots[slot]
    guard isEager || key.uses >= key.lane.worthwhileUses else { return }
    guard makeRoom(for: key, &state) else { return }
    state.octets += key.lane.tableOctets
    state.slots[slot].table = LaneTable(key.lane, key.octets)
  }

  /// Takes tables from keys that sign less than half as much, or leaves all as they are: keys that
  /// sign about as much as each other must not take turns, since making a table is dear.
  private func makeRoom(for key: Slot, _ state: inout State) -> Bool {
    let needed = state.octets + key.lane.tableOctets - limit
    guard needed > 0 else { return true }
    guard key.lane.tableOctets <= limit, isWorthMore(key, &state) else { return false }
    let held = state.slots.indices.filter { state.slots[$0].table != nil }
      .sorted { state.slots[$0].worth < state.slots[$1].worth }
    var (victims, freed): ([Int], Int) = ([], 0)
    for slot in held {
      guard freed < needed, state.slots[slot].worth * 2 < key.worth else { break }
      victims.append(slot)
      freed += state.slots[slot].lane.tableOctets
    }
    guard freed >= needed else { return false }
    for slot in victims { state.slots[slot].table = nil }
    state.octets -= freed
    state.least = nil
    return true
  }

  /// Than some key that has a table.
  private func isWorthMore(_ key: Slot, _ state: inout State) -> Bool {
    let least =
      state.least
      ?? state.slots.lazy.filter { $0.table != nil }.map(\.worth).min() ?? 0
    state.least = least
    return least * 2 < key.worth
  }
}
