import ClusterModel
import ControlPlaneLogic
import ModuleCatalog
import NodeAgentLogic
import NodeTracking

// What must hold once everything works again.
extension World {
  /// What is not at rest yet; nothing when the cluster has converged.
  func unrest() -> [String] {
    guard let plane, plane.hasBegun else { return ["the control plane has not begun"] }
    var unrest: [String] = []
    for agent in agents {
      let node = agent.node
      guard let tracked = plane.tracker.nodes[node] else {
        unrest.append("\(node) is not registered")
        continue
      }
      if tracked.state != .healthy { unrest.append("\(node) is \(tracked.state.rawValue)") }
      if store.nodes[node]?.registration.incarnation != agent.logic.incarnation {
        unrest.append("\(node) is not on record as it is")
      }
      for (placement, order) in agent.orders.sorted(by: { $0.key < $1.key })
      where agent.prepared[placement] == nil && !agent.logic.isFull(placement) {
        unrest.append("\(node) still prepares \(order.placement.name)")
      }
    }
    if !operators.waiting.isEmpty { unrest.append("\(operators.waiting.count) requests wait") }
    if !callers.waiting.isEmpty { unrest.append("\(callers.waiting.count) callers wait") }
    if callers.committing > 0 { unrest.append("what \(callers.committing) callers had done waits") }
    if commits.offeredCount > 0 {
      unrest.append("what \(commits.offeredCount) nodes had done waits")
    }
    if !publishers.waiting.isEmpty { unrest.append("\(publishers.waiting.count) publishers wait") }
    for tree in allTrees { unrest += tree.checker.unrest(tree) }
    unrest += placementUnrest(plane)
    unrest += failoverUnrest(plane)
    unrest += serviceUnrest(plane.catalog.placed)
    unrest += handUnrest()
    let blocked = Set(
      plane.catalog.placed.keys.filter { plane.catalog.placed[$0]?.state != .ready })
    let owed = log.owed.filter { !blocked.contains(QualifiedName($0.namespace, $0.module)) }
    if !owed.isEmpty { unrest.append("\(owed.count) deliveries are owed") }
    return unrest
  }

  /// What was lost with nodes is missing only where it serves too rarely.
  private func failoverUnrest(_ plane: ControlPlaneLogic) -> [String] {
    let missing = plane.figures.missingPlacements
    guard missing > 0 else { return [] }
    let short = plane.catalog.placed.values.count { placed in
      agents.count { $0.serving[placed.deployment.placement] != nil }
        < placed.deployment.configuration.placement.replicas
    }
    guard missing > short else { return [] }
    return ["\(missing) placements are said to be missing, and \(short) serve too rarely"]
  }

  private func placementUnrest(_ plane: ControlPlaneLogic) -> [String] {
    var unrest: [String] = []
    for name in plane.catalog.placed.keys.sorted() {
      guard let placed = plane.catalog.placed[name] else { continue }
      let id = placed.deployment.placement
      let rules = placed.deployment.configuration.placement
      let serving = agents.filter { $0.serving[id] != nil }
      if serving.count > rules.replicas {
        unrest.append("\(name) serves \(serving.count) times instead of \(rules.replicas)")
      }
      if case .failed(let problem) = placed.state, problem.category == .refused { continue }
      let holding = agents.filter { $0.holdsForPlan(id) }.count
      let leader = placed.deployment.configuration.serviceTree?.leader
      // Where services that follow another could run is no matter: they are where that is.
      if leader == nil || leader == name.name,
        serving.count < rules.replicas || holding < rules.replicas + rules.fallbacks,
        let node = anotherNode(for: placed.deployment, plane)
      {
        unrest.append(
          "\(name) serves \(serving.count) of \(rules.replicas), is held by \(holding), "
            + "and could run on \(node)")
      }
      for agent in serving {
        if plane.routes(of: name).first(where: { $0.node == agent.node })?.fence
          != agent.serving[id]
        {
          unrest.append("\(name) serves on \(agent.node) without the control plane's knowledge")
        }
      }
    }
    for agent in agents {
      for placement in agent.serving.keys.sorted()
      where plane.catalog.placed[placement.name]?.deployment.placement != placement {
        unrest.append("\(agent.node) serves \(placement.name)#\(placement.generation)")
      }
    }
    return unrest
  }

  /// A node that could take one more, counted from what nodes really hold.
  private func anotherNode(for deployment: Deployment, _ plane: ControlPlaneLogic) -> NodeID? {
    let rules = deployment.configuration.placement
    return agents.first { agent in
      let node = agent.capabilities
      guard !agent.holdsForPlan(deployment.placement),
        plane.scheduling(of: agent.node) == .open,
        rules.architectures.isEmpty
          || rules.architectures.contains(where: node.architectures.contains),
        rules.cpuFeatures.allSatisfy(node.cpuFeatures.contains),
        rules.hardware.allSatisfy(node.specializedHardware.contains),
        rules.labels.allSatisfy(node.labels.contains)
      else { return false }
      var reserved: [QualifiedName: Int] = [:]
      for held in agent.logic.report.placements where held.role != .retained {
        guard let order = agent.orders[held.placement] else { continue }
        reserved[held.placement.name] = max(
          reserved[held.placement.name] ?? 0,
          order.deployment.configuration.reservedMemory.bytes)
      }
      let own = reserved.removeValue(forKey: deployment.qualifiedName) ?? 0
      let used = reserved.values.reduce(0, +)
      let needed = max(own, deployment.configuration.reservedMemory.bytes)
      return used + needed <= node.memory.bytes
    }?.node
  }

  /// What was acknowledged and has not survived.
  func broken() -> [String] {
    var broken: [String] = []
    for record in operators.promisedVersions
    where store.versions[QualifiedName(record.namespace, record.name)]?.contains(record) != true {
      broken.append("version \(record.name)@\(record.version) was acknowledged and is gone")
    }
    for name in operators.promisedDeployments.keys.sorted() {
      guard let promised = operators.promisedDeployments[name] else { continue }
      if store.deployments[name] != promised {
        broken.append("the deployment of \(name) is not what was acknowledged")
      }
    }
    for node in operators.promisedScheduling.keys.sorted()
    where store.nodes[node].map({ $0.scheduling }) != operators.promisedScheduling[node] {
      broken.append("\(node) is not \(operators.promisedScheduling[node]?.rawValue ?? "") any more")
    }
    for key in operators.promisedKeys.keys.sorted()
    where store.keys[key].map({ $0.revokedAt == nil }) != operators.promisedKeys[key] {
      broken.append("key \(key) is not as it was acknowledged")
    }
    broken += deliveries.broken(self)
    broken += callers.broken(self)
    broken += commits.broken(log.counters)
    broken += callers.overdue(timeline.now).map { "invocation \($0.number) was never answered" }
    for tree in allTrees { broken += tree.checker.untruths(tree) }
    if let plane {
      let deployed = plane.catalog.placed.mapValues(\.deployment)
      if deployed != store.deployments { broken.append("the catalog is not what its store holds") }
      if plane.catalog.history != store.history { broken.append("the history has gaps") }
    }
    return broken
  }
}
