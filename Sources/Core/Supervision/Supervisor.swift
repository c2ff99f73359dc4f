public import ClusterModel

/// Starts children in order, starts them again when they fail, and stops them in reverse order.
///
/// A supervisor does no work of its own. It knows who depends on whom (its ``SupervisionStrategy``),
/// who must always be there (``RestartType``), and when starting again has become pointless
/// (``RestartIntensity``): then it stops everything and ends as failed itself, so that whoever
/// supervises *it* tries something larger. What a child held when it failed is gone with it; the next
/// incarnation begins from what is durable. The rules are those of supervisors in Erlang/OTP, with a
/// back-off added; `docs/SUPERVISION.md` explains them with examples and lists the differences.
///
///     not started
///          │ startRequested
///          ▼                  all started
///     ┌─ starting ────────────────────────────> attending <────────────┐
///     │    ▲   │ a child cannot be started        │  ▲ a child alone   │
///     │    │   │                                  │  │ starts again    │
///     │    │   │          a child fails ──────────┤  └──(one-for-one)  │
///     │    │   ▼                                  │                    │ back-off to come
///     │    └─ stopping the group <────────────────┤ (the other         │
///     │ back-off over │                           │  strategies)       │
///     │               └───────────────────────────┼────────────────────┘
///     │ first start                               │ stopRequested, or one restart
///     │ failed                                    ▼ too many (from any state)
///     └────────────────────────────────────> stopping all ──all down──> ended
///
/// Of each child:
///
///     down ──startChild──> starting ──childStarted──> running ──childEnded──> down, or
///      ▲                      │ failed: counts            │                   waiting (back-off)
///      │                      │ as a failure              │ stopChild            │
///      │                      ▼                           ▼                      │ time is up
///      └───childEnded─── stopping ──time-out: killChild──> stopping              └──> starting
///
/// While it starts or stops a group it does nothing else, as in OTP: what else happens then is looked
/// at afterwards, unless the group has taken care of it.
public struct Supervisor: Sendable {
  let strategy: SupervisionStrategy
  let intensity: RestartIntensity
  let backOff: RestartBackOff
  /// In the order of their start. Temporary children leave when they have ended.
  var children: [Child]
  var work = Work.notStarted
  /// What happened while a group was started or stopped, in order. At most one exit and one request a
  /// child.
  var deferred: [Deferred] = []
  /// When there were restarts within the window; at most one more than the intensity allows.
  var recentRestarts: [MonotonicInstant] = []

  /// How many children a supervisor has at most: every decision looks at all of them.
  public static let maximumChildren = 1000

  /// - Parameters:
  ///   - children: in the order of their start; that two have one name, or that they are more than
  ///     ``maximumChildren``, is a bug.
  ///   - strategy: default: one-for-one.
  public init(
    _ children: [ChildRules], strategy: SupervisionStrategy = .oneForOne,
    intensity: RestartIntensity = RestartIntensity(), backOff: RestartBackOff = RestartBackOff()
  ) {
    precondition(Set(children.map(\.id)).count == children.count, "two children with one name")
    precondition(children.count <= Self.maximumChildren, "too many children")
    self.strategy = strategy
    self.intensity = intensity
    self.backOff = backOff
    self.children = children.map { Child(rules: $0) }
  }

  /// When `deadlineReached` is due; `nil` when nothing waits for a time.
  public var nextDeadline: MonotonicInstant? {
    // A back-off that ends while a group is started or stopped is looked at when that is done.
    let isAttending = work == .attending
    return children.compactMap { child in
      switch child.phase {
      case .waiting(let until): isAttending ? until : nil
      case .stopping(let deadline, _): deadline
      case .down, .starting, .running: nil
      }
    }.min()
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .startRequested: begin(now, &directives)
    case .childStarted(let incarnation): started(incarnation, now, &directives)
    case .childStartFailed(let incarnation, let reason):
      ended(incarnation, .failure(reason), now, &directives)
    case .childEnded(let incarnation, let exit): ended(incarnation, exit, now, &directives)
    case .restartRequested(let id): requested(.restart(id), of: id)
    case .terminateRequested(let id): requested(.terminate(id), of: id)
    case .stopRequested: stop(now, &directives)
    case .deadlineReached: wake(now, &directives)
    }
    attend(now, &random, &directives)
    return directives
  }
}

extension Supervisor {
  /// What the supervisor is about.
  enum Work: Hashable, Sendable {
    case notStarted
    /// Starts children one after the other; `remaining` in order, without the one that is being
    /// started. The first time, a failure ends the supervisor.
    case starting(ChildID?, remaining: [ChildID], isFirst: Bool)
    /// Stops children one after the other; `remaining` in order, without the one that is being
    /// stopped.
    case stopping(ChildID?, remaining: [ChildID], then: Aftermath)
    /// Deals with whatever comes, when it comes.
    case attending
    case ended(SupervisorExit)
  }

  /// What comes when all that should be stopped is.
  enum Aftermath: Hashable, Sendable {
    /// The group of this child is started, when its back-off is over.
    case restart(ChildID)
    case end(SupervisorExit)
  }

  /// What is looked at when no group is being started or stopped.
  enum Deferred: Hashable, Sendable {
    case exit(ChildID, ChildExit)
    case restart(ChildID)
    case terminate(ChildID)
  }

  /// One child, as its supervisor sees it.
  struct Child: Hashable, Sendable {
    let rules: ChildRules
    var phase = Phase.down(.notStarted)
    var since: WallInstant?
    /// The number of the present or latest incarnation; 0 before the first.
    var incarnation = 0
    /// Restarts that this child has caused.
    var restarts = 0
    /// Those since it was last stable.
    var consecutiveRestarts = 0
    var lastExit: ChildExit?

    enum Phase: Hashable, Sendable {
      case down(Reason)
      case starting
      case running(since: MonotonicInstant)
      /// `deadline` is when it is killed; `nil` when it is already, or never will be.
      case stopping(deadline: MonotonicInstant?, startAfterwards: Bool)
      case waiting(until: MonotonicInstant)
    }

    /// Why a child is down.
    enum Reason: Hashable, Sendable { case notStarted, ended, stopped }

    var current: ChildIncarnation { ChildIncarnation(rules.id, incarnation) }

    /// Whether there is an incarnation that has not ended.
    var isAlive: Bool {
      switch phase {
      case .starting, .running, .stopping: true
      case .down, .waiting: false
      }
    }
  }
}
