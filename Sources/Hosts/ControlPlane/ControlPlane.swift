public import ClusterModel
public import ControlPlaneLogic
import EventRouting
public import HostPorts
public import Logging
import ModuleCatalog
import ModuleVerification
import NodeTracking

/// The control plane of a cluster: it owns ``ControlPlaneLogic``, tells it what happens, and carries
/// out what it decides, with the stores, the event log and the node agents.
///
/// The path of an event: `publish` (ControlPlane+Events) -> the logic -> `append` to the log ->
/// durable -> the publisher is answered -> `activate` -> an agent runs a fresh instance -> the logic ->
/// `record` in the log -> done, tried again, or put aside.
public actor ControlPlane {
  let catalogStore: any CatalogStore
  let blobs: any BlobStore
  let log: any EventLog
  let verifiers = VerifierPool()
  let clock: any HostClock
  let logger: Logger

  var logic: ControlPlaneLogic
  private var random: any RandomNumberGenerator & Sendable
  /// The ways to the agents.
  var agents: [NodeID: any AgentConnection] = [:]
  private let mailbox: AsyncStream<AgentMessage>
  nonisolated let letters: AsyncStream<AgentMessage>.Continuation
  private var reading: Task<Void, Never>?
  /// Those who wait for an answer of the logic.
  var requests = PendingRequests()
  /// What is being carried out right now, so that stopping can wait for it and end it.
  private var work: [UInt64: Task<Void, Never>] = [:]
  private var lastWork: UInt64 = 0
  private var alarm: (at: MonotonicInstant, task: Task<Void, Never>)?
  private var beginning: CheckedContinuation<Problem?, Never>?
  var waiters = SettlementWaiters()
  var recentEvents = RecentEvents()
  private(set) var phase = Phase.starting

  enum Phase { case starting, running, stopping }

  /// Messages of agents that may wait to be read; what comes beyond that is lost, and said again.
  private static let mailboxSize = 100_000

  /// Where the parts of a control plane come from.
  public struct Parts: Sendable {
    public var catalog: any CatalogStore
    public var blobs: any BlobStore
    public var events: any EventLog
    public var clock: any HostClock
    public var random: any RandomNumberGenerator & Sendable
    public var logger: Logger
    public var configuration: ControlPlaneLogic.Configuration
    public init(
      catalog: any CatalogStore, blobs: any BlobStore, events: any EventLog,
      clock: any HostClock, random: any RandomNumberGenerator & Sendable, logger: Logger,
      configuration: ControlPlaneLogic.Configuration = ControlPlaneLogic.Configuration()
    ) {
      self.catalog = catalog
      self.blobs = blobs
      self.events = events
      self.clock = clock
      self.random = random
      self.logger = logger
      self.configuration = configuration
    }
  }

  /// Loads what was stored, begins a new term, and goes on with the deliveries that an earlier run left
  /// behind. Agents may attach from then on; what is deployed is placed on them in the background.
  ///
  /// - Throws: ``Problem``: what the stores say.
  public static func start(_ parts: Parts) async throws(Problem) -> ControlPlane {
    let snapshot = try await parts.catalog.load()
    let pending = try await parts.events.pendingDeliveries()
    let plane = ControlPlane(parts, snapshot)
    try await plane.begin(pending)
    return plane
  }

  private init(_ parts: Parts, _ snapshot: CatalogSnapshot) {
    catalogStore = parts.catalog
    blobs = parts.blobs
    log = parts.events
    clock = parts.clock
    random = parts.random
    logger = parts.logger
    logic = ControlPlaneLogic(snapshot, configuration: parts.configuration)
    (mailbox, letters) = AsyncStream.makeStream(
      of: AgentMessage.self, bufferingPolicy: .bufferingOldest(Self.mailboxSize))
  }

  private func begin(_ pending: [PendingDelivery]) async throws(Problem) {
    let problem = await withCheckedContinuation { continuation in
      beginning = continuation
      feed(.started)
    }
    if let problem { throw problem }
    feed(.events(.recovered(pending)))
    let mailbox = mailbox
    reading = Task { [weak self] in
      for await message in mailbox { await self?.feed(.agentSpoke(message)) }
    }
    phase = .running
  }

  /// The term is durable, or cannot be made so.
  private func endBeginning(_ problem: Problem?) {
    beginning?.resume(returning: problem)
    beginning = nil
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
      } else if let task = requests.anyInvocation {
        _ = await task.value
        await Task.yield()
      } else {
        break
      }
    }
    impatience.cancel()
    letters.finish()
    await reading?.value
    waiters.wakeAll()
    requests.refuseAll(EventRouter.stopping)
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
    requests.cancelInvocations()
  }

  /// Tells the logic what has happened, and begins to carry out what it decides.
  func feed(_ input: ControlPlaneLogic.Input) {
    for directive in logic.handle(input, at: clock.now(), using: &random) { carryOut(directive) }
    setAlarm()
  }

  private func carryOut(_ directive: ControlPlaneLogic.Directive) {
    switch directive {
    case .persist(let id, let changes): persist(id, changes)
    case .reply(let request, let reply): requests.answer(request, reply)
    case .progress(let request, let step): requests.tell(request, step)
    case .send(let node, let message): agents[node]?.send(message)
    case .events(let directive): carryOut(directive)
    case .activate(let id, let offset, let route, let attempt):
      activate(id, offset, route, attempt)
    case .invoke(let request, let route): requests.route(request, .success(route))
    case .refuseInvocation(let request, let problem): requests.route(request, .failure(problem))
    case .announce(let event): announce(event)
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

  private func announce(_ event: EventMessage) {
    let payload = event.payload.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let level: Logger.Level =
      switch event.type {
      case .nodeFailure, .alarm: .warning
      case .moduleStart, .moduleStop, .scaleEvent, .nodeState, .deploymentChange: .debug
      }
    logger.log(
      level: level, "\(event.type.rawValue)",
      metadata: ["target": "\(event.target)", "payload": "\(payload.joined(separator: " "))"])
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
    feed(.deadlineReached)
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
