import ClusterModel
import ControlPlaneLogic
import EventRouting

/// What a service of the control plane's process does for the logic.
enum PlaneWork {
  case persist(PersistID, [CatalogChange])
  case append(RequestID, AcceptedEvent)
  case record(DeliveryChange)
  /// What an invocation did.
  case commit(RequestID, CommittedEffects)
  /// A delivery is begun, and its event read from the log.
  case deliver(ActivationOrder)
  case read(ActivationOrder)
  case invoke(ActivationOrder)
  case verify(RequestID, ModuleVersionRecord)

  var service: ControlPlaneTree.Service {
    switch self {
    case .persist: .registry
    case .append, .record, .commit, .read: .bus
    case .deliver: .router
    case .invoke: .balancer
    case .verify: .verifiers
    }
  }
}

/// The services of the control plane's process as they are right now: what waits for one that is being
/// restarted, and what those that run have under way.
struct PlaneServices {
  struct Waiting {
    let ticket: Int
    let work: PlaneWork
  }

  private(set) var waiting: [ControlPlaneTree.Service: [Waiting]] = [:]
  private var lastTicket = 0
  /// Writes that a store has taken in and that are not at their end.
  private(set) var writes: [ControlPlaneTree.Service: Int] = [:]
  /// Activations under way, by run.
  private(set) var deliveries: [Int: ActivationOrder] = [:]
  private(set) var invocations: [Int: ActivationOrder] = [:]
  /// Of these, what went to its node.
  private var sent: Set<Int> = []
  private var lastRun = 0

  /// The process is gone.
  mutating func forgetEverything() {
    writes = [:]
    forgetLogic()
  }

  /// The logic is gone, and with it whatever waits for its sake.
  mutating func forgetLogic() {
    waiting = [:]
    deliveries = [:]
    invocations = [:]
    sent = []
  }

  mutating func wait(for work: PlaneWork) -> Int {
    lastTicket += 1
    waiting[work.service, default: []].append(Waiting(ticket: lastTicket, work: work))
    return lastTicket
  }

  /// Whatever waits for a service, in order.
  mutating func takeWaiting(for service: ControlPlaneTree.Service) -> [PlaneWork] {
    waiting.removeValue(forKey: service)?.map(\.work) ?? []
  }

  /// What has waited too long, if it still does.
  mutating func giveUp(_ ticket: Int, _ service: ControlPlaneTree.Service) -> PlaneWork? {
    guard let index = waiting[service]?.firstIndex(where: { $0.ticket == ticket }) else {
      return nil
    }
    return waiting[service]?.remove(at: index).work
  }

  mutating func writeBegins(_ service: ControlPlaneTree.Service) {
    writes[service, default: 0] += 1
  }
  mutating func writeEnds(_ service: ControlPlaneTree.Service) { writes[service, default: 0] -= 1 }

  mutating func nextRun() -> Int {
    lastRun += 1
    return lastRun
  }

  mutating func begins(_ order: ActivationOrder) {
    switch order.purpose {
    case .delivery: deliveries[order.run] = order
    case .invocation: invocations[order.run] = order
    }
  }

  mutating func isSent(_ order: ActivationOrder) {
    if isUnderWay(order) { sent.insert(order.run) }
  }

  /// - Returns: whether whoever began it still waits for its outcome.
  mutating func ends(_ order: ActivationOrder) -> Bool {
    sent.remove(order.run)
    return switch order.purpose {
    case .delivery: deliveries.removeValue(forKey: order.run) != nil
    case .invocation: invocations.removeValue(forKey: order.run) != nil
    }
  }

  /// What runs of an invocation on a node is not waited for any more.
  mutating func endInvocation(_ request: RequestID, _ route: Route) {
    for (run, order) in invocations where order.route == route {
      guard case .invocation(request) = order.purpose else { continue }
      invocations[run] = nil
    }
    waiting[.balancer]?.removeAll { waiting in
      guard case .invoke(let order) = waiting.work, order.route == route,
        case .invocation(request) = order.purpose
      else { return false }
      return true
    }
  }

  /// What was sent to a node and is under way, in the order in which it began; it is not waited for any more.
  mutating func takeSent(to node: NodeID) -> [ActivationOrder] {
    let runs = sent.sorted().compactMap { deliveries[$0] ?? invocations[$0] }
    return runs.filter { $0.route.node == node && ends($0) }
  }

  func isUnderWay(_ order: ActivationOrder) -> Bool {
    deliveries[order.run] != nil || invocations[order.run] != nil
  }

  /// All deliveries under way, in the order in which they began; none is from then on.
  mutating func takeDeliveries() -> [ActivationOrder] {
    defer { deliveries = [:] }
    return deliveries.sorted { $0.key < $1.key }.map(\.value)
  }

  mutating func takeInvocations() -> [ActivationOrder] {
    defer { invocations = [:] }
    return invocations.sorted { $0.key < $1.key }.map(\.value)
  }
}
