import ClusterModel
import Testing

@testable import NodeTracking

/// Intervals are 100 ms: suspicion between 200 and 400 ms of silence, loss between 600 and 1000 ms.
@Suite struct FleetTallyTests {
  private static let node = TrackerScript.node

  /// The states in which there is a node.
  private static func states(_ script: TrackerScript) -> [NodeState: Int] {
    var states: [NodeState: Int] = [:]
    for state in NodeState.allCases where script.tracker.tally.nodes(state) != 0 {
      states[state] = script.tracker.tally.nodes(state)
    }
    return states
  }

  /// What nodes were lost to.
  private static func losses(_ script: TrackerScript) -> [LossEvidence: Int] {
    var losses: [LossEvidence: Int] = [:]
    for evidence in LossEvidence.allCases where script.tracker.tally.losses(evidence) != 0 {
      losses[evidence] = script.tracker.tally.losses(evidence)
    }
    return losses
  }

  @Test func `each node is counted in its state until it is forgotten`() {
    var script = TrackerScript()
    #expect(Self.states(script) == [:])
    for node in nodes(3) { script.register(node) }
    script.tell(.expected(registration(nodes(4)[3])))
    #expect(Self.states(script) == [.healthy: 3, .suspect: 1])
    script.tell(.deathWitnessed(nodes(3)[1], Incarnation(1), .processEnded))
    #expect(Self.states(script) == [.healthy: 2, .suspect: 1, .unavailable: 1])
    script.tell(.forgetRequested(nodes(3)[1]))
    script.tell(.forgetRequested(nodes(3)[2]))
    script.tell(.forgetRequested(nodes(3)[2]))
    #expect(Self.states(script) == [.healthy: 1, .suspect: 1])
    #expect(Self.losses(script) == [.death(.processEnded): 1, .forgotten: 1])
  }

  @Test func `a loss counts once, as what it was known for at first`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 40)
    script.advance(.seconds(2))
    #expect(Self.losses(script) == [.silence: 1])
    #expect(
      script.tell(.deathWitnessed(Self.node, Incarnation(1), .processEnded))
        == ["move from n1 (processEnded)"])
    #expect(Self.losses(script) == [.silence: 1])
  }

  @Test func `a suspicion is withdrawn when the node is heard, and not when it is lost`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 40)
    script.advance(.milliseconds(300))
    #expect(script.tracker.tally.suspicions == 1)
    #expect(script.tracker.tally.withdrawnSuspicions == 0)
    script.beat()
    #expect(script.tracker.tally.withdrawnSuspicions == 1)
    script.advance(.seconds(2))
    script.beat()
    #expect(script.state() == .recovered)
    #expect(script.tracker.tally.suspicions == 2)
    #expect(script.tracker.tally.withdrawnSuspicions == 1)
  }

  @Test func `a suspicion of a process that has ended is not withdrawn`() {
    var script = TrackerScript()
    script.register()
    script.live(for: 40)
    script.advance(.milliseconds(300))
    script.register(incarnation: 2)
    #expect(script.state() == .recovered)
    #expect(script.tracker.tally.suspicions == 1)
    #expect(script.tracker.tally.withdrawnSuspicions == 0)
    #expect(Self.losses(script) == [:])
  }

  @Test func `nobody has suspected a node that was expected`() {
    var script = TrackerScript()
    script.tell(.expected(registration(Self.node)))
    script.beat()
    #expect(script.state() == .recovered)
    #expect(script.tracker.tally.suspicions == 0)
    #expect(script.tracker.tally.withdrawnSuspicions == 0)
  }

  @Test func `every loss has a word of its own`() {
    let reasons = LossEvidence.allCases.map(\.reason)
    #expect(Set(reasons).count == reasons.count)
    #expect(
      Set(reasons) == [
        .silent, .stuck, .connectionClosed, .processEnded, .leftOrderly, .forgotten,
      ])
  }
}
