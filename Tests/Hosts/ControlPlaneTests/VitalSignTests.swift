import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import ControlPlane

/// Signs of life and death that wait to be read.
@Suite struct VitalSignTests {
  private let signs = UnreadVitalSigns()

  private func heartbeat(_ node: String, _ sequence: UInt64) -> Heartbeat {
    Heartbeat(
      node: NodeID(unchecked: node), incarnation: Incarnation(1), sequence: sequence, progress: 0,
      isBusy: false, load: .idle)
  }

  @Test func `of heartbeats that nobody has read the newest of each node is left`() {
    var calls = 0
    for sequence in 1...10_000 {
      for node in ["b", "a"] where signs.put(.heartbeat(heartbeat(node, UInt64(sequence)))) {
        calls += 1
      }
    }
    #expect(calls == 1, "somebody is sent for once")
    #expect(
      signs.takeAll() == [.heartbeat(heartbeat("a", 10_000)), .heartbeat(heartbeat("b", 10_000))])
  }

  @Test func `what was read is not read again, and what comes then waits anew`() {
    #expect(signs.put(.heartbeat(heartbeat("a", 1))))
    #expect(!signs.put(.death(NodeID(unchecked: "b"), Incarnation(1))))
    #expect(!signs.put(.death(NodeID(unchecked: "a"), Incarnation(1))))
    #expect(
      signs.takeAll() == [
        .heartbeat(heartbeat("a", 1)), .death(NodeID(unchecked: "b"), Incarnation(1)),
        .death(NodeID(unchecked: "a"), Incarnation(1)),
      ])
    #expect(signs.takeAll().isEmpty)
    #expect(signs.put(.heartbeat(heartbeat("a", 2))))
  }

  @Test func `deaths that nobody reads are bounded`() {
    for number in 0..<UInt64(UnreadVitalSigns.mostDeaths + 5) {
      _ = signs.put(.death(NodeID(unchecked: "a"), Incarnation(number)))
    }
    #expect(signs.takeAll().count == UnreadVitalSigns.mostDeaths)
  }

  @Test func `while nobody listens they are lost`() {
    let links = AgentLinks()
    let heard = Mutex<[VitalSign]>([])
    links.take(.heartbeat(heartbeat("a", 1)))
    links.monitor { sign in heard.withLock { $0.append(sign) } }
    links.take(.heartbeat(heartbeat("a", 2)))
    links.died(NodeID(unchecked: "b"), Incarnation(3))
    links.stopMonitoring()
    links.take(.heartbeat(heartbeat("a", 3)))
    #expect(
      heard.withLock { $0 }
        == [.heartbeat(heartbeat("a", 2)), .death(NodeID(unchecked: "b"), Incarnation(3))])
  }
}
