import ClusterModel
import ControlPlaneLogic
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
    case .refuse(let request, let problem): requests.answer(request, .failure(problem))
    case .activate: preconditionFailure("an activation has a route, see ControlPlaneLogic")
    case .giveUp(let id):
      logger.warning(
        "a delivery was not answered in time; a late answer does not count",
        metadata: ["delivery": "\(id)"])
    case .record(let change): record(change)
    case .settled(let id, let offset, let death):
      waiters.wake(offset)
      if let death { announce(id, offset, death) }
    }
  }

  private func append(_ request: RequestID, _ event: AcceptedEvent) {
    begin { plane in
      do throws(Problem) {
        let appended = try await plane.log.append(event)
        if appended.isDuplicate {
          plane.duplicates.increment()
          plane.logger.debug(
            "a publish was repeated",
            metadata: ["offset": "\(appended.offset)", "id": "\(event.event.id)"])
        } else if !event.targets.isEmpty {
          plane.recentEvents.keep(event.event, at: appended.offset)
        }
        plane.tails.sign()
        plane.feed(.events(.eventAppended(request, appended)))
      } catch {
        plane.logger.error("an event could not be made durable", metadata: ["problem": "\(error)"])
        plane.feed(.events(.appendFailed(request, error)))
      }
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
    // Nothing happens between the last look at what the router needs and what it is told.
    if case .finished(let event, .success(let output), _) = end,
      logic.router.needsData(ofResultsOf: route.placement.name)
    {
      end = .finished(event, .success(output), data: await EventData.json(output))
    }
    feed(.activationEnded(id, route, end))
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
    let result = await agent.run(
      route.placement, under: route.fence, on: event, attempt: attempt
    ).result
    // It was ended from here; what it did before that is not known.
    if Task.isCancelled, case .failure = result { return .interrupted }
    return .finished(event, result, data: nil)
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
        if case .succeeded(_, let published?) = change.outcome, let appended,
          !published.targets.isEmpty
        {
          plane.recentEvents.keep(published.event, at: appended.offset)
        }
        if appended != nil { plane.tails.sign() }
        plane.feed(.events(.changeRecorded(change.delivery, published: appended)))
      } catch {
        plane.logger.error(
          "what became of a delivery could not be made durable; trying again",
          metadata: ["delivery": "\(change.delivery)", "problem": "\(error)"])
        plane.feed(.events(.recordFailed(change.delivery, error)))
      }
    }
  }
}
