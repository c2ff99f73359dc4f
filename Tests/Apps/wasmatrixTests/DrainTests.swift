import ArgumentParser
import ClusterModel
import Testing

@testable import wasmatrix

/// What is made of a node that is being drained, and what is said of it.
struct DrainTests {
  private static let node = NodeID(unchecked: "press-7")

  private static func item(
    _ module: String, _ role: PlacementStanding = .active, version: String = "1"
  ) -> DrainLook.Item {
    DrainLook.Item(
      module: ModuleName(unchecked: module), version: ModuleVersion(unchecked: version), role: role)
  }

  private static func look(
    _ state: NodeState = .healthy, drained: Bool? = true, instances: Int? = 0,
    held: [(item: DrainLook.Item, running: Int)] = []
  ) -> DrainLook {
    DrainLook(state: state, drained: drained, instances: instances, held: held)
  }

  @Test func `a node is empty when no plan wants anything of it and nothing runs there`() {
    #expect(Self.look() == .empty(byHand: []))
    #expect(Self.look(drained: false) == .left([], running: 0))
    #expect(Self.look(instances: 2) == .left([], running: 2))
    for role in [PlacementStanding.active, .fallback, .retained] {
      let item = Self.item("clean", role)
      #expect(Self.look(held: [(item, 0)]) == .left([item], running: 0))
    }
    #expect(Self.look(drained: nil) == .empty(byHand: []), "an older server does not say")
  }

  @Test func `what is held by hand is not waited for, nor its runs`() {
    let byHand = Self.item("watch", .byHand)
    #expect(Self.look(instances: 1, held: [(byHand, 1)]) == .empty(byHand: [byHand]))
    #expect(Self.look(instances: 3, held: [(byHand, 1)]) == .left([], running: 2))
  }

  @Test func `a node that cannot be asked is not taken for empty, and a lost one has nothing`() {
    #expect(Self.look(instances: nil) == .silent)
    #expect(Self.look(.suspect) == .silent)
    let held = [(item: Self.item("clean"), running: 1)]
    #expect(Self.look(.unavailable, drained: false, instances: nil, held: held) == .lost)
    for state in [NodeState.degraded, .recovered] {
      #expect(Self.look(state) == .empty(byHand: []))
    }
  }

  @Test func `each step of a drain is told once`() {
    let (clean, guarding) = (Self.item("clean"), Self.item("guard", .fallback))
    var progress = DrainProgress(
      of: Self.node, holding: [clean, guarding, Self.item("watch", .byHand)])
    #expect(
      progress.beginning == .note("press-7 gets nothing new; to be moved: clean@1, guard@1"))
    #expect(progress.lines(for: .left([clean, guarding], running: 1)) == [])
    #expect(progress.lines(for: .silent) == [.note("press-7 does not answer")])
    #expect(progress.lines(for: .silent) == [])
    #expect(
      progress.lines(for: .left([Self.item("clean", .retained)], running: 0))
        == [.step("guard@1 has left press-7")], "another role is no departure")
    #expect(
      progress.lines(for: .left([], running: 2))
        == [
          .step("clean@1 has left press-7"), .note("what runs there comes to its end: 2 runs"),
        ])
    #expect(progress.lines(for: .left([], running: 1)) == [])
    #expect(progress.lines(for: .empty(byHand: [])) == [])
  }

  @Test func `what has left by the first look is told, too`() {
    var progress = DrainProgress(of: Self.node, holding: [Self.item("clean")])
    #expect(
      progress.lines(for: .empty(byHand: [])) == [.step("clean@1 has left press-7")])
    var idle = DrainProgress(of: Self.node, holding: [])
    #expect(idle.beginning == .note("press-7 gets nothing new"))
    #expect(idle.lines(for: .empty(byHand: [])) == [])
    #expect(idle.lines(for: .lost) == [])
  }

  @Test func `of many modules some are named, each once`() {
    let many = (10..<30).map { Self.item("m\($0)") } + [Self.item("m10", .retained)]
    #expect(
      DrainProgress.names(many)
        == "m10@1, m11@1, m12@1, m13@1, m14@1, m15@1, m16@1, m17@1, m18@1, m19@1 and 10 more")
    #expect(DrainProgress.names([]) == "")
  }

  @Test func `whether to wait, and for how long, is said`() throws {
    let waits = try DrainVerb.parse(["press-7", "--timeout", "2m"])
    #expect(!waits.noWait && waits.timeout.duration == .seconds(120))
    #expect(try DrainVerb.parse(["press-7"]).timeout.duration == .seconds(300))
    #expect(try DrainVerb.parse(["press-7", "--no-wait"]).noWait)
    #expect(throws: (any Error).self) { try DrainVerb.parse(["press-7", "--timeout", "soon"]) }
    #expect(throws: (any Error).self) { try DrainVerb.parse([]) }
  }
}
