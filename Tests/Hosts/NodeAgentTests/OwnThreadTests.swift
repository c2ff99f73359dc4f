import ClusterModel
import DedicatedThreads
import HostPorts
import Logging
import NodeAgentLogic
import Synchronization
import Testing

@testable import NodeAgent

private final class WeakThread: Sendable {
  private struct Ref { weak var value: ThreadExecutor? }
  private let ref: Mutex<Ref>
  init(_ thread: ThreadExecutor) { ref = Mutex(Ref(value: thread)) }
  var isGone: Bool { ref.withLock { $0.value == nil } }
}

private func agent(_ plane: AnsweringPlane, on thread: ThreadExecutor) throws -> NodeAgent {
  NodeAgent(
    NodeRegistration(
      node: NodeID(unchecked: "node-1"), incarnation: Incarnation(1),
      location: NodeLocation(zone: .default),
      capabilities: try NodeCapabilities(
        architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 2)),
    engine: IdleEngine(), plane: plane, http: NoHTTP(), clock: TestClock(), thread: thread,
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    configuration: NodeAgentLogic.Configuration(heartbeatInterval: .milliseconds(5)))
}

struct OwnThreadTests {
  @Test func `an agent beats and obeys while every thread of Swift's is busy`() async throws {
    let plane = AnsweringPlane()
    let agent = try agent(
      plane, on: ThreadExecutor(name: "wm-agent", urgency: .realTimeIfPermitted))
    await agent.start()
    // Each occupies a thread until 100 more heartbeats have come and as many plans were obeyed: more of
    // them than there are threads, so that whatever needs one of these waits for the end.
    let (heartbeats, plans) = (
      plane.heartbeats.load(ordering: .acquiring), plane.plansObeyed.load(ordering: .acquiring)
    )
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 {
        group.addTask {
          let deadline = ContinuousClock.now + .seconds(30)
          while plane.heartbeats.load(ordering: .acquiring) < heartbeats + 100
            || plane.plansObeyed.load(ordering: .acquiring) < plans + 100
          {
            guard ContinuousClock.now < deadline else { return false }
          }
          return true
        }
      }
      for await hasSeenThem in group { #expect(hasSeenThem) }
    }
    await agent.stop()
  }

  @Test func `an agent that has stopped leaves no thread behind`() async throws {
    var threads: [WeakThread] = []
    for _ in 0..<20 {
      let plane = AnsweringPlane()
      let thread = ThreadExecutor(name: "wm-agent", urgency: .ordinary)
      threads.append(WeakThread(thread))
      let agent = try agent(plane, on: thread)
      await agent.start()
      await agent.stop()
    }
    let deadline = ContinuousClock.now + .seconds(30)
    // A thread holds its executor until it ends.
    while !threads.allSatisfy(\.isGone) {
      try #require(ContinuousClock.now < deadline, "a thread goes on")
      try await Task.sleep(for: .milliseconds(1))
    }
  }
}

struct MailboxTests {
  private func message(_ number: UInt64) -> ControlMessage {
    .welcome(Incarnation(1), term: number)
  }

  @Test func `somebody is sent for once, and reads everything in order`() {
    let mailbox = Mailbox()
    #expect(mailbox.put(message(1), canWait: false))
    #expect(!mailbox.put(message(2), canWait: false))
    #expect(mailbox.takeAll().map(\.term) == [1, 2])
    #expect(mailbox.takeAll().isEmpty)
    #expect(mailbox.put(message(3), canWait: false))
  }

  @Test func `for what can wait nobody is sent, but for what comes after it`() {
    let mailbox = Mailbox()
    #expect(!mailbox.put(message(1), canWait: true))
    #expect(mailbox.put(message(2), canWait: false))
    #expect(!mailbox.put(message(3), canWait: true) && !mailbox.put(message(4), canWait: false))
    #expect(mailbox.takeAll().map(\.term) == [1, 2, 3, 4])
    #expect(mailbox.put(message(5), canWait: false))
  }

  @Test func `it holds so many and no more`() {
    let mailbox = Mailbox()
    for number in 0..<UInt64(Mailbox.most + 5) { _ = mailbox.put(message(number), canWait: false) }
    let held = mailbox.takeAll()
    #expect(held.count == Mailbox.most)
    #expect(held.first?.term == 0)
  }
}
