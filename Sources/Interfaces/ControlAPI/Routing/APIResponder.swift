internal import ClusterModel
internal import ControlAPIModel
internal import EventLoops
internal import HTTPTypes
internal import HostPorts
internal import Hummingbird
internal import Logging

/// Answers every request: who asks, which route, the body within its bounds, the handler.
struct APIResponder: HTTPResponder {
  typealias Context = APIContext

  let routes: RouteTable
  let access: AccessGuard
  let origins: OriginGuard
  let metrics: RequestMetrics
  let logger: Logger
  private let bodies = BodyReader(budget: ByteBudget())

  init(
    routes: RouteTable, access: AccessGuard, origins: OriginGuard, metrics: RequestMetrics,
    logger: Logger
  ) {
    self.routes = routes
    self.access = access
    self.origins = origins
    self.metrics = metrics
    self.logger = logger
  }

  func respond(to request: Request, context: APIContext) async -> Response {
    let began = ContinuousClock.now
    var progress = Progress()
    var response: Response
    do {
      response = try await answer(request, from: context.address, &progress)
    } catch {
      response = refusal(error, request, progress)
    }
    if request.method == .head { response = response.createHeadResponse() }
    // What a module answers is never to be taken for a page or a script.
    response.headers[.xContentTypeOptions] = "nosniff"
    let took = ContinuousClock.now - began
    let status = response.status.code
    metrics.record(
      method: progress.route == nil ? "other" : request.method.rawValue,
      route: progress.route?.path.description ?? "other", status: status, took: took)
    logger.debug(
      "request",
      metadata: [
        "method": "\(request.method)", "path": "\(request.uri.path.prefix(200))",
        "status": "\(status)", "milliseconds": "\(took.milliseconds)",
      ])
    return response
  }

  /// How far a request came.
  private struct Progress {
    var route: Route?
    var bodyIsRead = false
  }

  private func answer(
    _ request: Request, from address: String, _ progress: inout Progress
  ) async throws -> Response {
    try origins.check(request.head)
    let target = RequestTarget(request.head.path ?? "")
    guard let path = target.segments else {
      throw Problem(
        .invalidInput, code: "path_invalid", "the path is not percent-encoded UTF-8 text")
    }
    let (route, parameters) = try route(for: request, path)
    progress.route = route
    let query = try QueryParameters(target.query, known: route.operation.queryNames)
    if route.isQuick {
      return try await answer(request, from: address, by: route, parameters, query, &progress)
    }
    return try await elsewhere {
      try await answer(request, from: address, by: route, parameters, query, &progress)
    }
  }

  private func answer(
    _ request: Request, from address: String, by route: Route, _ parameters: [String: String],
    _ query: QueryParameters, _ progress: inout Progress
  ) async throws -> Response {
    let principal = try await access.admit(request.headers, to: route, from: address)
    let caller = try CallerReader.caller(principal, request.headers, query)
    func asked(_ body: [UInt8]) -> APIRequest {
      APIRequest(
        caller: caller, address: address, headers: request.headers, parameters: parameters,
        query: query,
        body: body, underlying: request)
    }
    var held: HeldBody?
    do throws(Problem) {
      switch route.body {
      case .none: break
      case .upTo(let maximum):
        held = try await bodies.read(request, upTo: maximum)
        progress.bodyIsRead = true
      }
    } catch {
      if error.category == .tooLarge { try await route.tooLarge?(asked([]), error) }
      throw error
    }
    defer { withExtendedLifetime(held) {} }
    return try await route.handler(asked(held?.bytes ?? []))
  }

  private func route(for request: Request, _ path: [String]) throws -> (Route, [String: String]) {
    switch routes.match(request.method, path) {
    case .route(let route, let parameters): return (route, parameters)
    case .otherMethods(let allowed):
      throw ProblemAnswer(
        ProblemResource(
          status: 405, title: "The method is not allowed", code: "method_not_allowed",
          detail: "\(request.method) is not for \(request.uri.path.prefix(200))",
          next: "Use \(allowed.joined(separator: ", "))."),
        headers: [.allow: allowed.joined(separator: ", ")])
    case .nothing:
      throw Problem(
        .notFound, code: "route_unknown", "there is nothing at \(request.uri.path.prefix(200))",
        next: "GET /openapi.json lists what there is.")
    }
  }

  private func refusal(_ error: any Error, _ request: Request, _ progress: Progress) -> Response {
    let answer = ProblemAnswer(error)
    if answer.resource.status == 500 {
      logger.error("request failed", metadata: ["error": "\(error)"])
    }
    var response = answer.response
    let hasBody =
      (request.headers[.contentLength] ?? "0") != "0" || request.headers[.transferEncoding] != nil
    // Reading the rest of the body only to throw it away would help nobody.
    if hasBody, !progress.bodyIsRead { response.headers[.connection] = "close" }
    return response
  }
}

/// What is known of a request beside what it says.
struct APIContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Where it comes from: an address without the port.
  let address: String

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    address = source.channel.remoteAddress?.ipAddress ?? "unknown"
  }
}

/// The path and the query of a request line.
struct RequestTarget {
  /// The decoded segments of the path; `nil` when they cannot be decoded.
  let segments: [String]?
  /// As it was sent.
  let query: String

  init(_ text: String) {
    let end = text.firstIndex(of: "?") ?? text.endIndex
    query = String(text[end...].dropFirst())
    guard text.hasPrefix("/") else {
      segments = nil
      return
    }
    var decoded: [String] = []
    for part in text[..<end].dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let segment = PercentEncoding.decode(part) else {
        segments = nil
        return
      }
      decoded.append(segment)
    }
    segments = decoded
  }
}
