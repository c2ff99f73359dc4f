import ClusterModel

// Deployments, from the wish to the placement.
extension Catalog {
  mutating func deploy(
    _ application: ApplicationName, _ wishes: [DeploymentWish], _ request: RequestID,
    _ requester: Requester, _ now: Instants, _ directives: inout [Directive]
  ) {
    let key = ApplicationKey(namespace: requester.namespace, name: application)
    if let problem = obstacle(to: key, wishes) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    if let (record, problem) = revoked(among: wishes, requester) {
      refuse(record, problem, request, requester, now, &directives)
      return
    }
    let kept = Set(wishes.map { QualifiedName(requester.namespace, $0.name) })
    let removed = members(of: key).filter { !kept.contains($0) }
    rollOut(key, wishes, removing: removed, request, requester, now, &directives)
  }

  /// Refuses to run a version, and puts that on record.
  mutating func refuse(
    _ record: ModuleVersionRecord, _ problem: Problem, _ request: RequestID,
    _ requester: Requester, _ now: Instants, _ directives: inout [Directive]
  ) {
    let event = SecurityEvent(
      kind: .placementRefused, at: now.wall, principal: requester.principal,
      namespace: requester.namespace, subject: "\(record.name)@\(record.version)",
      reason: problem.code, detail: problem.message)
    persist([.appendSecurityEvent(event)], then: .refuse(request, problem), &directives)
  }

  /// Begins to bring new generations up.
  mutating func rollOut(
    _ key: ApplicationKey, _ wishes: [DeploymentWish], removing removed: [QualifiedName],
    _ request: RequestID, _ requester: Requester, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    var deployments: [Deployment] = []
    for wish in wishes {
      let name = QualifiedName(key.namespace, wish.name)
      guard let record = record(name, wish.version) else { continue }
      deployments.append(
        Deployment(
          namespace: key.namespace, application: key.name, name: wish.name,
          version: wish.version, digest: record.digest, configuration: wish.configuration,
          generation: nextGeneration(of: name), deployedAt: now.wall))
    }
    rollouts[key] = Rollout(
      request: request, requester: requester, deployments: deployments, removed: removed,
      waiting: Set(deployments.map(\.placement)))
    directives.append(.progress(request, .accepted(deployments.map(\.name))))
    for deployment in deployments {
      guard let record = record(deployment.qualifiedName, deployment.version) else { continue }
      directives.append(.startPlacement(deployment, record, for: request))
    }
  }

  private func revoked(
    among wishes: [DeploymentWish], _ requester: Requester
  ) -> (ModuleVersionRecord, Problem)? {
    for wish in wishes {
      if let record = record(QualifiedName(requester.namespace, wish.name), wish.version),
        let problem = problem(withSignersOf: record)
      {
        return (record, problem)
      }
    }
    return nil
  }

  /// Never one that was given out before, so that late news of an abandoned placement is known as
  /// such.
  private mutating func nextGeneration(of name: QualifiedName) -> Int {
    let last = max(placed[name]?.deployment.generation ?? 0, generations[name] ?? 0)
    generations[name] = last + 1
    return last + 1
  }

  /// Why the application cannot be deployed; `nil` when it can be tried.
  func obstacle(to key: ApplicationKey, _ wishes: [DeploymentWish]) -> Problem? {
    guard !wishes.isEmpty else {
      return Problem(
        .invalidInput, code: "application_empty", "application \(key.name) has no modules")
    }
    guard !isChanging(key) else { return Self.inProgress(key) }
    guard leaving.isDisjoint(with: members(of: key)) else { return Self.leaving(key) }
    for wish in wishes {
      let name = QualifiedName(key.namespace, wish.name)
      guard record(name, wish.version) != nil else {
        return Self.versionMissing(wish.version, of: name)
      }
      let owner = owner(of: name)
      guard owner == nil || owner == key.name else {
        return Problem(
          .conflict, code: "name_taken",
          "module name \(name) belongs to application \(owner?.text ?? "")",
          next: "Give the module another name, or undeploy the other application first.")
      }
    }
    return nil
  }

