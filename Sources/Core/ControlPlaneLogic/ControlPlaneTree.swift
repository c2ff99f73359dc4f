public import Supervision

/// The supervision tree of a control plane. Each service owns something real that can fail; what it
/// holds is gone with it, and its next incarnation begins from what is durable.
///
///     modules     registry    catalog.sqlite and the blobs: what must not be forgotten
///                 verifiers   the threads that check signatures
///     events      bus         events.sqlite: accepted events and what they owe
///                 router      the deliveries under way
///     scheduling  scheduler   ``ControlPlaneLogic`` itself: all that was decided and not yet durable
///                 balancer    the invocations under way
///     nodes       attach      the ways to and from agents
///                 heartbeats  the way of heartbeats
///
/// They find each other at run time and wait a little for one that is being restarted, so none has to be
/// restarted because of another: one-for-one everywhere. What goes wrong again and again goes up.
public enum ControlPlaneTree {
  /// A service of the tree; its raw value is its path.
  public enum Service: String, Hashable, Sendable, CaseIterable {
    case registry = "modules/registry"
    case verifiers = "modules/verifiers"
    case bus = "events/bus"
    case router = "events/router"
    case scheduler = "scheduling/scheduler"
    case balancer = "scheduling/balancer"
    case attach = "nodes/attach"
    case heartbeats = "nodes/heartbeats"
  }

  /// The supervisors right below `main`. Stores come before what reads them.
  public static let children: [SupervisionPlan.Child] = [
    .supervisor(
      "modules",
      SupervisionPlan(children: [.service("registry"), .service("verifiers")])),
    .supervisor(
      "events", SupervisionPlan(children: [.service("bus"), .service("router")])),
    .supervisor(
      "scheduling", SupervisionPlan(children: [.service("balancer"), .service("scheduler")])),
    .supervisor(
      "nodes", SupervisionPlan(children: [.service("attach"), .service("heartbeats")])),
  ]
}
