internal import ClusterModel
internal import ControlAPIModel
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// A refusal that carries more than a problem.
struct ProblemAnswer: Error {
  var resource: ProblemResource
  var headers: HTTPFields = [:]

  init(_ resource: ProblemResource, headers: HTTPFields = [:]) {
    self.resource = resource
    self.headers = headers
  }

  /// What a client hears of any error.
  init(_ error: any Error) {
    switch error {
    case let answer as ProblemAnswer: self = answer
    case let problem as Problem: self.init(ProblemResource(problem))
    case let invalid as InvalidText:
      self.init(
        ProblemResource(
          Problem(
            .invalidInput, code: "name_invalid",
            "\"\(invalid.text)\" is not a valid \(invalid.kind)", next: "Use \(invalid.rule).")))
    case is CancellationError:
      self.init(
        ProblemResource(
          Problem(
            .unavailable, code: "stopping", "the server is stopping", next: "Try again later.")))
    case _:
      self.init(
        ProblemResource(
          Problem(
            .internalFault, code: "internal_error", "the server failed in a way it should not",
            cause: "\(type(of: error))", next: "Look into the server's log.")))
    }
  }

  var response: Response {
    var headers = headers
    headers[.contentType] = APIJSON.problemType
    if resource.status == 429 || resource.retryAfterSeconds != nil {
      headers[.retryAfter] = String(resource.retryAfterSeconds ?? Self.retryAfter)
    }
    let status = HTTPResponse.Status(code: resource.status)
    // Cannot fail: it is texts and numbers. An answer without a body still has its status.
    let body = (try? APIJSON.encode(resource)) ?? []
    return Response(
      status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  /// Seconds, when nobody knows better: the shortest that the header can say.
  static let retryAfter = 1
}

extension Response {
  static func json(
    _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
  ) throws -> Response {
    var headers = headers
    headers[.contentType] = APIJSON.type
    return Response(
      status: status, headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: try APIJSON.encode(value))))
  }

  static func list<Item: Codable & Sendable>(_ items: [Item]) throws -> Response {
    try json(ListResource(items: items))
  }

  static func text(_ text: String, type: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: type],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}

extension ByteBuffer {
  /// A value as one line of an answer that is many.
  static func line(_ value: some Encodable) throws -> ByteBuffer {
    var bytes = try APIJSON.encode(value)
    bytes.append(UInt8(ascii: "\n"))
    return ByteBuffer(bytes: bytes)
  }
}
