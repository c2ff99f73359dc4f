import ClusterModel

@testable import EventRouting

/// The event log as the router's contract has it: what was appended or recorded is there, also after
/// a crash.
struct ModelLog {
  private(set) var pending: [DeliveryID: PendingDelivery] = [:]
  private(set) var succeeded: Set<DeliveryID> = []
  private(set) var dead: Set<DeliveryID> = []
  private(set) var events: [EventOffset: Event] = [:]
  private(set) var deliveries: [DeliveryID: PendingDelivery] = [:]
  private var lastOffset: Int64 = 0
  private var lastDelivery: Int64 = 0

  mutating func append(_ accepted: AcceptedEvent) -> AppendedEvent {
    lastOffset += 1
    let offset = EventOffset(lastOffset)
    events[offset] = accepted.event
    let ids = accepted.targets.map { target in
      lastDelivery += 1
      let id = DeliveryID(lastDelivery)
      deliveries[id] = PendingDelivery(
        id: id, offset: offset, namespace: accepted.event.namespace, module: target,
        failedAttempts: 0, footprint: accepted.event.footprint,
        orderKey: accepted.orderKeys[target])
      pending[id] = deliveries[id]
      return id
    }
    return AppendedEvent(offset: offset, deliveries: ids)
  }

  mutating func record(_ change: DeliveryChange) -> [AppendedEvent] {
    guard pending[change.delivery] != nil else { return [] }
    switch change.outcome {
    case .failed:
      pending[change.delivery]?.failedAttempts = change.attempt
      return []
    case .dead:
      pending[change.delivery] = nil
      dead.insert(change.delivery)
      return []
    case .succeeded(_, let effects):
      pending[change.delivery] = nil
      succeeded.insert(change.delivery)
      return effects.events.map { append($0) }
    }
  }

  mutating func replay(_ id: DeliveryID) -> PendingDelivery? {
    guard dead.remove(id) != nil, var delivery = deliveries[id] else { return nil }
    delivery.failedAttempts = 0
    pending[id] = delivery
    return delivery
  }

  var recovered: [PendingDelivery] { pending.values.sorted { $0.id < $1.id } }
}

/// Drives a router as the host does, with outcomes from a list of random decisions, crashes included.
struct RouterSimulation {
  enum Work {
    case append(RequestID, AcceptedEvent)
    /// Durable, but the router has not heard of it.
    case appended(RequestID, AppendedEvent)
    case activate(DeliveryID, EventOffset, QualifiedName)
    case record(DeliveryChange)
    case recorded(DeliveryID, [AppendedEvent])
  }

  var router: EventRouter
  var log = ModelLog()
  var work: [Work] = []
  var now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  var random: any RandomNumberGenerator
  var accepted: [EventOffset] = []
  var runningNow: [QualifiedName: Int] = [:]
  /// What broke a promise.
  var violations: [String] = []
  var order = OrderChecker()
  private(set) var deployments: [RoutedDeployment]
  private let allDeployments: [RoutedDeployment]
  private var lastRequest: UInt64 = 0

  init(
    _ deployments: [RoutedDeployment], limits: EventRouter.Limits, random: any RandomNumberGenerator
  ) {
    self.deployments = deployments
    allDeployments = deployments
    self.random = random
    router = EventRouter(limits: limits)
    feed(.deploymentsChanged(deployments))
  }

  mutating func feed(_ input: EventRouter.Input) {
    for directive in router.handle(input, at: now, using: &random) {
      switch directive {
      case .append(let request, let event): work.append(.append(request, event))
      case .accept(_, let appended): accepted.append(appended.offset)
      case .refuse, .commit, .confirm: break
      case .activate(let id, let offset, let name, _, _):
        if log.succeeded.contains(id) {
          violations.append("\(id) ran after its success was durable")
        }
        runningNow[name, default: 0] += 1
        let cap = deployments.first { $0.name == name }?.configuration.concurrency ?? 0
        if runningNow[name, default: 0] > cap { violations.append("\(name) ran beyond its cap") }
        if runningNow.values.reduce(0, +) > router.limits.running {
          violations.append("more ran than may run at all")
        }
        if let delivery = log.deliveries[id] { order.begins(delivery, &violations) }
        work.append(.activate(id, offset, name))
      case .record(let change):
        work.append(.record(change))
        let underWay = work.count { if case .record = $0 { true } else { false } }
        if underWay > router.limits.recording { violations.append("too many records") }
      case .giveUp(let id): giveUp(id)
      case .settled: break
      }
    }
  }

