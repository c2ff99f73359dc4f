public import ClusterModel
public import Scheduling

// Why something runs where it does.
extension ControlPlaneLogic {
  /// Where a module would run if it were placed now, with every node's verdict. What it holds already
  /// counts as free for it.
  public func explain(
    _ name: QualifiedName, _ configuration: DeploymentConfiguration, at now: Instants
  ) -> PlacementExplanation {
    let rules = configuration.placement
    var scheduler = planner?.scheduler ?? Scheduler()
    var holders: Set<NodeID> = []
    for id in planner?.byName[name] ?? [] {
      holders.formUnion(planner?.works[id]?.seats.keys.sorted() ?? [])
    }
    for node in holders.sorted() {
      if let reserved = planner?.books[node]?.reserved[name] {
        scheduler.release(reserved, on: node)
      }
    }
    return scheduler.explain(
      PlacementRequest(
        name: name, rules: rules, memory: configuration.reservedMemory,
        replicas: rules.replicas, fallbacks: rules.fallbacks, excluded: [], companions: [],
        holders: holders.sorted()), at: now)
  }
}
