import Foundation
import Glibc
import Measuring
import Synchronization

/// How soon a change of the registry is seen by another client, which looks all the time.
struct Registering: Encodable {
  /// Nanoseconds each, from the request for the change until the other client has read it: a node is cordoned or
  /// uncordoned, another version of a module is deployed on a node that holds both.
  private(set) var nodes: [Int64] = []
  private(set) var deployments: [Int64] = []
  /// The same questions while nothing changes.
  private(set) var nodesRead: [Int64] = []
  private(set) var deploymentsRead: [Int64] = []
  /// While nothing is asked for: shares of a processor.
  private(set) var controlAtRest = 0.0
  private(set) var agentAtRest = 0.0

  static let agents = 10
  private static let rest: UInt32 = 10

  init(_ count: Int, _ setting: Setting) throws {
    let fleet = try Fleet(setting)
    defer { fleet.end() }
    for index in 0..<Self.agents { try fleet.join("node-\(index)") }
    // What joining has left to do is done.
    sleep(Self.rest / 2)
    let before = (fleet.controlTime, fleet.processorTime)
    sleep(Self.rest)
    controlAtRest = (fleet.controlTime - before.0) / Double(Self.rest)
    agentAtRest =
      ((fleet.processorTime - before.1) / Double(Self.rest) - controlAtRest) / Double(Self.agents)
    let changer = Connection(port: fleet.port)
    let reader = Reader(port: fleet.port)

    for round in 0..<count {
      let (verb, state) = round % 2 == 0 ? ("cordon", "cordoned") : ("uncordon", "open")
      reader.look(at: "/v1/nodes") { items in
        items.contains { $0["id"] as? String == "node-0" && $0["scheduling"] as? String == state }
      }
      let began = Measuring.clock()
      let answer = try changer.request("POST", "/v1/nodes/node-0/\(verb)")
      guard answer.status < 300 else { throw Failure(answer.text) }
      nodes.append(try reader.seen() - began)
    }
    for version in 1...2 {
      try fleet.deploy(Self.manifest(version, "source: where.wasm, "), named: "known")
    }
    for round in 0..<count {
      let version = 1 + round % 2
      reader.look(at: "/v1/deployments") { items in
        items.contains { $0["version"] as? String == "v\(version)" }
      }
      let body: [String: Any] = [
        "manifest": Self.manifest(version), "versions": ["known": "v\(version)"],
      ]
      let data = try JSONSerialization.data(withJSONObject: body)
      let began = Measuring.clock()
      let answer = try changer.request("POST", "/v1/deployments", Array(data))
      guard answer.text.contains(#""step":"done""#) else { throw Failure(answer.text) }
      deployments.append(try reader.seen() - began)
    }
    for _ in 0..<count {
      nodesRead.append(try Self.time { _ = try changer.request("GET", "/v1/nodes") })
      deploymentsRead.append(try Self.time { _ = try changer.request("GET", "/v1/deployments") })
    }
  }

  private static func manifest(_ version: Int, _ source: String = "") -> String {
    """
    apiVersion: wasmatrix/v1
    name: known
    modules:
      known: { \(source)version: v\(version), limits: { memory: 1MiB } }
    """
  }

  private static func time(_ body: () throws -> Void) throws -> Int64 {
    let began = Measuring.clock()
    try body()
    return Measuring.clock() - began
  }

  private static func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10)" }

  var text: String {
    func row(_ name: String, _ times: [Int64], _ reads: [Int64]) -> String {
      let (times, reads) = (Times(times), Times(reads))
      func text(_ nanoseconds: Double) -> String { "\((nanoseconds / 1e4).rounded() / 100)" }
      return "| \(name) | \(times.count) | \(text(times.p50)) | \(text(times.p99)) "
        + "| \(text(times.worst)) | \(text(reads.p50)) | \(Spread.text(times.p50 / reads.p50)) |\n"
    }
    return """
      \(Self.agents) agents; milliseconds.

      | seen by another client | n | p50 | p99 | longest | reading it, p50 | p50 / that |
      |---|---|---|---|---|---|---|

      """ + row("a node is cordoned, or no longer", nodes, nodesRead)
        + row("another version of a module is deployed", deployments, deploymentsRead)
        + "\nAt rest the control plane uses \(Self.percent(controlAtRest)) % of a processor, "
        + "an agent \(Self.percent(agentAtRest)) %.\n"
  }
}

/// A client that reads a list all the time, until it is as it should be.
private final class Reader: Sendable {
  private let at = Mutex<Int64?>(nil)
  private let done = DispatchSemaphore(value: 0)
  private let port: UInt16

  init(port: UInt16) { self.port = port }

  /// Returns when it has read once.
  func look(at path: String, until isSeen: @escaping @Sendable ([[String: Any]]) -> Bool) {
    let begun = DispatchSemaphore(value: 0)
    at.withLock { $0 = nil }
    Thread.detachNewThread { [self] in
      let connection = Connection(port: port)
      while let answer = try? connection.json("GET", path) {
        let now = Measuring.clock()
        begun.signal()
        if isSeen(answer["items"] as? [[String: Any]] ?? []) {
          at.withLock { $0 = now }
          break
        }
      }
      begun.signal()
      done.signal()
    }
    begun.wait()
  }

  func seen() throws -> Int64 {
    guard done.wait(timeout: .now() + 30) == .success, let at = at.withLock({ $0 }) else {
      throw Failure("the change was not seen")
    }
    return at
  }
}
