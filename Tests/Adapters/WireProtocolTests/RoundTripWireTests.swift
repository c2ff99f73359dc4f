import ClusterModel
import HostPorts
import NIOCore
import NIOPosix
import Synchronization
import Testing
import WireMessages

@testable import WireProtocol

@Suite(.timeLimit(.minutes(10)))
struct RoundTripWireTests {
  @Test func `what was measured and with whom travel as they are`() throws {
    let samples = [
      RoundTripSample(to: .node(NodeID(unchecked: "b")), microseconds: 7),
      RoundTripSample(to: .landmark(Zone(unchecked: "hall")), microseconds: 900),
    ]
    #expect(try WireRoundTrips(samples).samples() == samples)
    let peers = [
      EchoPeer(
        node: NodeID(unchecked: "b"), session: [1, 2], key: [3], host: "::1", port: 9, isFirst: true
      )
    ]
    #expect(try WireEchoPeers(peers).all() == peers)
  }

  @Test func `the way to a landmark is measured and told, and what is not there is not`()
    async throws
  {
    let landmark = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(landmark.localAddress?.port)
    let wire = try await TestWire()
    let remote = RemoteControlPlane(
      at: { .init(host: "127.0.0.1", port: wire.port) },
      identity: try wire.authority.node(WireTests.node.text), heartbeats: nil,
      landmarks: [
        Landmark(Zone(unchecked: "hall"), host: "127.0.0.1", port: port),
        Landmark(Zone(unchecked: "nowhere"), host: "127.0.0.1", port: 1),
      ], patience: TestWire.patience, programVersion: "test", logger: TestWire.logger)
    let link = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(1))
    try await until { wire.plane.heard.withLock { !$0.samples.isEmpty } }
    let sample = try #require(wire.plane.heard.withLock { $0.samples.first })
    #expect(sample.to == .landmark(Zone(unchecked: "hall")) && sample.microseconds > 0)
    await remote.close(link.id, from: WireTests.node, Incarnation(1))
    await wire.stop()
    try await landmark.close()
  }
}
