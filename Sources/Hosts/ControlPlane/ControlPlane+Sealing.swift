import ClusterModel
import ControlPlaneLogic
import Foundation
import HostPorts
import Logging
import ModuleCatalog

// Standing plans: what nodes may obey when they boot alone.
extension ControlPlane {
  /// Plans that are to be sealed; of each node the newest.
  struct Sealing {
    var waiting: [NodeID: (plan: NodePlan, life: Duration)] = [:]
    var isUnderWay = false
  }

  /// Seals a plan and sends it to its node, beside everything else.
  func seal(_ plan: NodePlan, _ life: Duration) {
    guard sealer != nil else { return }
    sealing.waiting[plan.node] = (plan, life)
    guard !sealing.isUnderWay else { return }
    sealing.isUnderWay = true
    begin { await $0.sealAll() }
  }

  private func sealAll() async {
    while let sealer, phase == .running, let node = sealing.waiting.keys.min(),
      let (plan, life) = sealing.waiting.removeValue(forKey: node)
    {
      do throws(Problem) {
        let users = try await access.access(of: nil).users
        let now = clock.now().wall
        let standing = StandingPlan(
          plan, trustedKeys: logic.catalog.allKeys,
          users: users.compactMap { StandingUser($0, at: now) }, issuedAt: now, life: life)
        let sealed = try await Self.sealed(
          standing, inDigits: links[node]?.readsDigits ?? true, by: sealer)
        links[node]?.send(.standing(plan.incarnation, sealed, term: logic.term))
      } catch {
        logger.error(
          "a node cannot be told what it may do alone",
          metadata: ["node": "\(node)", "problem": "\(error)"])
      }
    }
    sealing.isUnderWay = false
  }

  /// Away from the actor: it takes long for many placements, and decisions wait for nothing.
  @concurrent private static func sealed(
    _ plan: StandingPlan, inDigits: Bool, by sealer: any PlanSealer
  ) async throws(Problem) -> SealedPlan {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if inDigits, let key = DocumentBytes.areDigits { encoder.userInfo[key] = true }
    let statement: Data
    do { statement = try encoder.encode(plan) } catch {
      throw Problem(
        .internalFault, code: "standing_plan_unwritable", "a standing plan cannot be written",
        cause: "\(error)")
    }
    guard statement.count <= PlanSeal.longestStatement.bytes else {
      throw Problem(
        .tooLarge, code: "standing_plan_too_large", "the standing plan is too large",
        next: "Deploy less to this node.")
    }
    return SealedPlan(plan, try sealer.seal(Array(statement)))
  }
}
