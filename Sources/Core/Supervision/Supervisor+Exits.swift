import ClusterModel

// What comes of a child that has ended, and of what people ask for.
extension Supervisor {
  /// A child has ended: notes it, and goes on with what waited for it.
  mutating func ended(
    _ incarnation: ChildIncarnation, _ exit: ChildExit, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let index = index(of: incarnation) else { return }
    switch children[index].phase {
    case .down, .waiting: break
    case .starting:
      let reason = Self.reasonOfFailedStart(exit)
      children[index].lastExit = .failure(reason)
      set(index, .down(.ended), now)
      directives.append(.report(.childStartFailed(incarnation, reason: reason)))
      startFailed(incarnation.child, .failure(reason), reason: reason, now, &directives)
    case .running(let since):
      if now.monotonic - since >= backOff.stableAfter { children[index].consecutiveRestarts = 0 }
      children[index].lastExit = exit
      set(index, .down(.ended), now)
      directives.append(.report(.childEnded(incarnation, exit)))
      deferred.append(.exit(incarnation.child, exit))
    case .stopping(_, let startAfterwards):
      children[index].lastExit = exit
      directives.append(.report(.childStopped(incarnation, exit)))
      stopped(index, startAfterwards: startAfterwards, now, &directives)
    }
  }

  private static func reasonOfFailedStart(_ exit: ChildExit) -> String {
    switch exit {
    case .normal, .shutdown: "it ended before it was started"
    case .failure(let reason): reason
    }
  }

  /// Someone wants something of a child: of what was wanted of it and not attended to yet, only the
  /// latest counts.
  mutating func requested(_ request: Deferred, of child: ChildID) {
    switch work {
    case .notStarted, .ended: break
    // What comes while all is stopped is forgotten with the end.
    case .starting, .attending, .stopping:
      deferred.removeAll { $0.isWish(about: child) }
      deferred.append(request)
    }
  }

  /// Looks at what has happened, as long as no group is being started or stopped, and starts what has
  /// waited long enough.
  mutating func attend(
    _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    while work == .attending {
      if !deferred.isEmpty {
        attend(to: deferred.removeFirst(), now, &random, &directives)
      } else if let due = children.first(where: { $0.isDue(now) }) {
        stopGroup(of: due.rules.id, now, &directives)
      } else {
        return
      }
    }
  }

  private mutating func attend(
    to happening: Deferred, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    switch happening {
    case .exit(let id, let exit):
      guard let index = index(of: id), children[index].phase == .down(.ended) else { return }
      switch children[index].rules.restart {
      case .permanent: restart(index, exit, now, &random, &directives)
      case .transient where exit.isAbnormal: restart(index, exit, now, &random, &directives)
      case .transient: break
      case .temporary: children.remove(at: index)
      }
    case .restart(let id):
      if let index = index(of: id) { restartAfresh(index, now, &directives) }
    case .terminate(let id):
      if let index = index(of: id) { terminate(index, now, &directives) }
    }
  }

  /// A child must be started again: counts it, then begins with its group, or gives up.
  private mutating func restart(
    _ index: Int, _ exit: ChildExit, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    let id = children[index].rules.id
    guard countRestart(now.monotonic) else {
      directives.append(
        .report(
          .escalated(id, after: exit, restarts: intensity.restarts, within: intensity.window)))
      stopAll(then: .intensityReached(id, exit), now, &directives)
      return
    }
    children[index].restarts += 1
    children[index].consecutiveRestarts += 1
    let delay = backOff.delay(
      beforeRestart: children[index].consecutiveRestarts, using: &random)
    directives.append(
      .report(.restarting(id, after: exit, restarts: children[index].restarts, delay: delay)))
    set(index, .waiting(until: now.monotonic + delay), now)
    stopGroup(of: id, now, &directives)
  }

  /// Whether one more restart is within the intensity.
  private mutating func countRestart(_ now: MonotonicInstant) -> Bool {
    recentRestarts.removeAll { now - $0 > intensity.window }
    recentRestarts.append(now)
    return recentRestarts.count <= intensity.restarts
  }

  /// Starts a fresh incarnation because someone asked for it.
  private mutating func restartAfresh(
    _ index: Int, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard children[index].rules.restart != .temporary else { return }
    switch children[index].phase {
    case .down: launch(index, now, &directives)
    case .waiting: set(index, .waiting(until: now.monotonic), now)
    case .starting, .running, .stopping:
      orderStop(index, startAfterwards: true, now, &directives)
    }
  }

  /// Takes a child down because someone asked for it.
  private mutating func terminate(
    _ index: Int, _ now: Instants, _ directives: inout [Directive]
  ) {
    switch children[index].phase {
    case .down: set(index, .down(.stopped), now)
    case .starting, .running, .stopping:
      orderStop(index, startAfterwards: false, now, &directives)
    case .waiting:
      let id = children[index].rules.id
      set(index, .down(.stopped), now)
      // Those that were stopped for its sake must not wait for it any longer.
      start(group(of: id).filter { $0 != id }, now, &directives)
    }
  }
}

extension Supervisor.Deferred {
  /// Whether somebody wants this of a child.
  func isWish(about child: ChildID) -> Bool { self == .restart(child) || self == .terminate(child) }
}

extension Supervisor.Child {
  /// Whether the back-off of this child is over.
  func isDue(_ now: Instants) -> Bool {
    guard case .waiting(let until) = phase else { return false }
    return until <= now.monotonic
  }
}
