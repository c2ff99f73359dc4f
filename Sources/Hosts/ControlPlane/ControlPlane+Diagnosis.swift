import ClusterModel
import ControlPlaneLogic
import EventRouting
import HostPorts
import ModuleCatalog
import NodeTracking

// What `doctor` is told. A part that is broken is a finding, never a failure to look.
extension ControlPlane {
  func diagnose(for caller: Caller) async throws(Problem) -> [Finding] {
    var findings = [await catalogFinding(), await logFinding()]
    findings += try await nodes(for: caller).map(Self.finding)
    findings.append(queueFinding)
    if let usage = room.usage { findings.append(Self.finding(about: usage)) }
    let placed = logic.catalog.placed
    for name in placed.keys.sorted() where name.namespace == caller.namespace {
      guard let deployment = placed[name] else { continue }
      findings.append(Self.finding(about: deployment, name))
    }
    return findings
  }

  /// Of the quota, one part in so many is left when it is time to make room.
  private static let scarceDivisor = 10
  /// Of the quota, one part in so many is left when hardly anything fits.
  private static let exhaustedDivisor = 256

  private static func finding(about usage: DataUsage) -> Finding {
    let subject = "data folder"
    guard let quota = usage.quota, let room = usage.room(for: .event) else {
      return Finding(
        subject: subject, verdict: .ok,
        detail: "\(DataUsage.about(usage.total)), no quota: \(usage.parts)")
    }
    let detail = "\(DataUsage.about(usage.total)) of \(quota): \(usage.parts)"
    if room < quota.bytes / exhaustedDivisor {
      return Finding(
        subject: subject, verdict: .failure,
        detail: detail + "; publishes, state writes and pushes are refused until there is room")
    }
    let isScarce = room < quota.bytes / scarceDivisor
    return Finding(subject: subject, verdict: isScarce ? .warning : .ok, detail: detail)
  }

  private func catalogFinding() async -> Finding {
    do throws(Problem) {
      _ = try await catalogStore.securityEvents(from: 0, limit: 1)
    } catch {
      return Finding(subject: "catalog", verdict: .failure, detail: error.description)
    }
    let versions = logic.catalog.versions.values.reduce(0) { $0 + $1.count }
    let trusted = logic.catalog.allKeys.count { $0.revokedAt == nil }
    return Finding(
      subject: "catalog", verdict: trusted == 0 ? .warning : .ok,
      detail: "\(versions) versions, \(logic.catalog.placed.count) deployments, "
        + (trusted == 0
          ? "no trusted key: nothing can be pushed; see `wasmatrix trust add`"
          : "\(trusted) trusted keys"))
  }

  /// Dead letters may hold much data, so few are counted.
  private static let countedDeadLetters = 100

  private func logFinding() async -> Finding {
    let count: Int
    let damage: EventLogDamage
    do throws(Problem) {
      count = try await log.deadLetters(from: DeliveryID(0), limit: Self.countedDeadLetters).count
      damage = try await log.damage
    } catch {
      return Finding(subject: "event log", verdict: .failure, detail: error.description)
    }
    guard damage.isNone else {
      return Finding(subject: "event log", verdict: .failure, detail: Self.text(of: damage))
    }
    guard count > 0 else {
      return Finding(subject: "event log", verdict: .ok, detail: "no dead letters")
    }
    let amount = count < Self.countedDeadLetters ? "\(count)" : "\(count) or more"
    return Finding(
      subject: "event log", verdict: .warning,
      detail: "\(amount) dead letters; see `wasmatrix events dead list`")
  }

  private static func text(of damage: EventLogDamage) -> String {
    func some(_ numbers: [Int64]) -> String {
      let shown = 10
      return numbers.sorted().prefix(shown).map { String($0) }.joined(separator: ", ")
        + (numbers.count > shown ? ", ..." : "")
    }
    var parts: [String] = []
    if !damage.events.isEmpty {
      parts.append(
        "\(damage.events.count) events are damaged (\(some(damage.events.map(\.number))))")
    }
    if !damage.deliveries.isEmpty {
      parts.append(
        "\(damage.deliveries.count) deliveries are damaged "
          + "(\(some(damage.deliveries.map(\.number))))")
    }
    return parts.joined(separator: ", ")
      + "; all others go on, but look after the disk, or restore the data folder from a backup"
  }

  private static func finding(about status: NodeStatus) -> Finding {
    let label = "node \(status.node.id)"
    guard status.state == .healthy, let engine = status.engine else {
      return Finding(
        subject: label, verdict: status.state == .unavailable ? .failure : .warning,
        detail: status.state.rawValue)
    }
    return Finding(
      subject: label,
      verdict: engine.liveInstances >= engine.instanceSlots ? .warning : .ok,
      detail: "\(engine.libraryVersion), \(engine.workers) workers, "
        + "\(engine.liveInstances) of \(engine.instanceSlots) instances live, "
        + "\(engine.queuedActivations) queued")
  }

  private var queueFinding: Finding {
    let router = logic.router
    let load =
      "\(router.pendingCount) deliveries owed (\(router.pendingBytes >> 10) KiB), "
      + "\(router.running) running"
    return Finding(
      subject: "events", verdict: router.hasRoom ? .ok : .warning,
      detail: router.hasRoom ? load : load + "; publishers are told to slow down")
  }

  private static func finding(about placed: Catalog.Placed, _ name: QualifiedName) -> Finding {
    let label = "deployment \(name)"
    return switch placed.state {
    case .ready:
      Finding(subject: label, verdict: .ok, detail: "\(placed.deployment.version) ready")
    case .preparing: Finding(subject: label, verdict: .warning, detail: "being made ready")
    case .failed(let problem):
      Finding(subject: label, verdict: .failure, detail: problem.description)
    }
  }
}
