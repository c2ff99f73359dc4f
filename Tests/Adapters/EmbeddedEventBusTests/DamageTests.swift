import ClusterModel
import DurableSQLite
import Foundation
import GRDB
import HostPorts
import PropertyTesting
import StorageTesting
import Testing

@testable import EmbeddedEventBus

/// What somebody else wrote into the file, or the disk did.
@Suite struct DamageTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private let trap = ActivationFailure(code: .guestTrapped, message: "trap")

  private func accepted(_ id: String) -> AcceptedEvent {
    AcceptedEvent(
      event: Event(
        id: id, source: "/s", type: "t", topic: Topic(unchecked: "a"), data: Array(id.utf8)),
      acceptedAt: now, principal: .local, targets: [ModuleName(unchecked: "m")])
  }

  private func change(_ id: DeliveryID, _ outcome: DeliveryChange.Outcome) -> DeliveryChange {
    DeliveryChange(delivery: id, attempt: 1, at: now, outcome: outcome)
  }

  /// Three events that are owed, of which the second is then changed behind the log's back.
  private func with(
    damage: String, _ body: (EventDatabase, [AppendedEvent]) async throws -> Void
  ) async throws {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    var appended: [AppendedEvent] = []
    for id in ["1", "2", "3"] { appended.append(try await log.append(accepted(id))) }
    try await log.foldIn()
    let other = try DurableDatabase(
      path: temporary.path + "/events.sqlite", format: EventTables.format)
    try await other.write { try $0.execute(sql: damage) }
    try await other.close()
    try await body(log, appended)
    try await log.close()
  }

  @Test(arguments: [
    "data = x'33'", "envelope = replace(envelope, '\"t\"', '\"u\"')", "envelope = '{'",
    "accepted_at = 5", "principal_name = 'somebody'", "footprint = 1", "checksum = x'00'",
  ])
  func `a damaged event is never served, and the others are`(damage: String) async throws {
    try await with(damage: #"UPDATE events SET \#(damage) WHERE "offset" = 2"#) { log, appended in
      #expect(await problemCode { _ = try await log.event(at: EventOffset(2)) } == "data_corrupt")
      #expect(await problemCode { _ = try await log.status(of: EventOffset(2)) } == "data_corrupt")
      #expect(try await log.event(at: EventOffset(1))?.id == "1")
      #expect(try await log.event(at: EventOffset(3))?.id == "3")
      #expect(try await log.pendingDeliveries().count == 3)
      #expect(log.damage == EventLogDamage(events: [EventOffset(2)]))
      // Its delivery is put aside, and says why; it can be dropped.
      let id = appended[1].deliveries[0]
      let failure = ActivationFailure(code: .eventDamaged, message: "event 2 is damaged")
      _ = try await log.record(change(id, .dead(failure)))
      let letter = try #require(try await log.deadLetters(from: id, limit: 5).first)
      #expect(letter.event == nil && letter.history.map(\.failure) == [failure])
      #expect(try await log.deadLetter(id) == letter)
      #expect(try await log.dropDeadLetter(id))
    }
  }

  @Test(arguments: [
    "module = 'n'", "namespace = 'other'", "attempts = 3", #""offset" = 3"#, "footprint = 1",
    "history = '[1]'", "module = 'Not a name'", "output = x'00'", "checksum = x'00'",
  ])
  func `a damaged delivery is owed to nobody, and the others are`(damage: String) async throws {
    try await with(damage: "UPDATE deliveries SET \(damage) WHERE id = 2") { log, _ in
      #expect(try await log.pendingDeliveries().map(\.id.number) == [1, 3])
      #expect(log.damage == EventLogDamage(deliveries: [DeliveryID(2)]))
      if !damage.contains("offset") {
        #expect(
          await problemCode { _ = try await log.status(of: EventOffset(2)) } == "data_corrupt")
      }
      // Whoever ran it all the same is not lost.
      let published = try await log.record(
        change(
          DeliveryID(2), .succeeded(output: [1], CommittedEffects(at: now, events: [accepted("4")]))
        ))
      #expect(published.map(\.offset) == [EventOffset(4)])
      #expect(try await log.record(change(DeliveryID(2), .dead(trap))) == [])
      #expect(try await log.pendingDeliveries().map(\.id.number) == [1, 3, 4])
    }
  }

  @Test func `damaged dead letters are left out, reported, and can be dropped`() async throws {
    let damage = "UPDATE deliveries SET state = 2, module = 'n' WHERE id = 2"
    try await with(damage: damage) { log, appended in
      _ = try await log.record(change(appended[0].deliveries[0], .dead(trap)))
      #expect(
        try await log.deadLetters(from: DeliveryID(0), limit: 5).map(\.id) == [DeliveryID(1)])
      #expect(
        await problemCode { _ = try await log.deadLetter(DeliveryID(2)) } == "data_corrupt")
      #expect(
        await problemCode { _ = try await log.replayDeadLetter(DeliveryID(2)) } == "data_corrupt")
      #expect(try await log.dropDeadLetter(DeliveryID(2)))
      #expect(try await log.dropDeadLetter(DeliveryID(2)) == false)
      #expect(log.damage == EventLogDamage(deliveries: [DeliveryID(2)]))
    }
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery
  @Test func `any byte that is flipped in an event's data is found`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let other = try DurableDatabase(
      path: temporary.path + "/events.sqlite", format: EventTables.format)
    try await checkProperty(
      "Feature: wasmatrix, Property 11: events are served as they were accepted, or not at all",
      cases: 100,
      zip(
        Generator<[UInt8]>.bytes(count: 1...300), Generator<Int>.int(in: 0...299),
        Generator<UInt8>.int(in: 1...255))
    ) { data, position, flip in
      var event = accepted("\(UInt64.random(in: 0 ... .max))")
      event.event.data = data
      let offset = try await log.append(event).offset
      try await log.foldIn()
      var damaged = data
      damaged[position % data.count] ^= flip
      let bytes = Data(damaged)
      try await other.write {
        try $0.execute(
          sql: #"UPDATE events SET data = ? WHERE "offset" = ?"#,
          arguments: [bytes, offset.number])
      }
      return await problemCode { _ = try await log.event(at: offset) } == "data_corrupt"
    }
    try await other.close()
    try await log.close()
  }
}