  mutating func publish(_ topic: Topic, about subject: String? = nil) {
    lastRequest += 1
    let event = Event(
      id: "e\(lastRequest)", source: "/s", type: "t", topic: topic, subject: subject)
    feed(.eventReceived(RequestID(lastRequest), event, data: nil, .local))
  }

  /// What runs is not waited for any more; it runs on all the same, and nobody hears of it.
  private mutating func giveUp(_ id: DeliveryID) {
    let index = work.lastIndex {
      if case .activate(id, _, _) = $0 { true } else { false }
    }
    guard let index, case .activate(_, _, let name) = work.remove(at: index) else {
      return violations.append("\(id) was given up, and did not run")
    }
    runningNow[name, default: 0] -= 1
  }

  /// Finishes one piece of work, well or badly as `luck` says (0: well).
  mutating func finishWork(_ index: Int, luck: Int) {
    guard !work.isEmpty else { return }
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    switch work.remove(at: index % work.count) {
    case .append(let request, let event):
      if luck == 1 {
        feed(.appendFailed(request, problem))
      } else {
        work.append(.appended(request, log.append(event)))
      }
    case .appended(let request, let appended):
      order.hears(appended.deliveries.compactMap { log.deliveries[$0] })
      feed(.eventAppended(request, appended))
    case .activate(let id, let offset, let name):
      runningNow[name, default: 0] -= 1
      guard let event = log.events[offset] else { return violations.append("no event \(offset)") }
      feed(.activationFinished(id, event: event, Self.result(luck), data: nil))
    case .record(let change):
      if luck == 1 {
        feed(.recordFailed(change.delivery, problem))
      } else {
        order.ends(change)
        work.append(.recorded(change.delivery, log.record(change)))
      }
    case .recorded(let id, let appended):
      order.hears(appended.flatMap(\.deliveries).compactMap { log.deliveries[$0] })
      feed(.changeRecorded(id, published: appended))
    }
  }

  /// Some deployment goes, comes back, is changed, or gets ready.
  mutating func redeploy(_ choice: Int) {
    let changed = allDeployments[choice % allDeployments.count]
    let others = deployments.filter { $0.name != changed.name }
    var next = changed
    next.generation = (deployments.map(\.generation).max() ?? 0) + 1
    switch choice / allDeployments.count % 4 {
    case 0: deployments = others
    case 1:
      next.configuration.concurrency = 1
      deployments = others + [next]
    case 2:
      if let index = deployments.firstIndex(where: { $0.name == changed.name }) {
        deployments[index].isReady.toggle()
        return feed(.readinessChanged(changed.name, isReady: deployments[index].isReady))
      }
      next.isReady = false
      deployments = others + [next]
    case _: deployments = others + [next]
    }
    feed(.deploymentsChanged(deployments))
  }

  /// Somebody replays a dead letter, perhaps before the router heard of its death.
  mutating func replay(_ choice: Int) {
    let dead = log.dead.sorted()
    guard !dead.isEmpty, let pending = log.replay(dead[choice % dead.count]) else { return }
    order.replays(pending)
    feed(.deadLetterReplayed(pending))
  }

  private static func result(_ luck: Int) -> Result<[UInt8], ActivationFailure> {
    switch luck {
    case 1: .failure(ActivationFailure(code: .guestTrapped, message: "trap"))
    case 2: .failure(ActivationFailure(code: .overloaded, message: "busy"))
    case _: .success([1])
    }
  }

  /// The process dies: only the log survives.
  mutating func crash() {
    work = []
    runningNow = [:]
    router = EventRouter(limits: router.limits)
    order.crashes(leaving: log.recovered)
    feed(.deploymentsChanged(deployments))
    feed(.recovered(log.recovered))
  }

  mutating func advance(_ duration: Duration) {
    now.monotonic = now.monotonic + duration
    if let deadline = router.nextDeadline, deadline <= now.monotonic { feed(.deadlineReached) }
  }

  /// Everything goes well from now on, until nothing is left to do.
  mutating func heal() {
    deployments = allDeployments
    feed(.deploymentsChanged(deployments))
    for _ in 0..<100_000 {
      if !work.isEmpty {
        finishWork(0, luck: 0)
      } else if router.nextDeadline != nil {
        advance(.seconds(60))
      } else {
        return
      }
    }
    violations.append("it never came to rest")
  }
}
