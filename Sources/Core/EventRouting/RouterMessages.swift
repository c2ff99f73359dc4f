public import ClusterModel

extension EventRouter {
  /// What has happened.
  public enum Input: Sendable {
    /// All deployments there are now, in any order.
    case deploymentsChanged([RoutedDeployment])
    /// One of them is ready now, or no longer.
    case readinessChanged(QualifiedName, isReady: Bool)
    /// The deliveries that an earlier run left behind, oldest first.
    case recovered([PendingDelivery])
    /// - Parameter data: what the data of the event says as JSON, when the router needs it and it is JSON.
    case eventReceived(RequestID, Event, data: JSONValue?, Principal)
    /// The same of an event that some modules have handled already, where it came in: it does not go to them, nor to
    /// those that share it with them.
    case handledEventReceived(
      RequestID, Event, data: JSONValue?, Principal, by: Set<ModuleName>)
    /// Something happened in the life of the cluster. Nobody waits for an answer, and there is none.
    ///
    /// - Parameter isWatched: whether somebody wants it who is no module.
    case lifecycleOccurred(RequestID, Event, data: JSONValue?, isWatched: Bool)
    case eventAppended(RequestID, AppendedEvent)
    case appendFailed(RequestID, Problem)
    /// A handler ran on `event` (or could not).
    ///
    /// - Parameter data: what its result says as JSON, when the router needs it and it is JSON.
    case activationFinished(
      DeliveryID, event: Event, Result<[UInt8], ActivationFailure>, data: JSONValue?,
      effects: OfferedEffects = .none)
    /// The event of a delivery could not be read.
    case eventUnreadable(DeliveryID, Problem)
    /// The node that ran a handler is gone, or no longer the one whose result counts.
    case activationLost(DeliveryID)
    case changeRecorded(DeliveryID, published: [AppendedEvent])
    case recordFailed(DeliveryID, Problem)
    /// State would not take what an activation wrote: nothing was recorded, and the attempt failed.
    case effectsRefused(DeliveryID, Problem)
    /// A module ran on `event` for somebody who waits for it, and wants this done.
    case effectsOffered(RequestID, QualifiedName, event: Event, OfferedEffects)
    case effectsCommitted(RequestID, [AppendedEvent])
    case commitFailed(RequestID, Problem)
    case deadLetterReplayed(PendingDelivery)
    /// Events of the past are owed once more.
    case redelivered([PendingDelivery])
    case deadlineReached
    /// The program is stopping: nothing new is begun.
    case stopRequested
  }

  /// What must be done.
  public enum Directive: Sendable {
    case append(RequestID, AcceptedEvent)
    case accept(RequestID, AppendedEvent)
    case refuse(RequestID, Problem)
    /// Answered with `effectsCommitted` or `commitFailed`.
    case commit(RequestID, CommittedEffects)
    /// What was offered is durable.
    case confirm(RequestID)
    case activate(DeliveryID, EventOffset, QualifiedName, generation: Int, attempt: Int)
    /// An activation was not answered in time: what still comes of it counts no more.
    case giveUp(DeliveryID)
    case record(DeliveryChange)
    /// A delivery is done or dead, which is durable: whoever waits for its event may look again.
    case settled(DeliveryID, EventOffset, DeliveryDeath?)
  }

  /// What an activation wants done, with what the router needs to route it.
  public struct OfferedEffects: Sendable {
    public var effects: ActivationEffects
    /// What the data of each published event says as JSON, where the router needs it and it is JSON; empty
    /// when it needs none.
    public var data: [JSONValue?]

    public init(_ effects: ActivationEffects, data: [JSONValue?] = []) {
      self.effects = effects
      self.data = data
    }

    public static let none = OfferedEffects(.none)
  }

  /// The bounds within which events are taken in and run.
  public struct Limits: Sendable {
    /// Deliveries that are owed at most; beyond it publishers hear "slow down".
    public var pendingDeliveries: Int
    /// What their events count for at most.
    public var pendingBytes: ByteCount
    /// Events that are being made durable at the same time; beyond it publishers hear "slow down", too.
    public var appending: Int
    /// Activations on events that run at the same time.
    public var running: Int
    /// How many results may come of results.
    public var hops: Int
    /// Records that are under way at the same time.
    public var recording: Int
    /// What results that are not durable yet count for; beyond it nothing new is run. A disk that is
    /// full or slow must not make memory grow.
    public var unrecordedBytes: ByteCount

    public init(
      pendingDeliveries: Int = 100_000, pendingBytes: ByteCount = .gibibytes(1),
      appending: Int = 16_384, running: Int = 512, hops: Int = 32, recording: Int = 2048,
      unrecordedBytes: ByteCount = .mebibytes(256)
    ) {
      self.pendingDeliveries = pendingDeliveries
      self.pendingBytes = pendingBytes
      self.appending = appending
      self.running = running
      self.hops = hops
      self.recording = recording
      self.unrecordedBytes = unrecordedBytes
    }

    /// What may be owed beyond ``pendingDeliveries``, to modules of whose events few wait: a storm for one
    /// must not shut out the others.
    public var reservedDeliveries: Int { pendingDeliveries / 4 }
    public var reservedBytes: Int { pendingBytes.bytes / 4 }
    /// What is owed to a module that has a right to the reserve is less than this.
    public var fewDeliveries: Int { pendingDeliveries / 16 }
  }
}

/// Extension attributes that the platform itself sets.
public enum PlatformAttribute {
  /// How many results lie between an event and the one that began the chain.
  public static let hops = "wmhops"
  /// The id of the event that a result came of.
  public static let cause = "wmcause"
  /// What happened in the life of the cluster, on the event that says so and on all that comes of it.
  public static let lifecycle = "wmlifecycle"
  /// How many lifecycle events before this one were not told, because there were too many.
  public static let dropped = "wmdropped"
  public static let traceParent = "traceparent"
  public static let traceState = "tracestate"
}
