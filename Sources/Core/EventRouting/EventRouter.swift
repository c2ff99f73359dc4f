public import ClusterModel
import DequeModule
import HeapModule

/// Decides what is done with events: who gets them, when, how often, and what comes of it.
///
///     received ──full──> refused
///        │
///        ▼
///     appending ──failed──> refused
///        │ durable: accepted
///        ▼                                              ┌──────────────────────┐
///     waiting ──turn──> running ──succeeded──> recording ──> done             │
///        ▲                 │                       │  │                        │
///        │                 └──failed──> recording ─┘  └──failed──> sleeping ───┘
///        │                                 │    │                  (record again)
///        └────── sleeping (back-off) <─────┘    └──last attempt──> dead letter
///
/// What waits or sleeps when its module is undeployed becomes a dead letter; it goes on with the new
/// configuration when the module is redeployed, and waits while that is not ready. A failure that is
/// nobody's fault (overloaded, unavailable, cancelled) goes from running straight to sleeping. No answer
/// in time is a failed attempt.
///
/// Modules take turns (one delivery each) so that a storm for one does not hold up the others.
public struct EventRouter: Sendable {
  let limits: Limits
  var table = SubscriptionTable()
  var deployments: [QualifiedName: RoutedDeployment] = [:]
  var deliveries: [DeliveryID: Delivery] = [:]
  var lanes: [QualifiedName: Lane] = [:]
  /// Deliveries with keys, and the triggers that give them.
  var ordered: [OrderedLane: OrderedDeliveries] = [:]
  var orderedTriggers: [QualifiedName: [Trigger]] = [:]
  /// Modules that share events, and what is owed to each module.
  var groupedTriggers: [QualifiedName: [Trigger]] = [:]
  var owedTo: [QualifiedName: Int] = [:]
  /// Modules with something to run and room to run it, in the order of their turns.
  var ring: Deque<QualifiedName> = []
  var alarms = Heap<Alarm>()
  /// Deliveries whose change waits until fewer records are under way.
  var unrecorded: Deque<DeliveryID> = []
  /// Records that are under way.
  var recording = 0
  /// What the changes that are not durable yet count for.
  var unrecordedBytes = 0
  var appending: [RequestID: AcceptedEvent] = [:]
  var gate = StormGate()
  /// How fast deliveries are settled.
  var settling = DrainMeter()
  /// How fast events are made durable.
  var appended = DrainMeter()
  /// Events of invocations that are being made durable with what else they do.
  var committing: [RequestID: [AcceptedEvent]] = [:]
  /// What is owed, appends under way included.
  public internal(set) var pendingCount = 0
  public internal(set) var pendingBytes = 0
  public internal(set) var running = 0
  /// Until when answers are waited for.
  var awaited: [DeliveryID: MonotonicInstant] = [:]
  /// When to look whether one is overdue; not after the first of them could be.
  var looksAt: MonotonicInstant?
  var isStopping = false
  /// How often a pattern would have taken too much work for an event, which its module therefore does not get.
  public internal(set) var patternWorkExceeded = 0

  public init(limits: Limits = Limits()) { self.limits = limits }

