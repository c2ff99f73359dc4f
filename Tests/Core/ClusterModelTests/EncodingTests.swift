import ClusterModel
import Foundation
import PropertyTesting
import Testing

/// What is written reads back as itself, and is always written in the same way.
@Suite struct EncodingTests {
  private static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private static func check<Value: Codable & Hashable>(
    _ name: String, _ generator: Generator<Value>
  ) async throws {
    try await checkProperty("\(name) reads back as itself", cases: 150, generator) { value in
      let text = try encode(value)
      let again = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
      let second = try encode(again)
      return again == value && second == text
    }
  }

  // Feature: wasmatrix, Property 16: For any module registration, deployment, or state change, the Control_Plane should
  // maintain consistent registries of modules and their locations
  @Test func `every data model reads back as itself`() async throws {
    try await Self.check("Node", NodeSamples.node)
    try await Self.check("SchedulingDecision", NodeSamples.decision)
    try await Self.check("EventMessage", NodeSamples.message)
    try await Self.check(
      "WasmModule", zip(NodeSamples.record, NodeSamples.deployment).map { WasmModule($0, $1) })
    try await Self.check("Deployment", NodeSamples.deployment)
    try await Self.check("NodePlan", NodeSamples.plan)
    try await Self.check("NodeReport", NodeSamples.report)
    try await Self.check("AgentMessage", NodeSamples.report.map { AgentMessage.reported($0) })
    try await Self.check("ControlMessage", NodeSamples.plan.map { ControlMessage.plan($0) })
    try await Self.check("JSONValue", NodeSamples.json(depth: 3))
  }

  @Test func `bytes are numbers, or digits for whoever reads them, and both read back`()
    async throws
  {
    let key = try #require(DocumentBytes.areDigits)
    try await checkProperty("bytes of records", cases: 150, NodeSamples.plan) { plan in
      let encoder = JSONEncoder()
      let numbers = try encoder.encode(plan)
      encoder.userInfo[key] = true
      let digits = try encoder.encode(plan)
      let both = try [numbers, digits].map { try JSONDecoder().decode(NodePlan.self, from: $0) }
      return both == [plan, plan] && (digits != numbers || plan.orders.isEmpty)
    }
    for text in [#"{"b":"0g"}"#, #"{"b":"012"}"#, #"{"b":[256]}"#, #"{"b":{}}"#] {
      #expect(throws: (any Error).self) { try Self.decode(Bytes.self, text) }
    }
    #expect(try Self.decode(Bytes.self, #"{"b":"00ff"}"#) == Bytes(b: [0, 255]))
    #expect(try Self.encode(Bytes(b: [0, 255])) == #"{"b":[0,255]}"#)
  }

  private struct Bytes: Hashable, Codable {
    @DocumentBytes var b: [UInt8]
  }

  @Test func `what was stored before there were capabilities reads as having none`() throws {
    let deployment = try Self.decode(
      Deployment.self,
      #"{"namespace":"default","application":"app","name":"m","version":"1","digest":"sha256:"#
        + String(repeating: "0", count: 64) + #"","generation":1,"#
        + #""deployedAt":"2026-01-01T00:00:00.000000Z","configuration":{"kind":"command","#
        + #""triggers":[],"arguments":[],"environment":[],"concurrency":1,"#
        + #""retry":{"attempts":1,"initialDelay":[0,1],"maximumDelay":[0,1]},"#
        + #""limits":{"memory":1,"cpuTime":[0,1],"wallTime":[0,1],"output":1,"log":1}}}"#)
    #expect(deployment.configuration.capabilities == CapabilityGrants.none)
    #expect(deployment.configuration.limits.calls == ActivationLimits.defaultCalls)
    #expect(deployment.configuration.limits.callBytes == ActivationLimits.defaultCallBytes)
    #expect(deployment.configuration.limits.openFiles == ActivationLimits.defaultOpenFiles)
    #expect(
      deployment.configuration.limits.outstandingCalls == ActivationLimits.defaultOutstandingCalls)
    let granted = DeploymentConfiguration(
      capabilities: CapabilityGrants(
        publish: [TopicFilter(unchecked: "a/#")],
        state: [StateGrant(bucket: BucketName(unchecked: "b"), access: .read, prefixes: ["x"])],
        files: FileGrants(scratch: ScratchGrant(limits: ScratchLimits())), onDenial: .end))
    #expect(try Self.decode(DeploymentConfiguration.self, Self.encode(granted)) == granted)
  }

