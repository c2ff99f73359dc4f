public import ClusterModel

/// Keeps accepted events, and what became of each delivery. Every method that changes something
/// returns only when the change would survive a power cut; calls that wait together are made
/// durable together.
public protocol EventLog: Sendable {
  /// The deliveries that are neither done nor dead, oldest first. Read once at start.
  func pendingDeliveries() async throws(Problem) -> [PendingDelivery]
  /// Appends an event with the deliveries it owes (none is fine).
  func append(_ event: AcceptedEvent) async throws(Problem) -> AppendedEvent
  /// Records what became of a delivery, appends the events that came of it and writes to state, in one
  /// transaction: all of it or nothing. Nothing either when the delivery is no longer pending.
  ///
  /// - Returns: where each event was put, in their order.
  /// - Throws: ``Problem`` `effects_refused` (``Problem/effectsRefused(_:)``): state would not take what
  ///   is written. Trying that again as it is would be in vain.
  func record(_ change: DeliveryChange) async throws(Problem) -> [AppendedEvent]
  /// The same for effects that belong to no delivery.
  func commit(_ effects: CommittedEffects) async throws(Problem) -> [AppendedEvent]
  /// What this log promises beyond that.
  var guarantees: Set<LogGuarantee> { get async }
  /// The event at an offset; `nil` when it never was or is no longer kept.
  func event(at offset: EventOffset) async throws(Problem) -> Event?
  /// What became of an event; `nil` when it never was or is no longer kept.
  func status(of offset: EventOffset) async throws(Problem) -> EventStatus?
  /// Dead letters, oldest first, at most `limit`, from `id` on.
  func deadLetters(from id: DeliveryID, limit: Int) async throws(Problem) -> [DeadLetter]
  func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetter?
  /// Forgets a dead letter. `false` when there is none of that id.
  func dropDeadLetter(_ id: DeliveryID) async throws(Problem) -> Bool
  /// Makes a dead letter a delivery again, with no attempt made. `nil` when there is none.
  func replayDeadLetter(_ id: DeliveryID) async throws(Problem) -> PendingDelivery?
  func close() async throws(Problem)
}

/// What an event log may promise. Whoever builds on one looks for it.
public enum LogGuarantee: String, Sendable, CaseIterable {
  /// What an activation publishes and writes becomes durable in the transaction that acknowledges its
  /// event, so that a retry never doubles it. Effects on the world outside of this log are at least once.
  case effectsWithAcknowledgement
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