  private func isChanging(_ key: ApplicationKey) -> Bool {
    rollouts.keys.contains { $0.overlaps(key) }
  }

  /// The application that a module name belongs to, or is just being deployed with.
  private func owner(of name: QualifiedName) -> ApplicationName? {
    placed[name]?.deployment.application
      ?? rollouts.first { $0.value.deployments.contains { $0.qualifiedName == name } }?.key.name
  }

  private static func inProgress(_ key: ApplicationKey) -> Problem {
    Problem(
      .conflict, code: "deploy_in_progress", "application \(key.name) is just being deployed",
      next: "Try again when that is done.")
  }

  private static func leaving(_ key: ApplicationKey) -> Problem {
    Problem(
      .conflict, code: "undeploy_in_progress", "application \(key.name) is just being undeployed",
      next: "Try again when that is done.")
  }

  /// The deployed modules of an application, sorted.
  private func members(of key: ApplicationKey) -> [QualifiedName] {
    placed.keys.sorted().filter { name in
      name.namespace == key.namespace && placed[name]?.deployment.application == key.name
    }
  }

  mutating func placementReady(
    _ id: PlacementID, _ now: Instants, _ directives: inout [Directive]
  ) {
    if let key = rollout(of: id) {
      rollouts[key]?.waiting.remove(id)
      guard let rollout = rollouts[key] else { return }
      directives.append(.progress(rollout.request, .ready(id.name.name)))
      guard rollout.waiting.isEmpty else { return }
      persist(changes(for: rollout, key, now), then: .deploy(key), &directives)
    } else if placed[id.name]?.deployment.generation == id.generation {
      guard placed[id.name]?.state != .ready else { return }
      placed[id.name]?.state = .ready
      directives.append(.routeReadiness(id.name, isReady: true))
    } else if !rollouts.values.contains(where: { $0.deployments.contains { $0.placement == id } }) {
      // It was given up, or replaced, while it was being prepared.
      directives.append(.stopPlacement(id))
    }
  }

  mutating func placementLost(_ id: PlacementID, _ directives: inout [Directive]) {
    guard placed[id.name]?.deployment.generation == id.generation,
      placed[id.name]?.state == .ready
    else { return }
    placed[id.name]?.state = .preparing
    directives.append(.routeReadiness(id.name, isReady: false))
  }

  mutating func placementFailed(
    _ id: PlacementID, _ problem: Problem, _ directives: inout [Directive]
  ) {
    if let key = rollout(of: id) {
      abandon(key, problem, &directives)
    } else if placed[id.name]?.deployment.generation == id.generation {
      placed[id.name]?.state = .failed(problem)
      directives.append(.routeReadiness(id.name, isReady: false))
    }
  }

  private func rollout(of id: PlacementID) -> ApplicationKey? {
    rollouts.first { $0.value.waiting.contains(id) }?.key
  }

  private func changes(
    for rollout: Rollout, _ key: ApplicationKey, _ now: Instants
  ) -> [CatalogChange] {
    var changes: [CatalogChange] = rollout.deployments.map { .putDeployment($0) }
    changes += rollout.removed.map { .removeDeployment($0.namespace, $0.name) }
    for deployment in rollout.deployments {
      changes.append(
        .appendSecurityEvent(
          SecurityEvent(
            kind: .deploymentChanged, at: now.wall, principal: rollout.requester.principal,
            namespace: key.namespace, subject: "\(deployment.name)@\(deployment.version)",
            reason: "ok",
            detail: "application \(key.name), generation \(deployment.generation)")))
    }
    return changes
  }

