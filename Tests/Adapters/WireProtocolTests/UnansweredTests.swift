import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// Questions whose way broke off.
@Suite(.timeLimit(.minutes(10))) struct UnansweredTests {
  @Test
  func `what was asked when the way broke off may have been done, what was asked later was not`()
    async throws
  {
    let wire = try await TestWire()
    let (remote, _) = try await WireTests.attach(wire, TestAgent())
    wire.plane.mustNotAnswer.withLock { $0 = true }
    let activation = DeniedActivation(
      module: WireTests.placement.name, version: ModuleVersion(unchecked: "1.0.0"),
      node: WireTests.node,
      eventID: "1")
    let effects = ActivationEffects(published: [
      GuestPublish(topic: Topic(unchecked: "a/b"), data: [1])
    ])
    func problem() async -> Problem? {
      do throws(Problem) {
        try await remote.commit(effects, of: activation, under: .none)
        return nil
      } catch {
        return error
      }
    }
    let asking = Task { await problem() }
    try await until { wire.plane.heard.withLock { $0.commits.count } == 1 }
    await wire.stop()
    let unanswered = await asking.value
    #expect(unanswered?.isControlPlaneLost == true && unanswered?.isControlPlaneAway == true)
    try await until { !remote.isOpen }
    let unasked = await problem()
    #expect(unasked?.isControlPlaneLost == false && unasked?.isControlPlaneAway == true)
  }
}
