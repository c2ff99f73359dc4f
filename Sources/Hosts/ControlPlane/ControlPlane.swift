import ClusterModel
import ControlPlaneLogic
import DequeModule
import EventRouting
import HostPorts
import Logging
import Metrics
import ModuleCatalog
import ModuleVerification
import NodeTracking
import SupervisionRuntime
import Synchronization

/// The control plane of a cluster: it owns ``ControlPlaneLogic``, tells it what happens, and carries
/// out what it decides, with the stores, the event log and the node agents.
///
/// The path of an event: `publish` (ControlPlane+Events) -> the logic -> `append` to the log ->
/// durable -> the publisher is answered -> `activate` -> an agent runs a fresh instance -> the logic ->
/// `record` in the log -> done, tried again, or put aside.
///
/// It is an incarnation of the service `scheduling/scheduler` of ``SupervisedControlPlane``: it holds
/// decisions, and nothing that must outlive it.
///
/// It runs on a thread of its own: that a node is silent is noticed, and decided upon, whatever Swift's threads
/// are busy with.
actor ControlPlane {
  nonisolated let thread: any ActorThread
  private nonisolated let vitalSigns = Mutex(UnreadVitalSigns())
  let catalogStore: any CatalogStore
  let blobs: any BlobStore
  let log: any EventLog
  let room: any DataRoom
  let verifiers: ResourceSlot<VerifierPool>
  /// The ways to the agents.
  let links: AgentLinks
  /// Where requests come in.
  let entry: NodeLocation?
  let deliveries: WorkPool
  let invocations: WorkPool
  let tails: EventTails
  let clock: any HostClock
  let logger: Logger
  /// Signs what nodes may obey alone; `nil` where they never are.
  let sealer: (any PlanSealer)?
  /// Whose tokens nodes may take at their own entrances.
  let access: any AccessStore
  var sealing = Sealing()
  /// Publishes that were repeated, and made nothing happen.
  let duplicates = Counter(label: "wasmatrix_events_duplicate_total")
  /// Lifecycle events that were not told, because there were too many of them.
  let lifecycleDropped = Counter(label: "wasmatrix_lifecycle_dropped_total")

  /// Triggers whose pattern would have taken too much work for an event.
  let patternWorkExceeded = Counter(label: "wasmatrix_pattern_work_exceeded_total")

  /// Invocations that were run again because it was not known what became of them.
  let repeatedInvocations = Counter(label: "wasmatrix_invocations_repeated_total")

  /// Times that the effects of what must stop when isolated were refused, as another may serve.
  let refusedEffects = Counter(label: "wasmatrix_effects_refused_total")
  var refusedClaims = RefusedClaims()
  var fleet = FleetMetrics()

  var logic: ControlPlaneLogic
  private var random: any RandomNumberGenerator & Sendable
  /// Those who wait for an answer of the logic.
  var requests = PendingRequests()
  nonisolated let requestIDs = RequestIDs()
  /// What is being written right now: the end waits for it.
  private var work: [UInt64: Task<Void, Never>] = [:]
  private var lastWork: UInt64 = 0
  /// When the thread's alarm rings.
  private var alarm: MonotonicInstant?
  /// When heartbeats that are gathered are read.
  private var readsAgainAt: MonotonicInstant?
  private var beginning: CheckedContinuation<Problem?, Never>?
  var waiters = SettlementWaiters()
  /// Events that are to be made durable, the oldest first.
  var appends: Deque<Append> = []
  var isAppending = false
  /// Few enough that what becomes of them does not keep heartbeats waiting.
  static let appendedTogether = 128

  struct Append {
    let request: RequestID
    let event: AcceptedEvent
  }
  var recentEvents = RecentEvents()
  /// What is to be told of what was decided, the oldest first.
  var notices: Deque<Notice> = []
  var isAnnouncing = false
  private(set) var phase = Phase.starting

  enum Phase { case starting, running, stopping, ended }

  /// What a control plane is made of.
  struct Parts: Sendable {
    let catalog: any CatalogStore
    let blobs: any BlobStore
    let events: any EventLog
    let room: any DataRoom
    let verifiers: ResourceSlot<VerifierPool>
    let links: AgentLinks
    let deliveries: WorkPool
    let invocations: WorkPool
    let tails: EventTails
    let sealer: (any PlanSealer)?
    let access: any AccessStore
    let clock: any HostClock
    let random: any RandomNumberGenerator & Sendable
    /// Makes what it runs on; it is finished with it.
    let thread: @Sendable () -> any ActorThread
    let logger: Logger
    let configuration: ControlPlaneLogic.Configuration
  }

  /// Loads what was stored, begins a new term, and goes on with the deliveries that an earlier run left
  /// behind. Agents may attach from then on; what is deployed is placed on them in the background.
  ///
  /// - Throws: ``Problem``: what the stores say.
  static func start(_ parts: Parts) async throws(Problem) -> ControlPlane {
    let snapshot = try await parts.catalog.load()
    let pending = try await parts.events.pendingDeliveries()
    let plane = ControlPlane(parts, snapshot)
    do throws(Problem) {
      try await plane.begin(pending)
    } catch {
      await plane.end()
      throw error
    }
    return plane
  }

  private init(_ parts: Parts, _ snapshot: CatalogSnapshot) {
    catalogStore = parts.catalog
    blobs = parts.blobs
    log = parts.events
    room = parts.room
    verifiers = parts.verifiers
    links = parts.links
    entry = parts.configuration.entry
    deliveries = parts.deliveries
    invocations = parts.invocations
    tails = parts.tails
    sealer = parts.sealer
    access = parts.access
    clock = parts.clock
    random = parts.random
    thread = parts.thread()
    logger = parts.logger
    logic = ControlPlaneLogic(snapshot, configuration: parts.configuration)
  }

  deinit { thread.finish() }

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  private func begin(_ pending: [PendingDelivery]) async throws(Problem) {
    let problem = await withCheckedContinuation { continuation in
      beginning = continuation
      feed(.started)
    }
    if let problem { throw problem }
    feed(.events(.recovered(pending)))
    phase = .running
  }

  /// The term is durable, or cannot be made so.
  private func endBeginning(_ problem: Problem?) {
    beginning?.resume(returning: problem)
    beginning = nil
  }

  /// Takes nothing more in, and lets what runs come to its end for at most `patience`; then it is
  /// ended, and done after the next start.
  func quiesce(patience: Duration) async {
    guard phase == .running else { return }
    phase = .stopping
    feed(.events(.stopRequested))
    await deliveries.drain(patience: patience)
    await invocations.drain(patience: patience)
    await settle()
    requests.refuseAll(EventRouter.stopping)
    requests.refuseInvocations(EventRouter.stopping)
  }

  /// It is no more: whoever waits for it hears so, and what is being written comes to its end, so that
  /// the next one reads all of it.
  func end() async {
    let isOrderly = phase == .stopping
    phase = .ended
    thread.cancelAlarm()
    requests.refuseAll(isOrderly ? EventRouter.stopping : Self.interrupted)
    requests.refuseInvocations(isOrderly ? EventRouter.stopping : Self.restarting)
    waiters.wakeAll()
    // Invocations come to their end without it, in time. Events would be run a second time beside the first.
    endOverdueRuns()
    deliveries.cancelAll()
    await settle()
  }

  private func settle() async {
    while let (_, task) = work.first { await task.value }
  }

  /// What callers hear whose request was under way when a part of the control plane was restarted.
  static let interrupted = Problem(
    .unavailable, code: "outcome_unknown",
    "what handled this was restarted meanwhile: it may have been done, or not",
    next: "See whether it was, then ask again if it was not.")

  /// What callers hear of whom nothing ran when it was.
  static let restarting = Problem(
    .unavailable, code: "restarting", "what handled this was restarted before anything ran",
    next: "Try again in a moment.")

  /// Does something on its thread, for which nobody waits.
  nonisolated func onThread(_ body: @escaping @Sendable (isolated ControlPlane) -> Void) {
    thread.perform { self.assumeIsolated(body) }
  }

  /// An agent said something. One that was hung up on since would be registered by it once more.
  func hear(_ message: AgentMessage) {
    if case .attached = message, links[message.node] == nil { return }
    feed(.agentSpoke(message))
  }

  /// A node is alive, or an agent was seen to end; from any thread, and never waited for.
  nonisolated func take(_ sign: VitalSign) {
    let now = clock.now().monotonic
    guard vitalSigns.withLock({ $0.put(sign, at: now) }) else { return }
    thread.perform { [weak self] in self?.assumeIsolated { $0.readVitalSigns() } }
  }

  private func readVitalSigns() {
    let pause = logic.heartbeatsGatherFor
    let signs = vitalSigns.withLock { $0.takeAll(andComesAgain: pause != nil) }
    readsAgainAt = signs.areReadAgain ? pause.map { clock.now().monotonic + $0 } : nil
    for (heartbeat, arrival) in signs.heartbeats {
      feed(.heartbeatArrived(heartbeat, at: arrival))
    }
    for (node, incarnation) in signs.deaths {
      feed(.agentDied(node, incarnation, .processEnded))
    }
  }

  /// Tells the logic what has happened, and begins to carry out what it decides.
  func feed(_ input: ControlPlaneLogic.Input) {
    guard phase != .ended else { return }
    let before = logic.router.patternWorkExceeded
    let directives = logic.handle(input, at: clock.now(), using: &random)
    note(workExceeded: logic.router.patternWorkExceeded - before, on: input)
    for directive in directives { carryOut(directive) }
    announceNotices()
    setAlarm()
    fleet.show(logic.figures)
  }

  private func note(workExceeded triggers: Int, on input: ControlPlaneLogic.Input) {
    guard triggers > 0 else { return }
    patternWorkExceeded.increment(by: Int64(triggers))
    var metadata: Logger.Metadata = ["triggers": "\(triggers)"]
    if case .events(.eventReceived(_, let event, _, _)) = input {
      metadata["topic"] = "\(event.topic)"
      metadata["event"] = "\(event.id)"
    }
    logger.warning(
      "patterns would take too much work for an event: their modules do not get it",
      metadata: metadata)
  }

  private func carryOut(_ directive: ControlPlaneLogic.Directive) {
    switch directive {
    case .persist(let id, let changes): persist(id, changes)
    case .reply(let request, let reply): requests.answer(request, reply)
    case .progress(let request, let step): requests.tell(request, step)
    case .send(let node, let message): links[node]?.send(message)
    case .events(let directive): carryOut(directive)
    case .activate(let id, let offset, let route, let attempt):
      activate(id, offset, route, attempt)
    case .invoke(let request, let route, let attempt): invoke(request, route, attempt)
    case .answerInvocation(let request, let route):
      requests.answerInvocation(request, run: route.run)
    case .endInvocation(let request, let route): requests.endRun(request, route.run)
    case .refuseInvocation(let request, let problem):
      requests.answerInvocation(request, .failure(problem))
    case .abandonRuns(let node): links[node]?.abandonRuns()
    case .hangUp(let node): links.hangUp(on: node)
    case .noteLateAnswer(let id, let route):
      logger.warning(
        "a late answer was dropped: the activation had been given up, and what it did does not count",
        metadata: [
          "delivery": "\(id)", "module": "\(route.placement.name)", "node": "\(route.node)",
          "fence": "\(route.fence)", "run": "\(route.run)",
        ])
    case .seal(let plan, let life): seal(plan, life)
    case .announce(let event): notices.append(.message(event))
    case .failedOver(let failover, let id): tell(failover, id)
    case .announceChanges(let changes): for change in changes { notices.append(.change(change)) }
    }
  }

  private func persist(_ id: PersistID, _ changes: [CatalogChange]) {
    begin { plane in
      do throws(Problem) {
        try await plane.catalogStore.persist(changes)
        plane.feed(.persisted(id))
        if plane.logic.hasBegun { plane.endBeginning(nil) }
      } catch {
        plane.logger.error(
          "a change of the catalog could not be made durable", metadata: ["problem": "\(error)"])
        plane.feed(.persistFailed(id, error))
        plane.endBeginning(error)
      }
    }
  }

  /// Wakes the logic when it wants to be woken.
  private func setAlarm() {
    let deadlines = [logic.nextDeadline, readsAgainAt].compactMap { $0 }
    guard phase != .ended, let deadline = deadlines.min() else { return }
    if let alarm, alarm <= deadline { return }
    alarm = deadline
    let wait = max(deadline - clock.now().monotonic, .zero)
    thread.setAlarm(after: wait) { [weak self] in self?.assumeIsolated { $0.alarmRang() } }
  }

  private func alarmRang() {
    alarm = nil
    // Nobody is silent whose heartbeat is here already.
    readVitalSigns()
    if let deadline = logic.nextDeadline, deadline <= clock.now().monotonic {
      feed(.deadlineReached)
    } else {
      setAlarm()
    }
  }

  /// Writes something beside everything else.
  func begin(_ body: @escaping @Sendable (isolated ControlPlane) async -> Void) {
    lastWork += 1
    let id = lastWork
    work[id] = Task {
      await body(self)
      self.work[id] = nil
    }
  }

  func requireRunning() throws(Problem) {
    switch phase {
    case .running: break
    case .starting:
      throw Problem(
        .unavailable, code: "starting", "the control plane is starting",
        next: "Try again in a moment.")
    case .stopping: throw EventRouter.stopping
    case .ended: throw Self.interrupted
    }
  }
}
