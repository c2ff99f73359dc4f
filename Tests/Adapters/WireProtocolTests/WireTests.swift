import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// The two ends of the wire over a real connection with mutual TLS.
@Suite(.timeLimit(.minutes(10)))
struct WireTests {
  static let node = NodeID(unchecked: "press-7")
  static let placement = PlacementID(
    QualifiedName(.default, ModuleName(unchecked: "m")), generation: 3)

  static func event(_ type: String, _ bytes: [UInt8] = []) -> Event {
    Event(id: "e", source: "/test", type: type, topic: Topic(unchecked: "t"), data: bytes)
  }

  static func attach(
    _ wire: TestWire, _ agent: TestAgent, _ incarnation: UInt64 = 1
  ) async throws -> (RemoteControlPlane, AgentLinkID) {
    let remote = try wire.remote(node.text)
    let link = try await remote.open(agent, from: node, Incarnation(incarnation))
    return (remote, link.id)
  }

  static func run(
    _ wire: TestWire, _ type: String, _ bytes: [UInt8] = []
  ) async throws -> ActivationReport {
    let agent = try #require(wire.plane.agent(node.text))
    return await agent.run(
      placement, under: PlanVersion(term: 2, counter: 5), on: event(type, bytes), attempt: 4)
  }

  @Test func `what either end says arrives`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await Self.attach(wire, agent)
    remote.send(.left(Self.node, Incarnation(1)))
    try await until { wire.plane.heard.withLock { !$0.messages.isEmpty } }
    #expect(
      wire.plane.heard.withLock { $0.messages } == [.left(Self.node, Incarnation(1))])
    let plan = ControlMessage.plan(
      NodePlan(
        node: Self.node, incarnation: Incarnation(1), version: PlanVersion(term: 1, counter: 2),
        orders: []))
    wire.plane.agent("press-7")?.send(plan)
    try await until { agent.heard.withLock { !$0.messages.isEmpty } }
    #expect(agent.heard.withLock { $0.messages } == [plan])
    await remote.close(link, from: Self.node, Incarnation(1))
    try await until { wire.plane.heard.withLock { $0.closed == [Self.node] } }
    await wire.stop()
  }

  @Test func `an invocation runs at the agent, and its report comes back as it was`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let report = try await Self.run(wire, "echo", [9, 8])
    #expect(try report.result.get() == [9, 8] + Array("3 2.5 4".utf8))
    #expect(report.log == [1, 2, 3])
    #expect(report.usage.cpuTime == .microseconds(2))
    #expect(report.usage.memory == .kibibytes(64))
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `many invocations run at once, and each gets its own answer`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        group.addTask {
          let bytes = [UInt8(number & 255), UInt8(number >> 8)]
          let output = try await Self.run(wire, "echo", bytes).result.get()
          #expect(Array(output.prefix(2)) == bytes)
        }
      }
      try await group.waitForAll()
    }
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `cancelling an invocation ends it at the agent`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await Self.attach(wire, agent)
    let task = Task { try await Self.run(wire, "wait") }
    try await until { agent.heard.withLock { $0.running == 1 } }
    task.cancel()
    guard case .failure(let failure) = try await task.value.result else {
      Issue.record("it was cancelled")
      return
    }
    #expect(failure.code == .cancelled)
    try await until { agent.heard.withLock { $0.cancelled == 1 } }
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `when the way ends, who waits hears that nobody knows, and the agent ends what ran`()
    async throws
  {
    let wire = try await TestWire()
    let agent = TestAgent()
    _ = try await Self.attach(wire, agent)
    let task = Task { try await Self.run(wire, "wait") }
    try await until { agent.heard.withLock { $0.running == 1 } }
    wire.plane.agent("press-7")?.closed()
    guard case .failure(let failure) = try await task.value.result else {
      Issue.record("the way had ended")
      return
    }
    #expect(failure.code == .nodeLost)
    try await until { agent.heard.withLock { $0.hasClosed && $0.cancelled == 1 } }
    try await until { wire.plane.heard.withLock { $0.closed == [Self.node] } }
    // Whoever is asked now was never asked.
    guard case .failure(let late) = try await Self.run(wire, "echo").result else {
      Issue.record("the way had ended")
      return
    }
    #expect(late.code == .unavailable)
    await wire.stop()
  }

  @Test func `what goes beyond the credit of an agent is refused at once`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, link) = try await Self.attach(wire, agent)
    let credit = Int(WireLimits.credit)
    let remoteAgent = try #require(wire.plane.agent("press-7") as? RemoteAgent)
    try await until { remoteAgent.state.withLock { $0.credit == credit } }
    remoteAgent.state.withLock { $0.credit = 1 }
    let task = Task { try await Self.run(wire, "wait") }
    try await until { agent.heard.withLock { $0.running == 1 } }
    guard case .failure(let failure) = try await Self.run(wire, "echo").result else {
      Issue.record("there was no credit")
      return
    }
    #expect(failure.code == .overloaded)
    task.cancel()
    _ = try await task.value
    // What has ended makes room.
    try await until { remoteAgent.state.withLock { $0.credit == 1 } }
    _ = try await Self.run(wire, "echo").result.get()
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `how far an agent is comes over as it was`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let agent = try #require(wire.plane.agent(Self.node.text))
    #expect(await agent.distribution() == TestAgent.distribution)
    #expect(await agent.placementStatuses() == [], "that there is nothing is an answer, too")
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `a module arrives in pieces, as a whole`() async throws {
    let bytes = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let wire = try await TestWire(plane: TestPlane(module: bytes))
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let progress = TransferProgress()
    let fetched = try await remote.module(TestModule.digest(of: bytes), progress)
    #expect(fetched == bytes)
    let whole = ByteCount(bytes: bytes.count)
    #expect(progress.amount == TransferProgress.Amount(received: whole, size: whole))
    // What is not what its name says is not taken, however often it is asked for.
    await #expect(throws: Problem.self) {
      try await remote.module(TestModule.digest(of: [1]))
    }
    // Taken up where it broke off.
    var partial = Array(bytes.prefix(700_001))
    try await remote.borrow().fetch(
      TestModule.digest(of: bytes), into: &partial, TransferProgress())
    #expect(partial == bytes)
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `what an agent asks is answered, refusals as they are`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let bucket = BucketName(unchecked: "stock")
    let found = try await remote.state.entry(
      StateKey(unchecked: "bolts"), in: bucket, of: .default)
    #expect(found?.value == Array("stock".utf8))
    #expect(found?.revision == StateRevision(7))
    let none = try await remote.state.entry(
      StateKey(unchecked: "missing"), in: bucket, of: .default)
    #expect(none == nil)
    do {
      _ = try await remote.state.position(of: bucket, of: .default)
      Issue.record("there is no such bucket")
    } catch {
      #expect(error.code == "bucket_unknown")
      #expect(error.next == "Make one.")
    }
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `what came to a node's own entrance is done at the control plane, in the node's name`()
    async throws
  {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let event = Event(
      id: "1", source: "/s", type: "t", topic: Topic(unchecked: "a/b"), data: [7, 8])
    let options = InvocationOptions(timeout: .milliseconds(1500), isIdempotent: true)
    let report = try await remote.invoke(
      Self.placement.name, with: event, options, from: NodeID(unchecked: "whoever"))
    #expect(try report.result.get() == [7, 8])
    let call = wire.plane.heard.withLock { $0.calls[0] }
    #expect(call.module == Self.placement.name && call.options == options)
    #expect(call.node == Self.node, "the certificate says who it is")
    let long = Event(
      id: "2", source: "/s", type: "t", topic: Topic(unchecked: "a/b"), data: [7, 8, 9])
    let first = ForwardedEvent(event, handledBy: [ModuleName(unchecked: "m")])
    let second = ForwardedEvent(event)
    #expect(try await remote.forward([first], from: Self.node) == ForwardedEvents(count: 1))
    let forwarded = try await remote.forward(
      [second, ForwardedEvent(long), second], from: Self.node)
    #expect(forwarded.count == 1 && forwarded.problem?.code == "event_log_full")
    #expect(wire.plane.heard.withLock { $0.events } == [first, second])
    await remote.close(link, from: Self.node, Incarnation(1))
    do {
      _ = try await remote.forward([second], from: Self.node)
      Issue.record("no way was open")
    } catch {
      #expect(error.isControlPlaneAway)
    }
    await wire.stop()
  }

  @Test func `a node that speaks for another is refused`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let foreign = DeniedActivation(
      module: Self.placement.name, version: ModuleVersion(unchecked: "1.0.0"),
      node: NodeID(unchecked: "other"), eventID: "e")
    do {
      try await remote.commit(ActivationEffects(), of: foreign, under: .none)
      Issue.record("it spoke for another node")
    } catch {
      #expect(error.code == "node_foreign")
    }
    #expect(wire.plane.heard.withLock { $0.commits.isEmpty })
    await remote.close(link, from: Self.node, Incarnation(1))
    // A message in another's name ends the attachment.
    let (second, _) = try await Self.attach(wire, TestAgent(), 2)
    second.send(.left(NodeID(unchecked: "other"), Incarnation(1)))
    try await until { wire.plane.heard.withLock { $0.closed.count == 2 } }
    #expect(wire.plane.heard.withLock { $0.messages.isEmpty })
    await wire.stop()
  }

  @Test func `logs are read and followed`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let agent = try #require(wire.plane.agent("press-7"))
    #expect(await agent.logLines(of: Self.placement.name) == [TestAgent.line])
    var lines: [LogLine] = []
    for await line in try await agent.followLog(of: Self.placement.name) { lines.append(line) }
    #expect(lines == [TestAgent.line])
    await #expect(throws: Problem.self) {
      try await agent.followLog(of: QualifiedName(.default, ModuleName(unchecked: "none")))
    }
    #expect(await agent.facts() == TestAgent.facts)
    #expect(await agent.killService(Self.placement.name))
    await remote.close(link, from: Self.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `the parts of an agent are seen and killed from the control plane`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await Self.attach(wire, TestAgent())
    let agent = try #require(wire.plane.agent("press-7"))
    // An answer that takes too long is none: it is asked again.
    try await until { (try? await agent.supervision()) == TestTree.shown }
    try await until { (try? await agent.kill(child: "main/engine")) != nil }
    try await until {
      do throws(Problem) {
        try await agent.kill(child: "main/x")
        return false
      } catch {
        return error.code == "no_such_child"
      }
    }
    await remote.close(link, from: Self.node, Incarnation(1))
    let gone = await #expect(throws: Problem.self) { try await agent.supervision() }
    #expect(gone?.code == "node_unreachable")
    await wire.stop()
  }

  @Test func `a node that is cut off on purpose says and hears nothing, and comes back`()
    async throws
  {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, _) = try await Self.attach(wire, agent)
    let task = Task { try await Self.run(wire, "wait") }
    try await until { agent.heard.withLock { $0.running == 1 } }
    try await #require(wire.plane.agent("press-7")).disturb(.partition(.milliseconds(300)))
    try await until { (try? remote.borrow().isCutOff) ?? false }
    remote.send(.left(Self.node, Incarnation(1)))
    // Asked now, it does not hear it, and the control plane does not hear that it does not.
    let second = Task { try await Self.run(wire, "echo") }
    try await until { agent.heard.withLock { $0.hasClosed } }
    for run in [task, second] {
      guard case .failure(let failure) = try await run.value.result else {
        Issue.record("it was cut off")
        continue
      }
      #expect(failure.code == .nodeLost)
    }
    #expect(wire.plane.heard.withLock { $0.messages.isEmpty })
    #expect(agent.heard.withLock { $0.running <= 1 })
    _ = try await Self.attach(wire, TestAgent())
    _ = try await Self.run(wire, "echo").result.get()
    await wire.stop()
  }

  // Who is let in.

  @Test func `a stranger is not let in`() async throws {
    let wire = try await TestWire()
    // Of another authority of the same name; it even believes ours.
    let stranger = try TestAuthority().node("press-7")
    var identity = stranger.value
    identity.authorities = try wire.authority.node("x").value.authorities
    let remote = wire.remote(TestIdentity(value: identity))
    await #expect(throws: Problem.self) {
      try await remote.open(TestAgent(), from: Self.node, Incarnation(1))
    }
    #expect(wire.plane.agent("press-7") == nil)
    await wire.stop()
  }

  @Test func `a newer agent of a node takes the place of the older one, not the other way round`()
    async throws
  {
    let wire = try await TestWire()
    let (older, newer) = (TestAgent(), TestAgent())
    _ = try await Self.attach(wire, older, 5)
    _ = try await Self.attach(wire, newer, 6)
    try await until { older.heard.withLock { $0.hasClosed } }
    do {
      _ = try await Self.attach(wire, older, 5)
      Issue.record("a newer one is attached")
    } catch let problem as Problem {
      #expect(problem.code == "attach_refused")
    }
    #expect(!newer.heard.withLock { $0.hasClosed })
    #expect(wire.plane.heard.withLock { $0.closed.isEmpty }, "the node is there all the time")
    _ = try await Self.run(wire, "echo").result.get()
    await wire.stop()
  }

  @Test func `when the control plane stops every agent hears it`() async throws {
    let wire = try await TestWire()
    let agent = TestAgent()
    let (remote, _) = try await Self.attach(wire, agent)
    await wire.stop()
    try await until { agent.heard.withLock { $0.hasClosed } }
    do {
      _ = try await remote.trustedKeys()
      Issue.record("there is no control plane")
    } catch {
      #expect(error.code == "control_plane_away")
    }
  }
}
