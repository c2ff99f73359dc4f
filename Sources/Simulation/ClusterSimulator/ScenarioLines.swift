import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeTracking

/// What a line of a scenario's workload asks for.
enum ScriptedAction {
  case push(Scenario.Version)
  case deploy(Scenario.Application, [DeploymentWish])
  case rollBack(Scenario.Version)
  case undeploy(ModuleName)
  case scale(Scenario.Scale)
  case command(NodeID, NodeCommand)
  case join(Int)
  case emit(Topic)
}

extension Scenario.WorkLine {
  func action(_ indices: [NodeID: Int]) throws(ScenarioProblem) -> ScriptedAction {
    var all: [ScriptedAction] = []
    if let push { all.append(.push(push)) }
    if let deploy {
      var wishes: [DeploymentWish] = []
      for module in deploy.modules { wishes.append(try module.wish()) }
      all.append(.deploy(deploy, wishes))
    }
    if let rollback { all.append(.rollBack(rollback)) }
    if let undeploy { all.append(.undeploy(undeploy)) }
    if let scale { all.append(.scale(scale)) }
    if let cordon { all.append(.command(cordon, .cordon)) }
    if let uncordon { all.append(.command(uncordon, .uncordon)) }
    if let drain { all.append(.command(drain, .drain)) }
    if let evict { all.append(.command(evict, .evict)) }
    if let join {
      guard let index = indices[join] else {
        throw ScenarioProblem(description: "workload: there is no node \(join)")
      }
      all.append(.join(index))
    }
    if let emit {
      guard let topic = try? Topic(emit) else {
        throw ScenarioProblem(description: "emit: \(emit) is not a topic")
      }
      all.append(.emit(topic))
    }
    guard all.count == 1 else {
      throw ScenarioProblem(
        description: "workload at \(atMilliseconds) ms: one wish a line, and there are \(all.count)"
      )
    }
    return all[0]
  }
}

extension Scenario.Module {
  func wish() throws(ScenarioProblem) -> DeploymentWish {
    do throws(InvalidValue) {
      let rules = PlacementRules(
        replicas: replicas ?? 1, fallbacks: fallbacks ?? 1, architectures: architectures ?? [],
        hardware: hardware ?? [], labels: try Scenario.labels(labels),
        memory: .mebibytes(memoryMiB ?? 16), origin: originZone.map { NodeLocation(zone: $0) },
        isolation: isolation ?? .continue)
      guard PlacementRules.Range.replicas.contains(rules.replicas),
        PlacementRules.Range.fallbacks.contains(rules.fallbacks),
        (0...(1 << 20)).contains(memoryMiB ?? 16)
      else {
        throw InvalidValue(
          "replicas, fallbacks or memoryMiB", "\(name)", rule: "0 to 1000, 0 to 16, 0 to 1048576")
      }
      return DeploymentWish(
        name: name, version: version,
        configuration: DeploymentConfiguration(
          triggers: topic.map { [Trigger(topic: $0)] } ?? [], placement: rules))
    } catch {
      throw ScenarioProblem(description: "module \(name): \(error)")
    }
  }
}

extension Scenario.FaultLine {
  func fault(_ indices: [NodeID: Int], _ tree: SimulatedTree) throws(ScenarioProblem) -> Fault {
    func index(_ node: NodeID) throws(ScenarioProblem) -> Int {
      guard let index = indices[node] else {
        throw ScenarioProblem(description: "faults: there is no node \(node)")
      }
      return index
    }
    var all: [Fault] = []
    for (nodes, direction) in [
      (partition, Fault.Direction.both), (mute, .toPlane), (deafen, .toAgent),
    ] {
      guard let nodes else { continue }
      var members: [Int] = []
      for node in nodes { members.append(try index(node)) }
      all.append(.partition(members, direction))
    }
    if let crash { all.append(.agentCrash(try index(crash))) }
    if let freeze { all.append(.agentFreeze(try index(freeze))) }
    if let stickWorkers { all.append(.workersStuck(try index(stickWorkers))) }
    if crashControlPlane == true { all.append(.planeCrash) }
    if let crashChild { all.append(try childCrash(crashChild, tree)) }
    if silence == true { all.append(.silence) }
    if fullDisk == true { all.append(.diskIsFull) }
    if slowDisk == true { all.append(.diskIsSlow) }
    guard all.count == 1 else {
      throw ScenarioProblem(
        description: "faults at \(atMilliseconds) ms: one a line, and there are \(all.count)")
    }
    return all[0]
  }

