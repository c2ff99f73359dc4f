internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import Supervision

/// The supervision tree of the server's process, and the services of applications.
enum SupervisionRoutes {
  static func routes(
    _ supervision: any SupervisionService, _ cluster: any ClusterService
  ) -> [Route] {
    [
      Route(
        .get, "/v1/supervision",
        Operation(
          id: "showSupervision",
          summary: "The services of the server, and how often each restarted.",
          answers: [.json(200, "The tree.", Schema.ref("Supervision"))])
      ) { _ in
        try .json(await supervision.status())
      },
      Route(
        .post, "/v1/supervision/kill", body: .upTo(APILimits.jsonBody),
        Operation(
          id: "killChild",
          summary:
            "End a service of the server, of a node, or APPLICATION/MODULE, as if it had crashed.",
          body: ["application/json": Schema.ref("KillRequest")],
          answers: [.json(202, "It is ending.", Schema.ref("KillRequest"))],
          problems: [.invalidInput, .notFound, .conflict, .unavailable])
      ) { request in
        let wanted = try request.json(KillRequest.self)
        if let node = wanted.node {
          try await cluster.kill(child: wanted.child, on: node, by: request.caller)
        } else {
          try await kill(wanted.child, supervision, cluster, request.caller)
        }
        return try .json(wanted, status: .accepted)
      },
    ]
  }

  /// What does not begin at the top of the server's tree is a service of an application.
  private static func kill(
    _ path: String, _ supervision: any SupervisionService, _ cluster: any ClusterService,
    _ caller: Caller
  ) async throws {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts[0] != (await supervision.status().name),
      ApplicationName.isValid(parts[0]), ModuleName.isValid(parts[1])
    else { return try await supervision.kill(path: path) }
    try await cluster.killService(
      ModuleName(unchecked: parts[1]), of: ApplicationName(unchecked: parts[0]), by: caller)
  }
}
