public import ClusterModel

/// Events that were accepted on a node and that the control plane does not have yet, in the order in which they
/// came. Every method that changes something returns only when that would survive a power cut.
public protocol Outbox: Sendable {
  /// Keeps events, all of them or none.
  ///
  /// - Throws: ``Problem`` `outbox_full`, or what the disk says; then nothing is kept.
  func append(_ events: [Event]) async throws(Problem)
  /// The oldest events behind `number`, at most `limit`, fewer when they are long.
  func oldest(after number: Int64, limit: Int) async throws(Problem) -> [OutboxEvent]
  /// A module of this node has handled an event, and published these, which go behind all others, whatever room there
  /// is. Nothing happens when the event is not there any more.
  func handled(
    _ number: Int64, by module: ModuleName, publishing events: [Event]
  ) async throws(Problem)
  /// The control plane has all up to this one.
  func forget(through number: Int64) async throws(Problem)
  /// What lies in it.
  var usage: OutboxUsage { get }
  func close() async throws(Problem)
}

/// An event that waits to be forwarded.
public struct OutboxEvent: Hashable, Sendable {
  /// Its place: it grows with each event there ever was.
  public var number: Int64
  public var event: Event
  /// The modules of this node that handled it.
  public var handledBy: Set<ModuleName>

  public init(number: Int64, event: Event, handledBy: Set<ModuleName> = []) {
    self.number = number
    self.event = event
    self.handledBy = handledBy
  }
}

extension Outbox {
  /// The oldest events of all.
  public func oldest(limit: Int) async throws(Problem) -> [OutboxEvent] {
    try await oldest(after: 0, limit: limit)
  }
}

/// How much waits in an outbox.
public struct OutboxUsage: Hashable, Sendable {
  public var events: Int
  public var bytes: ByteCount

  public init(events: Int, bytes: ByteCount) {
    self.events = events
    self.bytes = bytes
  }
}
