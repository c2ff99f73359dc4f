import ClusterModel
import HostPorts
import SwiftProtobuf
import Synchronization
import Testing
import WireMessages

@testable import WireProtocol

/// Questions whose way broke off, and such that nobody answers.
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

  private static func agent(patience: Duration) -> RemoteAgent {
    RemoteAgent(
      WireTests.node, Incarnation(1), session: "s", facts: TestAgent.facts, features: [],
      programVersion: nil, documents: OrderDocuments(), frames: OutboundQueue(), heartbeats: nil,
      inquiryPatience: patience)
  }

  @Test func `an agent that does not answer in time has not said that it holds nothing`() async {
    let frozen = Self.agent(patience: .milliseconds(100))
    #expect(await frozen.placementStatuses() == nil)
    #expect(await frozen.distribution() == nil)
    let gone = Self.agent(patience: TestWire.patience)
    gone.end()
    #expect(await gone.placementStatuses() == nil)
    #expect(await gone.distribution() == nil)
  }

  @Test func `an agent of an earlier release that holds nothing has answered`() async throws {
    let agent = Self.agent(patience: TestWire.patience)
    let asking = Task { await agent.placementStatuses() }
    try await until { agent.state.withLock { $0.inquiries[1] != nil } }
    // It named no placements, and nothing else either.
    try agent.take(WireInquiryAnswer.with { $0.id = 1 })
    let placements = await asking.value
    #expect(placements == [])
    agent.end()
  }
}
