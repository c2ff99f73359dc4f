internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// Events of the past, once more.
enum EventReplayRoute {
  static func route(_ service: any EventReplayService) -> Route {
    Route(
      .post, "/v1/events/replay", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "replayEvents",
        summary: """
          Deliver events again that are still kept, to the modules that want them now: a page of them. \
          Ask again with "from" as "next" says, until there is none.
          """,
        body: ["application/json": Schema.ref("ReplayRequest")],
        answers: [.json(200, "What was done.", Schema.ref("Replay"))],
        problems: [.invalidInput, .notFound, .tooLarge, .overloaded])
    ) { request in
      let wanted = try request.json(ReplayRequestResource.self).request()
      return try .json(ReplayResource(try await service.replay(wanted, by: request.caller)))
    }
  }
}
