// What travels from the reader through a worker to the writer.
// Owns: the shapes. Must never: hold more than one chunk's worth of anything.

internal import Files
package import JOSE

/// Whole lines of one input, or a piece of a line that is longer than the limit.
package struct Chunk: Sendable {
  package enum Kind: Sendable, Equatable {
    case lines
    /// A line over `--max-line`, in pieces; its bytes are only ever copied.
    case oversized(isFirst: Bool, isLast: Bool)
  }

  /// Place in the output's order.
  package internal(set) var index = 0
  package internal(set) var kind = Kind.lines
  /// The buffer; its first `count` octets are this chunk's.
  package internal(set) var bytes: [UInt8] = []
  package internal(set) var count = 0
  /// Which input.
  package internal(set) var input = 0
  /// Number of the first line in its input, from 1.
  package internal(set) var firstLine = 1
  package internal(set) var lineCount = 0
  /// When the chunk was read, or when the run began if the input is a regular file.
  package internal(set) var now = Timestamp(seconds: 0)

  package init() {}
}

/// What a worker made of one chunk.
package struct ChunkResult: Sendable {
  package var output: [UInt8] = []
  /// Rejected input lines, byte for byte.
  package var rejects: [UInt8] = []
  package var summary = Summary()
  /// The first rejected lines, for standard error.
  package var notes: [RejectedLine] = []
  /// Why the run ends when this has been written: what is behind it is not.
  package var failure: (any Error)?

  package init() {}
}

package struct RejectedLine: Sendable {
  package static let limit = 20

  package var input: Int
  package var line: Int
  package var reasons: Rejections
  package var detail: String?
}

/// Turns chunks into results. A value a worker: nothing is shared between threads.
package protocol ChunkProcessor {
  /// Throws only when the job itself can't be done; a bad record is part of the result.
  mutating func process(_ chunk: borrowing Chunk, into result: inout ChunkResult) throws
}

extension Timestamp {
  /// The system clock.
  package static var now: Timestamp {
    let (seconds, nanoseconds) = Clock.now
    return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
  }
}

/// Puts `new` in the place of `value` and returns what was there.
func exchange<T>(_ value: inout T, with new: consuming T) -> T {
  let old = value
  value = new
  return old
}
