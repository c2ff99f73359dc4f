import ClusterModel
import ControlPlaneLogic
import ModuleCatalog
import NodeAgentLogic

// What people and devices ask for.
extension World {
  static let applications = 6
  static let modulesEach = 3
  /// So many of the applications are mostly services.
  static let applicationsOfServices = 2
  /// The one of each application that publishes, see `effects`.
  static let publishingModule = 0
  /// Tries that each event has.
  static let attempts = 3
  private static let keys = ["0a", "0b", "0c"].map {
    KeyID(unchecked: String(repeating: $0, count: 16))
  }
  private static let requester = Requester(principal: .local, namespace: .default)

  func planWorkload() {
    timeline.plan(.operatorActs, after: .milliseconds(1))
    timeline.plan(.eventIsPublished, after: .milliseconds(500))
    planStorm()
    timeline.plan(.roundTripsAreMeasured, after: .milliseconds(700))
    timeline.plan(.effectIsSent, after: .milliseconds(700))
    planEviction()
    planHand()
    planEntrance()
    guard publishing.happens(0.7) else { return }
    // Mostly there is something to begin with: keys, a version of each module, and all of them deployed.
    let modules = Self.applications * Self.modulesEach
    for step in 0...(modules + Self.applications) {
      timeline.plan(.operatorSetsUp(step), after: .milliseconds(400 + 20 * step))
    }
  }

  func setUp(_ step: Int) {
    guard plane?.hasBegun == true else { return }
    let pushes = Self.applications * Self.modulesEach
    switch step {
    case 0: for _ in 0..<4 { trust() }
    case 1...pushes:
      push(moduleName((step - 1) / Self.modulesEach, (step - 1) % Self.modulesEach))
    case _: deploy(step - pushes - 1)
    }
  }

  func operatorActs() {
    if isTroubled {
      timeline.plan(.operatorActs, after: workload.interval(mean: configuration.operatorEvery))
    }
    guard plane?.hasBegun == true else { return }
    if calling.happens(0.15) { return scale() }
    switch workload.next() % 16 {
    case 0, 1, 2: push(anyModule().name)
    case 3: trust()
    case 4: if workload.happens(0.15) { revoke() } else { trust() }
    case 5, 6, 7, 8, 9: deploy(workload.index(below: Self.applications))
    case 10: undeploy()
    case 11, 12: rollBack()
    case _: commandNode()
    }
  }

  private func moduleName(_ application: Int, _ module: Int) -> ModuleName {
    ModuleName(unchecked: "app\(application)-module\(module)")
  }

  func anyModule() -> QualifiedName {
    QualifiedName(
      .default,
      moduleName(
        workload.index(below: Self.applications), workload.index(below: Self.modulesEach)))
  }

  private func ask(_ wish: Operators.Wish, _ input: (RequestID) -> ControlPlaneLogic.Input) {
    let request = operators.ask(wish)
    tellPlane(logicLife, input(request))
  }

  private func push(_ name: ModuleName) {
    operators.lastVersion += 1
    let version = operators.lastVersion
    let record = ModuleVersionRecord(
      namespace: .default, name: name, version: ModuleVersion(unchecked: "v\(version)"),
      digest: ModuleDigest(sha256: (0..<32).map { UInt8(truncatingIfNeeded: version >> ($0 % 4)) }),
      size: .kibibytes(64), signers: [Self.keys[version % 2]], signature: [],
      pushedAt: planeClock.instants(at: timeline.now).wall, pushedBy: .local)
    use(.verify(operators.ask(.push(record)), record))
    if workload.happens(0.1) {
      let event = SecurityEvent(
        kind: .moduleRefused, at: record.pushedAt, principal: .local, namespace: .default,
        subject: name.text, reason: "signature_missing", detail: "it is not signed")
      tellPlane(logicLife, .catalog(.securityEventOccurred(event)))
    }
  }

  private func trust() {
    let key = TrustedKey(
      id: Self.keys[workload.index(below: 3)], publicKey: [], label: "key",
      addedAt: planeClock.instants(at: timeline.now).wall)
    ask(.trust(key)) { .catalog(.keyOffered($0, key, Self.requester)) }
  }

  private func revoke() {
    let key = Self.keys[1]
    ask(.revoke(key)) { .catalog(.keyRevocationRequested($0, key, Self.requester)) }
  }

