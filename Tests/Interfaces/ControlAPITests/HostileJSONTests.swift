import ClusterModel
import ControlAPIModel
import HostPorts
import NIOHTTP1
import PropertyTesting
import Testing

@testable import ControlAPIClient

/// Whatever is sent where JSON belongs, it is refused, and nothing has changed.
struct HostileJSONTests {
  private struct Target {
    let path: [String]
    let type: String
  }

  private static let targets = [
    Target(path: ["v1", "deployments"], type: APIJSON.type),
    Target(path: ["v1", "trust", "keys"], type: APIJSON.type),
    Target(path: ["v1", "events"], type: "application/cloudevents+json"),
    Target(path: ["v1", "events"], type: "application/cloudevents-batch+json"),
  ]

  @Test(arguments: [
    [], [0], [0xff, 0xfe, 0x7b, 0x00], [0xc3, 0x28], Array("{".utf8), Array("nul".utf8),
    Array("\"\\ud800\"".utf8), Array("{\"manifest\":1}".utf8), Array("[1]".utf8),
    Array("{\"a\":1e999999}".utf8), Array(String(repeating: "[", count: 100_000).utf8),
    Array(String(repeating: "{\"a\":", count: 100_000).utf8),
    Array((String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)).utf8),
  ])
  func `malformed JSON is refused on every route that takes it`(_ body: [UInt8]) async throws {
    try await RunningServer.run { server in
      for target in Self.targets {
        let answer = try await server.send(
          .POST, target.path, headers: ["Content-Type": target.type], body: body)
        #expect(answer.status == 400, "\(target): \(answer.text.prefix(200))")
        #expect(answer.problem != nil)
      }
      #expect(server.cluster.read { $0.callers.isEmpty })
    }
  }

  @Test func `any bytes are answered`() async throws {
    let pieces = Generator<[UInt8]>.oneOf([
      .element(
        of: ["{", "}", "[", "]", ":", ",", "\"", "\\", "\"data\":", "\"id\":\"x\"", "null", "1e5"]
          .map { Array($0.utf8) }),
      .bytes(count: 0...4),
    ])
    let bodies = pieces.array(count: 0...30).map { Array($0.joined()) }
    try await RunningServer.run { server in
      try await checkProperty("any body is answered", bodies) { body in
        for target in Self.targets {
          let answer = try await server.send(
            .POST, target.path, headers: ["Content-Type": target.type], body: body)
          guard [200, 202, 400].contains(answer.status) else { return false }
        }
        return true
      }
    }
  }
}
