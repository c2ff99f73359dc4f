import ClusterModel
import Scheduling

// What the catalog wants.
extension PlacementPlanner {
  /// A new generation is to be made ready, or (at start) one that is deployed.
  mutating func want(
    _ deployment: Deployment, _ record: ModuleVersionRecord, isDeployed: Bool, _ now: Instants
  ) {
    let id = deployment.placement
    let stage =
      isDeployed ? .current : Stage.candidate(until: now.monotonic + configuration.patience)
    works[id] = Work(deployment: deployment, record: record, stage: stage)
    byName[id.name, default: []].insert(id)
    dirtyWorks.insert(id)
  }

  /// A candidate is the deployment under its name from now on.
  mutating func promote(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    works[id]?.stage = .current
    // The catalog takes it for ready from now on; if it no longer is, it is told.
    works[id]?.isAnnounced = true
    let succeeded = inheritEndings(id)
    let keepers = Set(succeeded.keys)
    let endings = works[id]?.endings.count ?? 0
    // Where the old one served the new one may at once: one plan ends the one and begins the other.
    // Elsewhere it may only as far as there are replicas beside those and what still ends.
    var allowed = Int.max
    if work.mustStopAlone {
      allowed = foreignLeasesUntil == nil ? work.rules.replicas - endings : 0
    }
    let chosen = work.seats.keys.sorted().filter { work.seats[$0]?.isChosen == true }
    // Where it was ready under another number nobody was told of it so far, fallbacks included.
    dirtyNodes.formUnion(work.seats.keys)
    for node in chosen.filter(keepers.contains) + chosen.filter({ !keepers.contains($0) }) {
      refence(id, node)
      works[id]?.seats[node]?.isChosen = allowed > 0
      works[id]?.seats[node]?.succeeds = succeeded[node]
      if allowed <= 0, let claim = succeeded[node] {
        end(id, node)
        leave(claim, of: id.name, on: node)
      }
      if allowed > 0, work.seats[node]?.isReady == true { steps.append(.began(id, node)) }
      allowed -= 1
    }
    dirtyWorks.insert(id)
  }

  /// Nodes where the generation that is replaced serves may go on until they have heard of it.
  ///
  /// - Returns: those among them that are to serve the new one too, and what serves there.
  private mutating func inheritEndings(_ id: PlacementID) -> [NodeID: EffectClaim] {
    var keepers: [NodeID: EffectClaim] = [:]
    works[id]?.endings.merge(departed.removeValue(forKey: id.name) ?? [:]) { max($0, $1) }
    for other in byName[id.name, default: []] where other != id {
      guard let replaced = works[other], replaced.isCurrent else { continue }
      works[id]?.endings.merge(replaced.endings) { max($0, $1) }
      // Only these hold leases; whether the new one will does not matter: a later one may.
      guard replaced.mustStopAlone else { continue }
      for (node, seat) in replaced.seats where seat.isChosen {
        if works[id]?.seats[node]?.isChosen == true {
          keepers[node] = .fence(other, seat.fence)
        } else {
          end(id, node)
          leave(.fence(other, seat.fence), of: id.name, on: node)
        }
      }
    }
    return keepers
  }

  /// It was replaced. One generation of other code than the present one is kept, also when that is scaled
  /// meanwhile; and of the same code what nodes hold that the present one has left.
  mutating func retain(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    let ids = byName[id.name, default: []].sorted()
    let present = ids.compactMap { works[$0] }.first { $0.isCurrent && $0.subject != work.subject }
    func isOfPresentCode(_ work: Work) -> Bool { work.code == present?.code }
    for other in ids where works[other]?.stage == .retained {
      guard let other = works[other] else { continue }
      if isOfPresentCode(other) == isOfPresentCode(work) {
        drop(other.subject.placement, &steps)
      } else if isOfPresentCode(other) {
        drop(other.subject.placement, where: present, &steps)
      }
    }
    works[id]?.stage = .retained
    endFailovers(with: id, &steps)
    for node in work.seats.keys.sorted() {
      guard let seat = work.seats[node] else { continue }
      if seat.isChosen, seat.isReady { steps.append(.ended(id, node)) }
      works[id]?.seats[node]?.isChosen = false
      refence(id, node)
      settleReservation(of: id.name, on: node)
      dirtyNodes.insert(node)
      if seat.condition != .ready { unseat(id, node, &steps) }
    }
    if isOfPresentCode(work) { drop(id, where: present, &steps) }
  }

