import ClusterModel
import HostPorts
import Synchronization

/// A cluster that keeps what it is told, runs one module (`upper`), and fails when it is told to.
final class ClusterDouble: ClusterService {
  struct State {
    var pushed: [VersionReference: [UInt8]] = [:]
    var signatures: [VersionReference: [UInt8]] = [:]
    var keys: [TrustedKey] = []
    var deployments: [DeploymentStatus] = []
    var published: [Event] = []
    var invoked: [Event] = []
    var callers: [Caller] = []
    var undeployed: [UndeployTarget] = []
    var letters: [DeadLetter] = []
    var replayed: [DeliveryID] = []
    var patience: Duration?
    /// What every call throws, once it is set.
    var refusal: Problem?
    var report: ActivationReport?
    var isReady = true
  }

  private let state = Mutex(State())

  var now: State { state.withLock { $0 } }
  func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

  /// Remembers who asked, then does the work, unless it is to refuse.
  private func act<Value>(_ caller: Caller, _ work: (inout State) -> sending Value)
    throws(Problem) -> sending Value
  {
    let refusal = state.withLock { state in
      state.callers.append(caller)
      return state.refusal
    }
    if let refusal { throw refusal }
    return state.withLock { work(&$0) }
  }

  func recordRefusedPush(
    of reference: VersionReference, because problem: Problem, by caller: Caller
  ) async throws(Problem) {}

  func push(
    _ bytes: [UInt8], detachedSignature: [UInt8]?, as reference: VersionReference,
    by caller: Caller
  ) async throws(Problem) -> PushedVersion {
    try act(caller) { state in
      let existed = state.pushed.updateValue(bytes, forKey: reference) != nil
      if let detachedSignature { state.signatures[reference] = detachedSignature }
      return PushedVersion(record: Samples.record(reference, size: bytes.count), existed: existed)
    }
  }

  func versions(of name: ModuleName?, for caller: Caller) async throws(Problem)
    -> [ModuleVersionRecord]
  {
    try act(caller) { state in
      state.pushed.filter { name == nil || $0.key.module == name }
        .map { Samples.record($0.key, size: $0.value.count) }
        .sorted { ($0.name, $0.version) < ($1.name, $1.version) }
    }
  }

  func trustKey(_ publicKey: [UInt8], label: String, by caller: Caller) async throws(Problem)
    -> TrustedKey
  {
    try act(caller) { state in
      let key = TrustedKey(
        id: Samples.keyID, publicKey: publicKey, label: label, addedAt: Samples.instant)
      state.keys.append(key)
      return key
    }
  }

  func trustedKeys(for caller: Caller) async throws(Problem) -> [TrustedKey] {
    try act(caller) { $0.keys }
  }

  func revokeKey(_ id: KeyID, by caller: Caller) async throws(Problem) -> TrustedKey {
    try act(caller) { _ in
      TrustedKey(
        id: id, publicKey: Samples.publicKey, label: "ci", addedAt: Samples.instant,
        revokedAt: Samples.instant)
    }
  }

  func securityEvents(from sequence: Int64, limit: Int, for caller: Caller)
    async throws(Problem) -> [SequencedSecurityEvent]
  {
    try act(caller) { _ in
      Array(Samples.securityEvents.filter { $0.sequence >= sequence }.prefix(limit))
    }
  }

  func deploy(
    _ manifest: ApplicationManifest, versions: [ModuleName: ModuleVersion], by caller: Caller,
    progress: @escaping @Sendable (DeployProgress) -> Void
  ) async throws(Problem) -> [DeploymentStatus] {
    progress(DeployProgress(step: .accepted, module: nil, message: "accepted"))
    let statuses = manifest.modules.map { module in
      Samples.deployment(module.name, of: manifest.name, versions[module.name])
    }
    return try act(caller) { state in
      for status in statuses {
        progress(
          DeployProgress(step: .ready, module: status.deployment.name, message: "ready"))
      }
      state.deployments += statuses
      return statuses
    }
  }

