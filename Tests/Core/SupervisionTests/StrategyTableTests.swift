import ClusterModel
import Testing

@testable import Supervision

/// Who is stopped and started, for every strategy, restart type and exit. The child in the middle of
/// three ends.
@Suite struct StrategyTableTests {
  struct Case: CustomStringConvertible {
    let strategy: SupervisionStrategy
    let restart: RestartType
    let exit: ChildExit
    var description: String { "\(strategy.rawValue), \(restart.rawValue), \(exit)" }
  }

  static let cases = SupervisionStrategy.allCases.flatMap { strategy in
    RestartType.allCases.flatMap { restart in
      [ChildExit.normal, .shutdown, .failure("broken")].map {
        Case(strategy: strategy, restart: restart, exit: $0)
      }
    }
  }

  /// Whether the child is started again: the table of restart types.
  static func isRestarted(_ restart: RestartType, after exit: ChildExit) -> Bool {
    switch (restart, exit) {
    case (.permanent, .normal), (.permanent, .shutdown), (.permanent, .failure): true
    case (.transient, .normal), (.transient, .shutdown): false
    case (.transient, .failure): true
    case (.temporary, .normal), (.temporary, .shutdown), (.temporary, .failure): false
    }
  }

  /// What follows a restart: the table of strategies.
  static func orders(_ strategy: SupervisionStrategy) -> [String] {
    switch strategy {
    case .oneForOne: ["start b#2"]
    case .oneForAll: ["stop c#1", "stop a#1", "start a#2", "start b#2", "start c#2"]
    case .restForOne: ["stop c#1", "start b#2", "start c#2"]
    }
  }

  @Test(arguments: cases) func `who is stopped and started follows the tables`(_ row: Case) {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b", restart: row.restart), ChildRules("c")], row.strategy)
    script.startAll()
    var orders: [String] = []
    var next = script.ended("b", row.exit)
    while !next.isEmpty {
      orders += next
      let order = next.removeFirst()
      #expect(next.isEmpty, "one thing after the other")
      let child = ChildID(unchecked: String(order.split(separator: " ")[1].prefix(1)))
      next =
        order.hasPrefix("stop") ? script.ended(child, .shutdown) : script.started(child)
    }
    let isRestarted = Self.isRestarted(row.restart, after: row.exit)
    #expect(orders == (isRestarted ? Self.orders(row.strategy) : []))
    let state: ChildState? =
      isRestarted ? .running : row.restart == .temporary ? nil : .ended
    #expect(script.state("b") == state)
    #expect(script.state("a") == .running)
    #expect(script.state("c") == .running)
  }

  @Test(arguments: [SupervisionStrategy.oneForAll, .restForOne])
  func `temporary children are stopped with their group and forgotten`(
    _ strategy: SupervisionStrategy
  ) {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b", restart: .temporary), ChildRules("c")], strategy)
    script.startAll()
    #expect(script.failed("a") == ["stop c#1"])
    #expect(script.ended("c", .shutdown) == ["stop b#1"])
    #expect(script.ended("b", .shutdown) == ["start a#2"])
    #expect(script.started("a") == ["start c#2"])
    #expect(script.state("b") == nil)
  }

  @Test func `a transient child that had ended comes back with its group`() {
    var script = SupervisorScript(
      [ChildRules("a"), ChildRules("b", restart: .transient)], .oneForAll)
    script.startAll()
    #expect(script.ended("b", .normal) == [])
    #expect(script.failed("a") == ["start a#2"])
    #expect(script.started("a") == ["start b#2"])
  }
}
