internal import ClusterModel
internal import ControlAPIModel
internal import HostPorts
internal import Hummingbird
internal import NIOCore

/// What modules wrote to standard error.
enum LogRoute {
  static func route(_ service: any ClusterService) -> Route {
    Route(
      .get, "/v1/logs/{module}",
      Operation(
        id: "getLogs", summary: "What a module wrote to standard error, line by line.",
        parameters: [
          .query("follow", "Whether to go on with the lines that come.", Schema.bool)
        ],
        answers: [
          .init(
            status: 200, about: "A JSON object in each line.",
            content: [APIJSON.linesType: Schema.ref("LogLine")])
        ], problems: [.invalidInput, .notFound])
    ) { request in
      let follow = try request.query.bool("follow")
      let lines = try await service.logs(
        of: try request.parameter("module"), follow: follow, for: request.caller)
      let body = request.underlying.body
      return Response(
        status: .ok, headers: [.contentType: APIJSON.linesType],
        body: ResponseBody { writer in
          if follow {
            try await LineWriter.write(to: &writer, until: body) {
              (emit: LineWriter.Emit<LogLine>) in
              for await line in lines { try await emit(line) }
            }
          } else {
            for await line in lines { try await writer.write(ByteBuffer.line(line)) }
          }
          try await writer.finish(nil)
        })
    }
  }
}
