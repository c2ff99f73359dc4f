import ClusterModel
import ControlPlaneLogic
import NodeTracking
import Telemetry
import Testing

@testable import ControlPlane

@Suite struct FleetMetricsTests {
  private let registry = PrometheusRegistry()
  private var tracker = NodeTracker()
  private var random = SystemRandomNumberGenerator()

  private static let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))

  private func shows(_ line: String) -> Bool {
    registry.exposition().split(separator: "\n").contains { $0 == line }
  }

  private mutating func tell(_ input: NodeTracker.Input) {
    _ = tracker.handle(input, at: Self.now, using: &random)
  }

  private mutating func register(_ name: String) throws {
    tell(
      .registered(
        NodeRegistration(
          node: NodeID(unchecked: name), incarnation: Incarnation(1),
          location: NodeLocation(zone: .default),
          capabilities: try NodeCapabilities(
            architectures: [.x86_64], memory: .gibibytes(1), cpuCores: 1))))
  }

  @Test func `all of it is there before anything happened`() {
    var metrics = FleetMetrics(factory: registry)
    metrics.show(FleetFigures())
    for state in ["healthy", "degraded", "suspect", "unavailable", "recovered"] {
      #expect(shows("wasmatrix_nodes{state=\"\(state)\"} 0"))
    }
    for reason in [
      "silent", "stuck", "connectionClosed", "processEnded", "leftOrderly", "forgotten",
    ] {
      #expect(shows("wasmatrix_node_losses_total{reason=\"\(reason)\"} 0"))
    }
    #expect(shows("wasmatrix_node_suspicions_total 0"))
    #expect(shows("wasmatrix_node_suspicions_withdrawn_total 0"))
    #expect(shows("wasmatrix_placements_moved_total 0"))
    #expect(shows("wasmatrix_placements_missing 0"))
    #expect(shows("wasmatrix_failover_seconds_count 0"))
    #expect(shows("wasmatrix_circuit_breakers_open 0"))
  }

  @Test mutating func `what happens is counted once, and what is now is shown`() throws {
    var metrics = FleetMetrics(factory: registry)
    for name in ["a", "b"] { try register(name) }
    metrics.show(FleetFigures(tally: tracker.tally))
    #expect(shows("wasmatrix_nodes{state=\"healthy\"} 2"))
    tell(.deathWitnessed(NodeID(unchecked: "a"), Incarnation(1), .leftOrderly))
    let figures = FleetFigures(
      tally: tracker.tally, movedPlacements: 3, missingPlacements: 2, openBreakers: 1)
    for _ in 0..<3 { metrics.show(figures) }
    #expect(shows("wasmatrix_nodes{state=\"healthy\"} 1"))
    #expect(shows("wasmatrix_nodes{state=\"unavailable\"} 1"))
    #expect(shows("wasmatrix_node_losses_total{reason=\"leftOrderly\"} 1"))
    #expect(shows("wasmatrix_placements_moved_total 3"))
    #expect(shows("wasmatrix_placements_missing 2"))
    metrics.failedOver(in: .milliseconds(250))
    #expect(shows("wasmatrix_failover_seconds_count 1"))
    #expect(shows("wasmatrix_failover_seconds_sum 0.25"))
    #expect(shows("wasmatrix_circuit_breakers_open 1"))
    metrics.show(FleetFigures(tally: tracker.tally, movedPlacements: 4))
    #expect(shows("wasmatrix_placements_moved_total 4"))
    #expect(shows("wasmatrix_placements_missing 0"))
    #expect(shows("wasmatrix_circuit_breakers_open 0"))
    #expect(shows("wasmatrix_node_losses_total{reason=\"leftOrderly\"} 1"))
  }

  @Test mutating func `a control plane that takes the place of another goes on counting`() throws {
    var first = FleetMetrics(factory: registry)
    try register("a")
    first.show(FleetFigures(tally: tracker.tally, movedPlacements: 4, openBreakers: 1))
    var second = FleetMetrics(factory: registry)
    second.show(FleetFigures())
    #expect(shows("wasmatrix_nodes{state=\"healthy\"} 0"))
    #expect(shows("wasmatrix_circuit_breakers_open 0"))
    second.show(FleetFigures(movedPlacements: 2))
    #expect(shows("wasmatrix_placements_moved_total 6"))
  }
}
