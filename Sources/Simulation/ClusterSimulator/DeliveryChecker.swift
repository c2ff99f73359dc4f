import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog

/// Watches events from their publishers to what their handlers did. It knows what was deployed, what the log
/// has and what was told to whom, and asks the router nothing.
///
/// - Each event goes to all modules that want it, and of those that share a group to one.
/// - Of those of a module with the same key only the first that has not ended runs, however often it is tried.
/// - What is published again is owed once.
/// - What a handler did takes place once, with its acknowledgement, and only of the run that counts.
/// - Nothing is put aside before its last attempt but what was undeployed.
/// - Publishers are refused while there is no room, and only then.
/// - Whoever is owed one delivery is not kept waiting by those who are owed many.
struct DeliveryChecker {
  private struct Lane: Hashable {
    let module: ModuleName
    let key: OrderKey
  }

  private struct Owed: Hashable {
    let identity: EventIdentity
    let module: ModuleName
  }

  /// What ran last for a delivery: nothing else that comes of it counts.
  private var newestRun: [DeliveryID: Int] = [:]
  /// What each run that succeeded wants done.
  private var offered: [Int: ActivationEffects] = [:]
  /// What has not ended, in order.
  private var lanes: [Lane: [DeliveryID]] = [:]
  private var owed: Set<Owed> = []
  private(set) var owedTo: [ModuleName: Int] = [:]
  private var promised: [EventIdentity: EventOffset] = [:]
  /// To which modules the events go that are being appended.
  private var appending: [RequestID: [ModuleName]] = [:]
  /// The same of what invocations did.
  private var committing: [RequestID: [ModuleName]] = [:]
  private var turns = TurnChecker()
  /// What was deployed when something was decided.
  private var deployed: [RoutedDeployment] = []

  /// The logic is gone, with what it had under way.
  mutating func logicEnded() {
    appending = [:]
    committing = [:]
    turns = TurnChecker()
  }

  // What the logic is told, and decides.

  mutating func hears(_ input: ControlPlaneLogic.Input, _ world: World) {
    switch input {
    case .events(.eventReceived), .events(.effectsOffered), .activationEnded(_, _, .finished):
      deployed = world.plane?.catalog.routed ?? []
    case .events(.eventAppended(let request, let appended)):
      appending[request] = nil
      turns.watch(appended.deliveries, owedTo, world)
    case .events(.appendFailed(let request, _)): appending[request] = nil
    case .events(.effectsCommitted(let request, let appended)):
      committing[request] = nil
      turns.watch(appended.flatMap(\.deliveries), owedTo, world)
    case .events(.commitFailed(let request, _)): committing[request] = nil
    case .events(.changeRecorded(_, let published)):
      turns.watch(published.flatMap(\.deliveries), owedTo, world)
    case _: break
    }
  }

  mutating func decided(
    _ directives: [ControlPlaneLogic.Directive], on input: ControlPlaneLogic.Input, _ world: World
  ) {
    turns.decided(directives, world)
    switch input {
    case .events(.eventReceived(let request, let event, let data, _)):
      let recipients = Recipients(of: event, data: data, among: deployed)
      for case .events(let directive) in directives {
        received(request, recipients, directive, world)
      }
    case .events(.effectsOffered(let request, _, _, let offered)):
      for case .events(.commit(request, let effects)) in directives {
        committing[request] = effects.events.flatMap(\.targets)
        for (accepted, data) in zip(effects.events, offered.data) {
          check(accepted, Recipients(of: accepted.event, data: data, among: deployed), world)
        }
      }
    case .activationEnded(let id, _, .finished(_, _, _, let offered)):
      for case .events(.record(let change)) in directives where change.delivery == id {
        guard case .succeeded(_, let effects) = change.outcome else { continue }
        for (accepted, data) in zip(effects.events, offered.data) {
          let recipients = Recipients(of: accepted.event, data: data, among: deployed)
          check(accepted, recipients, world)
        }
      }
    case _: break
    }
  }

