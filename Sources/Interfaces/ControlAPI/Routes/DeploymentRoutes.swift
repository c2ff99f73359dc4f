internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import ManifestYAML

/// What is to run.
enum DeploymentRoutes {
  /// What manifests are called in messages, wherever they came from.
  static let manifestFile = "wasmatrix.yaml"

  static func routes(_ service: any ClusterService) -> [Route] {
    [deploy(service), list(service), remove(service), rollBack(service)]
      + ScaleRoutes.routes(service)
  }

  private static func deploy(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/deployments", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "deploy", summary: "Deploy every module of an application, or change nothing.",
        body: ["application/json": Schema.ref("DeployRequest")],
        answers: [
          .init(
            status: 200, about: "A line for each step; the last one says how it ended.",
            content: [APIJSON.linesType: Schema.ref("DeployLine")])
        ], problems: [.invalidInput, .tooLarge])
    ) { request in
      let wanted = try request.json(DeployRequest.self)
      let manifest = try manifest(wanted.manifest)
      var versions: [ModuleName: ModuleVersion] = [:]
      for (name, version) in wanted.versions {
        versions[try APIRequest.checked(name)] = version
      }
      let wishes = versions
      let stream = DeployStream { progress throws(Problem) in
        try await service.deploy(
          manifest, versions: wishes, by: request.caller, progress: progress)
      }
      return stream.response
    }
  }

  static func manifest(_ text: String) throws(Problem) -> ApplicationManifest {
    do {
      return try ManifestReader.read(text, file: manifestFile)
    } catch {
      throw error.problem
    }
  }

  private static func list(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/deployments",
      Operation(
        id: "listDeployments", summary: "Every deployment, and how it is.",
        answers: [.json(200, "The deployments.", Schema.list("Deployment"))])
    ) { request in
      let deployments = try await service.deployments(for: request.caller)
      return try .list(deployments.map { DeploymentResource($0) })
    }
  }

  private static func rollBack(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/deployments/{name}/rollback", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "rollBack", summary: "Go back to what was deployed before under a module's name.",
        body: ["application/json": Schema.ref("RollbackRequest")],
        answers: [.json(200, "It serves now.", Schema.ref("Deployment"))],
        problems: [.invalidInput, .notFound, .conflict, .refused, .tooLarge]), isQuick: true
    ) { request in
      let name: ModuleName = try request.parameter("name")
      let wanted = try request.json(RollbackRequest.self)
      let status = try await service.rollBack(name, to: wanted.version, by: request.caller)
      return try .json(DeploymentResource(status))
    }
  }

  private static func remove(_ service: any ClusterService) -> Route {
    Route(
      .delete, "/v1/deployments/{name}",
      Operation(
        id: "undeploy", summary: "Remove an application, or one module's deployment.",
        parameters: [
          .query(
            "kind",
            "What the name is of; without it an application if there is one, else a module.",
            Schema.texts(UndeployKind.allCases))
        ],
        answers: [.json(200, "The modules that were removed.", Schema.ref("Removed"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let target = try await target(of: request, service)
      let removed = try await service.undeploy(target, by: request.caller)
      return try .json(RemovedResource(removed: removed))
    }
  }

  private static func target(of request: APIRequest, _ service: any ClusterService) async throws
    -> UndeployTarget
  {
    let application: ApplicationName = try request.parameter("name")
    let module: ModuleName = try request.parameter("name")
    guard let text = request.query["kind"] else {
      let deployments = try await service.deployments(for: request.caller)
      let isApplication = deployments.contains { $0.deployment.application == application }
      return isApplication ? .application(application) : .module(module)
    }
    guard let kind = UndeployKind(rawValue: text) else {
      throw QueryParameters.invalid(
        "kind=\(text.prefix(40)) is not known", next: "It can be application or module.")
    }
    switch kind {
    case .application: return .application(application)
    case .module: return .module(module)
    }
  }
}
