import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HostPorts
import Testing

@Suite struct EventDatabaseTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)

  private func accepted(
    _ id: String, to targets: String..., data: [UInt8] = [1, 2]
  ) -> AcceptedEvent {
    var event = Event(
      id: id, source: "/s", type: "t", topic: Topic(unchecked: "a/b"), subject: "sub", time: now,
      dataContentType: "text/plain", data: data)
    event.setAttribute("zone", to: "x")
    return AcceptedEvent(
      event: event, acceptedAt: now, principal: .local,
      targets: targets.map { ModuleName(unchecked: $0) })
  }

  private func change(
    _ id: DeliveryID, _ attempt: Int, _ outcome: DeliveryChange.Outcome
  ) -> DeliveryChange {
    DeliveryChange(delivery: id, attempt: attempt, at: now, outcome: outcome)
  }

  private let trap = ActivationFailure(code: .guestTrapped, message: "trap", trap: "unreachable")

  @Test func `an event comes back as it was, with what it owes, after opening again`() async throws
  {
    let temporary = TemporaryFolder()
    var folder = try DataFolder(temporary.path)
    var log = try EventDatabase(in: folder)
    let appended = try await log.append(accepted("1", to: "a", "b"))
    #expect(appended.deliveries.count == 2)
    try await log.close()
    folder.release()
    folder = try DataFolder(temporary.path)
    log = try EventDatabase(in: folder)
    #expect(try await log.event(at: appended.offset) == accepted("1").event)
    let pending = try await log.pendingDeliveries()
    #expect(pending.map(\.id) == appended.deliveries)
    #expect(pending.map(\.module.text) == ["a", "b"])
    #expect(
      pending.map(\.footprint) == [ByteCount](repeating: accepted("1").event.footprint, count: 2))
    temporary.remove()
  }

  @Test func `a result and the event it became are recorded together, once`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let id = try #require(try await log.append(accepted("1", to: "a")).deliveries.first)
    let success = change(
      id, 1,
      .succeeded(output: [UInt8](repeating: 5, count: 100_000), published: accepted("2", to: "b")))
    let published = try #require(try await log.record(success))
    #expect(try await log.record(success) == nil, "a second record appends nothing")
    #expect(try await log.pendingDeliveries().map(\.id) == published.deliveries)
    let status = try #require(try await log.status(of: EventOffset(1)))
    #expect(status.isSettled)
    #expect(status.deliveries.map(\.output.count) == [65_536])
    #expect(status.deliveries.map(\.outputTruncated) == [true])
    temporary.remove()
  }

  @Test func `a dead letter keeps its history, is replayed and dropped`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let id = try #require(try await log.append(accepted("1", to: "a")).deliveries.first)
    _ = try await log.record(change(id, 1, .failed(trap)))
    #expect(try await log.pendingDeliveries().map(\.failedAttempts) == [1])
    _ = try await log.record(change(id, 2, .dead(trap)))
    let letter = try #require(try await log.deadLetter(id))
    #expect(letter.history.map(\.attempt) == [1, 2])
    #expect(letter.history.map(\.failure) == [trap, trap])
    #expect(try await log.deadLetters(from: id, limit: 5) == [letter])
    #expect(try await log.replayDeadLetter(id)?.failedAttempts == 0)
    #expect(try await log.replayDeadLetter(id) == nil)
    _ = try await log.record(change(id, 1, .dead(trap)))
    #expect(try await log.dropDeadLetter(id) == true)
    #expect(try await log.dropDeadLetter(id) == false)
    #expect(try await log.status(of: EventOffset(1))?.deliveries.map(\.state) == [.dropped])
    temporary.remove()
  }

  @Test func `many writers share few transactions`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let before = log.commits
    let offsets = try await withThrowingTaskGroup(of: EventOffset.self) { group in
      for number in 0..<1000 {
        group.addTask { try await log.append(accepted("\(number)", to: "a")).offset }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(offsets.count == 1000)
    #expect(log.commits - before < 500)
    #expect(try await log.pendingDeliveries().count == 1000)
    temporary.remove()
  }

  @Test func `settled events are trimmed, owed and dead ones never`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, keptEvents: 10)
    let owed = try await log.append(accepted("owed", to: "a"))
    let dead = try await log.append(accepted("dead", to: "a"))
    _ = try await log.record(change(dead.deliveries[0], 1, .dead(trap)))
    var last = EventOffset(0)
    for number in 0..<2000 { last = try await log.append(accepted("\(number)")).offset }
    #expect(try await log.event(at: owed.offset) != nil)
    #expect(try await log.event(at: dead.offset) != nil)
    #expect(try await log.event(at: EventOffset(dead.offset.number + 1)) == nil)
    #expect(try await log.event(at: last) != nil)
    #expect(try await log.append(accepted("next")).offset > last, "offsets are never used again")
    temporary.remove()
  }

  @Test func `garbage at the end of the journal is ignored, what was committed is there`()
    async throws
  {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let first = try await log.append(accepted("1", to: "a"))
    // A copy as a power cut would leave it: the journal not folded in, torn at its end.
    let torn = TemporaryFolder()
    try FileManager.default.createDirectory(atPath: torn.path, withIntermediateDirectories: true)
    for name in ["events.sqlite", "events.sqlite-wal"] {
      try FileManager.default.copyItem(
        atPath: temporary.path + "/" + name, toPath: torn.path + "/" + name)
    }
    let journal = try FileHandle(
      forWritingTo: URL(fileURLWithPath: torn.path + "/events.sqlite-wal"))
    try journal.seekToEnd()
    try journal.write(contentsOf: Data((0..<5000).map { _ in UInt8.random(in: 0...255) }))
    try journal.close()
    let again = try EventDatabase(in: try DataFolder(torn.path))
    #expect(try await again.pendingDeliveries().map(\.id) == first.deliveries)
    torn.remove()
    temporary.remove()
  }
}
