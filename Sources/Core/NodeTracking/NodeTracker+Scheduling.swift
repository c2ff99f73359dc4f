import ClusterModel

// How operators want nodes to be given work. It survives every change of state.
extension NodeTracker {
  mutating func schedule(
    _ scheduling: NodeScheduling, _ id: NodeID, _ directives: inout [Directive]
  ) {
    guard let node = nodes[id], node.scheduling != scheduling else { return }
    nodes[id]?.scheduling = scheduling
    nodes[id]?.isDrained = false
    directives.append(.scheduleChanged(id))
    switch scheduling {
    case .open, .cordoned: break
    case .draining: directives.append(.drain(id))
    }
  }

  /// Nothing is left on a node; it stays closed to new work.
  mutating func endDrain(_ id: NodeID, _ directives: inout [Directive]) {
    guard let node = nodes[id], node.scheduling == .draining, !node.isDrained else { return }
    nodes[id]?.isDrained = true
    directives.append(.scheduleChanged(id))
  }
}
