import CWasmtime
import ClusterModel
import ControlPlane
import ControlPlaneLogic
import Crypto
import DedicatedThreads
import DurableSQLite
import EmbeddedEventBus
import Foundation
import HTTPOut
import HostPorts
import Logging
import ModuleTrust
import NodeAgent
import NodeAgentLogic
import NodeTracking
import ProcessTesting
import SQLiteStore
import Supervision
import SupervisionRuntime
import Synchronization
import WasmtimeEngine

struct SystemClock: HostClock {
  func now() -> Instants {
    let now = ContinuousClock.now - SystemClock.start
    return Instants(
      monotonic: MonotonicInstant(nanoseconds: now.nanoseconds),
      wall: WallInstant(microseconds: Int64(Date().timeIntervalSince1970 * 1e6)))
  }
  private static let start = ContinuousClock.now
}

/// One engine for all tests of this process.
enum SharedEngine {
  static let engine: Result<WasmtimeEngine, Problem> = {
    do throws(Problem) { return .success(try WasmtimeEngine()) } catch { return .failure(error) }
  }()
}

/// A whole cluster on a real disk, with the real engine: what `wasmatrix dev` is without HTTP.
struct TestCluster {
  let path: String
  let plane: SupervisedControlPlane
  /// The tree that everything runs in: `main/events/bus`.
  let main: SupervisorRunner
  private let running: Task<Void, any Error>
  let signer: ModuleSigner
  let caller = Caller(principal: .local)
  private let folder: DataFolder

