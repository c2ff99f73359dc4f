internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// What changes in a bucket, line by line.
enum StateWatchRoute {
  /// How long one look waits for changes.
  private static let patience = Duration.seconds(30)

  static func route(_ state: any StateService) -> Route {
    Route(
      .get, "/v1/state/{bucket}/watch",
      Operation(
        id: "watchState", summary: "What is in a bucket, and then what changes.",
        parameters: [
          .query("prefix", "Only keys that begin with this.", Schema.string),
          .query("after", "Only what was written after this revision.", Schema.integer),
        ],
        answers: [
          .init(
            status: 200, about: "A JSON object in each line.",
            content: [APIJSON.linesType: Schema.ref("StateChange")])
        ], problems: [.invalidInput, .notFound, .conflict])
    ) { request in
      let bucket: BucketName = try request.parameter("bucket")
      let prefix = request.query["prefix"] ?? ""
      let after = try revision(request.query)
      let caller = request.caller
      // What is wrong with the question is said before the first line.
      let first = try await state.stateChanges(
        in: bucket, prefix: prefix, after: after, patience: .zero, for: caller)
      let body = request.underlying.body
      return Response(
        status: .ok, headers: [.contentType: APIJSON.linesType],
        body: ResponseBody { writer in
          try await LineWriter.write(to: &writer, until: body) {
            (emit: LineWriter.Emit<StateChangeResource>) in
            var newest = after ?? .none
            var changes = first
            while !Task.isCancelled {
              for change in changes {
                try await emit(StateChangeResource(change))
                newest = max(newest, change.revision)
              }
              changes = try await state.stateChanges(
                in: bucket, prefix: prefix, after: newest, patience: patience, for: caller)
            }
          }
          try await writer.finish(nil)
        })
    }
  }

  private static func revision(_ query: QueryParameters) throws(Problem) -> StateRevision? {
    guard query["after"] != nil else { return nil }
    return StateRevision(try query.integer("after", in: 0...(.max), default: 0))
  }
}
