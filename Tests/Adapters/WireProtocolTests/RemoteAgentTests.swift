import ClusterModel
import HostPorts
import Testing
import WireMessages

@testable import WireProtocol

@Suite(.timeLimit(.minutes(10)))
struct RemoteAgentTests {
  private static func agent() -> RemoteAgent {
    RemoteAgent(
      WireTests.node, Incarnation(1), session: "s", facts: TestAgent.facts, features: [],
      documents: OrderDocuments(), frames: OutboundQueue(), heartbeats: nil,
      inquiryPatience: TestWire.patience)
  }

  /// The attachment ends before, while and after they are asked for.
  @Test func `whoever asks while the attachment ends is answered`() async {
    for round in 0..<2_000 {
      let agent = Self.agent()
      agent.grant(8)
      let codes = await withTaskGroup(of: ActivationFailure.Code?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            let event = WireTests.event("run")
            let report = await agent.run(
              WireTests.placement, under: PlanVersion(term: 1, counter: 1), on: event, attempt: 1)
            guard case .failure(let failure) = report.result else { return nil }
            return failure.code
          }
        }
        group.addTask {
          for _ in 0..<(round % 16) { await Task.yield() }
          agent.end()
          return nil
        }
        return await group.reduce(into: [ActivationFailure.Code?]()) { $0.append($1) }
      }
      #expect(
        codes.count { $0 == .unavailable || $0 == .nodeLost } == 4, "round \(round): \(codes)")
    }
  }
}
