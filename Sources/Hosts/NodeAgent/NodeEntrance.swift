public import ClusterModel
import EventRouting
public import HostPorts
public import SupervisionRuntime

/// The entrance of a node: requests that come to it are run by the placements that serve here, whether or not a
/// control plane is there; what does not serve here is passed on to the control plane.
///
///     invoke ──serves here──> a fresh instance ──what it wrote──> durable at the control plane ──> answer
///        │                           └──what it published──> the outbox ──────────────────────────^
///        └────not here──────> the control plane ──> wherever it serves ──────────────────────────^
///     accept ───────────────> the outbox, on this node's disk ──in order──> the control plane
///                                └──while that is away──> the modules that it wakes here
public struct NodeEntrance: EntranceService {
  private let node: NodeID
  private let agents: ResourceSlot<NodeAgent>
  private let plane: any ControlPlaneConnection
  private let outbox: OutboxEntry

  /// - Parameters:
  ///   - agents: where the agent of this node is.
  ///   - outbox: takes events, and what modules publish.
  public init(
    of node: NodeID, agents: ResourceSlot<NodeAgent>, plane: any ControlPlaneConnection,
    outbox: OutboxEntry
  ) {
    self.outbox = outbox
    self.node = node
    self.agents = agents
    self.plane = plane
  }

  public var isReady: Bool { get async { agents.current != nil } }

  public func invoke(
    _ module: ModuleName, with event: Event, _ options: InvocationOptions, by caller: Caller
  ) async throws(Problem) -> ActivationReport {
    let name = QualifiedName(caller.namespace, module)
    let event = Self.from(caller, event)
    let agent = try await agents.borrow()
    guard let placement = agent.serving(name), let fence = agent.fence(of: placement) else {
      return try await passOn(name, event, options)
    }
    let report = try await Self.run(
      placement, under: fence, of: agent, on: event, within: options.timeout)
    if case .success = report.result, !report.effects.isEmpty {
      try await keep(report.effects, of: placement, under: fence, by: agent, on: event)
    }
    return report
  }

  /// As it comes from outside: what the platform sets is not taken from there.
  private static func from(_ caller: Caller, _ event: Event) -> Event {
    var event = event
    for name in [
      PlatformAttribute.hops, PlatformAttribute.cause, PlatformAttribute.lifecycle,
      PlatformAttribute.dropped,
    ] {
      event.setAttribute(name, to: nil)
    }
    if event.attribute(PlatformAttribute.traceParent) == nil {
      event.setAttribute(PlatformAttribute.traceParent, to: caller.traceParent)
    }
    return event
  }

  private func passOn(
    _ name: QualifiedName, _ event: Event, _ options: InvocationOptions
  ) async throws(Problem) -> ActivationReport {
    do throws(Problem) {
      return try await plane.invoke(name, with: event, options, from: node)
    } catch  where error.isControlPlaneLost && !options.isIdempotent {
      throw Self.outcomeUnknown
    } catch  where error.isControlPlaneAway {
      throw Problem(
        .unavailable, code: "module_not_here",
        "module \(name) does not serve on node \(node), and the control plane is away",
        next: "Ask a node on which it serves, or try again when the control plane is back.")
    }
  }

  private static func run(
    _ placement: Placement, under fence: PlanVersion, of agent: NodeAgent, on event: Event,
    within timeout: Duration?
  ) async throws(Problem) -> ActivationReport {
    guard placement.deployment.configuration.kind != .service else {
      throw Problem(
        .conflict, code: "module_is_service",
        "\(placement.deployment.name) is a service: it runs always, and takes no events",
        next: "See how it is with `wasmatrix ps`.")
    }
    guard let timeout else {
      return await agent.run(placement, under: fence, on: event, attempt: 1)
    }
    let run = Task { await agent.run(placement, under: fence, on: event, attempt: 1) }
    let timer = Task {
      // Cancelled when the run is over sooner.
      guard (try? await Task.sleep(for: timeout)) != nil else { return false }
      run.cancel()
      return true
    }
    let report = await withTaskCancellationHandler {
      await run.value
    } onCancel: {
      run.cancel()
    }
    timer.cancel()
    if await timer.value, case .failure(let failure) = report.result, failure.code == .cancelled {
      throw Problem(
        .deadlineExceeded, code: "timeout",
        "\(placement.deployment.name) was ended: it had not answered within \(timeout)",
        next: "Allow it more with timeout=.")
    }
    return report
  }

  /// What it did is durable before its caller hears of it, or is not done at all.
  private func keep(
    _ effects: ActivationEffects, of placement: Placement, under fence: PlanVersion,
    by agent: NodeAgent, on event: Event
  ) async throws(Problem) {
    do throws(Problem) {
      try await agent.keep(effects, of: placement, under: fence, on: event)
    } catch  where error.isControlPlaneLost {
      throw Self.outcomeUnknown
    } catch  where error.isControlPlaneAway {
      throw Problem(
        .unavailable, code: "effects_undurable",
        "\(placement.deployment.name) ran, and what it did cannot be kept: the control plane is away",
        next: "Try again when the control plane is back: nothing of it took place.")
    }
  }

  private static let outcomeUnknown = Problem(
    .unavailable, code: "outcome_unknown",
    "the control plane went away while it handled this: it may have been done, or not",
    next: "Ask again if doing it twice does no harm.")

  public func accept(
    _ event: Event, by caller: Caller
  ) async throws(Problem) -> AppendedEvent? {
    // What the control plane would refuse for ever must not come to lie before what it would take.
    guard !event.topic.isPlatformOwn else {
      throw Problem(
        .refused, code: "topic_reserved", "topics that begin with '$' are the platform's own",
        next: "Publish to another topic.")
    }
    var event = Self.from(caller, event)
    event.namespace = caller.namespace
    try await outbox.accept(event)
    return nil
  }
}
