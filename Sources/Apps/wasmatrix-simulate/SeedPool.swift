import ClusterSimulator
import Dispatch
import Synchronization

/// Runs seeds on some threads, and hands their outcomes over in the order of the seeds.
struct SeedPool: Sendable {
  let first: UInt64
  let count: UInt64
  let jobs: Int
  let simulate: @Sendable (UInt64) -> Simulation.Outcome

  init(
    first: UInt64, count: UInt64, jobs: Int,
    simulate: @escaping @Sendable (UInt64) -> Simulation.Outcome
  ) {
    self.first = first
    self.count = count
    self.jobs = jobs
    self.simulate = simulate
  }

  /// - Parameter take: called on this thread, seed after seed.
  func run(_ take: (Simulation.Outcome) -> Void) {
    let progress = Progress()
    let ready = DispatchSemaphore(value: 0)
    for _ in 0..<jobs {
      DispatchQueue.global().async {
        while let index = progress.begin(below: count) {
          progress.end(index, simulate(first + index))
          ready.signal()
        }
      }
    }
    var expected: UInt64 = 0
    while expected < count {
      ready.wait()
      while let outcome = progress.take(expected) {
        take(outcome)
        expected += 1
      }
    }
  }
}

/// Which seeds were begun, and what came of those that ended and were not handed over.
private final class Progress: Sendable {
  private struct State {
    var next: UInt64 = 0
    var done: [UInt64: Simulation.Outcome] = [:]
  }

  private let state = Mutex(State())

  func begin(below count: UInt64) -> UInt64? {
    state.withLock { state in
      guard state.next < count else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  func end(_ index: UInt64, _ outcome: Simulation.Outcome) {
    state.withLock { $0.done[index] = outcome }
  }

  func take(_ index: UInt64) -> Simulation.Outcome? {
    state.withLock { $0.done.removeValue(forKey: index) }
  }
}
