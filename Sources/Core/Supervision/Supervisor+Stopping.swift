import ClusterModel

// Stopping children, in reverse order.
extension Supervisor {
  mutating func stop(_ now: Instants, _ directives: inout [Directive]) {
    switch work {
    case .notStarted:
      work = .ended(.shutdown)
      directives.append(.ended(.shutdown))
    case .starting, .attending, .stopping(_, _, then: .restart):
      stopAll(then: .shutdown, now, &directives)
    case .stopping(_, _, then: .end), .ended: break
    }
  }

  /// Stops everything; nothing is started again.
  mutating func stopAll(
    then exit: SupervisorExit, _ now: Instants, _ directives: inout [Directive]
  ) {
    work = .stopping(nil, remaining: children.map(\.rules.id).reversed(), then: .end(exit))
    stopNext(now, &directives)
  }

  /// Stops what has to be started again with a child that failed.
  mutating func stopGroup(of id: ChildID, _ now: Instants, _ directives: inout [Directive]) {
    let others = group(of: id).filter { $0 != id }
    work = .stopping(nil, remaining: others.reversed(), then: .restart(id))
    stopNext(now, &directives)
  }

  /// Stops the next child that has to be, or goes on with what comes after.
  private mutating func stopNext(_ now: Instants, _ directives: inout [Directive]) {
    guard case .stopping(_, var remaining, let aftermath) = work else { return }
    while !remaining.isEmpty {
      let id = remaining.removeFirst()
      guard let index = index(of: id) else { continue }
      // The group takes care of it: an exit that was not looked at yet is no restart of its own.
      deferred.removeAll { entry in
        switch entry {
        case .exit(id, _), .restart(id): true
        case .exit, .restart, .terminate: false
        }
      }
      guard children[index].isAlive else {
        settle(index, now)
        continue
      }
      work = .stopping(id, remaining: remaining, then: aftermath)
      orderStop(index, startAfterwards: false, now, &directives)
      return
    }
    switch aftermath {
    case .restart(let id):
      work = .attending
      if isDue(id, now) { startGroup(of: id, now, &directives) }
    case .end(let exit):
      work = .ended(exit)
      deferred = []
      directives.append(.ended(exit))
    }
  }

  private func isDue(_ id: ChildID, _ now: Instants) -> Bool {
    guard let index = index(of: id) else { return false }
    return children[index].isDue(now)
  }

  /// Asks a child to end, unless that was done already.
  mutating func orderStop(
    _ index: Int, startAfterwards: Bool, _ now: Instants, _ directives: inout [Directive]
  ) {
    let child = children[index]
    switch child.phase {
    case .down, .waiting: break
    case .stopping(let deadline, _):
      children[index].phase = .stopping(deadline: deadline, startAfterwards: startAfterwards)
    case .starting, .running:
      var deadline: MonotonicInstant?
      switch child.rules.shutdown {
      case .within(let timeout):
        deadline = now.monotonic + timeout
        directives.append(.stopChild(child.current, timeout: timeout))
      case .infinity: directives.append(.stopChild(child.current, timeout: nil))
      case .brutalKill: directives.append(.killChild(child.current))
      }
      set(index, .stopping(deadline: deadline, startAfterwards: startAfterwards), now)
    }
  }

  /// A child that had to stop is down.
  mutating func stopped(
    _ index: Int, startAfterwards: Bool, _ now: Instants, _ directives: inout [Directive]
  ) {
    let id = children[index].rules.id
    if startAfterwards {
      set(index, .down(.stopped), now)
      // Something else may have been wanted of it since.
      if !deferred.contains(where: { $0.isWish(about: id) }) { deferred.append(.restart(id)) }
    } else {
      settle(index, now)
    }
    if case .stopping(id, _, _) = work { stopNext(now, &directives) }
  }

  /// A child is down and remains so for now; a temporary one for ever.
  mutating func settle(_ index: Int, _ now: Instants) {
    if children[index].rules.restart == .temporary {
      children.remove(at: index)
    } else {
      set(index, .down(.stopped), now)
    }
  }

  /// Kills the children whose time has run out.
  mutating func wake(_ now: Instants, _ directives: inout [Directive]) {
    for (index, child) in children.enumerated() {
      guard case .stopping(let deadline?, let startAfterwards) = child.phase,
        deadline <= now.monotonic
      else { continue }
      children[index].phase = .stopping(deadline: nil, startAfterwards: startAfterwards)
      directives.append(.report(.shutdownTimedOut(child.current)))
      directives.append(.killChild(child.current))
    }
  }
}
