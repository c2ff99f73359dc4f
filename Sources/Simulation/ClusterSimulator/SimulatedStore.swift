import ClusterModel

/// The catalog's store as its port has it: all changes of one call or none, and acknowledged means
/// durable. It outlives the control plane.
struct SimulatedStore {
  private(set) var versions: [QualifiedName: [ModuleVersionRecord]] = [:]
  private(set) var deployments: [QualifiedName: Deployment] = [:]
  private(set) var history: [QualifiedName: [Deployment]] = [:]
  private(set) var keys: [KeyID: TrustedKey] = [:]
  private(set) var nodes: [NodeID: KnownNode] = [:]
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
      case .putKey(let key): keys[key.id] = key
      case .appendSecurityEvent: securityEvents += 1
      case .putNode(let node): nodes[node.registration.node] = node
      case .removeNode(let node): nodes[node] = nil
      case .raiseTerm(let raised): term = max(term, raised)
      }
    }
  }

  var snapshot: CatalogSnapshot {
    CatalogSnapshot(
      versions: versions.keys.sorted().flatMap { versions[$0] ?? [] },
      deployments: deployments.keys.sorted().compactMap { deployments[$0] },
      history: history.keys.sorted().flatMap { history[$0] ?? [] },
      keys: keys.keys.sorted().compactMap { keys[$0] },
      nodes: nodes.keys.sorted().compactMap { nodes[$0] }, term: term)
  }
}

/// The event log as its port has it.
struct SimulatedLog {
  private(set) var events: [EventOffset: Event] = [:]
  /// What is owed, with the attempts that failed.
  private(set) var pending: [DeliveryID: PendingDelivery] = [:]
  private(set) var done = 0
  private(set) var dead = 0
  private var lastOffset: Int64 = 0
  private var lastDelivery: Int64 = 0

  mutating func append(_ accepted: AcceptedEvent) -> AppendedEvent {
    lastOffset += 1
    let offset = EventOffset(lastOffset)
    events[offset] = accepted.event
    var ids: [DeliveryID] = []
    for target in accepted.targets {
      lastDelivery += 1
      let id = DeliveryID(lastDelivery)
      ids.append(id)
      pending[id] = PendingDelivery(
        id: id, offset: offset, namespace: accepted.event.namespace, module: target,
        failedAttempts: 0, footprint: accepted.event.footprint,
        orderKey: accepted.orderKeys[target])
    }
    return AppendedEvent(offset: offset, deliveries: ids)
  }

  /// - Returns: the events that came of it.
  mutating func record(_ change: DeliveryChange) -> [AppendedEvent] {
    guard pending[change.delivery] != nil else { return [] }
    switch change.outcome {
    case .failed:
      pending[change.delivery]?.failedAttempts = change.attempt
      return []
    case .dead:
      pending[change.delivery] = nil
      dead += 1
      return []
    case .succeeded(_, let effects):
      pending[change.delivery] = nil
      done += 1
      return effects.events.map { append($0) }
    }
  }

  var owed: [PendingDelivery] { pending.keys.sorted().compactMap { pending[$0] } }
}
