import ClusterModel
import PropertyTesting

@testable import Supervision

/// Carries out what a supervisor orders, one thing after the other, with the same luck as the model.
struct OTPWorld {
  var script: SupervisorScript
  var luck: Luck
  /// Incarnations that live, in the order of the children.
  var alive: [ChildIncarnation] = []
  var trace: [String] = []
  private let order: [ChildID]
  private let rules: [ChildID: ChildRules]
  private let strategy: SupervisionStrategy
  private var hasBegun = false
  /// Whether a child has failed while another thing was done.
  private var hasLost = false

  init(
    _ children: [ChildRules], _ strategy: SupervisionStrategy, _ intensity: RestartIntensity,
    _ luck: Luck
  ) {
    script = SupervisorScript(children, strategy, intensity: intensity)
    self.luck = luck
    self.strategy = strategy
    order = children.map(\.id)
    rules = Dictionary(uniqueKeysWithValues: children.map { ($0.id, $0) })
  }

  mutating func start() { carryOut(tell(.startRequested)) }

  mutating func exit(_ index: Int, _ exit: ChildExit) {
    guard let incarnation = alive.first(where: { $0.child == order[index] }) else { return }
    alive.removeAll { $0 == incarnation }
    carryOut(tell(.childEnded(incarnation, exit)))
  }

  mutating func stop() { carryOut(tell(.stopRequested)) }

  mutating func pass(_ duration: Duration) { carryOut(script.advance(duration)) }

  private mutating func tell(_ input: Supervisor.Input) -> [String] { script.handle(input) }

  private mutating func carryOut(_ orders: [String]) {
    var orders = orders
    while !orders.isEmpty {
      let text = orders.removeFirst()
      let words = text.split(separator: " ")
      switch words[0] {
      case "start", "stop", "kill":
        trace.append(text)
        let parts = words[1].split(separator: "#")
        let incarnation = ChildIncarnation(ChildID(unchecked: String(parts[0])), Int(parts[1])!)
        orders += words[0] == "start" ? start(incarnation) : end(incarnation, words[0] == "stop")
      case "started": hasBegun = true
      case _: break
      }
    }
  }

  private mutating func start(_ incarnation: ChildIncarnation) -> [String] {
    let fails = luck.startFails()
    let isAlone = hasBegun && strategy == .oneForOne
    var orders: [String] = []
    if isAlone {
      if fails {
        _ = luck.next()
      } else {
        let others = alive
        live(incarnation)
        orders += tell(.childStarted(incarnation))
        orders += somethingElse(among: others)
        return orders
      }
    } else if strategy == .oneForOne, hasLost {
      _ = luck.next()
    } else {
      orders += somethingElse(among: alive)
    }
    if !fails { live(incarnation) }
    orders += tell(
      fails
        ? .childStartFailed(incarnation, reason: "no luck") : .childStarted(incarnation))
    return orders
  }

  private mutating func live(_ incarnation: ChildIncarnation) {
    alive.append(incarnation)
    alive.sort { order.firstIndex(of: $0.child)! < order.firstIndex(of: $1.child)! }
  }

  private mutating func end(_ incarnation: ChildIncarnation, _ isAsked: Bool) -> [String] {
    var orders: [String] = []
    if isAsked, case .within(let timeout) = rules[incarnation.child]?.shutdown,
      luck.ignoresStop()
    {
      trace += script.advance(timeout)
    }
    alive.removeAll { $0 == incarnation }
    orders += somethingElse(among: alive)
    orders += tell(.childEnded(incarnation, isAsked ? .shutdown : .failure("killed")))
    return orders
  }

  private mutating func somethingElse(among up: [ChildIncarnation]) -> [String] {
    guard let victim = luck.victim(of: up.count) else { return [] }
    alive.removeAll { $0 == up[victim] }
    hasLost = true
    return tell(.childEnded(up[victim], .failure("by itself")))
  }
}
