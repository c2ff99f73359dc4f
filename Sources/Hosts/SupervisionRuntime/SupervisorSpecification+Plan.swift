import ClusterModel
public import Supervision

extension ChildSpecification {
  /// A child as a plan says it, with a service for each path below.
  ///
  /// - Parameters:
  ///   - path: where the child lies: `events`.
  ///   - service: makes each incarnation of the service at a path: `events/bus`. That there is none for
  ///     one of the plan is a bug.
  public init(
    _ child: SupervisionPlan.Child, path: String,
    service: @escaping @Sendable (_ path: String) -> any SupervisedService
  ) {
    rules = child.rules
    guard let plan = child.plan else {
      content = .service { service(path) }
      return
    }
    content = .supervisor(
      SupervisorSpecification(
        strategy: plan.strategy, intensity: plan.intensity, backOff: plan.backOff,
        children: plan.children.map {
          ChildSpecification($0, path: "\(path)/\($0.rules.id)", service: service)
        }))
  }
}
