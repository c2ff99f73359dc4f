import ClusterModel

@testable import ModuleCatalog

/// The catalog's store as its contract has it: all changes of one call, or none.
struct ModelCatalog {
  private(set) var versions: [VersionReference: ModuleVersionRecord] = [:]
  private(set) var deployments: [ModuleName: Deployment] = [:]
  private(set) var history: [ModuleName: [Deployment]] = [:]
  private(set) var keys: [KeyID: TrustedKey] = [:]
  private(set) var events: [SecurityEvent] = []

  /// - Returns: whether the changes hold; nothing has changed when they do not.
  mutating func persist(_ changes: [CatalogChange]) -> Bool {
    var next = self
    for change in changes {
      switch change {
      case .addVersion(let record):
        if let there = next.versions[record.reference] {
          guard there.digest == record.digest else { return false }
        } else {
          next.versions[record.reference] = record
        }
      case .putDeployment(let deployment):
        next.deployments[deployment.name] = deployment
        next.history[deployment.name, default: []].append(deployment)
      case .removeDeployment(_, let name): next.deployments[name] = nil
      case .putKey(let key): next.keys[key.id] = key
      case .appendSecurityEvent(let event): next.events.append(event)
      case .putNode, .removeNode, .raiseTerm: return false
      }
    }
    self = next
    return true
  }
}

/// Drives the catalog as the host does; what is carried out comes to its end in any order.
struct CatalogSimulation {
  enum Work {
    case persist(PersistID, [CatalogChange])
    /// The store has decided, but the catalog has not heard of it.
    case persisted(PersistID, Bool)
    case place(Deployment)
  }

  private static let problem = Problem(.unavailable, code: "disk_full", "no room")
  private static let start = Instants(
    monotonic: MonotonicInstant(nanoseconds: 0), wall: WallInstant(microseconds: 0))
  private static let modules = ["a", "b", "c"].map { ModuleName(unchecked: $0) }
  private static let keys = ["k0", "k1"].map { KeyID(unchecked: $0) }

  private(set) var catalog = Catalog(CatalogSnapshot())
  private(set) var store = ModelCatalog()
  private(set) var work: [Work] = []
  /// What the node has ready.
  private(set) var placements: Set<PlacementID> = []
  private var answers: [RequestID: Int] = [:]
  private var lastRequest: UInt64 = 0
  private(set) var violations: [String] = []

  private mutating func request() -> RequestID {
    lastRequest += 1
    answers[RequestID(lastRequest)] = 0
    return RequestID(lastRequest)
  }

  private mutating func feed(_ input: Catalog.Input) {
    for directive in catalog.handle(input, at: Self.start) {
      switch directive {
      case .persist(let id, let changes): work.append(.persist(id, changes))
      case .reply(let request, let reply):
        answers[request, default: 0] += 1
        check(reply)
      case .progress: break
      case .startPlacement(let deployment, _, _): work.append(.place(deployment))
      case .promotePlacement(let id):
        if !placements.contains(id) { violations.append("\(id.name) serves and is not ready") }
      case .retainPlacement(let id): placements.remove(id)
      case .stopPlacement(let id), .withdrawPlacement(let id): placements.remove(id)
      case .route(let routes): check(routes)
      case .routeReadiness(let name, let isReady):
        let routes = catalog.routed.filter { $0.name == name }
        if routes.map(\.isReady) != [isReady] {
          violations.append("events do not follow \(name) as it is")
        }
        check(routes)
      }
    }
  }

  private mutating func check(_ routes: [RoutedDeployment]) {
    for route in routes
    where route.isReady
      && !placements.contains(PlacementID(route.name, generation: route.generation))
    {
      violations.append("events follow \(route.name), which is not ready")
    }
  }

  /// What is acknowledged is durable.
  private mutating func check(_ reply: Catalog.Reply) {
    let holds =
      switch reply {
      case .pushed(let record, _): store.versions[record.reference] == record
      case .keyTrusted(let key): store.keys[key.id] == key
      case .keyRevoked(let key): store.keys[key.id] == key && key.revokedAt != nil
      case .deployed(let deployments): deployments.allSatisfy { store.deployments[$0.name] == $0 }
      case .undeployed(let names): names.allSatisfy { store.deployments[$0] == nil }
      case .refused: true
      }
    if !holds { violations.append("\(reply) was acknowledged and is not durable") }
  }

  private static let requester = Requester(principal: .local, namespace: .default)

