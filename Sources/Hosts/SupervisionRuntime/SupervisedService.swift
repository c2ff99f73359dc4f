public import ClusterModel
public import Supervision

/// Something that serves for a long time, owns a resource, and may fail.
///
///     struct Ticker: SupervisedService {
///       func run(ready: @escaping @Sendable () -> Void) async throws {
///         let port = try await Port.open()       // acquire
///         ready()                                // from here on it serves
///         try await port.serve()                 // until it is cancelled, or fails
///       }
///     }
public protocol SupervisedService: Sendable {
  /// Acquires what it needs, calls `ready` when it serves, and serves until its task is cancelled: then
  /// it releases everything and returns (a `CancellationError` is as good). It must heed the
  /// cancellation within its shutdown time-out, as nothing can end a task from outside.
  ///
  /// - Parameter ready: the children after this one are started only then. A second call is nothing.
  /// - Throws: what made it fail. Its supervisor decides whether it is made and run afresh.
  @concurrent func run(ready: @escaping @Sendable () -> Void) async throws
}

/// A service made of one function, for what needs no type of its own.
public struct ServiceFunction: SupervisedService {
  private let body: @Sendable (_ ready: @escaping @Sendable () -> Void) async throws -> Void

  public init(
    _ body: @escaping @Sendable (_ ready: @escaping @Sendable () -> Void) async throws -> Void
  ) {
    self.body = body
  }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    try await body(ready)
  }
}

/// One child of a supervisor: its rules, and how each of its incarnations is made.
public struct ChildSpecification: Sendable {
  let rules: ChildRules
  let content: Content

  enum Content: Sendable {
    case service(@Sendable () -> any SupervisedService)
    case supervisor(SupervisorSpecification)
  }

  /// A service.
  ///
  /// - Parameters:
  ///   - restart: default: permanent.
  ///   - shutdown: how long it may take to stop; default: 5 s.
  ///   - make: called for each incarnation; what it makes must hold nothing of an earlier one.
  public init(
    _ id: ChildID, restart: RestartType = .permanent,
    shutdown: ShutdownPolicy = .workerDefault,
    make: @escaping @Sendable () -> any SupervisedService
  ) {
    rules = ChildRules(id, restart: restart, shutdown: shutdown)
    content = .service(make)
  }

  /// A supervisor with children of its own.
  ///
  /// - Parameters:
  ///   - restart: default: permanent.
  ///   - shutdown: default: without bound, as its children have bounds of their own.
  public init(
    _ id: ChildID, restart: RestartType = .permanent, shutdown: ShutdownPolicy = .infinity,
    supervisor: SupervisorSpecification
  ) {
    rules = ChildRules(id, kind: .supervisor, restart: restart, shutdown: shutdown)
    content = .supervisor(supervisor)
  }
}

/// What a supervisor is made of.
public struct SupervisorSpecification: Sendable {
  public var strategy: SupervisionStrategy
  public var intensity: RestartIntensity
  public var backOff: RestartBackOff
  /// In the order of their start.
  public var children: [ChildSpecification]

  /// - Parameters:
  ///   - strategy: default: one-for-one.
  ///   - intensity: default: 3 restarts within 5 s.
  ///   - backOff: default: the first restart at once, then up to 100 ms, doubling up to 10 s.
  public init(
    strategy: SupervisionStrategy = .oneForOne, intensity: RestartIntensity = RestartIntensity(),
    backOff: RestartBackOff = RestartBackOff(), children: [ChildSpecification]
  ) {
    self.strategy = strategy
    self.intensity = intensity
    self.backOff = backOff
    self.children = children
  }
}
