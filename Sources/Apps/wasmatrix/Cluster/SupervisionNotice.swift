import ClusterModel
import EventRouting
import HostPorts
import LocalSystem
import Supervision

/// What supervisors do, for those who follow the life of the cluster.
enum SupervisionNotice {
  /// - Parameter path: of the supervisor.
  /// - Returns: `nil` for what happens all the time.
  static func of(_ event: SupervisorEvent, _ path: String) -> LifecycleNotice? {
    let at = SystemClock().now().wall
    func notice(
      _ name: LifecycleNotice.Name, _ child: ChildID, _ payload: [String: JSONValue]
    ) -> LifecycleNotice {
      LifecycleNotice(
        name, id: "\(path)/\(child)-\(at.microseconds)", subject: "service/\(path)/\(child)",
        at: at, payload: payload)
    }
    switch event {
    case .restarting(let child, let exit, let restarts, let delay):
      return notice(
        .supervisionRestart, child,
        [
          "after": .string("\(exit)"), "restarts": .integer(Int64(restarts)),
          "delayMilliseconds": .integer(delay.nanoseconds / 1_000_000),
        ])
    case .escalated(let child, let exit, let restarts, _):
      return notice(
        .supervisionEscalation, child,
        ["after": .string("\(exit)"), "restarts": .integer(Int64(restarts))])
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: return nil
    }
  }

  /// The same of a node's agent, for its control plane.
  static func news(
    of event: SupervisorEvent, _ path: String, on node: NodeID
  ) -> ServiceNews? {
    func news(_ child: ChildID, _ happening: ServiceNews.Happening) -> ServiceNews {
      ServiceNews(
        child: "\(path)/\(child)", namespace: .default, application: nil, node: node,
        at: SystemClock().now().wall, happening: happening)
    }
    switch event {
    case .restarting(let child, let exit, let restarts, let delay):
      return news(child, .restarting(after: "\(exit)", restarts: restarts, delay: delay))
    case .escalated(let child, let exit, let restarts, let window):
      return news(child, .escalated(after: "\(exit)", restarts: restarts, within: window))
    case .childStarted, .childStartFailed, .childEnded, .childStopped, .shutdownTimedOut: return nil
    }
  }
}
