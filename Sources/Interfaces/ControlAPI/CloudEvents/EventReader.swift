internal import ClusterModel
internal import ControlAPIModel
internal import FoundationEssentials
internal import HTTPTypes
internal import HostPorts

/// What a request brought.
enum ReceivedEvents {
  case one(Event)
  case batch([Event])
}

/// Finds the events in a request, whichever way of the CloudEvents HTTP binding it chose.
enum EventReader {
  static let structuredType = "application/cloudevents+json"
  static let batchType = "application/cloudevents-batch+json"

  /// The events of `POST /v1/events`.
  static func events(in request: APIRequest) throws -> ReceivedEvents {
    var assembler = EventAssembler(namespace: request.caller.namespace)
    if let topic = request.query["topic"] { assembler.topic = try APIRequest.checked(topic) }
    let type = request.headers[.contentType].flatMap { MediaType($0) }
    if let type, type.essence.hasPrefix("application/cloudevents") {
      try check(type)
      return type.essence == batchType
        ? .batch(try StructuredEvent.batch(from: request.body, using: assembler))
        : .one(try StructuredEvent.event(from: request.body, using: assembler))
    }
    if !BinaryEvent.isPresent(in: request.headers) {
      guard assembler.topic != nil else { throw noEvent }
      assembler.defaults = defaults(source: "/v1/events", type: "wasmatrix.event")
    }
    let attributes = try BinaryEvent.attributes(in: request.headers)
    return .one(try assembler.event(from: attributes, data: request.body))
  }

  /// The event of `POST /v1/invoke/{module}`: attributes in headers, as far as there are any.
  static func invocation(in request: APIRequest) throws(Problem) -> Event {
    let assembler = EventAssembler(
      namespace: request.caller.namespace,
      defaults: defaults(source: "/v1/invoke", type: "wasmatrix.invoke"))
    let attributes = try BinaryEvent.attributes(in: request.headers)
    return try assembler.event(from: attributes, data: request.body)
  }

  private static func defaults(source: String, type: String) -> EventDefaults {
    EventDefaults(id: UUID().uuidString.lowercased(), source: source, type: type)
  }

  private static func check(_ type: MediaType) throws(ProblemAnswer) {
    let isKnown = type.essence == structuredType || type.essence == batchType
    guard isKnown, type.charset == nil || type.charset == "utf-8" else {
      throw ProblemAnswer(
        ProblemResource(
          status: 415, title: "The media type is not supported", code: "content_type_unsupported",
          detail:
            "events in the form \(type.essence) (\(type.charset ?? "utf-8")) are not read here",
          next: "Send \(structuredType) or \(batchType) in UTF-8, or the attributes as headers."))
    }
  }

  private static var noEvent: Problem {
    Problem(
      .invalidInput, code: "event_invalid", "the request has no CloudEvents attributes",
      next: "Send the headers ce-specversion, ce-id, ce-source and ce-type, or a body of "
        + "\(structuredType), or name a topic with ?topic=.")
  }
}
