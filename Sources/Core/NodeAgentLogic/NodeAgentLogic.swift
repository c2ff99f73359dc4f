public import ClusterModel
import DequeModule

/// Decides what a node agent does: it attaches, shows signs of life, makes its node hold what the
/// newest plan says, and tells the control plane how that is.
///
///     link         closed ──openLink──> opening ──opened──> open: attach ──welcome──> attached
///                    ▲ back-off, jitter    │ closed           │ closed      │ closed, unknown
///                    └────────────────────┴───────────────────┴─────────────┘
///
///     placement    ordered ──prepare──> preparing ──prepared──> ready ──active, lease──> serving
///                                          │ failed              ▲──────not any more──────┘
///                                          ▼                     │
///                                        failed ──newer fence──> preparing
///     Not in the newest plan any more, or another deployment of the same number: discarded.
///
/// A node that hears nothing of the control plane goes on with its last plan; one that boots alone with its
/// standing plan, until that expires (`+Alone`). Only what must stop when
/// isolated (`isolation: stop`) pauses when its lease runs out.
///
/// A plan is said to be obeyed when the services that it ends have ended (`+Services`).
public struct NodeAgentLogic: Sendable {
  public struct Configuration: Hashable, Sendable {
    /// Between two heartbeats.
    public var heartbeatInterval: Duration
    /// Between two reports of the same, until it is acknowledged.
    public var reportInterval: Duration
    /// Before the link is opened again: anything up to this, doubled with each failure in a row.
    public var initialLinkDelay: Duration
    public var maximumLinkDelay: Duration

    public init(
      heartbeatInterval: Duration = .milliseconds(50),
      reportInterval: Duration = .milliseconds(500),
      initialLinkDelay: Duration = .milliseconds(20), maximumLinkDelay: Duration = .seconds(2)
    ) {
      self.heartbeatInterval = heartbeatInterval
      self.reportInterval = reportInterval
      self.initialLinkDelay = initialLinkDelay
      self.maximumLinkDelay = maximumLinkDelay
    }
  }

  /// A placement that this node holds.
  struct Held: Sendable {
    var order: PlacementOrder
    var condition: PlacementCondition
    var attempt: UInt64
    /// The fence under which activations may begin; `nil` while none may.
    var serving: PlanVersion?
  }

  enum Link: Hashable, Sendable {
    case closed(openAt: MonotonicInstant)
    case opening
    /// The attachment is on its way; said again until it is answered.
    case attaching(againAt: MonotonicInstant)
    case attached
    /// The control plane wants another agent of this name.
    case refused
    /// The agent is ending.
    case ended
  }

  /// Heartbeats whose acknowledgement may still extend the lease: all of those within one, however often
  /// they are sent. An acknowledgement of one in between counts as one of that before it.
  static let rememberedHeartbeats = 256
  static let rememberedSpacing = LeaseRules.duration / 200

  let registration: NodeRegistration
  let configuration: Configuration
  var held: [PlacementID: Held] = [:]
  var link = Link.ended
  var linkFailures = 0
  /// The newest term that was known when it last attached.
  var attachedUnder: UInt64 = 0
  /// The newest term and plan seen; what is older is refused.
  public internal(set) var term: UInt64 = 0
  public internal(set) var plan = PlanVersion.zero
  var lastAttempt: UInt64 = 0
  var nextHeartbeat: MonotonicInstant?
  /// Between two heartbeats, as the control plane wants it.
  var heartbeatInterval: Duration
  var heartbeatSequence: UInt64 = 0
  /// When the control plane was last heard; `nil` before it was.
  var heardAt: MonotonicInstant?
  var sentHeartbeats: Deque<(sequence: UInt64, at: MonotonicInstant)> = []
  /// Until when what must stop when isolated may serve; `nil` when it may not.
  public internal(set) var leaseEnd: MonotonicInstant?
  var reportSequence: UInt64 = 0
  /// Whether what is held has changed since it was said last.
  var hasNews = false
  /// When the report is said again; `nil` when it was acknowledged.
  var reportAt: MonotonicInstant?
  /// The trees of services that run here.
  var services: [ServiceOwner: RunningServices] = [:]
  /// Whether what should run may be something else than what does.
  var servicesMayDiffer = false
  var lastServiceRun: UInt64 = 0
  /// What is held by hand, beside the plan (`+ByHand`).
  var byHand: [QualifiedName: HandHeld] = [:]
  /// Who waits until the service of a module that was let go has ended.
  var releasing: [QualifiedName: [(request: RequestID, released: HeldByHand)]] = [:]
  /// When the keys of what is held by hand are looked at again; `nil` while nothing is.
  var keysAt: MonotonicInstant?
  /// The newest plan of which everything is done: what it does not let run has ended.
  var fulfilled = PlanVersion.zero
  /// Whether the agent is about to end, and waits for its services.
  var isLeaving = false
  /// When a standing plan is looked for; `nil` when none is wanted (`+Alone`).
  var recallAt: MonotonicInstant?
  /// Until when it goes on with its standing plan; `nil` when it obeys none.
  public internal(set) var aloneUntil: MonotonicInstant?

