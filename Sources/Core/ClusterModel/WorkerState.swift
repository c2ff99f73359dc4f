/// A thread that runs guests, as it is seen from outside.
public struct WorkerState: Hashable, Sendable {
  /// Grows each time it has let a guest run for a moment, or has looked for one.
  public var steps: UInt64
  /// Whether it is at work: one that is not need not get on.
  public var isAwake: Bool

  public init(steps: UInt64, isAwake: Bool) {
    self.steps = steps
    self.isAwake = isAwake
  }
}
