public import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking
import Scheduling

// What agents say, and what becomes of nodes.
extension ControlPlaneLogic {
  mutating func hear(
    _ message: AgentMessage, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    // Before the term is durable nothing is answered; agents say it again.
    guard hasBegun else { return }
    switch message {
    case .attached(let registration, let report):
      attach(registration, report, now, &random, &directives)
    case .heartbeat(let heartbeat):
      take(heartbeat, now.monotonic, now, &random, &directives)
    case .reported(let report): take(report, now, &random, &directives)
    case .left(let node, let incarnation):
      track(.deathWitnessed(node, incarnation, .leftOrderly), now, &random, &directives)
    }
  }

  private mutating func attach(
    _ registration: NodeRegistration, _ report: NodeReport, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let node = registration.node
    guard track(.registered(registration), now, &random, &directives) else { return }
    if known[node]?.registration != registration {
      if let known = known[node], known.registration.location != registration.location {
        // What was measured was measured from somewhere else.
        take(roundTrips.forget(node, at: now.monotonic, zone: zones))
      }
      let scheduling = known[node]?.scheduling ?? .open
      known[node] = KnownNode(registration: registration, scheduling: scheduling)
      save(node, &directives)
    }
    welcome(node, registration.incarnation, &directives)
    // One whose workers are stuck is let in, and gets nothing before they get on.
    guard tracker.nodes[node]?.state != .unavailable else { return }
    var steps: [PlacementPlanner.Step] = []
    // One that says again what it holds, as it does after it was silent, goes on with what runs there: when its
    // connection is replaced, whoever waits for what ran over the former one is told so.
    let isKnown = planner?.books[node].map {
      $0.isAttached && $0.incarnation == registration.incarnation
    }
    if isKnown != true { loseRuns(on: node, now, &random, &directives) }
    planner?.attach(
      registration, report, isDraining: known[node]?.scheduling == .draining, now, &steps)
    take(steps, now, &random, &directives)
    track(.adopted(node), now, &random, &directives)
    updateAvailability(of: node)
  }

  mutating func take(
    _ heartbeat: Heartbeat, _ arrival: MonotonicInstant, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let node = heartbeat.node
    track(.heartbeatReceived(heartbeat, at: arrival), now, &random, &directives)
    if tracker.hearsLittle(heartbeat) {
      // Acknowledgements of heartbeats are datagrams. This one is of no report, and goes over the connection.
      directives.append(
        .send(node, .reportAcknowledged(heartbeat.incarnation, sequence: 0, term: term)))
    }
    guard tracker.nodes[node]?.state != .unavailable else {
      // That it is heard is all that it is told: no plan has this number, so that no lease runs on.
      if term > 0 { acknowledge(heartbeat, PlanVersion(term: term, counter: 0), &directives) }
      return
    }
    guard planner?.books[node]?.incarnation == heartbeat.incarnation,
      let plan = planner?.acknowledgeHeartbeat(of: node, now)
    else {
      // It is not known what it holds: it says so when it attaches. Its connection may take longer to come back than
      // its datagrams do, and meanwhile it is to know that it is heard.
      directives.append(.send(node, .unknown(heartbeat.incarnation, term: term)))
      if term > 0 { acknowledge(heartbeat, PlanVersion(term: term, counter: 0), &directives) }
      return
    }
    planner?.scheduler.setLoad(heartbeat.load, of: node)
    acknowledge(heartbeat, plan, &directives)
  }

  private func acknowledge(
    _ heartbeat: Heartbeat, _ plan: PlanVersion, _ directives: inout [Directive]
  ) {
    directives.append(
      .send(
        heartbeat.node,
        .heartbeatAcknowledged(
          heartbeat.incarnation, sequence: heartbeat.sequence, plan: plan, term: term)))
  }

  private mutating func take(
    _ report: NodeReport, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    let node = report.node
    guard let book = planner?.books[node], book.isAttached,
      book.incarnation == report.incarnation
    else {
      directives.append(.send(node, .unknown(report.incarnation, term: term)))
      return
    }
    directives.append(
      .send(
        node,
        .reportAcknowledged(report.incarnation, sequence: report.sequence, term: term)))
    var steps: [PlacementPlanner.Step] = []
    planner?.take(report, &steps)
    take(steps, now, &random, &directives)
  }

  /// Tells the tracker what has happened, and carries on with what it decides.
  ///
  /// - Returns: whether it took it in; `false` when it refused.
  @discardableResult
  mutating func track(
    _ input: NodeTracker.Input, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) -> Bool {
    var isTaken = true
    for directive in tracker.handle(input, at: now, using: &random) {
      switch directive {
      case .stateChanged(let node, let from, let to, let reason):
        updateAvailability(of: node)
        mayServe = true
        announce(to == .unavailable ? .nodeFailure : .nodeState, "node/\(node)", now, &directives) {
          [
            "from": from.map { .string($0.rawValue) } ?? .null, "to": .string(to.rawValue),
            "reason": .string("\(reason)"),
          ]
        }
      case .moveWork(let node, let evidence):
        loseRuns(on: node, now, &random, &directives)
        directives.append(.abandonRuns(on: node))
        var steps: [PlacementPlanner.Step] = []
        planner?.lose(node, isCertain: evidence.isCertain, now, &steps)
        take(steps, now, &random, &directives)
      case .adopt(let node):
        // It is compared with what it should hold when it attaches; one that only beats is asked to.
        updateAvailability(of: node)
      case .scheduleChanged(let node): updateAvailability(of: node)
      case .drain(let node): planner?.setDraining(true, node)
      case .refuse(let node, let incarnation, let problem):
        isTaken = false
        directives.append(.send(node, .refused(incarnation, problem.problem, term: term)))
      case .raiseAlarm(let alarm):
        announce(.alarm, "cluster", now, &directives) {
          ["alarm": .string("\(alarm)"), "raised": .bool(true)]
        }
      case .intervalChanged:
        let books = planner?.books ?? [:]
        for node in books.keys.sorted() {
          guard let book = books[node], book.isAttached else { continue }
          welcome(node, book.incarnation, &directives)
        }
      case .clearAlarm(let alarm):
        announce(.alarm, "cluster", now, &directives) {
          ["alarm": .string("\(alarm)"), "raised": .bool(false)]
        }
      }
    }
    return isTaken
  }

