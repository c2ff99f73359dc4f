import ClusterModel
import HostPorts
import Logging
import Supervision
import SupervisionRuntime
import Synchronization
import WireProtocol

/// Where an agent serves tools, as a service. Once it had a port it keeps to it.
final class ToolListener: Sendable {
  private let listen: ListenAddress
  private let service: any AgentService
  private let identity: any IdentitySource
  private let port: Mutex<Int>

  init(on listen: ListenAddress, _ service: any AgentService, identity: any IdentitySource) {
    self.listen = listen
    self.service = service
    self.identity = identity
    port = Mutex(listen.port)
  }

  /// Where it listens; `nil` before it does.
  var address: String? {
    let port = port.withLock { $0 }
    guard port > 0 else { return nil }
    return listen.host.contains(":") ? "[\(listen.host)]:\(port)" : "\(listen.host):\(port)"
  }

  var child: ChildSpecification {
    ChildSpecification(
      "tools",
      supervisor: SupervisorSpecification(children: [
        ChildSpecification("listener") { ServiceFunction { try await self.run(ready: $0) } }
      ]))
  }

  private func run(ready: @escaping @Sendable () -> Void) async throws {
    let server = AgentServiceServer(
      service, identity: identity, host: listen.host, port: port.withLock { $0 },
      logger: Logger(label: "tools"))
    try await server.run { port in
      self.port.withLock { $0 = port }
      ready()
    }
  }
}
