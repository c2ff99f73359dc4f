import AccessControl
import ClusterModel
import ControlPlane
import HeartbeatLink
import HostPorts
import Logging
import Supervision
import SupervisionRuntime
import Synchronization
import WireProtocol

/// Where agents attach, as a service: it owns the port, and the one for heartbeats. Once it had them it keeps
/// to them, also when any was fine.
final class AgentListener: Sendable {
  /// A server that serves.
  struct Serving: Sendable {
    let port: Int
    fileprivate let receiver: HeartbeatReceiver
    /// Ends when the server has.
    fileprivate let running: Task<Void, any Error>
    fileprivate let watching: Task<Void, Never>
  }

  /// Where it serves.
  let slot = ResourceSlot<Serving>("the listener for agents")
  private let listen: ListenAddress
  private let services: PlaneServices
  private let identity: any IdentitySource
  private let advertised: String?
  private let ports: Mutex<(agents: Int, heartbeats: Int)>

  /// - Parameter advertised: the name or address that agents are told; `nil` for the one they joined at.
  init(
    on listen: ListenAddress, for services: PlaneServices, identity: any IdentitySource,
    advertised: String?
  ) {
    self.listen = listen
    self.services = services
    self.identity = identity
    self.advertised = advertised
    ports = Mutex((listen.port, listen.port))
  }

  var owner: ResourceOwner<Serving> {
    ResourceOwner(of: slot, open: { try await self.open() }, close: { await $0.close() })
  }

  var child: ChildSpecification {
    ChildSpecification(
      "agents",
      supervisor: SupervisorSpecification(children: [
        ChildSpecification("listener") { self.owner }
      ]))
  }

  private func open() async throws -> Serving {
    let (port, heartbeatPort) = ports.withLock { $0 }
    let (plane, access) = (services.plane, services.access)
    let connection = plane.connection
    let receiver = try HeartbeatReceiver(
      on: DatagramAddress(host: listen.host, port: UInt16(clamping: heartbeatPort)),
      heard: { connection.send(.heartbeat($0)) },
      died: { node, incarnation in plane.witnessDeath(of: node, incarnation) })
    let server = AttachServer(
      plane: connection, identity: identity, host: listen.host, port: port,
      admit: { (certificate) async throws(Problem) in try await access.admit(certificate) },
      callers: CallerDesk(access: access, plane: plane),
      heartbeats: DatagramReception(receiver, interval: services.heartbeatInterval),
      programVersion: ProgramVersion.text, logger: Logger(label: "agents"))
    let (bound, continuation) = AsyncStream.makeStream(of: Int.self)
    let running = Task {
      defer { continuation.finish() }
      try await server.run { continuation.yield($0) }
    }
    guard let port = await bound.first(where: { _ in true }) else {
      receiver.stop()
      try await running.value
      throw Problem(.unavailable, code: "listen_failed", "the server ended before it listened")
    }
    ports.withLock { $0 = (port, Int(receiver.address.port)) }
    services.attachPoint.set(host: advertised, port: port)
    let watching = Task { [slot] in
      let result = await running.result
      slot.reportBroken(
        Problem(.unavailable, code: "listen_ended", "the server ended", cause: "\(result)"))
    }
    return Serving(port: port, receiver: receiver, running: running, watching: watching)
  }
}

extension AgentListener.Serving {
  fileprivate func close() async {
    running.cancel()
    await watching.value
    receiver.stop()
  }
}
