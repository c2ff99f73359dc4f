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
final class UnreadVitalSigns: Sendable {
  private struct Unread {
    var heartbeats: [NodeID: Heartbeat] = [:]
    var deaths: [VitalSign] = []
    var isEmpty: Bool { heartbeats.isEmpty && deaths.isEmpty }
  }

  private let unread = Mutex(Unread())

  /// Deaths beyond that are lost; silence says the same a little later.
  static let mostDeaths = 100_000

  /// - Returns: whether somebody has to come and read: nobody has been sent for what is there.
  func put(_ sign: VitalSign) -> Bool {
    unread.withLock { unread in
      let wasEmpty = unread.isEmpty
      switch sign {
      case .heartbeat(let heartbeat): unread.heartbeats[heartbeat.node] = heartbeat
      case .death: if unread.deaths.count < Self.mostDeaths { unread.deaths.append(sign) }
      }
      return wasEmpty
    }
  }

  /// Heartbeats by node, then deaths as they came.
  func takeAll() -> [VitalSign] {
    let all = unread.withLock { unread in
      defer { unread = Unread() }
      return unread
    }
    return all.heartbeats.values.sorted { $0.node < $1.node }.map { .heartbeat($0) } + all.deaths
  }
}
