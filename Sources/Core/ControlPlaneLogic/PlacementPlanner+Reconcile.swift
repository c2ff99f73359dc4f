import ClusterModel
import Scheduling

// Desired against observed, one deployment at a time.
extension PlacementPlanner {
  /// Whether a node can keep a seat for longer.
  private func isLasting(_ node: NodeID) -> Bool {
    books[node].map { $0.isAttached && !$0.isDraining } ?? false
  }

  /// Nodes that can keep a seat for longer, best first among the seats of a work.
  private func lasting(_ work: Work, where isWanted: (Seat) -> Bool) -> [NodeID] {
    var found: [(node: NodeID, seat: Seat)] = []
    for (node, seat) in work.seats where isWanted(seat) && isLasting(node) {
      found.append((node, seat))
    }
    found.sort { left, right in
      if left.seat.isReady != right.seat.isReady { return left.seat.isReady }
      return (left.seat.rank, left.node) < (right.seat.rank, right.node)
    }
    return found.map(\.node)
  }

  private func countLasting(_ work: Work, where isWanted: (Seat) -> Bool) -> Int {
    work.seats.count { isWanted($0.value) && isLasting($0.key) }
  }

  /// How many more seats of a work may be chosen now. What must stop when isolated waits for leases;
  /// the other may have one too many while a node is drained.
  func vacancies(_ work: Work) -> Int {
    guard work.mustStopAlone, work.isCurrent else {
      return work.rules.replicas - countLasting(work) { $0.isChosen }
    }
    guard foreignLeasesUntil == nil else { return 0 }
    return work.rules.replicas - work.seats.values.count { $0.isChosen } - work.endings.count
  }

  /// Chooses ready fallbacks in the place of what was lost: nothing has to be decided or prepared.
  mutating func promoteFallbacks(of id: PlacementID, _ now: Instants, _ steps: inout [Step]) {
    removeUnfit(id, now, &steps)
    guard let work = works[id], work.isCurrent, adoptingUntil == nil, !isFollower(id) else {
      return
    }
    if work.mustStopAlone { endDraining(of: id, &steps) }
    guard let work = works[id] else { return }
    let vacant = vacancies(work)
    guard vacant > 0 else { return }
    let fallbacks = lasting(work) { !$0.isChosen && $0.isReady }
    for node in fallbacks.prefix(vacant) { choose(id, node, &steps) }
  }

  mutating func choose(_ id: PlacementID, _ node: NodeID, _ steps: inout [Step]) {
    works[id]?.seats[node]?.isChosen = true
    // Others may have served since it was to follow something there.
    works[id]?.seats[node]?.succeeds = nil
    refence(id, node)
    dirtyNodes.insert(node)
    guard let work = works[id], work.isCurrent, work.seats[node]?.isReady == true else { return }
    steps.append(.began(id, node))
  }

  /// What must stop when isolated is moved by stopping it first, once another is ready to take over.
  private mutating func endDraining(of id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let ready = countLasting(work) { !$0.isChosen && $0.isReady }
    let leaving = work.seats.keys.sorted().filter {
      work.seats[$0]?.isChosen == true && books[$0]?.isDraining == true
    }
    for node in leaving.prefix(ready) { unseat(id, node, &steps) }
  }

  /// Takes away the seats on nodes that are gone, and those that failed.
  private mutating func removeUnfit(
    _ id: PlacementID, _ now: Instants, _ steps: inout [Step]
  ) {
    guard let work = works[id] else { return }
    // Most have none of these, and what is written is copied.
    if !work.endings.isEmpty {
      works[id]?.endings = work.endings.filter { $0.value > now.monotonic }
    }
    if !work.exclusions.isEmpty {
      works[id]?.exclusions = work.exclusions.filter { $0.value > now.monotonic }
    }
    var unfit: [(node: NodeID, seat: Seat)] = []
    for (node, seat) in work.seats where isUnfit(seat, on: node) { unfit.append((node, seat)) }
    for (node, seat) in unfit.sorted(by: { $0.node < $1.node }) {
      if books[node]?.isAttached != true {
        unseat(id, node, &steps)
      } else if case .failed(let problem) = seat.condition {
        steps.append(.failedOn(node, id, problem))
        if Self.isFaultOfModule(problem), !work.isCurrent, !work.wasAnnounced {
          fail(id, problem, &steps)
          return
        }
        unseat(id, node, &steps)
        exclude(node, from: id, problem, now)
        loseTogether(id, node, problem, now, &steps)
        if work.isCurrent, !work.seats.values.contains(where: \.isReady) {
          works[id]?.isAnnounced = false
          steps.append(.failed(work.deployment, problem))
        }
        if !Self.isFaultOfModule(problem) { steps.append(.nodeAtFault(node)) }
      }
    }
  }

