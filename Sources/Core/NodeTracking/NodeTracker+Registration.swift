import ClusterModel

// Nodes come, come again, are expected, and are forgotten.
extension NodeTracker {
  mutating func expect(
    _ registration: NodeRegistration, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard nodes[registration.node] == nil, hasRoom(for: registration, &directives) else { return }
    var node = TrackedNode(registration, state: .suspect, reason: .expected, at: now)
    node.adoption = .lost
    node.graceUntil = now.monotonic + configuration.grace
    admit(node, now, &directives)
  }

  mutating func register(
    _ registration: NodeRegistration, _ now: Instants, _ directives: inout [Directive]
  ) {
    let id = registration.node
    guard let known = nodes[id] else {
      guard hasRoom(for: registration, &directives) else { return }
      admit(
        TrackedNode(registration, state: .healthy, reason: .registered, at: now), now, &directives)
      return
    }
    if let problem = Self.problem(registration, known) {
      directives.append(.refuse(id, registration.incarnation, problem))
      return
    }
    nodes[id]?.registration = registration
    nodes[id]?.heardAt = now.monotonic
    nodes[id]?.graceUntil = nil
    if registration.incarnation > known.incarnation {
      nodes[id]?.restart(now)
      recover(id, .restarted, now, &directives)
    } else {
      registerAgain(id, now, &directives)
    }
    if registration.location != known.registration.location
      || registration.capabilities != known.registration.capabilities
    {
      directives.append(.scheduleChanged(id))
    }
    recount(id)
    setAlarm(id, now)
  }

  /// The process that is known registers again, over another connection.
  private mutating func registerAgain(
    _ id: NodeID, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let node = nodes[id] else { return }
    switch node.state {
    case .healthy, .degraded: break
    case .suspect: comeBack(id, now, &directives)
    case .recovered: recover(id, .heardAgain, now, &directives)
    case .unavailable:
      if node.loss == .stuck {
        // It may be adopted, but it is worth nothing until its workers get on: its heartbeats say.
        nodes[id]?.adoption = .awaited
        directives.append(.adopt(id))
      } else {
        comeBackFromLoss(id, now, &directives)
      }
    }
  }

  private static func problem(
    _ registration: NodeRegistration, _ known: TrackedNode
  ) -> RegistrationProblem? {
    if registration.incarnation < known.incarnation {
      return .olderIncarnation(current: known.incarnation)
    }
    if let ended = known.endedThrough, registration.incarnation <= ended {
      return .endedIncarnation
    }
    return nil
  }

  private func hasRoom(
    for registration: NodeRegistration, _ directives: inout [Directive]
  ) -> Bool {
    guard nodes.count >= configuration.maximumNodes else { return true }
    directives.append(
      .refuse(
        registration.node, registration.incarnation,
        .tooManyNodes(limit: configuration.maximumNodes)))
    return false
  }

  private mutating func admit(
    _ node: TrackedNode, _ now: Instants, _ directives: inout [Directive]
  ) {
    nodes[node.id] = node
    tally.came(node.state)
    directives.append(.stateChanged(node.id, from: nil, to: node.state, node.reason))
    recount(node.id)
    setAlarm(node.id, now)
  }

  /// A node that still counts is given up before it is forgotten, so that nothing remains with it.
  mutating func forget(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id] else { return }
    if node.state != .unavailable {
      lose(id, .forgotten, now, &directives)
    } else if node.adoption != .lost {
      // It was stuck, and has been attached since.
      directives.append(.moveWork(from: id, .forgotten))
    }
    guard let node = nodes.removeValue(forKey: id) else { return }
    discount(node)
    tally.went(node.state)
  }
}
