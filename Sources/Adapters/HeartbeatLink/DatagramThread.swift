import ClusterModel
import DedicatedThreads
import Glibc
import Synchronization

/// The thread that reads a socket and does what is due now and then.
final class DatagramThread: Sendable {
  private let socket: DatagramSocket
  private let isStopping: Stopping
  private let thread: DedicatedThread

  private final class Stopping: Sendable {
    let value = Atomic<Bool>(false)
  }

  var scheduling: HeartbeatScheduling { thread.scheduling }

  /// - Parameters:
  ///   - take: called on the thread with each datagram.
  ///   - tick: called on the thread now and then; says after how long again, `nil` for never.
  init(
    _ socket: DatagramSocket, name: String, urgency: ThreadUrgency,
    take: @escaping @Sendable (ArraySlice<UInt8>, DatagramAddress) -> Void,
    tick: @escaping @Sendable () -> Duration?
  ) {
    self.socket = socket
    let isStopping = Stopping()
    self.isStopping = isStopping
    thread = DedicatedThread(name: name, urgency: urgency) {
      var buffer = DatagramSocket.Buffer()
      var fullHands = 0
      while !isStopping.value.load(ordering: .acquiring) {
        let patience = tick()
        guard socket.waits(patience) else { continue }
        // The clock is looked at after each handful, whatever storm there is.
        fullHands = socket.receive(into: &buffer, take) == DatagramSocket.slots ? fullHands + 1 : 0
        if fullHands == Self.mostFullHands {
          fullHands = 0
          usleep(Self.rest)
        }
      }
    }
  }

  /// So many full hands in a row are a flood: the thread may be one that nothing else gets past, and must
  /// leave something of the processor. The heartbeats of 1,000 nodes fit in between.
  private static let mostFullHands = 32
  /// Microseconds; about as long as the hands take.
  private static let rest: UInt32 = 1000

  /// Returns when the thread has ended, which takes no longer than what it is doing; at once on the thread
  /// itself.
  func stop() {
    isStopping.value.store(true, ordering: .releasing)
    socket.wake()
    thread.join()
  }

  /// The same without waiting.
  deinit {
    isStopping.value.store(true, ordering: .releasing)
    socket.wake()
  }
}

/// The system's monotonic clock.
func monotonicNow() -> MonotonicInstant {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}
