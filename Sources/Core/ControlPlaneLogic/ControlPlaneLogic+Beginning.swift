import ClusterModel
import EventRouting
import ModuleCatalog
import NodeTracking
import Scheduling

// The term, and other changes of its own that must be durable.
extension ControlPlaneLogic {
  /// Whatever this control plane decides is newer than what an earlier one did; that must hold even if
  /// it ends right now and another begins.
  mutating func raiseTerm(_ directives: inout [Directive]) {
    persist([.raiseTerm(snapshot.term + 1)], then: .begin, &directives)
  }

  mutating func proceed(
    _ continuation: Continuation, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    switch continuation {
    case .begin: begin(now, &random, &directives)
    case .saveNode(let node): endSaving(node, &directives)
    case .command(let request, let node, let command):
      // First it holds, then what else has changed meanwhile is kept with it.
      obey(request, node, command, now, &random, &directives)
      endSaving(node, &directives)
    }
  }

  mutating func giveUp(
    _ continuation: Continuation, _ problem: Problem, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    switch continuation {
    case .begin: retryAt = now.monotonic + Self.retryInterval
    case .saveNode(let node):
      saving.remove(node)
      unsaved.insert(node)
      retryAt = now.monotonic + Self.retryInterval
    case .command(let request, let node, _):
      saving.remove(node)
      // What came meanwhile waited for this to end.
      if unsaved.contains(node) { retryAt = now.monotonic + Self.retryInterval }
      directives.append(.reply(request, .refused(problem)))
    }
  }

  /// Tries again what could not be made durable.
  mutating func retry(_ directives: inout [Directive]) {
    retryAt = nil
    if planner == nil {
      raiseTerm(&directives)
      return
    }
    let nodes = unsaved.sorted()
    unsaved = []
    for node in nodes { save(node, &directives) }
  }

  /// Keeps what is known of a node, so that a later control plane expects it.
  mutating func save(_ node: NodeID, _ directives: inout [Directive]) {
    guard let known = known[node] else { return }
    // One change of a node at a time, so that the order in which they end does not matter.
    guard saving.insert(node).inserted else {
      unsaved.insert(node)
      return
    }
    persist([.putNode(known)], then: .saveNode(node), &directives)
  }

  /// What has changed meanwhile is kept next.
  private mutating func endSaving(_ node: NodeID, _ directives: inout [Directive]) {
    saving.remove(node)
    if unsaved.remove(node) != nil { save(node, &directives) }
  }

  private mutating func begin(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let nodes = known.keys.sorted()
    planner = PlacementPlanner(
      term: snapshot.term + 1, expecting: nodes, configuration: configuration.planning, at: now)
    track(.started, now, &random, &directives)
    for node in nodes {
      guard let known = known[node] else { continue }
      planner?.scheduler.put(
        NodeProfile(
          id: node, location: known.registration.location,
          capabilities: known.registration.capabilities))
      planner?.scheduler.setAvailability(.unavailable, of: node)
      track(.expected(known.registration), now, &random, &directives)
      // Whoever is still there says at once what it holds, and not only when its next heartbeat shows
      // that nobody knows it.
      directives.append(
        .send(node, .unknown(known.registration.incarnation, term: snapshot.term + 1)))
      switch known.scheduling {
      case .open: break
      case .cordoned: track(.cordonRequested(node), now, &random, &directives)
      case .draining: track(.drainRequested(node), now, &random, &directives)
      }
    }
    tell(.started, now, &random, &directives)
  }
}
