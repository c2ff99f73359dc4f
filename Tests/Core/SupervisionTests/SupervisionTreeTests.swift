import ClusterModel
import PropertyTesting
import Testing

@testable import Supervision

/// A world of services under a tree that a seed draws, with one supervisor of OTP's rules for each group,
/// told by hand what the groups below it do.
@Suite struct SupervisionTreeTests {
  private static func leaf(_ name: String, _ restart: RestartType = .permanent)
    -> SupervisionPlan.Child
  {
    .service(ChildID(unchecked: name), restart: restart)
  }

  /// A tree, and who lives in it.
  private struct World {
    var tree: SupervisionTree
    var alive: [SupervisionTree.Life] = []
    var asked: Set<UInt64> = []
    var said: [String] = []
    var violations: [String] = []
    var ends = 0
    var nanoseconds: Int64 = 0
    var random = SeededRandom(seed: 1)

    init(_ plan: SupervisionPlan) { tree = SupervisionTree(plan) }

    mutating func tell(_ input: SupervisionTree.Input) {
      let now = Instants(
        monotonic: MonotonicInstant(nanoseconds: nanoseconds),
        wall: WallInstant(microseconds: nanoseconds / 1000))
      for directive in tree.handle(input, at: now, using: &random) { carryOut(directive) }
      if Set(tree.lives.map(\.number)) != Set(alive.map(\.number)) {
        violations.append("the tree knows other lives than there are")
      }
    }

    private mutating func carryOut(_ directive: SupervisionTree.Directive) {
      switch directive {
      case .start(let life):
        if ends > 0 { violations.append("\(life.path) starts after the end") }
        if alive.contains(where: { $0.path == life.path }) {
          violations.append("\(life.path) lives twice")
        }
        alive.append(life)
        said.append("start \(life.path)")
      case .stop(let life, _), .kill(let life):
        if !alive.contains(life) { violations.append("\(life.path) is stopped and does not live") }
        if asked.insert(life.number).inserted { said.append("stop \(life.path)") }
      case .report: break
      case .ended:
        ends += 1
        if !alive.isEmpty { violations.append("it has ended, and \(alive[0].path) lives") }
      }
    }

    mutating func serve(_ path: String) {
      if let life = alive.first(where: { $0.path == path }) { tell(.serviceStarted(life)) }
    }

    mutating func end(_ path: String, _ exit: ChildExit) {
      guard let index = alive.firstIndex(where: { $0.path == path }) else { return }
      let life = alive.remove(at: index)
      asked.remove(life.number)
      tell(.serviceEnded(life, exit))
    }

    mutating func pass(_ milliseconds: Int) {
      nanoseconds += Int64(milliseconds) * 1_000_000
      while let due = tree.nextDeadline, due.nanoseconds <= nanoseconds { tell(.deadlineReached) }
    }

    /// What was said since the last time.
    mutating func news() -> [String] {
      defer { said = [] }
      return said
    }
  }

  private static let nested = SupervisionPlan(
    strategy: .restForOne, backOff: .none,
    children: [
      leaf("store"),
      .supervisor(
        "workers",
        SupervisionPlan(
          strategy: .oneForAll, intensity: RestartIntensity(restarts: 1, window: .seconds(60)),
          backOff: .none, children: [leaf("reader"), leaf("writer")])),
      leaf("last"),
    ])

  private func begun() -> World {
    var world = World(Self.nested)
    world.tell(.startRequested)
    for path in ["store", "workers/reader", "workers/writer", "last"] {
      #expect(world.news() == ["start \(path)"])
      world.serve(path)
    }
    return world
  }

  @Test func `a group heals itself and nobody else is touched`() {
    var world = begun()
    world.end("workers/reader", .failure("x"))
    #expect(world.news() == ["stop workers/writer"])
    world.end("workers/writer", .normal)
    #expect(world.news() == ["start workers/reader"])
    world.serve("workers/reader")
    #expect(world.news() == ["start workers/writer"])
  }

  @Test func `a group that gives up is a failure to the supervisor above`() {
    var world = begun()
    for _ in 0..<2 {
      world.end("workers/reader", .failure("x"))
      world.end("workers/writer", .normal)
      world.serve("workers/reader")
      world.serve("workers/writer")
    }
    // The second time it gave up: the rest of the list above is stopped, and all of it begins anew.
    #expect(world.news().contains("stop last"))
    world.end("last", .normal)
    #expect(world.news() == ["start workers/reader"])
    #expect(world.alive.map(\.path).contains("store"))
  }

  @Test func `everything is stopped in reverse`() {
    var world = begun()
    world.tell(.stopRequested)
    for path in ["last", "workers/writer", "workers/reader", "store"] {
      #expect(world.news() == ["stop \(path)"])
      world.end(path, .normal)
    }
    #expect(world.ends == 1 && world.violations.isEmpty)
  }

  private static func plans(depth: Int) -> Generator<SupervisionPlan> {
    let leaves = Generator<RestartType>.element(of: RestartType.allCases).array(count: 1...3)
    let rules = zip(
      Generator<SupervisionStrategy>.element(of: SupervisionStrategy.allCases),
      Generator<Int>.int(in: 0...4))
    let flat = zip(leaves, rules).map { types, rules in
      SupervisionPlan(
        strategy: rules.0, intensity: RestartIntensity(restarts: rules.1, window: .seconds(1)),
        backOff: RestartBackOff(initial: .milliseconds(5), maximum: .milliseconds(50)),
        children: types.enumerated().map { leaf("d\(depth)-\($0)", $1) })
    }
    guard depth > 0 else { return flat }
    return zip(flat, plans(depth: depth - 1)).map { plan, inner in
      var plan = plan
      plan.children.insert(
        .supervisor(ChildID(unchecked: "group\(depth)"), inner), at: plan.children.count / 2)
      return plan
    }
  }

  @Test func `no service ever lives twice and an end is an end whatever happens`() async throws {
    let steps = zip(Generator<Int>.int(in: 0...9), Generator<Int>.int(in: 0...400))
      .array(count: 0...60)
    try await checkProperty(
      "Feature: wasmatrix, Property 9: trees of services keep what single supervisors promise",
      cases: 1000, zip(Self.plans(depth: 2), steps)
    ) { plan, steps in
      var world = World(plan)
      world.tell(.startRequested)
      for (action, number) in steps {
        let living = world.alive
        let path = living.isEmpty ? nil : living[number % living.count].path
        switch action {
        case 0...3: if let path { world.serve(path) }
        case 4...5: if let path { world.end(path, .failure("x")) }
        case 6: if let path { world.end(path, .normal) }
        case 7...8: world.pass(number)
        case _: if number == 0 { world.tell(.stopRequested) }
        }
      }
      world.tell(.stopRequested)
      for _ in 0..<100 where world.ends == 0 {
        world.pass(10_000)
        if let life = world.alive.last(where: { world.asked.contains($0.number) }) {
          world.end(life.path, .normal)
        }
      }
      guard world.violations.isEmpty else { throw Broken(what: world.violations) }
      return world.ends == 1 && world.alive.isEmpty
    }
  }

  private struct Broken: Error { let what: [String] }
}
