import ClusterModel
import ControlPlane
import HostPorts
import Logging
import Testing

@Suite struct LateAnswerTests {
  @Test func `an answer that comes too late does not count, and leaves a line`() async throws {
    let gate = Gate()
    let lines = KeptLines()
    let cluster = try await TestCluster.start(
      engine: ScriptedEngine(behind: gate), logger: Logger(label: "test") { _ in lines })
    var configuration = DeploymentConfiguration(
      triggers: [Trigger(topic: TopicFilter(unchecked: "in"))],
      retry: RetryPolicy(attempts: 1, answerGrace: .seconds(1)))
    configuration.limits.wallTime = .milliseconds(1)
    try await cluster.deploy("slow", "1", Wat.trap, configuration)
    let status = try await cluster.settled(try await cluster.publish("in", "x"))
    #expect(status.deliveries.map(\.state) == [.dead])
    func late() -> [String] { lines.with("late answer was dropped") }
    #expect(late().isEmpty)
    gate.open()
    await eventually("the line") { !late().isEmpty }
    #expect(late().allSatisfy { $0.contains("slow") && $0.contains("local") })
    await cluster.stop()
    cluster.remove()
  }
}
