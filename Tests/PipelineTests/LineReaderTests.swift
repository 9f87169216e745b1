// The reader against a slow twin that splits at newlines.
// Owns: random inputs. Each failure names the seed that repeats it.

import Files
import JOSE
import Testing

@testable import Pipeline

@Suite struct LineReaderTests {
  /// The lines of one input as the reader hands them out.
  private func read(
    _ path: String, _ limits: LineReader.Limits, _ note: Comment
  ) -> [[UInt8]] {
    var reader = LineReader([path], limits: limits, start: Timestamp(seconds: 5))
    var chunk = Chunk()
    var lines: [[UInt8]] = []
    var index = 0
    var open: [UInt8]?
    while reader.next(&chunk) {
      check(chunk.index == index, note)
      check(chunk.now == Timestamp(seconds: 5), note)
      index += 1
      let bytes = Array(chunk.bytes[..<chunk.count])
      switch chunk.kind {
      case .lines:
        check(open == nil, note)
        check(chunk.firstLine == lines.count + 1, note)
        check(chunk.lineCount <= limits.chunkLines && chunk.lineCount > 0, note)
        check(chunk.count <= max(limits.chunkBytes, limits.maxLine + 1), note)
        let found = twin(bytes)
        check(found.count == chunk.lineCount, note)
        lines += found
      case .oversized(let isFirst, let isLast):
        check(isFirst == (open == nil), note)
        if isFirst { check(chunk.firstLine == lines.count + 1, note) }
        check(chunk.lineCount == (isFirst ? 1 : 0), note)
        let piece = open ?? []
        open = piece + bytes
        if isLast {
          var line = open ?? []
          if line.last == 10 { line.removeLast() }
          check(line.count > limits.maxLine, note)
          check(!line.contains(10), note)
          lines.append(line)
          open = nil
        }
      }
    }
    check(open == nil, note)
    let (problems, wasStopped) = (reader.problems, reader.wasStopped)
    check(problems.isEmpty && !wasStopped, note)
    return lines
  }

  /// Cheaper than `#expect` for what holds a million times.
  private func check(_ holds: Bool, _ note: Comment, line: Int = #line) {
    if !holds { Issue.record("\(note), line \(line)") }
  }

  /// Takes the next chunk, or finds that there is none.
  private func next(
    _ reader: inout LineReader, _ chunk: inout Chunk, _ expected: Bool,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let found = reader.next(&chunk)
    try #require(found == expected, sourceLocation: sourceLocation)
  }

  @Test func `random inputs are cut as the slow twin cuts them`() throws {
    let folder = Folder()
    let base = UInt64(Timestamp.now.seconds)
    print("LineReaderTests: seeds from \(base)")
    for seed in base..<base + 600 {
      var random = Seeded(seed)
      // Newlines rare or frequent, a few other octets.
      let share = Int.random(in: 2...60, using: &random)
      let input = (0..<Int.random(in: 0...900, using: &random)).map { _ in
        Int.random(in: 0..<share, using: &random) == 0
          ? UInt8(10) : [0, 13, 65, 255][Int.random(in: 0..<4, using: &random)]
      }
      var limits = LineReader.Limits()
      limits.chunkBytes = Int.random(in: 1...100, using: &random)
      limits.maxLine = Int.random(in: 1...120, using: &random)
      limits.chunkLines = Int.random(in: 1...6, using: &random)
      let path = try folder.file("in-\(seed)", input)
      #expect(read(path, limits, "seed \(seed)") == twin(input), "seed \(seed), \(limits)")
    }
  }

  @Test func `whole lines are counted and ended as a slow loop does`() {
    var random = Seeded(3)
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
        Bool.random(using: &random) ? UInt8(10) : UInt8(65)
      }
      let filled = Int.random(in: 0...bytes.count, using: &random)
      let limit = Int.random(in: 1...8, using: &random)
      for takesRest in [false, true] {
        var lines = 0
        var end = 0
        for i in 0..<filled where bytes[i] == 10 && lines < limit {
          (lines, end) = (lines + 1, i + 1)
        }
        if takesRest, end < filled, lines < limit { (lines, end) = (lines + 1, filled) }
        let found = LineReader.wholeLines(bytes, filled, limit: limit, takesRest: takesRest)
        #expect(found == (lines, end), "\(bytes) \(filled) \(limit) \(takesRest)")
      }
    }
  }

  @Test func `what a pipe has ready is handed out before more is waited for`() throws {
    let pipe = Pipe()
    var reader = LineReader([pipe.name], limits: .init(), start: Timestamp(seconds: 0))
    var chunk = Chunk()
    pipe.write(Array("one\ntwo\nthr".utf8)[...])
    try next(&reader, &chunk, true)
    #expect(Array(chunk.bytes[..<chunk.count]).text == "one\ntwo\n")
    #expect(chunk.now.seconds > 0, "a pipe's chunk carries the clock's time")
    pipe.write(Array("ee\n".utf8)[...])
    try next(&reader, &chunk, true)
    #expect(Array(chunk.bytes[..<chunk.count]).text == "three\n")
    #expect(chunk.firstLine == 3)
    pipe.write(Array("end".utf8)[...])
    pipe.finish()
    try next(&reader, &chunk, true)
    #expect(Array(chunk.bytes[..<chunk.count]).text == "end")
    try next(&reader, &chunk, false)
    let bytesRead = reader.bytesRead
    #expect(bytesRead == 17)
  }

  @Test func `a directory or a missing file is a problem, and the others are read`() throws {
    let folder = Folder()
    let good = try folder.file("good", Array("a\n".utf8))
    let inputs = [folder.path, "\(folder.path)/none", good, "\(good)/below"]
    var reader = LineReader(inputs, limits: .init(), start: Timestamp(seconds: 0))
    let total = reader.totalBytes
    #expect(total == nil)
    var chunk = Chunk()
    try next(&reader, &chunk, true)
    #expect(chunk.input == 2)
    try next(&reader, &chunk, false)
    let problems = reader.problems.map(\.path)
    #expect(problems == [inputs[0], inputs[1], inputs[3]])
  }

  @Test func `the total is known when every input is a regular file`() throws {
    let folder = Folder()
    let one = try folder.file("one", Array("abc\n".utf8))
    let two = try folder.file("two", [])
    let pipe = Pipe()
    for (inputs, expected) in [([one, two, one], 8), ([one, pipe.name], nil), ([], 0)] {
      let total = LineReader(inputs, limits: .init(), start: .now).totalBytes
      #expect(total == expected, "\(inputs)")
    }
  }

  @Test func `a line without end takes memory for one line at most`() throws {
    let folder = Folder()
    let path = try folder.file("in", [UInt8](repeating: 65, count: 3 << 20))
    var limits = LineReader.Limits()
    limits.maxLine = 64 << 10
    limits.chunkBytes = 16 << 10
    var reader = LineReader([path], limits: limits, start: .now)
    var chunk = Chunk()
    var largest = 0
    while reader.next(&chunk) { largest = max(largest, chunk.bytes.count) }
    #expect(largest <= limits.maxLine + 1)
  }
}
