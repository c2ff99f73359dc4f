import ClusterModel
import DurableSQLite

/// What becomes durable together: what became of a delivery, and the events that came of it; or events alone.
/// Everything in it is decided: putting it into the tables only carries it out.
struct LogEntry: Sendable {
  var change: StoredChange?
  var events: [NumberedEvent]

  /// About how many bytes it takes in the journal.
  var size: Int {
    events.reduce(change?.size ?? 0) { $0 + $1.event.size } + 64
  }
}

/// What became of a delivery, as it is written down. One object, because it goes through many hands.
final class StoredChange: Sendable {
  enum Outcome: Sendable {
    /// How long the result was, and what is kept of it.
    case succeeded(length: Int, kept: [UInt8])
    case failed(ActivationFailure)
    case dead(ActivationFailure)
  }

  let delivery: DeliveryID
  let attempt: Int
  let at: WallInstant
  let outcome: Outcome
  /// The failure as it is written; empty for a success.
  fileprivate let failure: String

  /// How much of a result is kept for whoever waits for it.
  static let keptOutput = 64 << 10

  static func of(_ change: DeliveryChange, file: String) throws(Problem) -> StoredChange {
    do { return try StoredChange(change) } catch {
      throw StorageProblem.from(error, file: file)
    }
  }

  private init(
    _ delivery: DeliveryID, attempt: Int, at: WallInstant, _ outcome: Outcome, failure: String
  ) {
    self.delivery = delivery
    self.attempt = attempt
    self.at = at
    self.outcome = outcome
    self.failure = failure
  }

  private convenience init(_ change: DeliveryChange) throws {
    let (outcome, failure): (Outcome, String) =
      switch change.outcome {
      case .succeeded(let output, _):
        (.succeeded(length: output.count, kept: Array(output.prefix(Self.keptOutput))), "")
      case .failed(let failure): (.failed(failure), try EventTables.encode(failure))
      case .dead(let failure): (.dead(failure), try EventTables.encode(failure))
      }
    self.init(
      change.delivery, attempt: change.attempt, at: change.at, outcome, failure: failure)
  }

  fileprivate convenience init(
    _ kind: LogEntry.Kind, from reader: inout ByteReader
  ) throws(DamagedRow) {
    let delivery = DeliveryID(try reader.number())
    let attempt = Int(try reader.number())
    let at = WallInstant(microseconds: try reader.number())
    if kind == .succeeded {
      let outcome = Outcome.succeeded(length: Int(try reader.number()), kept: try reader.data())
      self.init(delivery, attempt: attempt, at: at, outcome, failure: "")
      return
    }
    let failure = try reader.text()
    let decoded: ActivationFailure
    do { decoded = try EventTables.decode(failure) } catch { throw DamagedRow() }
    self.init(
      delivery, attempt: attempt, at: at, kind == .dead ? .dead(decoded) : .failed(decoded),
      failure: failure)
  }

  /// About how many bytes it takes in the journal.
  var size: Int {
    if case .succeeded(_, let kept) = outcome { return kept.count + 64 }
    return failure.utf8.count + 64
  }
}

/// An event with the numbers that it gets.
struct NumberedEvent: Sendable {
  let offset: EventOffset
  /// Of its first target; the others follow.
  let firstDelivery: Int64
  /// See ``RecentIdentities``; `nil` when it is not to be known again.
  let identityNumber: Int64?
  let event: StoredEvent

  var appended: AppendedEvent {
    AppendedEvent(offset: offset, deliveries: deliveries)
  }

  var deliveries: [DeliveryID] {
    if event.targets.isEmpty { return [] }
    return event.targets.indices.map { DeliveryID(firstDelivery + Int64($0)) }
  }
}

extension LogEntry {
  fileprivate enum Kind: Int64 {
    case eventsAlone, succeeded, failed, dead
  }

  func put(into writer: inout ByteWriter) {
    guard let change else {
      writer.put(Kind.eventsAlone.rawValue)
      return putEvents(into: &writer)
    }
    let kind: Kind =
      switch change.outcome {
      case .succeeded: .succeeded
      case .failed: .failed
      case .dead: .dead
      }
    writer.put(kind.rawValue)
    writer.put(change.delivery.number)
    writer.put(change.attempt)
    writer.put(change.at.microseconds)
    if case .succeeded(let length, let kept) = change.outcome {
      writer.put(length)
      writer.put(kept)
    } else {
      writer.put(change.failure)
    }
    putEvents(into: &writer)
  }

  private func putEvents(into writer: inout ByteWriter) {
    writer.put(events.count)
    for event in events {
      writer.put(event.offset.number)
      writer.put(event.firstDelivery)
      writer.put(event.identityNumber ?? 0)
      writer.putAsTheyAre(event.event.bytes)
    }
  }

  init(from reader: inout ByteReader) throws(DamagedRow) {
    guard let kind = Kind(rawValue: try reader.number()) else { throw DamagedRow() }
    change = kind == .eventsAlone ? nil : try StoredChange(kind, from: &reader)
    events = []
    for _ in 0..<(try reader.count()) {
      let (offset, delivery, identity) = (
        try reader.number(), try reader.number(), try reader.number()
      )
      events.append(
        NumberedEvent(
          offset: EventOffset(offset), firstDelivery: delivery,
          identityNumber: identity == 0 ? nil : identity, event: try StoredEvent(from: &reader)))
    }
  }
}
