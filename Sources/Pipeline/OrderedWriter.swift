// Puts the workers' results back into the input's order and writes them.
// Owns: order, the bound on what is in flight, output errors. Must never: let a chunk overtake
// another, or wait for a reader of standard error.

internal import Dispatch
internal import Files
internal import Synchronization

/// Shared by the workers of one run.
final class OrderedWriter: Sendable {
  private struct State {
    var next = 0
    var waiting: [Int: ChunkResult] = [:]
    var isWriting = false
    /// Buffers of written results, to be filled again.
    var spare: [ChunkResult] = []
    var error: (any Error)?
    /// What is before this chunk is still written after an error: somebody may rely on it.
    var end = Int.max
    var summary = Summary()
  }

  private let output: OutputFile?
  private let rejects: OutputFile?
  private let waker: Waker
  private let onWritten: @Sendable ([RejectedLine], Summary) -> Void
  private let state = Mutex(State())
  private let slots = DispatchSemaphore(value: 0)
  private let inFlight: Int

  /// `output` nil discards what the workers write. `onWritten` is called in order, one at a time.
  init(
    output: OutputFile?, rejects: OutputFile?, inFlight: Int, waker: Waker,
    onWritten: @escaping @Sendable ([RejectedLine], Summary) -> Void
  ) {
    self.output = output
    self.rejects = rejects
    self.onWritten = onWritten
    self.inFlight = inFlight
    self.waker = waker
    for _ in 0..<inFlight { slots.signal() }
  }

  /// Takes a place in flight, waiting for one. nil when the run has failed. Every result must be
  /// submitted or, if no chunk was left to read, given back with `release`.
  func reserve() -> ChunkResult? {
    slots.wait()
    return state.withLock { state in
      guard state.error == nil else { return nil }
      return state.spare.popLast() ?? ChunkResult()
    }
  }

  func release() { slots.signal() }

  /// Hands in the result of chunk `index`; writes it, and those behind it that are ready, if it is
  /// the next one and nobody is writing.
  /// `result` is taken: a second reference would make each buffer be allocated anew.
  func submit(_ result: inout ChunkResult, index: Int) {
    let mine = state.withLock { state in
      state.waiting[index] = exchange(&result, with: ChunkResult())
      guard !state.isWriting else { return false }
      state.isWriting = true
      return true
    }
    guard mine else { return }
    while var ready = takeNext() {
      do {
        try output?.file.write(ready.output)
        if let rejects { try rejects.file.write(ready.rejects) }
        let summary = state.withLock { state in
          state.summary += ready.summary
          return state.summary
        }
        onWritten(ready.notes, summary)
      } catch {
        fail(error, at: 0)
      }
      if let failure = ready.failure {
        ready.failure = nil
        fail(failure, at: 0)
      }
      ready.output.removeAll(keepingCapacity: true)
      ready.rejects.removeAll(keepingCapacity: true)
      ready.notes.removeAll(keepingCapacity: true)
      ready.summary = Summary()
      state.withLock { $0.spare.append(exchange(&ready, with: ChunkResult())) }
      slots.signal()
    }
  }

  /// The next result in order; nil when it isn't there yet, and nobody writes any more.
  private func takeNext() -> ChunkResult? {
    state.withLock { state in
      guard state.next < state.end, let ready = state.waiting.removeValue(forKey: state.next) else {
        state.isWriting = false
        return nil
      }
      state.next += 1
      return ready
    }
  }

  /// Ends the run: nothing more is written from the chunk at `index` on, and everyone who waits for a
  /// place or for input wakes up.
  func fail(_ error: any Error, at index: Int) {
    state.withLock { state in
      // The first one of the chunks is told of, as if there were one worker.
      if index < state.end || state.error == nil { state.error = error }
      state.end = min(state.end, index)
    }
    for _ in 0..<inFlight + 1 { slots.signal() }
    waker.wake()
  }

  var error: (any Error)? { state.withLock { $0.error } }
  var summary: Summary { state.withLock { $0.summary } }
}
