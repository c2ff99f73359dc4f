import ClusterModel
import Testing

@testable import ModuleCatalog

@Suite struct CatalogTests {
  private var logic = Catalog(CatalogSnapshot())
  private let now = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  private let requester = Requester(principal: .local, namespace: .default)
  private let app = ApplicationName(unchecked: "app")

  private func record(_ name: String, _ version: String, digest: UInt8 = 1) -> ModuleVersionRecord {
    ModuleVersionRecord(
      namespace: .default, name: ModuleName(unchecked: name),
      version: ModuleVersion(unchecked: version),
      digest: ModuleDigest(sha256: [UInt8](repeating: digest, count: 32)),
      size: ByteCount(bytes: 1), signers: [KeyID(unchecked: "k")], signature: [],
      pushedAt: now.wall, pushedBy: .local)
  }

  private func wish(_ name: String, _ version: String) -> DeploymentWish {
    DeploymentWish(
      name: ModuleName(unchecked: name), version: ModuleVersion(unchecked: version),
      configuration: DeploymentConfiguration())
  }

  private func placement(_ name: String, _ generation: Int) -> PlacementID {
    PlacementID(QualifiedName(.default, ModuleName(unchecked: name)), generation: generation)
  }

  private mutating func handle(_ input: Catalog.Input) -> [String] {
    logic.handle(input, at: now).map { directive in
      switch directive {
      case .persist(let id, let changes): "persist \(id.number): \(changes.count)"
      case .reply(_, let reply): "reply \(text(reply))"
      case .progress(_, let step): "progress \(text(step))"
      case .startPlacement(let deployment, _, _):
        "start \(deployment.name)#\(deployment.generation)"
      case .promotePlacement(let id): "promote \(id.name)#\(id.generation)"
      case .retainPlacement(let id): "retain \(id.name)#\(id.generation)"
      case .stopPlacement(let id): "stop \(id.name)#\(id.generation)"
      case .withdrawPlacement(let id): "withdraw \(id.name)#\(id.generation)"
      case .routeReadiness(let name, let isReady):
        "route \(name.name) \(isReady ? "" : "not ")ready"
      case .route(let routes):
        "route \(routes.map { "\($0.name)#\($0.generation)\($0.isReady ? "" : " not ready")" })"
      }
    }
  }

  private func text(_ reply: Catalog.Reply) -> String {
    switch reply {
    case .pushed(let record, let existed): "pushed \(record.version)\(existed ? " again" : "")"
    case .keyTrusted(let key): "trusted \(key.label)"
    case .keyRevoked(let key): "revoked \(key.label)"
    case .deployed(let deployments): "deployed \(deployments.map(\.generation))"
    case .undeployed(let names): "undeployed \(names)"
    case .refused(let problem): "refused \(problem.code)"
    }
  }

  private func text(_ step: CatalogStep) -> String {
    switch step {
    case .accepted(let names): "accepted \(names)"
    case .ready(let name): "ready \(name)"
    case .persisted: "persisted"
    }
  }

  private mutating func push(_ name: String, _ version: String) {
    let directives = logic.handle(.moduleVerified(RequestID(1), record(name, version)), at: now)
    for case .persist(let id, _) in directives { _ = logic.handle(.persisted(id), at: now) }
  }

  private mutating func deploy(_ wishes: DeploymentWish...) -> [String] {
    handle(.deploymentRequested(RequestID(9), app, wishes, requester))
  }

  @Test mutating func `a version is acknowledged once it is durable`() {
    #expect(handle(.moduleVerified(RequestID(1), record("m", "1"))) == ["persist 1: 2"])
    #expect(handle(.persisted(PersistID(.catalog, 1))) == ["reply pushed 1"])
    #expect(handle(.moduleVerified(RequestID(2), record("m", "1"))) == ["reply pushed 1 again"])
  }

  @Test mutating func `a version that could not be made durable was not pushed`() {
    _ = handle(.moduleVerified(RequestID(1), record("m", "1")))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(handle(.persistFailed(PersistID(.catalog, 1), problem)) == ["reply refused disk_full"])
    #expect(deploy(wish("m", "1")) == ["reply refused version_unknown"])
  }

