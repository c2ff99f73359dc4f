import ClusterModel
import Scheduling

/// Brings what nodes hold into line with what is deployed: desired against observed, then a plan for
/// each node that must change.
///
///     wanted ──seats chosen──> candidate ──all ready──> (made durable) ──promoted──> current
///                                 │ the module is at fault, or no node is left          │ replaced
///                                 ▼                                                     ▼
///                               failed                              retained ──replaced again──> dropped
///
/// A **seat** is a placement of one deployment on one node. The chosen seats serve; the others are
/// fallbacks that hold the compiled version and are promoted at once when a chosen one is lost. Plans
/// are whole (everything a node should hold) and immutable, with (term, counter); a node obeys the
/// newest. So what is lost on the way is just sent again.
///
/// What must stop when isolated (`isolation: stop`) never has more chosen seats than replicas, those
/// counted whose lease may not have run out yet.
struct PlacementPlanner: Sendable {
  enum Stage: Hashable, Sendable {
    /// Being made ready; given up at a time.
    case candidate(until: MonotonicInstant)
    case current
    /// Replaced; kept compiled.
    case retained

    /// Whether nodes hold it because of this: those of a candidate may not have heard of it yet.
    var isHeld: Bool { self == .current || self == .retained }
  }

  /// A placement of a deployment on a node.
  struct Seat: Hashable, Sendable {
    /// Whether it serves, or would if its deployment were current.
    var isChosen: Bool
    /// The decision that gave it its role.
    var fence: PlanVersion
    /// As the node says; `nil` until it has said something.
    var condition: PlacementCondition?
    /// The order in which seats were found good: smaller is better.
    var rank: UInt64
    /// What it follows on the same node, which may go on until it hears of the plan that ends it.
    var succeeds: EffectClaim?
    var isReady: Bool { condition == .ready }
  }

  /// One generation of a deployment that nodes hold, or should.
  struct Work: Sendable {
    let subject: PlacementSubject
    var stage: Stage
    var seats: [NodeID: Seat] = [:] {
      didSet { serving = nil }
    }
    /// The nodes that serve it if it is current, sorted; `nil` until somebody wants to know.
    var serving: [NodeID]?
    /// Nodes that may still serve although they should not, and until when.
    var endings: [NodeID: MonotonicInstant] = [:]
    /// Nodes where it failed, and until when it is not tried there again.
    var exclusions: [NodeID: MonotonicInstant] = [:]
    /// Failures on nodes so far; each makes the next exclusion longer.
    var failures = 0
    /// Why it failed last, on whichever node.
    var lastFailure: Problem?
    /// Whether the catalog was told that it is ready.
    var isAnnounced = false
    /// Whether it ever was: then the catalog may be making it durable, and it fails no more.
    var wasAnnounced = false

    init(deployment: Deployment, record: ModuleVersionRecord, stage: Stage) {
      subject = PlacementSubject(deployment, record)
      self.stage = stage
    }

    var deployment: Deployment { subject.deployment }
    var rules: PlacementRules { subject.deployment.configuration.placement }
    var mustStopAlone: Bool { rules.isolation == .stop }
    var isCurrent: Bool { stage == .current }
    var code: PreparedCode { subject.code }

    /// When it has to be looked at, if nothing happens before.
    var deadline: MonotonicInstant? {
      var earliest: MonotonicInstant?
      if case .candidate(let until) = stage, !wasAnnounced { earliest = until }
      for until in endings.values { earliest = min(earliest ?? until, until) }
      for until in exclusions.values { earliest = min(earliest ?? until, until) }
      return earliest
    }
  }

  /// What the planner knows of a node.
  struct Book: Sendable {
    var incarnation: Incarnation
    /// Whether it has said what it holds, and was not given up since.
    var isAttached = false
    var isDraining = false
    var seats: Set<PlacementID> = []
    /// What the scheduler was told to reserve, by module: generations of one share it.
    var reserved: [QualifiedName: ByteCount] = [:]
    var plan: NodePlan?
    /// When the plan is sent again; `nil` when it is obeyed.
    var resendAt: MonotonicInstant?
    var lastReport: UInt64 = 0
    /// When a heartbeat of it was acknowledged last: its lease may run from then on.
    var lastAcknowledged: MonotonicInstant?
  }

