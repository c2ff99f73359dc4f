import ClusterModel

/// The catalog's store as its port has it: all changes of one call or none, and acknowledged means
/// durable. It outlives the control plane.
struct SimulatedStore {
  private(set) var versions: [QualifiedName: [ModuleVersionRecord]] = [:]
  private(set) var deployments: [QualifiedName: Deployment] = [:]
  /// What was undeployed at any time.
  private(set) var removed: Set<QualifiedName> = []
  private(set) var history: [QualifiedName: [Deployment]] = [:]
  private(set) var keys: [KeyID: TrustedKey] = [:]
  private(set) var nodes: [NodeID: KnownNode] = [:]
  /// Nodes whose certificates count no more.
  private(set) var forgotten: Set<NodeID> = []
  private(set) var term: UInt64 = 0
  private(set) var securityEvents = 0

  mutating func apply(_ changes: [CatalogChange]) {
    for change in changes {
      switch change {
      case .addVersion(let record):
        let name = QualifiedName(record.namespace, record.name)
        if versions[name]?.contains(where: { $0.version == record.version }) != true {
          versions[name, default: []].append(record)
        }
      case .putDeployment(let deployment):
        deployments[deployment.qualifiedName] = deployment
        history[deployment.qualifiedName, default: []].append(deployment)
      case .removeDeployment(let namespace, let name):
        deployments[QualifiedName(namespace, name)] = nil
        removed.insert(QualifiedName(namespace, name))
      case .putKey(let key): keys[key.id] = key
      case .appendSecurityEvent: securityEvents += 1
      case .putNode(let node): nodes[node.registration.node] = node
      case .removeNode(let node):
        nodes[node] = nil
        forgotten.insert(node)
      case .raiseTerm(let raised): term = max(term, raised)
      }
    }
  }

  /// A node has joined with a new token.
  mutating func enrol(_ node: NodeID) { forgotten.remove(node) }

  var snapshot: CatalogSnapshot {
    CatalogSnapshot(
      versions: versions.keys.sorted().flatMap { versions[$0] ?? [] },
      deployments: deployments.keys.sorted().compactMap { deployments[$0] },
      history: history.keys.sorted().flatMap { history[$0] ?? [] },
      keys: keys.keys.sorted().compactMap { keys[$0] },
      nodes: nodes.keys.sorted().compactMap { nodes[$0] }, term: term)
  }
}
