import ClusterModel
import ControlPlaneLogic
import NodeAgentLogic
import NodeTracking
import WasmtimeEngine

/// The one node of a cluster in one process: this machine.
enum LocalNode {
  static let id = NodeID(unchecked: "local")

  /// The node is in the same process as the control plane: when the one is silent so is the other, and
  /// there is nowhere to move anything. So heartbeats are rare, and it counts as lost only when they
  /// have stayed away for long.
  private static let heartbeatInterval = Duration.seconds(1)

  static var planeConfiguration: ControlPlaneLogic.Configuration {
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = heartbeatInterval
    return configuration
  }

  static var agentConfiguration: NodeAgentLogic.Configuration {
    NodeAgentLogic.Configuration(heartbeatInterval: heartbeatInterval)
  }

  /// What this machine is, found out by itself.
  ///
  /// - Parameter startedAt: makes each start a newer incarnation.
  static func registration(startedAt: WallInstant) throws(Problem) -> NodeRegistration {
    let facts = MachineFacts.read()
    do throws(InvalidValue) {
      return NodeRegistration(
        node: id, incarnation: Incarnation(UInt64(clamping: startedAt.microseconds)),
        location: NodeLocation(zone: .default),
        capabilities: try NodeCapabilities(
          architectures: [Architecture(rawValue: facts.architecture) ?? .portable],
          cpuFeatures: facts.cpuFeatures.filter(FeatureName.isValid), memory: facts.memory,
          cpuCores: facts.processors))
    } catch {
      throw Problem(
        .internalFault, code: "machine_odd", "this machine says odd things of itself",
        cause: "\(error)")
    }
  }
}
