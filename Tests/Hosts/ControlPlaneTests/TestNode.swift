import ClusterModel
import DurableSQLite
import HostPorts
import Logging
import NodeAgent
import NodeStore
import ProcessTesting
import SupervisionRuntime

/// A whole cluster whose node has an entrance and an outbox of its own, on a real disk; the way to its control plane
/// can be interrupted.
struct TestNode {
  static let id = NodeID(unchecked: "local")

  let cluster: TestCluster
  let connection: InterruptedConnection
  let entrance: NodeEntrance
  let outbox: OutboxDatabase
  private let forwarding: Task<Void, any Error>

  static func start(_ engine: any ModuleEngine) async throws -> TestNode {
    let connection = InterruptedConnection()
    let agents = ResourceSlot<NodeAgent>("the agent")
    let cluster = try await TestCluster.start(
      engine: engine, agents: agents, connection: connection)
    let folder = try DataFolder(ScratchFolder.path("outbox"))
    let outbox = try OutboxDatabase(in: folder)
    let entry = OutboxEntry(outbox, of: id, clock: SystemClock())
    let forwarder = OutboxForwarder(
      entry, to: connection, agents: agents, clock: SystemClock(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return TestNode(
      cluster: cluster, connection: connection,
      entrance: NodeEntrance(of: id, agents: agents, plane: connection, outbox: entry),
      outbox: outbox, forwarding: Task { try await forwarder.run(ready: {}) })
  }

  /// What lies in the outbox: for each event its topic, and who has handled it.
  var kept: [String] {
    get async throws {
      try await outbox.oldest(limit: 100).map { kept in
        "\(kept.event.topic): \(kept.handledBy.map(\.text).sorted().joined(separator: " "))"
      }
    }
  }

  func accept(_ topic: String, _ data: String = "") async throws {
    let appended = try await entrance.accept(cluster.event(topic, data), by: cluster.caller)
    guard appended == nil else {
      throw Problem(.internalFault, code: "test", "a node knows no offset")
    }
  }

  func stop() async throws {
    connection.interrupt(with: nil)
    forwarding.cancel()
    _ = await forwarding.result
    try await outbox.close()
    await cluster.stop()
    cluster.remove()
  }
}
