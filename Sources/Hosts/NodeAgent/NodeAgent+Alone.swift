import ClusterModel
import HostPorts
import Logging
import NodeAgentLogic

// What is kept on the disk for a start without a control plane, and that start.
extension NodeAgent {
  /// What is being kept. Of what waits only the newest counts.
  struct Keeping {
    var version: PlanVersion?
    var plan: SealedPlan?
    var isUnderWay = false
    /// Whether the disk was asked, and what it said was taken in.
    var hasRecalled = false
    /// The trust store as the standing plan has it; empty while there is none.
    var trustedKeys: [TrustedKey] = []
  }

  func recall() {
    Task {
      let recalled = await recalled()
      keeping.trustedKeys = recalled?.plan.trustedKeys ?? []
      if let recalled { onStanding(recalled.plan) }
      keeping.hasRecalled = store != nil
      feed(.recalled(recalled?.plan, seen: recalled?.seen ?? .zero))
    }
  }

  @concurrent private nonisolated func recalled() async -> RecalledPlan? {
    guard let store else { return nil }
    do throws(Problem) {
      if let found = try await store.recall() { return found }
      logger.notice("no standing plan is kept: this node runs nothing until it has attached")
    } catch {
      logger.error("the standing plan is not obeyed", metadata: ["problem": "\(error)"])
    }
    return nil
  }

  func keep(_ sealed: SealedPlan) {
    keeping.plan = sealed
    keeping.trustedKeys = sealed.plan.trustedKeys
    onStanding(sealed.plan)
    write()
  }

  func remember(_ version: PlanVersion) {
    keeping.version = version
    write()
  }

  /// One thing after the other, so that what is older never comes last.
  private func write() {
    guard store != nil, !keeping.isUnderWay else { return }
    keeping.isUnderWay = true
    Task {
      while true {
        if let version = keeping.version {
          keeping.version = nil
          await write { (store) async throws(Problem) in try await store.remember(version) }
        } else if let plan = keeping.plan {
          keeping.plan = nil
          await write { (store) async throws(Problem) in try await store.keep(plan) }
        } else {
          break
        }
      }
      keeping.isUnderWay = false
    }
  }

  @concurrent private nonisolated func write(
    _ body: @Sendable (any NodeStore) async throws(Problem) -> Void
  ) async {
    guard let store else { return }
    do throws(Problem) {
      try await body(store)
    } catch {
      logger.error(
        "what this node may do alone is not on its disk", metadata: ["problem": "\(error)"])
    }
  }

  // Modules and keys, from wherever they are.

  /// A module, and whether it is kept here already.
  @concurrent nonisolated func module(
    _ digest: ModuleDigest, _ transfer: TransferProgress
  ) async throws(Problem) -> (bytes: [UInt8], isKept: Bool) {
    if let store {
      do throws(Problem) {
        if let kept = try await store.module(digest) { return (kept, true) }
      } catch {
        logger.warning("a kept module cannot be read", metadata: ["problem": "\(error)"])
      }
    }
    return (try await plane.module(digest, transfer), false)
  }

  @concurrent nonisolated func keep(_ module: [UInt8], _ digest: ModuleDigest) async {
    guard let store else { return }
    do throws(Problem) {
      try await store.keep(module, digest)
    } catch {
      logger.warning("a module is not kept on this node", metadata: ["problem": "\(error)"])
    }
  }

  /// The newest trust store that can be had.
  nonisolated func trustedKeys() async throws(Problem) -> [TrustedKey] {
    do throws(Problem) {
      return try await plane.trustedKeys()
    } catch {
      let kept = await keptKeys
      guard error.category == .unavailable, !kept.isEmpty else { throw error }
      return kept
    }
  }

  /// The same, as it was asked for since a preparation was ordered: a hundred that are ordered together need
  /// not ask a hundred times.
  func trustedKeys(since id: PreparationID) async throws(Problem) -> [TrustedKey] {
    if let task = askedKeys.task, askedKeys.newest >= id.attempt {
      return try await task.value.get()
    }
    let task = Task { () -> Result<[TrustedKey], Problem> in
      do throws(Problem) {
        return .success(try await self.trustedKeys())
      } catch {
        return .failure(error)
      }
    }
    askedKeys = AskedKeys(newest: logic.newestPreparation, task: task)
    return try await task.value.get()
  }

  /// The last question for the trust store.
  struct AskedKeys {
    /// Of the preparations that were ordered before it was asked.
    var newest: UInt64 = 0
    var task: Task<Result<[TrustedKey], Problem>, Never>?
  }

  private var keptKeys: [TrustedKey] { keeping.trustedKeys }

  func logAlone(_ notice: NodeAgentLogic.Notice) {
    switch notice {
    case .obeysAlone(let version, let until):
      logger.warning(
        "no control plane is there: the standing plan is obeyed",
        metadata: ["version": "\(version)", "until": "\(until)"])
    case .standingRefused(let problem):
      logger.error("the standing plan is not obeyed", metadata: ["problem": "\(problem)"])
    case .standingEnded(.expired):
      logger.error(
        "the standing plan has expired: nothing runs any more until the control plane is there")
    case .standingEnded(.refused):
      logger.error("the control plane does not let this node in: nothing runs any more")
    case .staleRefused, .leaseRanOut, .attachRefused, .service, .releasedByHand: break
    }
  }
}
