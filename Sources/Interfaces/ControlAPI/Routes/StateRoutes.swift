internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird

/// State outside of modules.
enum StateRoutes {
  static func routes(_ state: any StateService) -> [Route] {
    [
      buckets(state), declare(state), remove(state), batch(state), list(state), get(state),
      StateWatchRoute.route(state),
    ]
  }

  private static func buckets(_ state: any StateService) -> Route {
    Route(
      .get, "/v1/state",
      Operation(
        id: "listBuckets", summary: "Every bucket, and what is in it.",
        answers: [.json(200, "By name.", Schema.list("Bucket"))])
    ) { request in
      try .list(try await state.buckets(for: request.caller).map { BucketResource($0) })
    }
  }

  private static func declare(_ state: any StateService) -> Route {
    Route(
      .put, "/v1/state/{bucket}", body: .upTo(APILimits.jsonBody),
      Operation(
        id: "declareBucket", summary: "Make a bucket, or change its limits.",
        body: ["application/json": Schema.ref("BucketRequest")],
        answers: [.json(200, "It is there.", Schema.ref("Bucket"))],
        problems: [.invalidInput, .conflict])
    ) { request in
      let name: BucketName = try request.parameter("bucket")
      let bucket = try request.json(BucketRequest.self).bucket(named: name)
      try await state.declareBucket(bucket, by: request.caller)
      let status = try await state.buckets(for: request.caller).first { $0.bucket.name == name }
      return try .json(
        BucketResource(
          status ?? BucketStatus(bucket: bucket, entries: 0, size: ByteCount(bytes: 0))))
    }
  }

  private static func remove(_ state: any StateService) -> Route {
    Route(
      .delete, "/v1/state/{bucket}",
      Operation(
        id: "removeBucket", summary: "Remove a bucket with all that is in it.",
        answers: [.init(status: 204, about: "It is gone.", content: [:])],
        problems: [.invalidInput, .notFound])
    ) { request in
      try await state.removeBucket(try request.parameter("bucket"), by: request.caller)
      return Response(status: .noContent)
    }
  }

  private static func batch(_ state: any StateService) -> Route {
    Route(
      .post, "/v1/state", body: .upTo(APILimits.stateBody),
      Operation(
        id: "writeState", summary: "Carry out all of some writes, or none.",
        body: ["application/json": Schema.ref("StateBatchRequest")],
        answers: [.json(200, "They are durable.", Schema.ref("StateBatch"))],
        problems: [.invalidInput, .notFound, .conflict, .tooLarge, .overloaded])
    ) { request in
      let writes = try request.json(StateBatchRequest.self).stateWrites()
      return try .json(
        StateBatchResource(revisions: try await state.writeState(writes, by: request.caller)))
    }
  }

  private static func list(_ state: any StateService) -> Route {
    Route(
      .get, "/v1/state/{bucket}",
      Operation(
        id: "listState", summary: "What is in a bucket, in the order of keys.",
        parameters: [
          .query("prefix", "Only keys that begin with this.", Schema.string),
          .query("after", "Only keys after this one.", Schema.string),
          .query("limit", "At most so many.", Schema.integer),
        ],
        answers: [.json(200, "The entries.", Schema.list("StateEntry"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      let entries = try await state.states(
        in: try request.parameter("bucket"), prefix: request.query["prefix"] ?? "",
        after: try key(request.query["after"]), limit: try request.query.limit(),
        for: request.caller)
      return try .list(entries.map { StateEntryResource($0) })
    }
  }

  private static func get(_ state: any StateService) -> Route {
    Route(
      .get, "/v1/state/{bucket}/entry",
      Operation(
        id: "getState", summary: "The value of a key.",
        parameters: [.query("key", "The key.", Schema.string)],
        answers: [.json(200, "The entry.", Schema.ref("StateEntry"))],
        problems: [.invalidInput, .notFound])
    ) { request in
      guard let key = try key(request.query["key"]) else {
        throw Problem(.invalidInput, code: "key_missing", "the query names no key")
      }
      return try .json(
        StateEntryResource(
          try await state.state(key, in: try request.parameter("bucket"), for: request.caller)))
    }
  }

  private static func key(_ text: String?) throws(Problem) -> StateKey? {
    guard let text else { return nil }
    do throws(InvalidText) { return try StateKey(text) } catch {
      throw Problem(.invalidInput, code: "key_invalid", error.description)
    }
  }
}
