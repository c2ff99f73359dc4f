import ClusterModel
import NodeAgentLogic

/// A machine with an agent: its logic, and what it really holds.
struct SimulatedAgent {
  let index: Int
  let location: NodeLocation
  let capabilities: NodeCapabilities
  var punctuality = HeartbeatPunctuality.realTime
  /// The one in the process of the control plane shows none.
  var showsCertificate = true
  let node: NodeID
  var clock: SimulatedClock
  var logic: NodeAgentLogic
  /// Grows with each start and each crash: what was meant for another process is lost.
  var process = 0
  var isUp = false
  var isFrozen = false
  /// What arrived while it stood still.
  var backlog: [Happening] = []
  /// Grows with each link; messages of an older one are lost.
  var connection = 0
  var isConnected = false
  /// Which of the control plane's ends its link leads to; `nil` when it was hung up on.
  var link: Int?
  var wakesAt: Int64?

  /// What is really there: kept apart from the logic, for the checkers.
  var prepared: [PlacementID: PlacementOrder] = [:]
  var preparing: [PlacementID: PreparationID] = [:]
  var orders: [PlacementID: PlacementOrder] = [:]
  var serving: [PlacementID: PlanVersion] = [:]
  var services: [ServiceRunID: SimulatedService] = [:]
  /// What hands hold, ready or not; and all that they have held since the agent began.
  var hands: [QualifiedName: PlacementOrder] = [:]
  var handled: Set<PlacementID> = []
  /// Services of theirs that have ended since they were held.
  var endedByHand: Set<PlacementID> = []
  var running = 0
  var progress: UInt64 = 0
  var isStuck = false
  /// What is on its disk for a start without the control plane: it outlives the process.
  var standing: StandingPlan?
  var remembered = PlanVersion.zero
  /// The newest plan that this incarnation obeyed.
  var obeyed = PlanVersion.zero

  mutating func forgetEverything() {
    prepared = [:]
    preparing = [:]
    orders = [:]
    serving = [:]
    services = [:]
    hands = [:]
    handled = []
    endedByHand = []
    running = 0
    backlog = []
    obeyed = .zero
    isConnected = false
    wakesAt = nil
  }

  /// A fleet of some makes: what nodes are differs, so that not everything can run everywhere.
  static func fleet(_ configuration: SimulationConfiguration) -> [SimulatedAgent] {
    var random = SimulationRandom(seed: configuration.seed, stream: 2)
    var fleet: [SimulatedAgent] = (0..<configuration.nodes).map { index in
      let domain = index / 5
      let location = NodeLocation(
        zone: Zone(unchecked: "zone-\(domain / 2)"),
        coordinates: random.happens(0.2)
          ? nil
          : try? Coordinates(
            latitude: random.number(in: -60...60), longitude: random.number(in: -180...180)))
      let capabilities = make(index, domain, &random)
      let node = NodeID(unchecked: "node-\(index)")
      return SimulatedAgent(
        index: index, node: node, location: location, capabilities: capabilities)
    }
    for index in fleet.indices where random.happens(configuration.ordinaryShare) {
      fleet[index].punctuality = .ordinary
    }
    for index in fleet.indices where random.happens(configuration.inProcessShare) {
      fleet[index].showsCertificate = false
    }
    return fleet
  }

  init(index: Int, node: NodeID, location: NodeLocation, capabilities: NodeCapabilities) {
    self.index = index
    self.node = node
    self.location = location
    self.capabilities = capabilities
    clock = SimulatedClock(rate: 1, bootedAt: 0, skew: 0)
    logic = NodeAgentLogic(
      registration: NodeRegistration(
        node: node, incarnation: Incarnation(0), location: location,
        capabilities: capabilities))
  }

  private static func make(
    _ index: Int, _ domain: Int, _ random: inout SimulationRandom
  ) -> NodeCapabilities {
    let architectures: [[Architecture]] = [
      [.x86_64, .portable], [.x86_64, .portable], [.aarch64, .portable], [.riscv64, .portable],
    ]
    // The lists are valid: nothing is made up here that a node could not say.
    guard
      let capabilities = try? NodeCapabilities(
        architectures: random.element(of: architectures) ?? [.x86_64],
        cpuFeatures: random.happens(0.5) ? ["avx2"] : [],
        memory: .mebibytes([256, 512, 1024][random.index(below: 3)]),
        cpuCores: 1 + random.index(below: 8),
        specializedHardware: random.happens(0.2) ? ["gpu"] : [],
        labels: [try Label("tier", random.happens(0.5) ? "edge" : "core")],
        faultDomain: FaultDomain("domain-\(domain)"))
    else { preconditionFailure("the fleet is made of valid nodes") }
    return capabilities
  }
}
