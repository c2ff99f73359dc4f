import ClusterModel
import DurableSQLite
import Foundation
import GRDB
import HostPorts
import StorageTesting
import Testing

@testable import EmbeddedEventBus

/// What is in the journal and not in the tables, when the program ends without a word.
@Suite struct JournalTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private static let files = [
    "events.sqlite", "events.sqlite-wal", "events.journal-0", "events.journal-1",
  ]

  private func accepted(_ id: String, to target: String? = "m", size: Int = 1) -> AcceptedEvent {
    var accepted = AcceptedEvent(
      event: Event(
        id: id, source: "/s", type: "t", topic: Topic(unchecked: "a"),
        data: [UInt8](repeating: 7, count: size)),
      acceptedAt: now, principal: .local, targets: [])
    if let target {
      accepted.targets = [ModuleName(unchecked: target)]
      accepted.orderKeys = [ModuleName(unchecked: target): OrderKey("key of \(id)")]
    }
    return accepted
  }

  private func change(_ id: DeliveryID, _ outcome: DeliveryChange.Outcome) -> DeliveryChange {
    DeliveryChange(delivery: id, attempt: 1, at: now, outcome: outcome)
  }

  private func success(_ events: [AcceptedEvent] = []) -> DeliveryChange.Outcome {
    .succeeded(output: [1, 2], CommittedEffects(at: now, events: events))
  }

  private let trap = ActivationFailure(code: .guestTrapped, message: "trap", trap: "unreachable")

  /// The files as they are at this moment, opened by another program.
  private func afterCrash(
    _ folder: TemporaryFolder, _ damage: (TemporaryFolder) throws -> Void = { _ in }
  ) throws -> (EventDatabase, TemporaryFolder) {
    let copy = TemporaryFolder()
    try folder.copy(Self.files, to: copy)
    try damage(copy)
    return (try EventDatabase(in: DataFolder(copy.path)), copy)
  }

  /// The folder goes with the last use of its value.
  private func close(_ log: EventDatabase, _ folder: TemporaryFolder) async throws {
    try await log.close()
    withExtendedLifetime(folder) {}
  }

  @Test func `everything that was accepted is there after a crash, in whatever way it came`()
    async throws
  {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    var deliveries: [DeliveryID] = []
    for number in 1...5 {
      deliveries += try await log.append(accepted("\(number)")).deliveries
    }
    _ = try await log.record(change(deliveries[0], success([accepted("result", to: nil)])))
    _ = try await log.record(change(deliveries[1], .failed(trap)))
    _ = try await log.record(change(deliveries[2], .dead(trap)))
    _ = try await log.commit(CommittedEffects(at: now, events: [accepted("effect")]))
    let (again, copy) = try afterCrash(temporary)
    #expect(try await again.pendingDeliveries() == log.pendingDeliveries())
    #expect(try await again.deadLetters(from: DeliveryID(0), limit: 9).map(\.history.count) == [1])
    for number in 1...7 {
      let offset = EventOffset(Int64(number))
      #expect(try await again.status(of: offset) == log.status(of: offset))
    }
    #expect(try await again.append(accepted("3")).isDuplicate)
    #expect(try await again.append(accepted("new")).offset == EventOffset(8))
    #expect(again.damage.isNone)
    try await close(again, copy)
  }

  @Test func `the files of the journal take turns, and nothing of them is lost`() async throws {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    var offsets: [EventOffset] = []
    for round in 0..<8 {
      try await withThrowingTaskGroup(of: EventOffset.self) { group in
        for number in 0..<40 {
          group.addTask {
            try await log.append(accepted("\(round) \(number)", size: 60_000)).offset
          }
        }
        for try await offset in group { offsets.append(offset) }
      }
      let (again, copy) = try afterCrash(temporary)
      #expect(try await again.pendingDeliveries().map(\.offset) == offsets.sorted())
      #expect(again.damage.isNone)
      try await close(again, copy)
    }
    for name in Self.files.suffix(2) {
      #expect(
        try (4 << 20...8 << 20).contains(temporary.size(of: name)), "\(name) was used, and reused")
    }
  }

  @Test func `a damaged frame before others is reported, and the others are there`() async throws {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    for number in 1...3 { _ = try await log.append(accepted("\(number)")) }
    let content = try [UInt8](
      Data(contentsOf: URL(filePath: temporary.path + "/events.journal-0")))
    let second = try #require(Self.frames(content).dropFirst().first)
    let (again, copy) = try afterCrash(temporary) {
      try $0.overwrite("events.journal-0", at: second + 60, with: [0xff, 0xff])
    }
    #expect(try await again.pendingDeliveries().map(\.offset.number) == [1, 3])
    #expect(again.damage == EventLogDamage(events: [EventOffset(2)]))
    #expect(try await again.append(accepted("4")).offset == EventOffset(4))
    try await close(again, copy)
  }

  /// Where frames begin.
  private static func frames(_ bytes: [UInt8]) -> [Int] {
    let mark = Array("WMframe1".utf8)
    return stride(from: 0, to: bytes.count - 8, by: 8).filter {
      Array(bytes[$0..<$0 + 8]) == mark
    }
  }

  @Test func `a frame that was being written is nothing, and its numbers are given again`()
    async throws
  {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    for number in 1...3 { _ = try await log.append(accepted("\(number)")) }
    let content = try [UInt8](
      Data(contentsOf: URL(filePath: temporary.path + "/events.journal-0")))
    let last = try #require(Self.frames(content).last)
    let (again, copy) = try afterCrash(temporary) {
      try $0.overwrite("events.journal-0", at: last + 100, with: [0xff, 0xff])
    }
    #expect(try await again.pendingDeliveries().map(\.offset.number) == [1, 2])
    #expect(again.damage.isNone)
    let third = try await again.append(accepted("3"))
    #expect(third.offset == EventOffset(3) && third.deliveries == [DeliveryID(3)])
    try await close(again, copy)
  }

  // SQLite syncs what it writes. A file of the journal would be written over that is still needed.
  @Test func `what a reader put into the tables without a sync is synced when it has to be`()
    async throws
  {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path))
    let other = try DurableDatabase(
      path: temporary.path + "/events.sqlite", format: EventTables.format)
    func syncs() async throws -> Int? {
      try await other.read { try Int.fetchOne($0, sql: "SELECT syncs FROM journal") }
    }
    for round in 1...3 {
      _ = try await log.append(accepted("\(round)"))
      #expect(try await log.pendingDeliveries().count == round)
      #expect(try await syncs() == round - 1)
      try await log.foldIn()
      #expect(try await syncs() == round)
      try await log.foldIn()
      #expect(try await syncs() == round, "it is on the disk already")
    }
    try await other.close()
    try await close(log, temporary)
  }

  @Test func `two programs never write the same journal`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    await #expect(throws: Problem.self) {
      _ = try await Task.detached { try EventDatabase(in: folder) }.value
    }
    _ = try await log.append(accepted("1"))
    try await log.close()
    try await EventDatabase(in: folder).close()
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `when the journal cannot grow nothing accepted is lost, and numbers go on`() async throws {
    let disk = try SmallDisk(kibibytes: 3072)
    let folder = try DataFolder(disk.path + "/data")
    let log = try EventDatabase(in: folder)
    var kept = [try await log.append(accepted("first")).offset]
    disk.fill()
    var refusals: Set<String> = []
    for number in 0..<60 {
      do throws(Problem) {
        kept.append(try await log.append(accepted("\(number)", size: 20_000)).offset)
      } catch {
        refusals.insert(error.code)
      }
    }
    #expect(refusals == ["disk_full"])
    #expect(try await log.pendingDeliveries().map(\.offset) == kept, "seen while it is full")
    disk.makeRoom()
    kept.append(try await log.append(accepted("last")).offset)
    #expect(kept == (1...Int64(kept.count)).map { EventOffset($0) })
    try await log.close()
    #expect(try await EventDatabase(in: folder).pendingDeliveries().map(\.offset) == kept)
  }
}
