public import ClusterModel

// What somebody holds on this node by hand, beside the plan.
//
//     asked ──the same is ready for the plan──────────────> ready ──released, gives way──> gone
//        │ prepare                                            ▲        (a service ends first)
//        ▼                                                    │
//     preparing ──prepared────────────────────────────────────┘
//        │ failed
//        ▼
//     answered with the problem, gone
//
// The plan comes first: what it has serve here is its own, and what it needs room for gets it. The two never
// run a service at the same time. It is in no report: whoever adopts what a node holds knows plans alone.
extension NodeAgentLogic {
  /// A module that is held by hand.
  struct HandHeld: Sendable {
    let order: PlacementOrder
    /// Larger for those that were asked for later.
    let number: UInt64
    let since: MonotonicInstant
    /// The preparation that is waited for, or was.
    var attempt: UInt64
    var isReady = false
    /// From the first request until it was ready.
    var took = Duration.zero
    var waiting: [RequestID] = []

    var answer: HeldByHand { HeldByHand(order.deployment, took: took) }
  }

  /// Modules held by hand at the most: hands are slow, and each may run a service.
  static let mostByHand = 64
  /// Requests that wait for one module at the most: whoever asks again and again is told to wait.
  static let mostWaiting = 64
  /// How often the keys of what is held by hand are looked at: the control plane stops what is signed with
  /// a revoked one by its plans, which say nothing of these.
  static let keysInterval = Duration.seconds(5)

  mutating func hold(
    _ order: PlacementOrder, for request: RequestID, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    let name = order.placement.name
    if let problem = obstacle(to: order) {
      directives.append(.answer(request, .failure(problem)))
      return
    }
    if let there = byHand[name] {
      if there.isReady {
        directives.append(.answer(request, .success(there.answer)))
      } else {
        byHand[name]?.waiting.append(request)
      }
      return
    }
    if let planned = held[order.placement], planned.serving != nil {
      directives.append(
        .answer(
          request, .success(HeldByHand(planned.order.deployment, took: .zero, isPlanned: true))))
      return
    }
    lastAttempt += 1
    var hand = HandHeld(
      order: order, number: lastAttempt, since: now.monotonic, attempt: lastAttempt,
      waiting: [request])
    keysAt = keysAt ?? now.monotonic + Self.keysInterval
    if let planned = held[order.placement], planned.order.deployment == order.deployment {
      switch planned.condition {
      case .ready:
        byHand[name] = hand
        becomeReady(name, now, &directives)
        return
      case .preparing:
        hand.attempt = planned.attempt
        byHand[name] = hand
        return
      case .failed: break
      }
    }
    byHand[name] = hand
    directives.append(
      .prepare(PreparationID(placement: order.placement, attempt: hand.attempt), order))
  }

  /// Why it cannot be held; `nil` when it can, or is.
  private func obstacle(to order: PlacementOrder) -> Problem? {
    let name = order.placement.name
    guard !isLeaving, link != .ended else { return Self.leavingProblem }
    if let there = byHand[name] {
      guard there.order.deployment == order.deployment else {
        return Problem(
          .conflict, code: "held_otherwise",
          "\(name)@\(there.order.deployment.version) is held by hand on this node",
          next: "Let it go with StopModule first.")
      }
      return there.waiting.count < Self.mostWaiting
        ? nil
        : Problem(
          .overloaded, code: "requests_too_many", "\(name) is being made ready for others already",
          next: "Wait for one answer.", retryAfter: .seconds(1))
    }
    let planned = held.values.first { $0.order.role == .active && $0.order.placement.name == name }
    if let planned {
      guard planned.order.deployment == order.deployment else {
        return Problem(
          .conflict, code: "planned_otherwise",
          "the plan has \(name)@\(planned.order.deployment.version) serve on this node",
          next: "Change what is deployed: `wasmatrix rollback \(name.name)`.")
      }
      guard planned.serving != nil else {
        return Problem(
          .unavailable, code: "planned_here", "the plan has \(name) serve here, as soon as it can",
          next: "See how far it is with `wasmatrix ps`.", retryAfter: .seconds(1))
      }
      return nil
    }
    // A generation number that was given out twice.
    if let other = held[order.placement], other.order.deployment != order.deployment {
      return Problem(
        .conflict, code: "planned_otherwise", "the plan has another \(name) on this node",
        next: "Deploy it anew, and start that.")
    }
    guard byHand.count < Self.mostByHand else {
      return Problem(
        .overloaded, code: "held_too_many", "\(Self.mostByHand) modules are held by hand here",
        next: "Let some go with StopModule.")
    }
    let all = held.values.filter(\.reserves).map(\.order) + byHand.values.map(\.order) + [order]
    guard Self.reservation(of: all) <= registration.capabilities.memory.bytes else {
      return Self.full(registration.node)
    }
    return nil
  }

