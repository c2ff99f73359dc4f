import ClusterAuthority
import ClusterModel

/// Joining before anything else of an agent starts, which may have to wait for the control plane.
struct FirstJoin: Sendable {
  enum Outcome: Sendable {
    case joined
    /// A signal asked for the end before.
    case stopped
  }

  let identity: NodeIdentity
  let token: AccessToken

  /// Returns when it has joined, or soon after the first signal.
  ///
  /// - Throws: ``Problem``: it was refused.
  func run(until signals: StopSignals) async throws -> Outcome {
    try await withThrowingTaskGroup(of: Outcome.self) { group in
      group.addTask {
        try await identity.join(with: token)
        return .joined
      }
      group.addTask {
        await signals.first()
        return .stopped
      }
      defer { group.cancelAll() }
      return try await group.next() ?? .stopped
    }
  }
}
