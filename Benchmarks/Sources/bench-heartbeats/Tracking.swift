import ClusterModel
import DedicatedThreads
import HeartbeatLink
import Measuring
import NodeTracking
import Synchronization

/// The control plane's side: heartbeats from a real receiver into a real tracker, which is woken by its own
/// deadlines, on a thread of its own.
final class Tracking: Sendable {
  enum Event: Sendable {
    case heard(Heartbeat)
    case died(NodeID, Incarnation)
    case registered(NodeRegistration)
    case stop
  }

  /// What came of it.
  struct Findings: Sendable {
    var heartbeats = 0
    var lastHeartbeat: Int64?
    /// Between two heartbeats, in nanoseconds.
    var gaps: [Int64] = []
    var suspicions = 0
    /// When work was to be moved, and why.
    var losses: [(at: Int64, evidence: LossEvidence)] = []
    var isHealthy = false
    /// When the first notice of a death arrived.
    var noticedAt: Int64?
  }

  let findings = Mutex(Findings())
  private let events = Mutex<[Event]>([])
  private let parker = Parker()
  private let thread = Mutex(DedicatedThread?.none)

  init(_ setting: Setting) {
    let started = DedicatedThread(name: "wm-tracker", urgency: setting.urgency) {
      self.run(NodeTracker(configuration: setting.configuration))
    }
    thread.withLock { $0 = started }
  }

  func tell(_ event: Event) {
    events.withLock { $0.append(event) }
    parker.wake()
  }

  func stop() {
    tell(.stop)
    thread.withLock { $0 }?.join()
  }

  /// Begins to count anew.
  func forget() {
    findings.withLock { findings in
      let (isHealthy, last) = (findings.isHealthy, findings.lastHeartbeat)
      findings = Findings()
      findings.isHealthy = isHealthy
      findings.lastHeartbeat = last
    }
  }

  private func run(_ tracker: consuming NodeTracker) {
    var tracker = tracker
    var random = SystemRandomNumberGenerator()
    func feed(_ input: NodeTracker.Input) {
      var inputs = [input]
      while !inputs.isEmpty {
        let now = clock()
        let instants = Instants(
          monotonic: MonotonicInstant(nanoseconds: now), wall: WallInstant(microseconds: now / 1000)
        )
        for directive in tracker.handle(inputs.removeFirst(), at: instants, using: &random) {
          if case .adopt(let node) = directive { inputs.append(.adopted(node)) }
          note(directive, clock())
        }
      }
    }
    feed(.started)
    while true {
      let batch = events.withLock { events in
        defer { events = [] }
        return events
      }
      for event in batch {
        switch event {
        case .heard(let heartbeat):
          feed(.heartbeatReceived(heartbeat, at: MonotonicInstant(nanoseconds: clock())))
        case .died(let node, let incarnation):
          feed(.deathWitnessed(node, incarnation, .processEnded))
        case .registered(let registration): feed(.registered(registration))
        case .stop: return
        }
      }
      let deadline = tracker.nextDeadline
      if let deadline, deadline.nanoseconds <= clock() {
        feed(.deadlineReached)
      } else if batch.isEmpty {
        parker.park(until: deadline)
      }
    }
  }

  private func note(_ directive: NodeTracker.Directive, _ now: Int64) {
    findings.withLock { findings in
      switch directive {
      case .stateChanged(_, _, let state, _):
        findings.isHealthy = state == .healthy
        if state == .suspect { findings.suspicions += 1 }
      case .moveWork(_, let evidence): findings.losses.append((now, evidence))
      default: break
      }
    }
  }

  /// On the receiver's thread.
  func arrived(_ heartbeat: Heartbeat) {
    let now = clock()
    findings.withLock { findings in
      findings.heartbeats += 1
      if let last = findings.lastHeartbeat { findings.gaps.append(now - last) }
      findings.lastHeartbeat = now
    }
    tell(.heard(heartbeat))
  }

  func noticed(_ node: NodeID, _ incarnation: Incarnation) {
    let now = clock()
    findings.withLock { $0.noticedAt = $0.noticedAt ?? now }
    tell(.died(node, incarnation))
  }
}
