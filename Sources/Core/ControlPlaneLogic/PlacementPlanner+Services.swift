import ClusterModel

// The services of an application are placed together: one of them, the leader, as any module is; the others
// sit where it sits, and serve where it serves. What one of them loses all of them lose.
extension PlacementPlanner {
  /// The leader's work of the same deployment and stage; `nil` for what follows nobody.
  private func leader(of id: PlacementID) -> PlacementID? {
    guard let work = works[id], let leader = work.deployment.configuration.serviceTree?.leader,
      leader != id.name.name
    else { return nil }
    return byName[QualifiedName(id.name.namespace, leader), default: []].sorted().last {
      works[$0]?.deployment.deployedAt == work.deployment.deployedAt
        && works[$0]?.deployment.application == work.deployment.application
        && (works[$0]?.stage == .retained) == (work.stage == .retained)
    }
  }

  /// Whether it is placed where another service is.
  func isFollower(_ id: PlacementID) -> Bool {
    guard let leader = works[id]?.deployment.configuration.serviceTree?.leader else { return false }
    return leader != id.name.name
  }

  private func followers(of id: PlacementID) -> [PlacementID] {
    guard let tree = works[id]?.deployment.configuration.serviceTree, tree.leader == id.name.name
    else { return [] }
    return tree.services.filter { $0 != id.name.name }.flatMap { name in
      byName[QualifiedName(id.name.namespace, name), default: []].sorted().filter {
        leader(of: $0) == id
      }
    }
  }

  /// Sits where its leader sits.
  mutating func follow(_ id: PlacementID, _ steps: inout [Step]) {
    guard let work = works[id] else { return }
    // Its leader is looked at again when something may have changed.
    unsatisfied.remove(id)
    let leading = leader(of: id).flatMap { works[$0]?.seats } ?? [:]
    for node in work.seats.keys.sorted() where leading[node] == nil { unseat(id, node, &steps) }
    // What ends goes before what begins, so that there are never more than there should be.
    for node in leading.keys.sorted() where leading[node]?.isChosen == false {
      if works[id]?.seats[node]?.isChosen == true { demote(id, node, &steps) }
    }
    for node in leading.keys.sorted() {
      guard let wanted = leading[node] else { continue }
      if works[id]?.seats[node] == nil {
        seat(
          id,
          Seat(
            isChosen: false, fence: nextVersion(),
            condition: holdsReady(work, node) ? .ready : nil, rank: nextRank()),
          on: node)
      }
      guard wanted.isChosen, works[id]?.seats[node]?.isChosen == false else { continue }
      guard let now = works[id], !now.mustStopAlone || !now.isCurrent || vacancies(now) > 0 else {
        continue
      }
      choose(id, node, &steps)
    }
  }

  /// A service was lost on a node: the others leave it, too.
  mutating func loseTogether(
    _ id: PlacementID, _ node: NodeID, _ problem: Problem, _ now: Instants,
    _ steps: inout [Step]
  ) {
    guard let leader = leader(of: id), works[leader]?.seats[node] != nil else { return }
    unseat(leader, node, &steps)
    exclude(node, from: leader, problem, now)
  }

  /// Looks at those that follow, as their leader may have moved.
  mutating func callFollowers(of id: PlacementID) {
    for follower in followers(of: id) {
      let seats = works[follower]?.seats.mapValues(\.isChosen)
      if seats != works[id]?.seats.mapValues(\.isChosen) { dirtyWorks.insert(follower) }
    }
  }
}
