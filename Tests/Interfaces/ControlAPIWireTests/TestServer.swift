import ControlAPI
import Foundation
import Logging
import Telemetry
import Testing

/// A running server, over a cluster that is a double.
struct TestServer: Sendable {
  let cluster: ClusterDouble
  let port: Int

  /// Runs a server for as long as `use` takes, then stops it gracefully.
  static func run(
    _ cluster: ClusterDouble = ClusterDouble(), _ use: (TestServer) async throws -> Void
  ) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = try ControlAPIServer(
      service: cluster, host: "127.0.0.1", port: 0, registry: PrometheusRegistry(), logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      let port = try #require(await server.boundPort())
      do {
        try await use(TestServer(cluster: cluster, port: port))
      } catch {
        await server.shutdown()
        throw error
      }
      await server.shutdown()
      try await group.waitForAll()
    }
  }

  /// Sends a request on a connection of its own and reads the whole answer.
  func send(
    _ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8] = []
  ) async throws -> TestAnswer {
    let bytes = try await TestConnection.exchange(
      request(method, path, headers, body: body), port: port)
    return try #require(TestAnswer(bytes), "no answer: \(String(decoding: bytes, as: UTF8.self))")
  }

  /// The bytes of a request.
  func request(
    _ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8] = []
  ) -> [UInt8] {
    var head = "\(method) \(path) HTTP/1.1\r\nConnection: close\r\n"
    if !headers.contains(where: { $0.0.lowercased() == "host" }) {
      head += "Host: 127.0.0.1:\(port)\r\n"
    }
    if method == "POST" || method == "PUT" || !body.isEmpty {
      head += "Content-Length: \(body.count)\r\n"
    }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    return Array((head + "\r\n").utf8) + body
  }
}

extension TestAnswer {
  /// The body as JSON.
  func json() throws -> JSONView { JSONView(try JSONSerialization.jsonObject(with: Data(body))) }

  /// The code of the problem that it tells of.
  func problemCode() throws -> String? {
    #expect(headers["content-type"] == "application/problem+json")
    let problem = try json()
    #expect(problem["status"].int == status)
    return problem["code"].text
  }
}

/// A JSON value that is looked at member by member.
struct JSONView {
  let value: Any?
  init(_ value: Any?) { self.value = value }

  subscript(_ name: String) -> JSONView { JSONView((value as? [String: Any])?[name]) }
  subscript(_ index: Int) -> JSONView {
    guard let array = value as? [Any], array.indices.contains(index) else { return JSONView(nil) }
    return JSONView(array[index])
  }
  var text: String? { value as? String }
  var int: Int? { value as? Int }
  var bool: Bool? { value as? Bool }
  var names: [String] { (value as? [String: Any] ?? [:]).keys.sorted() }
  var count: Int? { (value as? [Any])?.count }
}
