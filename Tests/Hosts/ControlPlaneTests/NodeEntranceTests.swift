import ClusterModel
import HostPorts
import NodeAgent
import NodeStore
import Testing

/// Requests that come to a node's own entrance.
@Suite(.timeLimit(.minutes(5))) struct NodeEntranceTests {
  private static let echo = ModuleName(unchecked: "echo")

  private func started(
    _ engine: ScriptedEngine = ScriptedEngine { .success($0.input) },
    _ configuration: DeploymentConfiguration = DeploymentConfiguration()
  ) async throws -> TestNode {
    let node = try await TestNode.start(engine)
    try await node.cluster.deploy("echo", "1", Wat.trap, configuration)
    return node
  }

  private func invoke(
    _ node: TestNode, _ module: ModuleName = echo,
    _ options: InvocationOptions = InvocationOptions()
  ) async throws -> [UInt8] {
    try await node.entrance.invoke(
      module, with: node.cluster.event("call", "x"), options, by: node.cluster.caller
    ).result.get()
  }

  @Test func `what serves here runs here, whether or not there is a control plane`() async throws {
    let node = try await started()
    #expect(try await invoke(node) == Array("x".utf8))
    node.connection.interrupt(with: .controlPlaneAway)
    // The node may hear that it serves a moment after the deployment is answered.
    await eventually("it serves here") { (try? await invoke(node)) == Array("x".utf8) }
    try await node.stop()
  }

  @Test
  func `what does not serve here is passed on, and without a control plane its caller hears so`()
    async throws
  {
    let node = try await started()
    let other = ModuleName(unchecked: "other")
    #expect(await problemCode { _ = try await invoke(node, other) } == "not_deployed")
    node.connection.interrupt(with: .controlPlaneAway)
    #expect(await problemCode { _ = try await invoke(node, other) } == "module_not_here")
    node.connection.interrupt(with: .controlPlaneLost)
    #expect(await problemCode { _ = try await invoke(node, other) } == "outcome_unknown")
    let twice = InvocationOptions(isIdempotent: true)
    #expect(await problemCode { _ = try await invoke(node, other, twice) } == "module_not_here")
    try await node.stop()
  }

  @Test func `a run is ended when its caller waits no more`() async throws {
    let gate = Gate()
    let engine = ScriptedEngine(behind: gate)
    let node = try await started(engine)
    let options = InvocationOptions(timeout: .milliseconds(20))
    #expect(await problemCode { _ = try await invoke(node, Self.echo, options) } == "timeout")
    await eventually("the run is over") { engine.runningNow == 0 }
    gate.open()
    #expect(try await invoke(node) == Array("x".utf8))
    try await node.stop()
  }

  @Test func `what the platform says of events is not taken from outside`() async throws {
    let engine = ScriptedEngine { .success($0.input) }
    let node = try await started(engine)
    var event = node.cluster.event("call")
    event.setAttribute("wmhops", to: "3")
    event.setAttribute("wmcause", to: "another")
    event.setAttribute("zone", to: "north")
    _ = try await node.entrance.invoke(
      Self.echo, with: event, InvocationOptions(), by: node.cluster.caller)
    let names = try #require(engine.activations.first).environment.map(\.name)
    #expect(names.contains("CE_ZONE"))
    #expect(!names.contains("CE_WMHOPS") && !names.contains("CE_WMCAUSE"))
    #expect(
      await problemCode { try await node.accept("$wasmatrix/lifecycle/x") } == "topic_reserved")
    try await node.stop()
  }

  @Test func `an event is on this disk, and forwarded`() async throws {
    let node = try await started()
    node.connection.interrupt(with: .controlPlaneAway)
    try await node.accept("nobody/wants/it", "data")
    #expect(try await node.kept == ["nobody/wants/it: "])
    node.connection.interrupt(with: nil)
    await eventually("it is handed over") { node.outbox.usage.events == 0 }
    #expect(node.connection.forwarded.map(\.event.data) == [Array("data".utf8)])
    try await node.stop()
  }
}
