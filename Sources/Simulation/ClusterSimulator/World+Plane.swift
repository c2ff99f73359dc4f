import ClusterModel
import ControlPlaneLogic
import EventRouting
import ModuleCatalog
import NodeTracking

// The control plane's process.
extension World {
  /// The process begins; when its scheduler serves, there is a logic.
  func startPlane() {
    planeClock = randomClock()
    launch(planeTree)
  }

  /// The process is gone, with everything in it.
  func crashPlane() {
    note("control plane process \(planeTree.process) is gone")
    planeTree.endProcess()
    planeServices.forgetEverything()
    endLogic()
    closeLinks()
  }

  /// A new logic is made of what the stores hold.
  func startLogic() {
    logicLife += 1
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = self.configuration.heartbeatInterval
    configuration.tracking.heartbeatsPerSecond = self.configuration.heartbeatsPerSecond
    // Twice as much of everything: with the bounds of the product nobody would be lost while things go wrong.
    configuration.tracking.ordinary = NodeTracker.Pace(
      heartbeatInterval: self.configuration.heartbeatInterval * 2,
      silence: NodeTracker.SilenceRules())
    configuration.routing.pendingDeliveries = self.configuration.pendingDeliveries
    configuration.routing.running = self.configuration.runningActivations
    configuration.routing.appending = self.configuration.appendingEvents
    configuration.invocations.waiting = self.configuration.waitingInvocations
    configuration.standingPlanLife = self.configuration.standingPlanLife
    note("the control plane's logic begins its life \(logicLife) after term \(store.term)")
    plane = ControlPlaneLogic(store.snapshot, configuration: configuration)
    planeWakesAt = nil
    vitalSigns = UnreadVitalSigns()
    readsVitalSignsAt = nil
    hasRecovered = false
    tellPlane(logicLife, .started)
  }

  /// The logic is gone, and with it all that it had decided and that is not durable.
  func endLogic() {
    guard plane != nil else { return }
    note("the control plane's logic ends its life \(logicLife)")
    plane = nil
    logicLife += 1
    planeWakesAt = nil
    planeServices.forgetLogic()
    operators.logicEnded()
    callers.logicEnded(&coverage)
    commits.logicEnded()
    deliveries.logicEnded()
    publishersHearNothing()
  }

  func wakePlane(_ life: Int) {
    guard life == logicLife, plane != nil else { return }
    if planeWakesAt == timeline.now { planeWakesAt = nil }
    readVitalSigns()
    guard let deadline = plane?.nextDeadline,
      deadline <= planeClock.instants(at: timeline.now).monotonic
    else {
      setPlaneAlarm()
      return
    }
    tellPlane(logicLife, .deadlineReached)
  }

  func tellPlane(_ life: Int, _ input: ControlPlaneLogic.Input) {
    guard life == logicLife, plane != nil else { return }
    coverage.count(input)
    note("plane <- \(describe(input))")
    let now = planeClock.instants(at: timeline.now)
    deliveries.hears(input, self)
    let directives = plane?.handle(input, at: now, using: &decisions) ?? []
    deliveries.decided(directives, on: input, self)
    noteArrival(input)
    for directive in directives {
      coverage.count(directive)
      note("plane -> \(describe(directive))")
      carryOut(directive)
    }
    checkGone()
    // As soon as it has begun, and before anything else, it hears what is owed.
    if !hasRecovered, plane?.hasBegun == true {
      hasRecovered = true
      tellPlane(logicLife, .events(.recovered(log.owed)))
    }
    setPlaneAlarm()
  }

  func setPlaneAlarm() {
    guard let plane,
      let deadline = [plane.nextDeadline, readsVitalSignsAt].compactMap({ $0 }).min()
    else { return }
    let at = max(planeClock.time(of: deadline), timeline.now)
    if let set = planeWakesAt, set <= at { return }
    planeWakesAt = at
    timeline.plan(.planeWakes(life: logicLife), at: at)
  }

  private func carryOut(_ directive: ControlPlaneLogic.Directive) {
    switch directive {
    case .persist(let id, let changes): use(.persist(id, changes))
    case .reply(let request, let reply): operators.answered(request, reply, self)
    case .progress: break
    case .send(let node, let message):
      checker.planSent(message, self)
      checkSent(message, to: node)
      send(message, to: node)
    case .events(let directive): carryOut(directive)
    case .activate(let id, let offset, let route, let attempt):
      check(evictions.isSent("an event", to: route.node))
      let order = newOrder(.delivery(id, offset), route)
      deliveries.begins(id, order.run, attempt: attempt, self)
      use(.deliver(order))
    case .invoke(let request, let route, let attempt):
      if attempt > 1 { coverage.count(.planeDirectiveInvokeAgain) }
      check(evictions.isSent("an invocation", to: route.node))
      callers.isSent(request, route)
      use(.invoke(newOrder(.invocation(request), route)))
    case .answerInvocation(let request, let route):
      if let answer = callers.isAnswered(request, route, self) { offer(answer) }
    case .endInvocation(let request, let route):
      callers.isGivenUp(request, route)
      planeServices.endInvocation(request, route)
    case .refuseInvocation(let request, let problem):
      callers.isRefused(request, problem, self)
    case .abandonRuns(let node): abandonRuns(on: node)
    case .hangUp(let node): hangUp(on: node)
    case .noteLateAnswer: break
    case .seal(let plan, let life): seal(plan, life)
    case .failedOver(let failover, let id):
      let now = planeClock.instants(at: timeline.now)
      checker.announced(
        failover.message(id, took: now.monotonic - failover.began, at: now.wall), self)
    case .announce(let event):
      countTransition(event)
      checker.announced(event, self)
    case .announceChanges(let changes):
      for event in changes.flatMap(\.messages) {
        countTransition(event)
        checker.announced(event, self)
      }
    }
  }

