import ClusterModel
public import HostPorts
import PropertyTesting

/// What every ``EventLog`` must do, whatever it is made of: any sequence of publishes, outcomes, replays
/// and restarts leaves what a model says. What an engine says that it cannot do is not asked of it.
public struct EventLogConformance: Sendable {
  /// A log that can be closed and opened again with what was in it.
  public struct Subject: Sendable {
    public let log: any EventLog
    public let reopen: @Sendable () async throws -> Subject
    public init(log: any EventLog, reopen: @escaping @Sendable () async throws -> Subject) {
      self.log = log
      self.reopen = reopen
    }
  }

  /// What somebody does. Numbers choose among what is there.
  enum Step: Sendable {
    case publish(targets: Int)
    /// One of few identities, so that they meet.
    case publishAgain(identity: Int)
    /// Some of one identity, some large.
    case publishTogether(Int)
    case succeed(Int, publishes: Bool)
    case fail(Int, stale: Bool)
    case die(Int)
    case replay(Int)
    case drop(Int)
    case deliverAgain(Int, targets: Int)
    case wait(seconds: Int)
    case reopen
  }

  private struct Difference: Error, CustomStringConvertible { let description: String }

  let fresh: @Sendable () async throws -> Subject

  /// - Parameter fresh: makes a log with nothing in it. Short bounds make more of it seen.
  public init(fresh: @escaping @Sendable () async throws -> Subject) { self.fresh = fresh }

  private static var step: Generator<Step> {
    let choice = Generator<Int>.int(in: 0...30)
    return .oneOf([
      choice.map { .publish(targets: $0 % 3) },
      choice.map { .publishAgain(identity: $0 % 4) },
      choice.map { .publishTogether($0) },
      zip(choice, Generator<Bool>.bool).map { .succeed($0, publishes: $1) },
      zip(choice, Generator<Bool>.bool).map { .fail($0, stale: $1) },
      choice.map { .die($0) },
      choice.map { .replay($0) },
      choice.map { .drop($0) },
      choice.map { .deliverAgain($0, targets: $0 % 3) },
      Generator<Int>.int(in: 0...12).map { .wait(seconds: $0) },
      .constant(.reopen),
    ])
  }

  // Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed delivery
  public func check() async throws {
    try await checkProperty(
      """
      Feature: wasmatrix, Property 11: events are kept until each delivery succeeded or was put aside
      """, cases: 100, Self.step.array(count: 0...40)
    ) { steps in
      var subject = try await fresh()
      var model = ModelEventLog(try await subject.log.capabilities)
      for step in steps {
        if case .reopen = step {
          subject = try await subject.reopen()
        } else {
          try await apply(step, subject.log, &model)
        }
        try await compare(subject.log, model)
      }
      return true
    }
  }

  private func apply(_ step: Step, _ log: any EventLog, _ model: inout ModelEventLog) async throws {
    switch step {
    case .reopen: break
    case .wait(let seconds): model.now = model.now + .seconds(seconds)
    case .publish(let targets):
      try await publish(accepted(model, targets: targets), log, &model)
    case .publishAgain(let identity):
      var event = accepted(model, targets: 1)
      event.event.id = "again"
      event.event.source = "/s/\(identity)"
      try await publish(event, log, &model)
    case .publishTogether(let choice):
      let events = (0..<choice % 7).map { number in
        var event = accepted(model, targets: (choice + number) % 3, further: number)
        if number % 3 == 1 { event.event.id = "again" }
        // Two of them are too much for one write.
        if choice % 5 == 0 { event.event.data = [UInt8](repeating: 1, count: 140 << 10) }
        return event
      }
      let results = await log.append(events)
      try expectEqual(try results.map { try $0.get() }, events.map { model.publish($0) })
    case .succeed(let choice, let publishes):
      let published = (0..<(publishes ? 1 + choice % 3 : 0)).map {
        accepted(model, targets: choice % 2, further: $0)
      }
      try await record(
        .succeeded(
          output: [UInt8](repeating: 1, count: choice),
          CommittedEffects(at: model.now, events: published)), choice, stale: false, log, &model)
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
    case .deliverAgain(let choice, let targets):
      guard model.capabilities.canDeliverAgain else { return }
      // One of those that there are, or one that there is not.
      let redelivery = Redelivery(
        offset: EventOffset(Int64(choice) % model.nextOffset + 1), namespace: .default,
        targets: Self.targets(targets))
      try expectEqual(
        try await log.deliverAgain([redelivery, redelivery]),
        model.deliverAgain(redelivery) + model.deliverAgain(redelivery))
    }
  }

  private func publish(
    _ event: AcceptedEvent, _ log: any EventLog, _ model: inout ModelEventLog
  ) async throws {
    try expectEqual(try await log.append(event), model.publish(event))
  }

  private func record(
    _ outcome: DeliveryChange.Outcome, _ choice: Int, stale: Bool, _ log: any EventLog,
    _ model: inout ModelEventLog
  ) async throws {
    let id = model.delivery(choice)
    let change = DeliveryChange(
      delivery: id, attempt: model.attempts(id) + (stale ? 0 : 1),
      at: WallInstant(microseconds: Int64(choice)), outcome: outcome)
    try expectEqual(try await log.record(change), model.record(change))
  }

  private func compare(_ log: any EventLog, _ model: ModelEventLog) async throws {
    try expectEqual(try await log.pendingDeliveries(), model.pendingDeliveries())
    try expectEqual(
      try await log.deadLetters(from: DeliveryID(0), limit: 1000), model.deadLetters())
    try expectEqual(try await log.newestOffset(), EventOffset(model.nextOffset - 1))
    for time in [model.now, model.now + .seconds(-5), model.now + .seconds(1)] {
      try expectEqual(try await log.firstOffset(since: time), model.firstOffset(since: time))
    }
    let middle = EventOffset(max(1, model.nextOffset / 2))
    for limit in [3, 1000] {
      try expectEqual(
        try await log.events(from: middle, limit: limit), model.events(from: middle, limit: limit))
    }
    for number in 1...model.nextOffset {
      let offset = EventOffset(number)
      try expectEqual(try await log.status(of: offset), model.status(of: offset))
    }
  }

  private func expectEqual<Value: Equatable>(_ found: Value, _ expected: Value) throws {
    guard found == expected else {
      throw Difference(description: "the log says \(found), the model \(expected)")
    }
  }

  private func failure(_ choice: Int) -> ActivationFailure {
    ActivationFailure(
      code: .guestTrapped, message: "trap \(choice)", trap: "unreachable",
      frames: [GuestFrame(function: "f", functionIndex: 1, moduleOffset: choice)])
  }

  private func accepted(
    _ model: ModelEventLog, targets: Int, further: Int = 0
  ) -> AcceptedEvent {
    let number = model.nextOffset + Int64(further)
    var event = Event(
      id: "e\(number)", source: "/s", type: "t", topic: Topic(unchecked: "a/b"),
      subject: number % 2 == 0 ? "about" : nil, time: WallInstant(microseconds: number),
      data: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Int(number) * 100))
    event.setAttribute("zone", to: "x\(number)")
    return AcceptedEvent(
      event: event, acceptedAt: model.now, principal: .local,
      targets: Self.targets(targets),
      orderKeys: number % 2 == 0 ? [ModuleName(unchecked: "m0"): OrderKey("k\(number % 3)")] : [:])
  }

  private static func targets(_ count: Int) -> [ModuleName] {
    (0..<count).map { ModuleName(unchecked: "m\($0)") }
  }
}
