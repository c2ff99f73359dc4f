import ClusterModel
import ControlPlaneLogic
import NodeTracking

// How the control plane's process hears whether nodes are alive, as its host does it.
extension World {
  func planeLearnsOfDeath(
    _ life: Int, _ node: NodeID, _ incarnation: Incarnation, _ evidence: DeathEvidence
  ) {
    guard life == logicLife else { return }
    switch evidence {
    case .processEnded: take(.death(node, incarnation))
    case .connectionClosed, .leftOrderly: tellPlane(life, .agentDied(node, incarnation, evidence))
    }
  }

  func take(_ sign: VitalSign) {
    guard plane != nil else { return }
    let now = planeClock.instants(at: timeline.now).monotonic
    if vitalSigns.put(sign, at: now) { readVitalSigns() }
  }

  func readVitalSigns() {
    guard let plane else { return }
    let life = logicLife
    let pause = plane.heartbeatsGatherFor
    let signs = vitalSigns.takeAll(andComesAgain: pause != nil)
    let now = planeClock.instants(at: timeline.now).monotonic
    readsVitalSignsAt = signs.areReadAgain ? pause.map { now + $0 } : nil
    if signs.heartbeats.count > 1 { coverage.count(.heartbeatsReadTogether) }
    for (heartbeat, arrival) in signs.heartbeats {
      tellPlane(life, .heartbeatArrived(heartbeat, at: arrival))
    }
    for (node, incarnation) in signs.deaths {
      tellPlane(life, .agentDied(node, incarnation, .processEnded))
    }
    setPlaneAlarm()
  }
}
