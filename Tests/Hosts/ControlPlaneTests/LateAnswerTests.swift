import ClusterModel
import ControlPlane
import HostPorts
import Logging
import Synchronization
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
    #expect(lines.late.isEmpty)
    gate.open()
    await eventually("the line") { !lines.late.isEmpty }
    #expect(lines.late.allSatisfy { $0.contains("slow") && $0.contains("local") })
    await cluster.stop()
    cluster.remove()
  }
}

/// A log whose lines a test can read.
private final class KeptLines: LogHandler {
  private let lines = Mutex<[String]>([])
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .info }
    set {}
  }
  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
  }

  var late: [String] {
    lines.withLock { $0.filter { $0.contains("late answer was dropped") } }
  }
}
