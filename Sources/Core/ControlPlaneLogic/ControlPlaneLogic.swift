public import ClusterModel
public import EventRouting

/// All decisions of the control plane: what is in the registry and deployed (``CatalogLogic``), and
/// who gets which event (`EventRouter`). It knows no clock, no disk, no network; the host that owns
/// it carries its directives out and tells it what came of them.
public struct ControlPlaneLogic: Sendable {
  public enum Input: Sendable {
    case catalog(CatalogLogic.Input)
    case events(EventRouter.Input)
  }

  public enum Directive: Sendable {
    case catalog(CatalogLogic.Directive)
    case events(EventRouter.Directive)
  }

  public private(set) var catalog: CatalogLogic
  public private(set) var router: EventRouter

  public init(_ snapshot: CatalogSnapshot, limits: EventRouter.Limits = EventRouter.Limits()) {
    catalog = CatalogLogic(snapshot)
    router = EventRouter(limits: limits)
  }

  /// When `events(.deadlineReached)` is due.
  public var nextDeadline: MonotonicInstant? { router.nextDeadline }

  /// Takes in what has happened and says what must be done, in this order. New routes reach the
  /// router before anything that the catalog says after them.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    switch input {
    case .events(let input):
      return router.handle(input, at: now, using: &random).map { .events($0) }
    case .catalog(let input):
      var directives: [Directive] = []
      for directive in catalog.handle(input, at: now) {
        guard case .route(let deployments) = directive else {
          directives.append(.catalog(directive))
          continue
        }
        directives += router.handle(.deploymentsChanged(deployments), at: now, using: &random)
          .map { .events($0) }
      }
      return directives
    }
  }
}