  /// Nobody wants it on the nodes where another is.
  private mutating func drop(_ id: PlacementID, where other: Work?, _ steps: inout [Step]) {
    for node in works[id]?.seats.keys.sorted() ?? [] where other?.seats[node] != nil {
      unseat(id, node, &steps)
    }
    if works[id]?.seats.isEmpty == true { drop(id, &steps) }
  }

  /// Nobody wants it any more.
  mutating func drop(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    for node in work.seats.keys.sorted() { unseat(id, node, &steps) }
    if let endings = works[id]?.endings, !endings.isEmpty {
      departed[id.name, default: [:]].merge(endings) { max($0, $1) }
    }
    works[id] = nil
    byName[id.name]?.remove(id)
    if byName[id.name]?.isEmpty == true { byName[id.name] = nil }
    dirtyWorks.remove(id)
    unsatisfied.remove(id)
    timed.remove(id)
    endFailovers(with: id, &steps)
  }

  /// A candidate cannot be made ready.
  mutating func fail(_ id: PlacementID, _ problem: Problem, _ steps: inout [Step]) {
    guard let deployment = works[id]?.deployment else { return }
    drop(id, &steps)
    steps.append(.failed(deployment, problem))
  }

  /// Takes a seat away. What must stop when isolated may go on until its lease runs out.
  mutating func unseat(_ id: PlacementID, _ node: NodeID, _ steps: inout [Step]) {
    guard let seat = works[id]?.seats.removeValue(forKey: node) else { return }
    if works[id]?.isCurrent == true, seat.isChosen {
      if works[id]?.mustStopAlone == true {
        end(id, node)
        leave(.fence(id, seat.fence), of: id.name, on: node)
      }
      if seat.isReady { steps.append(.ended(id, node)) }
    }
    books[node]?.seats.remove(id)
    settleReservation(of: id.name, on: node)
    dirtyNodes.insert(node)
    dirtyWorks.insert(id)
  }

  mutating func seat(_ id: PlacementID, _ seat: Seat, on node: NodeID) {
    works[id]?.seats[node] = seat
    books[node]?.seats.insert(id)
    settleReservation(of: id.name, on: node)
    // What the node holds ready under another number it need not know before it serves.
    if !seat.isReady || works[id]?.isCurrent == true { dirtyNodes.insert(node) }
  }

  /// A seat has another role from now on: what was sent under the old fence counts no more.
  mutating func refence(_ id: PlacementID, _ node: NodeID) {
    let version = nextVersion()
    works[id]?.seats[node]?.fence = version
  }

  /// A node may serve on until its lease has run out, or it says that it has stopped.
  mutating func end(_ id: PlacementID, _ node: NodeID) {
    // Of a node that was forgotten meanwhile only the old one is known.
    let until = leaseEnd(of: node)
    let known = works[id]?.endings[node] ?? until
    works[id]?.endings[node] = max(until, known)
  }

  /// When a lease that the node may hold has run out for certain.
  func leaseEnd(of node: NodeID) -> MonotonicInstant {
    let granted = max(books[node]?.lastAcknowledged ?? began, forgottenLeases[node] ?? began, began)
    return granted + LeaseRules.expiry
  }

  /// Tells the scheduler what the generations of a module together reserve on a node: the most that
  /// one of them does, as only one serves at a time. What is retained reserves nothing.
  mutating func settleReservation(of name: QualifiedName, on node: NodeID) {
    guard let book = books[node] else { return }
    var needed = ByteCount(bytes: 0)
    for id in byName[name, default: []] {
      guard let work = works[id], work.stage != .retained, work.seats[node] != nil else { continue }
      needed = max(needed, work.deployment.configuration.reservedMemory)
    }
    let reserved = book.reserved[name] ?? ByteCount(bytes: 0)
    if reserved < needed {
      scheduler.reserve(ByteCount(bytes: needed.bytes - reserved.bytes), on: node)
    } else if needed < reserved {
      scheduler.release(ByteCount(bytes: reserved.bytes - needed.bytes), on: node)
    }
    books[node]?.reserved[name] = needed.bytes == 0 ? nil : needed
  }
}
