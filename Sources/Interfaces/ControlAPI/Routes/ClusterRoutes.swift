internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// How the cluster is.
enum ClusterRoutes {
  static func routes(_ service: any ClusterService) -> [Route] {
    [
      Route(
        .get, "/v1/nodes",
        Operation(
          id: "listNodes", summary: "Every node, and how it is.",
          answers: [.json(200, "The nodes.", Schema.list("Node"))])
      ) { request in
        try .list(try await service.nodes(for: request.caller).map { NodeResource($0) })
      },
      command(.post, "/v1/nodes/{node}/cordon", .cordon, "Give a node nothing new.", service),
      command(.post, "/v1/nodes/{node}/uncordon", .uncordon, "Give a node work again.", service),
      command(.post, "/v1/nodes/{node}/drain", .drain, "Move a node's work away.", service),
      forget(service),
      Route(
        .post, "/v1/nodes/{node}/chaos", body: .upTo(APILimits.jsonBody),
        Operation(
          id: "disturbNode", summary: "Break a node on purpose, to see that others take over.",
          body: ["application/json": Schema.ref("DisturbRequest")],
          answers: [.json(202, "It was told to.", Schema.ref("DisturbRequest"))],
          problems: [.invalidInput, .conflict])
      ) { request in
        let wanted = try request.json(DisturbRequest.self)
        let node: NodeID = try request.parameter("node")
        try await service.disturb(node, try wanted.disturbance(), by: request.caller)
        return try .json(wanted, status: .accepted)
      },
      Route(
        .get, "/v1/nodes/{node}/supervision",
        Operation(
          id: "showNodeSupervision",
          summary: "The services of a node's agent, and how often each restarted.",
          answers: [.json(200, "The tree.", Schema.ref("Supervision"))],
          problems: [.conflict, .unavailable])
      ) { request in
        try .json(
          try await service.supervision(
            of: try request.parameter("node"), for: request.caller))
      },
      Route(
        .get, "/v1/placements",
        Operation(
          id: "listPlacements", summary: "What is ready to run, and where.",
          answers: [.json(200, "The placements.", Schema.fleetList("Placement"))])
      ) { request in
        let answer = try await service.placements(for: request.caller)
        return try .json(FleetListResource(answer) { PlacementResource($0) })
      },
      Route(
        .get, "/v1/distribution",
        Operation(
          id: "listDistribution",
          summary: "How far versions are on their way to the nodes that should hold them.",
          parameters: [.query("module", "Of this module alone.")],
          answers: [.json(200, "Each version on each node.", Schema.fleetList("Distribution"))],
          problems: [.invalidInput])
      ) { request in
        let module: ModuleName? = try request.query["module"].map { (text) throws(Problem) in
          try APIRequest.checked(text)
        }
        let answer = try await service.distribution(of: module, for: request.caller)
        return try .json(FleetListResource(answer) { DistributionResource($0) })
      },
      Route(
        .get, "/v1/doctor",
        Operation(
          id: "diagnose", summary: "What the cluster finds about its own health.",
          answers: [.json(200, "The findings.", Schema.list("Finding"))])
      ) { request in
        try .list(try await service.diagnose(for: request.caller))
      },
    ]
  }

  private static func command(
    _ method: HTTPRequest.Method, _ path: PathPattern, _ command: NodeCommand, _ summary: String,
    _ service: any ClusterService
  ) -> Route {
    Route(
      method, path,
      Operation(
        id: "\(command.rawValue)Node", summary: summary,
        answers: [.json(200, "It is durable.", Schema.ref("NodeScheduling"))],
        problems: [.invalidInput, .notFound, .conflict])
    ) { request in try await carryOut(command, request, service) }
  }

  private static func forget(_ service: any ClusterService) -> Route {
    Route(
      .delete, "/v1/nodes/{node}",
      Operation(
        id: "forgetNode", summary: "Forget a node that is gone, or shut one out.",
        parameters: [
          .query("force", "Whether one that is alive is evicted. Default: false.", Schema.bool)
        ],
        answers: [.json(200, "It is durable.", Schema.ref("NodeScheduling"))],
        problems: [.invalidInput, .notFound, .conflict])
    ) { request in
      try await carryOut(request.query.bool("force") ? .evict : .forget, request, service)
    }
  }

  private static func carryOut(
    _ command: NodeCommand, _ request: APIRequest, _ service: any ClusterService
  ) async throws -> Response {
    let node: NodeID = try request.parameter("node")
    let scheduling = try await service.command(command, node, by: request.caller)
    return try .json(NodeSchedulingResource(node: node, scheduling: scheduling))
  }
}
