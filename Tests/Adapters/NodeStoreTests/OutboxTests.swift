import ClusterModel
import DurableSQLite
import HostPorts
import NodeStore
import PropertyTesting
import StorageTesting
import Testing

/// What is accepted stays until the control plane has it, and no longer.
@Suite struct OutboxTests {
  private let temporary = TemporaryFolder()
  private let folder: DataFolder

  init() throws { folder = try DataFolder(temporary.path) }

  private static func event(_ number: Int, size: Int = 10) -> Event {
    Event(
      id: "\(number)", source: "/tests", type: "t", topic: Topic(unchecked: "a/b"), subject: "s",
      time: WallInstant(microseconds: 5), dataContentType: "text/plain", dataSchema: "urn:x",
      extensions: [Event.Attribute(name: "traceparent", value: "00-1")],
      data: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))
  }

  @Test func `an event comes out as it came in, also after a restart`() async throws {
    let outbox = try OutboxDatabase(in: folder)
    try await outbox.append([Self.event(1)])
    #expect(try await outbox.oldest(limit: 10).map(\.event) == [Self.event(1)])
    try await outbox.close()
    let again = try OutboxDatabase(in: folder)
    #expect(try await again.oldest(limit: 10).map(\.event) == [Self.event(1)])
    #expect(again.usage == outbox.usage)
    #expect(again.usage.events == 1)
    try await again.close()
  }

  @Test func `when it is full it says so, and takes more when there is room`() async throws {
    let outbox = try OutboxDatabase(in: folder, capacity: .kibibytes(4))
    var count = 0
    var refusal: Problem?
    while refusal == nil, count < 100 {
      do throws(Problem) {
        try await outbox.append([Self.event(count, size: 1000)])
        count += 1
      } catch {
        refusal = error
      }
    }
    #expect(count == 3)
    #expect(refusal?.code == "outbox_full" && refusal?.category == .overloaded)
    #expect(refusal?.retryAfter != nil)
    let oldest = try await outbox.oldest(limit: 1)
    try await outbox.forget(through: try #require(oldest.first).number)
    try await outbox.append([Self.event(count, size: 1000)])
    #expect(try await outbox.oldest(limit: 10).map(\.event.id) == ["1", "2", "3"])
    try await outbox.close()
  }

  @Test func `events that come together are kept together or not at all`() async throws {
    let outbox = try OutboxDatabase(in: folder, capacity: .kibibytes(4))
    try await outbox.append((1...2).map { Self.event($0, size: 1000) })
    await #expect(throws: Problem.self) {
      try await outbox.append((3...5).map { Self.event($0, size: 1000) })
    }
    #expect(outbox.usage.events == 2)
    try await outbox.append([Self.event(6, size: 1000)])
    #expect(try await outbox.oldest(limit: 10).map(\.event.id) == ["1", "2", "6"])
    try await outbox.close()
  }

  @Test func `one read is bounded, but for an event that is long alone`() async throws {
    let outbox = try OutboxDatabase(in: folder)
    for number in 0..<4 { try await outbox.append([Self.event(number, size: 5 << 20)]) }
    try await outbox.append([Self.event(4, size: 12 << 20)])
    #expect(try await outbox.oldest(limit: 10).count == 1)
    try await outbox.forget(through: 4)
    #expect(try await outbox.oldest(limit: 10).map(\.event.id) == ["4"])
    try await outbox.close()
  }

  @Test func `who has handled an event is kept with it, together with what came of that`()
    async throws
  {
    let outbox = try OutboxDatabase(in: folder, capacity: .kibibytes(1))
    try await outbox.append([Self.event(1, size: 700)])
    let number = try #require(try await outbox.oldest(limit: 1).first).number
    let (first, second) = (ModuleName(unchecked: "a"), ModuleName(unchecked: "b"))
    // What came of an event is kept in any case: it was accepted with it.
    try await outbox.handled(number, by: first, publishing: [Self.event(2, size: 700)])
    try await outbox.handled(number, by: second, publishing: [])
    try await outbox.close()
    let again = try OutboxDatabase(in: folder, capacity: .kibibytes(1))
    let kept = try await again.oldest(limit: 10)
    #expect(kept.map(\.event.id) == ["1", "2"])
    #expect(kept.map(\.handledBy) == [[first, second], []])
    #expect(again.usage.events == 2)
    try await again.forget(through: number)
    try await again.handled(number, by: first, publishing: [Self.event(3)])
    #expect(try await again.oldest(limit: 10).map(\.event.id) == ["2"])
    #expect(again.usage.events == 1)
    try await again.close()
  }

  private enum Step: Sendable {
    case append(Int)
    /// Some are read; of them the first few are acknowledged, or the acknowledgement is lost.
    case forward(Int, acknowledged: Int)
    case crash
  }

  private static let steps = zip(
    Generator<Int>.int(in: 0...9), Generator<Int>.int(in: 1...6), Generator<Int>.int(in: 0...6)
  ).map { kind, count, acknowledged in
    switch kind {
    case 0...4: Step.append(count)
    case 5...8: Step.forward(count, acknowledged: acknowledged)
    default: Step.crash
    }
  }.array(count: 0...25)

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery (here: what a
  // node accepted is neither lost nor, once it was acknowledged, sent again)
  @Test
  func
    `whatever the order of appends, acknowledgements and crashes, nothing is lost or sent again`()
    async throws
  {
    try await checkProperty(
      "Feature: wasmatrix, Property 11: the outbox of a node", cases: 100, Self.steps
    ) { steps in
      let temporary = TemporaryFolder()
      let folder = try DataFolder(temporary.path)
      var outbox = try OutboxDatabase(in: folder)
      var expected: [String] = []
      var acknowledged: Set<String> = []
      var last = 0
      for step in steps {
        switch step {
        case .append(let count):
          for _ in 0..<count {
            last += 1
            try await outbox.append([Self.event(last)])
            expected.append("\(last)")
          }
        case .forward(let limit, let count):
          let events = try await outbox.oldest(limit: limit)
          guard events.map(\.event.id) == Array(expected.prefix(limit)),
            acknowledged.isDisjoint(with: events.map(\.event.id))
          else { return false }
          guard let end = events.prefix(count).last else { continue }
          try await outbox.forget(through: end.number)
          acknowledged.formUnion(expected.prefix(min(count, events.count)))
          expected.removeFirst(min(count, events.count))
        case .crash:
          // Nothing is written back, nothing said: the next one finds the files as they lie.
          outbox = try OutboxDatabase(in: folder)
        }
        guard outbox.usage.events == expected.count else { return false }
      }
      let rest = try await outbox.oldest(limit: 1000).map(\.event.id)
      try await outbox.close()
      return rest == expected
    }
  }
}
