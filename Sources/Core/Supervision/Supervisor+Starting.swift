import ClusterModel

// Starting children, in order.
extension Supervisor {
  mutating func begin(_ now: Instants, _ directives: inout [Directive]) {
    switch work {
    case .notStarted:
      work = .starting(nil, remaining: children.map(\.rules.id), isFirst: true)
      startNext(now, &directives)
    case .starting, .stopping, .attending, .ended: break
    }
  }

  /// A child serves.
  mutating func started(
    _ incarnation: ChildIncarnation, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let index = index(of: incarnation), children[index].phase == .starting else { return }
    set(index, .running(since: now.monotonic), now)
    directives.append(.report(.childStarted(incarnation)))
    if case .starting(incarnation.child, _, _) = work { startNext(now, &directives) }
  }

  /// The child that had to be started could not be.
  mutating func startFailed(
    _ id: ChildID, _ failure: ChildExit, reason: String, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    if case .starting(id, _, isFirst: true) = work {
      stopAll(then: .startFailed(id, reason: reason), now, &directives)
      return
    }
    deferred.append(.exit(id, failure))
    // What happened meanwhile comes first; then its group begins again, as one restart more.
    if case .starting(id, _, isFirst: false) = work { work = .attending }
  }

  /// Starts the group of a child whose back-off is over, or that child alone.
  mutating func startGroup(
    of id: ChildID, _ now: Instants, _ directives: inout [Directive]
  ) {
    switch strategy {
    case .oneForOne:
      work = .attending
      if let index = index(of: id) { launch(index, now, &directives) }
    case .oneForAll, .restForOne: start(group(of: id), now, &directives)
    }
  }

  /// Starts those of some children that are down, one after the other.
  mutating func start(_ ids: [ChildID], _ now: Instants, _ directives: inout [Directive]) {
    work = .starting(nil, remaining: ids, isFirst: false)
    startNext(now, &directives)
  }

  /// Starts the next child that has to be, or is done with starting.
  private mutating func startNext(_ now: Instants, _ directives: inout [Directive]) {
    guard case .starting(_, var remaining, let isFirst) = work else { return }
    while !remaining.isEmpty {
      let id = remaining.removeFirst()
      guard let index = index(of: id), !children[index].isAlive else { continue }
      work = .starting(id, remaining: remaining, isFirst: isFirst)
      launch(index, now, &directives)
      return
    }
    work = .attending
    if isFirst { directives.append(.started) }
  }

  /// Begins the next incarnation of a child.
  mutating func launch(_ index: Int, _ now: Instants, _ directives: inout [Directive]) {
    precondition(!children[index].isAlive, "two incarnations of a child at once")
    children[index].incarnation += 1
    set(index, .starting, now)
    // It is started afresh, as whoever asked for it before wanted.
    deferred.removeAll { $0 == .restart(children[index].rules.id) }
    directives.append(.startChild(children[index].current))
  }

  // Finding children.

  /// Those that are stopped and started with a child that failed, in order, itself included.
  func group(of id: ChildID) -> [ChildID] {
    let ids = children.map(\.rules.id)
    return switch strategy {
    case .oneForOne: [id]
    case .oneForAll: ids
    case .restForOne: Array(ids.drop { $0 != id })
    }
  }

  func index(of id: ChildID) -> Int? { children.firstIndex { $0.rules.id == id } }

  /// The place of a child whose present or latest incarnation this is.
  func index(of incarnation: ChildIncarnation) -> Int? {
    children.firstIndex { $0.current == incarnation }
  }

  mutating func set(_ index: Int, _ phase: Child.Phase, _ now: Instants) {
    children[index].phase = phase
    children[index].since = now.wall
  }
}
