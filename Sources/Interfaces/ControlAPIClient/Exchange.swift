internal import AsyncHTTPClient
internal import ClusterModel
internal import ControlAPIModel
internal import NIOCore
internal import NIOHTTP1

/// One request, on its way.
struct Call {
  var method: HTTPMethod = .GET
  var path: [String]
  var query: [(String, String?)] = []
  var headers: HTTPHeaders = [:]
  var body: [UInt8]?
  var timeout = APIClient.callTimeout
}

/// An answer that was read to its end.
struct Answer {
  var status: Int
  var headers: HTTPHeaders
  var body: [UInt8]

  var isSuccess: Bool { (200..<300).contains(status) }
}

extension APIClient {
  /// Sends a call; the body of the answer is still to be read.
  ///
  /// A body that no server would take is refused here: one that refuses it while it is still being
  /// sent is not heard.
  func send(_ call: Call) async throws(Problem) -> HTTPClientResponse {
    let maximum = call.method == .PUT ? APILimits.moduleBody : EventRules.maximumData
    guard (call.body?.count ?? 0) <= maximum.bytes else {
      throw Problem(
        .tooLarge, code: "body_too_large", "what is to be sent is larger than \(maximum)",
        next: "Send at most \(maximum.bytes) bytes.")
    }
    var request = HTTPClientRequest(url: server.url(call.path, query: call.query))
    request.method = call.method
    request.headers = call.headers
    if let authorization {
      request.headers.replaceOrAdd(name: "Authorization", value: authorization)
    }
    if let body = call.body { request.body = .bytes(ByteBuffer(bytes: body)) }
    do {
      return try await http.execute(request, timeout: .nanoseconds(call.timeout.nanoseconds))
    } catch {
      if let spoken = await Self.tlsInstead(error, server) { throw spoken }
      throw Self.problem(of: error, server: server)
    }
  }

  /// What is wrong when a server that was asked in plain text speaks TLS: it hangs up without a word.
  static func tlsInstead(_ error: any Error, _ server: ServerAddress) async -> Problem? {
    guard (error as? HTTPClientError) == .remoteConnectionClosed, !server.isSecure,
      let secured = server.secured,
      (try? await authorities(of: secured, connectTimeout)) != nil
    else { return nil }
    return Problem(
      .unavailable, code: "server_speaks_tls", "the server at \(server.base) speaks TLS",
      next: "Write https:// before its address.")
  }

  /// Sends a call and reads the whole answer, whatever its status.
  func answer(to call: Call) async throws(Problem) -> Answer {
    try await read(try await send(call))
  }

  /// Sends a call and reads what a success answers with.
  func value<Value: Decodable>(_ type: Value.Type, of call: Call) async throws(Problem) -> Value {
    let answer = try await answer(to: call)
    guard answer.isSuccess else { throw problem(of: answer).problem }
    do {
      return try APIJSON.decode(type, from: answer.body)
    } catch {
      throw unexpectedAnswer(answer, cause: "\(error)")
    }
  }

  /// Sends a call whose answer says nothing but success.
  func success(of call: Call) async throws(Problem) {
    let answer = try await answer(to: call)
    guard answer.isSuccess else { throw problem(of: answer).problem }
  }

  /// Sends a call whose answer comes line by line.
  func lines<Line: Decodable & Sendable>(_ type: Line.Type, of call: Call)
    async throws(Problem) -> LineSequence<Line>
  {
    let response = try await send(call)
    guard (200..<300).contains(Int(response.status.code)) else {
      throw problem(of: try await read(response)).problem
    }
    return LineSequence(body: response.body, server: server)
  }

  private func read(_ response: HTTPClientResponse) async throws(Problem) -> Answer {
    do {
      let body = try await response.body.collect(upTo: Self.maximumAnswer.bytes)
      return Answer(
        status: Int(response.status.code), headers: response.headers,
        body: [UInt8](body.readableBytesView))
    } catch {
      throw Self.problem(of: error, server: server)
    }
  }

  /// What an answer without success tells.
  func problem(of answer: Answer) -> ProblemResource {
    if var told = try? APIJSON.decode(ProblemResource.self, from: answer.body) {
      // An answer that is no problem is turned into one below.
      told.retryAfterSeconds =
        told.retryAfterSeconds ?? answer.headers.first(name: "Retry-After").flatMap { Int($0) }
      return told
    }
    return ProblemResource(unexpectedAnswer(answer, cause: nil))
  }

  private func unexpectedAnswer(_ answer: Answer, cause: String?) -> Problem {
    Problem(
      .internalFault, code: "answer_unexpected",
      "\(server.base) answered with status \(answer.status) in a way that is not this API's",
      cause: cause, next: "See that the address is that of a WasmMatrix server of this version.")
  }

  static func problem(of error: any Error, server: ServerAddress) -> Problem {
    if let problem = error as? Problem { return problem }
    let known = error as? HTTPClientError
    if error is CancellationError || known == .cancelled {
      return Problem(.unavailable, code: "cancelled", "the call was cancelled")
    }
    if known == .deadlineExceeded || known == .readTimeout {
      return Problem(
        .deadlineExceeded, code: "server_silent", "\(server.base) did not answer in time",
        next: "See how it is with `wasmatrix doctor`.")
    }
    if let problem = tlsProblem(error, server: server) { return problem }
    if error is NIOTooManyBytesError {
      return Problem(
        .tooLarge, code: "answer_too_large",
        "\(server.base) answered with more than \(maximumAnswer)")
    }
    return Problem(
      .unavailable, code: "server_unreachable", "no server answers at \(server.base)",
      cause: "\(error)",
      next: "Start one with `wasmatrix dev`, or name it with --server or WASMATRIX_SERVER.")
  }
}
