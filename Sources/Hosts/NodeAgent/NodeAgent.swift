public import ClusterModel
import DequeModule
public import HostPorts
public import Logging
public import NodeAgentLogic

/// The agent of a node: it owns ``NodeAgentLogic``, tells it what happens, and carries out what it
/// decides with the engine of this machine.
///
/// It runs on a thread of its own: decisions, heartbeats and what the control plane says wait for none of
/// Swift's threads. So nothing here may take long; what does is `@concurrent`. Activations do not come this
/// way, unless they have to wait for a plan.
public actor NodeAgent {
  private nonisolated let thread: any ActorThread
  let runner: PlacementRunner
  let registration: NodeRegistration
  let plane: any ControlPlaneConnection
  let clock: any HostClock
  let logger: Logger
  private(set) var logic: NodeAgentLogic
  /// What has happened and was not told the logic yet: one thing after the other.
  private var inputs: Deque<NodeAgentLogic.Input> = []
  private var isFeeding = false
  /// The services that run.
  var services: [ServiceRunID: Service] = [:]
  private var random: any RandomNumberGenerator & Sendable
  private nonisolated let mailbox = Mailbox()
  /// When the thread's alarm rings.
  private var alarm: MonotonicInstant?
  /// The shares of the workers' steps that count.
  private var progress = WorkerProgress()
  /// Preparations under way, and those that wait until fewer are. Each holds a whole module in memory,
  /// so that a plan with a thousand placements must not begin them all.
  private var preparations: [PlacementID: Preparation] = [:]
  private var waiting: Deque<(id: PreparationID, order: PlacementOrder)> = []
  /// What waits: a plan with a thousand placements must not look through all of them for each.
  private var isWaiting: Set<PlacementID> = []

  /// One that is under way.
  struct Preparation {
    let task: Task<Void, Never>
    let transfer: TransferProgress
    /// Whether the whole module is there.
    var isFetched = false
  }
  /// More would not be faster: signatures are verified one after the other.
  private static let maximumPreparations = 4
  /// Whoever waits for what was asked by hand (`+ByHand`).
  var handRequests: [RequestID: CheckedContinuation<Result<HeldByHand, Problem>, Never>] = [:]
  var lastHandRequest: UInt64 = 0
  /// Whoever waits until something has changed.
  private var watchers: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var lastWatcher: UInt64 = 0
  private(set) var isAttached = false
  /// What is kept for a start without a control plane; `nil` where there is no such start.
  let store: (any NodeStore)?
  var keeping = Keeping()
  var askedKeys = AskedKeys()
  /// Hears of each standing plan that counts.
  let onStanding: @Sendable (StandingPlan) -> Void
  /// The way that is open, or was opened last.
  private var link: AgentLink?
  /// Whether it was said that the control plane is away, which is not said at each attempt.
  private var isKnownAway = false
  private(set) var hasEnded = false

  /// How long an activation waits for the plan that it belongs to.
  static let planPatience = Duration.seconds(1)

  /// - Parameters:
  ///   - incarnation: larger than that of any earlier agent of this node.
  ///   - firstCode: with `quick` a placement is ready sooner, and optimised while it serves.
  ///   - thread: runs this agent alone; it is finished with it.
  ///   - random: for back-off, and for the identifiers of spans.
  public init(
    _ registration: NodeRegistration, engine: any ModuleEngine, firstCode: CodeMode = .optimised,
    plane: any ControlPlaneConnection, outbox: OutboxEntry? = nil, store: (any NodeStore)? = nil,
    onStanding: @escaping @Sendable (StandingPlan) -> Void = { _ in }, http: any OutboundHTTP,
    clock: any HostClock, thread: any ActorThread, logger: Logger,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    configuration: NodeAgentLogic.Configuration = NodeAgentLogic.Configuration()
  ) {
    self.thread = thread
    self.registration = registration
    self.plane = plane
    self.store = store
    self.onStanding = onStanding
    self.clock = clock
    self.logger = logger
    self.random = random
    runner = PlacementRunner(
      id: registration.node, engine: engine, firstCode: firstCode, plane: plane, outbox: outbox,
      http: http,
      clock: clock, logger: logger, random: random)
    logic = NodeAgentLogic(registration: registration, configuration: configuration)
  }

  deinit { thread.finish() }

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    thread.asUnownedSerialExecutor()
  }

  /// Attaches to the control plane; returns when it has been let in, or is alone and has begun with what it was
  /// told last, if there is that.
  public func start() async {
    feed(.started)
    while !isAttached, !keeping.hasRecalled, !hasEnded { await change() }
  }

  /// Discards everything and says so to the control plane. Services are stopped; what else runs goes on to
  /// its end.
  public func stop() async {
    guard !hasEnded else { return }
    feed(.stopRequested)
    while !hasEnded { await change() }
    if let link { await plane.close(link.id, from: registration.node, registration.incarnation) }
    thread.cancelAlarm()
    for preparation in preparations.values { preparation.task.cancel() }
    runner.close()
  }

  /// The control plane says something; from any thread, and never waited for.
  nonisolated func take(_ message: ControlMessage) {
    guard mailbox.put(message, canWait: canWait(message)) else { return }
    thread.perform { [weak self] in self?.assumeIsolated { $0.readMail() } }
  }

  /// While the lease runs, an acknowledgement of a heartbeat is read with the next one: each would wake the thread
  /// once more.
  private nonisolated func canWait(_ message: ControlMessage) -> Bool {
    guard case .heartbeatAcknowledged = message else { return false }
    return runner.lease.holds(at: clock.now().monotonic)
  }

  private func readMail() {
    for message in mailbox.takeAll() { feed(.controlPlaneSpoke(message)) }
  }

  /// Tells the logic what has happened, and carries out what it decides.
  func feed(_ input: NodeAgentLogic.Input) {
    inputs.append(input)
    // What comes of carrying out is told when that is done.
    guard !isFeeding else { return }
    isFeeding = true
    while let next = inputs.popFirst(), !hasEnded {
      let directives = logic.handle(next, at: clock.now(), using: &random)
      runner.lease.runs(until: logic.leaseEnd)
      for directive in directives { carryOut(directive) }
    }
    isFeeding = false
    setAlarm()
    let watching = watchers
    watchers = [:]
    for watcher in watching.values { watcher.resume() }
  }

  private func carryOut(_ directive: NodeAgentLogic.Directive) {
    switch directive {
    case .openLink: openLink()
    case .send(let message):
      if case .attached = message { isAttached = false }
      plane.send(message)
    case .measureVitals: feed(.vitalsMeasured(vitals))
    case .prepare(let id, let order):
      giveUpPreparing(id.placement)
      waiting.append((id, order))
      isWaiting.insert(id.placement)
      beginPreparations()
    case .renew(let order, let source): runner.renew(order.deployment, from: source)
    case .discard(let placement):
      giveUpPreparing(placement)
      runner.discard(placement)
    case .serve(let placement, let fence): runner.serve(placement, under: fence)
    case .pause(let placement):
      runner.serve(placement, under: nil)
      endEffects(of: placement)
    case .startService(let run): startService(run)
    case .stopService(let run): services[run]?.instance.endInput()
    case .killService(let run): services[run]?.task.cancel()
    case .answer(let request, let result):
      handRequests.removeValue(forKey: request)?.resume(returning: result)
    case .readKeys: readKeys()
    case .recall: recall()
    case .keepStanding(let sealed): keep(sealed)
    case .remember(let version): remember(version)
    case .report(let notice): log(notice)
    case .end:
      hasEnded = true
      endHandRequests()
    }
    if logic.isAttached { isAttached = true }
  }

  private func openLink() {
    Task {
      do throws(Problem) {
        let link = try await open(LocalAgentConnection(agent: self))
        // It was stopped meanwhile, and nobody else knows of this one.
        guard !hasEnded else {
          return await plane.close(link.id, from: registration.node, registration.incarnation)
        }
        self.link = link
        if isKnownAway { logger.notice("the control plane is there again") }
        isKnownAway = false
        feed(.linkOpened(heartbeatInterval: link.heartbeatInterval))
      } catch {
        logger.log(
          level: isKnownAway ? .debug : .warning, "the control plane is not there",
          metadata: ["problem": "\(error)"])
        isKnownAway = true
        feed(error.category == .refused ? .linkRefused : .linkClosed)
      }
    }
  }

  @concurrent private nonisolated func open(
    _ agent: LocalAgentConnection
  ) async throws(Problem) -> AgentLink {
    try await plane.open(agent, from: registration.node, registration.incarnation)
  }

  /// The control plane closed the link; another one is opened when it can be.
  func linkClosed() {
    isAttached = false
    feed(.linkClosed)
  }

  private var vitals: Vitals {
    let engine = runner.engineActivity
    let share = min(100, 100 * Double(engine.liveInstances) / Double(max(1, engine.instanceSlots)))
    // Both shares lie within 0 and 100.
    let load =
      (try? NodeLoad(
        cpuPercent: engine.queuedActivations > 0 ? 100 : share, memoryPercent: share,
        activeModules: runner.running)) ?? .idle
    let seen = progress.look(at: engine.workers, queued: engine.queuedActivations)
    return Vitals(progress: seen.progress, isBusy: seen.isBusy, load: load)
  }

  private func log(_ notice: NodeAgentLogic.Notice) {
    switch notice {
    case .staleRefused(let version, let seen):
      logger.notice(
        "something older than what was seen is refused",
        metadata: ["version": "\(version)", "seen": "\(seen)"])
    case .leaseRanOut:
      logger.warning("the control plane is silent: what must stop when isolated is paused")
    case .service(let namespace, let application, let path, let event):
      log(namespace, application, path, event)
    case .releasedByHand(let name, let reason):
      logger.notice(
        "what was held by hand is let go",
        metadata: ["module": "\(name)", "because": "\(reason.rawValue)"])
    case .attachRefused(let problem):
      logger.error("the control plane refuses this node", metadata: ["problem": "\(problem)"])
    case .obeysAlone, .standingRefused, .standingEnded: logAlone(notice)
    }
  }

  // Preparing.

  private func giveUpPreparing(_ placement: PlacementID) {
    if isWaiting.remove(placement) != nil {
      waiting.removeAll { $0.id.placement == placement }
    }
    preparations[placement]?.task.cancel()
  }

  private func beginPreparations() {
    while preparations.count < Self.maximumPreparations, let index = nextWaiting() {
      let (id, order) = waiting.remove(at: index)
      isWaiting.remove(id.placement)
      let transfer = TransferProgress()
      let task = Task { await prepare(id, order, transfer) }
      preparations[id.placement] = Preparation(task: task, transfer: transfer)
    }
  }

  /// Never two of one placement at a time: one that was given up ends first.
  private func nextWaiting() -> Int? {
    waiting.firstIndex { preparations[$0.id.placement] == nil }
  }

  private func prepare(
    _ id: PreparationID, _ order: PlacementOrder, _ transfer: TransferProgress
  ) async {
    let input: NodeAgentLogic.Input
    do throws(Problem) {
      let code = try await code(for: id, order, transfer)
      // Looked at after the wait: it may have been given up meanwhile.
      if logic.isPreparing(id) { runner.hold(order.deployment, code) }
      input = .placementPrepared(id)
    } catch {
      if logic.isPreparing(id) {
        logger.error(
          "a placement failed",
          metadata: [
            "module": "\(order.deployment.name)@\(order.deployment.version)",
            "problem": "\(error)",
          ])
      }
      input = .placementFailed(id, error)
    }
    preparations[id.placement] = nil
    feed(input)
    beginPreparations()
  }

  /// The code that an order needs: what is ready here for others already, or made ready now.
  private func code(
    for id: PreparationID, _ order: PlacementOrder, _ transfer: TransferProgress
  ) async throws(Problem) -> ReadyCode {
    if runner.hasCode(order.deployment.digest) {
      let keys = try await trustedKeys(since: id)
      if let code = try runner.code(for: order, keys: keys) { return code }
    }
    let (bytes, isKept) = try await module(order.deployment.digest, transfer)
    preparations[id.placement]?.isFetched = true
    return try await makeReady(order, bytes, isKept: isKept)
  }

  @concurrent private nonisolated func makeReady(
    _ order: PlacementOrder, _ bytes: [UInt8], isKept: Bool
  ) async throws(Problem) -> ReadyCode {
    let keys = try await trustedKeys()
    // Written while it is compiled.
    async let kept: Void = isKept ? () : keep(bytes, order.deployment.digest)
    let result: Result<ReadyCode, Problem>
    do throws(Problem) {
      result = .success(try await runner.prepare(order, module: bytes, keys: keys))
    } catch {
      result = .failure(error)
    }
    await kept
    return try result.get()
  }

  // Time.

  private func setAlarm() {
    guard !hasEnded, let deadline = logic.nextDeadline else { return }
    if let alarm, alarm <= deadline { return }
    alarm = deadline
    let wait = max(deadline - clock.now().monotonic, .zero)
    thread.setAlarm(after: wait) { [weak self] in self?.assumeIsolated { $0.alarmRang() } }
  }

  private func alarmRang() {
    alarm = nil
    readMail()
    feed(.deadlineReached)
  }

  /// Returns when the logic has taken something in.
  func change() async {
    await withCheckedContinuation { continuation in
      lastWatcher += 1
      watchers[lastWatcher] = continuation
    }
  }

  nonisolated var facts: NodeFacts { runner.facts }
  nonisolated var logs: LogKeeper { runner.logs }

  var placementStatuses: [PlacementStatus] {
    let roles = standings
    return runner.statuses(roles: roles, services: serviceStatuses(roles.keys))
  }

  /// How far everything is that the node should hold.
  var distribution: [DistributionStatus] {
    logic.holdings.compactMap { holding in
      let id = holding.deployment.placement
      let stage: DistributionStage
      switch holding.condition {
      case .failed(let problem): stage = .failed(problem)
      case .ready:
        // It is just being discarded otherwise.
        guard let placement = runner.placement(id) else { return nil }
        stage = .ready(since: placement.readySince)
      case .preparing:
        stage =
          preparations[id].map { $0.isFetched ? .compiling : .fetching($0.transfer.amount) }
          ?? .waiting
      }
      return DistributionStatus(
        node: registration.node, placement: id, version: holding.deployment.version,
        digest: holding.deployment.digest, role: holding.standing, stage: stage)
    }
  }

  /// Why each placement is here.
  var standings: [PlacementID: PlacementStanding] {
    var roles: [PlacementID: PlacementStanding] = [:]
    for held in logic.report.placements { roles[held.placement] = PlacementStanding(held.role) }
    for placement in logic.readyByHand { roles[placement] = .byHand }
    return roles
  }
}
