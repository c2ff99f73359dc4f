import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic
import NodeTracking
import Supervision

/// A whole cluster in virtual time: the logics that the program runs, and everything around them made
/// of a seed.
final class World {
  let configuration: SimulationConfiguration
  var timeline = Timeline<Happening>()
  /// One stream for each purpose.
  var network: SimulationRandom
  var disk: SimulationRandom
  var guests: SimulationRandom
  var workload: SimulationRandom
  var faults: SimulationRandom
  var decisions: SimulationRandom
  var luckOfTrees: SimulationRandom
  var patterns: SimulationRandom
  var publishing: SimulationRandom
  var services: SimulationRandom
  var calling: SimulationRandom
  var evicting: SimulationRandom
  /// Of hands, and of whoever is at the entrances of nodes.
  var handling: SimulationRandom

  let planeTree = SimulatedTree(.plane, SupervisionPlan(children: ControlPlaneTree.children))
  let agentTrees: [SimulatedTree]
  let drillTrees: [SimulatedTree]
  var agents: [SimulatedAgent]
  var indexByNode: [NodeID: Int] = [:]
  var plane: ControlPlaneLogic?
  /// Grows with each beginning and each end of the logic: what was meant for another is lost.
  var logicLife = 0
  /// Whether the logic was told what an earlier one owed.
  var hasRecovered = false
  var planeServices = PlaneServices()
  /// Grows whenever the control plane's end of all links is opened or closed.
  var links = 0
  var planeClock = SimulatedClock(rate: 1, bootedAt: 0, skew: 0)
  var planeWakesAt: Int64?
  var vitalSigns = UnreadVitalSigns()
  /// When heartbeats that were gathered are read.
  var readsVitalSignsAt: MonotonicInstant?
  var store = SimulatedStore()
  var log = SimulatedLog()

  var troubles: Set<Fault> = []
  /// Until when trouble is made.
  let healAt: Int64
  var operators = Operators()
  var publishers = Publishers()
  var callers = Callers()
  var evictions = Evictions()
  var hands = Hands()
  var commits = NodeCommits()
  /// What the data of readings says.
  var readings: [[UInt8]: JSONValue] = [:]
  var checker = Checker()
  var deliveries = DeliveryChecker()
  var coverage = Coverage()
  var history: History?
  var pendingMoves: [Int: PendingMove] = [:]
  var moves: [Duration] = []

  /// - Parameter agents: the fleet; the one that the seed draws when missing.
  init(
    _ configuration: SimulationConfiguration, agents: [SimulatedAgent]? = nil,
    isTraced: Bool = true
  ) {
    self.configuration = configuration
    network = SimulationRandom(seed: configuration.seed, stream: 3)
    disk = SimulationRandom(seed: configuration.seed, stream: 4)
    guests = SimulationRandom(seed: configuration.seed, stream: 5)
    workload = SimulationRandom(seed: configuration.seed, stream: 6)
    faults = SimulationRandom(seed: configuration.seed, stream: 7)
    decisions = SimulationRandom(seed: configuration.seed, stream: 8)
    luckOfTrees = SimulationRandom(seed: configuration.seed, stream: 9)
    patterns = SimulationRandom(seed: configuration.seed, stream: 11)
    publishing = SimulationRandom(seed: configuration.seed, stream: 12)
    services = SimulationRandom(seed: configuration.seed, stream: 13)
    calling = SimulationRandom(seed: configuration.seed, stream: 14)
    evicting = SimulationRandom(seed: configuration.seed, stream: 15)
    handling = SimulationRandom(seed: configuration.seed, stream: 16)
    let fleet = agents ?? SimulatedAgent.fleet(configuration)
    self.agents = fleet
    agentTrees = fleet.map { SimulatedTree(.agent($0.index), AgentTree.plan) }
    drillTrees = DrillPlans.trees(configuration)
    healAt = configuration.trouble.nanosecondCount
    history = isTraced ? History() : nil
    for agent in self.agents { indexByNode[agent.node] = agent.index }
  }

