public import HeartbeatCoding
import Metrics
import Synchronization

/// Counts datagrams that did not count.
public final class RefusedDatagrams: Sendable {
  private let counts = Mutex<[DatagramRefusal: Int]>([:])
  private let counters: [DatagramRefusal: Counter]

  init(at side: HeartbeatSide) {
    let receiver = side == .agent ? "agent" : "control-plane"
    counters = Dictionary(
      uniqueKeysWithValues: DatagramRefusal.allCases.map { refusal in
        let dimensions = [("receiver", receiver), ("reason", refusal.rawValue)]
        return (
          refusal,
          Counter(label: "wasmatrix_heartbeat_datagrams_refused_total", dimensions: dimensions)
        )
      })
  }

  func count(_ refusal: DatagramRefusal) {
    counts.withLock { $0[refusal, default: 0] += 1 }
    counters[refusal]?.increment()
  }

  /// How many were refused for this reason.
  public subscript(refusal: DatagramRefusal) -> Int { counts.withLock { $0[refusal] ?? 0 } }

  /// How many were refused.
  public var total: Int { counts.withLock { $0.values.reduce(0, +) } }
}
