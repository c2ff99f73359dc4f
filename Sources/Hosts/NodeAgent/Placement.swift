import ClusterModel
import HostPorts
import Metrics
import Synchronization

/// A version made ready on this node: verified, compiled, linked. It costs no running code.
final class Placement: Sendable {
  let deployment: Deployment
  let module: any PreparedModule
  let readySince: WallInstant
  private let counts = Mutex(Counts())
  private let duration: Metrics.Timer
  private let cpuSeconds: FloatingPointCounter

  private struct Counts {
    /// Denials on record since a time.
    var denials = 0
    var denialsSince: MonotonicInstant?
    var activations = 0
    var failures = 0
    var running = 0
    var latencies = LatencyCounts()
    var outcomes: [String: Counter] = [:]
  }

  init(deployment: Deployment, module: any PreparedModule, readySince: WallInstant) {
    self.deployment = deployment
    self.module = module
    self.readySince = readySince
    let dimensions = [("module", deployment.qualifiedName.description)]
    duration = Metrics.Timer(label: "wasmatrix_activation_seconds", dimensions: dimensions)
    cpuSeconds = FloatingPointCounter(
      label: "wasmatrix_activation_cpu_seconds_total", dimensions: dimensions)
  }

  func began() { counts.withLock { $0.running += 1 } }

  func ended(_ report: ActivationReport) {
    let outcome: String
    switch report.result {
    case .success: outcome = "ok"
    case .failure(let failure): outcome = failure.code.rawValue
    }
    duration.recordNanoseconds(report.usage.wallTime.nanoseconds)
    cpuSeconds.increment(by: Double(report.usage.cpuTime.nanoseconds) / 1e9)
    let counter = counts.withLock { counts in
      counts.running -= 1
      counts.activations += 1
      counts.latencies.count(report.usage.wallTime)
      if outcome != "ok" { counts.failures += 1 }
      if let counter = counts.outcomes[outcome] { return counter }
      let counter = Counter(
        label: "wasmatrix_activations_total",
        dimensions: [("module", deployment.qualifiedName.description), ("outcome", outcome)])
      counts.outcomes[outcome] = counter
      return counter
    }
    counter.increment()
  }

  /// Denials of one placement that are put on record in a minute; the others are counted and logged. A
  /// module that asks for ever must not fill the disk.
  private static let recordedDenials = 60

  func mayRecordDenial(at now: MonotonicInstant) -> Bool {
    counts.withLock { counts in
      if counts.denialsSince.map({ now - $0 >= .seconds(60) }) ?? true {
        counts.denialsSince = now
        counts.denials = 0
      }
      counts.denials += 1
      return counts.denials <= Self.recordedDenials
    }
  }

  func status(
    on node: NodeID, as role: PlacementStanding, service: ServiceStatus?
  ) -> PlacementStatus {
    counts.withLock { counts in
      PlacementStatus(
        node: node, module: deployment.name, version: deployment.version, role: role,
        digest: deployment.digest, generation: deployment.generation, code: module.mode,
        readySince: readySince,
        activations: counts.activations, failures: counts.failures, running: counts.running,
        service: service)
    }
  }

  func metrics(as role: PlacementStanding, at now: WallInstant) -> PlacementMetrics {
    counts.withLock { counts in
      PlacementMetrics(
        placement: deployment.placement, version: deployment.version, digest: deployment.digest,
        role: role, readyFor: max(.zero, now - readySince), activations: counts.activations,
        failures: counts.failures, running: counts.running, latencies: counts.latencies)
    }
  }
}