  private func isUnfit(_ seat: Seat, on node: NodeID) -> Bool {
    if case .failed = seat.condition { return true }
    return books[node]?.isAttached != true
  }

  /// Whether another node would only fail in the same way.
  private static func isFaultOfModule(_ problem: Problem) -> Bool {
    switch problem.category {
    case .invalidInput, .refused, .tooLarge, .guestFailed: true
    case .notFound, .conflict, .overloaded, .deadlineExceeded, .unavailable, .internalFault: false
    }
  }

  mutating func exclude(
    _ node: NodeID, from id: PlacementID, _ problem: Problem, _ now: Instants
  ) {
    guard let failures = works[id]?.failures else { return }
    works[id]?.failures = failures + 1
    works[id]?.lastFailure = problem
    let wait = min(
      configuration.initialExclusion * (1 << min(failures, 10)), configuration.maximumExclusion)
    works[id]?.exclusions[node] = now.monotonic + wait
    unsatisfied.insert(id)
  }

  mutating func reconcile(_ id: PlacementID, _ now: Instants, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    guard work.stage != .retained else {
      dropDrained(id, &steps)
      return
    }
    if isFollower(id) {
      if !work.isCurrent || adoptingUntil == nil { follow(id, &steps) }
    } else if !work.isCurrent || adoptingUntil == nil {
      fill(id, now, &steps)
      guard works[id] != nil else { return }
      removeSurplus(id, &steps)
      dropDrained(id, &steps)
    }
    announce(id, &steps)
  }

  /// Finds nodes for the seats that are missing.
  private mutating func fill(_ id: PlacementID, _ now: Instants, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let rules = work.rules
    var vacant = max(0, vacancies(work))
    // One that is being prepared will be ready sooner than one that is begun now.
    if vacant > 0 {
      let preparing = lasting(work) { !$0.isChosen }.prefix(vacant)
      for node in preparing { choose(id, node, &steps) }
      vacant -= preparing.count
    }
    guard let work = works[id] else { return }
    let held = countLasting(work) { _ in true }
    let missing = max(0, rules.replicas + rules.fallbacks - held - vacant)
    guard vacant + missing > 0 else {
      unsatisfied.remove(id)
      return
    }
    let found = find(id, chosen: vacant, fallbacks: missing, now)
    if found < vacant + missing { unsatisfied.insert(id) } else { unsatisfied.remove(id) }
    let isEnough =
      rules.replicas > 0
      ? works[id]?.seats.values.contains(where: \.isChosen) == true
      : works[id]?.seats.isEmpty == false
    // A node that is suspect is soon available or lost, and one that fell silent may be back. Either is looked at again.
    if !work.isCurrent, !work.wasAnnounced, !isEnough,
      !scheduler.mayRunSoon(request(for: work, vacant, missing), awaiting: Set(silent.keys))
    {
      fail(id, work.lastFailure ?? noNode(for: work), &steps)
    }
  }

  /// - Returns: how many seats were found.
  private mutating func find(
    _ id: PlacementID, chosen: Int, fallbacks: Int, _ now: Instants
  ) -> Int {
    guard let work = works[id] else { return 0 }
    let request = request(for: work, chosen, fallbacks)
    let decision = withOwnReservationsReleased(id.name) { $0.scheduler.decide(request, at: now) }
    for (nodes, isChosen) in [(decision.selectedNodes, true), (decision.fallbackNodes, false)] {
      for node in nodes {
        seat(
          id,
          Seat(
            isChosen: isChosen, fence: nextVersion(),
            condition: holdsReady(work, node) ? .ready : nil, rank: nextRank()),
          on: node)
      }
    }
    return decision.selectedNodes.count + decision.fallbackNodes.count
  }

  /// Whether a node holds the code of a candidate ready, under another number: then there is nothing to wait for
  /// before it is promoted, and the node takes it over from there.
  func holdsReady(_ work: Work, _ node: NodeID) -> Bool {
    guard !work.isCurrent else { return false }
    return byName[work.deployment.qualifiedName, default: []].contains { id in
      guard let other = works[id], other.seats[node]?.isReady == true else { return false }
      return other.stage.isHeld && other.code == work.code
    }
  }

