import ClusterModel

@testable import NodeTracking

/// What a tracker must know, found the simple way: every look goes over all nodes, and every rhythm is
/// made anew of all heartbeats. Nothing is counted along, nothing is put off.
struct NaiveTracker {
  struct Member {
    var registration: NodeRegistration
    var state: NodeState
    var heardAt: MonotonicInstant
    var scheduling = NodeScheduling.open
    var load = NodeLoad.idle
    var isOverloaded = false
    var sequence: UInt64 = 0
    /// Every gap between heartbeats that counts, in nanoseconds.
    var gaps: [Int64] = []
    var lastBeat: MonotonicInstant?
    var isCompared = true
    var isAwaited = false
    /// This start and all older ones have ended.
    var ended: UInt64?
    var graceUntil: MonotonicInstant?
    var silentUntil: MonotonicInstant?
  }

  let configuration: NodeTracker.Configuration
  var members: [NodeID: Member] = [:]
  var listeningSince = MonotonicInstant(nanoseconds: 0)
  var isHolding = false
  var isHoldingBack = false

  private func pace(_ member: Member) -> NodeTracker.Pace {
    if member.registration.punctuality == .ordinary, let pace = configuration.ordinary {
      return pace
    }
    return NodeTracker.Pace(
      heartbeatInterval: configuration.heartbeatInterval, silence: configuration.silence)
  }

  // Time.

  func deadline(_ member: Member) -> MonotonicInstant? {
    let rules = pace(member).silence
    let heard = max(member.heardAt, listeningSince)
    switch member.state {
    case .healthy, .degraded, .recovered:
      return heard
        + patience(
          member, rules.suspicionDeviations, rules.suspicionFloor...rules.suspicionCeiling)
    case .suspect:
      let deadline =
        heard + patience(member, rules.lossDeviations, rules.lossFloor...rules.lossCeiling)
      return max(deadline, member.graceUntil ?? deadline)
    case .unavailable: return member.silentUntil
    }
  }

  private func patience(
    _ member: Member, _ deviations: Int, _ bounds: ClosedRange<Int>
  ) -> Duration {
    let gaps = member.gaps.suffix(pace(member).silence.history)
    let length = pace(member).heartbeatInterval
    guard gaps.count >= 4 else { return length * bounds.upperBound }
    let interval = length.nanoseconds
    let mean = gaps.reduce(0, +) / Int64(gaps.count)
    let deviation = gaps.map { abs($0 - mean) }.reduce(0, +) / Int64(gaps.count)
    let patience = max(mean, interval) + Int64(deviations) * max(deviation, interval / 5)
    return min(
      max(.nanoseconds(patience), length * bounds.lowerBound), length * bounds.upperBound)
  }

  /// Until then a suspect in real time is not lost while many of those are silent.
  private func heldBackUntil(_ member: Member) -> MonotonicInstant? {
    guard let others = configuration.ordinary, member.state == .suspect,
      member.registration.punctuality == .realTime
    else { return nil }
    return max(member.heardAt, listeningSince)
      + others.heartbeatInterval * others.silence.lossFloor
  }

  /// Lets time pass, from one deadline to the next.
  mutating func advance(from start: MonotonicInstant, to end: MonotonicInstant) {
    var now = start
    while let next = members.values.flatMap({ [deadline($0), heldBackUntil($0)] })
      .compactMap({ $0 }).filter({ $0 > now && $0 <= end }).min()
    {
      now = next
      wake(now)
    }
  }

  mutating func wake(_ now: MonotonicInstant) {
    for id in members.keys.sorted() {
      guard let member = members[id], let deadline = deadline(member), deadline <= now else {
        continue
      }
      switch member.state {
      case .healthy, .degraded, .recovered: members[id]?.state = .suspect
      case .suspect: members[id]?.graceUntil = nil
      case .unavailable: members[id]?.silentUntil = nil
      }
    }
    endHoldingBack(now)
    let overdue = members.keys.sorted().filter { id in
      members[id].map { $0.state == .suspect && (deadline($0) ?? now) <= now } ?? false
    }
    if !overdue.isEmpty {
      if isMass {
        isHolding = true
      } else if !isHolding {
        for id in overdue { giveUp(id, now) }
      }
    }
    endHolding(now)
    endHoldingBack(now)
  }

  private mutating func giveUp(_ id: NodeID, _ now: MonotonicInstant) {
    if isMassInRealTime, let until = members[id].flatMap(heldBackUntil), until > now {
      isHoldingBack = true
      return
    }
    lose(id)
    let window = configuration.heartbeatInterval * configuration.massSilence.window
    let others = configuration.ordinary.map { $0.heartbeatInterval * $0.silence.lossCeiling }
    members[id]?.silentUntil = now + max(window, others ?? window)
  }

  mutating func endHolding(_ now: MonotonicInstant) {
    guard isHolding, !isMass else { return }
    isHolding = false
    listeningSince = now
  }

  private mutating func endHoldingBack(_ now: MonotonicInstant) {
    guard isHoldingBack else { return }
    if isMass {
      isHolding = true
      isHoldingBack = false
    } else if !isMassInRealTime {
      listeningSince = now
      isHoldingBack = false
    }
  }

  private var isMass: Bool { isMass(among: Array(members.values)) }

  private var isMassInRealTime: Bool {
    isMass(among: members.values.filter { $0.registration.punctuality == .realTime })
  }

