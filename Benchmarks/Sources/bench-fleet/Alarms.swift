import Foundation
import Glibc
import Measuring

/// A fleet that is well, while other processes use the processors: how often a node is suspected or given up all
/// the same. At the end one is killed, so that it is seen that alarms would have been heard.
struct Alarms: Encodable {
  let minutes: Double
  let burners: Int
  let scheduling: String
  private(set) var suspected = 0
  /// Nodes that were given up although they were well.
  private(set) var falseAlarms = 0
  private(set) var invocations = 0
  /// Those that were answered by an error.
  private(set) var refused = 0
  /// Nanoseconds.
  private(set) var latencies: [Int64] = []

  static let agents = 3
  static let modules = 30

  init(minutes: Double, burners count: Int, isRealTime: Bool, _ setting: Setting) throws {
    self.minutes = minutes
    burners = count
    scheduling = isRealTime ? "real time" : "ordinary"
    let fleet = try Fleet(setting, isRealTime: isRealTime)
    defer { fleet.end() }
    for index in 0..<Self.agents {
      try fleet.join("node-\(index)", options: ["--label", "pool=main"])
    }
    try fleet.deploy(Stage.manifest(Self.modules), named: "probes")
    let log = "\(fleet.folder)/lifecycle.jsonl"
    let tail = try Process(
      [
        setting.program, "events", "tail", "$wasmatrix/lifecycle/#", "--json", "--server",
        "http://127.0.0.1:\(fleet.port)",
      ], log: log)
    defer { tail.end() }
    let burning = try Burners(count)
    defer { burning.end() }
    try load(fleet)
    (suspected, falseAlarms) = try Self.count(log)
    fleet.agents["node-0"]?.signal(SIGKILL)
    try fleet.wait("the alarm of a node that was killed") {
      try Self.count(log).givenUp == falseAlarms + 1
    }
  }

  private mutating func load(_ fleet: Fleet) throws {
    let connection = Connection(port: fleet.port)
    let end = Measuring.clock() + Int64(minutes * 60e9)
    while Measuring.clock() < end {
      let began = Measuring.clock()
      let module = "probe-\(Int.random(in: 0..<Self.modules))"
      let answer = try connection.request("POST", "/v1/invoke/\(module)")
      latencies.append(Measuring.clock() - began)
      invocations += 1
      if answer.status != 200 { refused += 1 }
      usleep(20_000)
    }
  }

  /// What was said of nodes so far.
  private static func count(_ log: String) throws -> (suspected: Int, givenUp: Int) {
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
    return (
      lines.count { $0.contains("lifecycle/node_state") && $0.contains(#"\"to\":\"suspect\""#) },
      lines.count { $0.contains("lifecycle/node_failure") }
    )
  }

  var text: String {
    let times = Times(latencies)
    func text(_ nanoseconds: Double) -> String { "\((nanoseconds / 1e4).rounded() / 100)" }
    return "| \(Self.agents) agents, \(minutes) minutes, \(scheduling), \(burners) busy processes "
      + "| \(suspected) | \(falseAlarms) | \(invocations) | \(refused) "
      + "| \(text(times.p50)), \(text(times.p99)), \(text(times.worst)) ms |"
  }

  static let header = """
    | | suspected | given up | invocations | refused | p50, p99, longest |
    |---|---|---|---|---|---|
    """
}
