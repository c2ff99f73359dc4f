import ClusterModel
import HostPorts
import NodeStore
import Synchronization
import Testing

/// Events that come to a node while its control plane is away.
@Suite(.timeLimit(.minutes(5))) struct LocalDeliveryTests {
  private static func modules(_ engine: ScriptedEngine) -> [String] {
    engine.activations.compactMap(\.arguments.first)
  }

  @Test func `an event wakes who wants it here, once, and its result follows it`() async throws {
    let engine = ScriptedEngine { .success($0.input + Array("!".utf8)) }
    let node = try await TestNode.start(engine)
    try await node.cluster.deploy("a", "1", Wat.trap, trigger("in", result: "out"))
    try await node.cluster.deploy("b", "1", Wat.trap, trigger("other"))
    node.connection.interrupt(with: .controlPlaneAway)
    try await node.accept("in", "x")
    try await eventually("its result is kept behind it") {
      try await node.kept == ["in: a", "out: "]
    }
    #expect(Self.modules(engine) == ["a"])

    node.connection.interrupt(with: nil)
    await eventually("both are handed over") { node.outbox.usage.events == 0 }
    let forwarded = node.connection.forwarded
    #expect(forwarded.map(\.event.topic.text) == ["in", "out"])
    #expect(forwarded.last?.event.data == Array("x!".utf8))
    #expect(forwarded.first?.handledBy == [ModuleName(unchecked: "a")])
    // The control plane gives it to nobody who has had it: the next event to the same module is its second.
    _ = try await node.cluster.settled(try await node.cluster.publish("in", "y"))
    #expect(engine.activations.map(\.input) == [Array("x".utf8), Array("y".utf8)])
    try await node.stop()
  }

  @Test func `what fails is left to the control plane, with its retries`() async throws {
    let isAway = Mutex(true)
    let engine = ScriptedEngine { activation in
      isAway.withLock { $0 }
        ? .failure(ActivationFailure(code: .guestTrapped, message: "trap"))
        : .success(activation.input)
    }
    let node = try await TestNode.start(engine)
    try await node.cluster.deploy("a", "1", Wat.trap, trigger("in"))
    node.connection.interrupt(with: .controlPlaneAway)
    try await node.accept("in")
    await eventually("it was tried") { engine.activations.count == 1 }
    #expect(try await node.kept == ["in: "])
    isAway.withLock { $0 = false }
    node.connection.interrupt(with: nil)
    await eventually("the control plane has it handled") { engine.activations.count == 2 }
    await eventually("it is handed over") { node.connection.forwarded.map(\.handledBy) == [[]] }
    try await node.stop()
  }

  @Test func `of those that share a group one gets it, and who may write state none`()
    async throws
  {
    let engine = ScriptedEngine { .success($0.input) }
    let node = try await TestNode.start(engine)
    var shared = DeploymentConfiguration(
      triggers: [
        Trigger(topic: TopicFilter(unchecked: "in"), group: GroupName(unchecked: "g"))
      ])
    try await node.cluster.deploy("a", "1", Wat.trap, shared)
    try await node.cluster.deploy("b", "1", Wat.trap, shared)
    shared.triggers = [Trigger(topic: TopicFilter(unchecked: "in"))]
    try await node.cluster.deploy("c", "1", Wat.trap, shared)
    shared.capabilities.state = [
      StateGrant(bucket: BucketName(unchecked: "counts"), access: .write)
    ]
    try await node.cluster.deploy("writer", "1", Wat.trap, shared)
    node.connection.interrupt(with: .controlPlaneAway)
    try await node.accept("in")
    try await node.accept("last")
    try await eventually("one of the group has handled it, and the one without a group") {
      let kept = try await node.kept
      return kept == ["in: a c", "last: "] || kept == ["in: b c", "last: "]
    }
    #expect(engine.activations.count == 2)
    #expect(!Self.modules(engine).contains("writer"))
    try await node.stop()
  }
}
