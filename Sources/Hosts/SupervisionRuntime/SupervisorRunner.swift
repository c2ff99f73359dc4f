import ClusterModel
import HostPorts
import Logging
public import Supervision

/// Runs a tree of services: drives one ``Supervisor`` and, as children, those beneath it.
///
///     let main = SupervisorRunner(
///       name: "main",
///       SupervisorSpecification(
///         strategy: .restForOne,
///         children: [
///           ChildSpecification("store") { Store() },
///           ChildSpecification("events", supervisor: SupervisorSpecification(children: [...])),
///         ]),
///       SupervisionEnvironment(clock: clock, logger: logger))
///     try await main.run()
///
/// Everything that happens goes through one inbox, in order: so `ready` of a child is heard before its
/// end, and the end before anything of the next incarnation.
public actor SupervisorRunner: SupervisedService {
  /// Its place in the tree: `main/events`.
  nonisolated let path: String
  let specification: SupervisorSpecification
  nonisolated let environment: SupervisionEnvironment
  var supervisor: Supervisor
  var random: any RandomNumberGenerator & Sendable
  /// Incarnations that have not ended.
  var lives: [ChildID: Life] = [:]
  /// The problems that children ended with last.
  var causes: [ChildID: Problem] = [:]
  private var phase = Phase.idle
  private var alarm: (at: MonotonicInstant, task: Task<Void, Never>)?
  private var ready: @Sendable () -> Void = {}
  private var waiters: [CheckedContinuation<Void, Never>] = []
  private nonisolated let inbox: AsyncStream<Message>
  nonisolated let sender: AsyncStream<Message>.Continuation

  private enum Phase: Equatable {
    case idle
    case running
    case over(SupervisorExit)
  }

  /// What has happened. Each child sends two messages a life, each alarm one: the inbox holds no more
  /// than these and what people ask for.
  enum Message: Sendable {
    case ready(ChildIncarnation)
    case ended(ChildIncarnation, Result<Void, any Error>)
    case restart(ChildID)
    case stop
    case alarm
  }

  /// An incarnation that has not ended.
  struct Life {
    let incarnation: ChildIncarnation
    let task: Task<Void, Never>
    /// The supervisor that it is; `nil` for a service.
    let nested: SupervisorRunner?
    /// Whether its supervisor wants it to end.
    var isAsked = false
    /// Whether it was ended as if it had crashed.
    var isKilled = false
    /// When it counts as stuck; `nil` when it may take its time, or does already.
    var stuckAt: MonotonicInstant?
    /// Whether it was reported as stuck, which is done once.
    var isStuck = false
  }

  /// A supervisor that runs once.
  ///
  /// - Parameter name: the first part of the paths in this tree.
  public init(
    name: ChildID, _ specification: SupervisorSpecification, _ environment: SupervisionEnvironment
  ) {
    self.init(path: name.text, specification, environment)
  }

  init(
    path: String, _ specification: SupervisorSpecification, _ environment: SupervisionEnvironment
  ) {
    self.path = path
    self.specification = specification
    self.environment = environment
    random = environment.random
    supervisor = Supervisor(
      specification.children.map(\.rules), strategy: specification.strategy,
      intensity: specification.intensity, backOff: specification.backOff)
    (inbox, sender) = AsyncStream.makeStream()
  }

  /// Starts all children and supervises them until the task is cancelled or ``stop()`` is called; then
  /// all of them have ended.
  ///
  /// - Throws: ``SupervisionFailure``: a child could not be started at first, or there were too many
  ///   restarts. All children have ended then, too.
  public func run() async throws(SupervisionFailure) { try await runOnce {} }

  /// The same, as a child: `ready` is called when all children are started.
  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    try await runOnce(ready)
  }

  private func runOnce(_ ready: @escaping @Sendable () -> Void) async throws(SupervisionFailure) {
    switch phase {
    case .idle: break
    case .running: preconditionFailure("a supervisor runs once")
    case .over: return  // Stopped before it began.
    }
    phase = .running
    self.ready = ready
    // Not in this task: an inbox is closed to a task that is cancelled, and now it is needed most.
    let loop = Task { await self.attendToInbox() }
    let exit = await withTaskCancellationHandler {
      await loop.value
    } onCancel: {
      sender.yield(.stop)
    }
    switch exit {
    case .shutdown: return
    case .startFailed(let child, _), .intensityReached(let child, _):
      throw SupervisionFailure(path: path, exit: exit, cause: causes[child])
    }
  }

  /// Stops everything in order; returns when all has ended.
  public func stop() async {
    switch phase {
    case .idle: phase = .over(.shutdown)
    case .running:
      sender.yield(.stop)
      await withCheckedContinuation { waiters.append($0) }
    case .over: break
    }
  }

  private func attendToInbox() async -> SupervisorExit {
    feed(.startRequested)
    var messages = inbox.makeAsyncIterator()
    while true {
      if case .over(let exit) = phase { return exit }
      // It is open for as long as this object lives.
      guard let message = await messages.next(isolation: self) else { continue }
      attend(to: message)
      setAlarm()
    }
  }

  private func attend(to message: Message) {
    switch message {
    case .ready(let incarnation): feed(.childStarted(incarnation))
    case .ended(let incarnation, let result): ended(incarnation, result)
    case .restart(let child): feed(.restartRequested(child))
    case .stop: feed(.stopRequested)
    case .alarm:
      alarm = nil
      lookForStuck()
      feed(.deadlineReached)
    }
  }

  func killNow(_ incarnation: ChildIncarnation) {
    crash(incarnation)
    setAlarm()
  }

  /// Tells the supervisor what has happened, and carries out what it decides.
  func feed(_ input: Supervisor.Input) {
    let now = environment.clock.now()
    for directive in supervisor.handle(input, at: now, using: &random) {
      carryOut(directive)
    }
  }

  func began() { ready() }

  func over(_ exit: SupervisorExit) {
    phase = .over(exit)
    for waiter in waiters { waiter.resume() }
    waiters = []
  }

  /// Sees to it that the next deadline is heard of.
  private func setAlarm() {
    var next = lives.values.compactMap(\.stuckAt).min()
    if let deadline = supervisor.nextDeadline { next = min(next ?? deadline, deadline) }
    guard next != alarm?.at else { return }
    alarm?.task.cancel()
    alarm = nil
    guard let next else { return }
    let wait = max(next - environment.clock.now().monotonic, .zero)
    let task = Task.detached { [sender] in
      do { try await Task.sleep(for: wait) } catch { return }
      sender.yield(.alarm)
    }
    alarm = (next, task)
  }
}
