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
}
