public import ClusterModel

// Nodes in real time are judged sooner than others, and what follows from that.
//
// Where a control plane is cut off, all nodes fall silent at once, but those in real time are overdue before the others
// are suspected: that all are silent is not known yet. So when many of those in real time are silent, in several fault
// domains, none of them is lost before the others would have been suspected.
extension NodeTracker {
  /// What a node is to leave between two heartbeats where that is more than all are told at first
  /// (``Configuration/heartbeatInterval``); else `nil`.
  public func ownInterval(of id: NodeID) -> Duration? {
    guard let node = nodes[id] else { return nil }
    let interval = pace(of: node).heartbeatInterval
    return interval > configuration.heartbeatInterval ? interval : nil
  }

  func pace(of node: TrackedNode) -> Pace { pace(node.registration.punctuality) }

  func pace(_ punctuality: HeartbeatPunctuality) -> Pace {
    let usual = Pace(heartbeatInterval: heartbeatInterval, silence: configuration.silence)
    switch punctuality {
    case .realTime: return usual
    case .ordinary:
      guard let ordinary = configuration.ordinary else { return usual }
      return Pace(
        heartbeatInterval: max(ordinary.heartbeatInterval, heartbeatInterval),
        silence: ordinary.silence)
    }
  }

  /// Until when a suspect in real time is not lost, because others may be as silent; `nil` when it is not held back.
  func heldBackUntil(_ node: TrackedNode, _ now: Instants) -> MonotonicInstant? {
    guard configuration.ordinary != nil, node.state == .suspect,
      node.registration.punctuality == .realTime, isMass(realTimeCensus)
    else { return nil }
    let others = pace(.ordinary)
    // Their floor of loss lies above their ceiling of suspicion.
    let until = max(node.heardAt, listeningSince) + others.intervals(others.silence.lossFloor)
    return until > now.monotonic ? until : nil
  }

  /// One that is overdue is lost, or held back.
  mutating func giveUp(_ id: NodeID, _ now: Instants, _ directives: inout [Directive]) {
    guard let node = nodes[id] else { return }
    if heldBackUntil(node, now) == nil {
      lose(id, .silence, now, &directives)
    } else {
      isHoldingBack = true
    }
  }

  /// Either all are silent, and mass silence holds them; or many are heard again, and those that are not are given time
  /// anew: they do not come all at once.
  mutating func endHoldingBackIfOver(_ now: Instants, _ directives: inout [Directive]) {
    guard isHoldingBack else { return }
    if isMassSilence {
      isHoldingBack = false
      holdAll(now, &directives)
    } else if !isMass(realTimeCensus) {
      isHoldingBack = false
      listeningSince = now.monotonic
    }
  }
}
