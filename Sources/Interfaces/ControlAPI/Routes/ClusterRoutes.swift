internal import ClusterModel
internal import ControlAPIModel
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
      Route(
        .get, "/v1/placements",
        Operation(
          id: "listPlacements", summary: "What is ready to run, and where.",
          answers: [.json(200, "The placements.", Schema.list("Placement"))])
      ) { request in
        try .list(try await service.placements(for: request.caller).map { PlacementResource($0) })
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
}
