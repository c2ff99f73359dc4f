/// The place of an event in the log: 1 for the first, growing.
public struct EventOffset: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public let number: Int64
  public init(_ number: Int64) { self.number = number }
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
  public var description: String { String(number) }
  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(Int64.self)
  }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}

/// One event on its way to one module: 1 for the first there was, growing.
public struct DeliveryID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  public let number: Int64
  public init(_ number: Int64) { self.number = number }
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
  public var description: String { String(number) }
  public init(from decoder: any Decoder) throws {
    number = try decoder.singleValueContainer().decode(Int64.self)
  }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(number)
  }
}

/// Events that came together, in an order that has to stay: none of them is kept behind one that was not.
public struct EventSeries: Hashable, Sendable {
  public let number: UInt64
  public init(_ number: UInt64) { self.number = number }
}

/// Which series an event is missing in, and why: what comes behind it is to be refused for the same reason.
public struct BrokenSeries: Sendable {
  private var problems: [EventSeries: Problem] = [:]

  public init() {}

  public var isEmpty: Bool { problems.isEmpty }

  /// Why an event is not to be kept; `nil` where nothing of its series is missing.
  public func problem(of event: AcceptedEvent) -> Problem? { event.series.flatMap { problems[$0] } }

  /// An event is not kept.
  public mutating func broke(at event: AcceptedEvent, _ problem: Problem) {
    if let series = event.series, problems[series] == nil { problems[series] = problem }
  }
}

/// An event as the log takes it in.
public struct AcceptedEvent: Hashable, Sendable {
  public var event: Event
  public var acceptedAt: WallInstant
  public var principal: Principal
  /// The modules it must be delivered to, sorted; decided when it was accepted.
  public var targets: [ModuleName]
  /// Of the targets that get it in order with others.
  public var orderKeys: [ModuleName: OrderKey]
  /// What it is handed over with, and has its place in; `nil` for one of its own. Not kept.
  public var series: EventSeries?
  public init(
    event: Event, acceptedAt: WallInstant, principal: Principal, targets: [ModuleName],
    orderKeys: [ModuleName: OrderKey] = [:]
  ) {
    self.event = event
    self.acceptedAt = acceptedAt
    self.principal = principal
    self.targets = targets
    self.orderKeys = orderKeys
  }
}

/// Where the log put an event.
public struct AppendedEvent: Hashable, Sendable {
  public var offset: EventOffset
  /// One for each target, in the order of the targets; none for a duplicate.
  public var deliveries: [DeliveryID]
  /// Whether it was there before, at this offset: the same publish, repeated.
  public var isDuplicate: Bool
  public init(offset: EventOffset, deliveries: [DeliveryID], isDuplicate: Bool = false) {
    self.offset = offset
    self.deliveries = deliveries
    self.isDuplicate = isDuplicate
  }
}

/// A delivery that is neither done nor dead.
public struct PendingDelivery: Hashable, Sendable {
  public var id: DeliveryID
  public var offset: EventOffset
  public var namespace: Namespace
  public var module: ModuleName
  /// Attempts that have failed so far.
  public var failedAttempts: Int
  /// What the event counts for; see ``Event/footprint``.
  public var footprint: ByteCount
  /// `nil` when it is in no order with others.
  public var orderKey: OrderKey?
  public init(
    id: DeliveryID, offset: EventOffset, namespace: Namespace, module: ModuleName,
    failedAttempts: Int, footprint: ByteCount, orderKey: OrderKey? = nil
  ) {
    self.id = id
    self.offset = offset
    self.namespace = namespace
    self.module = module
    self.failedAttempts = failedAttempts
    self.footprint = footprint
    self.orderKey = orderKey
  }
}

