import ClusterModel
import HostPorts
import Logging
import ModuleTrust
import ModuleVerification
import NodeAgentLogic
import Synchronization

/// Makes modules ready on this node and runs them: it verifies a module itself before it loads it,
/// compiles it, and runs a fresh instance of it for each event. What it holds and what may run is
/// decided by ``NodeAgent``.
final class PlacementRunner: Sendable {
  let id: NodeID
  /// What modules wrote to standard error.
  let logs = LogKeeper()
  /// For how long what must stop when isolated may have effects.
  let lease = EffectLease(until: nil)
  private let engine: any ModuleEngine
  private let firstCode: CodeMode
  private let plane: any ControlPlaneConnection
  let keeper: EffectKeeper
  private let cache: StateCache
  private let http: any OutboundHTTP
  private let verifiers = VerifierPool()
  let clock: any HostClock
  private let logger: Logger
  private let startedAt: WallInstant
  private let held = Mutex(HeldPlacements())
  private let runs = Atomic<Int>(0)
  private let random: Mutex<any RandomNumberGenerator & Sendable>

  init(
    id: NodeID, engine: any ModuleEngine, firstCode: CodeMode, plane: any ControlPlaneConnection,
    outbox: OutboxEntry?, http: any OutboundHTTP, clock: any HostClock, logger: Logger,
    random: any RandomNumberGenerator & Sendable
  ) {
    self.id = id
    self.engine = engine
    self.firstCode = firstCode
    self.plane = plane
    keeper = EffectKeeper(plane: plane, outbox: outbox, clock: clock)
    cache = StateCache(plane.state, clock: clock)
    self.http = http
    self.clock = clock
    self.logger = logger
    self.random = Mutex(random)
    startedAt = clock.now().wall
  }

  /// Makes a module ready. It is held from ``hold(_:_:)`` on.
  ///
  /// - Parameters:
  ///   - module: the module without its signature section, as the store keeps it.
  ///   - order: says which version it is, and holds its signature.
  ///   - keys: the trust store.
  /// - Throws: ``Problem``: the signature does not hold, or the module cannot run here.
  func prepare(
    _ order: PlacementOrder, module: [UInt8], keys: [TrustedKey]
  ) async throws(Problem) -> ReadyCode {
    try await verify(module, order.record, order.deployment, keys)
    let prepared = try await engine.prepare(
      module, digest: order.deployment.digest, startingWith: firstCode)
    try admit(prepared, order.deployment)
    return ReadyCode(module: prepared, signature: order.record.signature, keys: keys)
  }

  /// Whether some placement here has this code.
  func hasCode(_ digest: ModuleDigest) -> Bool { held.withLock { $0.has(digest) } }

  /// What an order needs, if it is ready for some other placement and was verified with the same keys.
  ///
  /// - Throws: ``Problem``: it may not run with what the order grants.
  func code(for order: PlacementOrder, keys: [TrustedKey]) throws(Problem) -> ReadyCode? {
    let code = held.withLock {
      $0.code(order.deployment.digest, order.record.signature, keys)
    }
    if let code { try admit(code.module, order.deployment) }
    return code
  }

  private func admit(
    _ module: any PreparedModule, _ deployment: Deployment
  ) throws(Problem) {
    if let refusal = deployment.configuration.capabilities.refusal(
      ofImports: module.imports, hasBundle: module.hasBundle)
    {
      throw refusal
    }
  }

  /// Holds what was prepared.
  func hold(_ deployment: Deployment, _ code: ReadyCode) {
    let now = clock.now().wall
    ready(held.withLock { $0.hold(deployment, code, since: now) })
  }

  /// Holds a placement with the code of another that is held.
  func renew(_ deployment: Deployment, from source: PlacementID) {
    let now = clock.now().wall
    guard let placement = held.withLock({ $0.renew(deployment, from: source, since: now) }) else {
      logger.critical(
        "a placement has no code", metadata: ["module": "\(deployment.qualifiedName)"])
      return
    }
    ready(placement)
  }

