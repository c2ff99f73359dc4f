import ClusterModel
import ControlPlaneLogic
import EventRouting
import NodeAgentLogic
import NodeTracking

/// Something that will happen in a simulated world. Processes and connections are numbered, so that
/// what was meant for one that is gone is known as such.
enum Happening {
  case planeWakes(process: Int)
  case agentWakes(Int, process: Int)
  /// A datagram arrives at an agent, or at the control plane.
  case agentHears(Int, connection: Int, ControlMessage)
  case planeHears(AgentMessage, connection: Int, Int)
  case linkOpens(Int, process: Int)
  case linkFails(Int, process: Int, connection: Int)
  case planeLearnsOfDeath(process: Int, NodeID, Incarnation, DeathEvidence)

  /// A change reaches the disk (or cannot), and then whoever waits for it.
  case changeWritten(process: Int, PersistID, [CatalogChange])
  case planeIsTold(process: Int, ControlPlaneLogic.Input)
  case eventWritten(process: Int, RequestID, AcceptedEvent)
  case changeOfDeliveryWritten(process: Int, DeliveryChange)

  case agentIsTold(Int, process: Int, NodeAgentLogic.Input)
  case preparationEnds(Int, process: Int, PreparationID, Problem?)
  case activationArrives(Int, connection: Int, ActivationOrder)
  case activationEnds(Int, process: Int, connection: Int, ActivationOrder, ActivationOutcome)
  case outcomeArrives(Int, connection: Int, ActivationOrder, ActivationOutcome)

  case operatorActs
  case eventIsPublished
  case fault(Fault)
  case faultEnds(Fault)
  /// What a scenario says, at its time.
  case scripted(ScriptedAction)
  case scriptedFault(Fault)
}

/// What an agent is asked to run.
struct ActivationOrder {
  enum Purpose {
    case delivery(DeliveryID, EventOffset)
    case invocation(RequestID)
  }
  let purpose: Purpose
  let route: Route
}

enum ActivationOutcome {
  case succeeded
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
}