  func note(_ text: @autoclosure () -> String) {
    history?.note(timeline.now, text())
  }

  func randomClock() -> SimulatedClock {
    SimulatedClock(
      rate: 1 + faults.number(in: -1...1) * configuration.drift, bootedAt: timeline.now,
      skew: Int64(faults.number(in: -2_000_000...2_000_000)))
  }

  /// Does one thing.
  func happen(_ happening: Happening) {
    switch happening {
    case .planeWakes(let life): wakePlane(life)
    case .agentWakes(let index, let process): wakeAgent(index, process)
    case .agentHears(let index, let connection, let message):
      agentHears(index, connection, message)
    case .planeHears(let message, let connection, let index):
      planeHears(message, connection, index)
    case .linkOpens(let index, let process): linkOpens(index, process)
    case .linkFails(let index, let process, let connection): linkFails(index, process, connection)
    case .planeLearnsOfDeath(let life, let node, let incarnation, let evidence):
      planeLearnsOfDeath(life, node, incarnation, evidence)
    case .changeWritten(let process, let life, let id, let changes):
      write(process, life, id, changes)
    case .planeIsTold(let life, let input): tellPlane(life, input)
    case .eventWritten(let process, let life, let request, let event):
      write(process, life, request, event)
    case .changeOfDeliveryWritten(let process, let life, let change):
      write(process, life, change)
    case .effectsWritten(let process, let life, let request, let effects):
      write(process, life, request, effects)
    case .patienceEnds(let process, let service, let ticket):
      patienceEnds(process, service, ticket)
    case .agentIsTold(let index, let process, let input): tellAgent(index, process, input)
    case .preparationEnds(let index, let process, let id, let problem):
      endPreparation(index, process, id, problem)
    case .serviceBegins(let index, let process, let run): beginService(index, process, run)
    case .serviceEnds(let index, let process, let run, let exit):
      endService(index, process, run, exit)
    case .activationArrives(let index, let connection, let order):
      beginActivation(index, connection, order)
    case .activationEnds(let index, let process, let connection, let order, let outcome):
      endActivation(index, process, connection, order, outcome)
    case .outcomeArrives(let index, let connection, let order, let outcome):
      takeOutcome(index, connection, order, outcome)
    case .inTree(let tree, let node, let life, let happening):
      happen(happening, tree, node, life)
    case .processBegins(let tree, let process):
      if tree.process == process { relaunch(tree) }
    case .treeIsTroubled: troubleTree()
    case .isTakenDown(let tree, let process, let node):
      if tree.process == process, isTroubled { takeDown(node, of: tree) }
    case .handIsLaid(let tree, let process, let node):
      if tree.process == process { bringBack(tree, node) }
    case .roundTripsAreMeasured: measureRoundTrips()
    case .effectIsSent: sendEffect()
    case .effectArrives(let index, let connection, let placement, let fence):
      effectArrives(index, connection, placement, fence)
    case .effectIsJudged(let index, let placement, let fence):
      judgeEffect(index, placement, fence)
    case .nodeIsEvicted: evictNode()
    case .leaseOfGoneIsOver(let index): leaseOfGoneIsOver(index)
    case .nodeJoins(let index): joinAgain(index)
    case .handActs: handActs()
    case .handAsks(let index, let process, let wish): handAsks(index, process, wish)
    case .entranceIsAsked: askEntrance()
    case .entranceRunEnds(let commit): endEntranceRun(commit)
    case .commitIsSent(let commit): sendCommit(commit)
    case .commitArrives(let commit, let connection): commitArrives(commit, connection)
    case .operatorActs: operatorActs()
    case .operatorSetsUp(let step): setUp(step)
    case .eventIsPublished: publishEvent()
    case .eventIsRepeated(let publish): publishAgain(publish)
    case .stormBegins: beginStorm()
    case .stormBlows(let topic, let left, let gap): blow(topic, left: left, gap)
    case .fault(let fault): begin(fault)
    case .faultEnds(let fault): end(fault)
    case .scripted(let action): act(action)
    case .strikes(let fault): strike(fault)
    }
  }
}
