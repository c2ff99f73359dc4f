public import ClusterModel
public import HostPorts
public import Logging
public import NodeAgentLogic
public import SupervisionRuntime

/// Owns the agent of this node: each incarnation registers anew, with the engine that there is.
public struct NodeAgentService: SupervisedService {
  private let registration: @Sendable () throws(Problem) -> NodeRegistration
  private let engine: ResourceSlot<any ModuleEngine>
  private let firstCode: CodeMode
  private let plane: any ControlPlaneConnection
  private let clock: any HostClock
  private let logger: Logger
  private let configuration: NodeAgentLogic.Configuration

  /// - Parameters:
  ///   - registration: with a larger incarnation each time.
  ///   - firstCode: see ``NodeAgent``.
  public init(
    registration: @escaping @Sendable () throws(Problem) -> NodeRegistration,
    engine: ResourceSlot<any ModuleEngine>, firstCode: CodeMode = .optimised,
    plane: any ControlPlaneConnection,
    clock: any HostClock, logger: Logger, configuration: NodeAgentLogic.Configuration
  ) {
    self.registration = registration
    self.engine = engine
    self.firstCode = firstCode
    self.plane = plane
    self.clock = clock
    self.logger = logger
    self.configuration = configuration
  }

  @concurrent public func run(ready: @escaping @Sendable () -> Void) async throws {
    let agent = NodeAgent(
      try registration(), engine: try await engine.borrow(), firstCode: firstCode, plane: plane,
      clock: clock, logger: logger, configuration: configuration)
    await withTaskCancellationHandler {
      await agent.start()
      ready()
      await untilCancelled()
      await agent.stop()
    } onCancel: {
      // Also while it waits to be let in.
      Task { await agent.stop() }
    }
  }
}
