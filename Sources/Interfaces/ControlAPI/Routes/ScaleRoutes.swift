internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// On how many nodes things run.
enum ScaleRoutes {
  static func routes(_ service: any ClusterService) -> [Route] {
    [scale(service), plan(service)]
  }

  private static func scale(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/deployments/{name}/scale", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "scale", summary: "Change on how many nodes a module serves, with the version it has.",
        body: ["application/json": Schema.ref("ScaleRequest")],
        answers: [
          .init(
            status: 200, about: "A line for each step; the last one says how it ended.",
            content: [APIJSON.linesType: Schema.ref("DeployLine")])
        ], problems: [.invalidInput, .tooLarge])
    ) { request in
      let name: ModuleName = try request.parameter("name")
      let wanted = try request.json(ScaleRequest.self)
      let stream = DeployStream { progress throws(Problem) in
        [
          try await service.scale(
            name, to: wanted.replicas, by: request.caller, progress: progress)
        ]
      }
      return stream.response
    }
  }

  private static func plan(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/deployments/{name}/scale/plan", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "planScale", summary: "Where a module would serve with so many replicas, and why.",
        body: ["application/json": Schema.ref("ScaleRequest")],
        answers: [.json(200, "Every node's verdict.", Schema.ref("Explanation"))],
        problems: [.invalidInput, .notFound, .conflict, .tooLarge])
    ) { request in
      let name: ModuleName = try request.parameter("name")
      let wanted = try request.json(ScaleRequest.self)
      return try .json(
        try await service.planScale(name, to: wanted.replicas, for: request.caller))
    }
  }
}
