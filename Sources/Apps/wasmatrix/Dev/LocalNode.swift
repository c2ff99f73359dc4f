import ClusterModel
import ControlPlaneLogic
import NodeTracking
import WasmtimeEngine

/// The one node of a cluster in one process: this machine.
enum LocalNode {
  static let id = NodeID(unchecked: "local")

  /// One node, in the same process as the control plane: when it is silent, so is everything, and
  /// nothing could be moved. It counts as lost only when both have stood still for long.
  static func planeConfiguration() throws(Problem) -> ControlPlaneLogic.Configuration {
    ControlPlaneLogic.Configuration()
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
