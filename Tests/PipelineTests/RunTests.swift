// Order, the bound on what is in flight, and how a run ends when something fails.
// Owns: processors that are slow, or fail. Must never: wait without a way out.

import Dispatch
import Files
import JOSE
import Synchronization
import Testing

@testable import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite(.timeLimit(.minutes(20))) struct RunTests {
  /// A chunk a line, from a file of so many lines.
  private func run(_ folder: Folder, lines: Int, workers: Int) throws -> Run {
    var run = Run()
    let text = (1...lines).map { "line \($0)\n" }.joined()
    run.inputs = [try folder.file("in", Array(text.utf8))]
    run.workers = workers
    run.limits.chunkBytes = 1
    run.limits.chunkLines = 1
    run.output = try folder.output("out")
    return run
  }

  private func expected(_ lines: Int) -> String {
    (1...lines).map { "0:\($0):line \($0)\n" }.joined()
  }

  @Test("random delays do not change the order", arguments: [1, 2, 5, 16])
  func order(_ workers: Int) throws {
    let folder = Folder()
    let run = try run(folder, lines: 300, workers: workers)
    let outcome = run { SlowProcessor { _ in UInt32.random(in: 0...400) } }
    #expect(outcome.failure == nil)
    #expect(try folder.contents("out").text == expected(300))
    #expect(outcome.summary.lines.accepted == 300)
  }

  @Test(
    "a slow first chunk holds back the others, and no more than the bound are in flight",
    arguments: [1, 2, 4])
  func bound(_ workers: Int) throws {
    let folder = Folder()
    var run = try run(folder, lines: 100, workers: workers)
    let flying = Flying()
    run.onWritten = { _, _ in flying.landed() }
    let outcome = run {
      SlowProcessor(flying) { index in
        // The first waits until no more can start, and a little longer.
        for _ in 0..<1000 where index == 0 && workers > 1 && flying.most < workers + 2 {
          usleep(5000)
        }
        return index == 0 ? 50_000 : 0
      }
    }
    #expect(outcome.failure == nil)
    #expect(try folder.contents("out").text == expected(100))
    #expect(flying.most <= workers + 2)
    if workers > 1 { #expect(flying.most == workers + 2, "others go on while the first is slow") }
  }

  @Test("a chunk that is still worked on when one behind it fails is written", arguments: [2, 5])
  func failureBehind(_ workers: Int) throws {
    let folder = Folder()
    let run = try run(folder, lines: 100, workers: workers)
    let outcome = run { SlowProcessor(failsAt: 1) { $0 == 0 ? 200_000 : 0 } }
    #expect(outcome.failure is Broken)
    #expect(try folder.contents("out").text == expected(1))
  }

  @Test(
    "a processor that throws ends the run with its error; what came before it is written",
    arguments: [1, 2, 5])
  func processorThrows(_ workers: Int) throws {
    for failing in [0, 1, 7, 99] {
      let folder = Folder()
      let run = try run(folder, lines: 100, workers: workers)
      let outcome = run { SlowProcessor(failsAt: failing) { _ in UInt32.random(in: 0...50) } }
      #expect(outcome.failure is Broken)
      let written = try folder.contents("out").text
      #expect(expected(100).hasPrefix(written))
      #expect(written.utf8.count(where: { $0 == 10 }) == failing)
      #expect(outcome.summary.lines.total == written.utf8.count(where: { $0 == 10 }))
    }
  }

  @Test func `a processor that cannot be made ends the run with its error`() throws {
    let folder = Folder()
    let run = try run(folder, lines: 5, workers: 3)
    let outcome = run { () throws -> EchoProcessor in throw Broken() }
    #expect(outcome.failure is Broken)
    #expect(try folder.contents("out").isEmpty)
  }

  @Test("a reader that went away ends the run with EPIPE", arguments: [1, 2, 5])
  func brokenPipe(_ workers: Int) throws {
    let folder = Folder()
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    var run = try run(folder, lines: 500, workers: workers)
    run.output = try OutputFile("/dev/fd/\(ends[1])")
    close(ends[0])
    let outcome = run { EchoProcessor(maxLine: 100) }
    close(ends[1])
    #expect((outcome.failure as? FileError)?.isBrokenPipe == true)
    #expect(outcome.summary.lines.total == 0)
  }

  #if os(Linux)
    @Test("a full disk ends the run, for the output and for the rejects", arguments: [1, 2, 5])
    func fullDisk(_ workers: Int) throws {
      let folder = Folder()
      var run = try run(folder, lines: 500, workers: workers)
      run.output = try OutputFile("/dev/full")
      let outcome = run { EchoProcessor(maxLine: 100) }
      #expect((outcome.failure as? FileError)?.number == ENOSPC)
      run.output = nil
      run.rejects = try OutputFile("/dev/full")
      let other = run { EchoProcessor(maxLine: 3) }
      #expect((other.failure as? FileError)?.number == ENOSPC)
    }

    @Test(
      "a full disk ends the run although its input stays open and silent", arguments: [1, 2, 5])
    func fullDiskIdleInput(_ workers: Int) throws {
      let pipe = Pipe()
      var run = Run()
      run.inputs = [pipe.name]
      run.workers = workers
      run.output = try OutputFile("/dev/full")
      pipe.write(Array("one\n".utf8)[...])
      let ended = DispatchSemaphore(value: 0)
      let outcome = Mutex<RunOutcome?>(nil)
      DispatchQueue(label: "run").async { [run] in
        let result = run { EchoProcessor(maxLine: 100) }
        outcome.withLock { $0 = result }
        ended.signal()
      }
      let isLate = ended.wait(timeout: .now() + 3) == .timedOut
      #expect(!isLate, "the run waits for a line that nobody can answer")
      pipe.finish()
      if isLate { ended.wait() }
      #expect((outcome.withLock { $0?.failure } as? FileError)?.number == ENOSPC)
    }
  #endif

  @Test func `a slow pipe is answered at once, line by line`() throws {
    let folder = Folder()
    let pipe = Pipe()
    var run = Run()
    run.inputs = [pipe.name]
    run.workers = 3
    run.output = try folder.output("out")
    let written = DispatchSemaphore(value: 0)
    run.onWritten = { _, _ in written.signal() }
    let done = DispatchSemaphore(value: 0)
    DispatchQueue(label: "run").async { [run] in
      _ = run { EchoProcessor(maxLine: 100) }
      done.signal()
    }
    defer {
      pipe.finish()
      done.wait()
    }
    for i in 1...20 {
      pipe.write(Array("line \(i)\n".utf8)[...])
      try #require(written.wait(timeout: .now() + 10) == .success, "line \(i) is held up")
      #expect(try folder.contents("out").text == expected(i))
    }
  }

  @Test func `many short runs leave nothing to a race`() throws {
    let folder = Folder()
    let path = try folder.file("many", Array(String(repeating: "a\nx\n\n", count: 15).utf8))
    for i in 0..<250 {
      var run = Run()
      run.inputs = [path]
      run.workers = 1 + i % 6
      run.limits.chunkBytes = 1 + i % 9
      run.limits.chunkLines = 1 + i % 3
      run.output = nil
      let lines = Atomic<Int>(0)
      run.onWritten = { _, progress in
        lines.store(progress.accepted + progress.rejected, ordering: .relaxed)
      }
      let outcome = run { EchoProcessor(maxLine: 5) }
      #expect(outcome.summary.lines.accepted == 30)
      #expect(outcome.summary.lines.rejected == 15)
      #expect(lines.load(ordering: .relaxed) == 45)
    }
  }

  @Test func `several runs at once do not disturb each other`() throws {
    DispatchQueue.concurrentPerform(iterations: 6) { i in
      do {
        let folder = Folder()
        let run = try run(folder, lines: 50 + i, workers: 2)
        let outcome = run { EchoProcessor(maxLine: 100) }
        #expect(outcome.failure == nil)
        #expect(try folder.contents("out").text == expected(50 + i))
      } catch {
        Issue.record(error)
      }
    }
  }
}

private struct Broken: Error {}

/// Counts chunks between a processor's start and the writer's end.
private final class Flying: Sendable {
  private let state = Mutex((now: 0, most: 0))

  func started() {
    state.withLock {
      $0.now += 1
      $0.most = max($0.most, $0.now)
    }
  }

  func landed() { state.withLock { $0.now -= 1 } }
  var most: Int { state.withLock { $0.most } }
}

/// Echoes after a delay in microseconds that depends on the chunk's place; fails at one if asked.
private struct SlowProcessor: ChunkProcessor {
  var flying: Flying?
  var failsAt: Int?
  var delay: @Sendable (Int) -> UInt32

  init(_ flying: Flying? = nil, failsAt: Int? = nil, _ delay: @escaping @Sendable (Int) -> UInt32) {
    (self.flying, self.failsAt, self.delay) = (flying, failsAt, delay)
  }

  mutating func process(_ chunk: borrowing Chunk, into result: inout ChunkResult) throws {
    flying?.started()
    let pause = delay(chunk.index)
    if pause > 0 { usleep(pause) }
    if chunk.index == failsAt { throw Broken() }
    var echo = EchoProcessor(maxLine: 100)
    try echo.process(chunk, into: &result)
  }
}
