public import ClusterModel

/// What a cluster does for those who follow events.
public protocol EventTailService: Sendable {
  /// Follows events: those that are kept from an offset on, and those that come.
  func tail(_ question: TailQuestion, for caller: Caller) async throws(Problem) -> any EventTail
}

/// Follows the events of a log, in the order of their offsets.
public protocol EventTail: Sendable {
  /// What came since the last call; waits up to `patience` until there is something. Whoever calls seldom
  /// may find that something is no longer kept, and is told so.
  func next(patience: Duration) async throws(Problem) -> [TailItem]
}

/// Which events somebody follows.
public struct TailQuestion: Hashable, Sendable {
  public var topic: TopicFilter
  /// `nil` for all events of the topics.
  public var pattern: EventPattern?
  /// The first offset; `nil` for what comes from now on.
  public var since: EventOffset?

  public init(topic: TopicFilter, pattern: EventPattern? = nil, since: EventOffset? = nil) {
    self.topic = topic
    self.pattern = pattern
    self.since = since
  }
}

/// What whoever follows events is told.
public enum TailItem: Hashable, Sendable {
  case event(LoggedEvent)
  /// These are no longer kept, or damaged: of which topics they were is not known.
  case missed(from: EventOffset, through: EventOffset)
}

/// An event and where it is.
public struct LoggedEvent: Hashable, Sendable {
  public var offset: EventOffset
  public var acceptedAt: WallInstant
  public var event: Event

  public init(offset: EventOffset, acceptedAt: WallInstant, event: Event) {
    self.offset = offset
    self.acceptedAt = acceptedAt
    self.event = event
  }
}

/// Some events that follow each other in the log.
public struct EventPage: Hashable, Sendable {
  /// By offset; without damaged ones.
  public var events: [LoggedEvent]
  /// Where to go on; where this one began when there is nothing yet.
  public var next: EventOffset

  public init(events: [LoggedEvent], next: EventOffset) {
    self.events = events
    self.next = next
  }
}
