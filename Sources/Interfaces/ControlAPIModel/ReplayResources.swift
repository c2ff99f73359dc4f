public import ClusterModel
public import HostPorts

/// The body of `POST /v1/events/replay`.
public struct ReplayRequestResource: Hashable, Sendable, Codable {
  /// The first offset; or `fromTime`.
  public var from: EventOffset?
  public var fromTime: WallInstant?
  /// The last offset, or `throughTime`; without both, the newest there is.
  public var through: EventOffset?
  public var throughTime: WallInstant?
  public var topic: TopicFilter?
  public var module: ModuleName?

  public init(_ request: ReplayRequest) {
    switch request.from {
    case .offset(let offset): from = offset
    case .time(let time): fromTime = time
    }
    switch request.through {
    case nil: break
    case .offset(let offset)?: through = offset
    case .time(let time)?: throughTime = time
    }
    topic = request.topic
    module = request.module
  }

  /// - Throws: ``Problem`` `replay_invalid`.
  public func request() throws(Problem) -> ReplayRequest {
    guard let first = try Self.bound(from, fromTime, "from") else {
      throw Problem(
        .invalidInput, code: "replay_invalid", "it is not said where to begin",
        next: "Give \"from\" (an offset) or \"fromTime\".")
    }
    return ReplayRequest(
      from: first, through: try Self.bound(through, throughTime, "through"), topic: topic,
      module: module)
  }

  private static func bound(
    _ offset: EventOffset?, _ time: WallInstant?, _ name: String
  ) throws(Problem) -> ReplayRequest.Bound? {
    switch (offset, time) {
    case (nil, nil): return nil
    case (let offset?, nil) where (0..<(.max)).contains(offset.number): return .offset(offset)
    case (nil, let time?): return .time(time)
    case _:
      throw Problem(
        .invalidInput, code: "replay_invalid", "\"\(name)\" is no offset, or given twice",
        next: "Give an offset or a time.")
    }
  }
}

/// What came of one step of a replay.
public struct ReplayResource: Hashable, Sendable, Codable {
  public struct Missed: Hashable, Sendable, Codable {
    public var from: EventOffset
    public var through: EventOffset
  }

  /// Events that are delivered again.
  public var events: Int
  public var deliveries: Int
  /// What is no longer kept, or damaged.
  public var missed: [Missed]
  /// What to ask for next; missing when it is done.
  public var next: EventOffset?
  /// What to ask for as `through` from then on.
  public var through: EventOffset

  public init(_ page: ReplayedPage) {
    events = page.events
    deliveries = page.deliveries
    missed = page.missed.map { Missed(from: $0.from, through: $0.through) }
    next = page.next
    through = page.through
  }
}
