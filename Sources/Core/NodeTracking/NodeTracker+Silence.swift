import ClusterModel
import HeapModule

// What silence means, and when nodes are looked at.
extension NodeTracker {
  /// When the control plane's own loop was late, nobody is blamed: silence counts from now on.
  mutating func forgiveIfLate(_ now: Instants, _ directives: inout [Directive]) {
    let lateness = intervals(configuration.silence.lateness)
    guard let deadline = nextDeadline, deadline + lateness < now.monotonic else { return }
    listeningSince = now.monotonic
    wake(now, &directives)
  }

  /// Looks at every node whose time has come.
  mutating func wake(_ now: Instants, _ directives: inout [Directive]) {
    let due = takeDue(now)
    // All that fell silent are counted before any is lost.
    for id in due { count(id, now, &directives) }
    endHoldingBackIfOver(now, &directives)
    if due.contains(where: { isOverdue($0, now) }) {
      if isMassSilence {
        holdAll(now, &directives)
      } else {
        endMassSilenceIfOver(now, &directives)
        // When mass silence has just ended, nobody is overdue any more.
        for id in due where isOverdue(id, now) { giveUp(id, now, &directives) }
      }
    }
    for id in due { setAlarm(id, now) }
  }

  private mutating func count(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id] else { return }
    switch node.state {
    case .healthy, .degraded, .recovered:
      if let deadline = deadline(of: node), deadline <= now.monotonic {
        change(id, to: .suspect, .silent, now, &directives)
      }
    case .suspect: if isOverdue(id, now) { nodes[id]?.graceUntil = nil }
    case .unavailable:
      if let until = node.silentUntil, until <= now.monotonic { nodes[id]?.silentUntil = nil }
    }
    recount(id)
  }

  /// Whether a suspect has been silent for so long that it is lost.
  private func isOverdue(_ id: NodeID, _ now: Instants) -> Bool {
    guard let node = nodes[id], node.state == .suspect, let deadline = deadline(of: node) else {
      return false
    }
    return deadline <= now.monotonic
  }

  /// When a node is to be looked at, if nothing is heard of it before.
  func deadline(of node: TrackedNode) -> MonotonicInstant? {
    let silence = pace(of: node).silence
    let heard = max(node.heardAt, listeningSince)
    switch node.state {
    case .healthy, .degraded, .recovered:
      return heard
        + patience(
          node, silence.suspicionDeviations, silence.suspicionFloor, silence.suspicionCeiling)
    case .suspect:
      let deadline =
        heard + patience(node, silence.lossDeviations, silence.lossFloor, silence.lossCeiling)
      return max(deadline, node.graceUntil ?? deadline)
    case .unavailable: return node.silentUntil
    }
  }

  private func patience(
    _ node: TrackedNode, _ deviations: Int, _ floor: Int, _ ceiling: Int
  ) -> Duration {
    let pace = pace(of: node)
    let ceiling = pace.intervals(ceiling)
    guard node.rhythm.isKnown else { return ceiling }
    let patience = node.rhythm.patience(
      deviations: deviations, interval: pace.heartbeatInterval)
    return min(max(patience, pace.intervals(floor)), ceiling)
  }

  // Alarms.

  /// How many alarms are held, void ones included.
  var alarmCount: Int { alarms.count }

  /// Makes sure that a node is looked at no later than it must be.
  mutating func setAlarm(_ id: NodeID, _ now: Instants) {
    guard let node = nodes[id] else { return }
    guard var deadline = deadline(of: node) else {
      nodes[id]?.alarmAt = nil
      return
    }
    if deadline <= now.monotonic {
      // Whoever is held, or held back, is overdue already.
      if let massSilence {
        deadline = massSilence.lookAgainAt
      } else if let until = heldBackUntil(node, now) {
        deadline = min(until, now.monotonic + intervals(configuration.massSilence.lookAgain))
      }
    }
    if let at = node.alarmAt, at <= deadline { return }
    nodes[id]?.alarmAt = deadline
    alarms.insert(NodeAlarm(at: deadline, node: id))
    if alarms.count > Self.alarmsPerNode * nodes.count + Self.fewAlarms { dropVoidAlarms() }
  }

  /// Of those that were heard since the next alarm was set, none rings it: who is woken would find that it is too early.
  /// Each is put off once for all that was heard of it until it comes up, so that a heartbeat costs a step in the heap
  /// on average.
  mutating func putOffAlarms() {
    guard massSilence == nil else { return }
    while let alarm = alarms.min {
      if let node = nodes[alarm.node], node.alarmAt == alarm.at {
        guard let deadline = deadline(of: node), deadline > alarm.at else { return }
        nodes[alarm.node]?.alarmAt = deadline
        alarms.replaceMin(with: NodeAlarm(at: deadline, node: alarm.node))
      } else {
        alarms.removeMin()
      }
    }
  }

  /// Void alarms go when their time comes; when there are many, before.
  private static let alarmsPerNode = 4
  /// So few are never worth the work.
  private static let fewAlarms = 64

  private mutating func dropVoidAlarms() {
    // In any order: a heap gives its elements in theirs.
    alarms = Heap(
      nodes.values.compactMap { node in node.alarmAt.map { NodeAlarm(at: $0, node: node.id) } })
  }

  private mutating func takeDue(_ now: Instants) -> [NodeID] {
    var due: [NodeID] = []
    while let alarm = alarms.min, alarm.at <= now.monotonic {
      alarms.removeMin()
      guard nodes[alarm.node]?.alarmAt == alarm.at else { continue }
      nodes[alarm.node]?.alarmAt = nil
      due.append(alarm.node)
    }
    return due
  }
}
