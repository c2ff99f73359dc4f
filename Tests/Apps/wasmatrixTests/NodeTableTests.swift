import ClusterModel
import ControlAPIModel
import HostPorts
import Testing

@testable import wasmatrix

struct NodeTableTests {
  private static func node(
    _ name: String, _ state: NodeState = .healthy, reason: NodeChangeReason = .registered,
    breaker: BreakerStanding = .closed, labels: [ClusterModel.Label] = [],
    faultDomain: FaultDomain? = nil
  ) throws -> NodeResource {
    let capabilities = try NodeCapabilities(
      architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 1, labels: labels,
      faultDomain: faultDomain)
    return NodeResource(
      NodeStatus(
        node: Node(
          id: NodeID(unchecked: name), location: NodeLocation(zone: .default),
          capabilities: capabilities, healthStatus: state.health, currentLoad: .idle,
          lastHeartbeat: WallInstant(microseconds: 0)),
        state: state, reason: reason, scheduling: .open, breaker: breaker, engine: nil,
        startedAt: nil))
  }

  private static func lines(_ nodes: NodeResource...) -> [Substring] {
    NodeTable.table(of: nodes).text.split(separator: "\n")
  }

  @Test func `a column that says nothing of any node is left out`() throws {
    let lines = Self.lines(try Self.node("a"), try Self.node("b"))
    #expect(lines.count == 3 && lines[0].hasPrefix("NODE  STATE    WORK  ZONE"))
    #expect(lines[0].hasSuffix("  STARTED"))
  }

  @Test func `what one node has is a column for all of them`() throws {
    let lines = Self.lines(
      try Self.node("a"),
      try Self.node(
        "b", .unavailable, reason: .silent, breaker: .halfOpen,
        labels: [ClusterModel.Label("line", "3"), ClusterModel.Label("tier", "edge")],
        faultDomain: FaultDomain(unchecked: "hall")))
    #expect(lines[0].hasSuffix("  STARTED  REASON  BREAKER    FAULT DOMAIN  LABELS"))
    #expect(lines[1].hasSuffix("  -        -       -          -             -"))
    #expect(
      lines[2].hasSuffix("  -        silent  half_open  hall          line=3, tier=edge"))
  }

  @Test func `each of these columns comes alone`() throws {
    let broken = Self.lines(try Self.node("a", breaker: .open))
    #expect(broken[0].hasSuffix("  STARTED  BREAKER") && broken[1].hasSuffix("  open"))
    let busy = Self.lines(try Self.node("a", .degraded, reason: .overloaded))
    #expect(busy[0].hasSuffix("  STARTED  REASON") && busy[1].hasSuffix("  overloaded"))
  }

  @Test func `nodes that do not answer are named, and of many how many there are more`() {
    #expect(FleetListPrinter.warning(about: []) == nil)
    #expect(
      FleetListPrinter.warning(about: [NodeID(unchecked: "a")])
        == "a does not answer: what it holds is not shown")
    let many = (10...21).map { NodeID(unchecked: "n\($0)") }
    #expect(
      FleetListPrinter.warning(about: Array(many.prefix(2)))
        == "n10, n11 do not answer: what they hold is not shown")
    #expect(
      FleetListPrinter.warning(about: many)
        == "n10, n11, n12, n13, n14, n15, n16, n17, n18, n19 and 2 more nodes do not answer: "
        + "what they hold is not shown")
  }
}