  /// What comes of planning.
  enum Step: Sendable {
    case ready(PlacementID)
    case lost(PlacementID)
    case failed(Deployment, Problem)
    /// What is wanted on a node could not be made ready there, or serves there no more.
    case failedOn(NodeID, PlacementID, Problem)
    case send(NodeID, ControlMessage)
    case drained(NodeID)
    /// A placement failed there through no fault of the module.
    case nodeAtFault(NodeID)
    case began(PlacementID, NodeID)
    case ended(PlacementID, NodeID)
    case failedOver(Failover)
  }

  struct Configuration: Hashable, Sendable {
    /// How long a new deployment may take to be ready.
    var patience = Duration.seconds(60)
    /// How long after its start the control plane waits for nodes to say what they hold, before it
    /// places what nobody holds.
    var adoptionGrace = Duration.seconds(2)
    /// How long what is deployed waits for a node that fell silent, where no other can run it: a machine that stood still
    /// for a moment is back at once.
    var returnGrace = Duration.seconds(2)
    /// Before a plan that is not obeyed is sent again.
    var resendInterval = Duration.milliseconds(500)
    /// Before a node where a placement failed is tried again; doubled with each failure.
    var initialExclusion = Duration.seconds(1)
    var maximumExclusion = Duration.seconds(60)
    /// Before what found no node is tried again without cause.
    var retryInterval = Duration.seconds(1)
  }

  let configuration: Configuration
  let term: UInt64
  /// When this control plane began: leases that an earlier one granted may run on from then.
  let began: MonotonicInstant
  var scheduler = Scheduler()
  var works: [PlacementID: Work] = [:]
  var byName: [QualifiedName: Set<PlacementID>] = [:]
  var books: [NodeID: Book] = [:]
  /// Nodes that are expected to say what they hold.
  var expected: Set<NodeID>
  /// Nodes that were given up because they were silent, and until when they are expected to be back.
  var silent: [NodeID: MonotonicInstant] = [:]
  /// Until when nothing is placed that some node may still hold; `nil` when that is over.
  var adoptingUntil: MonotonicInstant?
  /// Until when a node that was not heard yet may hold a lease that an earlier control plane granted;
  /// `nil` when that is over, or there was none. Nothing that must stop when isolated is begun before.
  var foreignLeasesUntil: MonotonicInstant?
  /// Of what was undeployed and must stop when isolated: nodes that may serve on, and until when. What
  /// is deployed under the same name meanwhile waits for them.
  var departed: [QualifiedName: [NodeID: MonotonicInstant]] = [:]
  /// Of what must stop when isolated: by what right nodes may still act that are not meant to serve it any more.
  var leaving: [QualifiedName: [NodeID: Leaving]] = [:]
  /// When heartbeats of nodes were acknowledged last that were forgotten since: their processes may come back, with the
  /// leases that they have.
  var forgottenLeases: [NodeID: MonotonicInstant] = [:]
  private var counter: UInt64 = 0
  private var lastRank: UInt64 = 0
  /// Works to look at, and nodes whose plan may have changed.
  var dirtyWorks: Set<PlacementID> = []
  var dirtyNodes: Set<NodeID> = []
  /// Very many works to look at, in this order, and when the next are: some in each turn, so that plans that were
  /// made leave before nodes are looked for, and requests have their turn in between.
  private var waiting: [PlacementID] = []
  private var nextTurn: MonotonicInstant?
  /// Until when plans wait for an answer to leave; `nil` when none do.
  private(set) var plansWaitUntil: MonotonicInstant?
  /// Nodes whose plans came to be others in these turns.
  private var changedMeanwhile: Set<NodeID> = []
  /// Works that wait for a time, and nodes that have not said yet that they obey their plan.
  var timed: Set<PlacementID> = []
  var resending: Set<NodeID> = []
  /// How many placements served on nodes that were lost, since this planner began.
  var movedPlacements = 0
  /// What served on nodes that were lost, until it is served again.
  var failovers = Failovers()
  /// Works that have fewer seats than they should, and when they are looked at again.
  var unsatisfied: Set<PlacementID> = []
  var retryAt: MonotonicInstant?