  func deployments(for caller: Caller) async throws(Problem) -> [DeploymentStatus] {
    try act(caller) { $0.deployments }
  }

  func undeploy(_ target: UndeployTarget, by caller: Caller) async throws(Problem) -> [ModuleName] {
    try act(caller) { state in
      state.undeployed.append(target)
      switch target {
      case .module(let name): return [name]
      case .application(let name):
        return state.deployments.filter { $0.deployment.application == name }
          .map(\.deployment.name).sorted()
      }
    }
  }

  func invoke(_ module: ModuleName, with event: Event, by caller: Caller) async throws(Problem)
    -> ActivationReport
  {
    guard module.text == "upper" else { throw Samples.unknown("module_unknown") }
    return try act(caller) { state in
      state.invoked.append(event)
      let output = event.data.map { (97...122).contains($0) ? $0 - 32 : $0 }
      return state.report
        ?? ActivationReport(
          result: .success(output),
          usage: ActivationUsage(cpuTime: .microseconds(40), wallTime: .microseconds(90)))
    }
  }

  func publish(_ event: Event, by caller: Caller) async throws(Problem) -> AppendedEvent {
    try act(caller) { state in
      state.published.append(event)
      let number = Int64(state.published.count)
      return AppendedEvent(offset: EventOffset(number), deliveries: [DeliveryID(number)])
    }
  }

  func eventStatus(_ offset: EventOffset, patience: Duration, for caller: Caller)
    async throws(Problem) -> EventStatus
  {
    let event = try act(caller) { state in
      state.patience = patience
      return state.published.indices.contains(Int(offset.number) - 1)
        ? state.published[Int(offset.number) - 1] : nil
    }
    guard let event else { throw Samples.unknown("event_unknown") }
    return EventStatus(
      offset: offset, event: event, acceptedAt: Samples.instant,
      deliveries: [
        EventStatus.Delivery(
          id: DeliveryID(1), module: ModuleName(unchecked: "upper"), state: .succeeded,
          attempts: 1, output: [0xff, 0x00], outputTruncated: true, failure: nil)
      ])
  }

  func logs(of module: ModuleName, follow: Bool, for caller: Caller) async throws(Problem)
    -> AsyncStream<LogLine>
  {
    let lines = try act(caller) { _ in Samples.logLines(of: module) }
    return AsyncStream { continuation in
      for line in lines { continuation.yield(line) }
      if !follow { continuation.finish() }
    }
  }

  func deadLetters(from id: DeliveryID, limit: Int, for caller: Caller) async throws(Problem)
    -> [DeadLetter]
  {
    try act(caller) { Array($0.letters.filter { $0.id >= id }.prefix(limit)) }
  }

  func deadLetter(_ id: DeliveryID, for caller: Caller) async throws(Problem) -> DeadLetter {
    let letter = try act(caller) { state in state.letters.first { $0.id == id } }
    guard let letter else { throw Samples.unknown("dead_letter_unknown") }
    return letter
  }

  func replayDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try act(caller) { $0.replayed.append(id) }
  }

  func dropDeadLetter(_ id: DeliveryID, by caller: Caller) async throws(Problem) {
    try act(caller) { state in state.letters.removeAll { $0.id == id } }
  }

  func nodes(for caller: Caller) async throws(Problem) -> [NodeStatus] {
    try act(caller) { _ in [Samples.node] }
  }

  func placements(for caller: Caller) async throws(Problem) -> [PlacementStatus] {
    try act(caller) { _ in [Samples.placement] }
  }

  func diagnose(for caller: Caller) async throws(Problem) -> [Finding] {
    try act(caller) { _ in [Finding(subject: "store", verdict: .ok, detail: "writable")] }
  }

  var isReady: Bool { get async { now.isReady } }
}
