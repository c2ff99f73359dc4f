import ClusterModel
import ModuleCatalog
import NodeAgentLogic
import Supervision

/// An instance of a service, as it really is.
struct SimulatedService {
  let deployment: Deployment
  /// Whether a hand started it, and no plan.
  let isByHand: Bool
  /// Whether it was ended at once: what it does from then on nobody sees.
  var isKilled = false
}

// The services of applications: guests that run for long.
extension World {
  /// The services of an application under rules that the seed draws, in the place of modules that are woken.
  func asServices(_ wishes: [DeploymentWish]) -> [DeploymentWish] {
    guard let first = wishes.first else { return [] }
    let types = RestartType.allCases
    let leaves = wishes.map { wish in
      ServiceTree.Child.service(
        wish.name, restart: services.element(of: types) ?? .permanent,
        shutdown: services.happens(0.3) ? .kill : .within(.milliseconds(500)))
    }
    let intensity = RestartIntensity(
      restarts: services.index(below: 5), window: .milliseconds(500 + services.index(below: 4000)))
    var children = leaves
    if leaves.count > 1, services.happens(0.4) {
      let inner = ServiceTree(
        strategy: services.element(of: SupervisionStrategy.allCases) ?? .oneForAll,
        intensity: intensity, children: Array(leaves.dropFirst()))
      children = [leaves[0], .group(ServiceGroupName(unchecked: "inner"), inner)]
    }
    let tree = ServiceTree(
      strategy: services.element(of: SupervisionStrategy.allCases) ?? .oneForOne,
      intensity: intensity, children: children)
    var rules = first.configuration.placement
    return wishes.map { wish in
      rules.memory = wish.name == tree.leader ? .mebibytes(128) : ByteCount(bytes: 0)
      return DeploymentWish(
        name: wish.name, version: wish.version,
        configuration: DeploymentConfiguration(
          kind: .service, placement: rules, serviceTree: tree))
    }
  }

  func startService(_ run: ServiceRunID, _ index: Int) {
    guard let deployment = agents[index].orders[run.placement]?.deployment else {
      checker.fail(
        "\(run.placement.name) is started on \(agents[index].node), which has it not", self)
      return
    }
    let isByHand = agents[index].logic.isHeldByHand(run.placement.name)
    if isByHand { coverage.count(.handStartsService) }
    agents[index].services[run] = SimulatedService(deployment: deployment, isByHand: isByHand)
    checker.serviceStarts(run, deployment, index, self)
    timeline.plan(
      .serviceBegins(index, process: agents[index].process, run),
      after: services.duration(upTo: .milliseconds(20)))
  }

  func beginService(_ index: Int, _ process: Int, _ run: ServiceRunID) {
    guard agents[index].process == process, agents[index].services[run] != nil else { return }
    if agents[index].isFrozen {
      timeline.plan(.serviceBegins(index, process: process, run), after: .milliseconds(50))
      return
    }
    tellAgent(index, process, .serviceStarted(run))
    guard isTroubled, services.happens(0.5) else { return }
    let exit: ChildExit = services.happens(0.2) ? .normal : .failure("guest_trapped")
    let life = services.happens(0.3) ? Duration.milliseconds(20) : .seconds(5)
    timeline.plan(
      .serviceEnds(index, process: process, run, exit), after: services.interval(mean: life))
  }

  /// Some are deaf while there is trouble.
  func stopService(_ run: ServiceRunID, _ index: Int) {
    guard !isTroubled || services.happens(0.9) else { return }
    timeline.plan(
      .serviceEnds(index, process: agents[index].process, run, .normal),
      after: services.duration(upTo: .milliseconds(100)))
  }

  func killService(_ run: ServiceRunID, _ index: Int) {
    agents[index].services[run]?.isKilled = true
    timeline.plan(
      .serviceEnds(index, process: agents[index].process, run, .failure("killed")),
      after: services.duration(upTo: .milliseconds(1)))
  }

