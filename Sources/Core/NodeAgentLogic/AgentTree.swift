import ClusterModel
public import Supervision

/// The supervision tree of an agent's process.
///
///     engine      the engine: what was compiled, and what runs in it
///     agent       ``NodeAgentLogic`` and its way to the control plane
///
/// The agent says what the engine holds, so it cannot outlive it: rest-for-one. When the engine fails,
/// the agent begins again as a new incarnation, with nothing held; when the agent fails, what was
/// compiled stays in the cache.
public enum AgentTree {
  /// A service of the tree; its raw value is its path.
  public enum Service: String, Hashable, Sendable, CaseIterable {
    case engine
    case agent
  }

  public static let plan = SupervisionPlan(
    strategy: .restForOne,
    children: [
      // A compilation under way cannot be interrupted, and may take long.
      .service("engine", shutdown: .within(.seconds(30))), .service("agent"),
    ])
}
