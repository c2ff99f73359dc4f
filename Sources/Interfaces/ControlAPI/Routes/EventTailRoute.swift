internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// Events as they come, line by line.
enum EventTailRoute {
  /// How long one look waits for events.
  private static let patience = Duration.seconds(30)

  static func route(_ service: any EventTailService) -> Route {
    Route(
      .get, "/v1/events/tail",
      Operation(
        id: "tailEvents",
        summary:
          "Events as they come, also those of the cluster's own life ($wasmatrix/lifecycle/#).",
        parameters: [
          .query("topic", "Of which topics: a filter, with + and # as in MQTT."),
          .query("where", "Which of them: an event pattern, as JSON."),
          .query(
            "since", "The first offset; without it only what comes from now on.", Schema.integer),
        ],
        answers: [
          .init(
            status: 200,
            about: "A JSON object in each line: an event, or which offsets were missed.",
            content: [APIJSON.linesType: Schema.ref("TailLine")])
        ], problems: [.invalidInput, .overloaded])
    ) { request in
      let question = try question(request.query)
      // What is wrong with the question is said before the first line.
      let tail = try await service.tail(question, for: request.caller)
      let body = request.underlying.body
      return Response(
        status: .ok, headers: [.contentType: APIJSON.linesType],
        body: ResponseBody { writer in
          try await LineWriter.write(to: &writer, until: body) {
            (emit: LineWriter.Emit<TailLineResource>) in
            while !Task.isCancelled {
              for item in try await tail.next(patience: patience) {
                try await emit(TailLineResource(item))
              }
            }
          }
          try await writer.finish(nil)
        })
    }
  }

  private static func question(_ query: QueryParameters) throws(Problem) -> TailQuestion {
    guard let topic = query["topic"] else {
      throw QueryParameters.invalid(
        "the query names no topic", next: "Say topic=sensors/%23 for sensors/#.")
    }
    let filter: TopicFilter
    do throws(InvalidText) { filter = try TopicFilter(topic) } catch {
      throw QueryParameters.invalid(error.description)
    }
    let since: EventOffset? =
      query["since"] == nil
      ? nil : EventOffset(try query.integer("since", in: 0...(.max - 1), default: 0))
    return TailQuestion(topic: filter, pattern: try pattern(query["where"]), since: since)
  }

  private static func pattern(_ text: String?) throws(Problem) -> EventPattern? {
    guard let text else { return nil }
    do {
      return try APIJSON.decode(EventPattern.self, from: Array(text.utf8))
    } catch let error as InvalidPattern {
      throw QueryParameters.invalid(
        "where is no event pattern: \(error.message)", next: "Allowed is \(error.allowed).")
    } catch {
      throw QueryParameters.invalid(
        "where is not JSON", next: #"Say where={"type":["reading"]}, percent-encoded."#)
    }
  }
}
