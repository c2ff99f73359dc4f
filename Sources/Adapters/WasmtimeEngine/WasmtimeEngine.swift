import CWasmtime
public import ClusterModel
import DedicatedThreads
public import HostPorts
import Synchronization

/// Runs WASI commands in Wasmtime: compiled ahead, linked once, each activation in a fresh instance
/// on a fiber of one of our worker threads. One engine a process: its pool reserves most of what the
/// kernel lets a process map.
public final class WasmtimeEngine: ModuleEngine {
  private let configuration: EngineConfiguration
  private let machine: MachineFacts
  let engines: CodeEngines
  let linkers: CommandLinkers
  let queue: RunQueue
  let compiler: Compiler
  /// Optimises what runs already, so that nobody who waits stands behind that.
  private let optimiser: Compiler
  private let ticker: Ticker
  let resources: HostResources
  private let workers: [Worker]
  private let threads: Mutex<[DedicatedThread]>

  /// Starts the engine and its threads.
  ///
  /// - Parameters:
  ///   - configuration: `nil` for what suits the machine.
  ///   - cacheFolder: where compiled modules are kept; `nil` to compile at each start.
  ///   - scratchFolder: where the scratch folders of instances are made; what is there is removed.
  ///     `nil` when no module is granted one.
  ///   - writesMayWait: whether guests write to pipes and terminals, see ``StandardStreams/process``.
  ///   - cacheTrouble: told ``Problem`` `cache_unusable` when that folder cannot be used: the engine
  ///     works without it.
  /// - Throws: ``Problem`` `engine_configuration_invalid`, `engine_unavailable`, `scratch_unusable`.
  public init(
    configuration: EngineConfiguration? = nil, cacheFolder: String? = nil,
    scratchFolder: String? = nil, writesMayWait: Bool = false,
    cacheTrouble: (Problem) -> Void = { _ in }
  ) throws(Problem) {
    machine = MachineFacts.read()
    let configuration = configuration ?? EngineConfiguration(machine: machine)
    try configuration.validate(on: machine)
    self.configuration = configuration
    let engines = try CodeEngines(configuration)
    let engine = engines.running
    var cache: CompileCache?
    if let cacheFolder {
      do throws(Problem) {
        cache = try CompileCache(
          folder: cacheFolder,
          environment: CodeEnvironment(
            settings: engines.settings, architecture: machine.architecture,
            cpuFeatures: machine.cpuFeatures))
      } catch {
        cacheTrouble(error)
      }
    }
    self.engines = engines
    linkers = CommandLinkers(engine, writesMayWait: writesMayWait)
    var scratch: ScratchFolders?
    if let scratchFolder { scratch = try ScratchFolders(at: scratchFolder) }
    resources = HostResources(watch: DescriptorWatch(), scratch: scratch)
    let queue = RunQueue(configuration: configuration)
    let ticker = Ticker(engine: engine, interval: configuration.tick)
    let compiler = Compiler(engines: engines, cache: cache)
    let optimiser = Compiler(engines: engines, cache: cache)
    self.queue = queue
    self.ticker = ticker
    self.compiler = compiler
    self.optimiser = optimiser
    let workers = (0..<configuration.workers).map { _ in
      Worker(queue: queue, engine: engine, ticker: ticker, slots: configuration.slotsPerWorker)
    }
    self.workers = workers
    var threads = [
      Self.thread("wm-ticker") { ticker.run(for: workers) },
      Self.thread("wm-compiler", stack: Compiler.stackSize) { compiler.run() },
      Self.thread("wm-optimiser", stack: Compiler.stackSize) { optimiser.run() },
    ]
    for (index, worker) in workers.enumerated() {
      threads.append(Self.thread("wm-worker-\(index)", stack: 8 << 20) { worker.run() })
    }
    if let scratch { threads.append(Self.thread("wm-scratch") { scratch.run() }) }
    self.threads = Mutex(threads)
  }

  /// Guests and the compiler never run on Swift's cooperative threads.
  private static func thread(
    _ name: String, stack: Int = DedicatedThread.smallStack, _ body: @escaping @Sendable () -> Void
  ) -> DedicatedThread {
    DedicatedThread(name: name, urgency: .ordinary, stack: stack, body: body)
  }

  public func prepare(
    _ bytes: [UInt8], digest: ModuleDigest, startingWith mode: CodeMode
  ) async throws(Problem) -> any PreparedModule {
    var bundle: BundleFolder?
    if let scratch = resources.scratch { bundle = try await .unpack(bytes, in: scratch) }
    let linked = try LinkedModule(
      try await compiler.compile(bytes, digest: digest, mode), linkers: linkers)
    let command = try PreparedCommand(
      linked, digest: digest, bytes: bytes, queue: queue, resources: resources, bundle: bundle)
    if linked.mode == .quick {
      let (optimiser, linkers) = (optimiser, linkers)
      command.replace { isWanted throws(Problem) in
        try LinkedModule(
          try await optimiser.compile(bytes, digest: digest, .optimised, isWanted: isWanted),
          linkers: linkers)
      }
    }
    return command
  }

  /// Every function that guests may import, sorted by name.
  public static var guestImports: [GuestImport] { WASIFunctions.imports }

  public var facts: EngineFacts {
    EngineFacts(
      libraryVersion: "wasmtime \(WM_LIBRARY_VERSION)", architecture: machine.architecture,
      cpuFeatures: machine.cpuFeatures, workers: configuration.workers,
      instanceSlots: configuration.instanceSlots,
      liveInstances: liveInstances,
      queuedActivations: queue.queued)
  }

  public var activity: EngineActivity {
    EngineActivity(
      instanceSlots: configuration.instanceSlots,
      liveInstances: liveInstances,
      queuedActivations: queue.queued, workers: workers.map(\.state))
  }

  private var liveInstances: Int { workers.reduce(0) { $0 + $1.liveInstances } }

  /// Ends every instance and every thread; later activations are refused. Blocks for as long as a
  /// compilation that is under way.
  public func stop() {
    compiler.stop()
    optimiser.stop()
    queue.stop()
    for worker in workers { worker.stop() }
    ticker.stop()
    resources.watch.stop()
    resources.scratch?.stop()
    let running = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in running { thread.join() }
  }
}
