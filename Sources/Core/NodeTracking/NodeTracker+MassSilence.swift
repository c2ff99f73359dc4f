import ClusterModel

/// The control plane takes itself for the one that is cut off.
struct MassSilence: Hashable, Sendable {
  let alarm: NodeTracker.Alarm
  /// When those that are held are looked at again.
  var lookAgainAt: MonotonicInstant
}

// Many fall silent at once.
extension NodeTracker {
  /// Whether as many nodes are silent, in as many fault domains, as never fail together.
  var isMassSilence: Bool { isMass(census) }

  /// Whether that holds among a part of the fleet.
  func isMass(_ part: Census) -> Bool {
    census.members >= MassSilenceRules.smallestFleet
      && part.silentDomains >= MassSilenceRules.fewestFaultDomains
      && part.silent * 100 > part.members * configuration.massSilence.percent
  }

  /// How long a node that was lost to silence counts as silent: where some are judged later, until they could be lost,
  /// too.
  var silentWindow: Duration {
    let window = intervals(configuration.massSilence.window)
    guard configuration.ordinary != nil else { return window }
    let others = pace(.ordinary)
    return max(window, others.intervals(others.silence.lossCeiling))
  }

  /// Nobody is lost to silence for now.
  mutating func holdAll(_ now: Instants, _ directives: inout [Directive]) {
    let again = now.monotonic + intervals(configuration.massSilence.lookAgain)
    if let current = massSilence {
      if current.lookAgainAt <= now.monotonic { massSilence?.lookAgainAt = again }
      return
    }
    let alarm = Alarm.massSilence(
      silent: census.silent, of: census.members, faultDomains: census.silentDomains)
    massSilence = MassSilence(alarm: alarm, lookAgainAt: again)
    directives.append(.raiseAlarm(alarm))
  }

  /// Whoever is still silent then is given time anew: those that are heard again do not come all at
  /// once.
  mutating func endMassSilenceIfOver(_ now: Instants, _ directives: inout [Directive]) {
    guard let current = massSilence, !isMassSilence else { return }
    massSilence = nil
    listeningSince = now.monotonic
    directives.append(.clearAlarm(current.alarm))
  }

  /// Keeps the census right after a change of a node.
  mutating func recount(_ id: NodeID) {
    guard let node = nodes[id] else { return }
    let domain: Census.Domain =
      node.registration.capabilities.faultDomain.map { .named($0) } ?? .alone(id)
    let entry = Census.Entry(
      standing: Self.standing(of: node), domain: domain, punctuality: node.registration.punctuality)
    guard entry != node.counted else { return }
    discount(node)
    census.add(entry)
    switch entry.punctuality {
    case .realTime: realTimeCensus.add(entry)
    case .ordinary: break
    }
    nodes[id]?.counted = entry
  }

  /// Takes back how a node was counted.
  mutating func discount(_ node: TrackedNode) {
    guard let counted = node.counted else { return }
    census.remove(counted)
    switch counted.punctuality {
    case .realTime: realTimeCensus.remove(counted)
    case .ordinary: break
    }
  }

  private static func standing(of node: TrackedNode) -> Census.Standing {
    switch node.state {
    case .healthy, .degraded, .recovered: .heard
    case .suspect: node.graceUntil == nil ? .silent : .heard
    case .unavailable: node.silentUntil == nil ? .gone : .silent
    }
  }
}