  /// - Parameter path: a data folder of an earlier cluster; a new one when `nil`.
  /// - Parameters:
  ///   - engine: the real one when `nil`.
  ///   - faults: makes the stores fail.
  ///   - retention: which settled events are kept.
  ///   - agents: where the agent of its node is found.
  ///   - connection: how that reaches the control plane; its own way when `nil`.
  ///   - logger: nobody reads it otherwise.
  static func start(
    at path: String? = nil, engine: (any ModuleEngine)? = nil, faults: Faults = Faults(),
    retention: EventRetention = EventRetention(), room: any DataRoom = UnboundedRoom(),
    agents: ResourceSlot<NodeAgent>? = nil, connection: InterruptedConnection? = nil,
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) async throws -> TestCluster {
    let path = path ?? ScratchFolder.path("plane")
    let folder = try DataFolder(path)
    let engine = try engine ?? SharedEngine.engine.get()
    let clock = SystemClock()
    // These tests are not about silence, and share a busy machine with all the others.
    let interval = Duration.seconds(5)
    var configuration = ControlPlaneLogic.Configuration()
    configuration.tracking.heartbeatInterval = interval
    let plane = SupervisedControlPlane(
      stores: SupervisedControlPlane.Stores(
        catalog: { () throws(Problem) in
          try faults.check(.openCatalog)
          return FaultyCatalog(store: try CatalogDatabase(in: folder), faults: faults)
        },
        blobs: { () throws(Problem) in try BlobFolder(in: folder) },
        events: { () throws(Problem) in
          let log = try EventDatabase(in: folder, retention: retention)
          return EventStores(log: FaultyLog(log: log, faults: faults), state: log.state)
        }),
      room: room, clock: clock, thread: { ThreadExecutor(name: "wm-plane", urgency: .ordinary) },
      logger: logger, configuration: configuration)
    connection?.leads(to: plane.connection)
    let slot = ResourceSlot<any ModuleEngine>("the engine")
    let agent = ChildSpecification("agent") {
      NodeAgentService(
        registration: { () throws(Problem) in
          do throws(InvalidValue) {
            return NodeRegistration(
              node: NodeID(unchecked: "local"),
              incarnation: Incarnation(UInt64(clock.now().wall.microseconds)),
              location: NodeLocation(zone: .default),
              capabilities: try NodeCapabilities(
                architectures: [.x86_64], memory: .gibibytes(64), cpuCores: 2))
          } catch {
            throw Problem(.internalFault, code: "test", "\(error)")
          }
        },
        engine: slot, plane: connection ?? plane.connection, slot: agents, http: { HTTPOut() },
        clock: clock,
        thread: { ThreadExecutor(name: "wm-agent", urgency: .ordinary) }, logger: logger,
        configuration: NodeAgentLogic.Configuration(heartbeatInterval: interval))
    }
    let node = ChildSpecification(
      "node",
      supervisor: SupervisorSpecification(
        strategy: .restForOne,
        children: [
          // The engine is that of all tests, and goes on.
          ChildSpecification("engine") {
            ResourceOwner(of: slot, open: { engine }, close: { _ in })
          },
          agent,
        ]))
    let main = SupervisorRunner(
      name: "main", SupervisorSpecification(children: plane.children + [node]),
      SupervisionEnvironment(clock: clock, logger: logger))
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let running = Task {
      defer { start.finish() }
      try await main.run { start.finish() }
    }
    for await () in started {}
    let key = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 4, count: 32))
    let cluster = TestCluster(
      path: path, plane: plane, main: main, running: running, signer: try ModuleSigner(key),
      folder: folder)
    _ = try await plane.trustKey(cluster.signer.publicKey.bytes, label: "test", by: cluster.caller)
    return cluster
  }

  func stop(patience: Duration = .seconds(5)) async {
    await plane.quiesce(patience: patience)
    await main.stop()
    _ = await running.result
    folder.release()
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// Pushes a module in the text format, signed.
  func push(_ name: String, _ version: String, _ text: String) async throws -> PushedVersion {
    try await plane.push(
      try signer.embeddingSignature(in: wasm(text)), detachedSignature: nil,
      as: reference(name, version), by: caller)
  }

  func reference(_ name: String, _ version: String) -> VersionReference {
    VersionReference(
      module: ModuleName(unchecked: name), version: ModuleVersion(unchecked: version))
  }

  /// Pushes and deploys one module as an application of its own.
  func deploy(
    _ name: String, _ version: String, _ text: String = Wat.trap,
    _ configuration: DeploymentConfiguration = DeploymentConfiguration()
  ) async throws {
    _ = try await push(name, version, text)
    let reference = reference(name, version)
    let manifest = ApplicationManifest(
      name: ApplicationName(unchecked: name),
      modules: [
        ApplicationManifest.Module(
          name: reference.module, code: .registered(reference.version),
          configuration: configuration)
      ])
    _ = try await plane.deploy(
      manifest, versions: [reference.module: reference.version], by: caller, progress: { _ in })
  }

  func event(_ topic: String, _ data: String = "", id: String = UUID().uuidString) -> Event {
    Event(
      id: id, source: "/tests", type: "test", topic: Topic(unchecked: topic),
      data: Array(data.utf8))
  }

  func publish(_ topic: String, _ data: String = "") async throws -> EventOffset {
    try await plane.publish(event(topic, data), by: caller).offset
  }

  /// The versions that serve on the node.
  var servingVersions: [String] {
    get async throws {
      try await plane.placements(for: caller).items.filter { $0.role == .active }
        .map(\.version.text)
    }
  }

  /// What became of an event, once it settled.
  func settled(_ offset: EventOffset) async throws -> EventStatus {
    try await plane.eventStatus(offset, patience: .seconds(30), for: caller)
  }
}

/// The binary of a module in the text format.
func wasm(_ text: String) throws -> [UInt8] {
  var binary = wasm_byte_vec_t()
  guard wasmtime_wat2wasm(text, text.utf8.count, &binary) == nil else {
    throw Problem(.invalidInput, code: "wat_invalid", text)
  }
  defer { wasm_byte_vec_delete(&binary) }
  return Array(UnsafeBufferPointer(start: binary.data, count: binary.size))
}

/// Modules that the tests run.
enum Wat {
  /// Writes its input (at most 64 KiB), preceded by a letter.
  static func echo(_ letter: Character) -> String {
    """
    (module
      (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 2)
      (data (i32.const 1024) "\(letter)")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 1025)) (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.add (i32.const 1) (i32.load (i32.const 8))))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
    """
  }

  static let trap = "(module (memory (export \"memory\") 1) (func (export \"_start\") unreachable))"

  /// Writes a line to standard error and exits with a status.
  static let complain = """
    (module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 64) "it hurts\\n")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 9))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 3))))
    """
}
