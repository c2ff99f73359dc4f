import AccessControl
import ClusterModel
import ControlPlane
import HostPorts

/// Looks at whoever calls the service of an agent.
struct CallerDesk: AgentCallers {
  let access: AccessControl
  let plane: SupervisedControlPlane

  func holder(
    of caller: AgentCaller, needing role: Role, for subject: String, at node: NodeID
  ) async throws(Problem) -> TokenHolder {
    try await access.holder(of: caller, needing: role, for: subject, at: node)
  }

  func orderByHand(
    _ module: QualifiedName, version: ModuleVersion?, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) -> PlacementOrder {
    let holder = try await holder(of: caller, needing: .deployer, for: "StartModule", at: node)
    return try await plane.holdByHand(
      module, version: version, on: node, for: holder.principal)
  }

  func releaseByHand(
    _ module: QualifiedName, for caller: AgentCaller, at node: NodeID
  ) async throws(Problem) {
    let holder = try await holder(of: caller, needing: .deployer, for: "StopModule", at: node)
    try await plane.releaseByHand(module, on: node, for: holder.principal)
  }
}
