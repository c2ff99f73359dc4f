import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// What an agent tells of its own process.
@Suite(.timeLimit(.minutes(10)))
struct NewsTests {
  private static func news(of application: ApplicationName?) -> ServiceNews {
    ServiceNews(
      child: application == nil ? "main/node/agent" : "press", namespace: .default,
      application: application, node: WireTests.node, at: WallInstant(microseconds: 7),
      happening: .restarting(after: "killed", restarts: 1, delay: .zero))
  }

  @Test func `a part that took the way with it is told of when there is one again`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await WireTests.attach(wire, TestAgent())
    await remote.close(link, from: WireTests.node, Incarnation(1))
    remote.tell(Self.news(of: nil))
    remote.tell(Self.news(of: ApplicationName(unchecked: "plant")))
    let next = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(2))
    remote.tell(Self.news(of: nil))
    try await until { wire.plane.heard.withLock { $0.news.count == 2 } }
    #expect(
      wire.plane.heard.withLock { $0.news } == [Self.news(of: nil), Self.news(of: nil)],
      "the agent tells anew of services that it runs")
    await remote.close(next.id, from: WireTests.node, Incarnation(2))
    await wire.stop()
  }
}
