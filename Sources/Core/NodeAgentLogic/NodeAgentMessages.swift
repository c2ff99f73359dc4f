public import ClusterModel
public import Supervision

/// How a node is, measured when it was asked for.
public struct Vitals: Hashable, Sendable {
  /// Grows when the workers get on.
  public var progress: UInt64
  /// Whether work waits or runs.
  public var isBusy: Bool
  public var load: NodeLoad

  public init(progress: UInt64, isBusy: Bool, load: NodeLoad) {
    self.progress = progress
    self.isBusy = isBusy
    self.load = load
  }
}

/// Names one preparation, so that the end of an abandoned one is known as such.
public struct PreparationID: Hashable, Sendable {
  public let placement: PlacementID
  /// Unique within an incarnation.
  public let attempt: UInt64

  public init(placement: PlacementID, attempt: UInt64) {
    self.placement = placement
    self.attempt = attempt
  }
}

extension NodeAgentLogic {
  /// What has happened.
  public enum Input: Sendable {
    case started
    /// The way to the control plane is open; what is sent now may arrive. With it may come what the
    /// control plane wants between two heartbeats.
    case linkOpened(heartbeatInterval: Duration?)
    case linkClosed
    /// The control plane is there, and does not let this node in.
    case linkRefused
    /// The answer to `recall`: the standing plan that is kept, if there is one that the cluster has sealed, and
    /// the newest plan that was ever remembered.
    case recalled(StandingPlan?, seen: PlanVersion)
    case controlPlaneSpoke(ControlMessage)
    /// The answer to `measureVitals`.
    case vitalsMeasured(Vitals)
    case placementPrepared(PreparationID)
    case placementFailed(PreparationID, Problem)
    /// A fresh instance runs.
    case serviceStarted(ServiceRunID)
    /// It has ended, by itself or because it was stopped or killed.
    case serviceEnded(ServiceRunID, ChildExit)
    /// Somebody wants a module held here by hand; answered with `answer`.
    case holdRequested(RequestID, PlacementOrder)
    /// Somebody wants it let go; answered with `answer`.
    case releaseRequested(RequestID, QualifiedName)
    /// The answer to `readKeys`, if there is one: the trust store.
    case keysRead([TrustedKey])
    case stopRequested
    case deadlineReached
  }

  /// What must be done.
  public enum Directive: Sendable {
    /// Open the way to the control plane; answered with `linkOpened` or `linkClosed`.
    case openLink
    case send(AgentMessage)
    /// Answered with `vitalsMeasured` at once.
    case measureVitals
    /// Fetch, verify, compile, link.
    case prepare(PreparationID, PlacementOrder)
    /// Hold this, too: its code is what is ready for another placement of the same module, which may be discarded
    /// next.
    case renew(PlacementOrder, from: PlacementID)
    /// Forget a placement, and give up preparing it.
    case discard(PlacementID)
    /// Activations under this fence may begin from now on, and none under another.
    case serve(PlacementID, PlanVersion)
    /// No activation may begin any more; what runs goes on to its end.
    case pause(PlacementID)
    /// Run a fresh instance of a service; answered with `serviceStarted` and `serviceEnded`, or the latter
    /// alone.
    case startService(ServiceRunID)
    /// Tell it to end.
    case stopService(ServiceRunID)
    /// End it at once.
    case killService(ServiceRunID)
    /// Of a request by hand.
    case answer(RequestID, Result<HeldByHand, Problem>)
    /// Ask the control plane for the trust store; answered with `keysRead`, if it can be asked.
    case readKeys
    /// Look for a standing plan; answered with `recalled`.
    case recall
    /// Keep this for a start without a control plane.
    case keepStanding(SealedPlan)
    /// Keep that this plan is obeyed, so that no older one ever is without a control plane.
    case remember(PlanVersion)
    case report(Notice)
    /// Everything is discarded: the agent may end.
    case end
  }

  /// Why something is held by hand no more, when nobody asked for that.
  public enum ReleaseReason: String, Hashable, Sendable {
    case planned = "the plan has it serve here"
    case crowdedOut = "the plan needs its place"
    case keyRevoked = "a key that signed it was revoked"
  }

  /// Why an agent that is alone stops what it runs.
  public enum StandingEnd: Hashable, Sendable {
    case expired
    /// The control plane is there again, and does not let this node in.
    case refused
  }

  /// Something that whoever runs the node should read in its log.
  public enum Notice: Hashable, Sendable {
    /// A control plane that was replaced, or a message that was overtaken.
    case staleRefused(PlanVersion, seen: PlanVersion)
    case leaseRanOut
    case attachRefused(Problem)
    /// What was held by hand is held no more.
    case releasedByHand(QualifiedName, ReleaseReason)
    /// No control plane is there: the standing plan is obeyed until it expires.
    case obeysAlone(PlanVersion, until: WallInstant)
    /// There is a standing plan, and it is not obeyed.
    case standingRefused(Problem)
    /// What was obeyed alone is obeyed no more.
    case standingEnded(StandingEnd)
    /// Of the supervisor with this path in the tree of an application; empty for the one at the top.
    case service(Namespace, ApplicationName, path: String, SupervisorEvent)
  }
}
