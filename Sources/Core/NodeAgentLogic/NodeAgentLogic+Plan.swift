import ClusterModel

// Obeying plans.
extension NodeAgentLogic {
  mutating func obey(_ new: NodePlan, _ now: Instants, _ directives: inout [Directive]) {
    guard new.version >= plan else {
      directives.append(.report(.staleRefused(new.version, seen: plan)))
      return
    }
    guard new.version > plan else {
      // It came twice: the control plane does not know that it arrived.
      hasNews = true
      return
    }
    plan = new.version
    // What a standing plan says is remembered already.
    if aloneUntil == nil { directives.append(.remember(plan)) }
    servicesMayDiffer = true
    discardOthers(than: new, &directives)
    // What reserves nothing any more makes room; then what serves comes first, if there is not room
    // for all.
    for role in [PlacementRole.retained, .active, .fallback] {
      for order in new.orders where order.role == role { hold(order, &directives) }
    }
    adjustServing(now, &directives)
    hasNews = true
  }

  /// Makes room before anything new is begun.
  private mutating func discardOthers(than new: NodePlan, _ directives: inout [Directive]) {
    var wanted: [PlacementID: Deployment] = [:]
    for order in new.orders { wanted[order.placement] = order.deployment }
    for placement in held.keys.sorted() {
      guard let there = held[placement], wanted[placement] != there.order.deployment else {
        continue
      }
      if there.serving != nil { directives.append(.pause(placement)) }
      directives.append(.discard(placement))
      held[placement] = nil
    }
  }

  private mutating func hold(_ order: PlacementOrder, _ directives: inout [Directive]) {
    let placement = order.placement
    guard hasRoom(for: order) else {
      if held[placement]?.serving != nil { directives.append(.pause(placement)) }
      if held[placement] != nil { directives.append(.discard(placement)) }
      held[placement] = Held(
        order: order, condition: .failed(Self.full(registration.node)), attempt: 0)
      return
    }
    if var there = held[placement] {
      let isNewer = there.order.fence < order.fence
      there.order = order
      held[placement] = there
      // A failure stands until the control plane wants it tried again.
      guard case .failed = there.condition, isNewer else { return }
    }
    lastAttempt += 1
    held[placement] = Held(order: order, condition: .preparing, attempt: lastAttempt)
    directives.append(
      .prepare(PreparationID(placement: placement, attempt: lastAttempt), order))
  }

  /// The control plane plans within what a node has; a node does not rely on that. Generations of one
  /// module share what they reserve, and what is retained reserves nothing.
  private func hasRoom(for order: PlacementOrder) -> Bool {
    guard order.role != .retained else { return true }
    var reserved: [QualifiedName: Int] = [:]
    func add(_ order: PlacementOrder) {
      let name = order.placement.name
      reserved[name] = max(
        reserved[name] ?? 0, order.deployment.configuration.reservedMemory.bytes)
    }
    for there in held.values
    where there.order.role != .retained && there.order.placement != order.placement
      && !there.isFull
    {
      add(there.order)
    }
    add(order)
    let sum = reserved.values.reduce(0) { $0 + $1 }
    return sum <= registration.capabilities.memory.bytes
  }

  static let fullCode = "node_full"

  private static func full(_ node: NodeID) -> Problem {
    Problem(
      .overloaded, code: fullCode, "node \(node) has not the memory for one more placement",
      next: "See what it holds with `wasmatrix ps`.")
  }

  mutating func prepared(
    _ id: PreparationID, _ condition: PlacementCondition, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    // It was given up meanwhile, or begun anew.
    guard held[id.placement]?.attempt == id.attempt else { return }
    held[id.placement]?.condition = condition
    adjustServing(now, &directives)
    hasNews = true
  }

  /// Lets serve what should, and nothing else.
  mutating func adjustServing(_ now: Instants, _ directives: inout [Directive]) {
    let hasLease = leaseEnd.map { $0 > now.monotonic } ?? false
    for placement in held.keys.sorted() {
      guard let there = held[placement] else { continue }
      let may =
        there.order.role == .active && there.condition == .ready
        && (hasLease || !there.mustStopAlone)
      let fence = may ? there.order.fence : nil
      guard there.serving != fence else { continue }
      held[placement]?.serving = fence
      servicesMayDiffer = true
      directives.append(fence.map { .serve(placement, $0) } ?? .pause(placement))
    }
  }
}

extension NodeAgentLogic.Held {
  var isFull: Bool {
    if case .failed(let problem) = condition { return problem.code == NodeAgentLogic.fullCode }
    return false
  }
}
