public import ClusterModel

/// A supervisor with all the supervisors beneath it, as one machine: whoever owns it starts, stops and kills
/// services, says what became of them, and need not know who supervises whom.
///
///     owner ──serviceStarted, serviceEnded──> the supervisor of that service ──ended──> the one above it
///     owner <──start, stop, kill────────────── any of them
public struct SupervisionTree: Sendable {
  /// One life of a service, unique in its tree. What is said of an earlier one changes nothing.
  public struct Life: Hashable, Sendable {
    /// From the top on: `workers/reader`.
    public let path: String
    /// Grows with each start of anything in the tree.
    public let number: UInt64
    /// How often this service was started, this time included.
    public let start: Int
    let node: Int
  }

  /// What has happened.
  public enum Input: Hashable, Sendable {
    case startRequested
    /// It runs: the next one may be started.
    case serviceStarted(Life)
    /// It has ended, by itself or because it was stopped or killed.
    case serviceEnded(Life, ChildExit)
    case stopRequested
    case deadlineReached
  }

  /// What must be done.
  public enum Directive: Hashable, Sendable {
    case start(Life)
    /// It must end: `serviceEnded` is awaited. The tree itself watches the time.
    case stop(Life, timeout: Duration?)
    /// It must end at once; `serviceEnded` is awaited here too.
    case kill(Life)
    /// Something for people and counters, of the supervisor with this path; empty for the one at the top.
    case report(path: String, SupervisorEvent)
    /// All are down, and nothing more will come.
    case ended(SupervisorExit)
  }

  private struct Node: Sendable {
    let path: String
    let parent: Int?
    let rules: ChildRules
    /// `nil` for a service.
    let plan: SupervisionPlan?
    var children: [Int] = []
    /// How often it was started.
    var starts = 0
  }

  private struct Running: Sendable {
    let number: UInt64
    let incarnation: ChildIncarnation
    /// `nil` for a service.
    var machine: Supervisor?
  }

  private struct Letter {
    let node: Int
    let number: UInt64
    let input: Supervisor.Input
  }

  private static let root = 0
  /// The supervisor at the top first, children after their parents.
  private var nodes: [Node] = []
  /// By node; `nil` for what is down.
  private var running: [Running?] = []
  private var lastNumber: UInt64 = 0
  /// Messages between supervisors, in order.
  private var letters: [Letter] = []

  public init(_ plan: SupervisionPlan) {
    _ = add(ChildRules("main", kind: .supervisor), plan, "", nil)
    running = Array(repeating: nil, count: nodes.count)
  }

  private mutating func add(
    _ rules: ChildRules, _ plan: SupervisionPlan?, _ path: String, _ parent: Int?
  ) -> Int {
    let index = nodes.count
    nodes.append(Node(path: path, parent: parent, rules: rules, plan: plan))
    for child in plan?.children ?? [] {
      let name = parent == nil ? child.rules.id.text : "\(path)/\(child.rules.id)"
      let place = add(child.rules, child.plan, name, index)
      nodes[index].children.append(place)
    }
    return index
  }

  /// When `deadlineReached` is due.
  public var nextDeadline: MonotonicInstant? {
    running.compactMap { $0?.machine?.nextDeadline }.min()
  }

  /// Takes in what has happened and says what must be done, in this order.
  public mutating func handle(
    _ input: Input, at now: Instants, using random: inout some RandomNumberGenerator
  ) -> [Directive] {
    var directives: [Directive] = []
    switch input {
    case .startRequested:
      guard lastNumber == 0 else { break }
      lastNumber += 1
      running[Self.root] = Running(
        number: lastNumber, incarnation: ChildIncarnation("main", 1),
        machine: nodes[Self.root].plan?.machine)
      post(.startRequested, to: Self.root)
    case .serviceStarted(let life):
      guard let there = running[life.node], there.number == life.number else { break }
      postToParent(of: life.node, .childStarted(there.incarnation))
    case .serviceEnded(let life, let exit):
      guard let there = running[life.node], there.number == life.number else { break }
      running[life.node] = nil
      postToParent(of: life.node, .childEnded(there.incarnation, exit))
    case .stopRequested: post(.stopRequested, to: Self.root)
    case .deadlineReached:
      for node in nodes.indices {
        if let due = running[node]?.machine?.nextDeadline, due <= now.monotonic {
          post(.deadlineReached, to: node)
        }
      }
    }
    deliver(now, &random, &directives)
    return directives
  }

