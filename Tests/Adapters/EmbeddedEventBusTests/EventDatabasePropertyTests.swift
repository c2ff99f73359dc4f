import ClusterModel
import DurableSQLite
import EmbeddedEventBus
import HostPorts
import PropertyTesting
import Testing

// Feature: wasmatrix, Property 11: For any system event, events are published with guaranteed
// delivery: the log keeps each until every delivery succeeded or was put aside
@Suite struct EventDatabasePropertyTests {
  private struct Model {
    var pending: [DeliveryID: Int] = [:]
    var dead: Set<DeliveryID> = []
    var deliveries: [DeliveryID] = []
  }

  private let now = WallInstant(microseconds: 0)
  private let trap = ActivationFailure(code: .guestTrapped, message: "trap")

  @Test func `any sequence of changes and restarts leaves what a model says`() async throws {
    let step = zip(Generator<Int>.int(in: 0...7), Generator<Int>.int(in: 0...30))
    try await checkProperty(
      "Feature: wasmatrix, Property 11: the log keeps what is owed", cases: 100,
      step.array(count: 0...40)
    ) { steps in
      let temporary = TemporaryFolder()
      defer { temporary.remove() }
      var folder = try DataFolder(temporary.path)
      var log = try EventDatabase(in: folder)
      var model = Model()
      for (action, choice) in steps {
        if action == 7 {
          try await log.close()
          folder.release()
          folder = try DataFolder(temporary.path)
          log = try EventDatabase(in: folder)
        } else {
          try await apply(action, choice, log, &model)
        }
      }
      let pending = try await log.pendingDeliveries()
      let dead = try await log.deadLetters(from: DeliveryID(0), limit: 1000)
      return Dictionary(uniqueKeysWithValues: pending.map { ($0.id, $0.failedAttempts) })
        == model.pending && Set(dead.map(\.id)) == model.dead
    }
  }

  private func apply(
    _ action: Int, _ choice: Int, _ log: EventDatabase, _ model: inout Model
  ) async throws {
    if action <= 1 || model.deliveries.isEmpty {
      try await append(targets: choice % 3, log, &model)
      return
    }
    let id = model.deliveries[choice % model.deliveries.count]
    let attempt = (model.pending[id] ?? 0) + 1
    switch action {
    case 2:
      _ = try await log.record(change(id, attempt, .succeeded(output: [1], published: nil)))
      model.pending[id] = nil
    case 3:
      _ = try await log.record(change(id, attempt, .failed(trap)))
      if model.pending[id] != nil { model.pending[id] = attempt }
    case 4:
      _ = try await log.record(change(id, attempt, .dead(trap)))
      if model.pending.removeValue(forKey: id) != nil { model.dead.insert(id) }
    case 5:
      _ = try await log.replayDeadLetter(id)
      if model.dead.remove(id) != nil { model.pending[id] = 0 }
    case _:
      _ = try await log.dropDeadLetter(id)
      model.dead.remove(id)
    }
  }

  private func append(targets: Int, _ log: EventDatabase, _ model: inout Model) async throws {
    let event = Event(id: "e", source: "/s", type: "t", topic: Topic(unchecked: "x"))
    let names = (0..<targets).map { ModuleName(unchecked: "m\($0)") }
    let appended = try await log.append(
      AcceptedEvent(event: event, acceptedAt: now, principal: .local, targets: names))
    for id in appended.deliveries { model.pending[id] = 0 }
    model.deliveries += appended.deliveries
  }

  private func change(
    _ id: DeliveryID, _ attempt: Int, _ outcome: DeliveryChange.Outcome
  ) -> DeliveryChange {
    DeliveryChange(delivery: id, attempt: attempt, at: now, outcome: outcome)
  }
}
