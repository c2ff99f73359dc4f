public import ClusterModel
import HeapModule

/// The circuit breakers of nodes. A node that never failed has none, which counts as closed.
public struct CircuitBreakers: Sendable {
  let configuration: CircuitBreaker.Configuration
  /// Breakers at most; the failures of further nodes are not counted until one is quiet. As many as
  /// nodes that a tracker knows by default.
  public static let defaultLimit = 100_000

  let limit: Int
  private(set) var breakers: [NodeID: CircuitBreaker] = [:]
  /// When back-offs are over. An entry is void when its breaker is open until later, or gone.
  private var alarms = Heap<NodeAlarm>()
  /// How often any of them has opened.
  public private(set) var timesOpened: UInt64 = 0

  public init(
    configuration: CircuitBreaker.Configuration = CircuitBreaker.Configuration(),
    limit: Int = CircuitBreakers.defaultLimit
  ) {
    precondition(limit >= 1, "no room for any breaker")
    self.configuration = configuration
    self.limit = limit
  }

  /// When ``wake(at:)`` is due; `nil` when none is open.
  public var nextDeadline: MonotonicInstant? { alarms.min?.at }

  /// Whether a node may be asked.
  public func allows(_ node: NodeID, at now: MonotonicInstant) -> Bool {
    breakers[node]?.allows(at: now) ?? true
  }

  /// Whether a node must not be asked.
  public func isOpen(_ node: NodeID, at now: MonotonicInstant) -> Bool { !allows(node, at: now) }

  /// The nodes that must not be asked, sorted.
  public func open(at now: MonotonicInstant) -> [NodeID] {
    breakers.filter { !$0.value.allows(at: now) }.keys.sorted()
  }

  /// The state of a node's breaker.
  public func state(of node: NodeID) -> CircuitBreaker.State { breakers[node]?.state ?? .closed }

  /// A node was asked, and this came of it.
  public mutating func record(
    _ outcome: CircuitBreaker.Outcome, of node: NodeID, at now: Instants,
    using random: inout some RandomNumberGenerator
  ) {
    let time = now.monotonic
    if breakers[node] == nil {
      guard outcome == .failure, makeRoom(time) else { return }
      breakers[node] = CircuitBreaker(configuration: configuration)
    }
    let deadline = breakers[node]?.nextDeadline
    breakers[node]?.record(outcome, at: time, using: &random)
    if let until = breakers[node]?.nextDeadline, until != deadline {
      timesOpened += 1
      alarms.insert(NodeAlarm(at: until, node: node))
    }
    if breakers[node]?.isQuiet(at: time) == true { breakers[node] = nil }
  }

  /// Lets the breakers whose back-off is over be tried again.
  ///
  /// - Returns: the nodes that may be asked again, sorted.
  public mutating func wake(at now: MonotonicInstant) -> [NodeID] {
    var nodes: Set<NodeID> = []
    while let alarm = alarms.min, alarm.at <= now {
      alarms.removeMin()
      breakers[alarm.node]?.wake(at: now)
      if allows(alarm.node, at: now) { nodes.insert(alarm.node) }
    }
    return nodes.sorted()
  }

  /// A node is gone for good.
  public mutating func forget(_ node: NodeID) { breakers[node] = nil }

  private mutating func makeRoom(_ now: MonotonicInstant) -> Bool {
    if breakers.count < limit { return true }
    breakers = breakers.filter { !$0.value.isQuiet(at: now) }
    return breakers.count < limit
  }
}
