public import ClusterModel
public import HostPorts
public import Logging
public import NodeAgentLogic
public import SupervisionRuntime

/// Owns the agent of this node: each incarnation registers anew, with the engine that there is.
public struct NodeAgentService: SupervisedService {
  private let registration: @Sendable () async throws(Problem) -> NodeRegistration
  private let engine: ResourceSlot<any ModuleEngine>
  private let firstCode: CodeMode
  private let plane: any ControlPlaneConnection
  private let outbox: OutboxEntry?
  private let store: (any NodeStore)?
  private let onStanding: @Sendable (StandingPlan) -> Void
  private let slot: ResourceSlot<NodeAgent>?
  private let http: @Sendable () -> any OutboundHTTP
  private let clock: any HostClock
  private let thread: @Sendable () -> any ActorThread
  private let logger: Logger
  private let configuration: NodeAgentLogic.Configuration

  /// - Parameters:
  ///   - registration: with a larger incarnation each time.
  ///   - firstCode: see ``NodeAgent``.
  ///   - outbox: where what modules publish comes to lie; `nil` in the process of the control plane.
  ///   - store: what is kept for a start without a control plane; `nil` where there is no such start.
  ///   - onStanding: hears of each standing plan that counts.
  ///   - slot: where others find the agent that there is.
  ///   - http: how guests that are granted it ask servers; made for each incarnation.
  ///   - thread: what each incarnation runs on; it ends with it.
  public init(
    registration: @escaping @Sendable () async throws(Problem) -> NodeRegistration,
    engine: ResourceSlot<any ModuleEngine>, firstCode: CodeMode = .optimised,
    plane: any ControlPlaneConnection, outbox: OutboxEntry? = nil, store: (any NodeStore)? = nil,
    onStanding: @escaping @Sendable (StandingPlan) -> Void = { _ in },
    slot: ResourceSlot<NodeAgent>? = nil, http: @escaping @Sendable () -> any OutboundHTTP,
    clock: any HostClock, thread: @escaping @Sendable () -> any ActorThread, logger: Logger,
    configuration: NodeAgentLogic.Configuration
  ) {
    self.registration = registration
    self.engine = engine
    self.firstCode = firstCode
    self.plane = plane
    self.outbox = outbox
    self.store = store
    self.onStanding = onStanding
    self.slot = slot
    self.http = http
    self.clock = clock
    self.thread = thread
    self.logger = logger
    self.configuration = configuration
  }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    let registration = try await registration()
    let engine = try await engine.borrow()
    let http = http()
    let agent = NodeAgent(
      registration, engine: engine, firstCode: firstCode, plane: plane, outbox: outbox,
      store: store,
      onStanding: onStanding, http: http,
      clock: clock, thread: thread(), logger: logger, configuration: configuration)
    await withTaskCancellationHandler {
      await agent.start()
      let lent = slot?.lend(agent)
      ready()
      await untilCancelled()
      lent?()
      await agent.stop()
      await http.stop()
    } onCancel: {
      // Also while it waits to be let in.
      Task { await agent.stop() }
    }
  }
}
