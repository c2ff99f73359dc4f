import ClusterModel
import Scheduling

// Desired against observed, one deployment at a time.
extension PlacementPlanner {
  /// Nodes that can keep a seat for longer, best first among the seats of a work.
  private func lasting(_ work: Work, where isWanted: (Seat) -> Bool) -> [NodeID] {
    work.seats.keys.filter { node in
      guard let seat = work.seats[node], let book = books[node] else { return false }
      return book.isAttached && !book.isDraining && isWanted(seat)
    }.sorted { left, right in
      let a = work.seats[left]
      let b = work.seats[right]
      if a?.isReady != b?.isReady { return a?.isReady == true }
      return (a?.rank ?? 0, left) < (b?.rank ?? 0, right)
    }
  }

  /// How many more seats of a work may be chosen now. What must stop when isolated waits for leases;
  /// the other may have one too many while a node is drained.
  func vacancies(_ work: Work) -> Int {
    let chosen = work.seats.values.count { $0.isChosen }
    let lasting = lasting(work) { $0.isChosen }.count
    guard work.mustStopAlone, work.isCurrent else { return work.rules.replicas - lasting }
    guard foreignLeasesUntil == nil else { return 0 }
    return work.rules.replicas - chosen - work.endings.count
  }

  /// Chooses ready fallbacks in the place of what was lost: nothing has to be decided or prepared.
  mutating func promoteFallbacks(of id: PlacementID, _ now: Instants, _ steps: inout [Step]) {
    removeUnfit(id, now, &steps)
    guard let work = works[id], work.isCurrent, adoptingUntil == nil, !isFollower(id) else {
      return
    }
    if work.mustStopAlone { endDraining(of: id, &steps) }
    guard let work = works[id] else { return }
    let fallbacks = lasting(work) { !$0.isChosen && $0.isReady }
    for node in fallbacks.prefix(max(0, vacancies(work))) { choose(id, node, &steps) }
  }

  mutating func choose(_ id: PlacementID, _ node: NodeID, _ steps: inout [Step]) {
    works[id]?.seats[node]?.isChosen = true
    refence(id, node)
    dirtyNodes.insert(node)
    guard let work = works[id], work.isCurrent, work.seats[node]?.isReady == true else { return }
    steps.append(.began(id, node))
  }

  /// What must stop when isolated is moved by stopping it first, once another is ready to take over.
  private mutating func endDraining(of id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let ready = lasting(work) { !$0.isChosen && $0.isReady }.count
    let leaving = work.seats.keys.sorted().filter {
      work.seats[$0]?.isChosen == true && books[$0]?.isDraining == true
    }
    for node in leaving.prefix(ready) { unseat(id, node, &steps) }
  }

  /// Takes away the seats on nodes that are gone, and those that failed.
  private mutating func removeUnfit(
    _ id: PlacementID, _ now: Instants, _ steps: inout [Step]
  ) {
    guard var work = works[id] else { return }
    work.endings = work.endings.filter { $0.value > now.monotonic }
    work.exclusions = work.exclusions.filter { $0.value > now.monotonic }
    works[id] = work
    for node in work.seats.keys.sorted() {
      guard let seat = work.seats[node] else { continue }
      if books[node]?.isAttached != true {
        unseat(id, node, &steps)
      } else if case .failed(let problem) = seat.condition {
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
    let preparing = lasting(work) { !$0.isChosen }.prefix(vacant)
    for node in preparing { choose(id, node, &steps) }
    vacant -= preparing.count
    guard let work = works[id] else { return }
    let held = lasting(work) { _ in true }.count
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
    if !work.isCurrent, !work.wasAnnounced, !isEnough {
      fail(id, work.lastFailure ?? noNode(for: work), &steps)
    }
  }

  /// - Returns: how many seats were found.
  private mutating func find(
    _ id: PlacementID, chosen: Int, fallbacks: Int, _ now: Instants
  ) -> Int {
    guard let work = works[id] else { return 0 }
    let decision = withOwnReservationsReleased(id.name) {
      $0.scheduler.decide($0.request(for: work, chosen, fallbacks), at: now)
    }
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
    let id = work.deployment.placement
    let others = byName[id.name, default: []].sorted().filter { $0 != id }
      .compactMap { works[$0] }
    return PlacementRequest(
      name: id.name, rules: work.rules, memory: work.deployment.configuration.reservedMemory,
      replicas: chosen, fallbacks: fallbacks,
      excluded: Set(work.seats.keys).union(work.exclusions.keys).union(work.endings.keys).sorted(),
      companions: work.seats.keys.sorted().filter { work.seats[$0]?.isChosen == true },
      holders: Set(others.flatMap(\.seats.keys)).sorted())
  }

  /// Generations of one module share what they reserve: what one has is there for the other.
  private mutating func withOwnReservationsReleased<Result>(
    _ name: QualifiedName, _ body: (inout Self) -> Result
  ) -> Result {
    var own: [(NodeID, ByteCount)] = []
    for node in Set(byName[name, default: []].flatMap { works[$0]?.seats.keys.sorted() ?? [] })
      .sorted()
    {
      if let reserved = books[node]?.reserved[name] { own.append((node, reserved)) }
    }
    for (node, reserved) in own { scheduler.release(reserved, on: node) }
    let result = body(&self)
    for (node, reserved) in own { scheduler.reserve(reserved, on: node) }
    return result
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
    for node in lasting(work, where: \.isChosen).dropFirst(work.rules.replicas) {
      demote(id, node, &steps)
    }
    guard let work = works[id] else { return }
    let chosen = lasting(work, where: \.isChosen).count
    // Those that wait for a lease to run out, or for a drained node to stop, will be chosen.
    let reserve = work.rules.fallbacks + max(0, work.rules.replicas - chosen)
    for node in lasting(work, where: { !$0.isChosen }).dropFirst(reserve) {
      unseat(id, node, &steps)
    }
  }

  mutating func demote(_ id: PlacementID, _ node: NodeID, _ steps: inout [Step]) {
    guard let seat = works[id]?.seats[node] else { return }
    works[id]?.seats[node]?.isChosen = false
    refence(id, node)
    if works[id]?.isCurrent == true {
      if works[id]?.mustStopAlone == true { end(id, node) }
      if seat.isReady { steps.append(.ended(id, node)) }
    }
    dirtyNodes.insert(node)
  }

  /// Takes seats from nodes that are drained, but those without which too few would serve.
  private mutating func dropDrained(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let drained = work.seats.keys.filter { books[$0]?.isDraining == true }.sorted { left, right in
      let isReady = work.seats[left]?.isReady == true
      return isReady == (work.seats[right]?.isReady == true) ? left < right : isReady
    }
    let serving = lasting(work) { $0.isChosen && $0.isReady }.count
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
    let chosen = work.seats.values.filter(\.isChosen)
    let isReady: Bool
    if work.isCurrent {
      isReady = chosen.contains(where: \.isReady)
    } else {
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
