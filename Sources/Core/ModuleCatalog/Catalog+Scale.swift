public import ClusterModel

// How many nodes serve a deployment.
extension Catalog {
  /// The same version with the same settings on another number of nodes: a generation of its own, so that
  /// the history shows it, and that it serves when all of it is ready.
  mutating func scale(
    _ name: QualifiedName, _ replicas: Int, _ request: RequestID, _ requester: Requester,
    _ now: Instants, _ directives: inout [Directive]
  ) {
    guard let current = placed[name]?.deployment else {
      directives.append(.reply(request, .refused(Self.notDeployed(name))))
      return
    }
    if let problem = Self.obstacle(toScaling: current, replicas) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    // Many modules of an application may be scaled at the same time.
    let key = ApplicationKey(
      namespace: name.namespace, name: current.application, part: current.name)
    var wish = DeploymentWish(
      name: current.name, version: current.version, configuration: current.configuration)
    wish.configuration.placement.replicas = replicas
    if let problem = obstacle(to: key, [wish]) {
      directives.append(.reply(request, .refused(problem)))
      return
    }
    guard replicas != current.configuration.placement.replicas else {
      directives.append(.reply(request, .deployed([current])))
      return
    }
    if let record = record(name, wish.version), let problem = problem(withSignersOf: record) {
      refuse(record, problem, request, requester, now, &directives)
      return
    }
    rollOut(key, [wish], removing: [], request, requester, now, &directives)
  }

  static func notDeployed(_ name: QualifiedName) -> Problem {
    Problem(
      .notFound, code: "not_deployed", "module \(name) is not deployed",
      next: "See what is with `wasmatrix ps`, or deploy it.")
  }

  /// Why a deployment cannot have so many replicas; `nil` when it can be tried.
  public static func obstacle(toScaling current: Deployment, _ replicas: Int) -> Problem? {
    let range = PlacementRules.Range.replicas
    guard range.contains(replicas) else {
      return Problem(
        .invalidInput, code: "replicas_invalid", "\(replicas) replicas are not allowed",
        next: "It can be \(range.lowerBound) to \(range.upperBound).")
    }
    guard current.configuration.kind != .service else {
      return Problem(
        .conflict, code: "module_is_service",
        "\(current.name) is a service: all services of application \(current.application) are placed "
          + "together",
        next: "Change `replicas` in the manifest, under supervision.placement, and deploy it.")
    }
    return nil
  }
}
