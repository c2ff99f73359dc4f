import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import PropertyTesting
import StorageTesting
import StoreConformance
import Testing

@Suite struct DeduplicationTests {
  private let start = WallInstant(microseconds: 1_700_000_000_000_000)
  private static let brief = DeduplicationWindow(duration: .seconds(10), count: 3)

  private static func open(_ temporary: TemporaryFolder) throws -> EventLogConformance.Subject {
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder, deduplication: brief)
    return EventLogConformance.Subject(
      log: log,
      reopen: {
        try await log.close()
        folder.release()
        return try open(temporary)
      })
  }

  @Test func `it does what every event log must`() async throws {
    try await EventLogConformance { try Self.open(TemporaryFolder()) }.check()
  }

  private func accepted(
    _ id: String, from source: String = "/s", in namespace: String = "default",
    after seconds: Int = 0
  ) -> AcceptedEvent {
    AcceptedEvent(
      event: Event(
        id: id, source: source, type: "t", topic: Topic(unchecked: "a"),
        namespace: Namespace(unchecked: namespace)),
      acceptedAt: start + .seconds(seconds), principal: .local,
      targets: [ModuleName(unchecked: "m")])
  }

  private func with(
    _ window: DeduplicationWindow?, _ body: (EventDatabase) async throws -> Void
  ) async throws {
    let temporary = TemporaryFolder()
    let log = try EventDatabase(in: DataFolder(temporary.path), deduplication: window)
    try await body(log)
    try await log.close()
  }

  @Test func `a repeated publish is told where the first one is, and owes nothing`() async throws {
    try await with(DeduplicationWindow()) { log in
      let first = try await log.append(accepted("1"))
      let again = try await log.append(accepted("1", after: 599))
      #expect(
        again == AppendedEvent(offset: first.offset, deliveries: [], isDuplicate: true))
      #expect(try await log.pendingDeliveries().map(\.id) == first.deliveries)
      for other in [accepted("2"), accepted("1", from: "/o"), accepted("1", in: "other")] {
        #expect(try await log.append(other).isDuplicate == false)
      }
      #expect(try await log.append(accepted("1", after: 600)).isDuplicate == false)
    }
  }

  @Test func `what is beyond the newest publishes is new, to the last one`() async throws {
    try await with(DeduplicationWindow(duration: .seconds(600), count: 3)) { log in
      for id in ["1", "2", "3"] { _ = try await log.append(accepted(id)) }
      #expect(try await log.append(accepted("1")).isDuplicate)
      _ = try await log.append(accepted("4"))
      #expect(try await log.append(accepted("2")).isDuplicate)
      #expect(try await log.append(accepted("1")).isDuplicate == false)
    }
  }

  @Test
  func `hundreds of publishes are known again after a start, and those beyond the window are not`()
    async throws
  {
    let temporary = TemporaryFolder()
    let window = DeduplicationWindow(duration: .seconds(600), count: 250)
    var offsets: [EventOffset] = []
    for opened in 0..<2 {
      let folder = try DataFolder(temporary.path)
      let log = try EventDatabase(in: folder, deduplication: window)
      for id in (opened * 50)..<300 {
        let appended = try await log.append(accepted("\(id)"))
        #expect(appended.isDuplicate == (opened == 1))
        if opened == 0 {
          offsets.append(appended.offset)
        } else {
          #expect(appended.offset == offsets[id])
        }
      }
      if opened == 1 { #expect(try await log.append(accepted("49")).isDuplicate == false) }
      try await log.close()
      folder.release()
    }
  }

  @Test func `without a window every publish is new`() async throws {
    try await with(nil) { log in
      let appended = [try await log.append(accepted("1")), try await log.append(accepted("1"))]
      #expect(appended.map(\.isDuplicate) == [false, false])
    }
  }

  @Test func `a result is never taken for a publish that looks like it`() async throws {
    try await with(DeduplicationWindow()) { log in
      let id = try await log.append(accepted("1")).deliveries[0]
      let published = try await log.record(
        DeliveryChange(
          delivery: id, attempt: 1, at: start,
          outcome: .succeeded(output: [1], CommittedEffects(at: start, events: [accepted("1")]))))
      #expect(published.map(\.isDuplicate) == [false])
      #expect(published.map(\.deliveries.count) == [1])
    }
  }

  // Feature: wasmatrix, Property 12: For any event load, the system keeps its promises under storms
  @Test func `of the same publish, many at the same time, exactly one is the first`() async throws {
    try await checkProperty(
      "Feature: wasmatrix, Property 12: concurrent repeated publishes are accepted exactly once",
      cases: 100, Generator<Int>.int(in: 0...3).array(count: 1...24)
    ) { identities in
      let temporary = TemporaryFolder()
      let log = try EventDatabase(in: DataFolder(temporary.path))
      let answers = try await withThrowingTaskGroup(of: (Int, AppendedEvent).self) { group in
        for identity in identities {
          group.addTask { (identity, try await log.append(accepted("\(identity)"))) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let firsts = answers.filter { !$0.1.isDuplicate }
      let owed = try await log.pendingDeliveries().count
      try await log.close()
      return firsts.count == Set(identities).count && owed == firsts.count
        && answers.allSatisfy { answer in
          firsts.contains { $0.0 == answer.0 && $0.1.offset == answer.1.offset }
        }
    }
  }
}
