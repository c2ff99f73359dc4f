public import ClusterModel

// Signs of life, and of death.
extension NodeTracker {
  mutating func hear(
    _ heartbeat: Heartbeat, _ arrival: MonotonicInstant, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    let id = heartbeat.node
    guard let before = nodes[id], before.isNews(heartbeat) else { return }
    let pace = pace(of: before)
    let isDeaf = heartbeat.heardAgo > pace.intervals(pace.silence.suspicionCeiling)
    note(heartbeat, pace, isDeaf: isDeaf, arrival)
    switch before.state {
    case .healthy, .degraded: assess(id, now, &directives)
    case .suspect where isDeaf, .unavailable where isDeaf: break
    case .suspect: comeBack(id, now, &directives)
    case .recovered: break
    case .unavailable:
      if before.loss != .stuck || nodes[id]?.vitals.isStuck == false {
        comeBackFromLoss(id, now, &directives)
      }
    }
    recount(id)
    setAlarm(id, now)
    putOffAlarms()
  }

  /// Whether an agent has heard nothing for half as long as it may: datagrams may not come through to it, so that it is
  /// to be told something on its connection.
  public func hearsLittle(_ heartbeat: Heartbeat) -> Bool {
    let pace = pace(nodes[heartbeat.node]?.registration.punctuality ?? .ordinary)
    return heartbeat.heardAgo > pace.intervals(pace.silence.suspicionCeiling / 2)
  }

  /// Writes down what a heartbeat says. Of an agent that does not hear us it is no sign of life: nothing that it is told
  /// arrives.
  private mutating func note(
    _ heartbeat: Heartbeat, _ pace: Pace, isDeaf: Bool, _ arrival: MonotonicInstant
  ) {
    let id = heartbeat.node
    let time = max(arrival, nodes[id]?.heardAt ?? arrival)
    if !isDeaf {
      nodes[id]?.heardAt = time
      nodes[id]?.graceUntil = nil
    }
    nodes[id]?.vitals.take(
      heartbeat, at: time, listeningSince: listeningSince, configuration.vitals)
    nodes[id]?.rhythm.beat(
      at: time, listeningSince: listeningSince,
      longest: pace.intervals(pace.silence.lossCeiling), history: pace.silence.history)
    if let rhythm = nodes[id]?.rhythm {
      nodes[id]?.vitals.take(
        rhythm, interval: pace.heartbeatInterval, configuration.vitals)
    }
  }

  /// A node that beats in time is healthy or degraded, or lost when it is stuck for too long.
  private mutating func assess(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id] else { return }
    let stuckFor = now.monotonic - max(node.vitals.progressedAt, listeningSince)
    if node.state == .degraded, node.vitals.isStuck,
      stuckFor >= configuration.vitals.stuckLossAfter
    {
      lose(id, .stuck, now, &directives)
      return
    }
    let condition = node.condition
    if condition.state != node.state {
      change(id, to: condition.state, condition.reason, now, &directives)
    }
  }

  /// A suspect is heard. One that was never adopted, or not yet, is no better for that.
  mutating func comeBack(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id] else { return }
    switch node.adoption {
    case .settled: change(id, to: node.condition.state, .heardAgain, now, &directives)
    case .awaited, .lost: recover(id, .heardAgain, now, &directives)
    }
  }

  /// An unavailable node is heard, or its workers get on again. One that was adopted while it was
  /// stuck need not be adopted again.
  mutating func comeBackFromLoss(
    _ id: NodeID, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let node = nodes[id] else { return }
    let reason: NodeChangeReason = node.loss == .stuck ? .relieved : .heardAgain
    nodes[id]?.vitals.progressedAt = now.monotonic
    if node.adoption == .settled {
      nodes[id]?.loss = nil
      change(id, to: .recovered, reason, now, &directives)
      change(id, to: node.condition.state, .adopted, now, &directives)
    } else {
      recover(id, reason, now, &directives)
    }
  }

  /// Evidence of an older incarnation says nothing. Of a newer one that never registered it says that
  /// the one that is known is gone, too: a node runs one agent at a time.
  mutating func witness(
    _ id: NodeID, _ incarnation: Incarnation, _ evidence: DeathEvidence, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let node = nodes[id], incarnation >= node.incarnation else { return }
    if evidence.endsProcess { nodes[id]?.endedThrough = incarnation }
    guard node.state == .unavailable else {
      lose(id, .death(evidence), now, &directives)
      setAlarm(id, now)
      return
    }
    // It was lost already, but now its leases need not be waited for; or it was stuck, and has been
    // attached since.
    let isMoreCertain = evidence.endsProcess && node.loss?.isCertain == false
    guard isMoreCertain || node.adoption != .lost else { return }
    nodes[id]?.loss = .death(evidence)
    nodes[id]?.adoption = .lost
    nodes[id]?.silentUntil = nil
    directives.append(.moveWork(from: id, .death(evidence)))
    recount(id)
    setAlarm(id, now)
  }
}
