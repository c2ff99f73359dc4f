import ClusterModel
import HTTPOut
import HostPorts
import Testing

@Suite(.timeLimit(.minutes(2))) struct HTTPOutTests {
  private func call(_ url: String, _ method: String = "GET", _ body: String = "") throws -> HTTPCall
  {
    HTTPCall(
      method: method, target: try #require(HTTPTarget(url)),
      headers: [HTTPCall.Header(name: "x-note", value: "n")], body: Array(body.utf8))
  }

  private func grant(
    _ server: String, privately: [String] = [], response: ByteCount = .kibibytes(64),
    timeout: Duration = .seconds(20)
  ) -> HTTPGrant {
    HTTPGrant(
      servers: [HTTPServerPattern(unchecked: server)],
      privateAddresses: privately.map { AddressBlock(unchecked: $0) }, responseSize: response,
      timeout: timeout)
  }

  private func code(_ body: () async throws(Problem) -> OutboundOutcome) async -> String {
    do throws(Problem) {
      return "\(try await body())"
    } catch {
      return error.code
    }
  }

  @Test func `a granted server answers, by its address and by its name`() async throws {
    let server = try await Server()
    let out = HTTPOut()
    let byAddress = "http://127.0.0.1:\(server.port)"
    let first = try await out.send(
      try call(byAddress + "/a?b=c", "POST", "body"), under: grant(byAddress))
    guard case .answered(let answer) = first else {
      throw Problem(.conflict, code: "test", "\(first)")
    }
    #expect(answer.status == 200)
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == "POST 127.0.0.1:\(server.port) /a?b=c nbody")
    let byName = "http://localhost:\(server.port)"
    let second = try await out.send(
      try call(byName + "/x"), under: grant(byName, privately: ["127.0.0.0/8", "::1"]))
    guard case .answered(let named) = second else {
      throw Problem(.conflict, code: "test", "\(second)")
    }
    #expect(String(decoding: named.body, as: UTF8.self) == "GET localhost:\(server.port) /x n")
    await out.stop()
    try await server.stop()
  }

  @Test func `a name that leads to an address that is not granted is refused`() async throws {
    let out = HTTPOut()
    let outcome = try await out.send(
      try call("http://localhost:9/"), under: grant("http://localhost:9"))
    guard case .denied(let reason) = outcome else {
      throw Problem(.conflict, code: "test", "\(outcome)")
    }
    #expect(reason.contains("is no public address"))
    await out.stop()
  }

  @Test func `redirections are answers, and are not followed`() async throws {
    let server = try await Server()
    let out = HTTPOut()
    let base = "http://127.0.0.1:\(server.port)"
    guard
      case .answered(let answer) = try await out.send(try call(base + "/moved"), under: grant(base))
    else { throw Problem(.conflict, code: "test", "denied") }
    #expect(answer.status == 302)
    #expect(
      answer.headers.contains(HTTPCall.Header(name: "location", value: "http://127.0.0.1:1/")))
    await out.stop()
    try await server.stop()
  }

  @Test func `what takes too long, is too large, or is not there has its own code`() async throws {
    let server = try await Server()
    let out = HTTPOut()
    let base = "http://127.0.0.1:\(server.port)"
    let large = try call(base + "/large")
    #expect(
      await code { () throws(Problem) in try await out.send(large, under: grant(base)) }
        == "answer_too_large")
    let silent = try call(base + "/silent")
    #expect(
      await code { () throws(Problem) in
        try await out.send(silent, under: grant(base, timeout: .milliseconds(50)))
      } == "http_timeout")
    try await server.stop()
    let gone = try call("http://127.0.0.1:1/")
    #expect(
      await code { () throws(Problem) in
        try await out.send(gone, under: grant("http://127.0.0.1:1"))
      } == "http_unreachable")
    let nowhere = try call("http://no-such-host.invalid/")
    #expect(
      await code { () throws(Problem) in
        try await out.send(nowhere, under: grant("http://no-such-host.invalid"))
      } == "http_unreachable")
    await out.stop()
    #expect(
      await code { () throws(Problem) in
        try await out.send(gone, under: grant("http://127.0.0.1:1"))
      } == "http_busy")
  }
}
