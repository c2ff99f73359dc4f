import ClusterModel
import ConnectionTesting
import EventLoops
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// The end of a listener while others want to be let in.
@Suite(.timeLimit(.minutes(10)))
struct ListenerEndTests {
  @Test func `a listener that ends while strangers connect takes nothing with it`() async throws {
    for round in 0..<Self.ends {
      let wire = try await TestWire()
      await hammer(wire.port, connections: round) { await wire.stop() }
    }
  }

  @Test func `the agents' own service ends while strangers connect and takes nothing with it`()
    async throws
  {
    for round in 0..<Self.ends {
      let server = AgentServiceServer(
        RefusingService(), identity: try TestAuthority().node("press-7"), host: "127.0.0.1",
        port: 0, logger: TestWire.logger)
      let port = OneShot<Int>()
      let serving = Task { try await server.run { port.fill($0) } }
      await hammer(await port.value, connections: round) { serving.cancel() }
      try await serving.value
    }
  }

  @Test func `a listener that ends says nothing of the nodes whose ways end with it`() async throws
  {
    let wire = try await TestWire()
    let agent = TestAgent()
    _ = try await WireTests.attach(wire, agent)
    await wire.stop()
    try await until { agent.heard.withLock { $0.hasClosed } }
    #expect(wire.plane.heard.withLock { $0.closed } == [])
  }

  private static let ends = 40
}

/// Nobody gets so far as to call it.
private struct RefusingService: AgentService {
  let node = WireTests.node
  private static let refusal = Problem(.refused, code: "not_here", "nothing is done here")

  func startModule(
    _ module: QualifiedName, version: ModuleVersion?, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand {
    throw Self.refusal
  }
  func stopModule(
    _ module: QualifiedName, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand {
    throw Self.refusal
  }
  func metrics(for caller: AgentCaller) async throws(Problem) -> NodeMetrics { throw Self.refusal }
}
