import ClusterModel
import Testing

@testable import ModuleCatalog

@Suite struct RollbackTests {
  private var catalog = Catalog(CatalogSnapshot())
  private var persisted: UInt64 = 0
  private let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  private let requester = Requester(principal: .local, namespace: .default)
  private let name = QualifiedName(.default, ModuleName(unchecked: "m"))

  private mutating func persist() -> [Catalog.Directive] {
    persisted += 1
    return catalog.handle(.persisted(PersistID(.catalog, persisted)), at: now)
  }

  private mutating func push(_ version: String) {
    let record = ModuleVersionRecord(
      namespace: .default, name: name.name, version: ModuleVersion(unchecked: version),
      digest: ModuleDigest(sha256: [UInt8](repeating: 1, count: 32)), size: ByteCount(bytes: 1),
      signers: [], signature: [], pushedAt: now.wall, pushedBy: .local)
    _ = catalog.handle(.moduleVerified(RequestID(1), record), at: now)
    _ = persist()
  }

  /// Deploys or rolls back to the end; the problem, if it is refused.
  private mutating func finish(_ directives: [Catalog.Directive]) -> Problem? {
    for directive in directives {
      switch directive {
      case .reply(_, .refused(let problem)): return problem
      case .startPlacement(let deployment, _, _):
        _ = catalog.handle(.placementReady(deployment.placement), at: now)
        _ = persist()
      case .persist, .reply, .progress, .promotePlacement, .retainPlacement, .stopPlacement,
        .withdrawPlacement, .route, .routeReadiness:
        break
      }
    }
    return nil
  }

