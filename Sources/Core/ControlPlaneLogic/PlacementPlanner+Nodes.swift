import ClusterModel
import Scheduling

// What nodes are and hold.
extension PlacementPlanner {
  /// A node says that it is there, and what it holds.
  mutating func attach(
    _ registration: NodeRegistration, _ report: NodeReport, isDraining: Bool, _ now: Instants,
    _ steps: inout [Step]
  ) {
    let node = registration.node
    scheduler.put(
      NodeProfile(
        id: node, location: registration.location, capabilities: registration.capabilities))
    let known = books[node]
    if let known, known.incarnation != registration.incarnation {
      // Its former process is gone, and with it all it held and every lease.
      lose(node, isCertain: true, now, &steps)
    }
    var book = books[node] ?? Book(incarnation: registration.incarnation)
    book.incarnation = registration.incarnation
    book.isAttached = true
    book.isDraining = isDraining
    book.lastReport = report.sequence
    // Whatever it obeys, it is told anew.
    book.plan = nil
    books[node] = book
    expected.remove(node)
    silent[node] = nil
    for held in report.placements { adopt(held, on: node, now, &steps) }
    take(report, &steps)
    dirtyNodes.insert(node)
    dirtyWorks.formUnion(unsatisfied)
  }

  /// What the node holds already is kept if it fits into what is wanted.
  private mutating func adopt(
    _ held: HeldPlacement, on node: NodeID, _ now: Instants, _ steps: inout [Step]
  ) {
    let id = held.placement
    guard let work = works[id], work.isCurrent, held.isOf(work.deployment), work.seats[node] == nil,
      held.role != .retained, fits(work, on: node)
    else { return }
    if case .failed = held.condition { return }
    let chosen = work.seats.values.count { $0.isChosen }
    // Another may hold a lease on it that an earlier control plane granted.
    let mayServe =
      !work.mustStopAlone || (foreignLeasesUntil == nil && work.endings.isEmpty)
    let isChosen = held.role == .active && chosen < work.rules.replicas && mayServe
    // What must stop when isolated may have served elsewhere meanwhile: fences never go back.
    let keepsFence = held.role != .active || isChosen && !work.mustStopAlone
    let fence = keepsFence ? held.fence : nextVersion()
    if work.mustStopAlone, held.role == .active, !isChosen {
      end(id, node)
    }
    seat(
      id, Seat(isChosen: isChosen, fence: fence, condition: held.condition, rank: nextRank()),
      on: node)
    if isChosen, held.condition == .ready { steps.append(.began(id, node)) }
    dirtyWorks.insert(id)
  }

  private func fits(_ work: Work, on node: NodeID) -> Bool {
    let name = work.deployment.qualifiedName
    let reserved = books[node]?.reserved[name]?.bytes ?? 0
    let free = scheduler.free(on: node)?.bytes ?? 0
    return work.deployment.configuration.reservedMemory.bytes <= free + reserved
  }

  /// A node says how what it holds has come on.
  mutating func take(_ report: NodeReport, _ steps: inout [Step]) {
    let node = report.node
    guard let book = books[node], book.isAttached, book.incarnation == report.incarnation,
      book.lastReport <= report.sequence
    else { return }
    books[node]?.lastReport = report.sequence
    if let plan = book.plan, plan.version <= report.plan {
      books[node]?.resendAt = nil
      resending.remove(node)
      endEndings(on: node)
    }
    var held: [PlacementID: HeldPlacement] = [:]
    for placement in report.placements { held[placement.placement] = placement }
    for id in book.seats.sorted() {
      guard let seat = works[id]?.seats[node], let deployment = works[id]?.deployment else {
        continue
      }
      let condition = Self.condition(of: seat, deployment, held[id], obeys: report.plan)
      guard condition != seat.condition else { continue }
      works[id]?.seats[node]?.condition = condition
      dirtyWorks.insert(id)
      if works[id]?.isCurrent == true, seat.isChosen, seat.isReady != (condition == .ready) {
        steps.append(condition == .ready ? .began(id, node) : .ended(id, node))
      }
    }
  }

  /// The node obeys the newest plan: what that does not let serve has stopped.
  private mutating func endEndings(on node: NodeID) {
    guard !dirtyNodes.contains(node) else { return }
    forgetLeaving(on: node)
    for name in departed.keys.sorted() { departed[name]?[node] = nil }
    for id in timed.sorted() where works[id]?.endings[node] != nil {
      works[id]?.endings[node] = nil
      dirtyWorks.insert(id)
    }
  }

