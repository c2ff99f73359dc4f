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
  var isMassSilence: Bool {
    let rules = configuration.massSilence
    return census.members >= MassSilenceRules.smallestFleet
      && census.silentDomains >= MassSilenceRules.fewestFaultDomains
      && census.silent * 100 > census.members * rules.percent
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
    let entry = Census.Entry(standing: Self.standing(of: node), domain: domain)
    guard entry != node.counted else { return }
    if let counted = node.counted { census.remove(counted) }
    census.add(entry)
    nodes[id]?.counted = entry
  }

  private static func standing(of node: TrackedNode) -> Census.Standing {
    switch node.state {
    case .healthy, .degraded, .recovered: .heard
    case .suspect: node.graceUntil == nil ? .silent : .heard
    case .unavailable: node.silentUntil == nil ? .gone : .silent
    }
  }
}
