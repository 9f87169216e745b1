// One verifier for every stream: however the input arrives and is cut, and whoever works on it, the
// same octets come out.
// Owns: the ways to feed a run. Must never: know what a processor writes.

import Dispatch
import Files
import JOSE
import Synchronization
import Testing

@testable import Pipeline

struct StreamVerifier: Sendable {
  enum Input: Sendable {
    case bytes([UInt8])
    case missing
  }

  /// What a run leaves behind, and what must not depend on how it went.
  struct Observed: Equatable {
    var output: [UInt8] = []
    var rejects: [UInt8] = []
    var summary = Summary()
    var unreadable = 0
    /// The first rejected lines, in order.
    var notes: [String] = []
  }

  enum Feed: Sendable, CustomStringConvertible {
    case file
    case pipe(slice: Int)
    case bunched(seed: UInt64)

    var description: String {
      switch self {
      case .file: "as a file"
      case .pipe(let slice): "through a pipe by \(slice)"
      case .bunched(let seed): "bunched, seed \(seed)"
      }
    }
  }

  struct Way: Sendable, CustomStringConvertible {
    var feed = Feed.file
    var capacity = 256 << 10
    var lines = 4096
    var workers = 1

    var description: String {
      "\(feed), capacity \(capacity), \(lines) lines a chunk, \(workers) workers"
    }
  }

  static let capacities = [1, 2, 3, 7, 64, 4096]
  static let lineLimits = [1, 2, 5, 4096]
  static let workerCounts = [1, 2, 5]

  var maxLine = 1 << 20

  /// Every way but the plain one.
  static var ways: [Way] {
    var all: [Way] = []
    for capacity in capacities {
      for lines in lineLimits {
        for workers in workerCounts {
          all.append(Way(capacity: capacity, lines: lines, workers: workers))
        }
      }
    }
    // In debug builds so large a buffer takes milliseconds to make: a few ways are enough.
    let large = 256 << 10
    all.append(Way(capacity: large, lines: 5, workers: 2))
    for (i, capacity) in (capacities + [large]).enumerated() {
      let lines = lineLimits[i % lineLimits.count]
      let workers = capacity == large ? 1 : workerCounts[i % workerCounts.count]
      all.append(Way(feed: .pipe(slice: 1), capacity: capacity, lines: lines, workers: workers))
      for seed in 1...2 {
        let feed = Feed.bunched(seed: UInt64(seed * 100 + i))
        all.append(Way(feed: feed, capacity: capacity, lines: lines, workers: workers))
      }
      all.append(
        Way(feed: .pipe(slice: 1 << 20), capacity: capacity, lines: 4096, workers: workers))
    }
    return all
  }

