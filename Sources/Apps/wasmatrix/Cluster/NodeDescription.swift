import ClusterModel
import WasmtimeEngine

/// What this machine says of itself as a node: what it finds out, and what its operator adds.
struct NodeDescription: Sendable {
  var name: NodeID
  var location = NodeLocation(zone: .default)
  var labels: [Label] = []
  /// `gpu`, `can-bus`.
  var hardware: [String] = []
  var faultDomain: FaultDomain?
  /// For placements; `nil` for what the machine has.
  var memory: ByteCount?

  /// - Parameters:
  ///   - incarnation: of this start.
  ///   - punctuality: of the threads of its heartbeats.
  /// - Throws: ``Problem`` `node_description_invalid`.
  func registration(
    as incarnation: Incarnation, punctuality: HeartbeatPunctuality = .ordinary
  ) throws(Problem) -> NodeRegistration {
    let facts = MachineFacts.read()
    do throws(InvalidValue) {
      return NodeRegistration(
        node: name, incarnation: incarnation, location: location,
        capabilities: try NodeCapabilities(
          architectures: [Architecture(rawValue: facts.architecture) ?? .portable],
          cpuFeatures: facts.cpuFeatures.filter(FeatureName.isValid),
          memory: memory ?? facts.memory, cpuCores: facts.processors,
          specializedHardware: hardware, labels: labels, faultDomain: faultDomain),
        punctuality: punctuality)
    } catch {
      throw Problem(
        .invalidInput, code: "node_description_invalid",
        "this node cannot be described as it is", cause: "\(error)",
        next: "Correct the options; see `wasmatrix agent --help`.")
    }
  }
}
