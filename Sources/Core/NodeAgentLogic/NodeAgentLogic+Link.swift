import ClusterModel
import DequeModule

// Attaching, and signs of life.
extension NodeAgentLogic {
  /// Says that it is there and what it holds, until it is answered.
  mutating func attach(_ now: Instants, _ directives: inout [Directive]) {
    switch link {
    case .ended, .refused, .closed: return
    case .opening, .attaching, .attached: break
    }
    linkFailures = 0
    attachedUnder = term
    link = .attaching(againAt: now.monotonic + configuration.reportInterval)
    nextHeartbeat = nextHeartbeat ?? now.monotonic + heartbeatInterval
    reportSequence += 1
    reportAt = nil
    hasNews = false
    directives.append(.send(.attached(registration, report)))
  }

  mutating func welcomed(_ now: Instants) {
    guard case .attaching = link else { return }
    link = .attached
    recallAt = nil
    // From now on the control plane says what is to run.
    aloneUntil = nil
    nextHeartbeat = now.monotonic
  }

  mutating func closeLink(_ now: Instants, _ random: inout some RandomNumberGenerator) {
    switch link {
    case .ended, .refused, .closed: return
    case .opening, .attaching, .attached: break
    }
    nextHeartbeat = nil
    reportAt = nil
    let ceiling = min(
      configuration.initialLinkDelay * (1 << min(linkFailures, 16)),
      configuration.maximumLinkDelay)
    linkFailures += 1
    let wait = Int64.random(in: 0...ceiling.nanoseconds, using: &random)
    link = .closed(openAt: now.monotonic + .nanoseconds(wait))
    if recallAt == nil { expectControlPlane(now) }
  }

  mutating func beat(_ vitals: Vitals, _ now: Instants, _ directives: inout [Directive]) {
    switch link {
    case .attaching, .attached: break
    case .closed, .opening, .refused, .ended: return
    }
    heartbeatSequence += 1
    if sentHeartbeats.last.map({ now.monotonic - $0.at >= Self.rememberedSpacing }) ?? true {
      sentHeartbeats.append((heartbeatSequence, now.monotonic))
    }
    if sentHeartbeats.count > Self.rememberedHeartbeats { sentHeartbeats.removeFirst() }
    directives.append(
      .send(
        .heartbeat(
          Heartbeat(
            node: registration.node, incarnation: registration.incarnation,
            sequence: heartbeatSequence, progress: vitals.progress, isBusy: vitals.isBusy,
            heardAgo: heardAt.map { now.monotonic - $0 } ?? .zero, load: vitals.load))))
  }

  /// A heartbeat was acknowledged by a control plane that wants of this node just what it does.
  mutating func extendLease(
    _ sequence: UInt64, _ plan: PlanVersion, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard plan == self.plan, sequence <= heartbeatSequence,
      let sent = sentHeartbeats.last(where: { $0.sequence <= sequence })?.at
    else { return }
    let end = sent + LeaseRules.duration
    guard end > now.monotonic, leaseEnd.map({ $0 < end }) ?? true else { return }
    let hadNone = leaseEnd == nil
    leaseEnd = end
    if hadNone { adjustServing(now, &directives) }
  }

  /// Says what is held, and again until it is acknowledged.
  mutating func say(_ now: Instants, _ directives: inout [Directive]) {
    guard link == .attached else {
      // It is said when the agent has attached.
      reportAt = nil
      return
    }
    if hasNews {
      hasNews = false
      reportSequence += 1
    }
    reportAt = now.monotonic + configuration.reportInterval
    directives.append(.send(.reported(report)))
  }

  mutating func stop(_ directives: inout [Directive]) {
    for placement in held.keys.sorted() {
      if held[placement]?.serving != nil { directives.append(.pause(placement)) }
      discard(placement, &directives)
    }
    held = [:]
    releaseAll(&directives)
    isLeaving = true
    servicesMayDiffer = true
  }

  /// Nothing runs any more.
  mutating func leave(_ directives: inout [Directive]) {
    guard link != .ended else { return }
    switch link {
    case .attaching, .attached:
      directives.append(.send(.left(registration.node, registration.incarnation)))
    case .closed, .opening, .refused, .ended: break
    }
    link = .ended
    nextHeartbeat = nil
    reportAt = nil
    leaseEnd = nil
    recallAt = nil
    aloneUntil = nil
    directives.append(.end)
  }
}
