import ClusterModel
import ModuleCatalog
import NodeTracking
import Testing

@testable import ControlPlaneLogic

/// The services of an application are placed, replaced, given up and taken away together.
@Suite struct ServicePlacementTests {
  private var plane = ControlPlaneDriver()
  private let gaveUp = Problem(.guestFailed, code: "services_failed", "they were given up")

  private mutating func push(_ names: [String], _ version: String) {
    for name in names {
      let record = ModuleVersionRecord(
        namespace: .default, name: ModuleName(unchecked: name),
        version: ModuleVersion(unchecked: version),
        digest: ModuleDigest(
          sha256: [UInt8](repeating: UInt8(version.utf8.first ?? 0), count: 32)),
        size: ByteCount(bytes: 1), signers: [], signature: [], pushedAt: plane.now.wall,
        pushedBy: .local)
      _ = plane.tell(.catalog(.moduleVerified(plane.nextRequest(), record)))
    }
  }

  /// Services under one supervisor; the first by name reserves for all.
  private mutating func deploy(
    _ names: [String], _ version: String = "1", isolation: IsolationPolicy = .continue
  ) -> [String] {
    push(names, version)
    let tree = ServiceTree(
      children: names.map {
        .service(ModuleName(unchecked: $0), restart: .permanent, shutdown: .standard)
      })
    let wishes = names.map { name in
      DeploymentWish(
        name: ModuleName(unchecked: name), version: ModuleVersion(unchecked: version),
        configuration: DeploymentConfiguration(
          kind: .service,
          placement: PlacementRules(
            memory: name == names.min() ? .mebibytes(600) : ByteCount(bytes: 0),
            isolation: isolation), serviceTree: tree))
    }
    return plane.tell(
      .catalog(
        .deploymentRequested(
          plane.nextRequest(), ApplicationName(unchecked: "app"), wishes,
          ControlPlaneDriver.requester)))
  }

  private mutating func obey(_ nodes: [String]) {
    for _ in 0..<3 {
      for node in nodes where plane.plans[ControlPlaneDriver.node(node)] != nil {
        _ = plane.obey(node)
      }
    }
  }

  private func text(_ node: String) -> String {
    plane.plans[ControlPlaneDriver.node(node)].map(ControlPlaneDriver.text) ?? ""
  }

  private mutating func serving(_ nodes: [String]) {
    for node in nodes { _ = plane.attach(node) }
    _ = deploy(["x", "y", "z"])
    obey(nodes)
  }

  @Test mutating func `all of them serve on one node and wait on another`() {
    serving(["a", "b", "c"])
    let all = ["a", "b", "c"].map(text).filter { !$0.isEmpty }.sorted()
    #expect(
      all == ["x#1 active, y#1 active, z#1 active", "x#1 fallback, y#1 fallback, z#1 fallback"])
  }

  @Test mutating func `all of them take over when their node dies`() {
    serving(["a", "b"])
    #expect(text("a") == "x#1 active, y#1 active, z#1 active")
    _ = plane.die("a", .processEnded)
    #expect(text("b") == "x#1 active, y#1 active, z#1 active")
  }

  @Test mutating func `all of them leave a node where they were given up and come back later`() {
    serving(["a", "b"])
    _ = plane.obey("a", condition: .failed(gaveUp))
    #expect(text("a") == "")
    #expect(text("b") == "x#1 active, y#1 active, z#1 active")
    _ = plane.wait(.seconds(3), beating: ["a", "b"])
    #expect(text("a") == "x#1 fallback, y#1 fallback, z#1 fallback")
  }

  @Test mutating func `what one of them loses all of them lose`() throws {
    serving(["a", "b"])
    let plan = try #require(plane.plans[ControlPlaneDriver.node("a")])
    let held = plan.orders.map { order in
      HeldPlacement(
        order.deployment, role: order.role, fence: order.fence,
        condition: order.placement.name.name.text == "y" ? .failed(gaveUp) : .ready)
    }
    _ = plane.tell(
      .agentSpoke(
        .reported(
          NodeReport(
            node: plan.node, incarnation: plan.incarnation, sequence: .max, plan: plan.version,
            placements: held))))
    #expect(text("a") == "")
    #expect(text("b") == "x#1 active, y#1 active, z#1 active")
  }

  @Test mutating func `a new deployment replaces all of them by one plan`() {
    serving(["a"])
    _ = deploy(["x", "y", "z"], "2")
    #expect(text("a").contains("x#2 fallback, y#1 active, y#2 fallback"))
    _ = plane.obey("a")
    #expect(
      text("a")
        == "x#1 retained, x#2 active, y#1 retained, y#2 active, z#1 retained, z#2 active")
  }

  @Test mutating func `a rollback of one of them brings all of them back`() {
    serving(["a"])
    _ = plane.wait(.milliseconds(10), beating: ["a"])
    _ = deploy(["x", "y"], "2")
    obey(["a"])
    #expect(text("a").hasSuffix("y#2 active"))
    _ = plane.tell(
      .catalog(
        .rollbackRequested(
          plane.nextRequest(), QualifiedName(.default, ModuleName(unchecked: "y")), to: nil,
          ControlPlaneDriver.requester)))
    obey(["a"])
    let active = text("a").split(separator: ", ").filter { $0.hasSuffix("active") }
    #expect(active == ["x#3 active", "y#3 active", "z#2 active"])
  }

  @Test mutating func `one of them is not taken away alone`() {
    serving(["a"])
    let target = UndeployTarget.module(ModuleName(unchecked: "y"))
    #expect(
      plane.tell(
        .catalog(
          .undeploymentRequested(plane.nextRequest(), target, ControlPlaneDriver.requester)))
        == ["refused service_shared"])
  }
}
