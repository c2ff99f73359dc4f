import ClusterModel
import ControlPlaneLogic
import EventReading
import EventRouting
import HostPorts
import Logging
import ModuleCatalog

// Events of the past, once more.
extension ControlPlane {
  /// Events that are looked at in one step.
  private static let replayedAtOnce = 200

  func replay(_ request: ReplayRequest, by caller: Caller) async throws(Problem) -> ReplayedPage {
    try requireRunning()
    if let module = request.module {
      guard logic.catalog.placed[QualifiedName(caller.namespace, module)] != nil else {
        throw Problem(
          .notFound, code: "not_deployed", "module \(module) is not deployed",
          next: "See what is with `wasmatrix ps`.")
      }
    }
    guard logic.router.hasRoomForReplay else { throw logic.router.full(clock.now()) }
    let newest = try await log.newestOffset()
    var through = newest
    if case .offset(let offset)? = request.through { through = min(offset, newest) }
    var replayed = ReplayedPage(through: through)
    guard let from = try await start(request.from), from <= through else { return replayed }
    let page = try await log.events(from: from, limit: Self.replayedAtOnce)
    var wanted: [Redelivery] = []
    var next = from
    for logged in page.events where logged.offset <= through {
      replayed.miss(from: next, before: logged.offset)
      next = EventOffset(logged.offset.number + 1)
      if let one = await redelivery(of: logged, request, caller.namespace) { wanted.append(one) }
    }
    // At the end of the log, and of what was asked for, nothing more comes.
    let end = page.next == from ? EventOffset(through.number + 1) : page.next
    replayed.miss(from: next, before: min(end, EventOffset(through.number + 1)))
    replayed.next = end > through ? nil : end
    guard !wanted.isEmpty else { return replayed }
    try requireRunning()
    let pending = try await log.deliverAgain(wanted)
    replayed.events = Set(pending.map(\.offset)).count
    replayed.deliveries = pending.count
    logger.info(
      "events are replayed",
      metadata: ["from": "\(from)", "events": "\(replayed.events)"])
    feed(.events(.redelivered(pending)))
    return replayed
  }

  private func start(_ bound: ReplayRequest.Bound) async throws(Problem) -> EventOffset? {
    switch bound {
    case .offset(let offset): max(offset, EventOffset(1))
    case .time(let time): try await log.firstOffset(since: time)
    }
  }

  /// Who is to get an event again: those who want it now.
  private func redelivery(
    of logged: LoggedEvent, _ request: ReplayRequest, _ namespace: Namespace
  ) async -> Redelivery? {
    let event = logged.event
    guard event.namespace == namespace, request.topic?.matches(event.topic) ?? true else {
      return nil
    }
    if case .time(let last)? = request.through, last < logged.acceptedAt { return nil }
    if case .time(let first) = request.from, logged.acceptedAt < first { return nil }
    let data = logic.router.needsData(of: event) ? await EventData.json(event.data) : nil
    // Whoever is named gets it, also instead of others of its group.
    let targets =
      if let module = request.module {
        logic.router.modules(for: event, data: data).filter { $0 == module }
      } else {
        logic.router.recipients(of: event, data: data)
      }
    guard !targets.isEmpty else { return nil }
    return Redelivery(
      offset: logged.offset, namespace: namespace, targets: targets,
      orderKeys: logic.router.orderKeys(of: event, data: data, for: targets))
  }
}

extension ReplayedPage {
  fileprivate mutating func miss(from: EventOffset, before offset: EventOffset) {
    guard from < offset else { return }
    missed.append(Missed(from: from, through: EventOffset(offset.number - 1)))
  }
}
