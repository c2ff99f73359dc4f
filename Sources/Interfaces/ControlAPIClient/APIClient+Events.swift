public import ClusterModel
public import ControlAPIModel
public import HostPorts
internal import NIOHTTP1

extension APIClient {
  /// Runs a module now.
  ///
  /// - Parameters:
  ///   - data: its standard input.
  ///   - contentType: the media type of the data.
  ///   - options: its timeout is sent in whole milliseconds.
  public func invoke(
    _ module: ModuleName, data: [UInt8], contentType: String = "application/octet-stream",
    _ options: InvocationOptions = InvocationOptions()
  ) async throws(Problem) -> InvocationOutcome {
    var query: [(String, String)] = []
    if let timeout = options.timeout {
      query.append(("timeout", "\(Int64(timeout.milliseconds))ms"))
    }
    if options.isIdempotent { query.append(("idempotent", "true")) }
    var headers: HTTPHeaders = ["Content-Type": contentType]
    if let zone = options.place?.zone { headers.add(name: APIHeader.callerZone, value: zone.text) }
    if let place = options.place?.coordinates {
      headers.add(
        name: APIHeader.callerPlace, value: "\(place.latitude),\(place.longitude)")
    }
    let answer = try await answer(
      to: Call(
        method: .POST, path: ["v1", "invoke", module.text], query: query,
        headers: headers, body: data,
        timeout: Self.invocationTimeout))
    guard answer.isSuccess else {
      let problem = problem(of: answer)
      guard problem.failure != nil else { throw problem.problem }
      return .failed(problem)
    }
    return .succeeded(
      InvocationResult(
        output: answer.body, cpuTime: answer.microseconds(APIHeader.cpuTime),
        wallTime: answer.microseconds(APIHeader.wallTime)))
  }

  /// Publishes data to a topic, as an event whose other attributes the server makes. When this
  /// returns, the event is on the server's disk.
  ///
  /// - Parameter contentType: the media type of the data, if it has one.
  public func publish(_ data: [UInt8], to topic: Topic, contentType: String? = nil)
    async throws(Problem) -> AcceptedEventResource
  {
    var headers: HTTPHeaders = [:]
    if let contentType { headers.add(name: "Content-Type", value: contentType) }
    return try await value(
      AcceptedEventResource.self,
      of: Call(
        method: .POST, path: ["v1", "events"], query: [("topic", topic.text)], headers: headers,
        body: data))
  }

  /// What became of an event.
  ///
  /// - Parameter patience: how long to wait for it to settle, at most ``APILimits/wait``.
  public func eventStatus(_ offset: EventOffset, patience: Duration = .zero)
    async throws(Problem) -> EventStatusResource
  {
    let wait = min(max(patience, .zero), APILimits.wait)
    return try await value(
      EventStatusResource.self,
      of: Call(
        path: ["v1", "events", String(offset.number)],
        query: [("wait", "\(wait.nanoseconds / 1_000_000)ms")],
        timeout: wait + Self.callTimeout))
  }

  /// Events as they come.
  ///
  /// - Parameters:
  ///   - pattern: which of them, an event pattern as JSON.
  ///   - since: the first offset; `nil` for what comes from now on.
  public func tailEvents(
    on topic: TopicFilter, matching pattern: String? = nil, since: EventOffset? = nil
  ) async throws(Problem) -> LineSequence<TailLineResource> {
    var call = Call(
      path: ["v1", "events", "tail"],
      query: [
        ("topic", topic.text), ("where", pattern), ("since", since.map { String($0.number) }),
      ])
    call.timeout = Self.followingTimeout
    return try await lines(TailLineResource.self, of: call)
  }

  /// Delivers events of the past again, page by page.
  ///
  /// - Parameters:
  ///   - slowDown: what is done when the server has too much to do already.
  ///   - step: told after each page what was done in it.
  public func replay(
    _ request: ReplayRequest, slowDown: SlowDown, step: (ReplayResource) -> Void
  ) async throws(Problem) {
    var request = request
    while true {
      let body = ReplayRequestResource(request)
      let page = try await slowDown.honour { () async throws(Problem) in
        try await value(
          ReplayResource.self, of: json(.POST, ["v1", "events", "replay"], body))
      }
      step(page)
      guard let next = page.next else { return }
      request.from = .offset(next)
      // A bound in time stays: events are compared with it one by one.
      if case .time? = request.through { continue }
      request.through = .offset(page.through)
    }
  }

  /// What a module wrote to standard error: what is kept and then, with `follow`, what comes.
  public func logs(of module: ModuleName, follow: Bool = false) async throws(Problem)
    -> LineSequence<LogLineResource>
  {
    var call = Call(
      path: ["v1", "logs", module.text], query: [("follow", follow ? "true" : nil)])
    if follow { call.timeout = Self.followingTimeout }
    return try await lines(LogLineResource.self, of: call)
  }

  /// Longer than anyone looks on: a year.
  static let followingTimeout = Duration.seconds(365 * 86_400)

  /// Dead letters from `id` on, oldest first, without the data of their events.
  ///
  /// - Parameter limit: 1 to 1000.
  public func deadLetters(
    from id: DeliveryID = DeliveryID(0), limit: Int = APILimits.defaultPage
  ) async throws(Problem) -> [DeadLetterResource] {
    try await value(
      ListResource<DeadLetterResource>.self,
      of: Call(
        path: ["v1", "dead-letters"],
        query: [("from", String(id.number)), ("limit", String(limit))])
    ).items
  }

  public func deadLetter(_ id: DeliveryID) async throws(Problem) -> DeadLetterResource {
    try await value(DeadLetterResource.self, of: deadLetterCall(.GET, id))
  }

  /// Makes a dead letter a delivery again.
  public func replayDeadLetter(_ id: DeliveryID) async throws(Problem) {
    var call = deadLetterCall(.POST, id)
    call.path.append("replay")
    try await success(of: call)
  }

  public func dropDeadLetter(_ id: DeliveryID) async throws(Problem) {
    try await success(of: deadLetterCall(.DELETE, id))
  }

  private func deadLetterCall(_ method: HTTPMethod, _ id: DeliveryID) -> Call {
    Call(method: method, path: ["v1", "dead-letters", String(id.number)])
  }
}

extension Answer {
  /// A header that counts microseconds.
  func microseconds(_ name: String) -> Duration? {
    headers.first(name: name).flatMap { Int64($0) }.map { .microseconds($0) }
  }
}
