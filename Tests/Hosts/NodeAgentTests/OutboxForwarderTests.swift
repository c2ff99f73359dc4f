import ClusterModel
import HostPorts
import Logging
import SupervisionRuntime
import Synchronization
import Testing

@testable import NodeAgent

/// What lies in an outbox is handed over in its order, whatever the control plane says to it.
@Suite(.timeLimit(.minutes(10))) struct OutboxForwarderTests {
  /// In memory: what it promises of the disk is tested where there is one.
  private final class Shelf: Outbox {
    private let content = Mutex((last: Int64(0), events: [OutboxEvent]()))
    var numbers: [Int64] { content.withLock { $0.events.map(\.number) } }

    func append(_ events: [Event]) async throws(Problem) {
      content.withLock { content in
        for event in events {
          content.last += 1
          content.events.append(OutboxEvent(number: content.last, event: event))
        }
      }
    }
    func oldest(after number: Int64, limit: Int) async throws(Problem) -> [OutboxEvent] {
      content.withLock { Array($0.events.filter { $0.number > number }.prefix(limit)) }
    }
    func handled(
      _ number: Int64, by module: ModuleName, publishing events: [Event]
    ) async throws(Problem) {}
    func forget(through number: Int64) async throws(Problem) {
      content.withLock { content in content.events.removeAll { $0.number <= number } }
    }
    var usage: OutboxUsage { OutboxUsage(events: numbers.count, bytes: ByteCount(bytes: 0)) }
    func close() async throws(Problem) {}
  }

  /// What was asked of the control plane, and what it has of that.
  private struct Heard {
    var asked: [[String]] = []
    var durable: [String] = []
  }

  private final class Ear: Sendable {
    let heard = Mutex(Heard())
  }

  private let shelf = Shelf()
  private let plane = AnsweringPlane()
  private let ear = Ear()

  private static func event(_ id: Int) -> Event {
    Event(id: "\(id)", source: "/test", type: "t", topic: Topic(unchecked: "t"), data: [])
  }

  /// Lays so many events down, and forwards them until none is left.
  ///
  /// - Parameter answer: how many of those that are offered the control plane takes at the n-th time, and why no more.
  private func forward(
    _ count: Int, _ answer: @escaping @Sendable (Int, [String]) -> (Int, Problem?)
  ) async throws -> Heard {
    try await shelf.append((1...count).map(Self.event))
    let begun = ear.heard.withLock { $0.asked.count }
    plane.forwarding.withLock { forwarding in
      forwarding = { [ear] events in
        let ids = events.map(\.event.id)
        let (taken, problem) = ear.heard.withLock { heard in
          let answer = answer(heard.asked.count - begun, ids)
          heard.asked.append(ids)
          heard.durable += ids.prefix(answer.0)
          return answer
        }
        return taken == 0 && problem?.isControlPlaneAway == true
          ? .failure(problem ?? .controlPlaneAway)
          : .success(ForwardedEvents(count: taken, problem: problem))
      }
    }
    let entry = OutboxEntry(shelf, of: NodeID(unchecked: "node-1"), clock: TestClock())
    let forwarder = OutboxForwarder(
      entry, to: plane, agents: ResourceSlot<NodeAgent>("the agent"), clock: TestClock(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await forwarder.run(ready: {}) }
    let deadline = ContinuousClock.now + .seconds(60)
    while !shelf.numbers.isEmpty {
      try #require(ContinuousClock.now < deadline, "events stay: \(shelf.numbers)")
      try await Task.sleep(for: .milliseconds(1))
    }
    running.cancel()
    try await running.value
    return ear.heard.withLock { $0 }
  }

  @Test func `all of them go, the oldest first, so many in a message`() async throws {
    let heard = try await forward(700) { _, ids in (ids.count, nil) }
    #expect(heard.durable == (1...700).map { "\($0)" })
    #expect(heard.asked.map(\.count) == [256, 256, 188])
  }

  @Test func `what the control plane did not come to is offered again, and nothing of it twice`()
    async throws
  {
    let full = Problem(.overloaded, code: "full", "no room", retryAfter: .milliseconds(1))
    let heard = try await forward(5) { turn, ids in
      turn < 2 ? (2, full) : (ids.count, nil)
    }
    #expect(heard.durable == ["1", "2", "3", "4", "5"])
    #expect(heard.asked == [["1", "2", "3", "4", "5"], ["3", "4", "5"], ["5"]])
  }

  @Test func `what is refused for good does not hold up what comes after it`() async throws {
    for category in [Problem.Category.invalidInput, .refused, .tooLarge, .notFound] {
      let never = Problem(category, code: "never", "not this one")
      let heard = try await forward(3) { _, ids in
        ids.first == "1" ? (1, never) : ids.first == "2" ? (0, never) : (ids.count, nil)
      }
      #expect(heard.durable.suffix(2) == ["1", "3"])
      #expect(heard.asked.suffix(2) == [["1", "2", "3"], ["3"]])
    }
  }

  @Test func `what was offered when the way broke off is offered again`() async throws {
    let heard = try await forward(2) { turn, ids in
      turn < 2 ? (0, turn == 0 ? .controlPlaneLost : .controlPlaneAway) : (ids.count, nil)
    }
    #expect(heard.durable == ["1", "2"])
    #expect(heard.asked == Array(repeating: ["1", "2"], count: 3))
  }
}
