public import ClusterModel
public import HostPorts
public import Scheduling
public import Supervision
import SupervisionRuntime

// Every request goes to the control plane that there is; while it is being restarted, it waits a little.
extension SupervisedControlPlane: ClusterService {
  public func push(
    _ bytes: [UInt8], detachedSignature: [UInt8]?, as reference: VersionReference,
    by caller: Caller
  ) async throws(Problem) -> PushedVersion {
    try await plane.borrow().push(
      bytes, detachedSignature: detachedSignature, as: reference, by: caller)
  }

  public func recordRefusedPush(
    of reference: VersionReference, because problem: Problem, by caller: Caller
  ) async throws(Problem) {
    try await plane.borrow().recordRefusedPush(of: reference, because: problem, by: caller)
  }

  public func versions(
    of name: ModuleName?, for caller: Caller
  ) async throws(Problem) -> [ModuleVersionRecord] {
    try await plane.borrow().versions(of: name, for: caller)
  }

  public func trustKey(
    _ publicKey: [UInt8], label: String, by caller: Caller
  ) async throws(Problem) -> TrustedKey {
    try await plane.borrow().trustKey(publicKey, label: label, by: caller)
  }

  public func trustedKeys(for caller: Caller) async throws(Problem) -> [TrustedKey] {
    try await plane.borrow().trustedKeys(for: caller)
  }

  public func revokeKey(_ id: KeyID, by caller: Caller) async throws(Problem) -> TrustedKey {
    try await plane.borrow().revokeKey(id, by: caller)
  }

  public func securityEvents(
    from sequence: Int64, limit: Int, for caller: Caller
  ) async throws(Problem) -> [SequencedSecurityEvent] {
    try await plane.borrow().securityEvents(from: sequence, limit: limit, for: caller)
  }

  public func deploy(
    _ manifest: ApplicationManifest, versions: [ModuleName: ModuleVersion], by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> [DeploymentStatus] {
    try await declareBuckets(of: manifest, by: caller, progress: progress)
    return try await plane.borrow().deploy(
      manifest, versions: versions, by: caller, progress: progress)
  }

  public func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus] {
    try await plane.borrow().deployments(for: caller)
  }

  public func rollBack(
    _ module: ModuleName, to version: ModuleVersion?, by caller: Caller
  ) async throws(Problem) -> DeploymentStatus {
    try await plane.borrow().rollBack(module, to: version, by: caller)
  }

  public func scale(
    _ module: ModuleName, to replicas: Int, by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> DeploymentStatus {
    try await plane.borrow().scale(module, to: replicas, by: caller, progress: progress)
  }

  public func planScale(
    _ module: ModuleName, to replicas: Int, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try await plane.borrow().planScale(module, to: replicas, for: caller)
  }

  public func history(
    of module: ModuleName, for caller: Caller
  ) async throws(Problem) -> [Deployment] {
    try await plane.borrow().history(of: module, for: caller)
  }

  public func plan(
    _ manifest: ApplicationManifest, for caller: Caller
  ) async throws(Problem) -> [PlacementExplanation] {
    try await plane.borrow().plan(manifest, for: caller)
  }

  public func explain(
    _ module: ModuleName, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try await plane.borrow().explain(module, for: caller)
  }

  public func undeploy(
    _ target: UndeployTarget, by caller: Caller
  ) async throws(Problem) -> [ModuleName] {
    try await plane.borrow().undeploy(target, by: caller)
  }

  public func invoke(
    _ module: ModuleName, with event: Event, _ options: InvocationOptions, by caller: Caller
  ) async throws(Problem) -> ActivationReport {
    try await plane.borrow().invoke(module, with: event, options, by: caller)
  }

  public func publish(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent {
    try await plane.borrow().publish(event, by: caller)
  }

  public func eventStatus(
    _ offset: EventOffset, patience: Duration, for caller: Caller
  ) async throws(Problem) -> EventStatus {
    try await plane.borrow().eventStatus(offset, patience: patience, for: caller)
  }

  public func logs(
    of module: ModuleName, follow: Bool, for caller: Caller
  ) async throws(Problem) -> AsyncStream<LogLine> {
    try await plane.borrow().logs(of: module, follow: follow, for: caller)
  }

  public func deadLetters(
    from id: DeliveryID, limit: Int, for caller: Caller
  ) async throws(Problem) -> [DeadLetter] {
    try await plane.borrow().deadLetters(from: id, limit: limit, for: caller)
  }

  public func deadLetter(
    _ id: DeliveryID, for caller: Caller
  ) async throws(Problem) -> DeadLetter {
    try await plane.borrow().deadLetter(id, for: caller)
  }

  public func replayDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try await plane.borrow().replayDeadLetter(id, by: caller)
  }

  public func dropDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try await plane.borrow().dropDeadLetter(id, by: caller)
  }

  public func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    try await plane.borrow().nodes(for: caller)
  }

  public func killService(
    _ module: ModuleName, of application: ApplicationName, by caller: Caller
  ) async throws(Problem) {
    try await plane.borrow().killService(module, of: application, by: caller)
  }

  public func disturb(
    _ node: NodeID, _ disturbance: NodeDisturbance, by caller: Caller
  ) async throws(Problem) {
    try await plane.borrow().disturb(node, disturbance, by: caller)
  }

  public func supervision(
    of node: NodeID, for caller: Caller
  ) async throws(Problem) -> SupervisionStatus {
    try await plane.borrow().supervision(of: node, for: caller)
  }

  public func kill(
    child path: String, on node: NodeID, by caller: Caller
  ) async throws(Problem) {
    try await plane.borrow().kill(child: path, on: node, by: caller)
  }

  public func placements(
    for caller: Caller
  ) async throws(Problem) -> FleetAnswer<PlacementStatus> {
    try await plane.borrow().placements(for: caller)
  }

  public func distribution(
    of module: ModuleName?, for caller: Caller
  ) async throws(Problem) -> FleetAnswer<DistributionStatus> {
    try await plane.borrow().distribution(of: module, for: caller)
  }

  public func command(
    _ command: NodeCommand, _ node: NodeID, by caller: Caller
  ) async throws(Problem) -> NodeScheduling? {
    try await plane.borrow().command(command, node, by: caller)
  }

  /// What is to be held on a node by hand: that somebody wants it is on record.
  ///
  /// - Parameter version: the newest deployment of it; `nil` for what is deployed now.
  /// - Throws: ``Problem`` `not_deployed`, `version_unknown`, `version_not_deployed`, `key_revoked`.
  public func holdByHand(
    _ module: QualifiedName, version: ModuleVersion?, on node: NodeID, for principal: Principal
  ) async throws(Problem) -> PlacementOrder {
    try await plane.borrow().holdByHand(module, version: version, on: node, for: principal)
  }

  /// Puts on record that somebody lets go of what is held on a node by hand.
  public func releaseByHand(
    _ module: QualifiedName, on node: NodeID, for principal: Principal
  ) async throws(Problem) {
    try await plane.borrow().releaseByHand(module, on: node, for: principal)
  }

  public func diagnose(for caller: Caller) async throws(Problem) -> [Finding] {
    try await plane.borrow().diagnose(for: caller)
  }

  public var isReady: Bool {
    get async { await plane.current?.isReady ?? false }
  }
}
