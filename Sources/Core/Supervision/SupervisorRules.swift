public import ClusterModel

/// How a child is stopped.
public enum ShutdownPolicy: Hashable, Sendable {
  /// It is asked to stop, and killed when it has not ended within this time.
  case within(Duration)
  /// It is killed at once.
  case brutalKill
  /// It is asked to stop and waited for without bound. For supervisors, whose children have bounds of
  /// their own.
  case infinity

  /// How long a worker may take by default.
  public static let workerDefault = ShutdownPolicy.within(.seconds(5))
}

/// What sort of child it is; it decides the default of its ``ShutdownPolicy``.
public enum ChildKind: String, Sendable, Codable, CaseIterable {
  case worker
  case supervisor
}

/// What a supervisor must know about one child.
public struct ChildRules: Hashable, Sendable {
  public var id: ChildID
  public var kind: ChildKind
  public var restart: RestartType
  public var shutdown: ShutdownPolicy

  /// - Parameters:
  ///   - restart: default: permanent.
  ///   - shutdown: default: within 5 s for a worker, without bound for a supervisor.
  public init(
    _ id: ChildID, kind: ChildKind = .worker, restart: RestartType = .permanent,
    shutdown: ShutdownPolicy? = nil
  ) {
    self.id = id
    self.kind = kind
    self.restart = restart
    self.shutdown =
      shutdown
      ?? {
        switch kind {
        case .worker: .workerDefault
        case .supervisor: .infinity
        }
      }()
  }
}

extension RestartBackOff {
  /// The wait before restart number `restart`.
  func delay(
    beforeRestart restart: Int, using random: inout some RandomNumberGenerator
  ) -> Duration {
    let ceiling = ceiling(beforeRestart: restart).nanoseconds
    guard ceiling > 0 else { return .zero }
    return .nanoseconds(Int64.random(in: 0...ceiling, using: &random))
  }
}
