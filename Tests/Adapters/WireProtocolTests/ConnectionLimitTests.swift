import ClusterModel
import HostPorts
import NIOCore
import NIOPosix
import Testing

@testable import WireProtocol

/// More connections to the port of agents than it has places, most of them of strangers who say nothing.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionLimitTests {
  /// No test reaches any of these but those that it changes.
  private static func bounds(_ change: (inout ConnectionBounds) -> Void) -> ConnectionBounds {
    var bounds = ConnectionBounds(
      most: 1_000, mostWaiting: 1_000, mostFromOneOrigin: 1_000, mostOfOneOwner: 1_000,
      patience: TestWire.patience, fairTime: TestWire.patience)
    change(&bounds)
    return bounds
  }

  private static func connect(
    _ count: Int, to wire: TestWire, from host: String = "127.0.0.1"
  ) async throws -> [any Channel] {
    var strangers: [any Channel] = []
    for _ in 0..<count {
      let bootstrap = ClientBootstrap(group: NIOSingletons.posixEventLoopGroup)
        .bind(to: try SocketAddress(ipAddress: host, port: 0))
      let server = try SocketAddress(ipAddress: "127.0.0.1", port: wire.port)
      strangers.append(try await bootstrap.connect(to: server).get())
    }
    return strangers
  }

  private static func attached(_ wire: TestWire, _ node: String = "press-7") async -> Bool {
    // It is refused for a while.
    let link = try? await wire.remote(node).open(
      TestAgent(), from: NodeID(unchecked: node), Incarnation(1))
    return link != nil
  }

  @Test func `beyond the bound newcomers are closed, and those that are there go on`()
    async throws
  {
    let wire = try await TestWire(connections: Self.bounds { $0.most = 4 })
    _ = try await WireTests.attach(wire, TestAgent())
    let strangers = try await Self.connect(8, to: wire)
    try await until { strangers.count { !$0.isActive } >= 5 }
    _ = try await WireTests.run(wire, "echo").result.get()
    #expect(strangers.count { $0.isActive } == 3)
    let isLetIn = await Self.attached(wire, "press-8")
    #expect(!isLetIn)
    for stranger in strangers { stranger.close(promise: nil) }
    try await until { await Self.attached(wire, "press-8") }
    _ = try await WireTests.run(wire, "echo").result.get()
    await wire.stop()
  }

  @Test func `who does not say who it is in time is closed, and an agent that did goes on`()
    async throws
  {
    let wire = try await TestWire(connections: Self.bounds { $0.patience = .milliseconds(300) })
    try await until { await Self.attached(wire) }
    let strangers = try await Self.connect(2, to: wire)
    // The beginning of a greeting of TLS.
    let greeting = ByteBuffer(bytes: [0x16, 3, 1, 0, 0xb8, 1, 0, 0, 0xb4, 3, 3] as [UInt8])
    strangers[0].writeAndFlush(greeting, promise: nil)
    for stranger in strangers { try await stranger.closeFuture.get() }
    _ = try await WireTests.run(wire, "echo").result.get()
    await wire.stop()
  }

  @Test func `strangers of one address do not take the places of another`() async throws {
    let wire = try await TestWire(connections: Self.bounds { $0.mostFromOneOrigin = 2 })
    let crowd = try await Self.connect(6, to: wire, from: "127.0.0.2")
    let others = try await Self.connect(2, to: wire, from: "127.0.0.3")
    try await until { crowd.count { !$0.isActive } >= 4 }
    _ = try await WireTests.attach(wire, TestAgent())
    _ = try await WireTests.run(wire, "echo").result.get()
    #expect(crowd.count { $0.isActive } == 2)
    #expect(others.count { $0.isActive } == 2)
    await wire.stop()
  }

  @Test func `an agent takes the place of a stranger that has said nothing for a while`()
    async throws
  {
    let wire = try await TestWire(
      connections: Self.bounds {
        $0.mostWaiting = 2
        $0.fairTime = .milliseconds(50)
      })
    let strangers = try await Self.connect(2, to: wire)
    try await until { await Self.attached(wire) }
    try await until { strangers.count { $0.isActive } < 2 }
    _ = try await WireTests.run(wire, "echo").result.get()
    await wire.stop()
  }
}