  private func ready(_ placement: Placement) {
    let (deployment, module) = (placement.deployment, placement.module)
    logger.debug(
      "placement ready",
      metadata: ["module": "\(deployment.name)", "version": "\(deployment.version)"])
    guard module.mode == .quick else { return }
    Task { [logger] in
      let isOptimised = await module.optimised()
      logger.info(
        isOptimised ? "optimised code is in use" : "the quick code stays in use",
        metadata: ["module": "\(deployment.name)", "version": "\(deployment.version)"])
    }
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
  func discard(_ id: PlacementID) {
    held.withLock { $0.discard(id) }
  }

  /// Activations under this fence may begin from now on; with `nil` none may.
  func serve(_ id: PlacementID, under fence: PlanVersion?) {
    held.withLock { $0.serve(id, under: fence) }
  }

  /// All that serve, sorted by name.
  var allServing: [Placement] {
    held.withLock { held in
      held.byName.keys.sorted().compactMap { held.byName[$0].flatMap { held.placements[$0] } }
    }
  }

  /// The placement that serves under this name, under the fence that it has now.
  func serving(_ name: QualifiedName) -> Placement? {
    held.withLock { held in held.byName[name].flatMap { held.placements[$0] } }
  }

  /// The placement, if activations under this fence may begin.
  func placement(_ id: PlacementID, under fence: PlanVersion) -> Placement? {
    held.withLock { $0.serving[id] == fence ? $0.placements[id] : nil }
  }

  /// Runs a fresh instance on an event. Cancelling the task ends the instance.
  ///
  /// - Parameters:
  ///   - fence: under which it was let begin.
  ///   - attempt: from 1 on; handed to the guest.
  func run(
    _ placement: Placement, under fence: PlanVersion, on event: Event, attempt: Int
  ) async -> ActivationReport {
    let deployment = placement.deployment
    guard deployment.configuration.kind == .command else {
      // It is owed to what was deployed under this name before.
      return ActivationReport(
        result: .failure(
          ActivationFailure(
            code: .unavailable, message: "\(deployment.name) is a service, which takes no events")))
    }
    let trace = random.withLock {
      TraceContext(continuing: event.attribute("traceparent"), using: &$0)
    }
    let requests = requests(of: placement, under: fence, on: event)
    let activation = Activation(
      arguments: [deployment.name.text] + deployment.configuration.arguments,
      environment: GuestEnvironment.variables(
        for: event, deployment, node: self.id, fence: fence, attempt: attempt, trace: trace),
      input: event.data,
      folders: GuestFolder.granted(by: deployment.configuration.capabilities),
      limits: deployment.configuration.limits, services: requests)
    began(placement)
    var report = await placement.module.run(activation)
    if let requests, case .success = report.result { report.effects = requests.effects }
    ended(placement, report)
    logs.keep(
      report.log, isCut: report.logTruncated, of: deployment.qualifiedName,
      as: LogLine(
        at: clock.now().wall, module: deployment.name, version: deployment.version,
        eventID: event.id, text: ""))
    return report
  }

  /// Who answers what an activation asks; `nil` when it is granted nothing.
  private func requests(
    of placement: Placement, under fence: PlanVersion, on event: Event
  ) -> GuestRequests? {
    guard !placement.deployment.configuration.capabilities.granted.isEmpty else { return nil }
    return GuestRequests(
      placement, activation(of: placement, on: event), right: right(of: placement, under: fence),
      plane: plane, keeper: keeper, cache: cache, http: http, clock: clock, logger: logger)
  }

  /// The same for a service: what it publishes and writes is durable before it hears that it is done.
  func serviceRequests(
    of placement: Placement, _ run: ServiceRunID, _ right: EffectRight?
  ) -> GuestRequests? {
    let deployment = placement.deployment
    guard !deployment.configuration.capabilities.granted.isEmpty else { return nil }
    let activation = DeniedActivation(
      module: deployment.qualifiedName, version: deployment.version, node: id,
      eventID: Self.source(run))
    return GuestRequests(
      placement, activation, right: right, commitsAtOnce: true,
      plane: plane, keeper: keeper, cache: cache, http: http, clock: clock, logger: logger)
  }

  /// The fence under which a placement serves; `nil` while it does not.
  func fence(of id: PlacementID) -> PlanVersion? { held.withLock { $0.serving[id] } }

  /// The placement, if it is held; what serves is decided elsewhere.
  func placement(_ id: PlacementID) -> Placement? { held.withLock { $0.placements[id] } }

  /// Nothing begins any more.
  func close() {
    cache.close()
    logs.finish()
  }

  /// The placements that are ready here, sorted.
  ///
  /// - Parameter services: how those are that run services.
  func statuses(
    roles: [PlacementID: PlacementStanding], services: [PlacementID: ServiceStatus]
  ) -> [PlacementStatus] {
    held.withLock { held in
      held.placements.keys.sorted().compactMap { id in
        roles[id].flatMap {
          held.placements[id]?.status(on: self.id, as: $0, service: services[id])
        }
      }
    }
  }

  /// What the placements that are ready here have done, sorted.
  func metrics(roles: [PlacementID: PlacementStanding]) -> [PlacementMetrics] {
    let now = clock.now().wall
    return held.withLock { held in
      held.placements.keys.sorted().compactMap { id in
        roles[id].flatMap { held.placements[id]?.metrics(as: $0, at: now) }
      }
    }
  }

  var facts: NodeFacts { NodeFacts(engine: engine.facts, startedAt: startedAt) }

  /// How busy the workers are.
  var engineActivity: EngineActivity { engine.activity }

  /// How much runs or waits, of all modules.
  var running: Int { runs.load(ordering: .relaxed) }

  func began(_ placement: Placement) {
    runs.add(1, ordering: .relaxed)
    placement.began()
  }

  func ended(_ placement: Placement, _ report: ActivationReport) {
    runs.subtract(1, ordering: .relaxed)
    placement.ended(report)
  }
}
