import ClusterModel
import PropertyTesting
import Testing

@testable import Scheduling

@Suite struct FleetTableTests {
  private static func node(_ id: Int, _ number: Int) throws -> NodeProfile {
    NodeProfile(
      id: NodeID(unchecked: "n\(id)"), location: NodeLocation(zone: Zone(unchecked: "z\(number)")),
      capabilities: try NodeCapabilities(
        architectures: [.x86_64], cpuFeatures: ["f\(number)"], memory: .mebibytes(1), cpuCores: 1,
        specializedHardware: ["h\(number)"], labels: [try Label("serial", "\(number)")],
        faultDomain: number % 3 == 0 ? nil : FaultDomain(unchecked: "d\(number)")))
  }

  @Test func `what nodes no longer say takes no room`() throws {
    var scheduler = Scheduler()
    for number in 0..<1000 {
      let node = try Self.node(number % 10, number)
      scheduler.put(node)
      scheduler.setLatency(.milliseconds(1), from: Zone(unchecked: "g\(number)"), to: node.id)
      scheduler.setLatency(nil, from: Zone(unchecked: "g\(number)"), to: node.id)
      scheduler.setLatency(.milliseconds(1), from: Zone(unchecked: "g\(number % 10)"), to: node.id)
      if number % 7 == 0 { scheduler.remove(node.id) }
    }
    let table = scheduler.table
    let counts = [
      table.zoneSlots.count, table.domainSlots.count, table.gateSlots.count,
      table.featureSlots.count, table.hardwareSlots.count, table.labelSlots.count,
    ]
    #expect(counts.allSatisfy { $0 <= 11 }, "\(counts)")
    for id in 0..<10 { scheduler.remove(NodeID(unchecked: "n\(id)")) }
    let rest = scheduler.table
    #expect(rest.count == 0 && rest.resources.rows.isEmpty && rest.resources.groups.isEmpty)
    #expect(rest.zoneSlots.used + rest.domainSlots.used + rest.gateSlots.used == 0)
    #expect(rest.featureSlots.used + rest.hardwareSlots.used + rest.labelSlots.used == 0)
  }

  @Test func `what several nodes said takes no room when the last of them is gone`() throws {
    var scheduler = Scheduler()
    for id in 0..<3 { scheduler.put(try Self.node(id, 1)) }
    #expect(scheduler.table.domainSlots.used == 1)
    for id in 0..<3 { scheduler.remove(NodeID(unchecked: "n\(id)")) }
    #expect(scheduler.table.domainSlots.used == 0 && scheduler.table.zoneSlots.used == 0)
  }

  @Test func `names are ordered as their texts are`() async throws {
    let text = Generator<Int>.int(in: 0...2).array(count: 1...20).map { bytes in
      bytes.map { ["-", "0", "a"][$0] }.joined()
    }
    try await checkProperty("the order of names", cases: 500, zip(text, text)) { left, right in
      let (a, b) = (NameBeginning(left), NameBeginning(right))
      return a == b ? left.prefix(16) == right.prefix(16) : (a < b) == (left < right)
    }
  }
}