  init(
    term: UInt64, expecting nodes: [NodeID], configuration: Configuration, at now: Instants
  ) {
    self.term = term
    self.configuration = configuration
    began = now.monotonic
    expected = Set(nodes)
    adoptingUntil = nodes.isEmpty ? nil : now.monotonic + configuration.adoptionGrace
    foreignLeasesUntil = term > 1 ? now.monotonic + LeaseRules.expiry : nil
  }

  mutating func nextVersion() -> PlanVersion {
    counter += 1
    return PlanVersion(term: term, counter: counter)
  }

  mutating func nextRank() -> UInt64 {
    lastRank += 1
    return lastRank
  }

  /// Looks at everything that may have changed, and makes the plans that come of it.
  mutating func settle(_ now: Instants, _ steps: inout [Step]) {
    forgetWhatIsOver(now)
    // What one look changes may want another; in practice two are enough.
    if let until = plansWaitUntil, until <= now.monotonic { plansWaitUntil = nil }
    for _ in 0..<Self.looks where !dirtyWorks.isEmpty || hasPlansToSend {
      let ids = dirtyWorks.sorted()
      dirtyWorks = []
      // What takes over comes first, and its plans leave first; then what is placed anew.
      for id in ids {
        promoteFallbacks(of: id, now, &steps)
        endFailovers(with: id, &steps)
      }
      if hasPlansToSend { sendPlans(now, &steps) }
      guard ids.count <= Self.atOnce else {
        putOff(ids, now)
        continue
      }
      for id in ids { look(at: id, now, &steps) }
    }
    if dirtyNodes.isEmpty { plansWaitUntil = nil }
    if unsatisfied.isEmpty {
      retryAt = nil
    } else if retryAt == nil {
      retryAt = now.monotonic + configuration.retryInterval
    }
  }

  /// Whether there is something to look at.
  var hasChanged: Bool { !dirtyWorks.isEmpty || hasPlansToSend }

  private var hasPlansToSend: Bool { !dirtyNodes.isEmpty && plansWaitUntil == nil }

  /// Somebody is told that what was asked for is done. Plans that follow from it leave a moment later: on a small
  /// machine all nodes that they wake would be ahead of the answer.
  mutating func letAnswersPass(_ now: Instants) {
    plansWaitUntil = plansWaitUntil ?? now.monotonic + Self.pause
  }

  /// What was lost waits for no answer.
  mutating func letPlansPass() { plansWaitUntil = nil }

  /// The nodes that serve a deployment right now, sorted.
  func serving(_ id: PlacementID) -> [NodeID] {
    guard let work = works[id], work.isCurrent else { return [] }
    return work.serving ?? Self.serving(work)
  }

  /// Keeps them at hand until a seat changes: of what serves on a thousand nodes each invocation would
  /// sort a thousand names.
  mutating func listServing(_ id: PlacementID) {
    guard let work = works[id], work.isCurrent, work.serving == nil else { return }
    works[id]?.serving = Self.serving(work)
  }

  private static func serving(_ work: Work) -> [NodeID] {
    work.seats.filter { $0.value.isChosen && $0.value.isReady }.keys.sorted()
  }

  /// Looks that one input may cause; what is left then is looked at with the next.
  private static let looks = 8
  /// Works for which nodes are looked for in one turn, and the time between two turns: several times as long as one
  /// takes.
  static let atOnce = 64
  static let turns = Duration.milliseconds(3)
  /// Before the first turn in which only new fallbacks are looked for.
  static let calm = Duration.milliseconds(50)
  /// About as long as an answer needs to be written.
  static let pause = Duration.milliseconds(1)

  private mutating func look(at id: PlacementID, _ now: Instants, _ steps: inout [Step]) {
    reconcile(id, now, &steps)
    endFailovers(with: id, &steps)
    callFollowers(of: id)
    if works[id]?.deadline == nil { timed.remove(id) } else { timed.insert(id) }
  }

