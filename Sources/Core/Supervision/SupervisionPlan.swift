public import ClusterModel

/// A supervisor and all beneath it, as rules alone: what the program and the simulator have in common.
/// Whoever runs it supplies a service for each path.
public struct SupervisionPlan: Hashable, Sendable {
  public var strategy: SupervisionStrategy
  public var intensity: RestartIntensity
  public var backOff: RestartBackOff
  /// In the order of their start.
  public var children: [Child]

  /// A child: a service, or a supervisor with children of its own.
  public struct Child: Hashable, Sendable {
    public var rules: ChildRules
    /// `nil` for a service.
    public var plan: SupervisionPlan?

    /// A service.
    public static func service(
      _ id: ChildID, restart: RestartType = .permanent,
      shutdown: ShutdownPolicy = .workerDefault
    ) -> Child {
      Child(rules: ChildRules(id, restart: restart, shutdown: shutdown), plan: nil)
    }

    /// A supervisor. It may take as long to stop as its children do.
    public static func supervisor(_ id: ChildID, _ plan: SupervisionPlan) -> Child {
      Child(rules: ChildRules(id, kind: .supervisor), plan: plan)
    }
  }

  /// - Parameters:
  ///   - strategy: default: one-for-one.
  ///   - intensity: default: 3 restarts within 5 s.
  ///   - backOff: default: the first restart at once, then up to 100 ms, doubling up to 10 s.
  public init(
    strategy: SupervisionStrategy = .oneForOne, intensity: RestartIntensity = RestartIntensity(),
    backOff: RestartBackOff = RestartBackOff(), children: [Child]
  ) {
    self.strategy = strategy
    self.intensity = intensity
    self.backOff = backOff
    self.children = children
  }

  /// The paths of all services beneath it, in the order of their start: `events/bus`.
  public var services: [String] {
    children.flatMap { child in
      child.plan.map { plan in plan.services.map { "\(child.rules.id)/\($0)" } }
        ?? [child.rules.id.text]
    }
  }

  /// The machine that runs these rules, without what lies beneath its children.
  public var machine: Supervisor {
    Supervisor(
      children.map(\.rules), strategy: strategy, intensity: intensity, backOff: backOff)
  }
}
