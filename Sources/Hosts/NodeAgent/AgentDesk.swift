public import ClusterModel
public import HostPorts
import NodeAgentLogic
public import SupervisionRuntime
import Synchronization

/// What the agent of a node does for tools: it has the control plane say who asks, and asks the agent that
/// there is.
public final class AgentDesk: AgentService {
  public let node: NodeID
  private let callers: any AgentCallers
  private let agent: ResourceSlot<NodeAgent>
  private let clock: any HostClock
  private let state = Mutex(State())

  private struct State {
    var known = CallerMemory()
    var open = 0
  }

  /// Calls that are being answered at the same time; each may wait for a module to be compiled.
  static let mostOpen = 256

  /// - Parameter agent: the one that there is; empty while it is being restarted.
  public init(
    of node: NodeID, callers: any AgentCallers, agent: ResourceSlot<NodeAgent>,
    clock: any HostClock
  ) {
    self.node = node
    self.callers = callers
    self.agent = agent
    self.clock = clock
  }

  public func startModule(
    _ module: QualifiedName, version: ModuleVersion?, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand {
    try await counted { () async throws(Problem) in
      // The control plane asks for the role itself, and puts on record who it was.
      let order = try await self.callers.orderByHand(
        module, version: version, for: caller, at: self.node)
      return try await self.agent.borrow().hold(order)
    }
  }

  public func stopModule(
    _ module: QualifiedName, by caller: AgentCaller
  ) async throws(Problem) -> HeldByHand {
    try await counted { () async throws(Problem) in
      try await self.require(.deployer, of: caller, for: "StopModule")
      let agent = try await self.agent.borrow()
      if await agent.logic.isHeldByHand(module) {
        try await self.callers.releaseByHand(module, for: caller, at: self.node)
      }
      return try await agent.release(module)
    }
  }

  public func metrics(for caller: AgentCaller) async throws(Problem) -> NodeMetrics {
    try await counted { () async throws(Problem) in
      try await self.require(.viewer, of: caller, for: "GetMetrics")
      let agent = try await self.agent.borrow()
      return await agent.metrics
    }
  }

  private func require(
    _ role: Role, of caller: AgentCaller, for subject: String
  ) async throws(Problem) {
    let now = clock.now().monotonic
    let known = state.withLock { $0.known.holder(of: caller.token, at: now) }
    if let known, known.role.allows(role) { return }
    let holder = try await callers.holder(of: caller, needing: role, for: subject, at: node)
    let then = clock.now().monotonic
    state.withLock { $0.known.remember(holder, of: caller.token, at: then) }
  }

  private func counted<Value: Sendable>(
    _ body: () async throws(Problem) -> Value
  ) async throws(Problem) -> Value {
    let isIn = state.withLock { state in
      guard state.open < Self.mostOpen else { return false }
      state.open += 1
      return true
    }
    guard isIn else {
      throw Problem(
        .overloaded, code: "calls_too_many", "too many calls are being answered by this agent",
        next: "Try again in a moment.", retryAfter: .seconds(1))
    }
    defer { state.withLock { $0.open -= 1 } }
    return try await body()
  }
}

/// Whom the control plane let in a moment ago. A token that is revoked is good for so long still.
struct CallerMemory: Sendable {
  static let life = Duration.seconds(5)
  /// When there are more, all are forgotten, and asked for anew.
  static let most = 256

  private var known: [String: (holder: TokenHolder, until: MonotonicInstant)] = [:]

  init() {}

  func holder(of token: String, at now: MonotonicInstant) -> TokenHolder? {
    guard let there = known[token], now < there.until else { return nil }
    return there.holder
  }

  mutating func remember(_ holder: TokenHolder, of token: String, at now: MonotonicInstant) {
    known = known.filter { now < $0.value.until }
    if known.count >= Self.most { known = [:] }
    known[token] = (holder, now + Self.life)
  }
}
