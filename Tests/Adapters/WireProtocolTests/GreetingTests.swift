import ClusterModel
import HostPorts
import Synchronization
import Testing

@testable import WireProtocol

/// What both ends say of themselves first.
@Suite(.timeLimit(.minutes(10)))
struct GreetingTests {
  @Test func `either end knows the version and the features of the other`() async throws {
    let wire = try await TestWire()
    let (remote, link) = try await WireTests.attach(wire, TestAgent())
    let session = try remote.borrow()
    #expect(session.state.withLock { $0.features } == Set(WireGreeting.features))
    let agent = try #require(wire.plane.agent(WireTests.node.text))
    #expect(agent.programVersion == "test")
    #expect(agent.readsDigits)
    await remote.close(link, from: WireTests.node, Incarnation(1))
    await wire.stop()
  }

  @Test func `a version is shown to operators as far as it can be seen`() {
    #expect(WireGreeting.version("0.1.0-beta+7") == "0.1.0-beta+7")
    #expect(WireGreeting.version("") == nil)
    #expect(WireGreeting.version("\u{1b}[2J 1\n") == "[2J1")
    let long = String(repeating: "1", count: WireGreeting.maximumVersion + 1)
    #expect(WireGreeting.version(long)?.count == WireGreeting.maximumVersion)
  }
}
