public import ClusterModel
public import HostPorts
public import Logging
import ModuleTrust
import Synchronization

/// Runs on a node what the control plane placed there: it verifies a module itself before it loads
/// it, compiles it, and runs a fresh instance of it for each event.
public final class NodeAgent: Sendable {
  public let id: NodeID
  /// What modules wrote to standard error.
  public let logs = LogKeeper()
  private let engine: any ModuleEngine
  private let verifiers = VerifierPool()
  private let clock: any HostClock
  private let logger: Logger
  private let startedAt: WallInstant
  private let placements = Mutex<[PlacementID: Placement]>([:])
  private let random: Mutex<any RandomNumberGenerator & Sendable>

  /// - Parameter random: for the identifiers of spans.
  public init(
    id: NodeID, engine: any ModuleEngine, clock: any HostClock, logger: Logger,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
  ) {
    self.id = id
    self.engine = engine
    self.clock = clock
    self.logger = logger
    self.random = Mutex(random)
    startedAt = clock.now().wall
  }

  /// Makes a deployment ready to run here.
  ///
  /// - Parameters:
  ///   - module: the module without its signature section, as the store keeps it.
  ///   - record: says which version it is, and holds its signature.
  ///   - keys: the trust store.
  ///   - progress: called once the signature was found good, and once it is compiled.
  /// - Throws: ``Problem``: the signature does not hold, or the module cannot run here.
  public func place(
    _ deployment: Deployment, module: [UInt8], record: ModuleVersionRecord, keys: [TrustedKey],
    progress: (DeployProgress.Step) -> Void
  ) async throws(Problem) {
    try await verify(module, record, deployment, keys)
    progress(.verified)
    let prepared = try await engine.prepare(module, digest: deployment.digest)
    progress(.compiled)
    let placement = Placement(
      deployment: deployment, module: prepared, readySince: clock.now().wall)
    placements.withLock { $0[deployment.placement] = placement }
    logger.debug(
      "placement ready",
      metadata: ["module": "\(deployment.name)", "version": "\(deployment.version)"])
  }

  private func verify(
    _ module: [UInt8], _ record: ModuleVersionRecord, _ deployment: Deployment,
    _ keys: [TrustedKey]
  ) async throws(Problem) {
    let verified: VerifiedModule
    do throws(TrustFailure) {
      verified = try await verifiers.verify(module, detached: record.signature, keys: keys)
    } catch {
      throw error.problem
    }
    guard verified.digest == deployment.digest else {
      throw Problem(
        .internalFault, code: "digest_mismatch",
        "the code of \(deployment.name)@\(deployment.version) is not what was deployed",
        next: "Push and deploy it as a new version.")
    }
  }

  /// Forgets a placement. What it is running goes on to its end.
  public func remove(_ id: PlacementID) {
    placements.withLock { _ = $0.removeValue(forKey: id) }
  }

  /// Runs a fresh instance on an event. Cancelling the task ends the instance.
  ///
  /// - Parameter attempt: from 1 on; handed to the guest.
  public func run(_ id: PlacementID, on event: Event, attempt: Int) async -> ActivationReport {
    guard let placement = placements.withLock({ $0[id] }) else {
      return ActivationReport(
        result: .failure(
          ActivationFailure(code: .unavailable, message: "\(id.name) is not ready on \(self.id)")))
    }
    let deployment = placement.deployment
    let trace = random.withLock {
      TraceContext(continuing: event.attribute("traceparent"), using: &$0)
    }
    let activation = Activation(
      arguments: [deployment.name.text] + deployment.configuration.arguments,
      environment: GuestEnvironment.variables(
        for: event, deployment, node: self.id, attempt: attempt, trace: trace),
      input: event.data, limits: deployment.configuration.limits)
    placement.began()
    let report = await placement.module.run(activation)
    placement.ended(report)
    logs.keep(
      report.log, isCut: report.logTruncated, of: id.name,
      as: LogLine(
        at: clock.now().wall, module: deployment.name, version: deployment.version,
        eventID: event.id, text: ""))
    return report
  }

  /// The placements that are ready here, sorted.
  public var placementStatuses: [PlacementStatus] {
    placements.withLock { placements in
      placements.keys.sorted().compactMap { placements[$0]?.status(on: id) }
    }
  }

  public var status: NodeStatus {
    NodeStatus(id: id, health: "healthy", engine: engine.facts, startedAt: startedAt)
  }

  /// Ends the streams of those who follow logs.
  public func stop() { logs.finish() }
}
