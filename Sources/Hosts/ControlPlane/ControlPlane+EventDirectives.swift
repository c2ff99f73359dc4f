import ClusterModel
import ControlPlaneLogic
import DequeModule
import EventReading
import EventRouting
import HostPorts
import Logging
import Metrics
import SupervisionRuntime

// Carrying out what the router decides.
extension ControlPlane {
  func carryOut(_ directive: EventRouter.Directive) {
    switch directive {
    case .append(let request, let event): append(request, event)
    case .accept(let request, let appended): requests.answer(request, .success(appended))
    case .refuse(let request, let problem):
      requests.answer(request, .failure(problem))
      requests.answerCommit(request, problem)
    case .activate: preconditionFailure("an activation has a route, see ControlPlaneLogic")
    case .giveUp(let id):
      logger.warning(
        "a delivery was not answered in time; a late answer does not count",
        metadata: ["delivery": "\(id)"])
    case .record(let change): record(change)
    case .settled(let id, let offset, let death):
      waiters.wake(offset)
      if let death { announce(id, offset, death) }
    case .commit(let request, let effects): commit(request, effects)
    case .confirm(let request): requests.answerCommit(request, nil)
    }
  }

  private func append(_ request: RequestID, _ event: AcceptedEvent) {
    var event = event
    event.series = requests.series(of: request)
    appends.append(Append(request: request, event: event))
    guard !isAppending else { return }
    isAppending = true
    begin { await $0.appendGathered() }
  }

  /// In the order in which they came; together what came while others were made durable.
  private func appendGathered() async {
    while !appends.isEmpty {
      let batch = Array(appends.prefix(Self.appendedTogether))
      appends.removeFirst(batch.count)
      let results = await log.append(batch.map(\.event))
      var broken = BrokenSeries()
      for (append, result) in zip(batch, results) {
        if case .failure(let problem) = result { broken.broke(at: append.event, problem) }
        ended(append, result)
      }
      refuse(behind: broken)
    }
    isAppending = false
  }

  /// Those that wait and come behind one that could not be made durable: it will come again, and has to be before them.
  private func refuse(behind broken: BrokenSeries) {
    guard !broken.isEmpty else { return }
    let refused = appends.filter { broken.problem(of: $0.event) != nil }
    appends.removeAll { broken.problem(of: $0.event) != nil }
    for append in refused {
      if let problem = broken.problem(of: append.event) {
        feed(.events(.appendFailed(append.request, problem)))
      }
    }
  }

  private func ended(_ append: Append, _ result: Result<AppendedEvent, Problem>) {
    switch result {
    case .success(let appended):
      let event = append.event
      if appended.isDuplicate {
        duplicates.increment()
        logger.debug(
          "a publish was repeated",
          metadata: ["offset": "\(appended.offset)", "id": "\(event.event.id)"])
      } else if !event.targets.isEmpty {
        recentEvents.keep(event.event, at: appended.offset)
      }
      tails.sign()
      feed(.events(.eventAppended(append.request, appended)))
    case .failure(let problem):
      // Whoever has no room hears that, many times a second perhaps.
      logger.log(
        level: problem.category == .overloaded ? .debug : .error,
        "an event could not be made durable", metadata: ["problem": "\(problem)"])
      feed(.events(.appendFailed(append.request, problem)))
    }
  }

  func activate(
    _ id: DeliveryID, _ offset: EventOffset, _ route: Route, _ attempt: Int
  ) {
    deliveries.begin {
      let end = await self.run(offset, route, attempt)
      await self.tell(id, route, end)
    }
  }

  /// Tells the logic how an activation ended, with what its result says if that is needed.
  private func tell(_ id: DeliveryID, _ route: Route, _ end: ActivationEnd) async {
    var end = end
    if case .finished(let event, .success(let output), _, let effects) = end {
      let offered = await offered(effects.effects, by: route.placement.name)
      // Nothing happens between the last look at what the router needs and what it is told.
      let data =
        logic.router.needsData(ofResultsOf: route.placement.name)
        ? await EventData.json(output) : nil
      end = .finished(event, .success(output), data: data, effects: offered)
    }
    feed(.activationEnded(id, route, end))
  }

  /// Effects, with what their events say as JSON where the router needs it. What it needs may change
  /// meanwhile: a pattern that was deployed while this was parsed sees no data of these events.
  func offered(
    _ effects: ActivationEffects, by module: QualifiedName
  ) async -> EventRouter.OfferedEffects {
    guard
      effects.published.contains(where: {
        logic.router.needsData(of: $0.topic, in: module.namespace)
      })
    else { return EventRouter.OfferedEffects(effects) }
    var data: [JSONValue?] = []
    for event in effects.published {
      let isNeeded = logic.router.needsData(of: event.topic, in: module.namespace)
      data.append(isNeeded ? await EventData.json(event.data) : nil)
    }
    return EventRouter.OfferedEffects(effects, data: data)
  }

  private func run(
    _ offset: EventOffset, _ route: Route, _ attempt: Int
  ) async -> ActivationEnd {
    let event: Event
    do throws(Problem) {
      event = try await self.event(at: offset)
    } catch {
      return Task.isCancelled ? .interrupted : .eventUnreadable(error)
    }
    guard let agent = links[route.node] else {
      return .finished(
        event,
        .failure(
          ActivationFailure(
            code: .unavailable, message: "node \(route.node) cannot be reached")), data: nil)
    }
    let report = await agent.run(
      route.placement, under: route.fence, on: event, attempt: attempt)
    // It was ended from here; what it did before that is not known.
    if case .failure(let failure) = report.result {
      if Task.isCancelled || failure.code == .nodeLost { return .interrupted }
    }
    return .finished(
      event, report.result, data: nil, effects: EventRouter.OfferedEffects(report.effects))
  }

  func event(at offset: EventOffset) async throws(Problem) -> Event {
    if let event = recentEvents.event(at: offset) { return event }
    guard let event = try await log.event(at: offset) else {
      throw Problem(
        .internalFault, code: "event_missing", "event \(offset) is not in the log",
        next: "Look at the data folder with `wasmatrix doctor`.")
    }
    return event
  }

  private func record(_ change: DeliveryChange) {
    begin { plane in
      do throws(Problem) {
        let appended = try await plane.log.record(change)
        if case .succeeded(_, let effects) = change.outcome { plane.keep(effects.events, appended) }
        if !appended.isEmpty { plane.tails.sign() }
        plane.feed(.events(.changeRecorded(change.delivery, published: appended)))
      } catch  where error.isRefusalOfEffects {
        plane.feed(.events(.effectsRefused(change.delivery, error)))
      } catch {
        plane.logger.error(
          "what became of a delivery could not be made durable; trying again",
          metadata: ["delivery": "\(change.delivery)", "problem": "\(error)"])
        plane.feed(.events(.recordFailed(change.delivery, error)))
      }
    }
  }

  private func commit(_ request: RequestID, _ effects: CommittedEffects) {
    begin { plane in
      do throws(Problem) {
        let appended = try await plane.log.commit(effects)
        plane.keep(effects.events, appended)
        plane.feed(.events(.effectsCommitted(request, appended)))
      } catch {
        plane.feed(.events(.commitFailed(request, error)))
      }
    }
  }

  /// Keeps events that are about to be delivered, so that they need not be read.
  private func keep(_ events: [AcceptedEvent], _ appended: [AppendedEvent]) {
    for (accepted, appended) in zip(events, appended) where !accepted.targets.isEmpty {
      recentEvents.keep(accepted.event, at: appended.offset)
    }
  }
}
