import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import StorageTesting
import Testing

/// What an activation did becomes durable with the acknowledgement of its event, or not at all.
@Suite struct EffectsTests {
  private let now = WallInstant(microseconds: 1_700_000_000_000_000)
  private let bucket = BucketName(unchecked: "b")
  private let key = StateKey(unchecked: "k")

  private func accepted(_ id: String, to targets: String...) -> AcceptedEvent {
    AcceptedEvent(
      event: Event(id: id, source: "/s", type: "t", topic: Topic(unchecked: "a")), acceptedAt: now,
      principal: .local, targets: targets.map { ModuleName(unchecked: $0) })
  }

  private func write(
    _ action: StateWrite.Action, _ condition: StateCondition = .always
  ) -> StateWrite {
    StateWrite(bucket: bucket, key: key, action: action, condition: condition)
  }

  private func success(
    _ id: DeliveryID, _ events: [AcceptedEvent], _ writes: [StateWrite]
  ) -> DeliveryChange {
    DeliveryChange(
      delivery: id, attempt: 1, at: now,
      outcome: .succeeded(
        output: [], CommittedEffects(at: now, events: events, writes: writes)))
  }

  private func value(_ log: EventDatabase) async throws -> String? {
    try await log.state.get(key, in: bucket, of: .default, at: now).map {
      String(decoding: $0.value, as: UTF8.self)
    }
  }

  private func with(_ body: (EventDatabase) async throws -> Void) async throws {
    let temporary = TemporaryFolder()
    let folder = try DataFolder(temporary.path)
    let log = try EventDatabase(in: folder)
    try await log.state.declare(Bucket(name: bucket, maximumSize: .kibibytes(1)))
    try await body(log)
    try await log.close()
  }

  @Test func `effects are carried out once, however often they are recorded`() async throws {
    try await with { (log) async throws in
      let id = try #require(try await log.append(accepted("1", to: "m")).deliveries.first)
      let change = success(
        id, [accepted("2", to: "n"), accepted("3")], [write(.merge(.add, [0x31]))])
      let appended = try await log.record(change)
      #expect(appended.map(\.offset.number) == [2, 3])
      #expect(try await log.record(change) == [])
      #expect(try await value(log) == "1")
      #expect(try await log.pendingDeliveries().map(\.module.text) == ["n"])
      #expect(log.capabilities.effectsWithAcknowledgement)
    }
  }

  @Test func `when state will not take a write, nothing of it has happened`() async throws {
    try await with { (log) async throws in
      let id = try #require(try await log.append(accepted("1", to: "m")).deliveries.first)
      let large = [UInt8](repeating: 1, count: 2000)
      for (last, code) in [
        (write(.set([]), .absent), "state_conflict"),
        (write(.set(large)), "bucket_full"),
        (write(.merge(.add, [0x78])), "merge_impossible"),
        (
          StateWrite(bucket: BucketName(unchecked: "gone"), key: key, action: .delete),
          "bucket_unknown"
        ),
      ] {
        let change = success(id, [accepted("2", to: "n")], [write(.set([0x35])), last])
        let problem = await #expect(throws: Problem.self) { try await log.record(change) }
        #expect(problem?.isRefusalOfEffects == true)
        #expect(problem?.message.contains(code) == true, "\(problem?.message ?? "")")
        #expect(try await value(log) == nil)
        #expect(try await log.pendingDeliveries().map(\.id) == [id])
        #expect(try await log.event(at: EventOffset(2)) == nil)
      }
      // And the same delivery may still succeed.
      _ = try await log.record(success(id, [], [write(.set([0x35]), .absent)]))
      #expect(try await value(log) == "5")
    }
  }

  @Test func `effects that belong to no delivery are committed together`() async throws {
    try await with { (log) async throws in
      let effects = CommittedEffects(
        at: now, events: [accepted("1", to: "m")], writes: [write(.set([0x35]), .absent)])
      #expect(try await log.commit(effects).map(\.deliveries.count) == [1])
      await #expect(throws: Problem.self) { try await log.commit(effects) }
      #expect(try await log.pendingDeliveries().count == 1)
    }
  }

  @Test func `whoever watches a bucket hears of effects`() async throws {
    try await with { (log) async throws in
      var signs = log.state.signs(of: bucket, in: .default).makeAsyncIterator()
      _ = try await log.commit(CommittedEffects(at: now, writes: [write(.set([0x35]))]))
      #expect(await signs.next() != nil)
    }
  }

  @Test
  func `a bucket that a manifest declares stays of that application when it is changed by hand`()
    async throws
  {
    try await with { (log) async throws in
      let application = ApplicationName(unchecked: "app")
      try await log.state.declare(Bucket(name: bucket, application: application))
      try await log.state.declare(Bucket(name: bucket, maximumSize: .kibibytes(2)))
      let found = try #require(try await log.state.buckets(in: .default).first?.bucket)
      #expect(found.application == application && found.maximumSize == .kibibytes(2))
    }
  }
}
