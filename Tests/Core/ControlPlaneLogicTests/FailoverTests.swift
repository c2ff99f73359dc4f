import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

@Suite struct FailoverTests {
  private var plane = ControlPlaneDriver()

  private var missing: Int { plane.logic.figures.missingPlacements }

  /// What was told of them since the last time.
  private mutating func told() -> [String] {
    let messages = plane.announced.filter { $0.type == .nodeFailover }
    _ = plane.news()
    return messages.map { message in
      let payload = message.payload.sorted { $0.key < $1.key }.map { name, value in
        guard case .integer(let number) = value else { return name }
        return "\(name) \(number)"
      }
      return "\(message.target): \(payload.joined(separator: ", "))"
    }
  }

  @Test mutating func `a fallback that is ready serves at once`() {
    plane.serve(on: ["a", "b"], PlacementRules())
    _ = plane.die("a", .processEnded)
    #expect(told() == ["node/a: microseconds 0, placements 1"])
    #expect(missing == 0)
  }

  @Test mutating func `a node that served nothing leaves nothing to take over`() {
    plane.serve(on: ["a", "b", "c"], PlacementRules())
    _ = plane.die("b", .processEnded)
    #expect(told() == [] && missing == 0)
  }

  @Test mutating func `what has to be made ready first is told of when it serves`() {
    plane.serve(on: ["a", "b"], PlacementRules(fallbacks: 0))
    _ = plane.die("a", .processEnded)
    #expect(told() == [] && missing == 1)
    _ = plane.wait(.milliseconds(30), beating: ["b"])
    _ = plane.obey("b")
    #expect(told() == ["node/a: microseconds 30000, placements 1"])
    #expect(missing == 0)
  }

  @Test mutating func `what nobody can run serves again when its node is back`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    let held = plane.held("a")
    _ = plane.die("a", .connectionClosed)
    #expect(missing == 1)
    _ = plane.attach("a", holding: held)
    #expect(told().count == 1 && missing == 0)
  }

  @Test mutating func `what served too rarely before is not waited for to serve more often`() {
    plane.serve(on: ["a"], PlacementRules(replicas: 3, fallbacks: 0))
    let held = plane.held("a")
    _ = plane.die("a", .connectionClosed)
    _ = plane.attach("a", holding: held)
    #expect(told().count == 1 && missing == 0)
  }

  @Test mutating func `two nodes that are lost one after the other are told of one by one`() {
    plane.serve(on: ["a", "b", "c"], PlacementRules(replicas: 2, fallbacks: 0))
    let before = plane.held("b")
    _ = plane.die("a", .processEnded)
    _ = plane.die("b", .connectionClosed)
    #expect(missing == 1)
    _ = plane.obey("c")
    #expect(told() == [] && missing == 1, "it serves once, and served twice")
    _ = plane.attach("b", holding: before)
    #expect(told().map { $0.prefix(6) } == ["node/a", "node/b"])
    #expect(missing == 0)
  }

  @Test mutating func `what is undeployed meanwhile is waited for no more`() {
    plane.serve(on: ["a"], PlacementRules(fallbacks: 0))
    _ = plane.die("a", .processEnded)
    #expect(missing == 1)
    _ = plane.undeploy()
    #expect(missing == 0 && told().count == 1)
  }

  @Test mutating func `what is replaced meanwhile is waited for no more`() {
    plane.serve(on: ["a", "b"], PlacementRules(replicas: 2, fallbacks: 0))
    _ = plane.die("a", .processEnded)
    #expect(missing == 1)
    _ = plane.scale(to: 1)
    _ = plane.obey("b")
    #expect(missing == 0)
  }
}
