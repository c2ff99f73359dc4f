public import ClusterModel
import DequeModule
public import HostPorts
public import Logging
public import NodeAgentLogic

/// The agent of a node: it owns ``NodeAgentLogic``, tells it what happens, and carries out what it
/// decides with the engine of this machine.
public actor NodeAgent {
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
  private let mailbox: AsyncStream<ControlMessage>
  private nonisolated let letters: AsyncStream<ControlMessage>.Continuation
  private var reading: Task<Void, Never>?
  private var alarm: (at: MonotonicInstant, task: Task<Void, Never>)?
  /// Preparations under way, and those that wait until fewer are. Each holds a whole module in memory,
  /// so that a plan with a thousand placements must not begin them all.
  private var preparations: [PlacementID: (attempt: UInt64, task: Task<Void, Never>)] = [:]
  private var waiting: Deque<(id: PreparationID, order: PlacementOrder)> = []
  /// More would not be faster: signatures are verified one after the other.
  private static let maximumPreparations = 4
  /// Whoever waits until something has changed.
  private var watchers: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var lastWatcher: UInt64 = 0
  private var isAttached = false
  /// The way that is open, or was opened last.
  private var link: AgentLink?
  private var hasEnded = false

  /// Messages that may wait to be read; what comes beyond that is lost, and said again.
  private static let mailboxSize = 10_000
  /// How long an activation waits for the plan that it belongs to.
  private static let planPatience = Duration.seconds(1)

  /// - Parameters:
  ///   - incarnation: larger than that of any earlier agent of this node.
  ///   - firstCode: with `quick` a placement is ready sooner, and optimised while it serves.
  ///   - random: for back-off, and for the identifiers of spans.
  public init(
    _ registration: NodeRegistration, engine: any ModuleEngine, firstCode: CodeMode = .optimised,
    plane: any ControlPlaneConnection, http: any OutboundHTTP, clock: any HostClock,
    logger: Logger,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    configuration: NodeAgentLogic.Configuration = NodeAgentLogic.Configuration()
  ) {
    self.registration = registration
    self.plane = plane
    self.clock = clock
    self.logger = logger
    self.random = random
    runner = PlacementRunner(
      id: registration.node, engine: engine, firstCode: firstCode, plane: plane, http: http,
      clock: clock, logger: logger, random: random)
    logic = NodeAgentLogic(registration: registration, configuration: configuration)
    (mailbox, letters) = AsyncStream.makeStream(
      of: ControlMessage.self, bufferingPolicy: .bufferingOldest(Self.mailboxSize))
  }

  /// Attaches to the control plane; returns when it has been let in.
  public func start() async {
    let mailbox = mailbox
    reading = Task { [weak self] in
      for await message in mailbox { await self?.feed(.controlPlaneSpoke(message)) }
    }
    feed(.started)
    while !isAttached, !hasEnded { await change() }
  }

  /// Discards everything and says so to the control plane. Services are stopped; what else runs goes on to
  /// its end.
  public func stop() async {
    guard !hasEnded else { return }
    feed(.stopRequested)
    while !hasEnded { await change() }
    if let link { await plane.close(link.id, from: registration.node, registration.incarnation) }
    alarm?.task.cancel()
    for preparation in preparations.values { preparation.task.cancel() }
    letters.finish()
    await reading?.value
    runner.close()
  }

  /// Tells the logic what has happened, and carries out what it decides.
  func feed(_ input: NodeAgentLogic.Input) {
    inputs.append(input)
    // What comes of carrying out is told when that is done.
    guard !isFeeding else { return }
    isFeeding = true
    while let next = inputs.popFirst(), !hasEnded {
      for directive in logic.handle(next, at: clock.now(), using: &random) { carryOut(directive) }
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
      beginPreparations()
    case .discard(let placement):
      giveUpPreparing(placement)
      runner.discard(placement)
    case .serve(let placement, let fence): runner.serve(placement, under: fence)
    case .pause(let placement): runner.serve(placement, under: nil)
    case .startService(let run): startService(run)
    case .stopService(let run): services[run]?.instance.endInput()
    case .killService(let run): services[run]?.task.cancel()
    case .report(let notice): log(notice)
    case .end: hasEnded = true
    }
    if logic.isAttached { isAttached = true }
  }

  private func openLink() {
    let agent = LocalAgentConnection(agent: self, letters: letters)
    Task {
      do throws(Problem) {
        let link = try await plane.open(
          agent, from: registration.node, registration.incarnation)
        self.link = link
        feed(.linkOpened(heartbeatInterval: link.heartbeatInterval))
      } catch {
        logger.warning("the control plane is not there", metadata: ["problem": "\(error)"])
        feed(.linkClosed)
      }
    }
  }

  /// The control plane closed the link; another one is opened when it can be.
  func linkClosed() {
    isAttached = false
    feed(.linkClosed)
  }

  private var vitals: Vitals {
    let facts = runner.facts.engine
    let activity = runner.activity
    let share = min(100, 100 * Double(facts.liveInstances) / Double(max(1, facts.instanceSlots)))
    // Both shares lie within 0 and 100.
    let load =
      (try? NodeLoad(
        cpuPercent: facts.queuedActivations > 0 ? 100 : share, memoryPercent: share,
        activeModules: activity.running)) ?? .idle
    return Vitals(
      progress: UInt64(activity.ended),
      isBusy: facts.queuedActivations > 0, load: load)
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
    case .attachRefused(let problem):
      logger.error("the control plane refuses this node", metadata: ["problem": "\(problem)"])
    }
  }

  // Preparing.

  private func giveUpPreparing(_ placement: PlacementID) {
    waiting.removeAll { $0.id.placement == placement }
    preparations[placement]?.task.cancel()
  }

  private func beginPreparations() {
    while preparations.count < Self.maximumPreparations, let index = nextWaiting() {
      let (id, order) = waiting.remove(at: index)
      let task = Task { await prepare(id, order) }
      preparations[id.placement] = (id.attempt, task)
    }
  }

  /// Never two of one placement at a time: one that was given up ends first.
  private func nextWaiting() -> Int? {
    waiting.firstIndex { preparations[$0.id.placement] == nil }
  }

  private func prepare(_ id: PreparationID, _ order: PlacementOrder) async {
    let input: NodeAgentLogic.Input
    do throws(Problem) {
      let bytes = try await plane.module(order.deployment.digest)
      let keys = try await plane.trustedKeys()
      let module = try await runner.prepare(order, module: bytes, keys: keys)
      // Looked at after the wait: it may have been given up meanwhile.
      if logic.isPreparing(id) { runner.hold(order.deployment, module) }
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

  // Time.

  private func setAlarm() {
    guard !hasEnded, let deadline = logic.nextDeadline else { return }
    if let alarm, alarm.at <= deadline { return }
    alarm?.task.cancel()
    let wait = deadline - clock.now().monotonic
    let task = Task {
      do {
        try await Task.sleep(for: max(wait, .zero), tolerance: .zero)
        self.alarmRang()
      } catch {
        // Cancelled: an earlier alarm was set instead, or the agent ends.
      }
    }
    alarm = (deadline, task)
  }

  private func alarmRang() {
    alarm = nil
    feed(.deadlineReached)
  }

  /// Returns when the logic has taken something in.
  private func change() async {
    await withCheckedContinuation { continuation in
      lastWatcher += 1
      watchers[lastWatcher] = continuation
    }
  }

  // Running.

  func run(
    _ id: PlacementID, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    let deadline = clock.now().monotonic + Self.planPatience
    while logic.mayServeLater(id, under: fence), !hasEnded, clock.now().monotonic < deadline {
      // A heartbeat comes at the latest, so that this does not wait for ever.
      await change()
    }
    guard let placement = runner.placement(id, under: fence) else {
      return ActivationReport(
        result: .failure(
          ActivationFailure(
            code: .unavailable, message: "\(id.name) does not serve on \(registration.node)")))
    }
    return await runner.run(placement, on: event, attempt: attempt)
  }

  /// Whether an activation may begin without a look at the plan: the way of nearly all of them.
  nonisolated func placement(_ id: PlacementID, under fence: PlanVersion) -> Placement? {
    runner.placement(id, under: fence)
  }

  nonisolated func run(
    _ placement: Placement, on event: Event, attempt: Int
  ) async -> ActivationReport {
    await runner.run(placement, on: event, attempt: attempt)
  }

  nonisolated var facts: NodeFacts { runner.facts }
  nonisolated var logs: LogKeeper { runner.logs }

  var placementStatuses: [PlacementStatus] {
    var roles: [PlacementID: PlacementRole] = [:]
    for held in logic.report.placements { roles[held.placement] = held.role }
    return runner.statuses(roles: roles, services: serviceStatuses(roles.keys))
  }
}
