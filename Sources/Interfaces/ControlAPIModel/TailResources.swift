public import ClusterModel
public import HostPorts

/// A line of what whoever follows events is told: an event, or which offsets were missed.
public struct TailLineResource: Hashable, Sendable, Codable {
  /// Events that are no longer kept, or damaged; of which topics is not known.
  public struct Missed: Hashable, Sendable, Codable {
    public var from: EventOffset
    public var through: EventOffset
  }

  /// Given with an event.
  public var offset: EventOffset?
  /// Given with an event.
  public var acceptedAt: WallInstant?
  public var event: EventResource?
  public var missed: Missed?

  public init(_ item: TailItem) {
    switch item {
    case .event(let logged):
      offset = logged.offset
      acceptedAt = logged.acceptedAt
      event = EventResource(logged.event)
    case .missed(let from, let through): missed = Missed(from: from, through: through)
    }
  }
}
