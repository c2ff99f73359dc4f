public import ClusterModel

/// Keeps accepted events, and what became of each delivery. Every method that changes something
/// returns only when the change would survive a power cut; calls that wait together are made
/// durable together.
///
/// What is damaged is never served: whoever asks for it hears ``Problem`` `data_corrupt`, lists leave it
/// out, and ``damage`` tells of it.
public protocol EventLog: Sendable {
  /// What this engine can do beyond what each must.
  var capabilities: EventLogCapabilities { get async throws(Problem) }
  /// What was found to be damaged since the log was opened.
  var damage: EventLogDamage { get async throws(Problem) }
  /// The deliveries that are neither done nor dead, oldest first. Read once at start.
  func pendingDeliveries() async throws(Problem) -> [PendingDelivery]
  /// Appends an event with the deliveries it owes (none is fine). When an event of the same namespace,
  /// source and id was appended within the window of its capabilities, nothing is appended, and the
  /// answer names the first one; exactly so, also after a crash and for appends at the same time.
  /// Results (see ``record(_:)``) are never taken for duplicates: their outcome is recorded once.
  func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent
  /// Appends events in their order, each as ``append(_:)`` does, and says of each what that would: but nothing of a
  /// series behind one of it that could not be appended. An engine that can makes them durable together.
  func append(_ events: [AcceptedEvent]) async -> [Result<AppendedEvent, Problem>]
  /// Records what became of a delivery, appends the events that came of it and writes to state, in one
  /// transaction: all of it or nothing. Nothing either when the delivery is no longer pending.
  ///
  /// - Returns: where each event was put, in their order.
  /// - Throws: ``Problem`` `effects_refused` (``Problem/effectsRefused(_:)``): state would not take what
  ///   is written. Trying that again as it is would be in vain.
  func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent]
  /// The same for effects that belong to no delivery.
  func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent]
  /// The event at an offset; `nil` when it never was or is no longer kept.
  func event(at offset: EventOffset) async throws(Problem) -> Event?
  /// The offset of the newest event there ever was; 0 when there was none.
  func newestOffset() async throws(Problem) -> EventOffset
  /// The events that are kept from an offset on, at most `limit` of them, fewer when they are long. Offsets
  /// are given without gaps: one that is left out is no longer kept, or damaged.
  func events(from offset: EventOffset, limit: Int) async throws(Problem) -> EventPage
  /// What became of an event; `nil` when it never was or is no longer kept.
  func status(of offset: EventOffset) async throws(Problem) -> EventStatus?
  /// Dead letters, oldest first, at most `limit`, from `id` on.
  func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter]
  func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter?
  /// Forgets a dead letter. `false` when there is none of that id.
  func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool
  /// Makes a dead letter a delivery again, with no attempt made. `nil` when there is none.
  func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery?
  /// The first event that is kept and was accepted at a time or later; `nil` when there is none.
  func firstOffset(since time: WallInstant) async throws(Problem) -> EventOffset?
  /// Owes events once more, all or none: deliveries of their own, beside those that there were. The answer
  /// holds them in the order of `events`; none for an event that is no longer kept.
  func deliverAgain(_ events: [Redelivery]) async throws(Problem) -> [PendingDelivery]
  func close() async throws(Problem)
}

extension EventLog {
  public func append(_ events: [AcceptedEvent]) async -> [Result<AppendedEvent, Problem>] {
    var results: [Result<AppendedEvent, Problem>] = []
    var broken = BrokenSeries()
    for event in events {
      do throws(Problem) {
        if let problem = broken.problem(of: event) { throw problem }
        results.append(.success(try await append(event)))
      } catch {
        broken.broke(at: event, error)
        results.append(.failure(error))
      }
    }
    return results
  }
}

/// What an engine for events can do beyond what each must. What it cannot is said here, never hidden.
public struct EventLogCapabilities: Hashable, Sendable {
  /// Within which bounds a repeated publish is known again; `nil` when it never is.
  public var deduplication: DeduplicationWindow?
  /// Whether ``EventLog/deliverAgain(_:)`` owes events once more; else it refuses with `not_supported`.
  public var canDeliverAgain: Bool
  /// Whether what an activation publishes and writes becomes durable in the transaction that acknowledges
  /// its event, so that a retry never doubles it. Effects on the world outside of the log are at least once
  /// in any case.
  public var effectsWithAcknowledgement: Bool

  public init(
    deduplication: DeduplicationWindow?, canDeliverAgain: Bool, effectsWithAcknowledgement: Bool
  ) {
    self.deduplication = deduplication
    self.canDeliverAgain = canDeliverAgain
    self.effectsWithAcknowledgement = effectsWithAcknowledgement
  }
}

/// What was found not to be as it was written.
public struct EventLogDamage: Hashable, Sendable {
  /// Events that cannot be read any more; at most so many as anybody would look at.
  public var events: Set<EventOffset>
  /// Deliveries of which it is not known any more what they were.
  public var deliveries: Set<DeliveryID>

  public init(events: Set<EventOffset> = [], deliveries: Set<DeliveryID> = []) {
    self.events = events
    self.deliveries = deliveries
  }

  public var isNone: Bool { events.isEmpty && deliveries.isEmpty }
}

extension Problem {
  private static let effectsRefusedCode = "effects_refused"

  /// State would not take what an activation wrote, for this reason.
  public static func effectsRefused(_ reason: Problem) -> Problem {
    Problem(
      reason.category, code: effectsRefusedCode,
      "what it did was refused: \(reason.code): \(reason.message)", cause: reason.cause,
      next: reason.next)
  }

  public var isRefusalOfEffects: Bool { code == Self.effectsRefusedCode }
}
