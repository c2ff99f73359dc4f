public import ClusterModel

/// Makes one number of how all workers get on: it grows each time that every worker which is at work has
/// made a step since it grew last. So one that is stuck stops it, however busy the others are; and one that
/// is only slow, because the machine is busy, does not.
public struct WorkerProgress: Hashable, Sendable {
  public private(set) var progress: UInt64 = 0
  /// The steps of each worker when it grew last.
  private var mark: [UInt64] = []

  public init() {}

  /// - Parameters:
  ///   - workers: always in the same order; another number of them is another engine.
  ///   - queued: activations that no worker has taken.
  /// - Returns: how far they are, and whether there is anything to do. When activations wait and no worker
  ///   is awake, nothing gets on.
  public mutating func look(
    at workers: [WorkerState], queued: Int
  ) -> (progress: UInt64, isBusy: Bool) {
    let isBusy = queued > 0 || workers.contains(where: \.isAwake)
    let steps = workers.map(\.steps)
    guard steps.count == mark.count else {
      mark = steps
      progress += 1
      return (progress, isBusy)
    }
    let haveAllGotOn = zip(workers, mark).allSatisfy { !$0.isAwake || $0.steps != $1 }
    if haveAllGotOn, steps != mark {
      mark = steps
      progress += 1
    }
    return (progress, isBusy)
  }
}