  func endService(_ index: Int, _ process: Int, _ run: ServiceRunID, _ exit: ChildExit) {
    guard agents[index].process == process, agents[index].services[run] != nil else { return }
    if agents[index].isFrozen {
      timeline.plan(.serviceEnds(index, process: process, run, exit), after: .milliseconds(50))
      return
    }
    if agents[index].services.removeValue(forKey: run)?.isByHand == true {
      agents[index].endedByHand.insert(run.placement)
    }
    tellAgent(index, process, .serviceEnded(run, exit))
  }

  /// What of the services is not as it should be, once everything works.
  func serviceUnrest(_ placed: [QualifiedName: Catalog.Placed]) -> [String] {
    let deployed = placed.mapValues(\.deployment)
    var unrest: [String] = []
    for (name, deployment) in deployed.sorted(by: { $0.key < $1.key }) {
      guard let tree = deployment.configuration.serviceTree, let leader = tree.leader else {
        continue
      }
      let id = deployment.placement
      // Of a tree with a service that nobody may run any more, as its key was revoked, nothing runs.
      let isRefused = tree.services.contains { service in
        guard case .failed(let problem)? = placed[QualifiedName(name.namespace, service)]?.state
        else { return false }
        return problem.category == .refused
      }
      if isRefused {
        if agents.contains(where: { $0.plannedServices.keys.contains { $0.placement == id } }) {
          unrest.append("\(name) runs without all of its tree")
        }
        continue
      }
      let leading = deployed[QualifiedName(name.namespace, leader)]?.placement
      for agent in agents {
        let isThere = agent.holdsForPlan(id)
        if isThere != (leading.map { agent.holdsForPlan($0) } ?? false) {
          unrest.append("\(name) and \(leader) are not together on \(agent.node)")
        }
        guard agent.serving[id] != nil, let status = agent.logic.serviceState(of: id)?.status
        else { continue }
        let runs = agent.services.keys.contains { $0.placement == id }
        let isAlive = status.state == .running
        if runs != isAlive || !isAlive && status.state != .ended {
          unrest.append("\(name) is \(status.state.rawValue) on \(agent.node)")
        }
      }
    }
    for agent in agents {
      for run in agent.plannedServices.keys.sorted()
      where deployed[run.placement.name]?.placement != run.placement {
        unrest.append("\(run.placement.name)#\(run.placement.generation) runs on \(agent.node)")
      }
    }
    return unrest
  }
}

extension Checker {
  /// Never two instances of a service on one node, whoever wants them; and of what must stop when isolated never
  /// more than its replicas anywhere, but those that hands have started.
  mutating func serviceStarts(
    _ run: ServiceRunID, _ deployment: Deployment, _ index: Int, _ world: World
  ) {
    let name = run.placement.name
    let here = world.agents[index].services.keys.filter { $0.placement.name == name }
    if here.count > 1 { fail("\(name) runs twice on \(world.agents[index].node)", world) }
    if let later = here.first(where: { $0.number > run.number }) {
      fail("\(name) is started as \(run.number) after \(later.number)", world)
    }
    guard deployment.configuration.placement.isolation == .stop,
      world.agents[index].services[run]?.isByHand == false
    else { return }
    let alive = world.agents.filter { agent in
      agent.isUp && !agent.isFrozen
        && agent.plannedServices.contains { other, service in
          other.placement.name == name && !service.isKilled
            && service.deployment.configuration.placement.isolation == .stop
        }
    }
    let allowed =
      alive.flatMap { agent in
        agent.plannedServices.filter { $0.key.placement.name == name }
          .map { $0.value.deployment.configuration.placement.replicas }
      }.max() ?? 0
    if alive.count > allowed {
      let nodes = alive.map(\.node.text).joined(separator: ", ")
      fail("\(name) may run \(allowed) times and runs on \(nodes)", world)
    }
  }
}
