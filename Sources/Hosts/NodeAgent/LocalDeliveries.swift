import ClusterModel
import EventReading
import EventRouting
import HostPorts
import Logging
import Metrics
import SupervisionRuntime

/// While the control plane is away: what lies in the outbox wakes the modules that serve on this node, one event after
/// the other, in their order.
///
///     event ──a module here wants it──> runs ──succeeded──> kept with the event: it does not go there again
///                                         └──failed, or wrote state──> left to the control plane
///
/// An event is looked at once; what did not succeed is tried again where retries are decided. A module that may write
/// state is not woken: what it wrote could not be kept; and none that must stop when isolated.
struct LocalDeliveries: Sendable {
  let outbox: any Outbox
  let node: NodeID
  let agents: ResourceSlot<NodeAgent>
  let clock: any HostClock
  let logger: Logger
  private let handled = Counter(label: "wasmatrix_outbox_handled_total")

  /// How many results may come of results: as many as at the control plane.
  private static let hops = EventRouter.Limits().hops
  /// Events that are looked at before the control plane is tried again.
  private static let batch = 16

  init(
    _ outbox: any Outbox, of node: NodeID, agents: ResourceSlot<NodeAgent>, clock: any HostClock,
    logger: Logger
  ) {
    self.outbox = outbox
    self.node = node
    self.agents = agents
    self.clock = clock
    self.logger = logger
  }

  /// Looks at the next events.
  ///
  /// - Parameter last: the event that was looked at last; moved on.
  /// - Returns: whether there were any.
  func handleSome(after last: inout Int64) async throws(Problem) -> Bool {
    guard let agent = agents.current else { return false }
    let events = try await outbox.oldest(after: last, limit: Self.batch)
    let serving = agent.serving.filter(\.mayHandleAlone)
    let table = SubscriptionTable(
      serving.flatMap { placement in
        placement.deployment.configuration.triggers.map {
          (module: placement.deployment.qualifiedName, trigger: $0)
        }
      })
    for event in events {
      for placement in await Self.recipients(of: event, among: serving, table) {
        guard !Task.isCancelled else { return false }
        try await handle(event, placement, agent)
      }
      last = event.number
    }
    return !events.isEmpty
  }

  /// Those that want an event; of those that share it one.
  private static func recipients(
    of kept: OutboxEvent, among serving: [Placement], _ table: SubscriptionTable
  ) async -> [Placement] {
    let event = kept.event
    let isNeeded = table.needsData(for: event.topic, in: event.namespace)
    let data = isNeeded ? await EventData.json(event.data) : nil
    var groups: Set<GroupName> = []
    var chosen: [Placement] = []
    for module in table.modules(for: event, data: data) where !kept.handledBy.contains(module) {
      guard let placement = serving.first(where: { $0.deployment.name == module }) else { continue }
      let shared = Set(placement.deployment.configuration.triggers.compactMap(\.group))
      guard groups.isDisjoint(with: shared) else { continue }
      groups.formUnion(shared)
      chosen.append(placement)
    }
    return chosen
  }

  private func handle(
    _ kept: OutboxEvent, _ placement: Placement, _ agent: NodeAgent
  ) async throws(Problem) {
    let module = placement.deployment.qualifiedName
    guard EventRouter.hops(of: kept.event) < Self.hops else { return }
    let report = await agent.run(placement, on: kept.event)
    guard case .success(let output) = report.result, report.effects.writes.isEmpty else {
      logger.info(
        "an event is left to the control plane",
        metadata: ["event": "\(kept.event.id)", "module": "\(module)"])
      return
    }
    var published = report.effects.published
    if let topic = placement.deployment.configuration.resultTopic, !output.isEmpty {
      published.append(GuestPublish(topic: topic, data: output))
    }
    let now = clock.now().wall
    try await outbox.handled(
      kept.number, by: module.name,
      publishing: published.enumerated().map { index, publish in
        EventRouter.event(
          publish, of: kept.event, by: module, at: now,
          id: EventRouter.fitting("\(node).\(kept.number).\(index + 1)-\(kept.event.id)"))
      })
    handled.increment()
  }
}

extension Placement {
  /// Whether it may be woken while the control plane is away.
  fileprivate var mayHandleAlone: Bool {
    deployment.configuration.kind == .command && !deployment.mustStopAlone
      && !deployment.configuration.capabilities.state.contains { $0.access == .write }
  }
}