  private mutating func received(
    _ request: RequestID, _ recipients: Recipients, _ directive: EventRouter.Directive,
    _ world: World
  ) {
    let limits = world.configuration
    let counted = world.log.pending.count + comingCount
    let all = counted + recipients.count
    let hasRoom = all <= limits.pendingDeliveries
    let isReserved = all <= limits.pendingDeliveries + limits.pendingDeliveries / 4
    let keepsUp = appending.count < limits.appendingEvents
    switch directive {
    case .append(request, let accepted):
      let mayUseReserve = accepted.targets.allSatisfy { isFew($0, world) }
      if !hasRoom, !(isReserved && mayUseReserve) {
        world.checker.fail("an event was taken in for which there is no room", world)
      }
      if !hasRoom { world.coverage.count(.reserveUsed) }
      if !keepsUp { world.checker.fail("an event was taken in beyond what is appended", world) }
      check(accepted, recipients, world)
      appending[request] = accepted.targets
    case .refuse(request, let problem):
      let isRight =
        switch problem.code {
        // Which one of a group it would have been is the router's to say.
        case "event_log_full":
          !hasRoom && !(isReserved && recipients.everybody.allSatisfy { isFew($0, world) })
        case "event_log_lagging": !keepsUp
        case _: false
        }
      if !isRight { world.checker.fail("a publisher was refused without need: \(problem)", world) }
    case _: break
    }
  }

  /// Whether few events wait for a module, so that it gets more when others have filled the room.
  private func isFew(_ module: ModuleName, _ world: World) -> Bool {
    let waiting = world.log.pending.values.count { $0.module == module }
    let coming = [appending.values, committing.values].joined().reduce(0) { sum, targets in
      sum + targets.count { $0 == module }
    }
    return waiting + coming < world.configuration.pendingDeliveries / 16
  }

  /// Deliveries of what is being made durable.
  private var comingCount: Int {
    [appending.values, committing.values].joined().reduce(0) { $0 + $1.count }
  }

  private func check(_ accepted: AcceptedEvent, _ recipients: Recipients, _ world: World) {
    recipients.count(in: &world.coverage)
    for wrong in recipients.wrongs(in: accepted) {
      world.checker.fail("event \(accepted.event.id) \(wrong)", world)
    }
  }

  // What is durable.

  mutating func isDurable(_ accepted: AcceptedEvent, _ appended: AppendedEvent, _ world: World) {
    let identity = EventIdentity(accepted.event)
    for (module, id) in zip(accepted.targets, appended.deliveries) {
      if !owed.insert(Owed(identity: identity, module: module)).inserted {
        world.checker.fail("event \(accepted.event.id) is owed to \(module) twice", world)
      }
      owedTo[module, default: 0] += 1
      guard let key = accepted.orderKeys[module] else { continue }
      let lane = Lane(module: module, key: key)
      if lanes[lane] != nil { world.coverage.count(.deliveryHeld) }
      lanes[lane, default: []].append(id)
    }
  }

  mutating func isDurable(_ change: DeliveryChange, _ appended: [AppendedEvent], _ world: World) {
    guard let delivery = world.log.all[change.delivery] else { return }
    if case .failed = change.outcome { return }
    owedTo[delivery.module, default: 0] -= 1
    if let run = newestRun.removeValue(forKey: delivery.id) { offered[run] = nil }
    if let key = delivery.orderKey {
      let lane = Lane(module: delivery.module, key: key)
      lanes[lane]?.removeAll { $0 == delivery.id }
      if lanes[lane]?.isEmpty == true { lanes[lane] = nil }
    }
    guard case .succeeded(_, let effects) = change.outcome else { return }
    for (accepted, appended) in zip(effects.events, appended) {
      world.coverage.count(.deliveryPublishes)
      isDurable(accepted, appended, world)
    }
  }

  /// A publisher hears that an event was accepted.
  mutating func accepted(_ event: Event, _ appended: AppendedEvent, _ world: World) {
    let identity = EventIdentity(event)
    if !appended.isDuplicate, promised[identity] != nil {
      world.checker.fail("event \(event.id) was taken for a new one again", world)
    }
    if world.log.identities[identity] != appended.offset {
      world.checker.fail("event \(event.id) was accepted where it is not", world)
    }
    promised[identity] = appended.offset
  }