  /// What is asked of the scheduler.
  func request(for work: Work, _ chosen: Int, _ fallbacks: Int) -> PlacementRequest {
    let id = work.subject.placement
    let others = byName[id.name, default: []].filter { $0 != id }
    return PlacementRequest(
      name: id.name, rules: work.rules, memory: work.deployment.configuration.reservedMemory,
      replicas: chosen, fallbacks: fallbacks,
      excluded: Set(work.seats.keys).union(work.exclusions.keys).union(work.endings.keys).sorted(),
      companions: work.seats.keys.sorted().filter { work.seats[$0]?.isChosen == true },
      holders: holders(of: others).sorted())
  }

  /// Generations of one module share what they reserve: what one has is there for the other.
  private mutating func withOwnReservationsReleased<Result>(
    _ name: QualifiedName, _ body: (inout Self) -> Result
  ) -> Result {
    var own: [(NodeID, ByteCount)] = []
    for node in holders(of: byName[name, default: []]).sorted() {
      if let reserved = books[node]?.reserved[name] { own.append((node, reserved)) }
    }
    for (node, reserved) in own { scheduler.release(reserved, on: node) }
    let result = body(&self)
    for (node, reserved) in own { scheduler.reserve(reserved, on: node) }
    return result
  }

  /// The nodes on which some of these have a seat.
  private func holders(of ids: some Sequence<PlacementID>) -> Set<NodeID> {
    var nodes: Set<NodeID> = []
    for id in ids {
      for node in works[id]?.seats.keys ?? [:].keys { nodes.insert(node) }
    }
    return nodes
  }

  private func noNode(for work: Work) -> Problem {
    Problem(
      .unavailable, code: "no_node",
      "no node can run \(work.deployment.name)@\(work.deployment.version)",
      next: "See why with `wasmatrix plan APP.yaml`.")
  }

  /// Ends what is more than was asked for: the worst first.
  private mutating func removeSurplus(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    if countLasting(work, where: \.isChosen) > work.rules.replicas {
      for node in lasting(work, where: \.isChosen).dropFirst(work.rules.replicas) {
        demote(id, node, &steps)
      }
    }
    guard let work = works[id] else { return }
    let chosen = countLasting(work, where: \.isChosen)
    // Those that wait for a lease to run out, or for a drained node to stop, will be chosen.
    let reserve = work.rules.fallbacks + max(0, work.rules.replicas - chosen)
    guard countLasting(work, where: { !$0.isChosen }) > reserve else { return }
    for node in lasting(work, where: { !$0.isChosen }).dropFirst(reserve) {
      unseat(id, node, &steps)
    }
  }

  mutating func demote(_ id: PlacementID, _ node: NodeID, _ steps: inout [Step]) {
    guard let seat = works[id]?.seats[node] else { return }
    works[id]?.seats[node]?.isChosen = false
    refence(id, node)
    if works[id]?.isCurrent == true {
      if works[id]?.mustStopAlone == true {
        end(id, node)
        leave(.fence(id, seat.fence), of: id.name, on: node)
      }
      if seat.isReady { steps.append(.ended(id, node)) }
    }
    dirtyNodes.insert(node)
  }

  /// Takes seats from nodes that are drained, but those without which too few would serve.
  private mutating func dropDrained(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let leaving = work.seats.keys.filter { books[$0]?.isDraining == true }
    guard !leaving.isEmpty else { return }
    let drained = leaving.sorted { left, right in
      let isReady = work.seats[left]?.isReady == true
      return isReady == (work.seats[right]?.isReady == true) ? left < right : isReady
    }
    let serving = countLasting(work) { $0.isChosen && $0.isReady }
    var needed = work.isCurrent ? max(0, work.rules.replicas - serving) : 0
    for node in drained {
      if work.seats[node]?.isChosen == true, needed > 0 || work.mustStopAlone && work.isCurrent {
        needed -= 1
      } else {
        unseat(id, node, &steps)
      }
    }
  }

  /// Tells the catalog when readiness has changed.
  private mutating func announce(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let isReady: Bool
    if work.isCurrent {
      isReady = work.seats.values.contains { $0.isChosen && $0.isReady }
    } else {
      let chosen = work.seats.values.filter(\.isChosen)
      // Of what is scaled to nothing one that could be scaled up has to be ready.
      isReady =
        work.rules.replicas > 0
        ? !chosen.isEmpty && chosen.allSatisfy(\.isReady)
        : work.rules.fallbacks == 0 || work.seats.values.contains(where: \.isReady)
    }
    guard isReady != work.isAnnounced else { return }
    works[id]?.isAnnounced = isReady
    if isReady {
      works[id]?.wasAnnounced = true
      steps.append(.ready(id))
    } else if work.isCurrent {
      steps.append(.lost(id))
    }
  }
}
