// Reads inputs in order and cuts them into chunks of whole lines.
// Owns: line boundaries, the length limit, waiting. Must never: hold back what has arrived when no
// more is ready, grow past one line over the limit, or look into a line.

package import Files
package import JOSE

/// Not thread-safe: the run guards it.
package struct LineReader: ~Copyable {
  package struct Limits: Sendable {
    /// What a chunk holds when the input is faster than the work.
    package var chunkBytes = 256 << 10
    package var maxLine = 1 << 20
    /// Bounds the output of a chunk of very short lines.
    package var chunkLines = 4096
    /// What is handed out is kept nowhere else.
    var wipes = false

    package init() {}
  }

  /// A file's path, or `-` for standard input.
  private let inputs: [String]
  private let limits: Limits
  private let start: Timestamp
  private var nextInput = 0
  private var file: OpenFile?
  private var isRegular = false
  /// Octets that were read but not handed out: a partial line, or lines past the chunk's limit.
  private var carry: [UInt8] = []
  private var line = 1
  private var isInOversizedLine = false
  /// The open file has no more octets; what is carried is still handed out.
  private var reachedEnd = false
  private var chunkIndex = 0

  /// Inputs that could not be opened or read; the others go on.
  package private(set) var problems: [FileError] = []
  /// A signal asked the run to stop, or the run has failed: nothing more is read.
  private var isOver = false
  package var wasStopped: Bool { isOver && StopSignal.number != nil }
  /// Octets read so far.
  package private(set) var bytesRead = 0
  /// The size of all inputs, when all are regular files.
  package let totalBytes: Int?

  /// Woken when the run fails; a wait for more input then ends.
  private let waker: Waker?

  package init(_ inputs: [String], limits: Limits, start: Timestamp, waker: Waker? = nil) {
    self.waker = waker
    self.inputs = inputs
    self.limits = limits
    self.start = start
    totalBytes = inputs.reduce(into: Int?(0)) { sum, path in
      let status = try? path == "-" ? OpenFile.standardInput.status() : OpenFile.status(at: path)
      guard let status, status.kind == .regular else {
        sum = nil
        return
      }
      sum = sum.map { $0 + Int(status.size) }
    }
  }

  /// Fills `chunk` with the next lines, reusing its buffer. False at the end of all inputs, or when
  /// a signal asked the run to stop.
  package mutating func next(_ chunk: inout Chunk) -> Bool {
    while true {
      if file == nil {
        guard openNext() else { return false }
      }
      if fill(&chunk) { return true }
      if isOver { return false }
      if reachedEnd { file = nil }
    }
  }

  private mutating func openNext() -> Bool {
    while nextInput < inputs.count {
      let path = inputs[nextInput]
      nextInput += 1
      do throws(FileError) {
        let opened = path == "-" ? OpenFile.standardInput : try OpenFile.open(path, .readInput)
        let status = try opened.status()
        if status.kind == .directory {
          throw FileError(refusing: path, "is a directory, not a file of lines")
        }
        isRegular = status.kind == .regular
        if !isRegular { opened.enlargePipe() }
        file = opened
        (line, reachedEnd, isInOversizedLine) = (1, false, false)
        carry.removeAll(keepingCapacity: true)
        return true
      } catch {
        problems.append(error)
      }
    }
    return false
  }

  /// One chunk of the open file; false when it has no more.
  private mutating func fill(_ chunk: inout Chunk) -> Bool {
    guard let file else { return false }
    let capacity = max(limits.chunkBytes, 1)
    if chunk.bytes.count < capacity { grow(&chunk.bytes, to: capacity) }
    if chunk.bytes.count < carry.count { grow(&chunk.bytes, to: carry.count) }
    var filled = carry.count
    chunk.bytes.replaceSubrange(0..<filled, with: carry)
    if limits.wipes { carry.clear() }
    carry.removeAll(keepingCapacity: true)
    var hasLine = chunk.bytes.span.firstIndex(of: Self.newline, in: 0..<filled) != nil

    while !reachedEnd {
      let room = max(capacity, hasLine ? 0 : min(chunk.bytes.count, limits.maxLine + 1))
      if filled >= room {
        if hasLine || isInOversizedLine || filled > limits.maxLine { break }
        grow(&chunk.bytes, to: min(max(filled * 2, capacity), limits.maxLine + 1))
        continue
      }
      if !isRegular {
        let waits = !hasLine && !(isInOversizedLine && filled > 0)
        switch file.readiness(waiting: waits, waker) {
        case .ready: break
        case .nothingYet:
          return emit(&chunk, filled)
        case .stopped:
          isOver = true
          return hasLine ? emit(&chunk, filled) : false
        }
      } else if StopSignal.number != nil {
        isOver = true
        return hasLine ? emit(&chunk, filled) : false
      }
      let n: Int
      do throws(FileError) {
        n = try file.read(into: &chunk.bytes, at: filled, count: room - filled)
      } catch {
        // What came before the error is still answered; the run ends with status 2.
        problems.append(error)
        n = 0
      }
      if n == 0 {
        reachedEnd = true
        break
      }
      bytesRead += n
      if !hasLine {
        hasLine =
          chunk.bytes.span.firstIndex(of: Self.newline, in: filled..<filled + n) != nil
      }
      filled += n
    }
    return filled > 0 || isInOversizedLine ? emit(&chunk, filled) : false
  }

  /// Hands out the whole lines among the first `filled` octets and carries the rest.
  private mutating func emit(_ chunk: inout Chunk, _ filled: Int) -> Bool {
    chunk.input = nextInput - 1
    chunk.firstLine = line
    chunk.index = chunkIndex
    chunk.now = isRegular ? start : Timestamp.now
    chunkIndex += 1

    if isInOversizedLine {
      let newline = chunk.bytes.span.firstIndex(of: Self.newline, in: 0..<filled)
      let isLast = newline != nil || reachedEnd
      chunk.count = newline.map { $0 + 1 } ?? filled
      chunk.kind = .oversized(isFirst: false, isLast: isLast)
      chunk.lineCount = 0
      keep(chunk, from: chunk.count, to: filled)
      if isLast { isInOversizedLine = false }
      return true
    }

    let (lines, end) = Self.wholeLines(
      chunk.bytes, filled, limit: limits.chunkLines, takesRest: reachedEnd)
    if lines == 0 {
      // No newline, and longer than a line may be.
      chunk.count = filled
      chunk.kind = .oversized(isFirst: true, isLast: false)
      chunk.lineCount = 1
      line += 1
      isInOversizedLine = true
      return true
    }
    chunk.kind = .lines
    chunk.count = end
    chunk.lineCount = lines
    line += lines
    keep(chunk, from: end, to: filled)
    return true
  }

  private mutating func keep(_ chunk: borrowing Chunk, from start: Int, to end: Int) {
    if start < end { carry.append(chunk.bytes.span, start..<end) }
  }

  private func grow(_ buffer: inout [UInt8], to count: Int) {
    buffer.append(contentsOf: repeatElement(0, count: max(0, count - buffer.count)))
  }

  private static let newline = UInt8(ascii: "\n")

  /// How many whole lines stand in the first `filled` octets, at most `limit`, and where they end.
  /// `takesRest`: what follows the last newline is a line too.
  static func wholeLines(
    _ bytes: [UInt8], _ filled: Int, limit: Int, takesRest: Bool
  ) -> (lines: Int, end: Int) {
    let span = bytes.span
    var lines = 0
    var end = 0
    while lines < limit, let newline = span.firstIndex(of: newline, in: end..<filled) {
      lines += 1
      end = newline + 1
    }
    return takesRest && end < filled && lines < limit ? (lines + 1, filled) : (lines, end)
  }
}
