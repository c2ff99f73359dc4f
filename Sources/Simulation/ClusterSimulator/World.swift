import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic
import NodeTracking

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

  var agents: [SimulatedAgent]
  var indexByNode: [NodeID: Int] = [:]
  var plane: ControlPlaneLogic?
  var planeProcess = 0
  var planeClock = SimulatedClock(rate: 1, bootedAt: 0, skew: 0)
  var planeWakesAt: Int64?
  var store = SimulatedStore()
  var log = SimulatedLog()

  var troubles: Set<Fault> = []
  /// Until when trouble is made.
  let healAt: Int64
  var operators = Operators()
  var checker = Checker()
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
    self.agents = agents ?? SimulatedAgent.fleet(configuration)
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
    case .planeWakes(let process): wakePlane(process)
    case .agentWakes(let index, let process): wakeAgent(index, process)
    case .agentHears(let index, let connection, let message):
      agentHears(index, connection, message)
    case .planeHears(let message, let connection, let index):
      planeHears(message, connection, index)
    case .linkOpens(let index, let process): linkOpens(index, process)
    case .linkFails(let index, let process, let connection): linkFails(index, process, connection)
    case .planeLearnsOfDeath(let process, let node, let incarnation, let evidence):
      tellPlane(process, .agentDied(node, incarnation, evidence))
    case .changeWritten(let process, let id, let changes): write(process, id, changes)
    case .planeIsTold(let process, let input): tellPlane(process, input)
    case .eventWritten(let process, let request, let event): write(process, request, event)
    case .changeOfDeliveryWritten(let process, let change): write(process, change)
    case .agentIsTold(let index, let process, let input): tellAgent(index, process, input)
    case .preparationEnds(let index, let process, let id, let problem):
      endPreparation(index, process, id, problem)
    case .activationArrives(let index, let connection, let order):
      beginActivation(index, connection, order)
    case .activationEnds(let index, let process, let connection, let order, let outcome):
      endActivation(index, process, connection, order, outcome)
    case .outcomeArrives(let index, let connection, let order, let outcome):
      takeOutcome(index, connection, order, outcome)
    case .operatorActs: operatorActs()
    case .eventIsPublished: publishEvent()
    case .fault(let fault): begin(fault)
    case .faultEnds(let fault): end(fault)
    case .scripted(let action): act(action)
    case .scriptedFault(let fault): strike(fault)
    }
  }
}
