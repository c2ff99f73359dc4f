import ClusterModel
import DurableSQLite
import Foundation
import GRDB
import HostPorts
import StorageTesting
import Testing

@testable import EmbeddedEventBus

/// Files of earlier releases, made by their migrations.
@Suite struct EarlierFormatTests {
  private let envelope = """
    {"extensions":[],"id":"old","namespace":"default","source":"/s","topic":"a/b","type":"t"}
    """

  /// A file as it was when there were so many migrations: an event that is owed to one module, and one
  /// that died for it.
  private func file(ofFormat format: Int, in folder: DataFolder) async throws {
    let database = try DurableDatabase(
      path: folder.path + "/events.sqlite",
      format: DatabaseFormat(
        applicationID: EventTables.applicationID,
        migrations: Array(EventTables.migrations.prefix(format))))
    let envelope = envelope
    try await database.write { database in
      try database.execute(
        sql: """
          INSERT INTO events
            (accepted_at, principal_kind, principal_name, footprint, envelope, data)
          VALUES (1, 'person', 'local', 140, ?, x'0102');
          INSERT INTO deliveries
            ("offset", state, attempts, footprint, namespace, module, output_length, history)
          VALUES (1, 0, 1, 140, 'default', 'm', 0, '[]');
          INSERT INTO deliveries
            ("offset", state, attempts, footprint, namespace, module, died_at, output_length, history)
          VALUES (1, 2, 5, 140, 'default', 'n', 7, 0, '[]');
          """, arguments: [envelope])
    }
    try await database.close()
  }

  @Test(arguments: 1..<EventTables.migrations.count)
  func `what an earlier release wrote is there, and goes on`(format: Int) async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    try await file(ofFormat: format, in: folder)
    let log = try EventDatabase(in: folder)
    let event = try #require(try await log.event(at: EventOffset(1)))
    #expect(event.id == "old" && event.data == [1, 2])
    #expect(
      try await log.pendingDeliveries() == [
        PendingDelivery(
          id: DeliveryID(1), offset: EventOffset(1), namespace: .default,
          module: ModuleName(unchecked: "m"), failedAttempts: 1, footprint: ByteCount(bytes: 140))
      ])
    #expect(try await log.deadLetters(from: DeliveryID(0), limit: 10).map(\.module.text) == ["n"])
    _ = try await log.record(
      DeliveryChange(
        delivery: DeliveryID(1), attempt: 2, at: WallInstant(microseconds: 9),
        outcome: .succeeded(output: [3], CommittedEffects(at: WallInstant(microseconds: 9)))))
    #expect(try await log.replayDeadLetter(DeliveryID(2))?.failedAttempts == 0)
    #expect(
      try await log.status(of: EventOffset(1))?.deliveries.map(\.state) == [.succeeded, .pending])
    let again = try await log.append(
      AcceptedEvent(
        event: event, acceptedAt: WallInstant(microseconds: 2), principal: .local, targets: []))
    #expect(!again.isDuplicate, "the earlier release remembered no identities")
    try await log.close()
  }

  /// A file as the last release wrote it that summed rows with SHA-256 and had a row for each identity. These
  /// are SHA-256 of what the rows hold.
  private func summedFile(in folder: DataFolder, _ change: String) async throws {
    try await file(ofFormat: 7, in: folder)
    let database = try DurableDatabase(
      path: folder.path + "/events.sqlite",
      format: DatabaseFormat(
        applicationID: EventTables.applicationID,
        migrations: Array(EventTables.migrations.prefix(7))))
    try await database.write { database in
      try database.execute(
        sql: """
          UPDATE events SET checksum = x'f4780083e58b740c';
          UPDATE deliveries SET checksum = x'8f24dda04aaca410' WHERE id = 1;
          UPDATE deliveries SET checksum = x'6fa03d068033efd3' WHERE id = 2;
          INSERT INTO identities VALUES (5, 1, 1,
            x'869a4b836771c53b358142bcd6cea3c429e980c5079eb6e41a297e16be71d83c');
          """)
      try database.execute(sql: change)
    }
    try await database.close()
  }

  @Test func `what an earlier release summed is believed, and a publish of it is known again`()
    async throws
  {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    try await summedFile(in: folder, "")
    let log = try EventDatabase(in: folder)
    let event = try #require(try await log.event(at: EventOffset(1)))
    #expect(try await log.pendingDeliveries().map(\.id.number) == [1])
    #expect(try await log.deadLetter(DeliveryID(2))?.event == event)
    #expect(log.damage.isNone)
    let again = try await log.append(
      AcceptedEvent(
        event: event, acceptedAt: WallInstant(microseconds: 2), principal: .local, targets: []))
    #expect(again.isDuplicate && again.offset == EventOffset(1))
    try await log.close()
  }

  @Test(arguments: ["events SET data = x'0103'", "deliveries SET attempts = 3"])
  func `damage to what an earlier release summed is found`(damage: String) async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    try await summedFile(in: folder, "UPDATE \(damage)")
    let log = try EventDatabase(in: folder)
    // Looked at, and what is thrown then does not matter here.
    _ = try? await log.event(at: EventOffset(1))
    _ = try await log.pendingDeliveries()
    #expect(log.damage.isNone == false)
    try await log.close()
  }
}
