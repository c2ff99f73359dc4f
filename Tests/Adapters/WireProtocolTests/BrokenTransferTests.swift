import ClusterModel
import HostPorts
import Logging
import Synchronization
import Testing

@testable import WireProtocol

/// Modules whose transfer breaks off in the middle.
@Suite(.timeLimit(.minutes(10)))
struct BrokenTransferTests {
  private static let bytes = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  private static let digest = TestModule.digest(of: bytes)
  /// Of a control plane's words: two pieces of the module and some of the third.
  private static let half = 700_000

  private static func remote(
    at gate: TestGate, _ authority: TestAuthority
  ) throws -> RemoteControlPlane {
    RemoteControlPlane(
      at: { [port = gate.port] in .init(host: "127.0.0.1", port: port) },
      identity: try authority.node(WireTests.node.text), heartbeats: nil,
      patience: TestWire.patience, transferPatience: TestWire.patience, programVersion: "test",
      logger: TestWire.logger)
  }

  private static func wire(
    _ asked: AskedOffsets, _ authority: TestAuthority
  ) async throws -> TestWire {
    try await TestWire(
      plane: TestPlane(module: bytes), authority: authority,
      logger: Logger(label: "test") { _ in asked })
  }

  @Test func `a module is taken up where it was when a control plane that went away is back`()
    async throws
  {
    let asked = AskedOffsets()
    let authority = try TestAuthority()
    let first = try await Self.wire(asked, authority)
    let gate = try await TestGate(to: first.port, limit: Self.half)
    let remote = try Self.remote(at: gate, authority)
    let agent = TestAgent()
    _ = try await remote.open(agent, from: WireTests.node, Incarnation(1))
    let progress = TransferProgress()
    let fetching = Task { try await remote.module(Self.digest, progress) }
    try await until { progress.amount.received >= WireLimits.chunk }
    let received = progress.amount.received.bytes
    gate.lead(to: nil)
    await first.stop()
    try await until { agent.heard.withLock { $0.hasClosed } }
    let second = try await Self.wire(asked, authority)
    gate.lead(to: second.port)
    let link = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(1))
    #expect(try await fetching.value == Self.bytes)
    #expect(asked.offsets.first == 0)
    #expect(asked.offsets.count > 1, "it was cut off in the middle")
    #expect(asked.offsets.dropFirst().allSatisfy { $0 >= received }, "\(asked.offsets)")
    #expect(remote.unfinished.digests.isEmpty)
    await remote.close(link.id, from: WireTests.node, Incarnation(1))
    await second.stop()
    try await gate.close()
  }

  @Test func `who asks for a module that was given up in the middle has what was there of it`()
    async throws
  {
    let asked = AskedOffsets()
    let authority = try TestAuthority()
    let wire = try await Self.wire(asked, authority)
    let gate = try await TestGate(to: wire.port, limit: Self.half)
    let remote = try Self.remote(at: gate, authority)
    let agent = TestAgent()
    _ = try await remote.open(agent, from: WireTests.node, Incarnation(1))
    let progress = TransferProgress()
    let fetching = Task { try await remote.module(Self.digest, progress) }
    try await until { progress.amount.received >= WireLimits.chunk }
    let received = progress.amount.received.bytes
    fetching.cancel()
    await #expect(throws: Problem.self) { try await fetching.value }
    #expect(remote.unfinished.digests == [Self.digest])
    gate.lead(to: wire.port)
    try await until { agent.heard.withLock { $0.hasClosed } }
    let link = try await remote.open(TestAgent(), from: WireTests.node, Incarnation(1))
    #expect(try await remote.module(Self.digest) == Self.bytes)
    #expect(asked.offsets.first == 0)
    #expect(asked.offsets.dropFirst().allSatisfy { $0 >= received }, "\(asked.offsets)")
    await remote.close(link.id, from: WireTests.node, Incarnation(1))
    await wire.stop()
    try await gate.close()
  }

  @Test func `a module that waits for a control plane is given up at once when it is not wanted`()
    async throws
  {
    let wire = try await TestWire()
    let (remote, link) = try await WireTests.attach(wire, TestAgent())
    await remote.close(link, from: WireTests.node, Incarnation(1))
    await wire.stop()
    let begun = ContinuousClock.now
    let fetching = Task { try await remote.module(Self.digest) }
    fetching.cancel()
    let problem = await #expect(throws: Problem.self) { try await fetching.value }
    #expect(problem?.isControlPlaneAway == true)
    #expect(ContinuousClock.now - begun < TestWire.patience)
  }

  @Test func `an agent that never had a control plane does not wait for one`() async throws {
    let wire = try await TestWire()
    let remote = try wire.remote(WireTests.node.text)
    let begun = ContinuousClock.now
    let problem = await #expect(throws: Problem.self) { try await remote.module(Self.digest) }
    #expect(problem?.isControlPlaneAway == true)
    #expect(ContinuousClock.now - begun < TestWire.patience)
    await wire.stop()
  }
}

/// The log of a control plane, of which it keeps from where on modules were asked for.
private final class AskedOffsets: LogHandler {
  private let kept = Mutex<[Int]>([])
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .debug }
    set {}
  }
  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    guard let from = event.metadata?["from"], let offset = Int("\(from)") else { return }
    kept.withLock { $0.append(offset) }
  }

  /// In the order in which they were asked for.
  var offsets: [Int] { kept.withLock { $0 } }
}
