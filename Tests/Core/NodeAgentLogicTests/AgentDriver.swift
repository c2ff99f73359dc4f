import ClusterModel
import Supervision

@testable import NodeAgentLogic

/// An agent whose time a test sets, with what it does as text.
struct AgentDriver {
  private(set) var logic: NodeAgentLogic
  private var nanoseconds: Int64 = 0
  private var random = SystemRandomNumberGenerator()
  let incarnation = Incarnation(4)
  var isolation = IsolationPolicy.continue
  /// Makes deployments of the same number different ones.
  var deployedAt: Int64 = 1
  /// Of what is ordered.
  var signers: [KeyID] = []
  /// Granted to what is ordered.
  var capabilities = CapabilityGrants.none
  /// What is ordered is services of it, when it is there.
  var tree: ServiceTree?
  /// The services that run, by name; and those that were told to end.
  var runs: [String: ServiceRunID] = [:]
  /// What serves, by what it said.
  private(set) var serving: Set<String> = []
  /// Whether the control plane says at once that a report has arrived.
  var acknowledgesReports = true
  /// How often the disk was asked for a standing plan, and what was given to it.
  private(set) var recalls = 0
  private(set) var remembered: [PlanVersion] = []
  private(set) var kept: [PlanVersion] = []
  private var beats: [UInt64] = []
  /// The last one that was sent.
  private(set) var heartbeat: Heartbeat?

  init() {
    guard
      let capabilities = try? NodeCapabilities(
        architectures: [.x86_64], memory: .mebibytes(256), cpuCores: 1)
    else { preconditionFailure("it is valid") }
    logic = NodeAgentLogic(
      registration: NodeRegistration(
        node: NodeID(unchecked: "n"), incarnation: Incarnation(4),
        location: NodeLocation(zone: .default), capabilities: capabilities))
  }

