extension NodeTracker {
  /// What the tracker goes by. Whatever depends on the rhythm of heartbeats counts in intervals, so
  /// that changing the interval changes it all.
  public struct Configuration: Hashable, Sendable {
    /// What agents leave between two heartbeats, as long as there are few. Default: 50 ms.
    public var heartbeatInterval = Duration.milliseconds(50)
    /// How long any node may be silent at the most before it is lost, however its threads are scheduled; the other
    /// bounds of silence keep their proportion to it. It grows with the interval when there are many nodes. Default:
    /// `nil`, as many intervals as the rules say.
    public var heartbeatCeiling: Duration?
    /// How many heartbeats of all nodes together are taken in a second: when there are more nodes, each beats less
    /// often (``NodeTracker/heartbeatInterval``). Default: 4,000.
    public var heartbeatsPerSecond = 4000
    public var silence = SilenceRules()
    /// How those nodes beat and are judged whose heartbeats are `ordinary`, where others are in real time. Default:
    /// `nil`, as all others.
    public var ordinary: Pace?
    public var massSilence = MassSilenceRules()
    public var vitals = VitalsRules()
    /// How long a node that the store knows may take to be heard for the first time. Default: 5 s, more
    /// than an agent waits at most before it tries to reach a control plane again.
    public var grace = Duration.seconds(5)
    /// Nodes that are known at most; everything about them is in memory. Default: 100,000.
    public var maximumNodes = 100_000

    /// No node is asked to beat more rarely than that, however many there are: leases run on from heartbeats.
    public static let slowest = Duration.milliseconds(500)

    public init() {}
  }

  /// How often nodes beat, and what it means when they do not.
  public struct Pace: Hashable, Sendable {
    /// They beat less often where all others do, too.
    public var heartbeatInterval: Duration
    /// But for the `lateness`, which is that of the control plane.
    public var silence: SilenceRules

    public init(heartbeatInterval: Duration, silence: SilenceRules) {
      self.heartbeatInterval = heartbeatInterval
      self.silence = silence
    }

    func intervals(_ count: Int) -> Duration { heartbeatInterval * count }
  }

  /// When silence is suspicious, and when it counts as loss. In heartbeat intervals since the last sign
  /// of life, unless said otherwise.
  ///
  ///     0        suspicionFloor    suspicionCeiling        lossFloor        lossCeiling
  ///     ├──────────────┼─── suspected ────┼─────────────────────┼────── lost ──────┤
  ///
  /// Between floor and ceiling the node's own rhythm decides: the mean of the recent gaps between its
  /// heartbeats, plus so many of their mean deviations. That is the rule of TCP's retransmission timer,
  /// and a phi-accrual detector with normally distributed gaps: 5 mean deviations are 4 standard
  /// deviations, a phi of 4.5; 15 are 12, a phi of 33.
  ///
  /// All nodes that fall silent together are suspected before the first of them is lost, because the
  /// floor of the one lies above the ceiling of the other: so mass silence is seen in time.
  public struct SilenceRules: Hashable, Sendable {
    /// It is never suspected sooner. Default: 2.
    public var suspicionFloor = 2
    /// It is always suspected by then. When its agent has not heard of the control plane for longer, its heartbeats are
    /// no signs of life. Default: 4.
    public var suspicionCeiling = 4
    /// It is never lost sooner. Default: 6.
    public var lossFloor = 6
    /// It is always lost by then, mass silence excepted. Default: 10.
    public var lossCeiling = 10
    /// Mean deviations above the mean gap at which it is suspected. Default: 5.
    public var suspicionDeviations = 5
    /// Mean deviations above the mean gap at which it is lost. Default: 15.
    public var lossDeviations = 15
    /// How many gaps are remembered of each node. Default: 32.
    public var history = 32
    /// How late the control plane's own loop may be before silence is not held against anybody.
    /// Default: 1.
    public var lateness = 1

    public init() {}
  }

  /// When the control plane takes itself for the one that is cut off.
  public struct MassSilenceRules: Hashable, Sendable {
    /// More than this share of the fleet must be silent, in percent. Default: 50.
    public var percent = 50
    /// How long a node that was lost to silence still counts as silent, in heartbeat intervals: what
    /// falls silent within this time falls silent at once. Default: 20.
    public var window = 20
    /// After how many heartbeat intervals those that are held are looked at again. Default: 4.
    public var lookAgain = 4

    /// Fewer nodes than this have no mass.
    public static let smallestFleet = 4
    /// Silence within fewer fault domains is the loss of these.
    public static let fewestFaultDomains = 2

    public init() {}
  }

  /// When a node that beats is not well.
  public struct VitalsRules: Hashable, Sendable {
    /// How long it may be busy without getting on. Default: 1 s.
    public var stuckAfter = Duration.seconds(1)
    /// After how long of that it is lost. Default: 3 s.
    public var stuckLossAfter = Duration.seconds(3)
    /// It is overloaded from this share of CPU or memory on, in percent. Default: 95.
    public var overloadPercent = 95
    /// It is so until both are below this, in percent. Default: 85.
    public var reliefPercent = 85
    /// It beats rarely from this mean gap on, in percent of the heartbeat interval. Default: 200.
    public var rarePercent = 200
    /// It does so until the mean gap is below this, in percent of the heartbeat interval. Default: 150.
    public var regularPercent = 150

    public init() {}
  }
}