  /// What serves too rarely is looked at soon. Where only fallbacks are missing, those who ask for what serves now come
  /// first.
  private mutating func putOff(_ ids: [PlacementID], _ now: Instants) {
    let urgent = ids.filter { id in works[id].map { vacancies($0) > 0 } ?? false }
    let pressing = Set(urgent)
    waiting = urgent + waiting + ids.filter { !pressing.contains($0) }
    let turn = now.monotonic + (urgent.isEmpty ? Self.calm : Self.turns)
    nextTurn = min(nextTurn ?? turn, turn)
  }

  /// Looks at some of those that wait. What comes of all of them is told nodes once, in the end.
  private mutating func goOn(_ now: Instants, _ steps: inout [Step]) {
    let others = dirtyNodes
    dirtyNodes = []
    for id in waiting.prefix(Self.atOnce) { look(at: id, now, &steps) }
    waiting.removeFirst(min(Self.atOnce, waiting.count))
    changedMeanwhile.formUnion(dirtyNodes)
    dirtyNodes = others
    nextTurn = waiting.isEmpty ? nil : now.monotonic + Self.turns
    guard waiting.isEmpty else { return }
    dirtyNodes.formUnion(changedMeanwhile)
    changedMeanwhile = []
  }

  private mutating func forgetWhatIsOver(_ now: Instants) {
    if !silent.isEmpty { silent = silent.filter { $0.value > now.monotonic } }
    if !forgottenLeases.isEmpty {
      forgottenLeases = forgottenLeases.filter { $0.value + LeaseRules.expiry > now.monotonic }
    }
    for name in leaving.keys.sorted() {
      leaving[name] = leaving[name]?.filter { $0.value.until > now.monotonic }
      if leaving[name]?.isEmpty == true { leaving[name] = nil }
    }
    for name in departed.keys.sorted() {
      departed[name] = departed[name]?.filter { $0.value > now.monotonic }
      if departed[name]?.isEmpty == true { departed[name] = nil }
    }
    if let until = foreignLeasesUntil, until <= now.monotonic {
      foreignLeasesUntil = nil
      dirtyWorks.formUnion(works.keys.filter { works[$0]?.mustStopAlone == true })
    }
    guard let until = adoptingUntil, until <= now.monotonic || expected.isEmpty else { return }
    adoptingUntil = nil
    dirtyWorks.formUnion(works.keys)
  }

  var nextDeadline: MonotonicInstant? {
    let plans = dirtyNodes.isEmpty ? nil : plansWaitUntil
    var earliest = [retryAt, adoptingUntil, foreignLeasesUntil, nextTurn, plans]
      .compactMap { $0 }.min()
    func consider(_ instant: MonotonicInstant?) {
      guard let instant else { return }
      if earliest.map({ instant < $0 }) ?? true { earliest = instant }
    }
    for id in timed { consider(works[id]?.deadline) }
    for node in resending { consider(books[node]?.resendAt) }
    return earliest
  }

  mutating func wake(_ now: Instants, _ steps: inout [Step]) {
    let time = now.monotonic
    if let at = nextTurn, at <= time { goOn(now, &steps) }
    if let at = retryAt, at <= time {
      retryAt = nil
      dirtyWorks.formUnion(unsatisfied)
    }
    for id in timed.sorted() {
      guard let work = works[id] else { continue }
      if case .candidate(let until) = work.stage, until <= time, !work.wasAnnounced {
        fail(id, Self.late(work.deployment, configuration.patience), &steps)
      } else if work.endings.values.contains(where: { $0 <= time })
        || work.exclusions.values.contains(where: { $0 <= time })
      {
        dirtyWorks.insert(id)
      }
    }
    for node in resending.sorted() {
      guard let book = books[node], book.isAttached, let at = book.resendAt, let plan = book.plan
      else {
        resending.remove(node)
        continue
      }
      guard at <= time else { continue }
      books[node]?.resendAt = time + configuration.resendInterval
      steps.append(.send(node, .plan(plan)))
    }
  }

  private static func late(_ deployment: Deployment, _ patience: Duration) -> Problem {
    Problem(
      .deadlineExceeded, code: "placement_late",
      "\(deployment.name)@\(deployment.version) was not ready within "
        + "\(Int(patience.milliseconds / 1000)) s",
      next: "See how the nodes are with `wasmatrix nodes`.")
  }
}