  private mutating func deploy(_ version: String, concurrency: Int = 1) {
    let wish = DeploymentWish(
      name: name.name, version: ModuleVersion(unchecked: version),
      configuration: DeploymentConfiguration(concurrency: concurrency))
    let application = ApplicationName(unchecked: "app")
    #expect(
      finish(
        catalog.handle(
          .deploymentRequested(RequestID(1), application, [wish], requester), at: now)) == nil)
  }

  private mutating func rollBack(to version: String? = nil) -> Problem? {
    let version = version.map { ModuleVersion(unchecked: $0) }
    return finish(
      catalog.handle(.rollbackRequested(RequestID(2), name, to: version, requester), at: now))
  }

  private mutating func scale(to replicas: Int) -> Problem? {
    finish(
      catalog.handle(
        .scaleRequested(RequestID(3), name, replicas: replicas, requester), at: now))
  }

  private var replicas: [Int] {
    catalog.history[name]?.map(\.configuration.placement.replicas) ?? []
  }

  private var current: String {
    catalog.placed[name].map {
      "\($0.deployment.version) x\($0.deployment.configuration.concurrency) "
        + "#\($0.deployment.generation)"
    } ?? "nothing"
  }

  @Test mutating func `without a version it is the last other one, with its settings`() {
    for version in ["1", "2"] { push(version) }
    deploy("1", concurrency: 7)
    deploy("2", concurrency: 3)
    deploy("2", concurrency: 4)
    #expect(rollBack() == nil)
    #expect(current == "1 x7 #4")
    #expect(rollBack() == nil)
    #expect(current == "2 x4 #5", "and forth again")
    #expect(catalog.history[name]?.map(\.version.text) == ["1", "2", "2", "1", "2"])
  }

  @Test mutating func `with a version it is the newest deployment of that`() {
    for version in ["1", "2", "3"] { push(version) }
    deploy("1", concurrency: 7)
    deploy("1", concurrency: 8)
    deploy("2")
    #expect(rollBack(to: "1") == nil)
    #expect(current == "1 x8 #4")
    #expect(rollBack(to: "3") == nil)
    #expect(current == "3 x8 #5", "one that never was deployed takes the settings of today")
  }

  @Test mutating func `what cannot be gone back to is refused, and changes nothing`() {
    #expect(rollBack()?.code == "not_deployed")
    push("1")
    deploy("1")
    #expect(rollBack()?.code == "no_earlier_version")
    #expect(rollBack(to: "9")?.code == "version_unknown")
    #expect(current == "1 x1 #1")
  }

  @Test mutating func `the history outlives the deployment and the control plane`() {
    for version in ["1", "2"] { push(version) }
    deploy("1")
    deploy("2")
    let snapshot = CatalogSnapshot(
      versions: catalog.versions[name] ?? [],
      deployments: [catalog.placed[name]?.deployment]
        .compactMap { $0 }, history: catalog.history[name] ?? [])
    catalog = Catalog(snapshot)
    persisted = 0
    #expect(rollBack() == nil)
    #expect(current == "1 x1 #3")
  }

  @Test mutating func `another scale is a generation of the same version, which the history shows`()
  {
    push("1")
    deploy("1", concurrency: 7)
    #expect(scale(to: 3) == nil)
    #expect(current == "1 x7 #2")
    #expect(scale(to: 0) == nil)
    #expect(scale(to: 0) == nil, "nothing is to be done")
    #expect(replicas == [1, 3, 0])
  }

  @Test mutating func `a rollback restores the scale of then`() {
    for version in ["1", "2"] { push(version) }
    deploy("1")
    #expect(scale(to: 5) == nil)
    deploy("2")
    #expect(scale(to: 2) == nil)
    #expect(rollBack() == nil)
    #expect(replicas == [1, 5, 1, 2, 5])
  }

  @Test mutating func `what cannot be scaled is refused, and changes nothing`() {
    #expect(scale(to: 1)?.code == "not_deployed")
    push("1")
    deploy("1")
    #expect(scale(to: -1)?.code == "replicas_invalid")
    #expect(scale(to: 1001)?.code == "replicas_invalid")
    let wish = DeploymentWish(
      name: name.name, version: ModuleVersion(unchecked: "1"),
      configuration: DeploymentConfiguration(
        kind: .service,
        serviceTree: ServiceTree(
          children: [.service(name.name, restart: .permanent, shutdown: .standard)])))
    _ = finish(
      catalog.handle(
        .deploymentRequested(RequestID(1), ApplicationName(unchecked: "app"), [wish], requester),
        at: now))
    #expect(scale(to: 2)?.code == "module_is_service")
    #expect(replicas == [1, 1])
  }

  @Test
  mutating func `modules of one application are scaled at the same time, but not while it changes`()
  {
    push("1")
    let other = ModuleName(unchecked: "n")
    let record = ModuleVersionRecord(
      namespace: .default, name: other, version: ModuleVersion(unchecked: "1"),
      digest: ModuleDigest(sha256: [UInt8](repeating: 2, count: 32)), size: ByteCount(bytes: 1),
      signers: [], signature: [], pushedAt: now.wall, pushedBy: .local)
    _ = catalog.handle(.moduleVerified(RequestID(1), record), at: now)
    _ = persist()
    let application = ApplicationName(unchecked: "app")
    let wishes = [name.name, other].map {
      DeploymentWish(
        name: $0, version: ModuleVersion(unchecked: "1"), configuration: DeploymentConfiguration())
    }
    let directives = catalog.handle(
      .deploymentRequested(RequestID(1), application, wishes, requester), at: now)
    for case .startPlacement(let deployment, _, _) in directives {
      _ = catalog.handle(.placementReady(deployment.placement), at: now)
    }
    _ = persist()
    var begun: [ModuleName] = []
    for module in [name.name, other] {
      for case .startPlacement(let deployment, _, _) in catalog.handle(
        .scaleRequested(
          RequestID(3), QualifiedName(.default, module), replicas: 4, requester), at: now)
      {
        begun.append(deployment.name)
      }
    }
    #expect(begun == [name.name, other])
    let refused = finish(
      catalog.handle(
        .deploymentRequested(RequestID(4), application, wishes, requester), at: now))
    #expect(refused?.code == "deploy_in_progress")
  }

  @Test
  mutating func `what is just being changed is not scaled, and a failure leaves all as it was`() {
    push("1")
    deploy("1")
    var begun: [PlacementID] = []
    for case .startPlacement(let deployment, _, _) in catalog.handle(
      .scaleRequested(RequestID(3), name, replicas: 4, requester), at: now)
    {
      begun.append(deployment.placement)
    }
    #expect(begun.map(\.generation) == [2])
    #expect(scale(to: 5)?.code == "deploy_in_progress")
    let late = Problem(.deadlineExceeded, code: "placement_late", "it was not ready")
    #expect(finish(catalog.handle(.placementFailed(begun[0], late), at: now))?.code == late.code)
    #expect(replicas == [1])
  }

  @Test mutating func `by hand the present deployment is meant, or the newest of a version`()
    throws
  {
    func generation(_ version: String?) throws -> Int {
      let version = version.map { ModuleVersion(unchecked: $0) }
      return try catalog.orderByHand(name, version).deployment.generation
    }
    func code(_ version: String?) -> String? {
      do {
        _ = try generation(version)
        return nil
      } catch {
        return (error as? Problem)?.code
      }
    }
    #expect(code(nil) == "not_deployed")
    for version in ["1", "2", "3"] { push(version) }
    deploy("1")
    deploy("1", concurrency: 2)
    deploy("2")
    #expect(try generation(nil) == 3)
    #expect(try generation("2") == 3)
    #expect(try generation("1") == 2)
    #expect(code("3") == "version_not_deployed")
    #expect(code("4") == "version_unknown")
  }
}