  private func childCrash(
    _ path: String, _ tree: SimulatedTree
  ) throws(ScenarioProblem) -> Fault {
    guard let node = tree.index(of: path), node != SimulatedTree.root else {
      let known = tree.nodes.dropFirst().map(\.path).joined(separator: ", ")
      throw ScenarioProblem(
        description: "faults: the control plane has no part \(path); there are \(known)")
    }
    guard forMilliseconds == nil else {
      throw ScenarioProblem(
        description: "faults at \(atMilliseconds) ms: crashChild goes without forMilliseconds, "
          + "because its supervisor starts it again")
    }
    return .childCrash(tree.owner, path)
  }
}

extension World {
  private static let requester = Requester(principal: .local, namespace: .default)

  /// Asks for what a line of a scenario says.
  func act(_ action: ScriptedAction) {
    func tell(_ wish: Operators.Wish, _ input: (RequestID) -> ControlPlaneLogic.Input) {
      tellPlane(logicLife, input(operators.ask(wish)))
    }
    switch action {
    case .push(let push):
      let record = scriptedRecord(push)
      use(.verify(operators.ask(.push(record)), record))
    case .deploy(let application, let wishes):
      tell(.deploy(application.application, wishes)) {
        .catalog(.deploymentRequested($0, application.application, wishes, Self.requester))
      }
    case .rollBack(let target):
      let name = QualifiedName(.default, target.module)
      tell(.rollBack([name])) {
        .catalog(.rollbackRequested($0, name, to: target.version, Self.requester))
      }
    case .undeploy(let name):
      tell(.undeploy(QualifiedName(.default, name))) {
        .catalog(.undeploymentRequested($0, .module(name), Self.requester))
      }
    case .scale(let scale):
      let name = QualifiedName(.default, scale.module)
      tell(.scale(name, replicas: scale.replicas)) {
        .catalog(.scaleRequested($0, name, replicas: scale.replicas, Self.requester))
      }
    case .command(let node, let command):
      tell(.node(node, command)) { .nodeCommanded($0, node, command, Self.requester) }
    case .join(let index): joinAgain(index)
    case .emit(let topic):
      let event = Event(
        id: "\(timeline.happened)", source: "/scenario", type: "scenario", topic: topic)
      tellPlane(
        logicLife, .events(.eventReceived(operators.nextRequest(), event, data: nil, .local)))
    }
  }

  private func scriptedRecord(_ push: Scenario.Version) -> ModuleVersionRecord {
    let version = push.version ?? ModuleVersion(unchecked: "1")
    // Other bytes for each version, the same in each run.
    var digest = [UInt8](repeating: 0, count: 32)
    for (index, byte) in "\(push.module)@\(version)".utf8.enumerated() {
      digest[index % 32] = digest[index % 32] &* 31 &+ byte
    }
    return ModuleVersionRecord(
      namespace: .default, name: push.module, version: version,
      digest: ModuleDigest(sha256: digest), size: .kibibytes(64), signers: [], signature: [],
      pushedAt: planeClock.instants(at: timeline.now).wall, pushedBy: .local)
  }

  /// What is not as a scenario expects it.
  func unmet(_ expected: Scenario.Expectation) -> [String] {
    var unmet: [String] = []
    if let module = expected.module {
      let name = QualifiedName(.default, module)
      // While there is no control plane, what its store says counts.
      let placed = plane.map { $0.catalog.placed[name]?.deployment } ?? store.deployments[name]
      // A machine that stands still does nothing for anybody.
      let serving = agents.filter { agent in
        !agent.isFrozen && placed.map { agent.serving[$0.placement] != nil } ?? false
      }.map(\.node).sorted()
      let names = serving.map(\.text).joined(separator: ", ")
      if let nodes = expected.servesOn, nodes.sorted() != serving {
        let wanted = nodes.sorted().map(\.text).joined(separator: ", ")
        unmet.append("\(module) should serve on [\(wanted)], and does on [\(names)]")
      }
      if let count = expected.serves, count != serving.count {
        unmet.append("\(module) should serve \(count) times, and does on [\(names)]")
      }
      if let version = expected.version, version != placed?.version {
        unmet.append("\(module) should be \(version), and is \(placed?.version.text ?? "nothing")")
      }
    }
    if let node = expected.node, let state = expected.state {
      let found = plane?.tracker.nodes[node]?.state.rawValue ?? "not known"
      if found != state.rawValue {
        unmet.append("\(node) should be \(state.rawValue), and is \(found)")
      }
    }
    if expected.isAtRest == true {
      unmet += self.unrest().map { "it should be at rest, and \($0)" }
    }
    if let dead = expected.deadLetters, dead != log.dead {
      unmet.append("there should be \(dead) dead letters, and are \(log.dead)")
    }
    if let done = expected.done, done != log.done {
      unmet.append("\(done) deliveries should be done, and \(log.done) are")
    }
    return unmet
  }
}
