import ClusterModel
import HostPorts

/// Values that tests answer with.
enum Samples {
  static let instant = WallInstant(microseconds: 1_790_000_000_123_456)
  static let digest = ModuleDigest(sha256: [UInt8](repeating: 7, count: 32))
  static let keyID = KeyID(unchecked: "00112233445566778899aabbccddeeff")
  static let publicKey = [UInt8]([1] + [UInt8](repeating: 9, count: 32))
  static let version = ModuleVersion(unchecked: "1.0.0")
  static let upper = ModuleName(unchecked: "upper")
  static let manifest = """
    apiVersion: wasmatrix/v1
    name: shop
    modules:
      upper:
        version: 1.0.0
    """

  static func record(_ reference: VersionReference, size: Int) -> ModuleVersionRecord {
    ModuleVersionRecord(
      namespace: .default, name: reference.module, version: reference.version, digest: digest,
      size: ByteCount(bytes: size), signers: [keyID], signature: [1], pushedAt: instant,
      pushedBy: .local)
  }

  static func deployment(
    _ name: ModuleName, of application: ApplicationName, _ version: ModuleVersion? = nil,
    state: DeploymentStatus.State = .ready
  ) -> DeploymentStatus {
    DeploymentStatus(
      deployment: Deployment(
        namespace: .default, application: application, name: name,
        version: version ?? Self.version, digest: digest, configuration: DeploymentConfiguration(),
        generation: 1, deployedAt: instant),
      state: state)
  }

  static let securityEvents = (0..<3).map { sequence in
    SequencedSecurityEvent(
      sequence: Int64(sequence),
      event: SecurityEvent(
        kind: .moduleAccepted, at: instant, principal: .local, namespace: .default,
        subject: "upper@1.0.0", reason: "ok", detail: "signed by a trusted key"))
  }

  static func logLines(of module: ModuleName) -> [LogLine] {
    ["one", "two"].map {
      LogLine(at: instant, module: module, version: version, eventID: "e1", text: $0)
    }
  }

  static let failure = ActivationFailure(
    code: .guestTrapped, message: "the module trapped", trap: "unreachable",
    frames: [GuestFrame(function: "main", functionIndex: 3, moduleOffset: 77)])

  static let letter = DeadLetter(
    id: DeliveryID(4), offset: EventOffset(2), module: upper,
    event: Event(
      id: "e1", source: "/tests", type: "reading", topic: Topic(unchecked: "a/b"), data: [1, 2]),
    diedAt: instant, history: [FailedAttempt(attempt: 1, at: instant, failure: failure)])

  static let node = NodeStatus(
    id: NodeID(unchecked: "local"), health: "healthy",
    engine: EngineFacts(
      libraryVersion: "1", architecture: "x86_64", cpuFeatures: ["avx2"], workers: 2,
      instanceSlots: 100, liveInstances: 0, queuedActivations: 0),
    startedAt: instant)

  static let placement = PlacementStatus(
    node: NodeID(unchecked: "local"), module: upper, version: version, digest: digest,
    generation: 1, readySince: instant, activations: 3, failures: 1, running: 0)

  static func unknown(_ code: String) -> Problem {
    Problem(.notFound, code: code, "there is no such thing", next: "See what there is.")
  }
}
