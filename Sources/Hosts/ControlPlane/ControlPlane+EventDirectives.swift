import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import Logging
import NodeAgent

// Carrying out what the router decides.
extension ControlPlane {
  func carryOut(_ directive: EventRouter.Directive) {
    switch directive {
    case .append(let request, let event): append(request, event)
    case .accept(let request, let appended): reply(request, .success(appended))
    case .refuse(let request, let problem): reply(request, .failure(problem))
    case .activate(let id, let offset, let name, let generation, let attempt):
      activate(id, offset, PlacementID(name, generation: generation), attempt)
    case .record(let change): record(change)
    case .settled(_, let offset): waiters.wake(offset)
    }
  }

  private func append(_ request: RequestID, _ event: AcceptedEvent) {
    begin { plane in
      do throws(Problem) {
        let appended = try await plane.log.append(event)
        if !event.targets.isEmpty { plane.recentEvents.keep(event.event, at: appended.offset) }
        plane.feed(.events(.eventAppended(request, appended)))
      } catch {
        plane.logger.error("an event could not be made durable", metadata: ["problem": "\(error)"])
        plane.feed(.events(.appendFailed(request, error)))
      }
    }
  }

  private func activate(
    _ id: DeliveryID, _ offset: EventOffset, _ placement: PlacementID, _ attempt: Int
  ) {
    begin { plane in
      let event: Event
      do throws(Problem) {
        event = try await plane.event(at: offset)
      } catch {
        plane.feed(.events(.eventUnreadable(id, error)))
        return
      }
      let report = await plane.agent.run(placement, on: event, attempt: attempt)
      plane.feed(.events(.activationFinished(id, event: event, report.result)))
    }
  }

  private func event(at offset: EventOffset) async throws(Problem) -> Event {
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