  /// The new generations are durable: they take over.
  mutating func deployed(
    _ key: ApplicationKey, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let rollout = rollouts.removeValue(forKey: key) else { return }
    directives.append(.progress(rollout.request, .persisted))
    var replaced: [Directive] = []
    for deployment in rollout.deployments {
      let name = deployment.qualifiedName
      if let old = placed[name] {
        let canReturn = problem(with: old.deployment) == nil
        replaced.append(
          canReturn
            ? .retainPlacement(old.deployment.placement) : .stopPlacement(old.deployment.placement))
      }
      placed[name] = Placed(deployment: deployment, state: .ready)
      history[name, default: []].append(deployment)
      directives.append(.promotePlacement(deployment.placement))
    }
    for name in rollout.removed {
      if let old = placed.removeValue(forKey: name)?.deployment {
        replaced.append(.withdrawPlacement(old.placement))
      }
    }
    // A key may have been revoked while this was being made durable.
    let problem = stopRevoked(rollout.deployments.map(\.qualifiedName), now, &directives)
    directives.append(.route(routed))
    directives += replaced
    directives.append(
      .reply(rollout.request, problem.map { .refused($0) } ?? .deployed(rollout.deployments)))
  }

  /// The old generations stay; what was begun of the new ones is stopped.
  mutating func abandon(
    _ key: ApplicationKey, _ problem: Problem, _ directives: inout [Directive]
  ) {
    guard let rollout = rollouts.removeValue(forKey: key) else { return }
    for deployment in rollout.deployments {
      directives.append(.stopPlacement(deployment.placement))
    }
    directives.append(.reply(rollout.request, .refused(problem)))
  }

  mutating func undeploy(
    _ wish: UndeployTarget, _ request: RequestID, _ requester: Requester, _ now: Instants,
    _ directives: inout [Directive]
  ) {
    let names: [QualifiedName]
    let wanted: String
    let application: ApplicationName?
    switch wish {
    case .application(let name):
      wanted = "application \(name)"
      application = name
      names = members(of: ApplicationKey(namespace: requester.namespace, name: name))
    case .module(let name):
      wanted = "module \(name)"
      let qualified = QualifiedName(requester.namespace, name)
      application = owner(of: qualified)
      names = placed[qualified] == nil ? [] : [qualified]
    }
    if let application {
      let key = ApplicationKey(namespace: requester.namespace, name: application)
      guard !isChanging(key), leaving.isDisjoint(with: names) else {
        let problem = isChanging(key) ? Self.inProgress(key) : Self.leaving(key)
        directives.append(.reply(request, .refused(problem)))
        return
      }
    }
    if let problem = remainder(of: names) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    guard !names.isEmpty else {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .notFound, code: "not_deployed", "\(wanted) is not deployed",
              next: "See what is with `wasmatrix ps`."))))
      return
    }
    leaving.formUnion(names)
    var changes: [CatalogChange] = names.map { .removeDeployment($0.namespace, $0.name) }
    changes += names.map { name in
      .appendSecurityEvent(
        SecurityEvent(
          kind: .deploymentRemoved, at: now.wall, principal: requester.principal,
          namespace: name.namespace, subject: name.name.text, reason: "ok", detail: wanted))
    }
    persist(changes, then: .undeploy(request, names), &directives)
  }

  /// Services are taken away with all of their tree, or not at all.
  private func remainder(of names: [QualifiedName]) -> Problem? {
    for name in names {
      guard let deployment = placed[name]?.deployment,
        let tree = deployment.configuration.serviceTree,
        let other = tree.services.first(where: { service in
          !names.contains(QualifiedName(name.namespace, service))
        })
      else { continue }
      return Problem(
        .conflict, code: "service_shared",
        "\(name) is supervised together with \(other)",
        next: "Undeploy application \(deployment.application), or deploy it without the service.")
    }
    return nil
  }

  mutating func undeployed(
    _ names: [QualifiedName], _ request: RequestID, _ directives: inout [Directive]
  ) {
    leaving.subtract(names)
    let stopped = names.compactMap { placed.removeValue(forKey: $0)?.deployment.placement }
    directives.append(.route(routed))
    for placement in stopped { directives.append(.withdrawPlacement(placement)) }
    directives.append(.reply(request, .undeployed(names.map(\.name))))
  }
}
