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

  /// - Parameter startedAt: makes each start a newer incarnation.
  /// - Throws: ``Problem`` `node_description_invalid`.
  func registration(startedAt: WallInstant) throws(Problem) -> NodeRegistration {
    let facts = MachineFacts.read()
    do throws(InvalidValue) {
      return NodeRegistration(
        node: name, incarnation: Incarnation(UInt64(clamping: startedAt.microseconds)),
        location: location,
        capabilities: try NodeCapabilities(
          architectures: [Architecture(rawValue: facts.architecture) ?? .portable],
          cpuFeatures: facts.cpuFeatures.filter(FeatureName.isValid),
          memory: memory ?? facts.memory, cpuCores: facts.processors,
          specializedHardware: hardware, labels: labels, faultDomain: faultDomain))
    } catch {
      throw Problem(
        .invalidInput, code: "node_description_invalid",
        "this node cannot be described as it is", cause: "\(error)",
        next: "Correct the options; see `wasmatrix agent --help`.")
    }
  }
}
