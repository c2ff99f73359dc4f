internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird
internal import NIOCore

/// Runs a module now.
enum InvokeRoute {
  static func route(_ service: any EntranceService) -> Route {
    Route(
      .post, "/v1/invoke/{module}", body: .upTo(EventRules.maximumData),
      Operation(
        id: "invoke", summary: "Run a module now; the body is its input, the answer its output.",
        parameters: [
          .query(
            "timeout",
            "How long to wait for the answer: 500ms, 10s, 2m; an hour at most. The wall time of the "
              + "deployment and 5 s when missing."),
          .query(
            "idempotent",
            "Whether running it twice does no more than running it once: then it is run again when it "
              + "is not known what became of it.", ["type": "boolean", "default": false]),
          .header(
            APIHeader.callerZone,
            "The zone of the caller: what is near to it is preferred, rather than what is near to the "
              + "control plane."),
          .header(
            APIHeader.callerPlace,
            "Where the caller is, in the same sense: degrees of latitude and longitude, 48.2,16.4."),
        ],
        body: ["*/*": Schema.bytes],
        answers: [
          .init(
            status: 200, about: "What the module wrote to standard output.",
            content: [bytesType: Schema.bytes, "text/plain": Schema.string],
            headers: [APIHeader.cpuTime: Schema.integer, APIHeader.wallTime: Schema.integer])
        ],
        problems: [
          .invalidInput, .notFound, .conflict, .tooLarge, .overloaded, .guestFailed, .unavailable,
          .deadlineExceeded,
        ]), isQuick: true
    ) { request in
      let report = try await service.invoke(
        try request.parameter("module"), with: try EventReader.invocation(in: request),
        try options(request), by: request.caller)
      var headers = usage(report.usage)
      switch report.result {
      case .success(let output):
        headers[.contentType] = contentType(of: output, accepted: request.headers[.accept])
        return Response(
          status: .ok, headers: headers,
          body: ResponseBody(byteBuffer: ByteBuffer(bytes: output)))
      case .failure(let failure):
        let told = FailureResource(
          failure, log: String(decoding: report.log, as: UTF8.self),
          logTruncated: report.logTruncated)
        throw ProblemAnswer(ProblemResource(failure.problem, failure: told), headers: headers)
      }
    }
  }

  private static func options(_ request: APIRequest) throws(Problem) -> InvocationOptions {
    let timeout = try request.query.duration(
      "timeout", atMost: InvocationOptions.timeoutRange.upperBound)
    return InvocationOptions(
      timeout: timeout > .zero ? timeout : nil, isIdempotent: try request.query.bool("idempotent"),
      place: try place(request.headers))
  }

  private static func place(_ headers: HTTPFields) throws(Problem) -> CallerPlace? {
    func value(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    do {
      var zone: Zone?
      var coordinates: Coordinates?
      if let text = value(APIHeader.callerZone) { zone = try Zone(text) }
      if let text = value(APIHeader.callerPlace) { coordinates = try Coordinates(text: text) }
      return CallerPlace(zone: zone, coordinates: coordinates)
    } catch {
      throw Problem(
        .invalidInput, code: "caller_place_invalid", "where the caller is cannot be read: \(error)",
        next: "Correct \(APIHeader.callerZone) and \(APIHeader.callerPlace), or leave them out.")
    }
  }

  private static let bytesType = "application/octet-stream"

  /// Text only when it was asked for, and the output is such.
  private static func contentType(of output: [UInt8], accepted: String?) -> String {
    guard let accepted, String(validating: output, as: UTF8.self) != nil else { return bytesType }
    for part in accepted.split(separator: ",") {
      switch MediaType(String(part))?.essence {
      case "text/plain", "text/*": return "text/plain; charset=utf-8"
      case bytesType, "*/*": return bytesType
      case _: continue
      }
    }
    return bytesType
  }

  private static func usage(_ usage: ActivationUsage) -> HTTPFields {
    var headers: HTTPFields = [:]
    for (name, time) in [
      (APIHeader.cpuTime, usage.cpuTime), (APIHeader.wallTime, usage.wallTime),
    ] {
      if let field = HTTPField.Name(name) { headers[field] = String(time.nanoseconds / 1000) }
    }
    return headers
  }
}