  public init(registration: NodeRegistration, configuration: Configuration = Configuration()) {
    self.registration = registration
    self.configuration = configuration
    heartbeatInterval = configuration.heartbeatInterval
  }

  /// When `deadlineReached` is due.
  public var nextDeadline: MonotonicInstant? {
    let linkDeadline: MonotonicInstant? =
      switch link {
      case .closed(let at), .attaching(let at): at
      case .opening, .attached, .refused, .ended: nil
      }
    return [
      linkDeadline, nextHeartbeat, reportAt, leaseEnd, servicesDeadline, keysAt, recallAt,
      aloneUntil,
    ].compactMap { $0 }.min()
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .started:
      link = .opening
      expectControlPlane(now)
      directives.append(.openLink)
    case .linkOpened(let interval):
      heartbeatInterval = interval ?? configuration.heartbeatInterval
      attach(now, &directives)
    case .linkClosed: closeLink(now, &random)
    case .linkRefused: refuseLink(now, &random, &directives)
    case .recalled(let plan, let seen): recalled(plan, seen: seen, now, &directives)
    case .controlPlaneSpoke(let message): hear(message, now, &directives)
    case .vitalsMeasured(let vitals): beat(vitals, now, &directives)
    case .placementPrepared(let id): prepared(id, .ready, now, &directives)
    case .placementFailed(let id, let problem): prepared(id, .failed(problem), now, &directives)
    case .serviceStarted(let run): serviceStarted(run, now, &random, &directives)
    case .serviceEnded(let run, let exit): serviceEnded(run, exit, now, &random, &directives)
    case .holdRequested(let request, let order): hold(order, for: request, now, &directives)
    case .releaseRequested(let request, let name): release(name, for: request, &directives)
    case .keysRead(let keys): releaseRevoked(keys, &directives)
    case .stopRequested: stop(&directives)
    case .deadlineReached:
      wake(now, &directives)
      wakeServices(now, &random, &directives)
    }
    adjustServices(now, &random, &directives)
    // While one report is on its way, what is new waits for its acknowledgement: each says everything, and a
    // thousand placements that become ready must not make a thousand of them.
    if hasNews, reportAt == nil { say(now, &directives) }
    return directives
  }

  /// What the node holds, as it says.
  public var report: NodeReport {
    NodeReport(
      node: registration.node, incarnation: registration.incarnation, sequence: reportSequence,
      plan: fulfilled,
      placements: held.values.map {
        HeldPlacement(
          $0.order.deployment, role: $0.order.role, fence: $0.order.fence,
          condition: $0.condition)
      })
  }

  /// Whether an activation under this fence may begin.
  public func serves(_ placement: PlacementID, under fence: PlanVersion) -> Bool {
    held[placement]?.serving == fence || servesAhead(placement, under: fence)
  }

  /// Whether an activation may begin before the plan is there to which its fence belongs: that it was sent says what
  /// will be in the plan, which takes a while to come when it is of a thousand placements. Within one term a
  /// placement is of one deployment, so that what is ready is what is wanted. What must stop when isolated needs a
  /// lease, and with that the plan.
  private func servesAhead(_ placement: PlacementID, under fence: PlanVersion) -> Bool {
    guard fence.term == plan.term, fence > plan, isAttached, let held = held[placement] else {
      return false
    }
    return held.condition == .ready && held.order.role != .retained && !held.mustStopAlone
  }

  /// Whether an activation under this fence, which may not begin now, may be able to in a moment: its
  /// plan has not been heard of, or what it needs is about to be ready.
  public func mayServeLater(_ placement: PlacementID, under fence: PlanVersion) -> Bool {
    guard let held = held[placement], held.order.fence == fence else { return plan < fence }
    guard held.serving == nil else { return false }
    switch held.condition {
    case .preparing, .ready: return held.order.role == .active
    case .failed: return false
    }
  }

  /// The attempt of the preparation that was ordered last; each is larger than that of the one before.
  public var newestPreparation: UInt64 { lastAttempt }

  /// Which start of the agent it is.
  public var incarnation: Incarnation { registration.incarnation }

  /// Whether the control plane wants another agent of this name.
  public var isRefused: Bool { link == .refused }

  /// Whether the control plane has let it in.
  public var isAttached: Bool { link == .attached }

  /// Whether the end of a preparation is waited for.
  public func isPreparing(_ id: PreparationID) -> Bool {
    if held[id.placement]?.attempt == id.attempt, held[id.placement]?.condition == .preparing {
      return true
    }
    let hand = byHand[id.placement.name]
    return hand?.order.placement == id.placement && hand?.attempt == id.attempt
      && hand?.isReady == false
  }

  /// Whether the node had no room for it.
  public func isFull(_ placement: PlacementID) -> Bool { held[placement]?.isFull ?? false }

  private mutating func hear(
    _ message: ControlMessage, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard message.incarnation == registration.incarnation, link != .ended, !isLeaving else {
      return
    }
    guard message.term >= term else {
      directives.append(
        .report(.staleRefused(PlanVersion(term: message.term, counter: 0), seen: plan)))
      return
    }
    term = message.term
    heardAt = now.monotonic
    switch message {
    case .welcome(_, let interval, _):
      if let interval { heartbeatInterval = interval }
      welcomed(now)
    case .unknown:
      // After a silence there is one for each heartbeat that had waited: what is on its way answers all of them.
      if case .attaching = link, attachedUnder == term { return }
      attach(now, &directives)
    case .plan(let plan): obey(plan, now, &directives)
    case .standing(_, let sealed, _): keep(sealed, &directives)
    case .heartbeatAcknowledged(_, let sequence, let plan, _):
      extendLease(sequence, plan, now, &directives)
    case .reportAcknowledged(_, let sequence, _):
      if sequence == reportSequence { reportAt = nil }
    case .refused(_, let problem, _):
      link = .refused
      nextHeartbeat = nil
      reportAt = nil
      recallAt = nil
      endStanding(.refused, now, &directives)
      directives.append(.report(.attachRefused(problem)))
    }
  }

  private mutating func wake(_ now: Instants, _ directives: inout [Directive]) {
    let time = now.monotonic
    // First of all: the machine may have stood still, and others serve by now.
    if let at = leaseEnd, at <= time {
      leaseEnd = nil
      if held.values.contains(where: { $0.serving != nil && $0.mustStopAlone }) {
        directives.append(.report(.leaseRanOut))
      }
      adjustServing(now, &directives)
    }
    wakeAlone(now, &directives)
    switch link {
    case .closed(let at) where at <= time:
      link = .opening
      directives.append(.openLink)
    case .attaching(let at) where at <= time: attach(now, &directives)
    case .closed, .attaching, .opening, .attached, .refused, .ended: break
    }
    if let at = nextHeartbeat, at <= time {
      nextHeartbeat = time + heartbeatInterval
      directives.append(.measureVitals)
    }
    if let at = reportAt, at <= time { say(now, &directives) }
    if let at = keysAt, at <= time {
      keysAt = time + Self.keysInterval
      directives.append(.readKeys)
    }
  }
}

extension NodeAgentLogic.Held {
  var mustStopAlone: Bool { order.deployment.configuration.placement.isolation == .stop }
}
