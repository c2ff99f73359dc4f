public import ClusterModel
import ControlPlaneLogic
import EventRouting
public import HostPorts
public import Logging
public import NodeAgent

/// The control plane of a cluster: it owns ``ControlPlaneLogic``, tells it what happens, and carries
/// out what it decides, with the stores, the event log and the node agent.
///
/// The path of an event: `publish` (ControlPlane+Events) -> the logic -> `append` to the log ->
/// durable -> the publisher is answered -> `activate` -> the node agent runs a fresh instance ->
/// the logic -> `record` in the log -> done, tried again, or put aside.
public actor ControlPlane {
  let catalogStore: any CatalogStore
  let blobs: any BlobStore
  let log: any EventLog
  let agent: NodeAgent
  let verifiers = VerifierPool()
  let clock: any HostClock
  let logger: Logger

  var logic: ControlPlaneLogic
  private var random: any RandomNumberGenerator & Sendable
  private var lastRequest: UInt64 = 0
  /// Those who wait for an answer of the logic.
  private var catalogReplies: [RequestID: CheckedContinuation<CatalogLogic.Reply, Never>] = [:]
  private var eventReplies:
    [RequestID: CheckedContinuation<Result<AppendedEvent, Problem>, Never>] = [:]
  /// Those who watch how their deployment comes on.
  var progress: [RequestID: @Sendable (DeployProgress) -> Void] = [:]
  /// What is being carried out right now, so that stopping can wait for it and end it.
  private var work: [UInt64: Task<Void, Never>] = [:]
  private var invocations: [UInt64: Task<ActivationReport, Never>] = [:]
  private var lastWork: UInt64 = 0
  private var alarm: (at: MonotonicInstant, task: Task<Void, Never>)?
  var waiters = SettlementWaiters()
  var recentEvents = RecentEvents()
  var placing = PlacementQueue()
  private(set) var phase = Phase.starting

  enum Phase { case starting, running, stopping }

  /// Where the parts of a control plane come from.
  public struct Parts: Sendable {
    public var catalog: any CatalogStore
    public var blobs: any BlobStore
    public var events: any EventLog
    public var agent: NodeAgent
    public var clock: any HostClock
    public var random: any RandomNumberGenerator & Sendable
    public var logger: Logger
    public init(
      catalog: any CatalogStore, blobs: any BlobStore, events: any EventLog, agent: NodeAgent,
      clock: any HostClock, random: any RandomNumberGenerator & Sendable, logger: Logger
    ) {
      self.catalog = catalog
      self.blobs = blobs
      self.events = events
      self.agent = agent
      self.clock = clock
      self.random = random
      self.logger = logger
    }
  }

  /// Loads what was stored, makes the placements ready again (in the background), and goes on with
  /// the deliveries that an earlier run left behind.
  ///
  /// - Throws: ``Problem``: what the stores say.
  public static func start(_ parts: Parts) async throws(Problem) -> ControlPlane {
    let snapshot = try await parts.catalog.load()
    let pending = try await parts.events.pendingDeliveries()
    let plane = ControlPlane(parts, snapshot)
    await plane.begin(pending)
    return plane
  }

  private init(_ parts: Parts, _ snapshot: CatalogSnapshot) {
    catalogStore = parts.catalog
    blobs = parts.blobs
    log = parts.events
    agent = parts.agent
    clock = parts.clock
    random = parts.random
    logger = parts.logger
    logic = ControlPlaneLogic(snapshot)
  }

  private func begin(_ pending: [PendingDelivery]) {
    feed(.catalog(.started))
    feed(.events(.recovered(pending)))
    phase = .running
  }

  /// Takes nothing more in, lets what runs come to its end for at most `patience`, ends the rest, and
  /// closes the stores. What was not done is done after the next start.
  public func stop(patience: Duration = .seconds(5)) async {
    guard phase != .stopping else { return }
    phase = .stopping
    feed(.events(.stopRequested))
    alarm?.task.cancel()
    let deadline = clock.now().monotonic + patience
    let impatience = Task {
      // Cancelled when everything is done sooner: then there is nothing left to end.
      try? await Task.sleep(for: patience)
      self.cancelWork()
    }
    while true {
      if let (_, task) = work.first {
        await task.value
      } else if let (id, task) = invocations.first {
        _ = await task.value
        invocations[id] = nil
      } else {
        break
      }
    }
    impatience.cancel()
    waiters.wakeAll()
    agent.stop()
    do throws(Problem) {
      try await log.close()
      try await catalogStore.close()
    } catch {
      logger.error("a store could not be closed", metadata: ["problem": "\(error)"])
    }
    let late = clock.now().monotonic - deadline
    if late > .zero { logger.warning("stopping took \(late.milliseconds) ms too long") }
  }

  private func cancelWork() {
    for task in work.values { task.cancel() }
    for task in invocations.values { task.cancel() }
  }

  /// Tells the logic what has happened, and begins to carry out what it decides.
  func feed(_ input: ControlPlaneLogic.Input) {
    for directive in logic.handle(input, at: clock.now(), using: &random) {
      switch directive {
      case .catalog(let directive): carryOut(directive)
      case .events(let directive): carryOut(directive)
      }
    }
    setAlarm()
  }

  /// Wakes the logic when it wants to be woken.
  private func setAlarm() {
    guard phase != .stopping, let deadline = logic.nextDeadline else { return }
    if let alarm, alarm.at <= deadline { return }
    alarm?.task.cancel()
    let wait = deadline - clock.now().monotonic
    let task = Task {
      do {
        try await Task.sleep(for: max(wait, .zero), tolerance: .zero)
        self.alarmRang()
      } catch {
        // Cancelled: an earlier alarm was set instead, or the program stops.
      }
    }
    alarm = (deadline, task)
  }

  private func alarmRang() {
    alarm = nil
    feed(.events(.deadlineReached))
  }

  /// Carries something out beside everything else.
  func begin(_ body: @escaping @Sendable (isolated ControlPlane) async -> Void) {
    lastWork += 1
    let id = lastWork
    work[id] = Task {
      await body(self)
      self.work[id] = nil
    }
  }

  /// Runs a module for somebody who waits. Stopping waits too, and ends it when it takes too long.
  func runNow(_ placement: PlacementID, on event: Event) async -> ActivationReport {
    lastWork += 1
    let id = lastWork
    let task = Task { await agent.run(placement, on: event, attempt: 1) }
    invocations[id] = task
    defer { invocations[id] = nil }
    return await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
  }

  // Those who wait for an answer.

  private func nextRequest() -> RequestID {
    lastRequest += 1
    return RequestID(lastRequest)
  }

  /// Asks the catalog and waits for its answer.
  func ask(
    watching: (@Sendable (DeployProgress) -> Void)? = nil,
    _ input: (RequestID) -> CatalogLogic.Input
  ) async throws(Problem) -> CatalogLogic.Reply {
    try requireRunning()
    let request = nextRequest()
    progress[request] = watching
    let question = input(request)
    let reply = await withCheckedContinuation { continuation in
      catalogReplies[request] = continuation
      feed(.catalog(question))
    }
    progress[request] = nil
    if case .refused(let problem) = reply { throw problem }
    return reply
  }

  func reply(_ request: RequestID, _ reply: CatalogLogic.Reply) {
    catalogReplies.removeValue(forKey: request)?.resume(returning: reply)
  }

  /// Hands an event to the router and waits until it is durable.
  func submit(_ event: Event, by principal: Principal) async throws(Problem) -> AppendedEvent {
    try requireRunning()
    let request = nextRequest()
    let result = await withCheckedContinuation { continuation in
      eventReplies[request] = continuation
      feed(.events(.eventReceived(request, event, principal)))
    }
    return try result.get()
  }

  func reply(_ request: RequestID, _ result: Result<AppendedEvent, Problem>) {
    eventReplies.removeValue(forKey: request)?.resume(returning: result)
  }

  func requireRunning() throws(Problem) {
    switch phase {
    case .running: break
    case .starting:
      throw Problem(
        .unavailable, code: "starting", "the control plane is starting",
        next: "Try again in a moment.")
    case .stopping: throw EventRouter.stopping
    }
  }
}