  mutating func preparedByHand(
    _ id: PreparationID, _ condition: PlacementCondition, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    let name = id.placement.name
    guard let hand = byHand[name], hand.order.placement == id.placement,
      hand.attempt == id.attempt, !hand.isReady
    else { return }
    switch condition {
    case .preparing: break
    case .ready: becomeReady(name, now, &directives)
    case .failed(let problem):
      byHand[name] = nil
      for request in hand.waiting { directives.append(.answer(request, .failure(problem))) }
    }
  }

  private mutating func becomeReady(
    _ name: QualifiedName, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard var hand = byHand[name] else { return }
    hand.isReady = true
    hand.took = now.monotonic - hand.since
    for request in hand.waiting { directives.append(.answer(request, .success(hand.answer))) }
    hand.waiting = []
    byHand[name] = hand
    servicesMayDiffer = true
  }

  /// Services that are held by hand and ready.
  var servicesByHand: [ServiceOwner: [ModuleName: Deployment]] {
    var found: [ServiceOwner: [ModuleName: Deployment]] = [:]
    for hand in byHand.values where hand.isReady {
      let deployment = hand.order.deployment
      guard deployment.configuration.serviceTree != nil else { continue }
      found[owner(of: deployment)] = [deployment.name: deployment]
    }
    return found
  }

  private func owner(of deployment: Deployment) -> ServiceOwner {
    ServiceOwner(
      namespace: deployment.namespace, application: deployment.application,
      byHand: deployment.name)
  }

  mutating func release(
    _ name: QualifiedName, for request: RequestID, _ directives: inout [Directive]
  ) {
    guard let hand = byHand[name] else {
      directives.append(.answer(request, .failure(notHeld(name))))
      return
    }
    letGo(name, Self.releasedProblem, &directives)
    if services[owner(of: hand.order.deployment)] != nil {
      releasing[name, default: []].append((request, hand.answer))
    } else {
      directives.append(.answer(request, .success(hand.answer)))
    }
  }

  private func notHeld(_ name: QualifiedName) -> Problem {
    guard held.keys.contains(where: { $0.name == name }) else {
      return Problem(
        .notFound, code: "not_held", "\(name) is not held by hand on this node",
        next: "See what is with `wasmatrix ps`.")
    }
    return Problem(
      .conflict, code: "planned_here", "the plan wants \(name) on this node",
      next: "Change the plan: `wasmatrix drain NODE`, `wasmatrix scale \(name.name) --replicas N` "
        + "or `wasmatrix undeploy \(name.name)`.")
  }

  /// Holds it no more; its service is stopped when services are looked at next.
  private mutating func letGo(
    _ name: QualifiedName, _ problem: Problem, _ directives: inout [Directive]
  ) {
    guard let hand = byHand.removeValue(forKey: name) else { return }
    for request in hand.waiting { directives.append(.answer(request, .failure(problem))) }
    servicesMayDiffer = true
    if byHand.isEmpty { keysAt = nil }
    // What failed for the plan was made ready for the hand alone.
    switch held[hand.order.placement]?.condition {
    case nil, .failed?: directives.append(.discard(hand.order.placement))
    case .preparing?, .ready?: break
    }
  }

