internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird

/// What could not be delivered.
enum DeadLetterRoutes {
  /// How many are asked for at a time: their events come with data, which lists leave out.
  static let chunk = 8

  static func routes(_ service: any ClusterService) -> [Route] {
    [list(service), one(service), replay(service), drop(service)]
  }

  private static func list(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/dead-letters",
      Operation(
        id: "listDeadLetters", summary: "Dead letters, oldest first, without their events' data.",
        parameters: [.from, .limit],
        answers: [.json(200, "The dead letters.", Schema.list("DeadLetter"))],
        problems: [.invalidInput])
    ) { request in
      var next = try request.query.integer("from", in: 0...Int64.max, default: 0)
      let limit = try request.query.limit()
      var letters: [DeadLetterResource] = []
      while letters.count < limit {
        let count = min(chunk, limit - letters.count)
        let some = try await service.deadLetters(
          from: DeliveryID(next), limit: count, for: request.caller)
        letters += some.map { DeadLetterResource($0, withData: false) }
        guard some.count == count, let last = some.last, last.id.number < .max else { break }
        next = last.id.number + 1
      }
      return try .list(letters)
    }
  }

  private static func one(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/dead-letters/{id}",
      Operation(
        id: "getDeadLetter", summary: "A dead letter, with its event's data.",
        answers: [.json(200, "The dead letter.", Schema.ref("DeadLetter"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let letter = try await service.deadLetter(try id(request), for: request.caller)
      return try .json(DeadLetterResource(letter))
    }
  }

  private static func replay(_ service: any ClusterService) -> Route {
    Route(
      .post, "/v1/dead-letters/{id}/replay",
      Operation(
        id: "replayDeadLetter", summary: "Make a dead letter a delivery again.",
        answers: [.init(status: 204, about: "It is on its way again.", content: [:])],
        problems: [.invalidInput, .notFound])
    ) { request in
      try await service.replayDeadLetter(try id(request), by: request.caller)
      return Response(status: .noContent)
    }
  }

  private static func drop(_ service: any ClusterService) -> Route {
    Route(
      .delete, "/v1/dead-letters/{id}",
      Operation(
        id: "dropDeadLetter", summary: "Forget a dead letter.",
        answers: [.init(status: 204, about: "It is gone.", content: [:])],
        problems: [.invalidInput, .notFound])
    ) { request in
      try await service.dropDeadLetter(try id(request), by: request.caller)
      return Response(status: .noContent)
    }
  }

  private static func id(_ request: APIRequest) throws(Problem) -> DeliveryID {
    DeliveryID(try request.number("id"))
  }
}
