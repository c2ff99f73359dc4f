import ClusterModel
import ControlAPIModel
import Dispatch
import HostPorts
import Scheduling
import Supervision
import Synchronization

/// A cluster that answers what a test told it to, for error paths that the real one is hard to
/// bring to.
final class SampleCluster: ClusterService {
  struct Script: Sendable {
    var isReady = true
    var problem: Problem?
    var publishProblems: [Problem?] = []
    var report = ActivationReport(result: .success([]))
    /// Whether an invocation answers with its input instead of the report.
    var echoes = false
    var deployments: [DeploymentStatus] = []
    var deadLetters: [DeadLetter] = []
    var events: [Event] = []
    var options: [InvocationOptions] = []
    var callers: [Caller] = []
    var signatures: [[UInt8]?] = []
    var undeployed: [UndeployTarget] = []
    var existed = false
    var logs: AsyncStream<LogLine> = AsyncStream { $0.finish() }
    var patience: Duration?
    var questions: [TailQuestion] = []
    var tail: [TailItem] = []
    var replays: [ReplayRequest] = []
    var declared: [Bucket] = []
    var written: [StateWrite] = []
    /// Holds up the thread on which deployments are asked for.
    var hold: DispatchSemaphore?
  }

  private let script = Mutex(Script())

  func change(_ change: (inout Script) -> Void) { script.withLock { change(&$0) } }
  func read<Value: Sendable>(_ read: (Script) -> Value) -> Value { script.withLock { read($0) } }

  func entered(_ caller: Caller) throws(Problem) {
    let problem = script.withLock { script in
      script.callers.append(caller)
      return script.problem
    }
    if let problem { throw problem }
  }

  private static func hold(at semaphore: DispatchSemaphore?) {
    // Bounded, so that a test that fails also ends.
    _ = semaphore?.wait(timeout: .now() + .seconds(60))
  }

  func recordRefusedPush(
    of reference: VersionReference, because problem: Problem, by caller: Caller
  ) async throws(Problem) {}

  func push(
    _ bytes: [UInt8], detachedSignature: [UInt8]?, as reference: VersionReference,
    by caller: Caller
  ) async throws(Problem) -> PushedVersion {
    try entered(caller)
    let existed = script.withLock { script in
      script.signatures.append(detachedSignature)
      return script.existed
    }
    var record = Samples.version
    record.size = ByteCount(bytes: bytes.count)
    return PushedVersion(record: record, existed: existed)
  }

  func versions(of name: ModuleName?, for caller: Caller) async throws(Problem)
    -> [ModuleVersionRecord]
  {
    try entered(caller)
    return name == nil || name == Samples.version.name ? [Samples.version] : []
  }

  func trustKey(_ publicKey: [UInt8], label: String, by caller: Caller) async throws(Problem)
    -> TrustedKey
  {
    try entered(caller)
    return TrustedKey(
      id: Samples.keyID, publicKey: publicKey, label: label, addedAt: Samples.instant)
  }

  func trustedKeys(for caller: Caller) async throws(Problem) -> [TrustedKey] {
    try entered(caller)
    return [Samples.key]
  }

  func revokeKey(_ id: KeyID, by caller: Caller) async throws(Problem) -> TrustedKey {
    try entered(caller)
    var key = Samples.key
    key.revokedAt = Samples.instant
    return key
  }

  func securityEvents(from sequence: Int64, limit: Int, for caller: Caller) async throws(Problem)
    -> [SequencedSecurityEvent]
  {
    try entered(caller)
    return (sequence..<sequence + Int64(min(limit, 3))).map {
      SequencedSecurityEvent(sequence: $0, event: Samples.securityEvent)
    }
  }

  func deploy(
    _ manifest: ApplicationManifest, versions: [ModuleName: ModuleVersion], by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> [DeploymentStatus] {
    for module in manifest.modules {
      progress(DeployProgress(step: .ready, module: module.name, message: "ready"))
    }
    try entered(caller)
    progress(DeployProgress(step: .done, module: nil, message: "done"))
    return [Samples.deployment]
  }

  func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus] {
    try entered(caller)
    Self.hold(at: read(\.hold))
    return script.withLock { $0.deployments }
  }

  func rollBack(
    _ module: ModuleName, to version: ModuleVersion?, by caller: Caller
  ) async throws(Problem) -> DeploymentStatus {
    try entered(caller)
    var status = Samples.deployment
    if let version { status.deployment.version = version }
    return status
  }

