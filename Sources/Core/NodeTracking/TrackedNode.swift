public import ClusterModel

/// Everything that is known of a node.
public struct TrackedNode: Hashable, Sendable {
  /// Whether what it holds has been compared with what it should hold.
  enum Adoption: Hashable, Sendable {
    case settled
    /// `adopt` was ordered, `adopted` has not come.
    case awaited
    /// It must be heard first.
    case lost
  }

  /// Its newest registration.
  public internal(set) var registration: NodeRegistration
  public internal(set) var state: NodeState
  /// Why it is in this state.
  public internal(set) var reason: NodeChangeReason
  /// Since when it is in this state.
  public internal(set) var changedAt: WallInstant
  /// Its last sign of life; until there is one, when it was expected.
  public internal(set) var heardAt: MonotonicInstant
  /// How its operators want it to be given work; it survives everything but being forgotten.
  public internal(set) var scheduling = NodeScheduling.open
  /// Whether it is being drained and holds nothing any more.
  public internal(set) var isDrained = false
  /// Why it is unavailable; `nil` when it is not.
  public internal(set) var loss: LossEvidence?
  public internal(set) var vitals: NodeVitals
  var rhythm = Rhythm()
  var adoption = Adoption.settled
  /// This start of its agent, and every older one, is known to have ended.
  var endedThrough: Incarnation?
  /// It was never heard, and until then that means nothing; `nil` when it was, or when this is over.
  var graceUntil: MonotonicInstant?
  /// Lost to silence, and until then still part of what fell silent at once.
  var silentUntil: MonotonicInstant?
  /// How it was counted last.
  var counted: Census.Entry?
  /// When it is looked at; other entries of it in the heap are void.
  var alarmAt: MonotonicInstant?

  init(
    _ registration: NodeRegistration, state: NodeState, reason: NodeChangeReason, at now: Instants
  ) {
    self.registration = registration
    self.state = state
    self.reason = reason
    changedAt = now.wall
    heardAt = now.monotonic
    vitals = NodeVitals(progressedAt: now.monotonic)
  }

  public var id: NodeID { registration.node }
  public var incarnation: Incarnation { registration.incarnation }

  /// Whether a heartbeat says something new about the process that counts. One that is doubled or was
  /// overtaken does not, nor does one of a process that is known to have ended.
  func isNews(_ heartbeat: Heartbeat) -> Bool {
    heartbeat.incarnation == incarnation && heartbeat.sequence > vitals.sequence
      && endedThrough.map { $0 < heartbeat.incarnation } ?? true
  }

  /// How it is when it is alive, and why.
  var condition: (state: NodeState, reason: NodeChangeReason) {
    if vitals.isStuck { return (.degraded, .stuck) }
    if vitals.isOverloaded { return (.degraded, .overloaded) }
    if vitals.beatsRarely { return (.degraded, .beatsRarely) }
    return (.healthy, .relieved)
  }

  /// Another process begins: nothing of the last one holds.
  mutating func restart(_ now: Instants) {
    vitals = NodeVitals(progressedAt: now.monotonic)
    rhythm = Rhythm()
  }
}

/// What the heartbeats of one start of an agent say.
public struct NodeVitals: Hashable, Sendable {
  /// The number of the newest heartbeat; 0 before the first.
  public internal(set) var sequence: UInt64 = 0
  /// The steps that its workers have made.
  public internal(set) var progress: UInt64 = 0
  /// When they were last seen to get on, or to have nothing to do.
  public internal(set) var progressedAt: MonotonicInstant
  public internal(set) var load = NodeLoad.idle
  /// It has work, and its workers have not got on for a while.
  public internal(set) var isStuck = false
  public internal(set) var isOverloaded = false
  public internal(set) var beatsRarely = false

  init(progressedAt: MonotonicInstant) { self.progressedAt = progressedAt }

  /// Takes in a heartbeat.
  ///
  /// - Parameter listeningSince: what the control plane missed before is held against nobody.
  mutating func take(
    _ heartbeat: Heartbeat, at now: MonotonicInstant, listeningSince: MonotonicInstant,
    _ rules: NodeTracker.VitalsRules
  ) {
    sequence = heartbeat.sequence
    if !heartbeat.isBusy || heartbeat.progress > progress {
      progressedAt = now
      isStuck = false
    } else if now - max(progressedAt, listeningSince) >= rules.stuckAfter {
      isStuck = true
    }
    progress = max(progress, heartbeat.progress)
    load = heartbeat.load
    let peak = max(load.cpuPercent, load.memoryPercent)
    isOverloaded = peak >= Double(isOverloaded ? rules.reliefPercent : rules.overloadPercent)
  }

  /// Takes in the rhythm of its heartbeats.
  mutating func take(
    _ rhythm: Rhythm, interval: Duration, _ rules: NodeTracker.VitalsRules
  ) {
    let percent = Int64(beatsRarely ? rules.regularPercent : rules.rarePercent)
    beatsRarely = rhythm.isKnown && rhythm.mean >= interval.nanoseconds / 100 * percent
  }
}
