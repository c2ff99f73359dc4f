import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking

@testable import ControlPlaneLogic

/// A control plane whose time, store and agents a test plays, with what it does as text.
struct ControlPlaneDriver {
  private(set) var logic: ControlPlaneLogic
  private var nanoseconds: Int64 = 0
  private var random = SystemRandomNumberGenerator()
  private var lastRequest: UInt64 = 0
  private var beats: [NodeID: UInt64] = [:]
  /// The newest plan of each node.
  private(set) var plans: [NodeID: NodePlan] = [:]
  private(set) var announced: [EventMessage] = []

  init(_ snapshot: CatalogSnapshot = CatalogSnapshot()) {
    logic = ControlPlaneLogic(snapshot)
    _ = tell(.started)
  }

  var now: Instants {
    Instants(
      monotonic: MonotonicInstant(nanoseconds: nanoseconds),
      wall: WallInstant(microseconds: nanoseconds / 1000))
  }

  static func node(_ name: String) -> NodeID { NodeID(unchecked: name) }
  static let requester = Requester(principal: .local, namespace: .default)

  /// Feeds the logic, and plays a store that is fast and never full.
  mutating func tell(_ input: ControlPlaneLogic.Input) -> [String] {
    var texts: [String] = []
    for directive in logic.handle(input, at: now, using: &random) {
      switch directive {
      case .persist(let id, _): texts += tell(.persisted(id))
      case .reply(_, .catalog(.refused(let problem))), .reply(_, .refused(let problem)):
        texts.append("refused \(problem.code)")
      case .reply(_, .catalog(.deployed(let deployments))):
        texts.append("deployed \(deployments.map { "\($0.name)#\($0.generation)" })")
      case .reply: texts.append("replied")
      case .send(let node, .plan(let plan)):
        plans[node] = plan
        texts.append("\(node): \(Self.text(plan))")
      case .send(let node, .unknown): texts.append("\(node): unknown")
      case .send(let node, .refused(_, let problem, _)):
        texts.append("\(node): refused \(problem.code)")
      case .send, .progress, .events: break
      case .activate(let id, _, let route, _): texts.append("activate \(id) on \(route.node)")
      case .invoke(_, let route): texts.append("invoke on \(route.node)")
      case .refuseInvocation(_, let problem): texts.append("no invocation: \(problem.code)")
      case .announce(let event): announced.append(event)
      }
    }
    return texts
  }

  static func text(_ plan: NodePlan) -> String {
    plan.orders.map {
      "\($0.placement.name)#\($0.placement.generation) \($0.role.rawValue)"
    }.joined(separator: ", ")
  }

  mutating func nextRequest() -> RequestID {
    lastRequest += 1
    return RequestID(lastRequest)
  }

  func registration(_ name: String, incarnation: UInt64 = 1) -> NodeRegistration {
    guard
      let capabilities = try? NodeCapabilities(
        architectures: [.x86_64], memory: .mebibytes(1024), cpuCores: 1)
    else { preconditionFailure("it is valid") }
    return NodeRegistration(
      node: Self.node(name), incarnation: Incarnation(incarnation),
      location: NodeLocation(zone: .default), capabilities: capabilities)
  }

  mutating func attach(
    _ name: String, incarnation: UInt64 = 1, holding: [HeldPlacement] = []
  ) -> [String] {
    let registration = registration(name, incarnation: incarnation)
    return tell(
      .agentSpoke(
        .attached(
          registration,
          NodeReport(
            node: registration.node, incarnation: registration.incarnation, sequence: 1,
            plan: .zero, placements: holding))))
  }

  mutating func beat(_ name: String, incarnation: UInt64 = 1) -> [String] {
    let node = Self.node(name)
    beats[node, default: 0] += 1
    return tell(
      .agentSpoke(
        .heartbeat(
          Heartbeat(
            node: node, incarnation: Incarnation(incarnation), sequence: beats[node] ?? 1,
            progress: 0, isBusy: false, load: .idle))))
  }

  /// A node says that it obeys its newest plan, and how all of it is.
  mutating func obey(
    _ name: String, incarnation: UInt64 = 1, condition: PlacementCondition = .ready
  ) -> [String] {
    let node = Self.node(name)
    guard let plan = plans[node] else { return ["no plan"] }
    return tell(
      .agentSpoke(
        .reported(
          NodeReport(
            node: node, incarnation: Incarnation(incarnation),
            sequence: UInt64(nanoseconds) + 2, plan: plan.version,
            placements: plan.orders.map {
              HeldPlacement(
                $0.deployment, role: $0.role, fence: $0.fence, condition: condition)
            }))))
  }

  /// Lets time pass while some nodes go on beating.
  mutating func wait(_ duration: Duration, beating names: [String]) -> [String] {
    var texts: [String] = []
    let end = nanoseconds + duration.nanoseconds
    while nanoseconds < end {
      nanoseconds = min(end, nanoseconds + 10_000_000)
      for name in names { texts += beat(name) }
      while let due = logic.nextDeadline, due <= now.monotonic {
        texts += tell(.deadlineReached)
      }
    }
    return texts
  }

  mutating func push(_ version: String) -> [String] {
    let record = ModuleVersionRecord(
      namespace: .default, name: ModuleName(unchecked: "m"),
      version: ModuleVersion(unchecked: version),
      digest: ModuleDigest(sha256: [UInt8](repeating: UInt8(version.utf8.first ?? 0), count: 32)),
      size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: now.wall, pushedBy: .local)
    return tell(.catalog(.moduleVerified(nextRequest(), record)))
  }

  mutating func deploy(_ version: String, _ rules: PlacementRules) -> [String] {
    let wish = DeploymentWish(
      name: ModuleName(unchecked: "m"), version: ModuleVersion(unchecked: version),
      configuration: DeploymentConfiguration(placement: rules))
    return tell(
      .catalog(
        .deploymentRequested(
          nextRequest(), ApplicationName(unchecked: "app"), [wish], Self.requester)))
  }

  mutating func invoke() -> [String] {
    tell(
      .invocationRequested(nextRequest(), QualifiedName(.default, ModuleName(unchecked: "m"))))
  }

  /// The announcements since the last time, as text.
  mutating func news() -> [String] {
    defer { announced = [] }
    return announced.map { "\($0.type.rawValue) \($0.target)" }
  }
}