  /// A seal is something that this world believes; what matters is when it comes.
  private func seal(_ plan: NodePlan, _ life: Duration) {
    let standing = StandingPlan(
      plan, trustedKeys: [], issuedAt: planeClock.instants(at: timeline.now).wall, life: life)
    let seal = PlanSeal(
      statement: [], authority: AuthorityFingerprint(sha256: [UInt8](repeating: 0, count: 32)),
      signature: [])
    let message = ControlMessage.standing(
      plan.incarnation, SealedPlan(standing, seal), term: plan.version.term)
    coverage.count(.controlMessageStanding)
    checker.planSent(message, self)
    checkSent(message, to: plan.node)
    send(message, to: plan.node)
  }

  private func newOrder(_ purpose: ActivationOrder.Purpose, _ route: Route) -> ActivationOrder {
    ActivationOrder(purpose: purpose, route: route, run: planeServices.nextRun())
  }

  private func carryOut(_ directive: EventRouter.Directive) {
    switch directive {
    case .append(let request, let event): use(.append(request, event))
    case .accept(let request, let appended): publishAccepted(request, appended)
    case .refuse(let request, let problem):
      if commits.isNotDone(request) {
        coverage.count(.commitRefused)
      } else if !callers.isNotDone(request) {
        publishRefused(request, problem)
      }
    case .commit(let request, let effects): use(.commit(request, effects))
    case .confirm(let request): confirm(request)
    case .record(let change): use(.record(change))
    case .settled, .giveUp: break
    case .activate: checker.fail("an activation left the control plane without a route", self)
    }
  }

  private func confirm(_ request: RequestID) {
    if commits.isDone(request) {
      coverage.count(.commitDone)
    } else {
      callers.isDone(request, self)
    }
  }

  // The disk.

  func diskWait() -> Duration {
    let wait = disk.duration(upTo: configuration.diskDelay)
    return troubles.contains(.diskIsSlow) ? wait + .milliseconds(700) : wait
  }

  private static let diskProblem = Problem(
    .unavailable, code: "disk_full", "the disk is full", next: "Make room.")

  /// A write that was begun may reach the disk although its process is gone; never after the next one
  /// has read what is there.
  private func reachesDisk(_ process: Int, _ store: ControlPlaneTree.Service) -> Bool {
    if process == planeTree.process {
      planeServices.writeEnds(store)
      return true
    }
    return !planeTree.isUp && process == planeTree.process - 1 && disk.happens(0.5)
  }

  func write(_ process: Int, _ life: Int, _ id: PersistID, _ changes: [CatalogChange]) {
    guard reachesDisk(process, .registry) else { return }
    checker.storeIsWritten(by: life, self)
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(life, .persistFailed(id, Self.diskProblem))
      return
    }
    store.apply(changes)
    for case .removeNode(let node) in changes { isForgotten(node) }
    timeline.plan(
      .planeIsTold(life: life, .persisted(id)), after: disk.duration(upTo: .microseconds(50)))
  }

  func write(_ process: Int, _ life: Int, _ request: RequestID, _ event: AcceptedEvent) {
    guard reachesDisk(process, .bus) else { return }
    checker.storeIsWritten(by: life, self)
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(life, .events(.appendFailed(request, Self.diskProblem)))
      return
    }
    let appended = log.append(event)
    deliveries.isDurable(event, appended, self)
    tellPlane(life, .events(.eventAppended(request, appended)))
  }

  private static let stateProblem = Problem(
    .conflict, code: "bucket_full", "the bucket is full", next: "Make room.")

  func write(_ process: Int, _ life: Int, _ request: RequestID, _ effects: CommittedEffects) {
    guard reachesDisk(process, .bus) else { return }
    checker.storeIsWritten(by: life, self)
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(life, .events(.commitFailed(request, Self.diskProblem)))
      return
    }
    if isTroubled, disk.happens(configuration.effectsRefusal) {
      tellPlane(life, .events(.commitFailed(request, Self.stateProblem)))
      return
    }
    callers.commits(request, effects, self)
    check(commits.commits(request, effects))
    let appended = log.commit(effects)
    for (accepted, appended) in zip(effects.events, appended) {
      deliveries.isDurable(accepted, appended, self)
    }
    tellPlane(life, .events(.effectsCommitted(request, appended)))
  }

  func write(_ process: Int, _ life: Int, _ change: DeliveryChange) {
    guard reachesDisk(process, .bus) else { return }
    checker.storeIsWritten(by: life, self)
    guard !troubles.contains(.diskIsFull) else {
      tellPlane(life, .events(.recordFailed(change.delivery, Self.diskProblem)))
      return
    }
    if case .succeeded = change.outcome, isTroubled, disk.happens(configuration.effectsRefusal) {
      tellPlane(life, .events(.effectsRefused(change.delivery, Self.stateProblem)))
      return
    }
    let isOwed = log.pending[change.delivery] != nil
    if isOwed { deliveries.commits(change, self) }
    let appended = log.record(change)
    if isOwed { deliveries.isDurable(change, appended, self) }
    tellPlane(life, .events(.changeRecorded(change.delivery, published: appended)))
  }
}
