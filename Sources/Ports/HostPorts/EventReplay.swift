public import ClusterModel

/// What a cluster does for those who want events of the past delivered again.
public protocol EventReplayService: Sendable {
  /// Delivers some events again that are still kept, to the modules that want them now: at most a page of
  /// them. Whoever asks goes on with ``ReplayedPage/next``.
  ///
  /// - Throws: ``Problem`` `event_log_full` while too much is owed already, `not_deployed`.
  func replay(_ request: ReplayRequest, by caller: Caller) async throws(Problem) -> ReplayedPage
}

/// Which events are to be delivered again.
public struct ReplayRequest: Hashable, Sendable {
  public enum Bound: Hashable, Sendable {
    case offset(EventOffset)
    /// When events were accepted.
    case time(WallInstant)
  }

  public var from: Bound
  /// The last one; `nil` for the newest there is. With a time, all that were accepted up to then.
  public var through: Bound?
  /// Only events of these topics.
  public var topic: TopicFilter?
  /// Only to this module.
  public var module: ModuleName?

  public init(
    from: Bound, through: Bound? = nil, topic: TopicFilter? = nil, module: ModuleName? = nil
  ) {
    self.from = from
    self.through = through
    self.topic = topic
    self.module = module
  }
}

/// What came of one step of a replay.
public struct ReplayedPage: Hashable, Sendable {
  public struct Missed: Hashable, Sendable {
    public var from: EventOffset
    public var through: EventOffset
    public init(from: EventOffset, through: EventOffset) {
      self.from = from
      self.through = through
    }
  }

  /// Events that are delivered again.
  public var events = 0
  /// Deliveries that came of that.
  public var deliveries = 0
  /// What is no longer kept, or damaged: of which topics it was is not known.
  public var missed: [Missed] = []
  /// Where to go on; `nil` when it is done.
  public var next: EventOffset?
  /// The last offset of the whole; to be asked for from then on, or results of it would be replayed, too.
  public var through: EventOffset

  public init(through: EventOffset) { self.through = through }
}
