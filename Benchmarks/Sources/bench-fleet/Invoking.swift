import Foundation
import Measuring

/// What an invocation costs from a client through the control plane and an agent's process and back, beside
/// the ways of which it consists, in the same run.
struct Invoking: Encodable {
  /// Nanoseconds each.
  private(set) var echo: [Int64] = []
  private(set) var pingPong: [Int64] = []
  private(set) var health: [Int64] = []
  private(set) var invocations: [Int64] = []
  /// Eight clients at the same time.
  private(set) var crowded: [Int64] = []
  private(set) var crowdedPerSecond = 0.0

  static let rounds = 10
  static let clients = 8

  init(_ count: Int, _ setting: Setting) throws {
    let fleet = try Fleet(setting)
    defer { fleet.end() }
    try fleet.join("node-a", options: ["--label", "pool=main"])
    try fleet.deploy(Stage.manifest(1, fallbacks: 0), named: "probes")
    let tcp = try EchoClient(port: try EchoServer.start())
    let grpc = try PingPong()
    defer { grpc.end() }
    let connection = Connection(port: fleet.port)
    let each = count / Self.rounds
    for round in 0...Self.rounds {
      // The first is to get warm.
      let samples = (
        try Self.time(each) { try tcp.turn() }, grpc.time(each),
        try Self.time(each) { _ = try connection.request("GET", "/healthz") },
        try Self.time(each) { try Self.invoke(connection) }
      )
      let crowd = try Self.crowd(fleet.port, each)
      guard round > 0 else { continue }
      echo += samples.0
      pingPong += samples.1
      health += samples.2
      invocations += samples.3
      crowded += crowd.times
      crowdedPerSecond += Double(crowd.times.count) / crowd.seconds / Double(Self.rounds)
    }
  }

  private static func invoke(_ connection: Connection) throws {
    let answer = try connection.request("POST", "/v1/invoke/probe-0")
    guard answer.status == 200 else { throw Failure(answer.text) }
  }

  private static func time(_ count: Int, _ body: () throws -> Void) throws -> [Int64] {
    try (0..<count).map { _ in
      let start = Measuring.clock()
      try body()
      return Measuring.clock() - start
    }
  }

  private static func crowd(_ port: UInt16, _ count: Int) throws -> (
    times: [Int64], seconds: Double
  ) {
    let results = Results()
    let group = DispatchGroup()
    let start = Measuring.clock()
    for _ in 0..<clients {
      group.enter()
      Thread.detachNewThread {
        let connection = Connection(port: port)
        results.add(try? time(count / clients) { try invoke(connection) })
        group.leave()
      }
    }
    group.wait()
    return (try results.all(of: clients), Double(Measuring.clock() - start) / 1e9)
  }

  var text: String {
    let base = Times(pingPong)
    func row(_ name: String, _ times: [Int64]) -> String {
      let times = Times(times)
      return "| \(name) | \(times.count) | \(Times.text(times.p50)) | \(Times.text(times.p99)) "
        + "| \(Spread.text(times.p50 / base.p50)) |\n"
    }
    return """
      Microseconds.

      | there and back | n | p50 | p99 | p50 / gRPC |
      |---|---|---|---|---|

      """ + row("TCP: bytes echoed by another process's thread", echo)
        + row("gRPC: a message on a stream, echoed", pingPong)
        + row("HTTP: the health of the control plane", health)
        + row("HTTP, control plane, gRPC with TLS, agent, a fresh guest", invocations)
        + row(
          "the same, \(Self.clients) clients at once, \(Int(crowdedPerSecond)) a second", crowded)
  }
}

/// Collects what threads measured.
final class Results: @unchecked Sendable {
  private let lock = NSLock()
  private var lists: [[Int64]] = []

  func add(_ times: [Int64]?) {
    lock.lock()
    defer { lock.unlock() }
    if let times { lists.append(times) }
  }

  func all(of count: Int) throws -> [Int64] {
    lock.lock()
    defer { lock.unlock() }
    guard lists.count == count else { throw Failure("a client failed") }
    return lists.flatMap { $0 }
  }
}
