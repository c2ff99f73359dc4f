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
    var changes = Changes(new, before: held)
    discardOthers(than: new, &changes.others)
    // What reserves nothing any more makes room; then what serves comes first, if there is not room
    // for all.
    for order in new.orders where order.role == .retained { keep(order, &changes) }
    var room = Room(of: held.values)
    for role in [PlacementRole.active, .fallback] {
      for order in new.orders where order.role == role { hold(order, in: &room, &changes) }
    }
    directives += changes.renewals + changes.others
    adjustServing(now, &directives)
    giveWay(to: new, &directives)
    hasNews = true
  }

  /// What comes of a plan.
  private struct Changes {
    /// By name, what was ready before it of the modules of which it wants something new.
    var ready: [QualifiedName: [PlacementOrder]] = [:]
    /// What nothing was known of before it.
    var new: Set<PlacementID> = []
    /// These come first: what they need is discarded by others, maybe.
    var renewals: [Directive] = []
    var others: [Directive] = []

    init(_ plan: NodePlan, before held: [PlacementID: Held]) {
      for order in plan.orders where held[order.placement] == nil { new.insert(order.placement) }
      guard !new.isEmpty else { return }
      let names = Set(new.map(\.name))
      for there in held.values
      where there.condition == .ready && names.contains(there.order.placement.name) {
        ready[there.order.placement.name, default: []].append(there.order)
      }
    }

    /// The first placement that is ready with the code that a new one needs.
    func source(of order: PlacementOrder) -> PlacementID? {
      guard new.contains(order.placement), let there = ready[order.placement.name] else {
        return nil
      }
      let code = order.code
      return there.lazy.filter { $0.code == code }.map(\.placement).min()
    }
  }

  /// Makes room before anything new is begun.
  private mutating func discardOthers(than new: NodePlan, _ directives: inout [Directive]) {
    var wanted: [PlacementID: PlacementSubject] = [:]
    for order in new.orders { wanted[order.placement] = order.subject }
    let others = held.filter { placement, there in
      wanted[placement]?.isOfSameDeployment(as: there.order.subject) != true
    }
    for (placement, there) in others.sorted(by: { $0.key < $1.key }) {
      if there.serving != nil { directives.append(.pause(placement)) }
      held[placement] = nil
      discard(placement, &directives)
    }
  }

  /// Unless something else holds it.
  mutating func discard(_ placement: PlacementID, _ directives: inout [Directive]) {
    guard byHand[placement.name]?.order.placement != placement else { return }
    directives.append(.discard(placement))
  }

  /// The control plane plans within what a node has; a node does not rely on that.
  private mutating func hold(
    _ order: PlacementOrder, in room: inout Room, _ changes: inout Changes
  ) {
    let placement = order.placement
    guard room.take(order, atMost: registration.capabilities.memory) else {
      if held[placement]?.serving != nil { changes.others.append(.pause(placement)) }
      if held[placement] != nil { discard(placement, &changes.others) }
      held[placement] = Held(
        order: order, condition: .failed(Self.full(registration.node)), attempt: 0)
      // What it reserved before is there for others.
      room = Room(of: held.values)
      return
    }
    keep(order, &changes)
  }

  private mutating func keep(_ order: PlacementOrder, _ changes: inout Changes) {
    let placement = order.placement
    if var there = held[placement] {
      let isNewer = there.order.fence < order.fence
      there.order = order
      held[placement] = there
      // A failure stands until the control plane wants it tried again.
      guard case .failed = there.condition, isNewer else { return }
    }
    // Somebody may hold the same by hand: it is made ready once.
    if let hand = byHand[placement.name],
      hand.order.subject.isOfSameDeployment(as: order.subject)
    {
      held[placement] = Held(
        order: order, condition: hand.isReady ? .ready : .preparing, attempt: hand.attempt)
      return
    }
    lastAttempt += 1
    // As it is after a rollback, or with another number of replicas: there is nothing to make ready.
    if let source = changes.source(of: order) {
      held[placement] = Held(order: order, condition: .ready, attempt: lastAttempt)
      changes.renewals.append(.renew(order, from: source))
      return
    }
    held[placement] = Held(order: order, condition: .preparing, attempt: lastAttempt)
    changes.others.append(
      .prepare(PreparationID(placement: placement, attempt: lastAttempt), order))
  }

  /// What placements reserve together, in bytes. Generations of one module share what they reserve.
  static func reservation(of orders: [PlacementOrder]) -> Int {
    var room = Room()
    for order in orders { room.add(order) }
    return room.sum
  }

  /// What the placements of a node reserve. Generations of one module share what they reserve, and what is
  /// retained reserves nothing.
  private struct Room {
    private var reserved: [QualifiedName: Int] = [:]
    private(set) var sum = 0

    init() {}

    init(of held: some Collection<Held>) {
      for there in held where there.reserves { add(there.order) }
    }

    mutating func add(_ order: PlacementOrder) {
      let more = more(for: order)
      guard more > 0 else { return }
      reserved[order.placement.name, default: 0] += more
      sum += more
    }

    /// What it reserves beyond what is reserved under its name.
    private func more(for order: PlacementOrder) -> Int {
      let bytes = order.deployment.configuration.reservedMemory.bytes
      return max(0, bytes - (reserved[order.placement.name] ?? 0))
    }

    /// - Returns: whether there is room for it beside what is there; then it is there, too.
    mutating func take(_ order: PlacementOrder, atMost memory: ByteCount) -> Bool {
      guard sum + more(for: order) <= memory.bytes else { return false }
      add(order)
      return true
    }
  }

  static let fullCode = "node_full"

  static func full(_ node: NodeID) -> Problem {
    Problem(
      .overloaded, code: fullCode, "node \(node) has not the memory for one more placement",
      next: "See what it holds with `wasmatrix ps`.")
  }

  mutating func prepared(
    _ id: PreparationID, _ condition: PlacementCondition, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    preparedByHand(id, condition, now, &directives)
    // It was given up meanwhile, or begun anew.
    guard held[id.placement]?.attempt == id.attempt else { return }
    held[id.placement]?.condition = condition
    adjustServing(of: id.placement, now, &directives)
    hasNews = true
  }

  /// Lets serve what should, and nothing else.
  mutating func adjustServing(_ now: Instants, _ directives: inout [Directive]) {
    for placement in held.keys.sorted() { adjustServing(of: placement, now, &directives) }
  }

  private mutating func adjustServing(
    of placement: PlacementID, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let there = held[placement] else { return }
    let hasLease = leaseEnd.map { $0 > now.monotonic } ?? false
    let may =
      there.order.role == .active && there.condition == .ready
      && (hasLease || !there.mustStopAlone)
    let fence = may ? there.order.fence : nil
    guard there.serving != fence else { return }
    held[placement]?.serving = fence
    servicesMayDiffer = true
    directives.append(fence.map { .serve(placement, $0) } ?? .pause(placement))
  }
}

extension NodeAgentLogic.Held {
  /// Whether memory of the node is set aside for it.
  var reserves: Bool { order.role != .retained && !isFull }

  var isFull: Bool {
    if case .failed(let problem) = condition { return problem.code == NodeAgentLogic.fullCode }
    return false
  }
}
