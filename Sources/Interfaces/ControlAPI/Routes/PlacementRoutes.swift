internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// Where things run, and why.
enum PlacementRoutes {
  static func routes(_ service: any ClusterService) -> [Route] {
    [plan(service), explain(service)]
  }

  private static func plan(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/plan", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "plan", summary: "Where each module of an application would run, and why.",
        body: ["application/json": Schema.ref("PlanRequest")],
        answers: [.json(200, "One for each module.", Schema.list("Explanation"))],
        problems: [.invalidInput, .tooLarge])
    ) { request in
      let wanted = try request.json(PlanRequest.self)
      let manifest = try DeploymentRoutes.manifest(wanted.manifest)
      let explanations = try await service.plan(manifest, for: request.caller)
      return try .list(explanations)
    }
  }

  private static func explain(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/deployments/{name}/explanation",
      Operation(
        id: "explain", summary: "Where a deployed module would run now, and why.",
        answers: [.json(200, "Every node's verdict.", Schema.ref("Explanation"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let name: ModuleName = try request.parameter("name")
      return try .json(try await service.explain(name, for: request.caller))
    }
  }
}
