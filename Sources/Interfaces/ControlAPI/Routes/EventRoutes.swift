internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// Events in, and what became of them.
enum EventRoutes {
  static func routes(_ service: any ClusterService) -> [Route] {
    [publish(service), status(service)]
  }

  static func publish(_ service: any EntranceService) -> Route {
    Route(
      .post, "/v1/events", body: .upTo(APILimits.structuredBody),
      Operation(
        id: "publishEvent",
        summary: """
          Publish a CloudEvents event, or a batch; it is on disk when this answers. One whose source and id \
          were published a moment ago is a duplicate: it is answered with where the first one is.
          """,
        parameters: [
          .query("topic", "Where it goes; else its topic attribute, else its type.")
        ],
        body: [
          EventReader.structuredType: Schema.ref("CloudEvent"),
          EventReader.batchType: Schema.array(Schema.ref("CloudEvent")),
          "*/*": Schema.bytes,
        ],
        answers: [
          .init(
            status: 202, about: "It is on disk. A batch is answered with a list.",
            content: [
              "application/json": [
                "oneOf": [Schema.ref("AcceptedEvent"), Schema.list("AcceptedEvent")]
              ]
            ], headers: ["Location": Schema.string])
        ], problems: [.invalidInput, .tooLarge, .overloaded])
    ) { request in
      switch try EventReader.events(in: request) {
      case .one(let event):
        let accepted = AcceptedEventResource(
          event, try await service.accept(event, by: request.caller))
        var headers: HTTPFields = [:]
        if let offset = accepted.offset { headers[.location] = "/v1/events/\(offset)" }
        return try .json(accepted, status: .accepted, headers: headers)
      case .batch(let events):
        return try .json(
          ListResource(items: try await publish(events, service, request.caller)),
          status: .accepted)
      }
    }
  }

  /// Publishes events one after the other; says how many were accepted when one is not.
  private static func publish(
    _ events: [Event], _ service: any EntranceService, _ caller: Caller
  ) async throws(Problem) -> [AcceptedEventResource] {
    var accepted: [AcceptedEventResource] = []
    for event in events {
      do throws(Problem) {
        accepted.append(AcceptedEventResource(event, try await service.accept(event, by: caller)))
      } catch {
        var problem = error
        problem.message += "; the first \(accepted.count) of \(events.count) events were accepted"
        throw problem
      }
    }
    return accepted
  }

  private static func status(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/events/{offset}",
      Operation(
        id: "getEvent", summary: "What became of an event.",
        parameters: [
          .query("wait", "How long to wait for it to settle, such as 500ms or 10s; at most 2m.")
        ],
        answers: [.json(200, "Delivery by delivery.", Schema.ref("EventStatus"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let patience = try request.query.duration("wait", atMost: APILimits.wait)
      let status = try await service.eventStatus(
        EventOffset(try request.number("offset")), patience: patience, for: request.caller)
      return try .json(EventStatusResource(status))
    }
  }
}
