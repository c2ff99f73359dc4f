public import ClusterModel
public import Supervision

// Services: modules that run for long, supervised by the tree of their application.
//
//     all of the tree serve here ──> running ──any of them serves no more, or is another──> stopping
//            ▲                          │ the tree gives up                                    │ all down
//            │                          ▼                                                      ▼
//            └────newer orders──── all placements failed                                     gone
//
// Never two trees of an application at once: the next one begins when the former is gone.
extension NodeAgentLogic {
  /// Of whom a tree is.
  struct ServiceOwner: Hashable, Comparable, Sendable {
    var namespace: Namespace
    var application: ApplicationName
    /// The one service that is held by hand, by itself; `nil` for the tree of the application.
    var byHand: ModuleName?
    static func < (left: Self, right: Self) -> Bool {
      (left.namespace, left.application, left.byHand?.text ?? "")
        < (right.namespace, right.application, right.byHand?.text ?? "")
    }
  }

  /// A tree that runs, or is being stopped.
  struct RunningServices: Sendable {
    /// The services by their names.
    let deployments: [ModuleName: Deployment]
    var tree: SupervisionTree
    var runs: [ServiceRunID: SupervisionTree.Life] = [:]
    var isStopping = false
    /// When what still runs of a tree that is stopping is killed, whatever its services were promised.
    var killAt: MonotonicInstant?

    /// What it stands for on this node; two of the same are the same tree.
    var placements: [ModuleName: PlacementID] { deployments.mapValues(\.placement) }
    var mustStopAlone: Bool {
      deployments.values.contains { $0.configuration.placement.isolation == .stop }
    }
  }

  /// What the node is given to stop its services when it ends itself: the supervisor of its agent waits
  /// 5 s.
  static let farewell = Duration.seconds(2)

  /// Lets run what should, and stops what should not.
  mutating func adjustServices(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard servicesMayDiffer else { return }
    servicesMayDiffer = false
    let wanted = wantedServices
    for owner in Set(wanted.keys).union(services.keys).sorted() {
      let members = wanted[owner]
      if let running = services[owner] {
        guard !running.isStopping, running.deployments != members else { continue }
        stopServices(of: owner, now, &random, &directives)
      } else if let members, let tree = tree(of: members, owner), !isHeld(by: owner, members) {
        services[owner] = RunningServices(
          deployments: members, tree: SupervisionTree(tree.plan))
        tellTree(of: owner, .startRequested, now, &random, &directives)
      }
    }
    guard !services.values.contains(where: \.isStopping) else { return }
    fulfilled = plan
    if isLeaving { leave(&directives) }
  }

  private func tree(
    of members: [ModuleName: Deployment], _ owner: ServiceOwner
  ) -> ServiceTree? {
    let tree = members.values.first?.configuration.serviceTree
    return owner.byHand.map { tree?.alone($0) } ?? tree
  }

  /// Whether a service of a tree still runs by hand, or one that is wanted by hand in its tree.
  private func isHeld(by owner: ServiceOwner, _ members: [ModuleName: Deployment]) -> Bool {
    services.contains { other, running in
      other != owner && other.namespace == owner.namespace
        && !Set(running.deployments.keys).isDisjoint(with: members.keys)
    }
  }

  /// The trees of which every service serves here, and services that are held by hand.
  private var wantedServices: [ServiceOwner: [ModuleName: Deployment]] {
    guard !isLeaving else { return [:] }
    return plannedServices.merging(servicesByHand) { planned, _ in planned }
  }

  private var plannedServices: [ServiceOwner: [ModuleName: Deployment]] {
    var found: [ServiceOwner: [ModuleName: Deployment]] = [:]
    for there in held.values {
      let deployment = there.order.deployment
      guard deployment.configuration.serviceTree != nil, there.serving != nil else { continue }
      let owner = ServiceOwner(
        namespace: deployment.namespace, application: deployment.application)
      found[owner, default: [:]][deployment.name] = deployment
    }
    return found.filter { _, members in
      // They are deployed together; in between two deployments there may be some of each.
      guard let tree = members.values.first?.configuration.serviceTree else { return false }
      return Set(tree.services) == Set(members.keys)
        && Set(members.values.map(\.deployedAt)).count == 1
        && members.values.allSatisfy { $0.configuration.serviceTree == tree }
    }
  }

  private mutating func stopServices(
    of owner: ServiceOwner, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    guard let running = services[owner] else { return }
    services[owner]?.isStopping = true
    var killAt: MonotonicInstant?
    // Whoever takes over waits until the lease that this node has now is over, and no longer.
    if running.mustStopAlone { killAt = leaseEnd ?? now.monotonic }
    if isLeaving {
      killAt = min(killAt ?? now.monotonic + Self.farewell, now.monotonic + Self.farewell)
    }
    services[owner]?.killAt = killAt
    tellTree(of: owner, .stopRequested, now, &random, &directives)
    if let killAt, killAt <= now.monotonic { killServices(of: owner, &directives) }
  }

