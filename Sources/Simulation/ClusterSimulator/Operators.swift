import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog

/// People who push, deploy, roll back, drain and ask, and remember what they were promised.
struct Operators {
  enum Wish {
    case push(ModuleVersionRecord)
    case trust(TrustedKey)
    case revoke(KeyID)
    case deploy(ApplicationName, [DeploymentWish])
    case undeploy(QualifiedName)
    /// One module, or all that may go back with it.
    case rollBack([QualifiedName])
    case scale(QualifiedName, replicas: Int)
    case node(NodeID, NodeCommand)
  }

  private var lastRequest: UInt64 = 0
  private(set) var waiting: [RequestID: Wish] = [:]
  var eventsAccepted = 0
  var lastVersion = 0

  /// What was acknowledged, and since then nothing that bears on it was even asked for.
  private(set) var promisedVersions: [ModuleVersionRecord] = []
  private(set) var promisedDeployments: [QualifiedName: Deployment?] = [:]
  private(set) var promisedScheduling: [NodeID: NodeScheduling] = [:]
  private(set) var promisedKeys: [KeyID: Bool] = [:]

  mutating func ask(_ wish: Wish) -> RequestID {
    let request = nextRequest()
    waiting[request] = wish
    // Until it is answered nobody knows what holds.
    switch wish {
    case .deploy(_, let wishes):
      for wish in wishes { promisedDeployments[QualifiedName(.default, wish.name)] = nil }
    case .undeploy(let name), .scale(let name, _): promisedDeployments[name] = nil
    case .rollBack(let names): for name in names { promisedDeployments[name] = nil }
    case .node(let node, _): promisedScheduling[node] = nil
    case .revoke(let key): promisedKeys[key] = nil
    case .trust(let key): promisedKeys[key.id] = nil
    case .push: break
    }
    return request
  }

  /// A request whose answer nobody waits for.
  mutating func nextRequest() -> RequestID {
    lastRequest += 1
    return RequestID(lastRequest)
  }

  /// Nobody answers any more: what was asked for may have been done, or not.
  mutating func logicEnded() {
    for request in waiting.keys {
      if case .deploy(let application, _) = waiting[request] { forget(application) }
    }
    waiting = [:]
  }

  private mutating func forget(_ application: ApplicationName) {
    for name in promisedDeployments.keys
    where promisedDeployments[name]??.application == application {
      promisedDeployments[name] = nil
    }
  }

  mutating func answered(
    _ request: RequestID, _ reply: ControlPlaneLogic.Reply, _ world: World
  ) {
    guard let wish = waiting.removeValue(forKey: request) else {
      world.checker.fail("request \(request.number) was answered twice", world)
      return
    }
    switch reply {
    case .refused: break
    case .catalog(.refused):
      // A key that is revoked at the last moment refuses what is durable already, and cannot run.
      switch wish {
      case .deploy(let application, _): forget(application)
      // A promise that came while it was under way may be about one that has gone with it.
      case .rollBack(let names): for name in names { promisedDeployments[name] = nil }
      case .scale(let name, _): promisedDeployments[name] = nil
      case .push, .trust, .revoke, .undeploy, .node: break
      }
    case .node(let node, let scheduling):
      if waiting.values.contains(where: { $0.concerns(node) }) { return }
      promisedScheduling[node] = scheduling
    case .catalog(let reply):
      checkScale(wish, reply, world)
      answered(wish, reply)
    }
  }

  /// Whoever scaled has what they asked for, and nothing else is changed.
  private func checkScale(_ wish: Wish, _ reply: Catalog.Reply, _ world: World) {
    guard case .scale(let name, let replicas) = wish, case .deployed(let deployments) = reply else {
      return
    }
    if deployments.map(\.qualifiedName) != [name]
      || deployments[0].configuration.placement.replicas != replicas
    {
      world.checker.fail("\(name) was scaled to \(replicas), and is not", world)
    }
  }

  private mutating func answered(_ wish: Wish, _ reply: Catalog.Reply) {
    switch reply {
    case .refused: break
    case .pushed(let record, _): promisedVersions.append(record)
    case .keyTrusted(let key): if !isBeingChanged(key.id) { promisedKeys[key.id] = true }
    case .keyRevoked(let key): if !isBeingChanged(key.id) { promisedKeys[key.id] = false }
    case .deployed(let deployments):
      switch wish {
      case .deploy(let application, _): forget(application)
      // A promise that came while it was under way may be about one that has gone with it.
      case .rollBack(let names): for name in names { promisedDeployments[name] = nil }
      case .scale(let name, _): promisedDeployments[name] = nil
      case .push, .trust, .revoke, .undeploy, .node: break
      }
      for deployment in deployments where !isBeingChanged(deployment.qualifiedName) {
        promisedDeployments[deployment.qualifiedName] = .some(deployment)
      }
    case .undeployed(let names):
      for name in names {
        let name = QualifiedName(.default, name)
        if !isBeingChanged(name) { promisedDeployments[name] = .some(nil) }
      }
    }
  }

  private func isBeingChanged(_ key: KeyID) -> Bool {
    waiting.values.contains { wish in
      switch wish {
      case .trust(let other): other.id == key
      case .revoke(let other): other == key
      case .push, .deploy, .undeploy, .rollBack, .scale, .node: false
      }
    }
  }

  private func isBeingChanged(_ name: QualifiedName) -> Bool {
    waiting.values.contains { wish in
      switch wish {
      case .deploy: true
      case .undeploy(let other), .scale(let other, _): other == name
      case .rollBack(let others): others.contains(name)
      case .push, .trust, .revoke, .node: false
      }
    }
  }
}

extension Operators.Wish {
  func concerns(_ node: NodeID) -> Bool {
    if case .node(node, _) = self { return true }
    return false
  }
}
