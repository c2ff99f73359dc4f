import AccessControl
import ClusterModel
import ControlPlane
import DedicatedThreads
import HostPorts
import Logging
import NodeTracking
import Supervision
import SupervisionRuntime

/// The nodes of `dev`.
enum DevNodes: Sendable {
  /// One, in the process of the control plane.
  case inProcess(NodeServices)
  case processes(AgentProcesses)

  /// The node is in the same process as the control plane: when the one is silent so is the other, and
  /// there is nowhere to move anything. So heartbeats are rare, and it counts as lost only when they
  /// have stayed away for long.
  static var inProcessTracking: NodeTracker.Configuration {
    var tracking = NodeTracker.Configuration()
    tracking.heartbeatInterval = .seconds(1)
    return tracking
  }

  static func inProcess(of services: PlaneServices, in folder: String) -> Self {
    .inProcess(
      NodeServices(
        NodeDescription(name: NodeID(unchecked: "local")), of: services.plane.connection,
        in: folder,
        // Whoever waits for a change wants to see it; the optimised code comes a moment later.
        firstCode: .quick, heartbeatInterval: inProcessTracking.heartbeatInterval,
        // In the process of the control plane it need not be ahead of anything.
        urgency: .ordinary))
  }
}

/// Agents that run as processes of their own, started by this one, and end with it.
struct AgentProcesses: Sendable {
  let listener: AgentListener
  private let services: PlaneServices
  private let count: Int
  private let folder: String
  private let logLevel: Logger.Level

  /// They fail one after the other when somebody breaks them on purpose, which is no reason to give up.
  private static let intensity = RestartIntensity(restarts: 100, window: .seconds(60))

  init(
    _ count: Int, of services: PlaneServices, at listener: AgentListener, in folder: String,
    logLevel: Logger.Level
  ) {
    self.count = count
    self.services = services
    self.listener = listener
    self.folder = folder
    self.logLevel = logLevel
  }

  /// - Parameter api: where they join.
  func child(joiningAt api: ResourceSlot<APIListener.Serving>) -> ChildSpecification {
    let names = (1...count).map { "node-\($0)" }
    return ChildSpecification(
      "processes",
      supervisor: SupervisorSpecification(
        intensity: Self.intensity,
        children: names.map { name in
          ChildSpecification(
            ChildID(unchecked: name), shutdown: .within(AgentProcess.shutdown)
          ) {
            AgentProcess(
              arguments: { try await arguments(name, api) }, environment: environment(name),
              page: "\(folder)/nodes/\(name).watch",
              died: { [plane = services.plane] in
                await plane.witnessDeath(of: NodeID(unchecked: name))
              })
          }
        }))
  }

  private func arguments(
    _ name: String, _ api: ResourceSlot<APIListener.Serving>
  ) async throws -> [String] {
    [
      "agent", "--join", try await api.borrow().url, "--name", name, "--data",
      "\(folder)/nodes/\(name)", "--stop-with-input", "--log-level", logLevel.rawValue,
    ]
  }

  /// Joins with a token that is made for it, if it has not.
  private func environment(_ name: String) -> @Sendable () async throws -> [String: String] {
    let access = services.access
    let node = NodeID(unchecked: name)
    return {
      let token = try await access.createJoinToken(
        node, life: .seconds(60), by: Caller(principal: .system))
      return [AgentVerb.tokenVariable: token.token.text]
    }
  }
}
