public import ClusterModel

/// All that a lost node served is served again, as often as before or as it should be by now: elsewhere, or there since it
/// came back. What was undeployed or replaced meanwhile is waited for no more.
public struct Failover: Hashable, Sendable {
  public let node: NodeID
  /// How many placements served there.
  public let placements: Int
  /// When the node was given up.
  public let began: MonotonicInstant

  /// What there is to tell of it.
  ///
  /// - Parameters:
  ///   - id: unique within the cluster.
  ///   - took: from giving up the node until what is decided here was in force.
  public func message(_ id: String, took: Duration, at now: WallInstant) -> EventMessage {
    EventMessage(
      id: id, type: .nodeFailover, source: "/control-plane", target: "node/\(node)",
      payload: [
        "placements": .integer(Int64(placements)),
        "microseconds": .integer(took.nanoseconds / 1000),
      ],
      correlationID: id, timestamp: now)
  }
}

/// What served on nodes that were lost, until it is served again.
struct Failovers: Sendable {
  /// A node that was lost, and how much of what it served is not served again.
  private struct Open: Sendable {
    let began: MonotonicInstant
    var placements = 0
    var missing = 0
  }

  /// What is not served again.
  private struct Missing: Sendable {
    /// The nodes that it was lost with.
    var nodes: Set<NodeID> = []
    /// How many nodes served it before the first of these was lost.
    var before = 0
  }

  private var nodes: [NodeID: Open] = [:]
  private var missing: [PlacementID: Missing] = [:]

  /// How many placements are waited for.
  var count: Int { missing.count }

  /// How many nodes served it before it was lost; `nil` when it is not waited for.
  func before(_ id: PlacementID) -> Int? { missing.isEmpty ? nil : missing[id]?.before }

  /// A node is lost that served this. One that came back, and is lost before all is served again, goes on as the same.
  ///
  /// - Parameter remaining: how many others serve it still.
  mutating func lose(
    _ id: PlacementID, with node: NodeID, remaining: Int, at now: MonotonicInstant
  ) {
    var lost = missing[id] ?? Missing()
    lost.before = max(lost.before, remaining + 1)
    if lost.nodes.insert(node).inserted {
      nodes[node, default: Open(began: now)].placements += 1
      nodes[node]?.missing += 1
    }
    missing[id] = lost
  }

  /// It is served as often as it should be, or no longer wanted.
  ///
  /// - Returns: of the nodes with which it was lost as the last, sorted by them.
  mutating func end(_ id: PlacementID) -> [Failover] {
    var ended: [Failover] = []
    for node in missing.removeValue(forKey: id)?.nodes.sorted() ?? [] {
      guard var open = nodes[node] else { continue }
      open.missing -= 1
      nodes[node] = open.missing > 0 ? open : nil
      guard open.missing == 0 else { continue }
      ended.append(Failover(node: node, placements: open.placements, began: open.began))
    }
    return ended
  }
}

extension PlacementPlanner {
  /// A node is lost that served these.
  mutating func beginFailovers(of node: NodeID, _ lost: some Sequence<Step>, _ now: Instants) {
    for case .ended(let id, _) in lost {
      let remaining = works[id].map(Self.servingCount) ?? 0
      failovers.lose(id, with: node, remaining: remaining, at: now.monotonic)
    }
  }

  private static func servingCount(_ work: Work) -> Int {
    work.seats.values.count { $0.isChosen && $0.isReady }
  }

  /// Looks whether what was lost with nodes is served again.
  mutating func endFailovers(with id: PlacementID, _ steps: inout [Step]) {
    guard let before = failovers.before(id) else { return }
    if let work = works[id], work.isCurrent {
      guard Self.servingCount(work) >= min(before, work.rules.replicas) else { return }
    }
    for failover in failovers.end(id) { steps.append(.failedOver(failover)) }
  }
}