  private mutating func post(_ input: Supervisor.Input, to node: Int) {
    guard let number = running[node]?.number else { return }
    letters.append(Letter(node: node, number: number, input: input))
  }

  private mutating func postToParent(of node: Int, _ input: Supervisor.Input) {
    if let parent = nodes[node].parent { post(input, to: parent) }
  }

  private mutating func deliver(
    _ now: Instants, _ random: inout some RandomNumberGenerator, _ directives: inout [Directive]
  ) {
    var next = 0
    while next < letters.count {
      let letter = letters[next]
      next += 1
      // It may have ended meanwhile.
      guard running[letter.node]?.number == letter.number else { continue }
      let orders =
        running[letter.node]?.machine?.handle(letter.input, at: now, using: &random) ?? []
      for order in orders { carryOut(order, of: letter.node, &directives) }
    }
    letters = []
  }

  private mutating func carryOut(
    _ order: Supervisor.Directive, of node: Int, _ directives: inout [Directive]
  ) {
    switch order {
    case .startChild(let incarnation): begin(incarnation, of: node, &directives)
    case .stopChild(let incarnation, let timeout):
      let child = child(incarnation.child, of: node)
      if nodes[child].plan != nil {
        post(.stopRequested, to: child)
      } else if let life = life(of: child) {
        directives.append(.stop(life, timeout: timeout))
      }
    case .killChild(let incarnation):
      // Only services: a supervisor is waited for as long as its children take.
      if let life = life(of: child(incarnation.child, of: node)) { directives.append(.kill(life)) }
    case .report(let event): directives.append(.report(path: nodes[node].path, event))
    case .started:
      if let incarnation = running[node]?.incarnation {
        postToParent(of: node, .childStarted(incarnation))
      }
    case .ended(let exit):
      let incarnation = running[node]?.incarnation
      running[node] = nil
      guard nodes[node].parent != nil, let incarnation else {
        directives.append(.ended(exit))
        return
      }
      postToParent(of: node, .childEnded(incarnation, exit.asChild))
    }
  }

  private mutating func begin(
    _ incarnation: ChildIncarnation, of node: Int, _ directives: inout [Directive]
  ) {
    let child = child(incarnation.child, of: node)
    lastNumber += 1
    nodes[child].starts += 1
    running[child] = Running(
      number: lastNumber, incarnation: incarnation, machine: nodes[child].plan?.machine)
    if nodes[child].plan != nil {
      post(.startRequested, to: child)
    } else if let life = life(of: child) {
      directives.append(.start(life))
    }
  }

  private func child(_ id: ChildID, of node: Int) -> Int {
    guard let child = nodes[node].children.first(where: { nodes[$0].rules.id == id }) else {
      preconditionFailure("\(nodes[node].path) has no child \(id)")
    }
    return child
  }

  private func life(of node: Int) -> Life? {
    running[node].map {
      Life(path: nodes[node].path, number: $0.number, start: nodes[node].starts, node: node)
    }
  }

  /// Every service that runs, in the order of the tree.
  public var lives: [Life] { nodes.indices.filter { nodes[$0].plan == nil }.compactMap(life) }

  /// A service, by its name; `nil` when its supervisor is down, or has forgotten it.
  public func status(of service: ChildID) -> ChildStatus? {
    let isIt = { (node: Node) in node.rules.id == service && node.plan == nil }
    guard let node = nodes.firstIndex(where: isIt), let parent = nodes[node].parent
    else { return nil }
    return running[parent]?.machine?.status.first { $0.id == service }
  }

  /// How often a service was started, also by supervisors that are no more.
  public func starts(of service: ChildID) -> Int {
    nodes.first { $0.rules.id == service && $0.plan == nil }?.starts ?? 0
  }
}

extension ChildExit {
  /// What it did, for people: "failed: no such host".
  public var text: String {
    switch self {
    case .normal: "ended"
    case .shutdown: "stopped"
    case .failure(let reason): "failed: \(reason)"
    }
  }
}

extension SupervisorExit {
  /// What it is to the supervisor above.
  public var asChild: ChildExit {
    switch self {
    case .shutdown: .shutdown
    case .startFailed(let child, let reason): .failure("\(child) could not be started: \(reason)")
    case .intensityReached(let child, let exit):
      .failure("\(child) had to be restarted too often; last it \(exit.text)")
    }
  }
}