  private mutating func killServices(of owner: ServiceOwner, _ directives: inout [Directive]) {
    services[owner]?.killAt = nil
    for run in services[owner]?.runs.keys.sorted() ?? [] { directives.append(.killService(run)) }
  }

  /// A lease is over: what has not stopped by then is killed.
  mutating func killIsolated(_ now: Instants, _ directives: inout [Directive]) {
    for owner in services.keys.sorted() {
      guard let killAt = services[owner]?.killAt, killAt <= now.monotonic else { continue }
      killServices(of: owner, &directives)
    }
  }

  mutating func serviceStarted(
    _ run: ServiceRunID, _ now: Instants, _ random: inout some RandomNumberGenerator,
    _ directives: inout [Directive]
  ) {
    guard let (owner, life) = owner(of: run) else { return }
    tellTree(of: owner, .serviceStarted(life), now, &random, &directives)
  }

  mutating func serviceEnded(
    _ run: ServiceRunID, _ exit: ChildExit, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    guard let (owner, life) = owner(of: run) else { return }
    services[owner]?.runs[run] = nil
    tellTree(of: owner, .serviceEnded(life, exit), now, &random, &directives)
  }

  private func owner(of run: ServiceRunID) -> (ServiceOwner, SupervisionTree.Life)? {
    for (owner, running) in services {
      if let life = running.runs[run] { return (owner, life) }
    }
    return nil
  }

  mutating func wakeServices(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    killIsolated(now, &directives)
    for owner in services.keys.sorted() {
      guard let due = services[owner]?.tree.nextDeadline, due <= now.monotonic else { continue }
      tellTree(of: owner, .deadlineReached, now, &random, &directives)
    }
  }

  private mutating func tellTree(
    of owner: ServiceOwner, _ input: SupervisionTree.Input, _ now: Instants,
    _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    for order in services[owner]?.tree.handle(input, at: now, using: &random) ?? [] {
      switch order {
      case .start(let life): start(life, of: owner, &directives)
      case .stop(let life, _):
        if let run = run(of: life, owner) { directives.append(.stopService(run)) }
      case .kill(let life):
        if let run = run(of: life, owner) { directives.append(.killService(run)) }
      case .report(let path, let event):
        directives.append(
          .report(.service(owner.namespace, owner.application, path: path, event)))
      case .ended(let exit): servicesEnded(owner, exit, now, &directives)
      }
    }
  }

  private mutating func start(
    _ life: SupervisionTree.Life, of owner: ServiceOwner, _ directives: inout [Directive]
  ) {
    let name = life.path.split(separator: "/").last.map { ModuleName(unchecked: String($0)) }
    guard let name, let placement = services[owner]?.deployments[name]?.placement else { return }
    lastServiceRun += 1
    let run = ServiceRunID(placement: placement, number: lastServiceRun, start: life.start)
    services[owner]?.runs[run] = life
    directives.append(.startService(run))
  }

  private func run(of life: SupervisionTree.Life, _ owner: ServiceOwner) -> ServiceRunID? {
    services[owner]?.runs.first { $0.value == life }?.key
  }

  /// A tree is down: it was stopped, or has given up.
  private mutating func servicesEnded(
    _ owner: ServiceOwner, _ exit: SupervisorExit, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    guard let running = services.removeValue(forKey: owner) else { return }
    servicesMayDiffer = true
    if let name = owner.byHand {
      servicesEndedByHand(
        QualifiedName(owner.namespace, name),
        running.isStopping ? nil : Self.givenUp(owner.application, exit), &directives)
    } else if !running.isStopping {
      let problem = Self.givenUp(owner.application, exit)
      let failed = running.deployments.values.sorted { $0.name < $1.name }
        .filter { held[$0.placement]?.order.deployment == $0 }.map(\.placement)
      for placement in failed { held[placement]?.condition = .failed(problem) }
      adjustServing(now, &directives)
      for placement in failed { discard(placement, &directives) }
    }
    hasNews = true
  }

  private static func givenUp(
    _ application: ApplicationName, _ exit: SupervisorExit
  ) -> Problem {
    Problem(
      .guestFailed, code: "services_failed",
      "the services of \(application) were given up", cause: exit.asChild.text,
      next: "Read the log of the service with `wasmatrix logs`, and deploy a version that runs.")
  }

  /// When services have to be looked at.
  var servicesDeadline: MonotonicInstant? {
    services.values.flatMap { [$0.tree.nextDeadline, $0.killAt] }.compactMap { $0 }.min()
  }

  /// How a service of a placement is; `nil` when it runs no service.
  public func serviceState(of placement: PlacementID) -> (status: ChildStatus, starts: Int)? {
    for running in services.values {
      guard let name = running.placements.first(where: { $0.value == placement })?.key,
        let status = running.tree.status(of: ChildID(unchecked: name.text))
      else { continue }
      return (status, running.tree.starts(of: ChildID(unchecked: name.text)))
    }
    return nil
  }

  /// The run of a service that there is now; `nil` when it is down.
  public func serviceRun(of name: QualifiedName) -> ServiceRunID? {
    services.values.flatMap(\.runs.keys).filter { $0.placement.name == name }.max()
  }
}
