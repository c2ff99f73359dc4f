import ClusterModel
import Supervision

/// A process with its supervision tree: a `Supervisor` for each supervisor of its plan, and what of its
/// services really runs. `World+Trees` drives it.
final class SimulatedTree {
  /// Whose process it is.
  enum Owner: Hashable {
    case plane
    case agent(Int)
    /// Services without any other meaning, under rules that the seed draws.
    case drill(Int)
  }

  let owner: Owner
  /// The root first, children after their parents, in the order of their start.
  let nodes: [Node]
  private let indices: [String: Int]
  /// Grows with each start and each end of the process: what was meant for another is lost.
  private(set) var process = 0
  private(set) var isUp = false
  /// By node; `nil` for what is down.
  var lives: [Life?]
  private var lastLife = 0
  var checker: SupervisionChecker
  /// Paths that somebody took down by hand and did not bring back.
  var takenDown: [Int] = []

  /// A supervisor or a service.
  struct Node {
    let path: String
    let parent: Int?
    let rules: ChildRules
    /// `nil` for a service.
    let plan: SupervisionPlan?
    fileprivate(set) var children: [Int] = []
  }

  /// One life of a node, from the order to start until its end.
  struct Life {
    /// Unique in this tree: what was meant for another life is lost.
    let number: Int
    let incarnation: ChildIncarnation
    let begunAt: Int64
    var phase = Phase.starting
    /// Whether its supervisor wants it to end.
    var isAsked = false
    /// Whether it was ended as if it had crashed.
    var isKilled = false
    /// `nil` for a service.
    var machine: Supervisor?
    var wakesAt: Int64?

    enum Phase: Hashable { case starting, serving, ending }
  }

  init(_ owner: Owner, _ plan: SupervisionPlan) {
    self.owner = owner
    var nodes: [Node] = []
    func add(_ rules: ChildRules, _ plan: SupervisionPlan?, _ path: String, _ parent: Int?) -> Int {
      let index = nodes.count
      nodes.append(Node(path: path, parent: parent, rules: rules, plan: plan))
      for child in plan?.children ?? [] {
        let name = parent == nil ? "\(child.rules.id)" : "\(path)/\(child.rules.id)"
        nodes[index].children.append(add(child.rules, child.plan, name, index))
      }
      return index
    }
    _ = add(ChildRules("main", kind: .supervisor), plan, "main", nil)
    self.nodes = nodes
    indices = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.path, $0) })
    lives = Array(repeating: nil, count: nodes.count)
    checker = SupervisionChecker(nodes: nodes.count)
  }

  static let root = 0

  /// The node with a path such as `events/bus`; the root is `main`.
  func index(of path: String) -> Int? { indices[path] }

  func child(_ id: ChildID, of node: Int) -> Int {
    guard let child = nodes[node].children.first(where: { nodes[$0].rules.id == id }) else {
      preconditionFailure("\(nodes[node].path) has no child \(id)")
    }
    return child
  }

  var services: [Int] { nodes.indices.filter { nodes[$0].plan == nil } }

  func isServing(_ path: String) -> Bool {
    indices[path].flatMap { lives[$0] }?.phase == .serving
  }

  /// The life with this number, if it goes on.
  func life(_ node: Int, _ number: Int) -> Life? {
    lives[node].flatMap { $0.number == number ? $0 : nil }
  }

  // The process.

  func beginProcess() {
    process += 1
    isUp = true
  }

  /// Everything in it is gone at once.
  func endProcess() {
    process += 1
    isUp = false
    lives = Array(repeating: nil, count: nodes.count)
    takenDown = []
    checker.processEnded()
  }

  func beginLife(_ node: Int, _ incarnation: ChildIncarnation, at now: Int64) -> Int {
    lastLife += 1
    lives[node] = Life(
      number: lastLife, incarnation: incarnation, begunAt: now,
      machine: nodes[node].plan?.machine)
    return lastLife
  }
}

/// What will happen to one life of a node of a tree.
enum TreeHappening {
  /// A message to a supervisor.
  case told(Supervisor.Input)
  case wakes
  /// A service has what it needs.
  case serves
  /// It has released what it held.
  case ends(ChildExit)
  /// It does by itself.
  case fails(ChildExit)
}
