import CSandbox
import Synchronization

/// The processor on which the ways of a round run that run on one thread: those of a shared machine differ, by what
/// others do on them.
enum Processor {
  private static let chosen = Atomic<Int32>(0)

  /// Goes on to the next one.
  static func change() { chosen.add(1, ordering: .relaxed) }

  /// Keeps the calling thread on it.
  static func pin() { cs_pin(chosen.load(ordering: .relaxed)) }

  /// Lets the calling thread run anywhere again.
  static func unpin() { cs_pin(-1) }
}