  private func welcome(
    _ node: NodeID, _ incarnation: Incarnation, _ directives: inout [Directive]
  ) {
    let interval = tracker.ownInterval(of: node)
    directives.append(
      .send(node, .welcome(incarnation, heartbeatInterval: interval, term: term)))
  }

  /// Tells the scheduler whether a node is given work.
  func availability(of node: NodeID) -> NodeAvailability {
    guard let tracked = tracker.nodes[node], planner?.books[node]?.isAttached == true else {
      return .unavailable
    }
    switch tracked.state {
    case .unavailable: return .unavailable
    case .suspect, .recovered: return .suspect
    case .healthy, .degraded:
      switch known[node]?.scheduling ?? .open {
      case .open: return .available
      case .cordoned: return .cordoned
      case .draining: return .draining
      }
    }
  }

  mutating func updateAvailability(of node: NodeID) {
    let availability = availability(of: node)
    planner?.setAvailability(availability, of: node)
  }

  // How far away nodes are.

  /// Where a node is, as it said last.
  var zones: (NodeID) -> Zone? {
    let known = known
    return { known[$0]?.registration.location.zone }
  }

  mutating func measured(_ samples: [RoundTripSample], from node: NodeID, _ now: Instants) {
    guard hasBegun else { return }
    take(roundTrips.measured(from: node, samples, at: now.monotonic, zone: zones))
  }

  mutating func take(_ changes: [RoundTripTable.Change]) {
    for change in changes {
      planner?.scheduler.setLatency(change.roundTrip, from: change.zone, to: change.node)
    }
  }

  // What operators want.

  /// Whether a node is given work, as its operators want it; `nil` when it is not known.
  public func scheduling(of node: NodeID) -> NodeScheduling? { known[node]?.scheduling }

  /// Whether a node is given work after what became of what it was given lately.
  public func breaker(of node: NodeID) -> BreakerStanding {
    switch breakers.state(of: node) {
    case .closed: .closed
    case .open: .open
    case .halfOpen: .halfOpen
    }
  }

  /// Whether a node is being drained and no plan wants anything of it any more. One that comes back
  /// may bring something that nobody else can run.
  public func isDrained(_ node: NodeID) -> Bool {
    tracker.nodes[node]?.isDrained == true && planner?.books[node]?.seats.isEmpty ?? true
  }

  mutating func command(
    _ request: RequestID, _ node: NodeID, _ command: NodeCommand, _ requester: Requester,
    _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let known = known[node] else {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .notFound, code: "node_unknown", "there is no node \(node)",
              next: "See which there are with `wasmatrix nodes`."))))
      return
    }
    if command == .forget, planner?.books[node]?.isAttached == true {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .conflict, code: "node_alive", "node \(node) is alive",
              next: "Stop its agent first, or evict it if you cannot: "
                + "`wasmatrix forget \(node) --force`."))))
      return
    }
    guard saving.insert(node).inserted else {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .conflict, code: "node_changing", "node \(node) is just being changed",
              next: "Try again in a moment."))))
      return
    }
    let event = SecurityEvent(
      kind: .nodeChanged, at: now.wall, principal: requester.principal,
      namespace: requester.namespace, subject: node.text, reason: "ok", detail: command.rawValue)
    var changed = known
    changed.scheduling = Self.scheduling(after: command)
    persist(
      [command.isFinal ? .removeNode(node) : .putNode(changed), .appendSecurityEvent(event)],
      then: .command(request, node, command), &directives)
  }

  private static func scheduling(after command: NodeCommand) -> NodeScheduling {
    switch command {
    case .cordon: .cordoned
    case .drain: .draining
    case .uncordon, .forget, .evict: .open
    }
  }

  /// What an operator wanted is durable.
  mutating func obey(
    _ request: RequestID, _ node: NodeID, _ command: NodeCommand, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let scheduling = Self.scheduling(after: command)
    known[node]?.scheduling = scheduling
    switch command {
    case .cordon:
      planner?.setDraining(false, node)
      track(.cordonRequested(node), now, &random, &directives)
    case .drain: track(.drainRequested(node), now, &random, &directives)
    case .uncordon:
      planner?.setDraining(false, node)
      track(.uncordonRequested(node), now, &random, &directives)
    case .forget, .evict:
      take(roundTrips.forget(node, at: now.monotonic, zone: zones))
      known[node] = nil
      unsaved.remove(node)
      var steps: [PlacementPlanner.Step] = []
      planner?.forget(node, now, &steps)
      breakers.forget(node)
      tellBreaker(of: node, now, &directives)
      track(.forgetRequested(node), now, &random, &directives)
      take(steps, now, &random, &directives)
      // It may be alive, or come to life again, and say over the way that is open that it is there.
      directives.append(.hangUp(on: node))
      directives.append(.reply(request, .node(node, nil)))
      return
    }
    updateAvailability(of: node)
    directives.append(.reply(request, .node(node, scheduling)))
  }
}
