// One run: reader, workers and writer tied together with Dispatch.
// Owns: threads. Must never: know what a line means.

internal import Dispatch
package import Files
internal import JOSE
internal import Synchronization

/// How far a run has come, for the progress bar.
package struct RunProgress: Sendable {
  package var bytesRead: Int
  /// nil unless every input is a regular file.
  package var totalBytes: Int?
  package var accepted: Int
  package var rejected: Int
}

package struct RunOutcome: Sendable {
  package var summary: Summary
  /// Inputs that could not be read; the others were processed.
  package var problems: [FileError]
  /// What ended the run early: an output error, or a library that can't work.
  package var failure: (any Error)?
  /// A signal asked it to stop; what was in flight has been written.
  package var wasStopped: Bool
  package var bytesRead: Int
}

package struct Run: Sendable {
  /// Paths, or `-` for standard input.
  package var inputs = ["-"]
  package var workers = Process.usableCores
  package var limits = LineReader.Limits()
  /// nil: the output is discarded.
  package var output: OutputFile? = OutputFile()
  package var rejects: OutputFile?
  /// The input holds secrets: buffers that held lines are wiped.
  package var wipesInput = false
  /// Gets each chunk's rejected lines and the run's progress, in order, one call at a time.
  package var onWritten: @Sendable ([RejectedLine], RunProgress) -> Void = { _, _ in }

  package init() {}

  /// Runs every line of the inputs through processors, one a worker; returns when all is written.
  package func callAsFunction<P: ChunkProcessor & SendableMetatype>(
    _ makeProcessor: @escaping @Sendable () throws -> P
  ) -> RunOutcome {
    let waker = Waker()
    var limits = limits
    limits.wipes = wipesInput
    let source = Source(LineReader(inputs, limits: limits, start: Timestamp.now, waker: waker))
    let writer = OrderedWriter(
      output: output, rejects: rejects, inFlight: workers + 2, waker: waker
    ) { [onWritten] notes, summary in
      onWritten(notes, source.progress(summary))
    }
    if let file = output?.file { file.enlargePipe() }

    let queue = DispatchQueue(label: "jotmill.workers", attributes: .concurrent)
    let group = DispatchGroup()
    for _ in 0..<max(1, workers) {
      queue.async(group: group) {
        var chunk = Chunk()
        do {
          var processor = try makeProcessor()
          while var result = writer.reserve() {
            guard source.next(&chunk) else {
              writer.release()
              break
            }
            defer { if wipesInput { chunk.bytes.clear() } }
            try processor.process(chunk, into: &result)
            writer.submit(&result, index: chunk.index)
          }
        } catch {
          writer.fail(error, at: chunk.index)
        }
      }
    }
    group.wait()
    return source.outcome(writer)
  }
}

/// The reader behind a lock: a worker without a chunk reads the next one itself.
private final class Source: Sendable {
  private let reader: Mutex<LineReader>
  private let bytesRead = Atomic<Int>(0)
  private let totalBytes: Int?

  init(_ reader: consuming sending LineReader) {
    totalBytes = reader.totalBytes
    self.reader = Mutex(reader)
  }

  func next(_ chunk: inout Chunk) -> Bool {
    reader.withLock { reader in
      let found = reader.next(&chunk)
      bytesRead.store(reader.bytesRead, ordering: .relaxed)
      return found
    }
  }

  func progress(_ summary: borrowing Summary) -> RunProgress {
    RunProgress(
      bytesRead: bytesRead.load(ordering: .relaxed), totalBytes: totalBytes,
      accepted: summary.lines.accepted, rejected: summary.lines.rejected)
  }

  func outcome(_ writer: OrderedWriter) -> RunOutcome {
    reader.withLock { reader in
      RunOutcome(
        summary: writer.summary, problems: reader.problems, failure: writer.error,
        wasStopped: reader.wasStopped, bytesRead: reader.bytesRead)
    }
  }
}