  private func isMass(among part: [Member]) -> Bool {
    func belongs(_ member: Member) -> Bool {
      member.state != .unavailable || member.silentUntil != nil
    }
    let silent = part.filter {
      ($0.state == .suspect && $0.graceUntil == nil)
        || ($0.state == .unavailable && $0.silentUntil != nil)
    }
    let domains = Set(
      silent.map {
        $0.registration.capabilities.faultDomain.map { "domain \($0)" }
          ?? "node \($0.registration.node)"
      })
    return members.values.count(where: belongs) >= 4 && domains.count >= 2
      && silent.count * 2 > part.count(where: belongs)
  }

  // Inputs. Workers that are stuck have tests of their own.

  mutating func take(_ input: NodeTracker.Input, _ now: MonotonicInstant) {
    switch input {
    case .started: listeningSince = now
    case .expected(let registration):
      guard members[registration.node] == nil, members.count < configuration.maximumNodes else {
        break
      }
      var member = Member(registration: registration, state: .suspect, heardAt: now)
      member.isCompared = false
      member.graceUntil = now + configuration.grace
      members[registration.node] = member
    case .registered(let registration): register(registration, now)
    case .heartbeatReceived(let heartbeat, let arrival): hear(heartbeat, arrival)
    case .deathWitnessed(let id, let incarnation, let evidence):
      guard let member = members[id], incarnation >= member.registration.incarnation else { break }
      let wasLost = member.state == .unavailable
      if evidence != .connectionClosed { members[id]?.ended = incarnation.number }
      // To be silent is one thing, to be seen dead another; a connection that closes is no news of
      // one that is lost.
      if !wasLost || (evidence != .connectionClosed && member.silentUntil != nil) { lose(id) }
    case .cordonRequested(let id): members[id]?.scheduling = .cordoned
    case .uncordonRequested(let id): members[id]?.scheduling = .open
    case .drainRequested(let id): members[id]?.scheduling = .draining
    case .drainCompleted: break
    case .adopted(let id):
      guard let member = members[id], member.isAwaited else { break }
      members[id]?.isAwaited = false
      members[id]?.isCompared = true
      let state = member.state == .recovered ? well(member) : member.state
      members[id]?.state = state
    case .forgetRequested(let id): members[id] = nil
    case .deadlineReached: wake(now)
    }
    endHolding(now)
    endHoldingBack(now)
  }

  private func well(_ member: Member) -> NodeState { member.isOverloaded ? .degraded : .healthy }

  private mutating func lose(_ id: NodeID) {
    members[id]?.state = .unavailable
    members[id]?.isCompared = false
    members[id]?.isAwaited = false
    members[id]?.graceUntil = nil
    members[id]?.silentUntil = nil
  }

  private mutating func isHeard(_ id: NodeID, _ now: MonotonicInstant) {
    guard let member = members[id] else { return }
    members[id]?.heardAt = now
    members[id]?.graceUntil = nil
    members[id]?.silentUntil = nil
    let alive = well(member)
    switch member.state {
    case .healthy, .degraded: members[id]?.state = alive
    case .suspect, .unavailable, .recovered:
      if member.isCompared, member.state == .suspect {
        members[id]?.state = alive
      } else {
        members[id]?.state = .recovered
        members[id]?.isAwaited = true
      }
    }
  }

  private mutating func register(_ registration: NodeRegistration, _ now: MonotonicInstant) {
    let id = registration.node
    guard let member = members[id] else {
      guard members.count < configuration.maximumNodes else { return }
      members[id] = Member(registration: registration, state: .healthy, heardAt: now)
      return
    }
    let incarnation = registration.incarnation
    guard incarnation >= member.registration.incarnation,
      member.ended.map({ incarnation.number > $0 }) ?? true
    else {
      return
    }
    members[id]?.registration = registration
    if incarnation > member.registration.incarnation {
      members[id]?.load = .idle
      members[id]?.isOverloaded = false
      members[id]?.sequence = 0
      members[id]?.gaps = []
      members[id]?.lastBeat = nil
      members[id]?.isCompared = false
      members[id]?.state = .recovered
    }
    isHeard(id, now)
  }

  private mutating func hear(_ heartbeat: Heartbeat, _ arrival: MonotonicInstant) {
    let id = heartbeat.node
    guard let member = members[id], heartbeat.incarnation == member.registration.incarnation,
      member.ended.map({ heartbeat.incarnation.number > $0 }) ?? true,
      heartbeat.sequence > member.sequence
    else { return }
    let pace = pace(member)
    // Of whoever was heard since, in another way, it says nothing older.
    let now = max(arrival, member.heardAt)
    members[id]?.sequence = heartbeat.sequence
    members[id]?.load = heartbeat.load
    members[id]?.isOverloaded =
      heartbeat.load.cpuPercent >= (member.isOverloaded ? 85 : 95)
    if let last = member.lastBeat, last >= listeningSince, last <= now,
      now - last <= pace.heartbeatInterval * pace.silence.lossCeiling
    {
      members[id]?.gaps.append((now - last).nanoseconds)
    }
    members[id]?.lastBeat = now
    if heartbeat.heardAgo <= pace.heartbeatInterval * pace.silence.suspicionCeiling {
      isHeard(id, now)
    } else if member.state == .healthy || member.state == .degraded {
      let isOverloaded = members[id]?.isOverloaded == true
      members[id]?.state = isOverloaded ? .degraded : .healthy
    }
  }
}
