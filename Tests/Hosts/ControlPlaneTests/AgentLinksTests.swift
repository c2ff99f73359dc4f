import ClusterModel
import HostPorts
import Testing

@testable import ControlPlane

/// What waits to be read.
@Suite struct AgentLinksTests {
  private let links = AgentLinks()

  private func heartbeat(_ node: String, _ sequence: UInt64) -> AgentMessage {
    .heartbeat(
      Heartbeat(
        node: NodeID(unchecked: node), incarnation: Incarnation(1), sequence: sequence, progress: 0,
        isBusy: false, load: .idle))
  }

  @Test func `of heartbeats that nobody has read the newest of each node is left`() async {
    let nodes = links.monitor()
    for sequence in 1...10_000 {
      for node in ["b", "a"] { links.take(heartbeat(node, UInt64(sequence))) }
    }
    links.stopMonitoring()
    var read: [String] = []
    for await node in nodes { read.append(node.text) }
    #expect(read == ["b", "a"], "each waits once")
  }

  @Test func `what was read is not read again, and what comes then waits anew`() {
    let nodes = links.monitor()
    links.take(heartbeat("a", 1))
    links.take(heartbeat("a", 2))
    links.take(heartbeat("b", 1))
    #expect(links.heartbeat(of: NodeID(unchecked: "a"))?.sequence == 2)
    #expect(links.heartbeat(of: NodeID(unchecked: "a")) == nil)
    links.take(heartbeat("a", 3))
    #expect(links.unreadHeartbeats().map(\.sequence) == [3, 1])
    #expect(links.unreadHeartbeats() == [])
    withExtendedLifetime(nodes) {}
  }

  @Test func `while nobody listens heartbeats are lost`() {
    links.take(heartbeat("a", 1))
    #expect(links.unreadHeartbeats() == [])
    _ = links.monitor()
    links.take(heartbeat("a", 2))
    links.stopMonitoring()
    #expect(links.unreadHeartbeats() == [])
  }
}