  var now: Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: nanoseconds),
      wall: WallInstant(microseconds: nanoseconds / 1000))
  }

  func version(_ counter: UInt64) -> PlanVersion { PlanVersion(term: 1, counter: counter) }

  func placement(_ name: String, _ generation: Int) -> PlacementID {
    PlacementID(QualifiedName(.default, ModuleName(unchecked: name)), generation: generation)
  }

  mutating func tell(_ input: NodeAgentLogic.Input) -> [String] {
    var texts: [String] = []
    for directive in logic.handle(input, at: now, using: &random) {
      if case .measureVitals = directive {
        let vitals = Vitals(progress: 1, isBusy: false, load: .idle)
        texts += tell(.vitalsMeasured(vitals))
      } else if let text = text(directive) {
        texts.append(text)
      }
      if case .send(.heartbeat(let sent)) = directive { heartbeat = sent }
      if case .send(.reported(let report)) = directive, acknowledgesReports {
        texts += hear(.reportAcknowledged(incarnation, sequence: report.sequence, term: 1))
      }
    }
    return texts
  }

  mutating func hear(_ message: ControlMessage) -> [String] { tell(.controlPlaneSpoke(message)) }

  /// Lets time pass, waking the agent whenever it wants; what it did.
  mutating func wait(_ duration: Duration) -> [String] {
    var texts: [String] = []
    let end = nanoseconds + duration.nanoseconds
    var wakes = 0
    while let deadline = logic.nextDeadline, deadline.nanoseconds <= end {
      nanoseconds = max(nanoseconds, deadline.nanoseconds)
      texts += tell(.deadlineReached)
      wakes += 1
      precondition(wakes < 100_000, "it never comes to rest")
    }
    nanoseconds = end
    return texts
  }

  mutating func attach() {
    _ = tell(.started)
    _ = tell(.linkOpened(heartbeatInterval: nil))
    _ = hear(.welcome(incarnation, term: 1))
  }

  mutating func plan(
    _ counter: UInt64, _ orders: [(String, Int, PlacementRole, UInt64)]
  ) -> [String] {
    hear(
      .plan(
        NodePlan(
          node: NodeID(unchecked: "n"), incarnation: incarnation, version: version(counter),
          orders: orders.map { order($0.0, $0.1, $0.2, $0.3) })))
  }

  /// Somebody wants it held, or let go, by hand.
  mutating func hold(_ request: UInt64, _ name: String, _ generation: Int) -> [String] {
    tell(.holdRequested(RequestID(request), order(name, generation, .retained, 0)))
  }

  mutating func release(_ request: UInt64, _ name: String) -> [String] {
    tell(
      .releaseRequested(
        RequestID(request), QualifiedName(.default, ModuleName(unchecked: name))))
  }

  func key(_ id: String, revoked: Bool) -> TrustedKey {
    TrustedKey(
      id: KeyID(unchecked: id), publicKey: [], label: id, addedAt: now.wall,
      revokedAt: revoked ? now.wall : nil)
  }

  private func standing(
    _ counter: UInt64, _ orders: [(String, Int, PlacementRole, UInt64)], _ life: Duration,
    madeIn wait: Duration = .zero
  ) -> StandingPlan {
    StandingPlan(
      NodePlan(
        node: NodeID(unchecked: "n"), incarnation: Incarnation(1), version: version(counter),
        orders: orders.map { order($0.0, $0.1, $0.2, $0.3) }), trustedKeys: [],
      issuedAt: now.wall + wait, life: life)
  }

  /// The disk holds a standing plan of its last life.
  mutating func recall(
    _ counter: UInt64, _ orders: [(String, Int, PlacementRole, UInt64)],
    life: Duration = .seconds(3600), seen: UInt64 = 0, madeIn wait: Duration = .zero
  ) -> [String] {
    tell(.recalled(standing(counter, orders, life, madeIn: wait), seen: version(seen)))
  }

  /// The control plane says what it may obey alone.
  mutating func stand(_ counter: UInt64) {
    let seal = PlanSeal(
      statement: [], authority: AuthorityFingerprint(sha256: [UInt8](repeating: 0, count: 32)),
      signature: [])
    let sealed = SealedPlan(standing(counter, [], .seconds(60)), seal)
    _ = hear(.standing(incarnation, sealed, term: 1))
  }

  private func order(
    _ name: String, _ generation: Int, _ role: PlacementRole, _ fence: UInt64
  ) -> PlacementOrder {
    let digest = ModuleDigest(sha256: [UInt8](repeating: 1, count: 32))
    let module = ModuleName(unchecked: name)
    let version = ModuleVersion(unchecked: "1")
    let wall = WallInstant(microseconds: deployedAt)
    return PlacementOrder(
      deployment: Deployment(
        namespace: .default, application: ApplicationName(unchecked: "app"), name: module,
        version: version, digest: digest,
        configuration: DeploymentConfiguration(
          kind: tree == nil ? .command : .service,
          placement: PlacementRules(
            memory: tree == nil ? nil : .mebibytes(1), isolation: isolation),
          capabilities: capabilities, serviceTree: tree),
        generation: generation, deployedAt: wall),
      record: ModuleVersionRecord(
        namespace: .default, name: module, version: version, digest: digest,
        size: ByteCount(bytes: 1), signers: signers, signature: [], pushedAt: wall, pushedBy: .local
      ),
      role: role, fence: self.version(fence))
  }

  mutating func prepared(_ name: String, _ generation: Int, attempt: UInt64? = nil) -> [String] {
    let placement = placement(name, generation)
    let attempt =
      attempt ?? logic.held[placement]?.attempt ?? logic.byHand[placement.name]?.attempt ?? 0
    return tell(.placementPrepared(PreparationID(placement: placement, attempt: attempt)))
  }

  mutating func failed(_ name: String, _ generation: Int) -> [String] {
    let placement = placement(name, generation)
    let attempt = logic.held[placement]?.attempt ?? logic.byHand[placement.name]?.attempt ?? 0
    let id = PreparationID(placement: placement, attempt: attempt)
    return tell(.placementFailed(id, Problem(.unavailable, code: "fetch_failed", "no")))
  }

  /// A service runs; or it has ended, like this.
  mutating func began(_ name: String) -> [String] {
    runs[name].map { tell(.serviceStarted($0)) } ?? []
  }

  mutating func ended(_ name: String, _ exit: ChildExit) -> [String] {
    runs.removeValue(forKey: name).map { tell(.serviceEnded($0, exit)) } ?? []
  }

  /// Lets the next heartbeat leave; its number.
  mutating func beat() -> UInt64 {
    beats = []
    for _ in 0..<1000 where beats.isEmpty { _ = wait(.milliseconds(10)) }
    precondition(!beats.isEmpty, "it shows no sign of life")
    return beats[0]
  }

  mutating func acknowledge(_ sequence: UInt64, plan: UInt64) -> [String] {
    hear(
      .heartbeatAcknowledged(incarnation, sequence: sequence, plan: version(plan), term: 1))
  }

  private mutating func text(_ directive: NodeAgentLogic.Directive) -> String? {
    switch directive {
    case .openLink: return "open link"
    case .send(.attached(_, let report)): return "attached obeys \(report.plan) \(text(report))"
    case .send(.heartbeat(let heartbeat)):
      beats.append(heartbeat.sequence)
      return nil
    case .send(.reported(let report)): return "report \(report.plan) \(text(report))"
    case .send(.left): return "left"
    case .measureVitals: return nil
    case .prepare(let id, _): return "prepare \(text(id.placement))"
    case .renew(let order, let source):
      return "renew \(text(order.placement)) from \(text(source))"
    case .discard(let id): return "discard \(text(id))"
    case .serve(let id, let fence):
      serving.insert(text(id))
      return "serve \(text(id)) \(fence)"
    case .pause(let id):
      serving.remove(text(id))
      return "pause \(text(id))"
    case .report(.staleRefused(let version, let seen)): return "stale \(version), seen \(seen)"
    case .report(.releasedByHand(let name, let reason)): return "let go \(name): \(reason)"
    case .answer(let request, .success(let held)):
      return "answer \(request.number): \(text(held.placement)) took \(held.took.nanoseconds)"
        + (held.isPlanned ? " planned" : "")
    case .answer(let request, .failure(let problem)):
      return "answer \(request.number): \(problem.code)"
    case .readKeys: return "read keys"
    case .report(.leaseRanOut): return "lease ran out"
    case .report(.attachRefused(let problem)): return "refused \(problem.code)"
    case .report(.service(_, _, _, let event)):
      guard case .escalated(let child, _, _, _) = event else { return nil }
      return "gave up \(child)"
    case .startService(let run):
      runs[run.placement.name.name.text] = run
      return "start \(run.placement.name) \(run.start)"
    case .stopService(let run): return "stop \(run.placement.name)"
    case .killService(let run): return "kill \(run.placement.name)"
    case .recall:
      recalls += 1
      return nil
    case .remember(let version):
      remembered.append(version)
      return nil
    case .keepStanding(let sealed):
      kept.append(sealed.plan.version)
      return nil
    case .report(.obeysAlone(let version, _)): return "alone \(version)"
    case .report(.standingRefused(let problem)): return "refused \(problem.code)"
    case .report(.standingEnded(let end)): return "standing ended \(end)"
    case .end: return "end"
    }
  }

  private func text(_ id: PlacementID) -> String { "\(id.name)#\(id.generation)" }

  private func text(_ report: NodeReport) -> String {
    let held = report.placements.map { held -> String in
      let condition =
        switch held.condition {
        case .preparing: "preparing"
        case .ready: "ready"
        case .failed: "failed"
        }
      return "\(text(held.placement)) \(condition)"
    }
    return "[\(held.joined(separator: "; "))]"
  }
}
