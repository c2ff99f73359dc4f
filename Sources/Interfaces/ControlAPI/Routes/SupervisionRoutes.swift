internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// The supervision tree of the server's process.
enum SupervisionRoutes {
  static func routes(_ supervision: any SupervisionService) -> [Route] {
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
          summary: "End a service as if it had crashed, to see that it comes back.",
          body: ["application/json": Schema.ref("KillRequest")],
          answers: [.json(202, "It is ending.", Schema.ref("KillRequest"))],
          problems: [.invalidInput, .notFound])
      ) { request in
        let wanted = try request.json(KillRequest.self)
        try await supervision.kill(path: wanted.child)
        return try .json(wanted, status: .accepted)
      },
    ]
  }
}
