import ClusterModel

/// When each node's standing plan is to be sealed: soon after a new plan, and again before it expires.
///
/// It is never at once: a node that takes over from another gets its plan first, and several plans that follow
/// each other are sealed once, when they have come to an end, or have gone on for long.
struct StandingPlans: Sendable {
  /// How long a standing plan holds.
  let life: Duration
  private var dueAt: [NodeID: MonotonicInstant] = [:]
  /// Of those that have got a plan since the last seal, when the first of these was made.
  private var changedAt: [NodeID: MonotonicInstant] = [:]
  /// No later than the earliest of them.
  private(set) var nextDeadline: MonotonicInstant?

  /// How long after a plan its seal follows: longer than a fail-over, and shorter than anybody takes to switch a
  /// fleet off.
  static let settling = Duration.milliseconds(250)
  /// How long a node may get one plan after the other until one of them is sealed.
  static let longestSettling = Duration.seconds(2)

  init(life: Duration) { self.life = life }

  /// A plan was sent to a node.
  mutating func planned(_ node: NodeID, at now: MonotonicInstant) {
    let first = changedAt[node] ?? now
    changedAt[node] = first
    due(node, at: min(first + Self.longestSettling, now + Self.settling))
  }

  /// What standing plans hold beside plans has changed.
  mutating func contentChanged(at now: MonotonicInstant) {
    for node in dueAt.keys.sorted() { planned(node, at: now) }
  }

  /// The nodes whose turn it is, sorted; each is due again in a share of its plan's life.
  mutating func takeDue(at now: MonotonicInstant, where isAttached: (NodeID) -> Bool) -> [NodeID] {
    guard let nextDeadline, nextDeadline <= now else { return [] }
    self.nextDeadline = nil
    var found: [NodeID] = []
    for (node, at) in dueAt.sorted(by: { $0.key < $1.key }) {
      guard at <= now else {
        due(node, at: at)
        continue
      }
      dueAt[node] = nil
      changedAt[node] = nil
      // One that is not attached gets a new plan when it is again.
      guard isAttached(node) else { continue }
      found.append(node)
      due(node, at: now + life / StandingPlanRules.renewalDivisor)
    }
    return found
  }

  private mutating func due(_ node: NodeID, at instant: MonotonicInstant) {
    dueAt[node] = instant
    nextDeadline = min(nextDeadline ?? instant, instant)
  }
}
