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

  private func instant(_ milliseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
  }

  /// What is taken, in words.
  private func read(andComesAgain: Bool = false) -> [String] {
    let taken = signs.takeAll(andComesAgain: andComesAgain)
    return taken.heartbeats.map {
      "\($0.heartbeat.node) \($0.heartbeat.sequence) at \($0.arrival.nanoseconds / 1_000_000)"
    } + taken.deaths.map { "\($0.node) died" } + (taken.areReadAgain ? ["again"] : [])
  }

  @Test func `of heartbeats that nobody has read the newest of each node is left`() {
    var calls = 0
    for sequence in 1...10_000 {
      for node in ["b", "a"]
      where signs.put(.heartbeat(heartbeat(node, UInt64(sequence))), at: instant(Int64(sequence))) {
        calls += 1
      }
    }
    #expect(calls == 1, "somebody is sent for once")
    #expect(read() == ["a 10000 at 10000", "b 10000 at 10000"])
  }

  @Test func `what was read is not read again, and what comes then waits anew`() {
    #expect(signs.put(.heartbeat(heartbeat("a", 1)), at: instant(1)))
    #expect(!signs.put(.death(NodeID(unchecked: "b"), Incarnation(1)), at: instant(2)))
    #expect(!signs.put(.death(NodeID(unchecked: "a"), Incarnation(1)), at: instant(2)))
    #expect(read() == ["a 1 at 1", "b died", "a died"])
    #expect(read().isEmpty)
    #expect(signs.put(.heartbeat(heartbeat("a", 2)), at: instant(3)))
  }

  @Test func `where somebody comes again heartbeats wait, and deaths do not`() {
    #expect(signs.put(.heartbeat(heartbeat("a", 1)), at: instant(1)))
    #expect(read(andComesAgain: true) == ["a 1 at 1", "again"])
    #expect(!signs.put(.heartbeat(heartbeat("a", 2)), at: instant(6)))
    #expect(!signs.put(.heartbeat(heartbeat("b", 7)), at: instant(7)))
    #expect(signs.put(.death(NodeID(unchecked: "c"), Incarnation(1)), at: instant(8)))
    #expect(!signs.put(.death(NodeID(unchecked: "d"), Incarnation(1)), at: instant(8)), "sent for")
    #expect(read(andComesAgain: true) == ["a 2 at 6", "b 7 at 7", "c died", "d died", "again"])
    #expect(read(andComesAgain: true).isEmpty, "nobody beats: nobody comes again")
    #expect(signs.put(.heartbeat(heartbeat("a", 3)), at: instant(11)), "so that it is sent for")
  }

  @Test func `deaths that nobody reads are bounded`() {
    for number in 0..<UInt64(UnreadVitalSigns.mostDeaths + 5) {
      _ = signs.put(.death(NodeID(unchecked: "a"), Incarnation(number)), at: instant(0))
    }
    #expect(signs.takeAll(andComesAgain: false).deaths.count == UnreadVitalSigns.mostDeaths)
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
