import ClusterModel
import ClusterSimulator
import Foundation
import Testing

/// Scenarios: those of the guide, and what is wrong with others.
@Suite struct ScenarioTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "docs/scenarios")

  private static func read(_ name: String) throws -> Scenario {
    try JSONDecoder().decode(
      Scenario.self, from: Data(contentsOf: folder.appending(path: name + ".json")))
  }

  @Test(arguments: [
    "fail-over", "isolation-stop", "isolation-continue", "isolation-freeze",
    "isolation-control-plane", "child-crash", "scale", "eviction",
  ])
  func `the scenarios of the guide are as they expect`(name: String) throws {
    #expect(try Simulation.run(Self.read(name)).failures == [])
  }

  @Test func `what is not as expected is told, with the time`() throws {
    var scenario = try Self.read("fail-over")
    scenario.expectations[0].servesOn = [NodeID(unchecked: "office")]
    scenario.expectations[1].state = .healthy
    let failures = try Simulation.run(scenario).failures
    #expect(
      failures == [
        "at 1.500000: guard should serve on [office], and does on [press-1]"
      ], "the first one ends the run")
  }

  @Test func `a scenario that cannot be run says why`() throws {
    let good = try Self.read("fail-over")
    func problem(_ change: (inout Scenario) -> Void) -> String {
      var scenario = good
      change(&scenario)
      do throws(ScenarioProblem) {
        _ = try Simulation.run(scenario)
        return "none"
      } catch {
        return error.description
      }
    }
    func crash(_ path: String, _ length: Int?) -> Scenario.FaultLine {
      guard var line = good.faults?.first else { preconditionFailure("it has a fault") }
      line.partition = nil
      line.crashChild = path
      line.forMilliseconds = length
      return line
    }
    let cases: [(String, (inout Scenario) -> Void)] = [
      ("at least one", { $0.nodes = [] }),
      ("none twice", { $0.nodes.append($0.nodes[0]) }),
      ("0 to 1", { $0.links?.loss = 2 }),
      ("memory", { $0.nodes[0].memoryMiB = .max }),
      ("press-1", { $0.nodes[0].hardware = ["G P U"] }),
      ("within a day", { $0.durationMilliseconds = -1 }),
      ("one a line", { $0.faults?[0].crash = NodeID(unchecked: "press-1") }),
      ("no node x", { $0.faults?[0].partition = [NodeID(unchecked: "x")] }),
      ("workload: there is no node x", { $0.workload[0].join = NodeID(unchecked: "x") }),
      ("there are 2", { $0.workload[0].evict = NodeID(unchecked: "press-1") }),
      ("no part events/x", { $0.faults = [crash("events/x", nil)] }),
      ("no part main", { $0.faults = [crash("main", nil)] }),
      ("without forMilliseconds", { $0.faults = [crash("events/bus", 1)] }),
      ("one wish", { $0.workload[0].emit = "a" }),
      ("not a topic", { $0.workload[2].emit = "a/+" }),
      ("0 to 1000", { $0.workload[1].deploy?.modules[0].replicas = -1 }),
    ]
    for (expected, change) in cases {
      let text = problem(change)
      #expect(text.contains(expected), "\(text)")
    }
  }
}
