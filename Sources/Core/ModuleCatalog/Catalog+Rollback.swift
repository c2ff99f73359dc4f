import ClusterModel

// Back to what was deployed before.
extension Catalog {
  mutating func rollBack(
    _ name: QualifiedName, _ version: ModuleVersion?, _ request: RequestID,
    _ requester: Requester, _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let current = placed[name]?.deployment else {
      directives.append(
        .reply(
          request,
          .refused(
            Problem(
              .notFound, code: "not_deployed", "module \(name) is not deployed",
              next: "See what is with `wasmatrix ps`, or deploy it."))))
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
    if let problem = obstacle(to: key, [wish]) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    if let record = record(name, wish.version), let problem = problem(withSignersOf: record) {
      refuse(record, problem, request, requester, now, &directives)
      return
    }
    rollOut(key, [wish], removing: [], request, requester, now, &directives)
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
