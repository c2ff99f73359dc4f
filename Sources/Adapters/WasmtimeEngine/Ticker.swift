import CWasmtime
import ClusterModel
import DedicatedThreads
import Glibc
import Synchronization

/// Raises the engine's epoch so that running guests come back to their worker, as long as there is
/// one that runs for long: most have ended by then, and to bring them back would only cost time.
final class Ticker: Sendable {
  private let engine: EngineHandle
  private let interval: Int64
  private let parker = Parker()
  private let busyWorkers = Atomic<Int>(0)
  private let parked = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  /// Ticks without work before the ticker sleeps, so that short activations do not each wake it.
  private static let idleTicks = 100
  /// Ticks that nobody wanted before each takes twice as long: a tick costs whoever runs beside it as much as several
  /// short activations.
  private static let unwantedTicks = 100

  init(engine: EngineHandle, interval: Duration) {
    self.engine = engine
    self.interval = interval.nanoseconds
  }

  /// A worker has something to run.
  func workerBecameBusy() {
    busyWorkers.add(1, ordering: .sequentiallyConsistent)
    if parked.load(ordering: .sequentiallyConsistent) { parker.wake() }
  }

  func workerBecameIdle() {
    busyWorkers.subtract(1, ordering: .sequentiallyConsistent)
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    parker.wake()
  }

  /// The body of the ticker's thread.
  ///
  /// - Parameter workers: all that run guests of the engine.
  func run(for workers: [Worker]) {
    var (idle, unwanted) = (0, 0)
    var steps = workers.map(\.state.steps)
    while !stopping.load(ordering: .sequentiallyConsistent) {
      if busyWorkers.load(ordering: .sequentiallyConsistent) == 0 { idle += 1 } else { idle = 0 }
      if idle > Self.idleTicks {
        parked.store(true, ordering: .sequentiallyConsistent)
        if busyWorkers.load(ordering: .sequentiallyConsistent) == 0 { parker.park(until: nil) }
        parked.store(false, ordering: .sequentiallyConsistent)
        idle = 0
      }
      let wait = unwanted > Self.unwantedTicks ? 2 * interval : interval
      var time = timespec(tv_sec: 0, tv_nsec: Int(wait))
      clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nil)
      if isWanted(workers, &steps) {
        wasmtime_engine_increment_epoch(engine.pointer)
        unwanted = 0
      } else {
        unwanted += 1
      }
    }
  }

  /// Whether a guest has run since the tick before, or takes turns with others.
  ///
  /// - Parameter steps: of each worker, as they were then.
  private func isWanted(_ workers: [Worker], _ steps: inout [UInt64]) -> Bool {
    var isWanted = false
    for (index, worker) in workers.enumerated() {
      let state = worker.state
      if state.isAwake, worker.hasTurns || state.steps == steps[index] { isWanted = true }
      steps[index] = state.steps
    }
    return isWanted
  }
}
