import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeTracking

// The control plane's process.
extension World {
  func startPlane() {
    planeProcess += 1
    planeClock = randomClock()
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = self.configuration.heartbeatInterval
    note("control plane starts as process \(planeProcess) after term \(store.term)")
    plane = ControlPlaneLogic(store.snapshot, configuration: configuration)
    planeWakesAt = nil
    tellPlane(planeProcess, .started)
    tellPlane(planeProcess, .events(.recovered(log.owed)))
  }

  func crashPlane() {
    note("control plane process \(planeProcess) crashes")
    plane = nil
    planeProcess += 1
    planeWakesAt = nil
    operators.planeCrashed()
    // Whoever had a link to it hears that it is closed, unless nothing gets through.
    for index in agents.indices where agents[index].isConnected && !isCut(index, .toAgent) {
      timeline.plan(
        .linkFails(index, process: agents[index].process, connection: agents[index].connection),
        after: network.duration(upTo: configuration.delay))
    }
  }

  func wakePlane(_ process: Int) {
    guard process == planeProcess, let plane else { return }
    if planeWakesAt == timeline.now { planeWakesAt = nil }
    guard let deadline = plane.nextDeadline,
      deadline <= planeClock.instants(at: timeline.now).monotonic
    else {
      setPlaneAlarm()
      return
    }
    tellPlane(process, .deadlineReached)
  }

  func tellPlane(_ process: Int, _ input: ControlPlaneLogic.Input) {
    guard process == planeProcess, plane != nil else { return }
    coverage.count(input)
    note("plane <- \(describe(input))")
    let now = planeClock.instants(at: timeline.now)
    let directives = plane?.handle(input, at: now, using: &decisions) ?? []
    for directive in directives {
      coverage.count(directive)
      note("plane -> \(describe(directive))")
      carryOut(directive)
    }
    setPlaneAlarm()
  }

  private func setPlaneAlarm() {
    guard let deadline = plane?.nextDeadline else { return }
    let at = max(planeClock.time(of: deadline), timeline.now)
    if let set = planeWakesAt, set <= at { return }
    planeWakesAt = at
    timeline.plan(.planeWakes(process: planeProcess), at: at)
  }

  private func carryOut(_ directive: ControlPlaneLogic.Directive) {
    switch directive {
    case .persist(let id, let changes):
      timeline.plan(.changeWritten(process: planeProcess, id, changes), after: diskWait())
    case .reply(let request, let reply): operators.answered(request, reply, self)
    case .progress: break
    case .send(let node, let message):
      checker.planSent(message, self)
      send(message, to: node)
    case .events(let directive): carryOut(directive)
    case .activate(let id, let offset, let route, _):
      order(ActivationOrder(purpose: .delivery(id, offset), route: route))
    case .invoke(let request, let route):
      order(ActivationOrder(purpose: .invocation(request), route: route))
    case .refuseInvocation(let request, _): operators.invocationAnswered(request, self)
    case .announce(let event):
      countTransition(event)
      checker.announced(event, self)
    }
  }

  private func carryOut(_ directive: EventRouter.Directive) {
    switch directive {
    case .append(let request, let event):
      timeline.plan(.eventWritten(process: planeProcess, request, event), after: diskWait())
    case .accept: operators.eventsAccepted += 1
    case .refuse: break
    case .record(let change):
      timeline.plan(
        .changeOfDeliveryWritten(process: planeProcess, change), after: diskWait())
    case .settled: break
    case .activate: checker.fail("an activation left the control plane without a route", self)
    }
  }

  // The disk.

  private func diskWait() -> Duration {
    let wait = disk.duration(upTo: configuration.diskDelay)
    return troubles.contains(.diskIsSlow) ? wait + .milliseconds(700) : wait
  }

  private static let diskProblem = Problem(
    .unavailable, code: "disk_full", "the disk is full", next: "Make room.")

  /// A write that was begun may reach the disk although its process is gone; never after the next one
  /// has read what is there.
  private func reachesDisk(_ process: Int) -> Bool {
    if process == planeProcess { return true }
    return plane == nil && process == planeProcess - 1 && disk.happens(0.5)
  }

  func write(_ process: Int, _ id: PersistID, _ changes: [CatalogChange]) {
    guard reachesDisk(process) else { return }
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(process, .persistFailed(id, Self.diskProblem))
      return
    }
    store.apply(changes)
    timeline.plan(
      .planeIsTold(process: process, .persisted(id)), after: disk.duration(upTo: .microseconds(50)))
  }

  func write(_ process: Int, _ request: RequestID, _ event: AcceptedEvent) {
    guard reachesDisk(process) else { return }
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(process, .events(.appendFailed(request, Self.diskProblem)))
      return
    }
    let appended = log.append(event)
    tellPlane(process, .events(.eventAppended(request, appended)))
  }

  func write(_ process: Int, _ change: DeliveryChange) {
    guard reachesDisk(process) else { return }
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(process, .events(.recordFailed(change.delivery, Self.diskProblem)))
      return
    }
    let appended = log.record(change)
    tellPlane(process, .events(.changeRecorded(change.delivery, published: appended)))
  }
}