  @Test mutating func `other code under a version is refused and on record`() {
    push("m", "1")
    #expect(
      handle(.moduleVerified(RequestID(2), record("m", "1", digest: 2)))
        == ["persist 2: 1"])
    #expect(
      handle(.persisted(PersistID(.catalog, 2))) == ["reply refused version_exists"],
      "on record first")
  }

  @Test mutating func `a deployment takes over when all of it is ready and durable`() {
    push("a", "1")
    push("b", "1")
    #expect(
      deploy(wish("a", "1"), wish("b", "1"))
        == ["progress accepted [a, b]", "start a#1", "start b#1"])
    #expect(handle(.placementReady(placement("a", 1))) == ["progress ready a"])
    #expect(
      handle(.placementReady(placement("b", 1))) == ["progress ready b", "persist 3: 4"])
    #expect(
      handle(.persisted(PersistID(.catalog, 3)))
        == [
          "progress persisted", "promote a#1", "promote b#1", "route [\"a#1\", \"b#1\"]",
          "reply deployed [1, 1]",
        ])
  }

  @Test mutating func `when one placement fails the old deployment stays`() {
    push("a", "1")
    push("a", "2")
    _ = deploy(wish("a", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.persisted(PersistID(.catalog, 3)))
    _ = deploy(wish("a", "2"))
    let problem = Problem(.invalidInput, code: "import_unknown", "no")
    #expect(
      handle(.placementFailed(placement("a", 2), problem))
        == ["stop a#2", "reply refused import_unknown"])
    #expect(logic.routed.map(\.generation) == [1])
    #expect(deploy(wish("a", "2")).contains("start a#3"), "a generation is never used again")
    #expect(handle(.placementReady(placement("a", 2))) == ["stop a#2"], "late news")
  }

  @Test mutating func `the old generation stops only after the new one is routed`() {
    push("a", "1")
    push("b", "1")
    _ = deploy(wish("a", "1"), wish("b", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.placementReady(placement("b", 1)))
    _ = handle(.persisted(PersistID(.catalog, 3)))
    _ = deploy(wish("a", "1"))
    #expect(handle(.placementReady(placement("a", 2))) == ["progress ready a", "persist 4: 3"])
    #expect(
      handle(.persisted(PersistID(.catalog, 4)))
        == [
          "progress persisted", "promote a#2", "route [\"a#2\"]", "retain a#1", "withdraw b#1",
          "reply deployed [2]",
        ])
  }

  @Test mutating func `two deployments of an application do not run into each other`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    #expect(deploy(wish("a", "1")) == ["reply refused deploy_in_progress"])
    #expect(
      handle(
        .deploymentRequested(
          RequestID(3), ApplicationName(unchecked: "other"), [wish("a", "1")], requester))
        == ["reply refused name_taken"])
  }

  @Test mutating func `after a restart what is desired is made ready again`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.persisted(PersistID(.catalog, 2)))
    logic = Catalog(
      CatalogSnapshot(
        versions: [record("a", "1")],
        deployments: logic.placed.values.map(\.deployment)))
    #expect(handle(.started) == ["start a#1", "route [\"a#1 not ready\"]"])
    #expect(handle(.placementReady(placement("a", 1))) == ["route a ready"])
  }

  @Test mutating func `a revoked key stops what it signed and is never trusted again`() {
    let key = TrustedKey(
      id: KeyID(unchecked: "k"), publicKey: [1], label: "alice", addedAt: now.wall)
    _ = handle(.keyOffered(RequestID(1), key, requester))
    #expect(handle(.persisted(PersistID(.catalog, 1))) == ["reply trusted alice"])
    push("a", "1")
    _ = deploy(wish("a", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.persisted(PersistID(.catalog, 3)))
    #expect(handle(.keyRevocationRequested(RequestID(2), key.id, requester)) == ["persist 4: 2"])
    #expect(
      handle(.persisted(PersistID(.catalog, 4)))
        == ["stop a#1", "persist 5: 1", "route [\"a#1 not ready\"]", "reply revoked alice"])
    #expect(handle(.keyOffered(RequestID(3), key, requester)) == ["persist 6: 1"])
    #expect(handle(.persisted(PersistID(.catalog, 6))) == ["reply refused key_revoked"])
    #expect(deploy(wish("a", "1")) == ["persist 7: 1"])
    #expect(handle(.persisted(PersistID(.catalog, 7))) == ["reply refused key_revoked"])
    #expect(handle(.moduleVerified(RequestID(4), record("a", "2"))) == ["persist 8: 1"])
    #expect(
      handle(.persisted(PersistID(.catalog, 8))) == ["reply refused key_revoked"],
      "verified before, but late"
    )
  }

  /// Trusts a key `k` and revokes it; the identifiers of its two changes.
  private mutating func revokeKey() -> [String] {
    let key = TrustedKey(
      id: KeyID(unchecked: "k"), publicKey: [1], label: "alice", addedAt: now.wall)
    for case .persist(let id, _) in logic.handle(.keyOffered(RequestID(1), key, requester), at: now)
    {
      _ = logic.handle(.persisted(id), at: now)
    }
    var answers: [String] = []
    let directives = logic.handle(
      .keyRevocationRequested(RequestID(2), key.id, requester), at: now)
    for case .persist(let id, _) in directives { answers += handle(.persisted(id)) }
    return answers
  }

  @Test mutating func `a deployment that is being made ready stops when its key is revoked`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    #expect(revokeKey() == ["stop a#1", "reply refused key_revoked", "reply revoked alice"])
    #expect(handle(.placementReady(placement("a", 1))) == ["stop a#1"])
    #expect(logic.routed.isEmpty)
  }

  @Test mutating func `a deployment on its way to the disk does not run when its key is revoked`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    #expect(handle(.placementReady(placement("a", 1))) == ["progress ready a", "persist 2: 2"])
    #expect(revokeKey() == ["reply revoked alice"])
    #expect(
      handle(.persisted(PersistID(.catalog, 2)))
        == [
          "progress persisted", "promote a#1", "stop a#1", "persist 5: 1",
          "route [\"a#1 not ready\"]",
          "reply refused key_revoked",
        ])
  }

  @Test mutating func `pushes of one version at the same time are looked at one after the other`() {
    #expect(handle(.moduleVerified(RequestID(1), record("m", "1"))) == ["persist 1: 2"])
    #expect(handle(.moduleVerified(RequestID(2), record("m", "1"))) == [])
    #expect(handle(.moduleVerified(RequestID(3), record("m", "1", digest: 2))) == [])
    #expect(
      handle(.persisted(PersistID(.catalog, 1)))
        == ["reply pushed 1", "reply pushed 1 again", "persist 2: 1"])
    #expect(handle(.persisted(PersistID(.catalog, 2))) == ["reply refused version_exists"])
  }

  @Test mutating func `when the first of several pushes fails the next is tried`() {
    _ = handle(.moduleVerified(RequestID(1), record("m", "1")))
    _ = handle(.moduleVerified(RequestID(2), record("m", "1", digest: 2)))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(
      handle(.persistFailed(PersistID(.catalog, 1), problem)) == [
        "reply refused disk_full", "persist 2: 2",
      ])
    #expect(handle(.persisted(PersistID(.catalog, 2))) == ["reply pushed 1"])
  }

  @Test mutating func `deploying and undeploying do not overtake each other`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    let both: [UndeployTarget] = [.application(app), .module(ModuleName(unchecked: "a"))]
    for target in both {
      #expect(
        handle(.undeploymentRequested(RequestID(3), target, requester))
          == ["reply refused deploy_in_progress"])
    }
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.persisted(PersistID(.catalog, 2)))
    #expect(handle(.undeploymentRequested(RequestID(4), both[0], requester)) == ["persist 3: 2"])
    for target in both {
      #expect(
        handle(.undeploymentRequested(RequestID(5), target, requester))
          == ["reply refused undeploy_in_progress"])
    }
    #expect(deploy(wish("a", "1")) == ["reply refused undeploy_in_progress"])
    #expect(
      handle(.persisted(PersistID(.catalog, 3))) == [
        "route []", "withdraw a#1", "reply undeployed [a]",
      ])
    #expect(deploy(wish("a", "1")).contains("start a#2"))
  }

  @Test mutating func `an undeployment that could not be made durable changes nothing`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    _ = handle(.persisted(PersistID(.catalog, 2)))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    _ = handle(.undeploymentRequested(RequestID(4), .application(app), requester))
    #expect(handle(.persistFailed(PersistID(.catalog, 3), problem)) == ["reply refused disk_full"])
    #expect(logic.routed.map(\.isReady) == [true])
    #expect(
      handle(.undeploymentRequested(RequestID(5), .application(app), requester))
        == ["persist 4: 2"])
  }

  @Test mutating func `a deployment that could not be made durable stops what it began`() {
    push("a", "1")
    _ = deploy(wish("a", "1"))
    _ = handle(.placementReady(placement("a", 1)))
    let problem = Problem(.unavailable, code: "disk_full", "no room")
    #expect(
      handle(.persistFailed(PersistID(.catalog, 2), problem)) == [
        "stop a#1", "reply refused disk_full",
      ])
    #expect(deploy(wish("a", "1")).contains("start a#2"), "and may be tried again")
  }

  @Test mutating func `what cannot be made ready after a restart says why and keeps saying it`() {
    let deployment = Deployment(
      namespace: .default, application: app, name: ModuleName(unchecked: "a"),
      version: ModuleVersion(unchecked: "1"), digest: record("a", "1").digest,
      configuration: DeploymentConfiguration(), generation: 4, deployedAt: now.wall)
    logic = Catalog(
      CatalogSnapshot(versions: [record("a", "1")], deployments: [deployment]))
    _ = handle(.started)
    let problem = Problem(.internalFault, code: "blob_missing", "gone")
    #expect(
      handle(.placementFailed(placement("a", 4), problem)) == ["route a not ready"])
    #expect(logic.placed.values.map(\.state) == [.failed(problem)])
    logic = Catalog(CatalogSnapshot(versions: [], deployments: [deployment]))
    #expect(handle(.started) == ["route [\"a#4 not ready\"]"])
  }
}