/// What became of a delivery.
public struct DeliveryChange: Hashable, Sendable {
  public enum Outcome: Hashable, Sendable {
    /// Done. The first bytes of the result are kept for whoever waits for it; what it published is
    /// appended and what it wrote is written in the same transaction.
    case succeeded(output: [UInt8], CommittedEffects)
    /// To be tried again.
    case failed(ActivationFailure)
    /// Put aside. It stays until it is replayed or dropped.
    case dead(ActivationFailure)
  }

  public var delivery: DeliveryID
  /// Which attempt this was, from 1 on.
  public var attempt: Int
  public var at: WallInstant
  public var outcome: Outcome
  public init(delivery: DeliveryID, attempt: Int, at: WallInstant, outcome: Outcome) {
    self.delivery = delivery
    self.attempt = attempt
    self.at = at
    self.outcome = outcome
  }
}

/// What becomes durable together.
public struct CommittedEffects: Hashable, Sendable {
  /// Where state is written.
  public var namespace: Namespace
  public var at: WallInstant
  /// In the order in which they were published; a result last.
  public var events: [AcceptedEvent]
  public var writes: [StateWrite]

  public init(
    namespace: Namespace = .default, at: WallInstant, events: [AcceptedEvent] = [],
    writes: [StateWrite] = []
  ) {
    self.namespace = namespace
    self.at = at
    self.events = events
    self.writes = writes
  }

  /// About how many bytes they hold.
  public var footprint: ByteCount {
    ByteCount(
      bytes: events.reduce(writes.footprint.bytes) { $0 + $1.event.footprint.bytes })
  }
}

/// One failed attempt in the history of a delivery.
public struct FailedAttempt: Hashable, Sendable, Codable {
  public var attempt: Int
  public var at: WallInstant
  public var failure: ActivationFailure
  public init(attempt: Int, at: WallInstant, failure: ActivationFailure) {
    self.attempt = attempt
    self.at = at
    self.failure = failure
  }
}

/// What became of an event, delivery by delivery.
public struct EventStatus: Hashable, Sendable {
  public enum State: String, Sendable, Codable {
    case pending, succeeded, dead
    /// It was a dead letter, and somebody dropped it.
    case dropped
  }

  public struct Delivery: Hashable, Sendable {
    public var id: DeliveryID
    public var module: ModuleName
    public var state: State
    public var attempts: Int
    /// The kept part of the result when it succeeded.
    public var output: [UInt8]
    /// Whether the result was longer than what is kept.
    public var outputTruncated: Bool
    /// The last failure, if there was one.
    public var failure: ActivationFailure?
    public init(
      id: DeliveryID, module: ModuleName, state: State, attempts: Int, output: [UInt8],
      outputTruncated: Bool, failure: ActivationFailure?
    ) {
      self.id = id
      self.module = module
      self.state = state
      self.attempts = attempts
      self.output = output
      self.outputTruncated = outputTruncated
      self.failure = failure
    }
  }

  public var offset: EventOffset
  public var event: Event
  public var acceptedAt: WallInstant
  public var deliveries: [Delivery]
  public init(
    offset: EventOffset, event: Event, acceptedAt: WallInstant, deliveries: [Delivery]
  ) {
    self.offset = offset
    self.event = event
    self.acceptedAt = acceptedAt
    self.deliveries = deliveries
  }

  /// Whether nothing is owed any more.
  public var isSettled: Bool { deliveries.allSatisfy { $0.state != .pending } }
}

/// A delivery that was put aside, with all that is known of it.
public struct DeadLetter: Hashable, Sendable {
  public var id: DeliveryID
  public var offset: EventOffset
  public var module: ModuleName
  /// `nil` when it is damaged.
  public var event: Event?
  public var diedAt: WallInstant
  /// Every failed attempt, oldest first (at most the newest 20).
  public var history: [FailedAttempt]
  public init(
    id: DeliveryID, offset: EventOffset, module: ModuleName, event: Event?, diedAt: WallInstant,
    history: [FailedAttempt]
  ) {
    self.id = id
    self.offset = offset
    self.module = module
    self.event = event
    self.diedAt = diedAt
    self.history = history
  }
}
