import ClusterModel
import Foundation
import Glibc
import HostPorts
import Measuring
import WasmtimeEngine

/// What changes of ten agents cost: more placements, another version everywhere, decisions while many are made.
struct Deploying: Encodable {
  /// Nanoseconds each: from asking for 1,000 placements until the agents say that they serve all of them, and the sum of as many bare
  /// starts of the same module in one process.
  private(set) var scaling: [Int64] = []
  private(set) var bareStarts: [Int64] = []
  /// From the request to roll back to the answer, which comes when it is durable and the agents have been told; and
  /// until all of them say that they serve it.
  private(set) var rollbacks: [Int64] = []
  private(set) var everywhere: [Int64] = []
  /// From such a request to the first answer of the other version, asked for all the time by another client.
  private(set) var changes: [Int64] = []
  /// Of each decision, as the control plane says, while others deploy.
  private(set) var decisions: [Int64] = []
  private(set) var deploymentsPerSecond = 0.0

  static let agents = 10
  static let modules = 100

  init(scalings: Int, rollbacks count: Int, seconds: Int, _ setting: Setting) async throws {
    let fleet = try Fleet(setting)
    defer { fleet.end() }
    for index in 0..<Self.agents {
      try fleet.join(
        "node-\(index)", options: ["--label", "pool=main", "--memory-mebibytes", "16000"])
    }
    try scale(fleet, scalings)
    bareStarts = try await Self.start(setting, scalings, Self.agents * Self.modules)
    try rollBack(fleet, count)
    try decide(fleet, seconds)
  }

  // From nothing to a thousand.

  private mutating func scale(_ fleet: Fleet, _ count: Int) throws {
    try fleet.deploy(Stage.manifest(Self.modules, replicas: 0, fallbacks: 0), named: "probes")
    let everything = Self.modules * Self.agents
    for _ in 0..<count {
      let began = Measuring.clock()
      try Self.scaleAll(fleet, to: Self.agents)
      while try fleet.placements("active", of: "probe-").values.reduce(0, +) < everything {}
      scaling.append(Measuring.clock() - began)
      try Self.scaleAll(fleet, to: 0)
      try fleet.wait("nothing to serve") {
        try fleet.placements("active", of: "probe-").isEmpty
      }
    }
  }

  /// By eight clients, a module each at a time.
  private static func scaleAll(_ fleet: Fleet, to replicas: Int) throws {
    let clients = 8
    let results = Results()
    let group = DispatchGroup()
    let port = fleet.port
    for client in 0..<clients {
      group.enter()
      Thread.detachNewThread {
        let connection = Connection(port: port)
        results.add(
          try? stride(from: client, to: modules, by: clients).map { index in
            let answer = try connection.request(
              "POST", "/v1/deployments/probe-\(index)/scale",
              Array(#"{"replicas":\#(replicas)}"#.utf8))
            guard answer.text.contains(#""step":"done""#) else { throw Failure(answer.text) }
            return 0
          })
        group.leave()
      }
    }
    group.wait()
    _ = try results.all(of: clients)
  }

  /// The module loaded from its compiled form, linked, and run in a fresh instance, so many times.
  private static func start(_ setting: Setting, _ rounds: Int, _ starts: Int) async throws
    -> [Int64]
  {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: setting.guests + "/where.wasm")))
    let digest = ModuleDigest(sha256: (0..<32).map { UInt8($0) })
    let engine = try WasmtimeEngine(
      configuration: EngineConfiguration(machine: MachineFacts.read()),
      cacheFolder: setting.folder + "/bare")
    defer { engine.stop() }
    _ = try await engine.prepare(bytes, digest: digest)
    let activation = Activation(
      arguments: ["where"],
      environment: [EnvironmentVariable(name: "WASMATRIX_NODE", value: "here")], input: [],
      limits: ActivationLimits())
    var sums: [Int64] = []
    for _ in 0..<rounds {
      let began = Measuring.clock()
      for _ in 0..<starts {
        let module = try await engine.prepare(bytes, digest: digest)
        _ = try await module.run(activation).result.get()
      }
      sums.append(Measuring.clock() - began)
    }
    return sums
  }

  // Back to what was there before.

  private mutating func rollBack(_ fleet: Fleet, _ count: Int) throws {
    for version in ["v1", "v2"] {
      try fleet.deploy(
        """
        apiVersion: wasmatrix/v1
        name: changing
        modules:
          changing:
            source: where.wasm
            version: \(version)
            limits: { memory: 1MiB }
            placement: { replicas: \(Self.agents), fallbacks: 0 }
        """, named: "changing")
    }
    let connection = Connection(port: fleet.port)
    func rollBack() throws {
      let answer = try connection.request(
        "POST", "/v1/deployments/changing/rollback", Array("{}".utf8))
      guard answer.status == 200 else { throw Failure(answer.text) }
    }
    var generation = 2
    func settle() throws {
      generation += 1
      while try fleet.serving("changing", generation: generation) < Self.agents {}
    }
    for _ in 0..<count {
      let began = Measuring.clock()
      try rollBack()
      rollbacks.append(Measuring.clock() - began)
      try settle()
      everywhere.append(Measuring.clock() - began)
    }
    for _ in 0..<count {
      let watcher = try VersionWatcher(fleet.port)
      let began = Measuring.clock()
      try rollBack()
      changes.append(try watcher.changed() - began)
      try settle()
    }
  }

  // Deciding while many deploy.

  private mutating func decide(_ fleet: Fleet, _ seconds: Int) throws {
    let port = fleet.port
    let deployer = try Deployer(fleet)
    deployer.begin()
    let connection = Connection(port: port)
    let manifest = Stage.manifest(1)
    let began = Measuring.clock()
    while Measuring.clock() - began < Int64(seconds) * 1_000_000_000 {
      let answer = try connection.json("POST", "/v1/plan", ["manifest": manifest])
      let items = answer["items"] as? [[String: Any]] ?? []
      guard let decision = items.first?["decision"] as? [String: Any],
        let milliseconds = decision["decisionTimeMilliseconds"] as? Double
      else { throw Failure("\(answer)") }
      decisions.append(Int64(milliseconds * 1e6))
      usleep(5000)
    }
    deploymentsPerSecond = Double(deployer.stop()) / Double(seconds)
  }
}

extension Deploying {
  var text: String {
    func row(_ name: String, _ times: [Int64]) -> String {
      let times = Times(times)
      func text(_ nanoseconds: Double) -> String { "\((nanoseconds / 1e4).rounded() / 100)" }
      return "| \(name) | \(times.count) | \(text(times.p50)) | \(text(times.p99)) "
        + "| \(text(times.worst)) |\n"
    }
    let ratio = Times(scaling).p50 / Times(bareStarts).p50
    return """
      \(Self.agents) agents; milliseconds.

      | | n | p50 | p99 | longest |
      |---|---|---|---|---|

      """
        + row("\(Self.modules) modules from 0 to \(Self.agents) placements each", scaling)
        + row("the sum of \(Self.modules * Self.agents) bare starts in one process", bareStarts)
        + row("rolled back on all agents, durable", rollbacks)
        + row("the same, until all of them say that they serve it", everywhere)
        + row("rolled back, until the first answer of the other version to a busy client", changes)
        + row(
          "a decision, while \(Int(deploymentsPerSecond)) modules are deployed a second", decisions)
        + "\nFrom 0 to \(Self.modules * Self.agents): \(Spread.text(ratio)) of the bare starts.\n"
  }
}
