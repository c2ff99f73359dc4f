import ClusterModel
import HeapModule

/// The life of invocations: of each until somebody who waits for it has an answer.
///
///                      ┌──────────────── a placement serves ───────────────┐
///     asked ──taken──> waiting ────────────────────────────────> under way │
///       │                 ▲  ▲                                     │  │ │  │
///       │ no room         │  └── may have run, and is idempotent ──┘  │ │ back-off over
///       ▼                 │                                           │ │  │
///     refused             │            nothing ran, and no other serves │  │
///                         │                                           │ ▼  │
///                         └── (the deadline ends each of these) ── backing off
///                                                                     │
///                 answered; or may have run and is not idempotent <───┘
///
/// One that nothing ran of is sent elsewhere at once, as long as there is a placement that has not
/// refused it; then after a back-off with jitter. One that may have run is only run again if that does no
/// harm. Everyone has an answer at the deadline.
struct Invocations: Sendable {
  enum Stage: Hashable, Sendable {
    case waiting
    case backingOff(until: MonotonicInstant)
    case underWay(Route)
  }

  /// A placement that would not have it, under a fence: with another it is asked anew.
  struct Refusal: Hashable, Sendable {
    let node: NodeID
    let fence: PlanVersion
  }

  struct Invocation: Sendable {
    let module: QualifiedName
    let isIdempotent: Bool
    /// Where its caller is, if that was said.
    let place: CallerPlace?
    let deadline: MonotonicInstant
    /// Whether the caller said how long to wait.
    let isTimeoutOfCaller: Bool
    var stage = Stage.waiting
    /// How often it was sent somewhere.
    var attempts = 0
    /// How often it may have run.
    var runs = 0
    /// How often all that serve have refused.
    var backOffs = 0
    var refusals: [Refusal] = []
    var lastRefusal: InvocationRefusal?
    /// Where it was when it was last not known what became of it.
    var lostOn: NodeID?
  }

  /// What becomes of one whose attempt has failed.
  enum Verdict: Sendable {
    /// It is sent somewhere else as soon as something serves.
    case again
    /// It is sent again in a while.
    case later
    case refused(Problem)
  }

  /// One whose time has come.
  enum Due: Sendable {
    case again(RequestID)
    /// - Parameter route: where it is under way.
    case late(RequestID, Route?, Problem)
  }

  private struct Alarm: Comparable, Sendable {
    let at: MonotonicInstant
    let request: RequestID
    static func < (left: Self, right: Self) -> Bool {
      (left.at, left.request) < (right.at, right.request)
    }
  }

  let limits: InvocationLimits
  private var all: [RequestID: Invocation] = [:]
  private var waiting: [QualifiedName: Set<RequestID>] = [:]
  private(set) var waitingCount = 0
  /// Void when its invocation has ended, or is not backing off until then any more.
  private var alarms = Heap<Alarm>()

  init(limits: InvocationLimits = InvocationLimits()) { self.limits = limits }

  subscript(request: RequestID) -> Invocation? { all[request] }
  var count: Int { all.count }
  var nextDeadline: MonotonicInstant? { alarms.min?.at }

  /// The modules that something waits for, sorted.
  var awaited: [QualifiedName] { waiting.keys.sorted() }

  /// What waits for a module, in the order in which it was asked.
  func waiting(for module: QualifiedName) -> [RequestID] { waiting[module]?.sorted() ?? [] }

  /// Takes one in; it waits.
  mutating func take(
    _ request: RequestID, _ wish: InvocationWish, _ configuration: DeploymentConfiguration,
    _ now: Instants
  ) {
    let timeout = wish.options.timeout
    let patience = timeout ?? configuration.limits.wallTime + InvocationOptions.defaultPatience
    let invocation = Invocation(
      module: wish.module,
      isIdempotent: wish.options.isIdempotent || configuration.isIdempotent,
      place: wish.options.place, deadline: now.monotonic + patience,
      isTimeoutOfCaller: timeout != nil)
    all[request] = invocation
    alarms.insert(Alarm(at: invocation.deadline, request: request))
    queue(request)
  }

  /// Whether there is room for those that wait now.
  var hasRoom: Bool { waitingCount <= limits.waiting }

  mutating func began(_ request: RequestID, _ route: Route) {
    leaveWaiting(request)
    all[request]?.stage = .underWay(route)
    all[request]?.attempts += 1
    all[request]?.runs += 1
  }

  /// Nothing ran where it was sent.
  ///
  /// - Parameter hasOther: whether a placement serves that has not refused it.
  mutating func notRun(
    _ request: RequestID, _ route: Route, _ refusal: InvocationRefusal, hasOther: Bool,
    _ now: Instants, using random: inout some RandomNumberGenerator
  ) -> Verdict {
    guard var invocation = all[request] else { return .later }
    invocation.runs -= 1
    invocation.lastRefusal = refusal
    all[request] = invocation
    guard invocation.attempts < limits.attempts else {
      return .refused(outOfTime(request, now))
    }
    if hasOther {
      queue(request)
      return .again
    }
    // Not again to the one that just refused while there is another; the others may have changed.
    invocation.refusals = [Refusal(node: route.node, fence: route.fence)]
    let doublings = min(invocation.backOffs, Self.mostDoublings)
    let longest = min(limits.initialBackOff * (1 << doublings), limits.maximumBackOff).nanoseconds
    let wait = Int64.random(in: (longest + 1) / 2...longest, using: &random)
    let until = now.monotonic + .nanoseconds(wait)
    invocation.backOffs += 1
    invocation.stage = .backingOff(until: until)
    all[request] = invocation
    alarms.insert(Alarm(at: until, request: request))
    return .later
  }

