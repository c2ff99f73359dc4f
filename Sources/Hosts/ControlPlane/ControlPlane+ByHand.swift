import ClusterModel
import ControlPlaneLogic
import HostPorts
import ModuleCatalog

// What users hold on nodes by hand, through the agents there.
extension ControlPlane {
  /// That it is wanted, or was refused, is on record before anybody hears of it.
  func holdByHand(
    _ module: QualifiedName, version: ModuleVersion?, on node: NodeID, for principal: Principal
  ) async throws(Problem) -> PlacementOrder {
    try requireRunning()
    let deployment: Deployment
    let record: ModuleVersionRecord
    do throws(Problem) {
      (deployment, record) = try logic.catalog.orderByHand(module, version)
    } catch {
      if error.category == .refused {
        try await recordByHand(
          .placementRefused, module, version, on: node, for: principal, because: error)
      }
      throw error
    }
    try await recordByHand(
      .moduleStartedByHand, module, deployment.version, on: node, for: principal)
    // A key may have been revoked while that was being written.
    _ = try logic.catalog.orderByHand(module, version)
    return PlacementOrder(deployment: deployment, record: record, role: .retained, fence: .zero)
  }

  func releaseByHand(
    _ module: QualifiedName, on node: NodeID, for principal: Principal
  ) async throws(Problem) {
    try await recordByHand(.moduleStoppedByHand, module, nil, on: node, for: principal)
  }

  private func recordByHand(
    _ kind: SecurityEvent.Kind, _ module: QualifiedName, _ version: ModuleVersion?,
    on node: NodeID, for principal: Principal, because problem: Problem? = nil
  ) async throws(Problem) {
    try await catalogStore.persist([
      .appendSecurityEvent(
        SecurityEvent(
          kind: kind, at: clock.now().wall, principal: principal, namespace: module.namespace,
          subject: version.map { "\(module.name)@\($0)" } ?? module.name.text,
          reason: problem?.code ?? "ok",
          detail: "on node \(node)" + (problem.map { ": \($0.message)" } ?? "")))
    ])
  }
}