  func scale(
    _ module: ModuleName, to replicas: Int, by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> DeploymentStatus {
    try entered(caller)
    progress(DeployProgress(step: .accepted, module: nil, message: "deploying \(module)"))
    var status = Samples.deployment
    status.deployment.configuration.placement.replicas = replicas
    return status
  }

  func planScale(
    _ module: ModuleName, to replicas: Int, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try entered(caller)
    return Samples.explanation
  }

  func history(of module: ModuleName, for caller: Caller) async throws(Problem) -> [Deployment] {
    try entered(caller)
    return [Samples.deployment.deployment]
  }

  func plan(
    _ manifest: ApplicationManifest, for caller: Caller
  ) async throws(Problem) -> [PlacementExplanation] {
    try entered(caller)
    return [Samples.explanation]
  }

  func explain(
    _ module: ModuleName, for caller: Caller
  ) async throws(Problem) -> PlacementExplanation {
    try entered(caller)
    return Samples.explanation
  }

  func command(
    _ command: NodeCommand, _ node: NodeID, by caller: Caller
  ) async throws(Problem) -> NodeScheduling? {
    try entered(caller)
    return command.isFinal ? nil : .draining
  }

  func undeploy(_ target: UndeployTarget, by caller: Caller) async throws(Problem)
    -> [ModuleName]
  {
    try entered(caller)
    script.withLock { $0.undeployed.append(target) }
    return [Samples.version.name]
  }

  func invoke(
    _ module: ModuleName, with event: Event, _ options: InvocationOptions, by caller: Caller
  ) async throws(Problem) -> ActivationReport {
    try entered(caller)
    return script.withLock { script in
      script.options.append(options)
      script.events.append(event)
      return script.echoes ? ActivationReport(result: .success(event.data)) : script.report
    }
  }

  func publish(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent {
    try entered(caller)
    let (problem, offset): (Problem?, Int64) = script.withLock { script in
      let problem = script.publishProblems.isEmpty ? nil : script.publishProblems.removeFirst()
      if problem == nil { script.events.append(event) }
      return (problem, Int64(script.events.count))
    }
    if let problem { throw problem }
    return AppendedEvent(offset: EventOffset(offset), deliveries: [DeliveryID(1), DeliveryID(2)])
  }

  func eventStatus(_ offset: EventOffset, patience: Duration, for caller: Caller)
    async throws(Problem) -> EventStatus
  {
    try entered(caller)
    script.withLock { $0.patience = patience }
    return Samples.status(offset)
  }

  func logs(of module: ModuleName, follow: Bool, for caller: Caller) async throws(Problem)
    -> AsyncStream<LogLine>
  {
    try entered(caller)
    return script.withLock { $0.logs }
  }

  func deadLetters(from id: DeliveryID, limit: Int, for caller: Caller) async throws(Problem)
    -> [DeadLetter]
  {
    try entered(caller)
    return Array(script.withLock { $0.deadLetters }.filter { $0.id >= id }.prefix(limit))
  }

  func deadLetter(_ id: DeliveryID, for caller: Caller) async throws(Problem) -> DeadLetter {
    try entered(caller)
    return Samples.deadLetter(id.number)
  }

  func replayDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try entered(caller)
  }

  func dropDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try entered(caller)
  }

  func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    try entered(caller)
    return [Samples.node]
  }

  func killService(
    _ module: ModuleName, of application: ApplicationName, by caller: Caller
  ) async throws(Problem) {
    try entered(caller)
    guard "\(application)/\(module)" == "plant/reader" else {
      throw Problem(.notFound, code: "no_such_child", "no service runs there")
    }
  }

  func disturb(
    _ node: NodeID, _ disturbance: NodeDisturbance, by caller: Caller
  ) async throws(Problem) {
    try entered(caller)
    guard node.text == "local" else {
      throw Problem(.unavailable, code: "node_unreachable", "it is not attached")
    }
  }

  func supervision(
    of node: NodeID, for caller: Caller
  ) async throws(Problem) -> SupervisionStatus {
    try entered(caller)
    guard node.text == "local" else {
      throw Problem(.unavailable, code: "node_unreachable", "it is not attached")
    }
    return SupervisionStatus(
      name: "main", kind: .supervisor, state: .running, restarts: 0, starts: 1, lastExit: nil,
      since: nil, strategy: .oneForOne, children: [])
  }

  func kill(
    child path: String, on node: NodeID, by caller: Caller
  ) async throws(Problem) {
    try entered(caller)
    guard path == "main/node", node.text == "local" else {
      throw Problem(.notFound, code: "no_such_child", "nothing runs there")
    }
  }

  func placements(for caller: Caller) async throws(Problem) -> FleetAnswer<PlacementStatus> {
    try entered(caller)
    return FleetAnswer(items: [Samples.placement], unanswered: [Samples.silentNode])
  }

  func distribution(
    of module: ModuleName?, for caller: Caller
  ) async throws(Problem) -> FleetAnswer<DistributionStatus> {
    try entered(caller)
    return FleetAnswer(
      items: Samples.distribution.filter { module == nil || $0.placement.name.name == module },
      unanswered: [Samples.silentNode])
  }

  func diagnose(for caller: Caller) async throws(Problem) -> [Finding] {
    try entered(caller)
    return [Finding(subject: "disk", verdict: .ok, detail: "there is room")]
  }

  var isReady: Bool { get async { script.withLock { $0.isReady } } }
}
