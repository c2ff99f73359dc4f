import ClusterModel
import HostPorts
import Scheduling

/// Values of every type that the API shows, with every optional part present.
enum Samples {
  static let instant = WallInstant(microseconds: 1_790_000_000_123_456)
  static let keyID = KeyID(unchecked: String(repeating: "ab", count: 16))
  static let key = TrustedKey(
    id: keyID, publicKey: [1] + Array(repeating: 7, count: 32), label: "ci", addedAt: instant)

  static let version = ModuleVersionRecord(
    namespace: .default, name: ModuleName(unchecked: "clean"),
    version: ModuleVersion(unchecked: "1.0.0"),
    digest: ModuleDigest(sha256: Array(repeating: 9, count: 32)), size: ByteCount(bytes: 8),
    signers: [keyID], signature: [1, 2, 3], pushedAt: instant, pushedBy: .local)

  static let securityEvent = SecurityEvent(
    kind: .moduleRefused, at: instant, principal: .local, namespace: .default,
    subject: "clean@1.0.0", reason: "signature_missing", detail: "it is not signed")

  static var deployment: DeploymentStatus { deployment("clean", of: "weather") }

  static func deployment(_ name: String, of application: String) -> DeploymentStatus {
    DeploymentStatus(
      deployment: Deployment(
        namespace: .default, application: ApplicationName(unchecked: application),
        name: ModuleName(unchecked: name), version: version.version, digest: version.digest,
        configuration: DeploymentConfiguration(
          triggers: [Trigger(topic: TopicFilter(unchecked: "sea/+"))],
          resultTopic: Topic(unchecked: "sea/clean"), arguments: ["-v"],
          environment: [EnvironmentVariable(name: "A", value: "b")]),
        generation: 3, deployedAt: instant),
      state: .failed(Problem(.guestFailed, code: "module_invalid", "no", cause: "why", next: "do")))
  }

  static let failure = ActivationFailure(
    code: .guestTrapped, message: "it trapped", trap: "unreachable", exitStatus: nil,
    frames: [
      GuestFrame(function: "main", functionIndex: 4, moduleOffset: 99),
      GuestFrame(function: nil, functionIndex: 5, moduleOffset: 120),
    ])

  static let event = Event(
    id: "1", source: "/sensors/1", type: "sea.reading", topic: Topic(unchecked: "sea/1"),
    subject: "buoy", time: instant, dataContentType: "application/json",
    dataSchema: "https://example.org/schema",
    extensions: [Event.Attribute(name: "zone", value: "north")], data: Array("{}".utf8))

  static func status(_ offset: EventOffset) -> EventStatus {
    EventStatus(
      offset: offset, event: event, acceptedAt: instant,
      deliveries: [
        EventStatus.Delivery(
          id: DeliveryID(1), module: version.name, state: .succeeded, attempts: 2,
          output: Array("ok".utf8), outputTruncated: false, failure: failure),
        EventStatus.Delivery(
          id: DeliveryID(2), module: version.name, state: .dead, attempts: 5, output: [],
          outputTruncated: false, failure: failure),
      ])
  }

  static func deadLetter(_ id: Int64) -> DeadLetter {
    DeadLetter(
      id: DeliveryID(id), offset: EventOffset(4), module: version.name, event: event,
      diedAt: instant,
      history: [FailedAttempt(attempt: 1, at: instant, failure: failure)])
  }

  /// One that does not answer.
  static let silentNode = NodeID(unchecked: "silent")

  static let node = NodeStatus(
    node: Node(
      id: NodeID(unchecked: "local"),
      location: NodeLocation(
        zone: .default, coordinates: try? Coordinates(latitude: -1.5, longitude: 2)),
      capabilities: capabilities, healthStatus: .healthy, currentLoad: .idle,
      lastHeartbeat: instant), state: .healthy, reason: .relieved, scheduling: .open,
    breaker: .halfOpen,
    engine: EngineFacts(
      libraryVersion: "1", architecture: "x86_64", cpuFeatures: ["sse4.2"], workers: 2,
      instanceSlots: 10, liveInstances: 1, queuedActivations: 0),
    startedAt: instant,
    roundTrips: [
      RoundTripSample(to: .node(NodeID(unchecked: "other")), microseconds: 700),
      RoundTripSample(to: .landmark(Zone(unchecked: "hall-2")), microseconds: 900),
    ], version: "0.1.0")

  static let explanation = PlacementExplanation(
    decision: SchedulingDecision(
      namespace: .default, module: version.name, selectedNodes: [NodeID(unchecked: "local")],
      fallbackNodes: [],
      decisionFactors: DecisionFactors(
        proximityScore: 0.5, resourceScore: 1, dataLocalityScore: 1, faultDomainScore: 1),
      expiresAt: instant),
    verdicts: [
      NodeVerdict(
        node: NodeID(unchecked: "local"), outcome: .selected,
        factors: DecisionFactors(proximityScore: 0.5), score: 0.75, latencyMilliseconds: 2,
        distanceKilometres: 7, reason: "chosen as number 1"),
      NodeVerdict(
        node: NodeID(unchecked: "other"), outcome: .rejected,
        rejections: [Rejection(.memory, "it has no memory left")], reason: "cannot run it"),
    ])

  private static var capabilities: NodeCapabilities {
    guard
      let capabilities = try? NodeCapabilities(
        architectures: [.x86_64], cpuFeatures: ["sse4.2"], memory: .mebibytes(64), cpuCores: 2,
        specializedHardware: ["gpu"], labels: [try Label("tier", "edge")],
        faultDomain: FaultDomain(unchecked: "hall"))
    else { preconditionFailure("it is valid") }
    return capabilities
  }

  static let placement = PlacementStatus(
    node: NodeID(unchecked: "local"), module: version.name, version: version.version,
    role: .active, digest: version.digest, generation: 1, code: .quick,
    readySince: instant, activations: 10, failures: 1, running: 2)

  static let distribution: [DistributionStatus] = {
    let stages: [DistributionStage] = [
      .waiting,
      .fetching(
        TransferProgress.Amount(received: .kibibytes(1), size: nil)),
      .fetching(TransferProgress.Amount(received: .kibibytes(1), size: .kibibytes(3))),
      .compiling, .ready(since: instant),
      .failed(Problem(.refused, code: "signature_missing", "it is not signed", next: "Sign it.")),
    ]
    return stages.map { stage in
      DistributionStatus(
        node: NodeID(unchecked: "local"),
        placement: PlacementID(QualifiedName(.default, version.name), generation: 1),
        version: version.version, digest: version.digest, role: .fallback, stage: stage)
    }
  }()

  static func logLine(_ text: String) -> LogLine {
    LogLine(
      at: instant, module: version.name, version: version.version, eventID: "1", text: text)
  }
}
