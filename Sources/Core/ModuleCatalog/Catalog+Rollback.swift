import ClusterModel

// Back to what was deployed before.
extension Catalog {
  mutating func rollBack(
    _ name: QualifiedName, _ version: ModuleVersion?, _ request: RequestID,
    _ requester: Requester, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let current = placed[name]?.deployment else {
      directives.append(.reply(request, .refused(Self.notDeployed(name))))
      return
    }
    let wish: DeploymentWish
    switch target(of: current, version) {
    case .failure(let problem):
      directives.append(.reply(request, .refused(problem)))
      return
    case .success(let found): wish = found
    }
    let key = ApplicationKey(namespace: name.namespace, name: current.application)
    let (wishes, removed) = withItsTree(wish, of: current)
    if let problem = obstacle(to: key, wishes) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    for wish in wishes {
      if let record = record(QualifiedName(key.namespace, wish.name), wish.version),
        let problem = problem(withSignersOf: record)
      {
        refuse(record, problem, request, requester, now, &directives)
        return
      }
    }
    rollOut(key, wishes, removing: removed, request, requester, now, &directives)
  }

  /// Services go back together, to how they were deployed together.
  ///
  /// - Returns: the named one first; and the services that its tree had not then.
  private func withItsTree(
    _ wish: DeploymentWish, of current: Deployment
  ) -> (wishes: [DeploymentWish], removed: [QualifiedName]) {
    let now = current.configuration.serviceTree?.services ?? []
    let then = wish.configuration.serviceTree?.services ?? []
    let past = history[current.qualifiedName, default: []].last {
      $0.version == wish.version && $0.configuration == wish.configuration
    }
    var wishes = [wish]
    var removed: [QualifiedName] = []
    for service in Set(now + then).sorted() where service != wish.name {
      let name = QualifiedName(current.namespace, service)
      var companion = past.flatMap { past in
        history[name, default: []].last { $0.deployedAt == past.deployedAt }
      }
      // A version that was never deployed joins those that are.
      if companion == nil, then.contains(service) { companion = placed[name]?.deployment }
      if let companion {
        wishes.append(
          DeploymentWish(
            name: companion.name, version: companion.version,
            configuration: companion.configuration))
      } else if placed[name]?.deployment.application == current.application {
        removed.append(name)
      }
    }
    return (wishes, removed)
  }

  /// What to go back to: the newest deployment of `version`, or of another version than the current
  /// one. A version that is registered and was never deployed gets the current configuration.
  private func target(
    of current: Deployment, _ version: ModuleVersion?
  ) -> Result<DeploymentWish, Problem> {
    let name = current.qualifiedName
    let past = history[name, default: []].last {
      version == nil ? $0.version != current.version : $0.version == version
    }
    if let past {
      return .success(
        DeploymentWish(name: past.name, version: past.version, configuration: past.configuration))
    }
    guard let version else {
      return .failure(
        Problem(
          .notFound, code: "no_earlier_version",
          "no other version of \(name) than \(current.version) was ever deployed",
          next: "See its history with `wasmatrix modules \(name.name)`."))
    }
    guard record(name, version) != nil else {
      return .failure(Self.versionMissing(version, of: name))
    }
    return .success(
      DeploymentWish(name: name.name, version: version, configuration: current.configuration))
  }
}