  @Test func `what was granted before there were files reads as having none`() throws {
    let grants = try Self.decode(CapabilityGrants.self, #"{"publish":["a/#"],"state":[]}"#)
    #expect(grants == CapabilityGrants(publish: [TopicFilter(unchecked: "a/#")]))
    #expect(grants.files == nil && grants.onDenial == .refuse)
  }

  @Test func `a node that was stored before it said how its heartbeats are scheduled is ordinary`()
    throws
  {
    let stored = try Self.decode(
      KnownNode.self,
      #"{"registration":{"node":"press-7","incarnation":3,"location":{"zone":"hall-3"},"#
        + #""capabilities":{"architectures":["x86_64"],"cpuCores":1,"cpuFeatures":[],"labels":[],"#
        + #""memory":1,"specializedHardware":[]}},"scheduling":"cordoned"}"#)
    #expect(stored.registration.punctuality == .ordinary)
    #expect(stored.registration.incarnation == Incarnation(3))
    var anew = stored
    anew.registration.punctuality = .realTime
    #expect(try Self.decode(KnownNode.self, Self.encode(anew)) == anew)
  }

  @Test func `a module that imports sockets is refused, and the import is named`() {
    let grants = CapabilityGrants(files: FileGrants(scratch: ScratchGrant(limits: ScratchLimits())))
    #expect(grants.refusal(ofImports: ["fd_write", "path_open"], hasBundle: false) == nil)
    let problem = grants.refusal(
      ofImports: ["fd_write", "sock_send", "sock_recv"], hasBundle: false)
    #expect(problem?.code == "import_not_granted")
    #expect(problem?.message.contains("sock_send, sock_recv") == true)
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type, _ text: String
  ) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }

  @Test func `a node is written as it always was`() throws {
    let node = Node(
      id: NodeID(unchecked: "press-7"),
      location: NodeLocation(
        zone: Zone(unchecked: "hall-3"), coordinates: try Coordinates(latitude: 48.5, longitude: -1)
      ),
      capabilities: try NodeCapabilities(
        architectures: [.aarch64, .portable], cpuFeatures: ["neon"], memory: .mebibytes(1),
        cpuCores: 4, specializedHardware: ["gpu"], labels: [try Label("tier", "edge")],
        faultDomain: FaultDomain(unchecked: "hall")), healthStatus: .degraded,
      currentLoad: try NodeLoad(cpuPercent: 12.5, memoryPercent: 0, activeModules: 3),
      lastHeartbeat: WallInstant(microseconds: 0))
    #expect(
      try Self.encode(node)
        == #"{"capabilities":{"architectures":["aarch64","portable"],"cpuCores":4,"#
        + #""cpuFeatures":["neon"],"faultDomain":"hall","labels":[{"name":"tier","value":"edge"}],"#
        + #""memory":1048576,"specializedHardware":["gpu"]},"#
        + #""currentLoad":{"activeModules":3,"cpuPercent":12.5,"memoryPercent":0},"#
        + #""healthStatus":"degraded","id":"press-7","lastHeartbeat":"1970-01-01T00:00:00.000000Z","#
        + #""location":{"coordinates":{"latitude":48.5,"longitude":-1},"zone":"hall-3"}}"#)
  }

  @Test(arguments: [
    #"{"latitude":91,"longitude":0}"#, #"{"latitude":0,"longitude":-181}"#, #"{"latitude":0}"#,
  ])
  func `a place that is none is refused`(text: String) {
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(Coordinates.self, from: Data(text.utf8))
    }
  }

  @Test(arguments: [
    #"{"architectures":[],"cpuCores":1,"cpuFeatures":[],"labels":[],"memory":1,"specializedHardware":[]}"#,
    #"{"architectures":["x86_64"],"cpuCores":0,"cpuFeatures":[],"labels":[],"memory":1,"specializedHardware":[]}"#,
    #"{"architectures":["x86_64"],"cpuCores":1,"cpuFeatures":["A B"],"labels":[],"memory":1,"specializedHardware":[]}"#,
    #"{"architectures":["x86_64"],"cpuCores":1,"cpuFeatures":[],"labels":[],"memory":-1,"specializedHardware":[]}"#,
    #"{"architectures":["x86_64","x86_64"],"cpuCores":1,"cpuFeatures":[],"labels":[],"memory":1,"specializedHardware":[]}"#,
    #"{"architectures":["x86_64"],"cpuCores":1,"cpuFeatures":[],"labels":[{"name":"a","value":""}],"memory":1,"specializedHardware":[]}"#,
  ])
  func `capabilities that cannot be are refused`(text: String) {
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(NodeCapabilities.self, from: Data(text.utf8))
    }
  }

  @Test func `a load and weights keep their bounds`() {
    #expect(throws: InvalidValue.self) {
      try NodeLoad(cpuPercent: 101, memoryPercent: 0, activeModules: 0)
    }
    #expect(throws: InvalidValue.self) {
      try NodeLoad(cpuPercent: .nan, memoryPercent: 0, activeModules: 0)
    }
    #expect(throws: InvalidValue.self) {
      try NodeLoad(cpuPercent: 0, memoryPercent: 0, activeModules: -1)
    }
    #expect(throws: InvalidValue.self) {
      try PlacementWeights(
        latency: 0, distance: 0, resources: 0, dataLocality: 0, faultDomain: 0)
    }
  }

  @Test func `a deployment from before there were placement rules reads with the usual ones`()
    throws
  {
    let text =
      #"{"arguments":[],"concurrency":3,"environment":[],"kind":"command","limits":{"cpuTime":[0,1],"#
      + #""log":1,"memory":7,"output":1,"wallTime":[0,1]},"retry":{"attempts":1,"initialDelay":[0,1],"#
      + #""maximumDelay":[0,1]},"triggers":[{"topic":"a/#"}]}"#
    let read = try JSONDecoder().decode(DeploymentConfiguration.self, from: Data(text.utf8))
    #expect(read.placement == PlacementRules())
    #expect(read.reservedMemory.bytes == 7)
    // Nor were there patterns.
    #expect(read.triggers == [Trigger(topic: TopicFilter(unchecked: "a/#"))])
  }
}
