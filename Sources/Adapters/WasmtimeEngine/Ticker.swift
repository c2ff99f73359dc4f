import CWasmtime
import ClusterModel
import DedicatedThreads
import Glibc
import Synchronization

/// Raises the engine's epoch so that running guests come back to their worker, as long as there is
/// one that runs.
final class Ticker: Sendable {
  private let engine: EngineHandle
  private let interval: Int64
  private let parker = Parker()
  private let busyWorkers = Atomic<Int>(0)
  private let parked = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  /// Ticks without work before the ticker sleeps, so that short activations do not each wake it.
  private static let idleTicks = 100

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
  func run() {
    var idle = 0
    while !stopping.load(ordering: .sequentiallyConsistent) {
      if busyWorkers.load(ordering: .sequentiallyConsistent) == 0 { idle += 1 } else { idle = 0 }
      if idle > Self.idleTicks {
        parked.store(true, ordering: .sequentiallyConsistent)
        if busyWorkers.load(ordering: .sequentiallyConsistent) == 0 { parker.park(until: nil) }
        parked.store(false, ordering: .sequentiallyConsistent)
        idle = 0
      }
      var time = timespec(tv_sec: 0, tv_nsec: Int(interval))
      clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nil)
      wasmtime_engine_increment_epoch(engine.pointer)
    }
  }
}