  // What runs, and what comes of it.

  mutating func begins(_ id: DeliveryID, _ run: Int, attempt: Int, _ world: World) {
    guard let delivery = world.log.pending[id] else {
      world.checker.fail("delivery \(id) begins and is not owed", world)
      return
    }
    newestRun[id] = run
    if attempt != delivery.failedAttempts + 1 {
      world.checker.fail(
        "delivery \(id) failed \(delivery.failedAttempts) times and begins attempt \(attempt)",
        world)
    }
    guard let key = delivery.orderKey else { return }
    let lane = lanes[Lane(module: delivery.module, key: key)] ?? []
    if lane.first != id {
      let first = lane.first?.description ?? "nobody"
      world.checker.fail("delivery \(id) begins before \(first) of its key has ended", world)
    }
    if attempt > 1, lane.count > 1 { world.coverage.count(.deliveryRetriedInOrder) }
  }

  /// A guest has run to its end, and wants this done.
  mutating func offers(_ effects: ActivationEffects, run: Int) { offered[run] = effects }

  /// Something is about to be recorded of a delivery that is owed.
  func commits(_ change: DeliveryChange, _ world: World) {
    let failed = world.log.pending[change.delivery]?.failedAttempts ?? 0
    if change.attempt != failed + 1 {
      world.checker.fail("attempt \(change.attempt) follows \(failed) of \(change.delivery)", world)
    }
    if case .dead(let failure) = change.outcome, change.attempt < World.attempts,
      let module = world.log.all[change.delivery]?.module,
      !world.store.removed.contains(QualifiedName(.default, module))
    {
      world.checker.fail(
        "delivery \(change.delivery) is dead at attempt \(change.attempt): \(failure.message)",
        world)
    }
    guard case .succeeded(_, let effects) = change.outcome else { return }
    let run = newestRun[change.delivery]
    let wanted = run.flatMap { offered[$0] }
    let isSame =
      wanted?.writes == effects.writes
      && wanted?.published.map(\.topic) == effects.events.map(\.event.topic)
      && wanted?.published.map(\.data) == effects.events.map(\.event.data)
    if !isSame {
      world.checker.fail("what is done for delivery \(change.delivery) is not of its run", world)
    }
  }

  static func writes(_ event: Event, _ module: ModuleName, run: Int) -> [StateWrite] {
    let bucket = BucketName(unchecked: "effects")
    return [
      StateWrite(bucket: bucket, key: counter(event, module), action: .merge(.add, [0x31])),
      StateWrite(
        bucket: bucket, key: StateKey(unchecked: "last-run"), action: .set(Array("\(run)".utf8))),
    ]
  }

  private static func counter(_ event: Event, _ module: ModuleName) -> StateKey {
    StateKey(unchecked: "\(module) \(event.source) \(event.id)")
  }

  // At the end.

  /// What was accepted and is gone, or was done more or less than once.
  func broken(_ world: World) -> [String] {
    var broken: [String] = []
    for id in world.log.all.keys.sorted() {
      guard let delivery = world.log.all[id], let event = world.log.events[delivery.offset] else {
        continue
      }
      let times = world.log.counters[Self.counter(event, delivery.module)] ?? 0
      if times != (world.log.ends[id] == .done ? 1 : 0) {
        broken.append("what delivery \(id) does was done \(times) times")
      }
      if world.log.ends[id] == nil, world.log.pending[id] == nil {
        broken.append("delivery \(id) is gone")
      }
    }
    for (identity, offset) in promised
    where world.log.events[offset].map({ EventIdentity($0) }) != identity {
      broken.append("event \(identity.id) was accepted and is gone")
    }
    let counted = world.log.pending.count + comingCount
    if let plane = world.plane, plane.router.pendingCount != counted {
      broken.append("the router counts \(plane.router.pendingCount) as owed, and \(counted) are")
    }
    return Array(broken.sorted().prefix(20))
  }
}
