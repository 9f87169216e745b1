// Wrong answers on demand, in debug builds only: what a kernel with a mistake in it would give.
// Owns: counting answers. Must never: exist in a release build.
//
// JOTMILL_LANE_FAULT=N    answer N of the kernels, counted from 1 over the process, is the opposite
//                         of what it was; the first 24 for each kind of key are the self-test's

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

enum LaneFault {
  /// Turns over what is to be turned over of a call's answers. Release builds pay nothing.
  @inline(__always)
  static func apply(to answers: inout [UInt8]) {
    #if DEBUG
      guard let plan else { return }
      for i in answers.indices where plan.turnsNext() { answers[i] ^= 1 }
    #endif
  }

  #if DEBUG
    /// The environment's, or a test's own.
    @TaskLocal static var plan: Plan? = Plan()

    final class Plan: Sendable {
      private let answers = Atomic<Int>(0)
      private let turns: @Sendable (Int) -> Bool

      /// `turns` gets an answer's number, from 1 on.
      init(_ turns: @escaping @Sendable (Int) -> Bool) { self.turns = turns }

      convenience init?() {
        guard let value = unsafe getenv("JOTMILL_LANE_FAULT") else { return nil }
        guard let number = Int(unsafe String(cString: value)) else {
          preconditionFailure("JOTMILL_LANE_FAULT is the number of an answer")
        }
        self.init { $0 == number }
      }

      func turnsNext() -> Bool { turns(answers.add(1, ordering: .relaxed).newValue) }
    }
  #endif
}
