public import ClusterModel
public import EventRouting
public import ModuleCatalog
public import NodeTracking

/// Where a module runs right now: what is sent there counts as long as the fence is the newest.
public struct Route: Hashable, Sendable {
  public var node: NodeID
  public var placement: PlacementID
  public var fence: PlanVersion
  /// Which activation it is of those that this control plane began: the answer to an earlier one of the same
  /// delivery does not count. 0 where nothing was begun.
  public var run: UInt64

  public init(node: NodeID, placement: PlacementID, fence: PlanVersion, run: UInt64 = 0) {
    self.node = node
    self.placement = placement
    self.fence = fence
    self.run = run
  }
}

/// How an activation came back.
public enum ActivationEnd: Sendable {
  /// - Parameter data: what its result says as JSON, when the router needs it and it is JSON.
  case finished(
    Event, Result<[UInt8], ActivationFailure>, data: JSONValue?,
    effects: EventRouter.OfferedEffects = .none)
  /// Its event could not be read, so that nothing ran.
  case eventUnreadable(Problem)
  /// The control plane's own consumer was restarted: nothing is known of it; it is run again.
  case interrupted
}

extension ControlPlaneLogic {
  /// What has happened.
  public enum Input: Sendable {
    /// The store was loaded, and what an earlier run owed was read.
    case started
    case persisted(PersistID)
    case persistFailed(PersistID, Problem)
    /// Requests about modules, keys and deployments.
    case catalog(Catalog.Input)
    case nodeCommanded(RequestID, NodeID, NodeCommand, Requester)
    case agentSpoke(AgentMessage)
    /// A heartbeat is read that arrived then.
    case heartbeatArrived(Heartbeat, at: MonotonicInstant)
    /// A node has measured how far away others and landmarks are.
    case roundTripsMeasured(from: NodeID, [RoundTripSample])
    /// Positive evidence that an agent is gone.
    case agentDied(NodeID, Incarnation, DeathEvidence)
    case events(EventRouter.Input)
    case activationEnded(DeliveryID, Route, ActivationEnd)
    case invocationRequested(RequestID, InvocationWish)
    case invocationEnded(RequestID, Route, InvocationEnd)
    /// Whoever waited for it has gone away.
    case invocationWithdrawn(RequestID)
    /// Something that standing plans hold beside plans: the trust store, who may call a node.
    case standingContentChanged
    case deadlineReached
  }

  /// What must be done.
  public enum Directive: Sendable {
    /// Answered with `persisted` or `persistFailed`.
    case persist(PersistID, [CatalogChange])
    case reply(RequestID, Reply)
    case progress(RequestID, CatalogStep)
    case send(NodeID, ControlMessage)
    /// The event log, and whoever waits for it. Never `activate`: that is a directive of its own.
    case events(EventRouter.Directive)
    /// Answered with `activationEnded`.
    case activate(DeliveryID, EventOffset, Route, attempt: Int)
    /// Answered with `invocationEnded`.
    ///
    /// - Parameter attempt: how often it may have run, this time included.
    case invoke(RequestID, Route, attempt: Int)
    /// What ran there is the answer.
    case answerInvocation(RequestID, Route)
    /// What still runs of it there is ended, and counts no more.
    case endInvocation(RequestID, Route)
    case refuseInvocation(RequestID, Problem)
    /// A node is lost: nothing that was sent there is waited for any more, whoever sent it. An earlier control plane may
    /// have, of which nobody else decides.
    case abandonRuns(on: NodeID)
    /// A node is let in no more: the way to it is closed, and what it said over it counts no more.
    case hangUp(on: NodeID)
    /// An answer to an activation that was given up meanwhile: it counts no more. Somebody may wonder.
    case noteLateAnswer(DeliveryID, Route)
    /// Make of the plan, which its node has, one that it may obey alone for so long, and send that to it. There is
    /// time for it.
    case seal(NodePlan, life: Duration)
    /// Something in the life of the cluster that whoever follows it should hear of at once.
    case announce(EventMessage)
    /// The same, of placements: ``PlacementChange/messages`` of each, in this order.
    case announceChanges([PlacementChange])
    /// All that a node served which was lost is served again, once this is carried out:
    /// ``Failover/message(_:took:at:)`` with this id says how long it took.
    case failedOver(Failover, String)
  }

  /// How a request ended.
  public enum Reply: Sendable {
    case catalog(Catalog.Reply)
    /// How the node is given work from now on; `nil` when it was forgotten.
    case node(NodeID, NodeScheduling?)
    case refused(Problem)
  }
}
