import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import PropertyTesting
import StorageTesting
import Testing

@Suite struct EventDatabasePropertyTests {
  /// What somebody does to the log. Numbers choose among what is there.
  private enum Step {
    case append(targets: Int)
    case succeed(Int, publishes: Bool)
    case fail(Int, stale: Bool)
    case die(Int)
    case replay(Int)
    case drop(Int)
    case reopen
  }

  private var step: Generator<Step> {
    let choice = Generator<Int>.int(in: 0...30)
    return .oneOf([
      choice.map { .append(targets: $0 % 3) },
      zip(choice, Generator<Bool>.bool).map { .succeed($0, publishes: $1) },
      zip(choice, Generator<Bool>.bool).map { .fail($0, stale: $1) },
      choice.map { .die($0) },
      choice.map { .replay($0) },
      choice.map { .drop($0) },
      .constant(.reopen),
    ])
  }

  @Test func `any sequence of changes and restarts leaves what a model says`() async throws {
    try await checkProperty(
      """
      Feature: wasmatrix, Property 11: events are kept until each delivery succeeded or was put aside
      """, cases: 100, step.array(count: 0...40)
    ) { steps in
      let temporary = TemporaryFolder()
      var folder = try DataFolder(temporary.path)
      var log = try EventDatabase(in: folder)
      var model = ModelEventLog()
      for step in steps {
        if case .reopen = step {
          try await log.close()
          folder.release()
          folder = try DataFolder(temporary.path)
          log = try EventDatabase(in: folder)
        } else {
          try await apply(step, log, &model)
        }
        try await compare(log, model)
      }
      return true
    }
  }

  private func apply(
    _ step: Step, _ log: EventDatabase, _ model: inout ModelEventLog
  ) async throws {
    switch step {
    case .reopen: break
    case .append(let targets):
      let event = accepted(model.nextOffset, targets: targets)
      try expectEqual(try await log.append(event), model.append(event))
    case .succeed(let choice, let publishes):
      let published = (0..<(publishes ? 1 + choice % 3 : 0)).map {
        accepted(model.nextOffset + Int64($0), targets: choice % 2)
      }
      let at = WallInstant(microseconds: Int64(choice))
      try await record(
        .succeeded(
          output: [UInt8](repeating: 1, count: choice),
          CommittedEffects(at: at, events: published)), choice, stale: false, log, &model)
    case .fail(let choice, let stale):
      try await record(.failed(failure(choice)), choice, stale: stale, log, &model)
    case .die(let choice):
      try await record(.dead(failure(choice)), choice, stale: false, log, &model)
    case .replay(let choice):
      let id = model.delivery(choice)
      try expectEqual(try await log.replayDeadLetter(id), model.replay(id))
    case .drop(let choice):
      let id = model.delivery(choice)
      try expectEqual(try await log.dropDeadLetter(id), model.drop(id))
    }
  }

  private func record(
    _ outcome: DeliveryChange.Outcome, _ choice: Int, stale: Bool, _ log: EventDatabase,
    _ model: inout ModelEventLog
  ) async throws {
    let id = model.delivery(choice)
    let change = DeliveryChange(
      delivery: id, attempt: model.attempts(id) + (stale ? 0 : 1),
      at: WallInstant(microseconds: Int64(choice)), outcome: outcome)
    try expectEqual(try await log.record(change), model.record(change))
  }

  private func compare(_ log: EventDatabase, _ model: ModelEventLog) async throws {
    try expectEqual(try await log.pendingDeliveries(), model.pendingDeliveries())
    try expectEqual(
      try await log.deadLetters(from: DeliveryID(0), limit: 1000), model.deadLetters())
    for number in 1...model.nextOffset {
      let offset = EventOffset(number)
      try expectEqual(try await log.status(of: offset), model.status(of: offset))
    }
  }

  private struct Difference: Error { let text: String }

  private func expectEqual<Value: Equatable>(_ found: Value, _ expected: Value) throws {
    guard found == expected else {
      throw Difference(text: "the log says \(found), the model \(expected)")
    }
  }

  private func failure(_ choice: Int) -> ActivationFailure {
    ActivationFailure(
      code: .guestTrapped, message: "trap \(choice)", trap: "unreachable",
      frames: [GuestFrame(function: "f", functionIndex: 1, moduleOffset: choice)])
  }

  private func accepted(_ number: Int64, targets: Int) -> AcceptedEvent {
    var event = Event(
      id: "e\(number)", source: "/s", type: "t", topic: Topic(unchecked: "a/b"),
      subject: number % 2 == 0 ? "about" : nil, time: WallInstant(microseconds: number),
      data: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Int(number) * 100))
    event.setAttribute("zone", to: "x\(number)")
    return AcceptedEvent(
      event: event, acceptedAt: WallInstant(microseconds: number), principal: .local,
      targets: (0..<targets).map { ModuleName(unchecked: "m\($0)") })
  }
}
