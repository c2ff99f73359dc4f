internal import ClusterModel
internal import HTTPTypes
internal import Hummingbird

/// One method on one path: what it does, and what its description says of it.
struct Route: Sendable {
  /// What a route does with the body of a request.
  enum Body: Sendable {
    /// It has none; what is sent all the same is not looked at.
    case none
    /// It is read whole before the handler is called; more than this is refused.
    case upTo(ByteCount)
  }

  let method: HTTPRequest.Method
  let path: PathPattern
  let body: Body
  let operation: Operation
  /// Whether its handler does so little itself that it may run on the thread that reads the connection, and
  /// others: it is asked often, and must answer soon.
  let isQuick: Bool
  /// Told of a request whose body was refused as too large, before the refusal is answered.
  let tooLarge: (@Sendable (APIRequest, Problem) async throws -> Void)?
  let handler: @Sendable (APIRequest) async throws -> Response

  init(
    _ method: HTTPRequest.Method, _ path: PathPattern, body: Body = .none, _ operation: Operation,
    isQuick: Bool = false,
    tooLarge: (@Sendable (APIRequest, Problem) async throws -> Void)? = nil,
    handler: @escaping @Sendable (APIRequest) async throws -> Response
  ) {
    self.isQuick = isQuick
    self.tooLarge = tooLarge
    self.method = method
    self.path = path
    self.body = body
    self.operation = operation
    self.handler = handler
  }
}

/// A path with names for the segments that vary: `/v1/modules/{name}`.
struct PathPattern: Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  private enum Segment: Sendable {
    case fixed(String)
    case parameter(String)
  }

  let description: String
  private let segments: [Segment]

  init(stringLiteral text: String) {
    description = text
    segments = text.split(separator: "/").map { part in
      part.hasPrefix("{") ? .parameter(String(part.dropFirst().dropLast())) : .fixed(String(part))
    }
  }

  /// The names of the parameters, in order.
  var parameterNames: [String] {
    segments.compactMap { segment in
      switch segment {
      case .fixed: nil
      case .parameter(let name): name
      }
    }
  }

  /// The parameters when these (decoded) segments are of this pattern.
  func match(_ path: [String]) -> [String: String]? {
    guard path.count == segments.count else { return nil }
    var parameters: [String: String] = [:]
    for (segment, given) in zip(segments, path) {
      switch segment {
      case .fixed(let text): guard text == given else { return nil }
      case .parameter(let name): parameters[name] = given
      }
    }
    return parameters
  }
}

/// All routes.
struct RouteTable: Sendable {
  enum Match {
    case route(Route, parameters: [String: String])
    /// The path is there, for other methods.
    case otherMethods([String])
    case nothing
  }

  let routes: [Route]

  /// - Parameter path: decoded segments.
  func match(_ method: HTTPRequest.Method, _ path: [String]) -> Match {
    var allowed: Set<String> = []
    for route in routes {
      guard let parameters = route.path.match(path) else { continue }
      if route.method == method || (method == .head && route.method == .get) {
        return .route(route, parameters: parameters)
      }
      allowed.insert(route.method.rawValue)
      if route.method == .get { allowed.insert("HEAD") }
    }
    return allowed.isEmpty ? .nothing : .otherMethods(allowed.sorted())
  }
}
