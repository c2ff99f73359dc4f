import ClusterModel

@testable import ClusterSimulator

/// What the tests of checkers are made of.
enum Sample {
  static func version(_ counter: UInt64) -> PlanVersion { PlanVersion(term: 1, counter: counter) }

  static func order(
    _ name: String, _ isolation: IsolationPolicy = .continue, role: PlacementRole = .retained,
    fence: PlanVersion = .zero, serviceThatIs restart: RestartType? = nil
  ) -> PlacementOrder {
    let digest = ModuleDigest(sha256: [UInt8](repeating: 1, count: 32))
    let module = ModuleName(unchecked: name)
    let version = ModuleVersion(unchecked: "1")
    let wall = WallInstant(microseconds: 1)
    let tree = restart.map {
      ServiceTree(children: [.service(module, restart: $0, shutdown: .standard)])
    }
    return PlacementOrder(
      deployment: Deployment(
        namespace: .default, application: ApplicationName(unchecked: "app"), name: module,
        version: version, digest: digest,
        configuration: DeploymentConfiguration(
          kind: tree == nil ? .command : .service,
          placement: PlacementRules(memory: .mebibytes(16), isolation: isolation),
          serviceTree: tree),
        generation: 1, deployedAt: wall),
      record: ModuleVersionRecord(
        namespace: .default, name: module, version: version, digest: digest,
        size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: wall, pushedBy: .local),
      role: role, fence: fence)
  }

  private static var configuration: SimulationConfiguration {
    SimulationConfiguration(seed: 1, nodes: 4)
  }

  static var agent: SimulatedAgent {
    var agent = SimulatedAgent.fleet(configuration)[0]
    agent.isUp = true
    return agent
  }

  /// A small world in which nothing goes wrong, and nobody is given a new token, when all nodes are attached.
  static func world() -> World {
    var calm = configuration
    calm.loss = 0
    calm.duplication = 0
    calm.straggling = .zero
    calm.childCrashEvery = nil
    calm.backwardStart = 0
    calm.joinDelay = nil
    let world = World(calm, isTraced: false)
    world.startPlane()
    for index in world.agents.indices { world.bootAgent(index) }
    pass(.seconds(3), in: world)
    return world
  }

  static func pass(_ duration: Duration, in world: World) {
    Simulation.run(world, until: world.timeline.now + duration.nanosecondCount)
  }
}