  /// Runs every way and returns what the plain one gave; each that differs is an issue.
  @discardableResult
  func verify<P: ChunkProcessor & SendableMetatype>(
    _ inputs: [Input], ways: [Way] = Self.ways,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ makeProcessor: @escaping @Sendable () throws -> P
  ) throws -> Observed {
    let expected = try observe(inputs, Way(), makeProcessor)
    for way in ways {
      let found = try observe(inputs, way, makeProcessor)
      guard found == expected else {
        #expect(found.output.text == expected.output.text, "\(way)", sourceLocation: sourceLocation)
        #expect(
          found.rejects.text == expected.rejects.text, "\(way)", sourceLocation: sourceLocation)
        #expect(found.summary == expected.summary, "\(way)", sourceLocation: sourceLocation)
        #expect(found.notes == expected.notes, "\(way)", sourceLocation: sourceLocation)
        #expect(found == expected, "\(way)", sourceLocation: sourceLocation)
        return expected
      }
    }
    return expected
  }

  func verify<P: ChunkProcessor & SendableMetatype>(
    _ input: [UInt8], sourceLocation: SourceLocation = #_sourceLocation,
    _ makeProcessor: @escaping @Sendable () throws -> P
  ) throws -> Observed {
    try verify([.bytes(input)], sourceLocation: sourceLocation, makeProcessor)
  }

  /// One run.
  func observe<P: ChunkProcessor & SendableMetatype>(
    _ inputs: [Input], _ way: Way, _ makeProcessor: @escaping @Sendable () throws -> P
  ) throws -> Observed {
    let folder = Folder()
    var run = Run()
    run.workers = way.workers
    run.limits.maxLine = maxLine
    run.limits.chunkBytes = way.capacity
    run.limits.chunkLines = way.lines
    run.output = try folder.output("out")
    run.rejects = try folder.output("rejects")
    let notes = Mutex<[String]>([])
    let last = Mutex<RunProgress?>(nil)
    run.onWritten = { rejected, progress in
      last.withLock { $0 = progress }
      notes.withLock { notes in
        for line in rejected where notes.count < RejectedLine.limit {
          notes.append("\(line.input):\(line.line) \(line.reasons.map { "\($0.code)" })")
        }
      }
    }
    let pipes = inputs.map { _ in Pipe() }
    run.inputs = try inputs.enumerated().map { i, input in
      switch (input, way.feed) {
      case (.missing, _): "\(folder.path)/missing-\(i)"
      case (.bytes(let bytes), .file): try folder.file("in-\(i)", bytes)
      case (.bytes, _): pipes[i].name
      }
    }
    let writers = DispatchGroup()
    DispatchQueue(label: "feed").async(group: writers) {
      for (pipe, input) in zip(pipes, inputs) {
        if case .bytes(let bytes) = input { Self.feed(bytes, way.feed, pipe) }
        pipe.finish()
      }
    }
    let outcome = run(makeProcessor)
    writers.wait()
    if let failure = outcome.failure { throw failure }
    if let progress = last.withLock({ $0 }) {
      #expect(progress.accepted == outcome.summary.lines.accepted, "\(way)")
      #expect(progress.rejected == outcome.summary.lines.rejected, "\(way)")
    }
    let sizes = inputs.map { if case .bytes(let bytes) = $0 { bytes.count } else { 0 } }
    #expect(outcome.bytesRead == sizes.reduce(0, +), "\(way)")
    #expect(!outcome.wasStopped)
    return Observed(
      output: try folder.contents("out"), rejects: try folder.contents("rejects"),
      summary: outcome.summary, unreadable: outcome.problems.count,
      notes: notes.withLock { $0 })
  }

  private static func feed(_ bytes: [UInt8], _ feed: Feed, _ pipe: Pipe) {
    switch feed {
    case .file: break
    case .pipe(let slice):
      for start in stride(from: 0, to: bytes.count, by: slice) {
        pipe.write(bytes[start..<min(start + slice, bytes.count)])
      }
    case .bunched(let seed):
      var random = Seeded(seed)
      var start = 0
      while start < bytes.count {
        let end = min(start + Int.random(in: 1...97, using: &random), bytes.count)
        pipe.write(bytes[start..<end])
        start = end
      }
    }
  }
}

/// Writes each line back with its input and number; rejects the oversized ones and those with `x`.
struct EchoProcessor: ChunkProcessor {
  var maxLine: Int

  mutating func process(_ chunk: borrowing Chunk, into result: inout ChunkResult) throws {
    func open(_ line: Int) { result.output.append(text: "\(chunk.input):\(line):") }
    func reject(_ line: Int, _ rejection: Rejection) {
      result.summary.count(Rejections(rejection))
      if result.notes.count < RejectedLine.limit {
        result.notes.append(
          RejectedLine(input: chunk.input, line: line, reasons: Rejections(rejection)))
      }
    }
    let bytes = Array(chunk.bytes[..<chunk.count])
    if case .oversized(let isFirst, let isLast) = chunk.kind {
      if isFirst {
        open(chunk.firstLine)
        reject(chunk.firstLine, .tooLarge)
      }
      let end: [UInt8] = isLast && bytes.last != 10 ? [10] : []
      result.output += bytes + end
      result.rejects += bytes + end
      return
    }
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    if bytes.last == 10 { lines.removeLast() }
    if lines.count != chunk.lineCount {
      Issue.record("\(lines.count) lines, not \(chunk.lineCount)")
    }
    for (i, line) in lines.enumerated() {
      let number = chunk.firstLine + i
      open(number)
      result.output += Array(line) + [10]
      if line.count > maxLine || line.contains(UInt8(ascii: "x")) {
        reject(number, line.count > maxLine ? .tooLarge : .noToken)
        result.rejects += Array(line) + [10]
      } else {
        result.summary.count(Rejections())
      }
    }
  }
}