  /// More would be beyond any longest wait.
  private static let mostDoublings = 20

  /// A placement would not have it.
  mutating func note(_ refusal: Refusal, of request: RequestID) {
    all[request]?.refusals.append(refusal)
  }

  /// It is not known what became of it: it was under way, and is no more.
  mutating func mayHaveRun(_ request: RequestID, on node: NodeID) -> Verdict {
    guard let invocation = all[request] else { return .later }
    all[request]?.lostOn = node
    guard invocation.isIdempotent, invocation.attempts < limits.attempts else {
      return .refused(Self.outcomeUnknown(of: invocation, on: node))
    }
    queue(request)
    return .again
  }

  /// It has an answer, or nobody waits any more.
  mutating func end(_ request: RequestID) {
    leaveWaiting(request)
    all[request] = nil
    while let alarm = alarms.min, isVoid(alarm) { alarms.removeMin() }
    // Those behind one that lasts.
    if alarms.count > 2 * all.count + Self.fewAlarms {
      alarms = Heap(alarms.unordered.filter { !isVoid($0) })
    }
  }

  /// So many void alarms do not matter.
  private static let fewAlarms = 1024

  private func isVoid(_ alarm: Alarm) -> Bool {
    guard let invocation = all[alarm.request] else { return true }
    return alarm.at != invocation.deadline && .backingOff(until: alarm.at) != invocation.stage
  }

  /// Those whose time has come, in the order of their times. The late ones are still known.
  mutating func due(_ now: Instants) -> [Due] {
    var due: [Due] = []
    while let alarm = alarms.min, alarm.at <= now.monotonic {
      alarms.removeMin()
      guard let invocation = all[alarm.request], !isVoid(alarm) else { continue }
      if invocation.deadline == alarm.at {
        due.append(.late(alarm.request, route(of: invocation), outOfTime(alarm.request, now)))
      } else {
        queue(alarm.request)
        due.append(.again(alarm.request))
      }
    }
    return due
  }

  private func route(of invocation: Invocation) -> Route? {
    guard case .underWay(let route) = invocation.stage else { return nil }
    return route
  }

  private mutating func queue(_ request: RequestID) {
    guard let module = all[request]?.module else { return }
    all[request]?.stage = .waiting
    if waiting[module, default: []].insert(request).inserted { waitingCount += 1 }
  }

  private mutating func leaveWaiting(_ request: RequestID) {
    guard let module = all[request]?.module, waiting[module]?.remove(request) != nil else { return }
    waitingCount -= 1
    if waiting[module]?.isEmpty == true { waiting[module] = nil }
  }

  // What callers hear.

  /// What one that ends with a problem hears: it may have run before.
  func truth(_ request: RequestID, _ problem: Problem) -> Problem {
    guard let invocation = all[request], let node = invocation.lostOn else { return problem }
    return Self.outcomeUnknown(of: invocation, on: node)
  }

  /// The truth about one that cannot be answered any more.
  func outOfTime(_ request: RequestID, _ now: Instants) -> Problem {
    guard let invocation = all[request] else { return Self.noRoom }
    if case .underWay(let route) = invocation.stage, invocation.deadline <= now.monotonic {
      guard invocation.isTimeoutOfCaller else {
        return Self.outcomeUnknown(of: invocation, on: route.node)
      }
      return Problem(
        .deadlineExceeded, code: "timeout",
        "\(invocation.module) was ended on node \(route.node) when the time was over: what it asked "
          + "of others may have been done, or not",
        next: "Give it more time with `--timeout`, or ask again if doing it twice does no harm.")
    }
    if let node = invocation.lostOn { return Self.outcomeUnknown(of: invocation, on: node) }
    if invocation.lastRefusal == .overloaded {
      return Problem(
        .overloaded, code: "overloaded",
        "the nodes that serve \(invocation.module) have too much to do; nothing ran",
        next: "Try again in a moment.", retryAfter: Self.retryAfter)
    }
    return Problem(
      .unavailable, code: "not_ready",
      "\(invocation.module) served nowhere for as long as this waited; nothing ran",
      next: "See where it is with `wasmatrix ps`, then try again.", retryAfter: Self.retryAfter)
  }

  private static func outcomeUnknown(of invocation: Invocation, on node: NodeID) -> Problem {
    let attempts =
      invocation.attempts == 1 ? "its only attempt" : "its \(invocation.attempts) attempts"
    let next =
      invocation.isIdempotent
      ? "Ask again: it is idempotent, and \(attempts) brought no answer."
      : "Ask again if doing it twice does no harm. If it never does, say so with "
        + "`idempotent: true` in the manifest, or `--idempotent`: then it is done for you."
    return Problem(
      .unavailable, code: "outcome_unknown",
      "node \(node) was lost while it ran this: it may have been done, or not", next: next)
  }

  static let noRoom = Problem(
    .overloaded, code: "invocations_waiting",
    "too many invocations wait for modules that are just being made ready; nothing ran",
    next: "Try again in a moment.", retryAfter: retryAfter)

  /// The shortest that an HTTP answer can say.
  private static let retryAfter = Duration.seconds(1)
}
