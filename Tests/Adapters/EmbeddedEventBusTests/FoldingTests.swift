import ClusterModel
import DurableSQLite
import GRDB
import HostPorts
import PropertyTesting
import StorageTesting
import Testing

@testable import EmbeddedEventBus

/// What is in the tables does not depend on when they follow.
@Suite struct FoldingTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private let trap = ActivationFailure(code: .guestTrapped, message: "trap", trap: "unreachable")

  private enum Step: Sendable {
    /// An event that is owed to so many modules.
    case publish(Int)
    /// What became of a delivery, and how many events came of it.
    case succeed(Int, Int), fail(Int), die(Int)
  }

  private static let steps = zip(
    Generator<Int>.int(in: 0...7), Generator<Int>.int(in: 0...40), Generator<Int>.int(in: 0...2)
  ).map { kind, number, count -> Step in
    switch kind {
    case 0...3: .publish(count)
    case 4, 5: .succeed(number, count)
    case 6: .fail(number)
    case _: .die(number)
    }
  }.array(count: 0...90)

  private func accepted(_ number: Int, _ targets: Int) -> AcceptedEvent {
    AcceptedEvent(
      event: Event(id: "\(number)", source: "/s", type: "t", topic: Topic(unchecked: "a")),
      acceptedAt: now, principal: .local,
      targets: (0..<targets).map { ModuleName(unchecked: "m\($0)") })
  }

  /// - Parameter each: whether the tables follow after each step, or only at the end.
  /// - Returns: what the tables say.
  private func outcome(_ steps: [Step], foldingEach each: Bool) async throws -> [String] {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    for (number, step) in steps.enumerated() {
      let change: DeliveryChange.Outcome
      let delivery: Int
      switch step {
      case .publish(let targets):
        _ = try await log.append(accepted(number, targets))
        if each { try await log.foldIn() }
        continue
      case .succeed(let id, let events):
        delivery = id
        change = .succeeded(
          output: [UInt8](repeating: 1, count: id),
          CommittedEffects(
            at: now, events: (0..<events).map { accepted(1000 * number + $0, $0) }))
      case .fail(let id): (delivery, change) = (id, .failed(trap))
      case .die(let id): (delivery, change) = (id, .dead(trap))
      }
      _ = try await log.record(
        DeliveryChange(
          delivery: DeliveryID(Int64(delivery)), attempt: number + 1, at: now, outcome: change))
      if each { try await log.foldIn() }
    }
    try await log.foldIn()
    var found: [String] = ["\(try await log.pendingDeliveries())"]
    let newest = try await log.newestOffset()
    for offset in stride(from: 1, through: newest.number, by: 1) {
      found.append("\(String(describing: try await log.status(of: EventOffset(offset))))")
    }
    found.append("\(try await log.deadLetters(from: DeliveryID(0), limit: 100))")
    found.append("\(log.damage)")
    try await log.close()
    return found + (try await rows(temporary))
  }

  /// What may be forgotten, and with which numbers.
  private func rows(_ temporary: TemporaryFolder) async throws -> [String] {
    let database = try DurableDatabase(
      path: temporary.path + "/events.sqlite", format: EventTables.format)
    defer { withExtendedLifetime(temporary) {} }
    let settled = try await database.read { database in
      try Row.fetchAll(database, sql: "SELECT * FROM settled ORDER BY 1").map { "\($0)" }
    }
    try await database.close()
    return settled
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery
  @Test func `the tables say the same, whether they follow at once or after all`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: what is in the tables does not depend on when they follow",
      cases: 100, Self.steps
    ) { steps in
      let (one, other) = (
        try await outcome(steps, foldingEach: true), try await outcome(steps, foldingEach: false)
      )
      return one == other
    }
  }
}