  /// A tree of one service is down.
  ///
  /// - Parameter problem: why it was given up; `nil` when it was stopped.
  mutating func servicesEndedByHand(
    _ name: QualifiedName, _ problem: Problem?, _ directives: inout [Directive]
  ) {
    if let problem { letGo(name, problem, &directives) }
    for (request, released) in releasing.removeValue(forKey: name) ?? [] {
      directives.append(.answer(request, .success(released)))
    }
  }

  /// What the plan has serve here is the plan's; and what it needs room for comes before what is held by
  /// hand, the newest of which goes first.
  mutating func giveWay(to plan: NodePlan, _ directives: inout [Directive]) {
    for order in plan.orders {
      let name = order.placement.name
      guard let hand = byHand[name] else { continue }
      let isOther =
        order.placement == hand.order.placement && order.deployment != hand.order.deployment
      if order.role == .active || isOther { giveUp(name, .planned, &directives) }
    }
    let planned = held.values.filter(\.reserves).map(\.order)
    while let newest = byHand.values.max(by: { $0.number < $1.number }),
      Self.reservation(of: planned + byHand.values.map(\.order))
        > registration.capabilities.memory.bytes
    {
      giveUp(newest.order.placement.name, .crowdedOut, &directives)
    }
  }

  mutating func releaseRevoked(_ keys: [TrustedKey], _ directives: inout [Directive]) {
    let revoked = Set(keys.filter { $0.revokedAt != nil }.map(\.id))
    for name in byHand.keys.sorted() {
      guard let hand = byHand[name], !revoked.isDisjoint(with: hand.order.record.signers) else {
        continue
      }
      giveUp(name, .keyRevoked, &directives)
    }
  }

  private mutating func giveUp(
    _ name: QualifiedName, _ reason: ReleaseReason, _ directives: inout [Directive]
  ) {
    letGo(
      name,
      Problem(
        reason == .keyRevoked ? .refused : .conflict, code: "given_way",
        "\(name) is held by hand no more: \(reason.rawValue)"), &directives)
    directives.append(.report(.releasedByHand(name, reason)))
  }

  /// The agent ends.
  mutating func releaseAll(_ directives: inout [Directive]) {
    for name in byHand.keys.sorted() { letGo(name, Self.leavingProblem, &directives) }
  }

  private static let leavingProblem = Problem(
    .unavailable, code: "agent_stopping", "the agent of this node is stopping",
    next: "Try again when it is there again.")
  private static let releasedProblem = Problem(
    .conflict, code: "released", "it was let go while it was being made ready",
    next: "Ask again if it is still wanted.")

  /// What is held by hand and ready, sorted.
  public var readyByHand: [PlacementID] {
    byHand.values.filter(\.isReady).map(\.order.placement).sorted()
  }

  /// A placement that the node should hold, and how that is.
  public struct Holding: Sendable {
    public let deployment: Deployment
    public let standing: PlacementStanding
    public let condition: PlacementCondition
  }

  /// All that the node should hold, for its plan or by hand, sorted by placement.
  public var holdings: [Holding] {
    let ready = Set(readyByHand)
    let planned = held.values.map {
      Holding(
        deployment: $0.order.deployment,
        standing: ready.contains($0.order.placement)
          ? .byHand : PlacementStanding($0.order.role),
        condition: $0.condition)
    }
    let hands = byHand.values.filter { held[$0.order.placement] == nil }.map {
      Holding(
        deployment: $0.order.deployment, standing: .byHand,
        condition: $0.isReady ? .ready : .preparing)
    }
    return (planned + hands).sorted { $0.deployment.placement < $1.deployment.placement }
  }

  /// Whether it is held by hand, ready or not.
  public func isHeldByHand(_ name: QualifiedName) -> Bool { byHand[name] != nil }

  /// What the plan has reserved of the node's memory, and what hands have beside it.
  public var reservations: (plan: ByteCount, byHand: ByteCount) {
    let planned = held.values.filter(\.reserves).map(\.order)
    let plan = Self.reservation(of: planned)
    let all = Self.reservation(of: planned + byHand.values.map(\.order))
    return (ByteCount(bytes: plan), ByteCount(bytes: all - plan))
  }
}