  mutating func push(_ choice: Int) {
    let signer = Self.keys[choice / 12 % 2]
    feed(
      .moduleVerified(
        request(),
        ModuleVersionRecord(
          namespace: .default, name: Self.modules[choice % 3],
          version: ModuleVersion(unchecked: String(choice / 3 % 2)),
          digest: ModuleDigest(sha256: [UInt8](repeating: UInt8(choice / 6 % 2), count: 32)),
          size: ByteCount(bytes: 1), signers: [signer], signature: [],
          pushedAt: Self.start.wall, pushedBy: .local)))
  }

  mutating func trust(_ choice: Int) {
    let key = TrustedKey(
      id: Self.keys[choice % 2], publicKey: [], label: "", addedAt: Self.start.wall)
    feed(.keyOffered(request(), key, Self.requester))
  }

  mutating func revoke(_ choice: Int) {
    feed(.keyRevocationRequested(request(), Self.keys[choice % 2], Self.requester))
  }

  mutating func deploy(_ choice: Int) {
    let wishes = Self.modules.enumerated().filter { choice >> $0.offset & 1 == 1 }.map {
      index, name in
      DeploymentWish(
        name: name, version: ModuleVersion(unchecked: String(choice >> (3 + index) & 1)),
        configuration: DeploymentConfiguration())
    }
    let application = ApplicationName(unchecked: "app\(choice >> 6 & 1)")
    feed(.deploymentRequested(request(), application, wishes, Self.requester))
  }

  mutating func undeploy(_ choice: Int) {
    let target: UndeployTarget =
      choice % 5 < 3
      ? .module(Self.modules[choice % 5])
      : .application(ApplicationName(unchecked: "app\(choice % 5 - 3)"))
    feed(.undeploymentRequested(request(), target, Self.requester))
  }

  mutating func rollBack(_ choice: Int) {
    let version = choice / 3 % 3
    feed(
      .rollbackRequested(
        request(), QualifiedName(.default, Self.modules[choice % 3]),
        to: version == 2 ? nil : ModuleVersion(unchecked: String(version)), Self.requester))
  }

  mutating func scale(_ choice: Int) {
    feed(
      .scaleRequested(
        request(), QualifiedName(.default, Self.modules[choice % 3]), replicas: choice / 3 % 4,
        Self.requester))
  }

  /// A node is lost, or comes back, somewhere below.
  mutating func change(_ choice: Int) {
    let ready = placements.sorted()
    guard !ready.isEmpty else { return }
    let id = ready[choice % ready.count]
    feed(.placementLost(id))
    feed(.placementReady(id))
  }

  mutating func finishWork(_ index: Int, isLucky: Bool) {
    guard !work.isEmpty else { return }
    switch work.remove(at: index % work.count) {
    case .persist(let id, let changes):
      work.append(.persisted(id, isLucky && store.persist(changes)))
    case .persisted(let id, let held):
      feed(held ? .persisted(id) : .persistFailed(id, Self.problem))
    case .place(let deployment):
      guard isLucky else {
        feed(.placementFailed(deployment.placement, Self.problem))
        return
      }
      placements.insert(deployment.placement)
      feed(.placementReady(deployment.placement))
    }
  }

  /// Lets everything come to its end, and says what is not as it should be then.
  mutating func rest() -> [String] {
    for _ in 0..<10_000 where !work.isEmpty { finishWork(0, isLucky: true) }
    var wrong = violations
    if !work.isEmpty { wrong.append("it never came to rest") }
    let ready = catalog.placed.values.filter { $0.state == .ready }.map(\.deployment)
    for (name, isRight) in [
      (
        "deployments",
        catalog.placed.values.map(\.deployment).sorted { $0.name < $1.name }
          == store.deployments.values.sorted { $0.name < $1.name }
      ), ("versions", Set(catalog.versions.values.joined()) == Set(store.versions.values)),
      ("keys", catalog.keys == store.keys),
      ("placements", Set(ready.map(\.placement)) == placements),
      (
        "signers of what runs",
        ready.allSatisfy { deployment in
          catalog.record(deployment.qualifiedName, deployment.version).map {
            $0.signers.allSatisfy { catalog.keys[$0]?.revokedAt == nil }
          } ?? false
        }
      ),
      ("answers", answers.values.allSatisfy { $0 == 1 }),
      ("rollouts", catalog.rollouts.isEmpty && catalog.leaving.isEmpty && catalog.changing.isEmpty),
      ("continuations", catalog.continuations.isEmpty),
    ] where !isRight {
      wrong.append("\(name) are not right")
    }
    return wrong
  }
}
