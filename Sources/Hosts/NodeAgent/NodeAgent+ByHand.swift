import ClusterModel
import HostPorts
import NodeAgentLogic

// What is held by hand, and how the node is: for tools that ask the agent itself.
extension NodeAgent {
  /// Holds a module by hand; returns when it is ready.
  func hold(_ order: PlacementOrder) async throws(Problem) -> HeldByHand {
    try await ask { .holdRequested($0, order) }
  }

  /// Lets go of it; returns when its service has ended.
  func release(_ module: QualifiedName) async throws(Problem) -> HeldByHand {
    try await ask { .releaseRequested($0, module) }
  }

  private func ask(
    _ input: (RequestID) -> NodeAgentLogic.Input
  ) async throws(Problem) -> HeldByHand {
    guard !hasEnded else { throw Self.stopping }
    lastHandRequest += 1
    let request = RequestID(lastHandRequest)
    let question = input(request)
    let result = await withCheckedContinuation { continuation in
      handRequests[request] = continuation
      feed(question)
    }
    return try result.get()
  }

  /// Whoever still waits when the agent ends waits no more.
  func endHandRequests() {
    for continuation in handRequests.values {
      continuation.resume(returning: .failure(Self.stopping))
    }
    handRequests = [:]
  }

  private static let stopping = Problem(
    .unavailable, code: "agent_stopping", "the agent of this node is stopping",
    next: "Try again when it is there again.")

  func readKeys() {
    let plane = plane
    Task {
      // Without an answer it is asked again in a moment.
      guard let keys = try? await plane.trustedKeys() else { return }
      feed(.keysRead(keys))
    }
  }

  var metrics: NodeMetrics {
    let reserved = logic.reservations
    return NodeMetrics(
      node: registration.node, incarnation: registration.incarnation,
      uptime: max(.zero, clock.now().wall - runner.facts.startedAt), isAttached: isAttached,
      engine: runner.engineActivity, reservable: registration.capabilities.memory,
      reservedByPlan: reserved.plan, reservedByHand: reserved.byHand,
      placements: runner.metrics(roles: standings))
  }
}
