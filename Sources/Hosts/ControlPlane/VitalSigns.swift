import ClusterModel
import Synchronization

/// What says whether a node is alive. It takes the shortest way there is.
enum VitalSign: Hashable, Sendable {
  case heartbeat(Heartbeat)
  /// Whoever watches an agent's process saw it end.
  case death(NodeID, Incarnation)
}

/// Vital signs that nobody has read: of each node the newest heartbeat, and every death. A control plane that
/// was busy for a while must not hear old ones first.
///
///     put ──> a death, or nobody comes ──> send for the reader ──┐
///      └────> a reader comes anyway ────────────(waits)──────────┴──> takeAll
final class UnreadVitalSigns: Sendable {
  struct Signs: Sendable {
    /// By node, each with its arrival.
    var heartbeats: [(heartbeat: Heartbeat, arrival: MonotonicInstant)] = []
    /// As they came.
    var deaths: [(node: NodeID, incarnation: Incarnation)] = []
    /// Heartbeats wait from now on for whoever reads to come again.
    var areReadAgain = false
  }

  private struct Unread {
    var heartbeats: [NodeID: (heartbeat: Heartbeat, arrival: MonotonicInstant)] = [:]
    var deaths: [(node: NodeID, incarnation: Incarnation)] = []
    /// Somebody was sent for, and is on the way.
    var isSentFor = false
    /// Somebody comes in a moment who was not sent for.
    var isReadAgain = false
  }

  private let unread = Mutex(Unread())

  /// Deaths beyond that are lost; silence says the same a little later.
  static let mostDeaths = 100_000

  /// - Returns: whether somebody has to come and read at once.
  func put(_ sign: VitalSign, at now: MonotonicInstant) -> Bool {
    unread.withLock { unread in
      let waits: Bool
      switch sign {
      case .heartbeat(let heartbeat):
        unread.heartbeats[heartbeat.node] = (heartbeat, now)
        waits = unread.isReadAgain
      case .death(let node, let incarnation):
        if unread.deaths.count < Self.mostDeaths { unread.deaths.append((node, incarnation)) }
        waits = false
      }
      if waits || unread.isSentFor { return false }
      unread.isSentFor = true
      return true
    }
  }

  /// - Parameter andComesAgain: whether who reads comes again soon without being sent for; where there was no
  ///   heartbeat, it need not.
  func takeAll(andComesAgain: Bool) -> Signs {
    let (all, areReadAgain) = unread.withLock { unread in
      let all = unread
      unread = Unread()
      unread.isReadAgain = andComesAgain && !all.heartbeats.isEmpty
      return (all, unread.isReadAgain)
    }
    return Signs(
      heartbeats: all.heartbeats.values.sorted { $0.heartbeat.node < $1.heartbeat.node },
      deaths: all.deaths, areReadAgain: areReadAgain)
  }
}
