public import ClusterModel

/// An event, with its attributes under the names of this API.
public struct EventResource: Hashable, Sendable, Codable {
  public var id: String
  public var source: String
  public var type: String
  public var topic: Topic
  public var namespace: Namespace
  public var subject: String?
  public var time: WallInstant?
  public var dataContentType: String?
  public var dataSchema: String?
  /// The other CloudEvents attributes, by name.
  public var extensions: [String: String]
  /// Left out in lists, where only ``dataSize`` is given.
  public var data: BytesResource?
  /// Bytes.
  public var dataSize: ByteCount

  /// - Parameter withData: whether the data itself is part of it.
  public init(_ event: Event, withData: Bool = true) {
    id = event.id
    source = event.source
    type = event.type
    topic = event.topic
    namespace = event.namespace
    subject = event.subject
    time = event.time
    dataContentType = event.dataContentType
    dataSchema = event.dataSchema
    extensions = Dictionary(
      event.extensions.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
    data = withData ? BytesResource(event.data) : nil
    dataSize = ByteCount(bytes: event.data.count)
  }
}

/// The answer to `POST /v1/events`: the event is on disk.
public struct AcceptedEventResource: Hashable, Sendable, Codable {
  /// Missing at a node's own entrance, from where it is on its way to the log.
  public var offset: EventOffset?
  public var id: String
  public var source: String
  /// How many modules it goes to; none for a duplicate, and 0 where that is not known yet.
  public var deliveries: Int
  /// Whether this event had been published before: `offset` is where it was put then.
  public var duplicate: Bool

  /// - Parameter appended: `nil` when it is not in the log yet.
  public init(_ event: Event, _ appended: AppendedEvent?) {
    offset = appended?.offset
    id = event.id
    source = event.source
    deliveries = appended?.deliveries.count ?? 0
    duplicate = appended?.isDuplicate ?? false
  }
}

/// What became of an event, delivery by delivery.
public struct EventStatusResource: Hashable, Sendable, Codable {
  public struct Delivery: Hashable, Sendable, Codable {
    public var id: DeliveryID
    public var module: ModuleName
    public var state: EventStatus.State
    public var attempts: Int
    /// The kept part of the result; given when it succeeded.
    public var output: BytesResource?
    /// Whether the result was longer than what is kept; given with `output`.
    public var outputTruncated: Bool?
    /// The last failure, if there was one.
    public var failure: FailureResource?

    public init(_ delivery: EventStatus.Delivery) {
      id = delivery.id
      module = delivery.module
      state = delivery.state
      attempts = delivery.attempts
      if delivery.state == .succeeded {
        output = BytesResource(delivery.output)
        outputTruncated = delivery.outputTruncated
      }
      failure = delivery.failure.map { FailureResource($0) }
    }
  }

  public var offset: EventOffset
  public var event: EventResource
  public var acceptedAt: WallInstant
  /// Whether no delivery is pending any more.
  public var settled: Bool
  public var deliveries: [Delivery]

  public init(_ status: EventStatus) {
    offset = status.offset
    event = EventResource(status.event)
    acceptedAt = status.acceptedAt
    settled = status.isSettled
    deliveries = status.deliveries.map { Delivery($0) }
  }
}

/// A delivery that was put aside.
public struct DeadLetterResource: Hashable, Sendable, Codable {
  public struct Attempt: Hashable, Sendable, Codable {
    public var attempt: Int
    public var at: WallInstant
    public var failure: FailureResource
  }

  public var id: DeliveryID
  public var offset: EventOffset
  public var module: ModuleName
  /// Left out when it is damaged, see the newest failure.
  public var event: EventResource?
  public var diedAt: WallInstant
  /// Every failed attempt, oldest first (at most the newest 20).
  public var history: [Attempt]

  /// - Parameter withData: whether the event's data is part of it; it is not in lists.
  public init(_ letter: DeadLetter, withData: Bool = true) {
    id = letter.id
    offset = letter.offset
    module = letter.module
    event = letter.event.map { EventResource($0, withData: withData) }
    diedAt = letter.diedAt
    history = letter.history.map {
      Attempt(attempt: $0.attempt, at: $0.at, failure: FailureResource($0.failure))
    }
  }
}
