import ClusterModel
import ControlPlane
import EventRouting
import HostPorts
import Synchronization
import Testing

/// Events that a node hands over together, oldest first.
@Suite struct ForwardingTests {
  private let node = NodeID(unchecked: "local")

  private func forward(
    _ events: [Event], to cluster: TestCluster
  ) async throws -> ForwardedEvents {
    try await cluster.plane.connection.forward(
      events.map { ForwardedEvent($0, handledBy: []) }, from: node)
  }

  /// The data of the events below `in` that the log holds from the first on, so many of them.
  private func kept(_ count: Int, _ cluster: TestCluster) async throws -> [String] {
    var question = TailQuestion(topic: TopicFilter(unchecked: "in/#"))
    question.since = EventOffset(1)
    let tail = try await cluster.plane.tail(question, for: cluster.caller)
    var found: [String] = []
    while found.count < count {
      let items = try await tail.next(patience: .seconds(30))
      guard !items.isEmpty else { return found }
      for case .event(let logged) in items {
        found.append(String(decoding: logged.event.data, as: UTF8.self))
      }
    }
    return found
  }

  @Test func `all are kept in their order, more than are written at once too`() async throws {
    let cluster = try await TestCluster.start()
    let numbers = (0..<300).map(String.init)
    let events = numbers.map { cluster.event("in/a", $0) }
    #expect(try await forward(events, to: cluster) == ForwardedEvents(count: 300))
    #expect(try await kept(300, cluster) == numbers)
    // Handed over again, as by a node that did not hear the answer: nothing new.
    #expect(try await forward(events, to: cluster) == ForwardedEvents(count: 300))
    #expect(try await forward([cluster.event("in/a", "last")], to: cluster).count == 1)
    #expect(try await kept(301, cluster) == numbers + ["last"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `those behind one that is refused wait`() async throws {
    let cluster = try await TestCluster.start()
    let events = [
      cluster.event("in/a", "1"), cluster.event("in/b", "2"), cluster.event("$sys/x", "3"),
      cluster.event("in/a", "4"),
    ]
    let forwarded = try await forward(events, to: cluster)
    #expect(forwarded.count == 2)
    #expect(forwarded.problem?.code == "topic_reserved")
    #expect(try await forward([events[3]], to: cluster) == ForwardedEvents(count: 1))
    #expect(try await kept(3, cluster) == ["1", "2", "4"])
    await cluster.stop()
    cluster.remove()
  }

  @Test func `what could not be made durable is not counted, and is taken the next time`()
    async throws
  {
    let faults = Faults()
    let cluster = try await TestCluster.start(faults: faults)
    let events = (0..<300).map { cluster.event("in/a", "\($0)") }
    // More than are written at once: others wait behind those that fail.
    faults.fail(.append, times: 1)
    let forwarded = try await forward(events, to: cluster)
    #expect(forwarded.count == 0)
    #expect(forwarded.problem?.code == "disk_full")
    #expect(try await forward(events, to: cluster) == ForwardedEvents(count: 300))
    // None had lost its place to those behind it.
    #expect(try await kept(300, cluster) == (0..<300).map(String.init))
    await cluster.stop()
    cluster.remove()
  }

  /// Has room for all but one event.
  private final class NarrowRoom: DataRoom {
    let usage: DataUsage? = nil
    let isNarrow = Mutex(true)

    func take(_ size: ByteCount, for purpose: DataPurpose) throws(Problem) {
      guard isNarrow.withLock(\.self), size.bytes > 10_000 else { return }
      throw Problem(.overloaded, code: "data_quota_reached", "no room")
    }
  }

  @Test func `small ones do not overtake a large one that finds no room`() async throws {
    let room = NarrowRoom()
    let cluster = try await TestCluster.start(room: room)
    let large = String(repeating: "x", count: 20_000)
    let events = ["1", "2", large, "3", "4"].map { cluster.event("in/a", $0) }
    let forwarded = try await forward(events, to: cluster)
    #expect(forwarded.count == 2)
    #expect(forwarded.problem?.code == "data_quota_reached")
    // Others are taken meanwhile.
    _ = try await cluster.plane.publish(cluster.event("in/b", "other"), by: cluster.caller)
    room.isNarrow.withLock { $0 = false }
    #expect(try await forward(Array(events[2...]), to: cluster) == ForwardedEvents(count: 3))
    #expect(try await kept(6, cluster) == ["1", "2", "other", large, "3", "4"])
    await cluster.stop()
    cluster.remove()
  }
}
