public import ClusterModel

/// What says whether a node is alive. It takes the shortest way there is.
public enum VitalSign: Hashable, Sendable {
  case heartbeat(Heartbeat)
  /// Whoever watches an agent's process saw it end.
  case death(NodeID, Incarnation)
}

/// Vital signs that nobody has read: of each node the newest heartbeat, and every death. A control plane that
/// was busy for a while must not hear old ones first.
///
///     put ──> a death, or nobody comes ──> send for the reader ──┐
///      └────> a reader comes anyway ────────────(waits)──────────┴──> takeAll
public struct UnreadVitalSigns: Sendable {
  /// What was taken.
  public struct Signs: Sendable {
    fileprivate var newest: [NodeID: (heartbeat: Heartbeat, arrival: MonotonicInstant)] = [:]
    /// As they came.
    public fileprivate(set) var deaths: [(node: NodeID, incarnation: Incarnation)] = []
    /// Heartbeats wait from now on for whoever reads to come again.
    public fileprivate(set) var areReadAgain = false

    /// By node, each with its arrival.
    public var heartbeats: [(heartbeat: Heartbeat, arrival: MonotonicInstant)] {
      newest.values.sorted { $0.heartbeat.node < $1.heartbeat.node }
    }
  }

  private var unread = Signs()
  /// Somebody was sent for, and is on the way.
  private var isSentFor = false

  /// Deaths beyond that are lost; silence says the same a little later.
  static let mostDeaths = 100_000

  public init() {}

  /// - Returns: whether somebody has to come and read at once.
  public mutating func put(_ sign: VitalSign, at now: MonotonicInstant) -> Bool {
    let waits: Bool
    switch sign {
    case .heartbeat(let heartbeat):
      unread.newest[heartbeat.node] = (heartbeat, now)
      waits = unread.areReadAgain
    case .death(let node, let incarnation):
      if unread.deaths.count < Self.mostDeaths { unread.deaths.append((node, incarnation)) }
      waits = false
    }
    if waits || isSentFor { return false }
    isSentFor = true
    return true
  }

  /// - Parameter andComesAgain: whether who reads comes again soon without being sent for; where there was no
  ///   heartbeat, it need not.
  public mutating func takeAll(andComesAgain: Bool) -> Signs {
    var taken = unread
    taken.areReadAgain = andComesAgain && !taken.newest.isEmpty
    self = UnreadVitalSigns()
    unread.areReadAgain = taken.areReadAgain
    return taken
  }
}
