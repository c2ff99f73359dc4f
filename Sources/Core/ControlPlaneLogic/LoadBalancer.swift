import ClusterModel

/// Remembers what runs where, and chooses where the next runs: on the node with the least to do.
struct LoadBalancer: Sendable {
  private(set) var deliveries: [DeliveryID: Route] = [:]
  private(set) var invocations: [RequestID: Route] = [:]
  private var running: [NodeID: Int] = [:]

  /// The best of some nodes; ties break by name.
  func choose(among nodes: [NodeID]) -> NodeID? {
    nodes.min { (running[$0] ?? 0, $0) < (running[$1] ?? 0, $1) }
  }

  mutating func began(_ delivery: DeliveryID, _ route: Route) {
    deliveries[delivery] = route
    running[route.node, default: 0] += 1
  }

  mutating func began(_ request: RequestID, _ route: Route) {
    invocations[request] = route
    running[route.node, default: 0] += 1
  }

  /// - Returns: whether it counts: it was begun there, and not given up since.
  mutating func ended(_ delivery: DeliveryID, _ route: Route) -> Bool {
    guard deliveries[delivery] == route else { return false }
    deliveries[delivery] = nil
    endOne(on: route.node)
    return true
  }

  mutating func ended(_ request: RequestID, _ route: Route) -> Bool {
    guard invocations[request] == route else { return false }
    invocations[request] = nil
    endOne(on: route.node)
    return true
  }

  /// - Returns: where a delivery ran of which nobody knows any more; `nil` when it did not.
  mutating func giveUp(_ delivery: DeliveryID) -> Route? {
    guard let route = deliveries.removeValue(forKey: delivery) else { return nil }
    endOne(on: route.node)
    return route
  }

  private mutating func endOne(on node: NodeID) {
    let left = (running[node] ?? 1) - 1
    running[node] = left > 0 ? left : nil
  }

  /// Gives up what ran on a node; sorted.
  mutating func lose(
    _ node: NodeID
  ) -> (deliveries: [DeliveryID], invocations: [(RequestID, Route)]) {
    let lostDeliveries = deliveries.keys.filter { deliveries[$0]?.node == node }.sorted()
    let lostInvocations = invocations.filter { $0.value.node == node }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for id in lostDeliveries { deliveries[id] = nil }
    for (id, _) in lostInvocations { invocations[id] = nil }
    running[node] = nil
    return (lostDeliveries, lostInvocations)
  }
}