  /// How a seat is, after the node has said what it holds.
  private static func condition(
    of seat: Seat, _ deployment: Deployment, _ held: HeldPlacement?, obeys plan: PlanVersion
  ) -> PlacementCondition? {
    guard let held, held.isOf(deployment) else {
      guard plan >= seat.fence else { return seat.condition }
      return .failed(
        Problem(
          .internalFault, code: "placement_missing", "the node does not hold it although it should",
          next: "See the log of the node."))
    }
    if case .failed = held.condition, held.fence < seat.fence {
      // It has not heard yet that it is to try again.
      return seat.condition
    }
    return held.condition
  }

  /// A node is gone. What it held is placed elsewhere.
  ///
  /// - Parameter isCertain: whether it is known to have stopped. One that is only silent may still
  ///   hold leases.
  mutating func lose(
    _ node: NodeID, isCertain: Bool, _ now: Instants, _ steps: inout [Step]
  ) {
    guard let book = books[node] else { return }
    letPlansPass()
    books[node]?.isAttached = false
    books[node]?.resendAt = nil
    let before = steps.count
    for id in book.seats.sorted() { unseat(id, node, &steps) }
    // Of each that served it is said that it has ended, and of others nothing.
    movedPlacements += steps.count - before
    beginFailovers(of: node, steps[before...], now)
    guard isCertain else {
      silent[node] = now.monotonic + configuration.returnGrace
      return
    }
    silent[node] = nil
    books[node]?.lastAcknowledged = nil
    forgottenLeases[node] = nil
    forgetLeaving(on: node)
    for name in departed.keys.sorted() { departed[name]?[node] = nil }
    for id in works.keys.sorted() where works[id]?.endings[node] != nil {
      works[id]?.endings[node] = nil
      dirtyWorks.insert(id)
    }
  }

  mutating func acknowledgeHeartbeat(of node: NodeID, _ now: Instants) -> PlanVersion? {
    guard let book = books[node], book.isAttached else { return nil }
    books[node]?.lastAcknowledged = now.monotonic
    return book.plan?.version ?? .zero
  }

  mutating func setDraining(_ isDraining: Bool, _ node: NodeID) {
    guard let book = books[node], book.isDraining != isDraining else { return }
    books[node]?.isDraining = isDraining
    dirtyWorks.formUnion(book.seats)
    dirtyNodes.insert(node)
  }

  mutating func setAvailability(_ availability: NodeAvailability, of node: NodeID) {
    let former = scheduler.availability(of: node)
    guard former != availability else { return }
    scheduler.setAvailability(availability, of: node)
    // What waits for one that was suspect waits no longer.
    if availability == .available || former == .suspect { dirtyWorks.formUnion(unsatisfied) }
  }

  mutating func forget(_ node: NodeID, _ now: Instants, _ steps: inout [Step]) {
    lose(node, isCertain: false, now, &steps)
    if let at = books[node]?.lastAcknowledged { forgottenLeases[node] = at }
    books[node] = nil
    silent[node] = nil
    expected.remove(node)
    scheduler.remove(node)
  }

  /// Makes a new plan for each node whose orders have changed.
  mutating func sendPlans(_ now: Instants, _ steps: inout [Step]) {
    for node in dirtyNodes.sorted() {
      guard let book = books[node], book.isAttached else { continue }
      if book.isDraining, book.seats.isEmpty { steps.append(.drained(node)) }
      let orders = book.seats.sorted().compactMap { order($0, node) }
      guard book.plan?.orders != orders else { continue }
      let plan = NodePlan(
        node: node, incarnation: book.incarnation, version: nextVersion(), orders: orders)
      books[node]?.plan = plan
      books[node]?.resendAt = now.monotonic + configuration.resendInterval
      resending.insert(node)
      steps.append(.send(node, .plan(plan)))
    }
    dirtyNodes = []
  }

  private func order(_ id: PlacementID, _ node: NodeID) -> PlacementOrder? {
    guard let work = works[id], let seat = work.seats[node] else { return nil }
    let role: PlacementRole =
      switch work.stage {
      case .candidate: .fallback
      case .current: seat.isChosen ? .active : .fallback
      case .retained: .retained
      }
    return PlacementOrder(work.subject, role: role, fence: seat.fence)
  }
}
