import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HostPorts
import StorageTesting
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

  private func effects(_ events: [AcceptedEvent] = []) -> CommittedEffects {
    CommittedEffects(at: now, events: events)
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
  }

  @Test func `a result and the event it became are recorded together, once`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let id = try #require(try await log.append(accepted("1", to: "a")).deliveries.first)
    let success = change(
      id, 1,
      .succeeded(
        output: [UInt8](repeating: 5, count: 100_000), effects([accepted("2", to: "b")])))
    let published = try #require(try await log.record(success).first)
    #expect(try await log.record(success) == [], "a second record appends nothing")
    #expect(try await log.pendingDeliveries().map(\.id) == published.deliveries)
    let status = try #require(try await log.status(of: EventOffset(1)))
    #expect(status.isSettled)
    #expect(status.deliveries.map(\.output.count) == [65_536])
    #expect(status.deliveries.map(\.outputTruncated) == [true])
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
  }

  @Test func `settled events are trimmed, owed and dead ones never`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, retention: EventRetention(events: 10))
    let owed = try await log.append(accepted("owed", to: "a"))
    let dead = try await log.append(accepted("dead", to: "a"))
    _ = try await log.record(change(dead.deliveries[0], 1, .dead(trap)))
    var last = EventOffset(0)
    let dropped = try await log.append(accepted("dropped", to: "a"))
    _ = try await log.record(change(dropped.deliveries[0], 1, .dead(trap)))
    _ = try await log.dropDeadLetter(dropped.deliveries[0])
    for number in 0..<500 { _ = try await log.append(accepted("\(number)")) }
    let owedBetween = try await log.append(accepted("owed between", to: "a"))
    for number in 500..<2000 { last = try await log.append(accepted("\(number)")).offset }
    try await log.foldIn()
    #expect(try await log.event(at: owed.offset) != nil)
    #expect(try await log.event(at: owedBetween.offset) != nil)
    #expect(try await log.event(at: EventOffset(owedBetween.offset.number + 1)) == nil)
    #expect(try await log.pendingDeliveries().count == 2)
    #expect(try await log.event(at: dead.offset) != nil)
    #expect(try await log.event(at: dropped.offset) == nil)
    #expect(try await log.event(at: EventOffset(dropped.offset.number + 1)) == nil)
    #expect(try await log.event(at: last) != nil)
    #expect(try await log.append(accepted("next")).offset > last)
  }

  @Test func `numbers of what was forgotten are never used again`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, retention: EventRetention(events: 0))
    var last = AppendedEvent(offset: EventOffset(0), deliveries: [])
    for number in 0..<128 {
      last = try await log.append(accepted("\(number)", to: "a"))
      _ = try await log.record(
        change(last.deliveries[0], 1, .succeeded(output: [], effects())))
    }
    try await log.close()
    let again = try EventDatabase(in: folder)
    #expect(try await again.event(at: last.offset) == nil, "everything was forgotten")
    let next = try await again.append(accepted("next", to: "a"))
    #expect(next.offset > last.offset && next.deliveries[0] > last.deliveries[0])
  }

  @Test func `what is kept is bounded in bytes too`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, retention: EventRetention(size: .mebibytes(2)))
    let large = [UInt8](repeating: 1, count: 1 << 20)
    var last = EventOffset(0)
    for number in 0..<40 {
      last = try await log.append(accepted("\(number)", data: large)).offset
    }
    try await log.foldIn()
    #expect(try await log.event(at: EventOffset(1)) == nil)
    #expect(try await log.event(at: last) != nil)
  }

  @Test func `what is too old is forgotten, and nothing that is younger`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, retention: EventRetention(age: .seconds(60)))
    for number in 0..<600 {
      var event = accepted("\(number)")
      event.acceptedAt = now + .seconds(number < 300 ? 0 : 100)
      _ = try await log.append(event)
    }
    try await log.foldIn()
    #expect(try await log.event(at: EventOffset(1)) == nil)
    #expect(try await log.event(at: EventOffset(300)) == nil)
    #expect(try await log.event(at: EventOffset(301)) != nil)
  }

  @Test func `an event that is delivered again is kept until that has settled`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, retention: EventRetention(events: 0))
    let first = try await log.append(accepted("1"))
    let again = try await log.deliverAgain([
      Redelivery(
        offset: first.offset, namespace: .default, targets: [ModuleName(unchecked: "a")])
    ])
    for number in 0..<600 { _ = try await log.append(accepted("more \(number)")) }
    try await log.foldIn()
    #expect(try await log.event(at: first.offset) != nil)
    _ = try await log.record(change(again[0].id, 1, .succeeded(output: [], effects())))
    for number in 0..<600 { _ = try await log.append(accepted("and \(number)")) }
    try await log.foldIn()
    #expect(try await log.event(at: first.offset) == nil)
  }

  @Test func `an attempt that fails twice is counted once`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let id = try #require(try await log.append(accepted("1", to: "a")).deliveries.first)
    for attempt in [1, 1, 2, 1, 2] {
      #expect(try await log.record(change(id, attempt, .failed(trap))) == [])
    }
    #expect(try await log.pendingDeliveries().map(\.failedAttempts) == [2])
    _ = try await log.record(change(id, 3, .dead(trap)))
    #expect(try await log.deadLetter(id)?.history.map(\.attempt) == [1, 2, 3])
  }

  @Test func `the newest 20 failed attempts are remembered`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let id = try #require(try await log.append(accepted("1", to: "a")).deliveries.first)
    for attempt in 1...29 { _ = try await log.record(change(id, attempt, .failed(trap))) }
    _ = try await log.record(change(id, 30, .dead(trap)))
    #expect(try await log.deadLetter(id)?.history.map(\.attempt) == Array(11...30))
    #expect(try await log.status(of: EventOffset(1))?.deliveries.first?.failure == trap)
  }

  @Test func `dead letters come in pages, and long ones few at a time`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    let large = [UInt8](repeating: 1, count: 16 << 20)
    for number in 0..<6 {
      let data = number < 5 ? large : [1]
      let id = try await log.append(accepted("\(number)", to: "a", data: data)).deliveries[0]
      _ = try await log.record(change(id, 1, .dead(trap)))
    }
    let first = try await log.deadLetters(from: DeliveryID(0), limit: 10)
    #expect(first.map(\.event?.id) == ["0", "1", "2", "3"])
    let next = DeliveryID(first[3].id.number + 1)
    #expect(try await log.deadLetters(from: next, limit: 10).map(\.event?.id) == ["4", "5"])
    #expect(try await log.deadLetters(from: next, limit: 1).map(\.event?.id) == ["4"])
    #expect(try await log.deadLetters(from: next, limit: -1).isEmpty)
  }

  @Test func `what never was is nothing`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    #expect(try await log.event(at: EventOffset(1)) == nil)
    #expect(try await log.status(of: EventOffset(-1)) == nil)
    #expect(try await log.deadLetter(DeliveryID(1)) == nil)
    let unknown = change(DeliveryID(9), 1, .succeeded(output: [], effects([accepted("2")])))
    #expect(try await log.record(unknown) == [])
    #expect(try await log.append(accepted("1")).offset == EventOffset(1))
    #expect(try await log.status(of: EventOffset(1))?.isSettled == true)
  }

  @Test func `damaged pages are a clear error wherever they are`() async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    for number in 0..<40 {
      let id = try await log.append(accepted("\(number)", to: "a")).deliveries[0]
      if number % 2 == 0 { _ = try await log.record(change(id, 1, .dead(trap))) }
    }
    try await log.close()
    var complaints = 0
    for page in 1..<(try temporary.size(of: "events.sqlite") / 4096) {
      let damaged = TemporaryFolder()
      try temporary.copy(["events.sqlite"], to: damaged)
      try damaged.overwrite(
        "events.sqlite", at: page * 4096,
        with: (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37 + page) })
      let code = await problemCode {
        let log = try EventDatabase(in: DataFolder(damaged.path))
        _ = try await log.pendingDeliveries()
        _ = try await log.deadLetters(from: DeliveryID(0), limit: 100)
        for offset in 1...40 { _ = try await log.status(of: EventOffset(Int64(offset))) }
        _ = try await log.append(accepted("new", to: "a"))
      }
      // A page of an index that none of these reads uses is not seen.
      #expect(code == nil || code == "data_corrupt", "page \(page)")
      if code != nil { complaints += 1 }
    }
    #expect(complaints > 3)
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `a full disk loses nothing that was accepted, and all goes on when there is room`()
    async throws
  {
    let disk = try SmallDisk(kibibytes: 4096)
    let folder = try DataFolder(disk.path + "/data")
    let log = try EventDatabase(in: folder)
    let kept = try await log.append(accepted("kept", to: "a"))
    disk.fill()
    let large = [UInt8](repeating: 1, count: 1 << 20)
    #expect(
      await problemCode { _ = try await log.append(accepted("large", to: "a", data: large)) }
        == "disk_full")
    #expect(try await log.pendingDeliveries().map(\.id) == kept.deliveries)
    disk.makeRoom()
    _ = try await log.record(change(kept.deliveries[0], 1, .succeeded(output: [], effects())))
    let next = try await log.append(accepted("next", to: "a", data: large))
    #expect(try await log.pendingDeliveries().map(\.id) == next.deliveries)
    try await log.close()
    #expect(try await EventDatabase(in: folder).pendingDeliveries().map(\.id) == next.deliveries)
  }

  @Test(.enabled(if: SmallDisk.isPossible))
  func `what comes behind one of its series that found no room is not appended`() async throws {
    let disk = try SmallDisk(kibibytes: 4096)
    let log = try EventDatabase(in: try DataFolder(disk.path + "/data"))
    let large = [UInt8](repeating: 1, count: 8 << 20)
    var events = [
      accepted("1", to: "a"), accepted("2", to: "a", data: large), accepted("3", to: "a"),
      accepted("alone", to: "a"), accepted("4", to: "a"),
    ]
    for index in [0, 1, 2, 4] { events[index].series = EventSeries(7) }
    let codes = await log.append(events).map { result -> String? in
      if case .failure(let problem) = result { problem.code } else { nil }
    }
    #expect(codes == [nil, "disk_full", "disk_full", nil, "disk_full"])
    #expect(
      try await log.events(from: EventOffset(1), limit: 9).events.map(\.event.id) == ["1", "alone"])
    try await log.close()
  }

  @Test func `garbage at the end of the journals is ignored, what was committed is there`()
    async throws
  {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    var owed = try await log.append(accepted("1", to: "a")).deliveries
    try await log.foldIn()
    owed += try await log.append(accepted("2", to: "a")).deliveries
    // A copy as a power cut would leave it: no journal folded in, each torn at its end.
    let torn = TemporaryFolder()
    try temporary.copy(
      ["events.sqlite", "events.sqlite-wal", "events.journal-0", "events.journal-1"], to: torn)
    for name in ["events.sqlite-wal", "events.journal-0"] {
      try torn.overwrite(
        name, at: try torn.size(of: name), with: (0..<5000).map { _ in UInt8.random(in: 0...255) })
    }
    let again = try EventDatabase(in: try DataFolder(torn.path))
    #expect(try await again.pendingDeliveries().map(\.id) == owed)
    #expect(again.damage.isNone)
  }
}
