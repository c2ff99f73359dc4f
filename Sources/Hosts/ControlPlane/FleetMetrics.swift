import ClusterModel
import ControlPlaneLogic
import Metrics
import NodeTracking

/// Shows in the metrics how the fleet is, and what became of it.
struct FleetMetrics {
  private let nodes: [(state: NodeState, gauge: Gauge)]
  private let losses: [(evidence: LossEvidence, counter: Counter)]
  private let suspicions: Counter
  private let withdrawnSuspicions: Counter
  private let movedPlacements: Counter
  private let missingPlacements: Gauge
  private let failovers: Metrics.Timer
  private let openBreakers: Gauge
  /// What they show; `nil` until something was shown: an earlier control plane may have shown something else.
  private var shown: FleetFigures?

  /// - Parameter factory: where they are kept; by default with all metrics of the process.
  init(factory: any MetricsFactory = MetricsSystem.factory) {
    nodes = NodeState.allCases.map { state in
      (
        state: state,
        gauge: Gauge(
          label: "wasmatrix_nodes", dimensions: [("state", state.rawValue)], factory: factory)
      )
    }
    // In the words of the lifecycle events.
    losses = LossEvidence.allCases.map { evidence in
      (
        evidence: evidence,
        counter: Counter(
          label: "wasmatrix_node_losses_total", dimensions: [("reason", evidence.reason.rawValue)],
          factory: factory)
      )
    }
    suspicions = Counter(label: "wasmatrix_node_suspicions_total", factory: factory)
    withdrawnSuspicions = Counter(
      label: "wasmatrix_node_suspicions_withdrawn_total", factory: factory)
    movedPlacements = Counter(label: "wasmatrix_placements_moved_total", factory: factory)
    missingPlacements = Gauge(label: "wasmatrix_placements_missing", factory: factory)
    failovers = Metrics.Timer(label: "wasmatrix_failover_seconds", factory: factory)
    openBreakers = Gauge(label: "wasmatrix_circuit_breakers_open", factory: factory)
  }

  /// All that a lost node served is served again, so long after it was given up.
  func failedOver(in duration: Duration) { failovers.recordNanoseconds(duration.nanoseconds) }

  /// Called after each decision, most of which change nothing of this.
  mutating func show(_ figures: FleetFigures) {
    guard figures != shown else { return }
    let before = shown ?? FleetFigures()
    shown = figures
    for (state, gauge) in nodes { gauge.record(figures.tally.nodes(state)) }
    missingPlacements.record(figures.missingPlacements)
    openBreakers.record(figures.openBreakers)
    for (evidence, counter) in losses {
      counter.increment(by: figures.tally.losses(evidence) - before.tally.losses(evidence))
    }
    suspicions.increment(by: figures.tally.suspicions - before.tally.suspicions)
    withdrawnSuspicions.increment(
      by: figures.tally.withdrawnSuspicions - before.tally.withdrawnSuspicions)
    movedPlacements.increment(by: figures.movedPlacements - before.movedPlacements)
  }
}