  /// When `deadlineReached` is due; `nil` when nothing waits for a time.
  public var nextDeadline: MonotonicInstant? {
    isStopping ? nil : [alarms.min?.at, looksAt].compactMap { $0 }.min()
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .deploymentsChanged(let deployments): change(to: deployments, now)
    case .readinessChanged(let module, let isReady):
      deployments[module]?.isReady = isReady
      offerTurn(module)
    case .recovered(let pending), .redelivered(let pending):
      for delivery in pending { owe(delivery, now) }
    case .eventReceived(let request, let event, let data, let principal):
      receive(request, event, data, principal, handledBy: [], now, &directives)
    case .handledEventReceived(let request, let event, let data, let principal, let modules):
      receive(request, event, data, principal, handledBy: modules, now, &directives)
    case .lifecycleOccurred(let request, let event, let data, let isWatched):
      takeIn(request, event, data, isWatched: isWatched, now, &directives)
    case .eventAppended(let request, let appended):
      accept(request, appended, now, &directives)
    case .appendFailed(let request, let problem):
      if let accepted = appending.removeValue(forKey: request) { release(accepted) }
      directives.append(.refuse(request, problem))
    case .activationFinished(let id, let event, let result, let data, let effects):
      finish(id, event, result, data, effects, now, &random)
    case .eventUnreadable(let id, let problem):
      finishFailed(id, Self.failure(of: problem), now, &random)
    case .activationLost(let id): finishFailed(id, Self.lost, now, &random)
    case .changeRecorded(let id, let published):
      recorded(id, published, now, &random, &directives)
    case .recordFailed(let id, _): postponeRecord(id, now, &random)
    case .effectsRefused(let id, let problem): refuseEffects(id, problem, now)
    case .effectsOffered(let request, let module, let event, let offered):
      commit(request, module, event, offered, now, &random, &directives)
    case .effectsCommitted(let request, let appended):
      confirm(request, appended, now, &directives)
    case .commitFailed(let request, let problem):
      for accepted in committing.removeValue(forKey: request) ?? [] { release(accepted) }
      directives.append(.refuse(request, problem))
    case .deadLetterReplayed(let pending): replay(pending, now)
    case .deadlineReached:
      wake(now)
      giveUpOverdue(now, &directives)
    case .stopRequested: isStopping = true
    }
    dispatchRecords(&directives)
    dispatch(now, &directives)
    return directives
  }

  /// Whether anything more can be owed; publishers and replays are refused while it is false.
  public var hasRoom: Bool {
    pendingCount < limits.pendingDeliveries && pendingBytes < limits.pendingBytes.bytes
  }

  /// Whether events of the past may be owed again: not while the present needs more than half the room.
  public var hasRoomForReplay: Bool {
    pendingCount < (limits.pendingDeliveries + 1) / 2
      && pendingBytes < limits.pendingBytes.bytes / 2
  }

  /// The modules that want an event now, sorted, groups or not.
  public func modules(for event: Event, data: JSONValue?) -> [ModuleName] {
    table.modules(for: event, data: data)
  }

  /// Whether `eventReceived` must come with the data of an event: some pattern asks for it. What is not
  /// asked for need not be parsed.
  public func needsData(of event: Event) -> Bool {
    needsData(of: event.topic, in: event.namespace)
  }

  /// Whether `activationFinished` must come with the data of a result of a module.
  public func needsData(ofResultsOf module: QualifiedName) -> Bool {
    guard let topic = deployments[module]?.configuration.resultTopic else { return false }
    return needsData(of: topic, in: module.namespace)
  }

  /// Whether what a module publishes to a topic must come with its data.
  public func needsData(of topic: Topic, in namespace: Namespace) -> Bool {
    table.needsData(for: topic, in: namespace) || orderNeedsData(for: topic, in: namespace)
  }

  // Taking events in.

  private mutating func receive(
    _ request: RequestID, _ event: Event, _ data: JSONValue?, _ principal: Principal,
    handledBy modules: Set<ModuleName>, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard !isStopping else {
      directives.append(.refuse(request, Self.stopping))
      return
    }
    let accepted = accepted(event, data, by: principal, handledBy: modules, now)
    let count = accepted.targets.count
    let bytes = event.footprint.bytes * count
    guard hasRoom(for: accepted) else {
      directives.append(.refuse(request, full(for: count, bytes: bytes, now)))
      return
    }
    guard appending.count < limits.appending else {
      directives.append(.refuse(request, lagging(now)))
      return
    }
    pendingCount += count
    pendingBytes += bytes
    owes(1, toTargetsOf: accepted)
    appending[request] = accepted
    directives.append(.append(request, accepted))
  }

  /// Whether there is room for an event, or it goes to modules alone that have a right to the reserve.
  private func hasRoom(for accepted: AcceptedEvent) -> Bool {
    let count = pendingCount + accepted.targets.count
    let bytes = pendingBytes + accepted.event.footprint.bytes * accepted.targets.count
    if count <= limits.pendingDeliveries, bytes <= limits.pendingBytes.bytes { return true }
    guard count <= limits.pendingDeliveries + limits.reservedDeliveries,
      bytes <= limits.pendingBytes.bytes + limits.reservedBytes
    else { return false }
    return accepted.targets.allSatisfy { target in
      owedTo[QualifiedName(accepted.event.namespace, target)] ?? 0 < limits.fewDeliveries
    }
  }

  /// The refusal of what comes too late.
  public static let stopping = Problem(
    .unavailable, code: "stopping", "the program is stopping", next: "Try again when it is back.")

  /// The refusal while there is no room for so much more: it says when there will be, at the rate at which
  /// deliveries end.
  public func full(for count: Int = 1, bytes: Int = 0, _ now: Instants) -> Problem {
    // A little more than is asked for: others wait, too.
    let room = limits.pendingDeliveries / Self.roomDivisor
    let roomBytes = limits.pendingBytes.bytes / Self.roomDivisor
    return Problem(
      .overloaded, code: "event_log_full", "too many events wait to be delivered",
      next: "Slow down and try again; see what waits with `wasmatrix doctor`.",
      retryAfter: settling.time(
        toDrain: pendingCount + max(count, room) - limits.pendingDeliveries,
        bytes: pendingBytes + max(bytes, roomBytes) - limits.pendingBytes.bytes,
        at: now.monotonic))
  }

  /// What should be free when publishers come back: one in so many parts of all there may be.
  private static let roomDivisor = 20

  /// The refusal while the log does not keep up with what is published.
  private func lagging(_ now: Instants) -> Problem {
    Problem(
      .overloaded, code: "event_log_lagging", "too many events wait to be made durable",
      next: "Slow down and try again; see how fast the disk is.",
      retryAfter: appended.time(toDrain: appending.count, bytes: 0, at: now.monotonic))
  }

  private mutating func accept(
    _ request: RequestID, _ appended: AppendedEvent, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let accepted = appending.removeValue(forKey: request) else { return }
    self.appended.drained(bytes: 0, at: now.monotonic)
    directives.append(.accept(request, appended))
    release(accepted)
    owe(accepted, appended, now)
  }

  /// An event with those who are to get it, decided now and never again.
  mutating func accepted(
    _ event: Event, _ data: JSONValue?, by principal: Principal,
    handledBy modules: Set<ModuleName> = [], _ now: Instants
  ) -> AcceptedEvent {
    var exceeded = 0
    let targets = recipients(of: event, data: data, handledBy: modules, exceeded: &exceeded)
    patternWorkExceeded += exceeded
    return AcceptedEvent(
      event: event, acceptedAt: now.wall, principal: principal, targets: targets,
      orderKeys: orderKeys(of: event, data: data, for: targets))
  }

  /// Gives back what an event reserved while it was being appended.
  mutating func release(_ accepted: AcceptedEvent) {
    owes(-1, toTargetsOf: accepted)
    pendingCount -= accepted.targets.count
    pendingBytes -= accepted.event.footprint.bytes * accepted.targets.count
  }

  /// Owes the deliveries of an event that is in the log.
  mutating func owe(_ accepted: AcceptedEvent, _ appended: AppendedEvent, _ now: Instants) {
    for (target, id) in zip(accepted.targets, appended.deliveries) {
      owe(
        PendingDelivery(
          id: id, offset: appended.offset, namespace: accepted.event.namespace, module: target,
          failedAttempts: 0, footprint: accepted.event.footprint,
          orderKey: accepted.orderKeys[target]),
        now)
    }
  }

  mutating func owe(_ pending: PendingDelivery, _ now: Instants) {
    let delivery = Delivery(pending)
    guard deliveries[delivery.id] == nil else { return }
    deliveries[delivery.id] = delivery
    pendingCount += 1
    pendingBytes += delivery.footprint.bytes
    owes(1, to: delivery.module)
    let isFirst = takePlace(delivery.id)
    if deployments[delivery.module] == nil {
      putAside(delivery.id, Self.undeployed(delivery.module), now)
    } else if isFirst {
      enqueue(delivery.id)
    } else {
      deliveries[delivery.id]?.state = .held
    }
  }
}
