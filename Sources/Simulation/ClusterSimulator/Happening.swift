import ClusterModel
import ControlPlaneLogic
import EventRouting
import NodeAgentLogic
import NodeTracking
import Supervision

/// Something that will happen in a simulated world. Processes, lives of the control plane's logic, and
/// connections are numbered, so that what was meant for one that is gone is known as such.
enum Happening {
  case planeWakes(life: Int)
  case agentWakes(Int, process: Int)
  /// A datagram arrives at an agent, or at the control plane.
  case agentHears(Int, connection: Int, ControlMessage)
  case planeHears(AgentMessage, connection: Int, Int)
  case linkOpens(Int, process: Int)
  case linkFails(Int, process: Int, connection: Int)
  case planeLearnsOfDeath(life: Int, NodeID, Incarnation, DeathEvidence)

  /// A change reaches the disk (or cannot), and then whoever waits for it.
  case changeWritten(process: Int, life: Int, PersistID, [CatalogChange])
  case planeIsTold(life: Int, ControlPlaneLogic.Input)
  case eventWritten(process: Int, life: Int, RequestID, AcceptedEvent)
  case changeOfDeliveryWritten(process: Int, life: Int, DeliveryChange)
  case effectsWritten(process: Int, life: Int, RequestID, CommittedEffects)
  /// Something has waited long enough for a service that is away.
  case patienceEnds(process: Int, ControlPlaneTree.Service, Int)

  case inTree(SimulatedTree, Int, life: Int, TreeHappening)
  case processBegins(SimulatedTree, after: Int)
  case treeIsTroubled
  /// Someone takes something down.
  case isTakenDown(SimulatedTree, process: Int, Int)
  /// Someone starts again what they took down.
  case handIsLaid(SimulatedTree, process: Int, Int)

  case agentIsTold(Int, process: Int, NodeAgentLogic.Input)
  case preparationEnds(Int, process: Int, PreparationID, Problem?)
  case serviceBegins(Int, process: Int, ServiceRunID)
  case serviceEnds(Int, process: Int, ServiceRunID, ChildExit)
  case activationArrives(Int, connection: Int, ActivationOrder)
  case activationEnds(Int, process: Int, connection: Int, ActivationOrder, ActivationOutcome)
  case outcomeArrives(Int, connection: Int, ActivationOrder, ActivationOutcome)

  /// What must stop when isolated has an effect, which is judged when it arrives.
  case effectIsSent
  case effectArrives(Int, connection: Int, PlacementID, PlanVersion)
  case effectIsJudged(Int, PlacementID, PlanVersion)

  /// An operator evicts a live node; whatever lease one had that went is over; somebody lets it in again.
  case nodeIsEvicted
  case leaseOfGoneIsOver(Int)
  case nodeJoins(Int)

  /// Somebody with a tool wants something of a node, which hears of it a little later.
  case handActs
  case handAsks(Int, process: Int, Hands.Wish)
  /// Somebody asks a node itself to run something.
  case entranceIsAsked
  case entranceRunEnds(NodeCommits.Commit)
  /// A node has what was done there made durable.
  case commitIsSent(NodeCommits.Commit)
  case commitArrives(NodeCommits.Commit, connection: Int)

  /// Agents tell how far away others are.
  case roundTripsAreMeasured
  case operatorActs
  case operatorSetsUp(Int)
  case eventIsPublished
  case eventIsRepeated(Publishers.Publish)
  case stormBegins
  case stormBlows(Topic, left: Int, Duration)
  case fault(Fault)
  case faultEnds(Fault)
  /// What a scenario says, at its time; also a fault that is aimed already.
  case scripted(ScriptedAction)
  case strikes(Fault)
}

/// What an agent is asked to run.
struct ActivationOrder {
  enum Purpose {
    case delivery(DeliveryID, EventOffset)
    case invocation(RequestID)
  }
  let purpose: Purpose
  let route: Route
  /// Which activation it is: another for each attempt.
  let run: Int
}

enum ActivationOutcome {
  /// With what it wants done.
  case succeeded(ActivationEffects)
  case failed(ActivationFailure.Code)
}

/// Something that goes wrong for a while.
enum Fault: Hashable {
  enum Direction: Hashable { case toAgent, toPlane, both }

  /// Some nodes and the control plane do not hear each other.
  case partition([Int], Direction)
  case agentCrash(Int)
  /// The whole machine stands still, and then goes on as if nothing had been.
  case agentFreeze(Int)
  case planeCrash
  case diskIsFull
  case diskIsSlow
  /// The control plane alone is cut off from everybody.
  case silence
  /// The workers of a node do not get on.
  case workersStuck(Int)
  /// A service or a supervisor of a tree ends as failed.
  case childCrash(SimulatedTree.Owner, String)
}