  private func deploy(_ application: Int) {
    var wishes: [DeploymentWish] = []
    for module in 0..<Self.modulesEach where workload.happens(0.7) {
      let name = moduleName(application, module)
      let versions = plane?.catalog.versions[QualifiedName(.default, name)] ?? []
      guard let record = workload.element(of: versions) else { continue }
      wishes.append(
        DeploymentWish(
          name: name, version: record.version, configuration: randomConfiguration(module)))
    }
    if application < Self.applicationsOfServices, services.happens(0.7) {
      wishes = asServices(wishes)
    }
    let name = ApplicationName(unchecked: "app\(application)")
    ask(.deploy(name, wishes)) {
      .catalog(.deploymentRequested($0, name, wishes, Self.requester))
    }
  }

  private func randomConfiguration(_ module: Int) -> DeploymentConfiguration {
    let replicas = [0, 1, 1, 1, 2, 3][workload.index(below: 6)]
    let rules = PlacementRules(
      replicas: replicas, fallbacks: workload.index(below: 3),
      architectures: workload.happens(0.3) ? [.x86_64] : [],
      cpuFeatures: workload.happens(0.2) ? ["avx2"] : [],
      hardware: workload.happens(0.1) ? ["gpu"] : [],
      labels: workload.happens(0.2) ? (try? [Label("tier", "edge")]) ?? [] : [],
      memory: .mebibytes([16, 64, 128, 256][workload.index(below: 4)]),
      origin: workload.happens(0.5) ? agents[workload.index(below: agents.count)].location : nil,
      isolation: workload.happens(0.4) ? .stop : .continue)
    var limits = ActivationLimits()
    // Whoever has no answer hears so soon.
    limits.wallTime = .seconds(2)
    var retry = RetryPolicy(
      attempts: Self.attempts, initialDelay: .milliseconds(20), maximumDelay: .milliseconds(500))
    // Some do not wait long for an answer.
    if publishing.happens(0.3) {
      limits.wallTime = .milliseconds(200)
      retry.answerGrace = .seconds(1)
    }
    return DeploymentConfiguration(
      triggers: randomTriggers(module), limits: limits, retry: retry,
      concurrency: [1, 2, 8, 64][publishing.index(below: 4)], placement: rules)
  }

  /// What wakes it: readings, in some order or none, alone or shared; and of some what others publish.
  private func randomTriggers(_ module: Int) -> [Trigger] {
    let topic = workload.next() % 4
    let order = [nil, OrderField(unchecked: "subject"), OrderField(unchecked: "data.site")]
    var triggers = [
      Trigger(
        topic: TopicFilter(unchecked: publishing.happens(0.3) ? "sensors/#" : "sensors/\(topic)"),
        pattern: randomPattern(), orderBy: order[publishing.index(below: order.count)],
        group: publishing.happens(0.6) ? GroupName(unchecked: "shared") : nil)
    ]
    if module != Self.publishingModule, publishing.happens(0.3) {
      triggers.append(
        Trigger(
          topic: TopicFilter(unchecked: "results/+"), pattern: randomPattern(),
          orderBy: order[publishing.index(below: order.count)]))
    }
    return triggers
  }

  private func undeploy() {
    let name = anyModule()
    ask(.undeploy(name)) {
      .catalog(.undeploymentRequested($0, .module(name.name), Self.requester))
    }
  }

  private func rollBack() {
    let name = anyModule()
    let past =
      workload.happens(0.5) ? workload.element(of: plane?.catalog.versions[name] ?? []) : nil
    var names = [name]
    // Services go back together.
    for application in 0..<Self.applicationsOfServices {
      let together = (0..<Self.modulesEach).map {
        QualifiedName(.default, moduleName(application, $0))
      }
      if together.contains(name) { names = together }
    }
    ask(.rollBack(names)) {
      .catalog(.rollbackRequested($0, name, to: past?.version, Self.requester))
    }
  }

  private func scale() {
    let name = calling.happens(0.1) ? anyModule() : deployedModule()
    let replicas = [0, 1, 2, 3, 5][calling.index(below: 5)]
    ask(.scale(name, replicas: replicas)) {
      .catalog(.scaleRequested($0, name, replicas: replicas, Self.requester))
    }
  }

  private func commandNode() {
    let index = workload.index(below: agents.count)
    let node = agents[index].node
    let command: NodeCommand =
      switch workload.next() % 10 {
      case 0, 1: .cordon
      case 2, 3: .drain
      case 4: .forget
      case _: .uncordon
      }
    if workload.happens(0.1), agents[index].isUp, !agents[index].isFrozen {
      // The other end of an agent's life: its own operator stops it.
      ask(agentTrees[index], SimulatedTree.root, canHang: false)
      return
    }
    ask(.node(node, command)) { .nodeCommanded($0, node, command, Self.requester) }
  }
}
