import ClusterModel
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// What must stop when isolated is never begun on one node while another may still serve it.
@Suite struct IsolationTests {
  private var plane = ControlPlaneDriver()
  private let rules = PlacementRules(fallbacks: 0, isolation: .stop)
  private let expiry = LeaseRules.expiry

  private func plan(_ name: String) -> String? {
    plane.plans[ControlPlaneDriver.node(name)].map(ControlPlaneDriver.text)
  }

  /// Version 1 serves on `a`, whose lease runs from now on.
  private mutating func serve(on names: [String], _ rules: PlacementRules) {
    plane.serve(on: names, rules)
    _ = plane.beat("a")
  }

  @Test mutating func `a new generation takes over at once where the old one served`() {
    serve(on: ["a"], rules)
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    #expect(plane.obey("a") == ["deployed [\"m#2\"]", "a: m#1 retained, m#2 active"])
    #expect(plane.invoke() == ["invoke on a"])
  }

  @Test mutating func `a new generation waits elsewhere until the old one has stopped`() {
    serve(on: ["a", "b"], rules)
    _ = plane.command(.cordon, "a")
    _ = plane.push("2")
    #expect(plane.deploy("2", rules) == ["b: m#2 fallback"])
    #expect(
      plane.obey("b") == ["deployed [\"m#2\"]", "a: m#1 retained", "b: m#2 fallback"])
    #expect(plane.probe() == ["it waits"])
    #expect(plane.obey("a") == ["b: m#2 active"], "it says that it has stopped")
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `a new generation waits elsewhere until the lease of the old one is over`() {
    serve(on: ["a", "b"], rules)
    _ = plane.command(.cordon, "a")
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    _ = plane.obey("b")
    let early = plane.wait(expiry - .milliseconds(10), beating: ["b"])
    #expect(!early.contains("b: m#2 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["b"]).contains("b: m#2 active"))
  }

  @Test mutating func `what is deployed under the name of what was undeployed waits for its lease`()
  {
    serve(on: ["a", "b"], rules)
    _ = plane.command(.cordon, "a")
    #expect(plane.undeploy() == ["replied", "a: "])
    _ = plane.push("2")
    #expect(plane.deploy("2", rules) == ["b: m#2 fallback"])
    #expect(plane.obey("b") == ["deployed [\"m#2\"]", "b: m#2 fallback"])
    let early = plane.wait(expiry - .milliseconds(10), beating: ["b"])
    #expect(!early.contains("b: m#2 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["b"]).contains("b: m#2 active"))
  }

  @Test(arguments: ["it says so", "its process has ended", "its lease is over"])
  mutating func `what was undeployed is not waited for when it has stopped`(because: String) {
    serve(on: ["a", "b"], rules)
    _ = plane.command(.cordon, "a")
    _ = plane.undeploy()
    switch because {
    case "it says so": _ = plane.obey("a")
    case "its process has ended": _ = plane.die("a", .processEnded)
    default: _ = plane.wait(expiry, beating: ["a", "b"])
    }
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    #expect(plane.obey("b").contains("b: m#2 active"))
    #expect(plane.logic.planner?.departed == [:])
  }

  @Test mutating func `what may serve on when isolated is not waited for`() {
    serve(on: ["a", "b"], PlacementRules(fallbacks: 0))
    _ = plane.command(.cordon, "a")
    _ = plane.undeploy()
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    #expect(plane.obey("b").contains("b: m#2 active"))
  }

  @Test mutating func `it leaves a drained node by stopping there, once another is ready`() {
    serve(on: ["a"], rules)
    #expect(plane.command(.drain, "a") == ["node a draining"])
    #expect(plane.attach("b") == ["b: ", "b: m#1 fallback"])
    #expect(plane.invoke() == ["invoke on a"], "nobody else is ready")
    #expect(plane.obey("b") == ["a: "])
    #expect(plane.probe() == ["it waits"])
    #expect(plane.obey("a") == ["b: m#1 active"])
    #expect(plane.invoke() == ["invoke on b"])
  }

  @Test mutating func `a node that starts anew holds no lease`() {
    serve(on: ["a", "b"], PlacementRules(isolation: .stop))
    #expect(plane.attach("a", incarnation: 2) == ["a: ", "b: m#1 active", "a: m#1 fallback"])
  }

  @Test mutating func `a node that was forgotten is still waited for`() {
    serve(on: ["a", "b"], PlacementRules(isolation: .stop))
    _ = plane.die("a", .connectionClosed)
    #expect(plane.command(.forget, "a").contains("node a forgotten"))
    let early = plane.wait(expiry - .milliseconds(10), beating: ["b"])
    #expect(!early.contains("b: m#1 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["b"]).contains("b: m#1 active"))
  }

  @Test mutating func `a node that is evicted while it serves is waited for`() {
    serve(on: ["a", "b"], PlacementRules(isolation: .stop))
    #expect(plane.command(.evict, "a").contains("node a forgotten"))
    let early = plane.wait(expiry - .milliseconds(10), beating: ["b"])
    #expect(!early.contains("b: m#1 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["b"]).contains("b: m#1 active"))
  }

  @Test mutating func `with fewer replicas the rest stops first, and only as many begin`() {
    serve(on: ["a", "b"], PlacementRules(replicas: 2, fallbacks: 0, isolation: .stop))
    _ = plane.push("2")
    _ = plane.deploy("2", rules)
    _ = plane.obey("a")
    #expect(plane.obey("b") == [])
    let serving = ["a", "b"].filter { plan($0)?.contains("m#2 active") == true }
    #expect(serving.isEmpty, "one has to say that it has stopped")
    _ = plane.obey("a")
    _ = plane.obey("b")
    #expect(["a", "b"].filter { plan($0)?.contains("m#2 active") == true }.count == 1)
  }

  @Test
  mutating func `one that is only suspected of holding a lease keeps it for as long as it beats`() {
    serve(on: ["a", "b"], PlacementRules(isolation: .stop))
    _ = plane.wait(.seconds(1), beating: ["a", "b"])
    _ = plane.die("a", .connectionClosed)
    let early = plane.wait(expiry - .milliseconds(10), beating: ["b"])
    #expect(!early.contains("b: m#1 active"))
    #expect(plane.wait(.milliseconds(10), beating: ["b"]).contains("b: m#1 active"))
  }

  @Test mutating func `where the new one must not serve yet the old one is waited for too`() {
    serve(on: ["a", "b"], PlacementRules(replicas: 2, fallbacks: 0, isolation: .stop))
    _ = plane.push("2")
    _ = plane.deploy("2", PlacementRules(isolation: .stop))
    _ = plane.obey("b")
    plane.store = .keepsLater
    _ = plane.obey("a")
    // It was ready on `a` and is not any more when it is durable.
    _ = plane.obey("a", condition: .preparing)
    plane.store = .keepsAtOnce
    _ = plane.keep()
    _ = plane.obey("b")
    #expect(plan("b")?.contains("m#2 active") == false, "the old one may still serve on a")
    _ = plane.obey("a")
    #expect(["a", "b"].filter { plan($0)?.contains("m#2 active") == true }.count == 1)
  }
}
