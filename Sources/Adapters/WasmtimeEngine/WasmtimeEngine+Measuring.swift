public import ClusterModel
public import HostPorts

/// What benchmarks need to see the engine's own work apart from handing it over. Nothing else may use it.
@_spi(Measuring) extension WasmtimeEngine {
  /// What begins activations of a module without a task that waits.
  public func starter(of module: any PreparedModule) -> Starter {
    guard let command = module as? PreparedCommand else {
      preconditionFailure("the module was prepared by another engine")
    }
    return Starter(command: command, queue: queue)
  }

  /// A module with code of one mode for ever, compiled on the calling thread.
  ///
  /// - Throws: ``Problem`` as ``prepare(_:digest:startingWith:)``.
  public func prepareHere(
    _ bytes: [UInt8], digest: ModuleDigest, only mode: CodeMode
  ) throws(Problem) -> any PreparedModule {
    try command(try compiler.compileHere(bytes, mode), bytes, digest)
  }

  /// What ``prepare(_:digest:startingWith:)`` has kept on disk, taken from there on the calling thread.
  ///
  /// - Throws: ``Problem`` as ``prepare(_:digest:startingWith:)``; also when it is not there.
  public func loadHere(
    _ bytes: [UInt8], digest: ModuleDigest
  ) throws(Problem) -> Starter {
    guard let compiled = compiler.cached(digest) else {
      throw Problem(.notFound, code: "not_cached", "the module is not in the cache")
    }
    return Starter(command: try command(compiled, bytes, digest), queue: queue)
  }

  private func command(
    _ compiled: CompiledModule, _ bytes: [UInt8], _ digest: ModuleDigest
  ) throws(Problem) -> PreparedCommand {
    try PreparedCommand(
      try LinkedModule(compiled, linkers: linkers), digest: digest, bytes: bytes,
      queue: queue, resources: resources, bundle: nil)
  }
}

/// Begins activations of one module.
@_spi(Measuring) public final class Starter: Sendable {
  private let command: PreparedCommand
  private let queue: RunQueue

  init(command: PreparedCommand, queue: RunQueue) {
    self.command = command
    self.queue = queue
  }

  /// Runs a fresh instance and calls `completion` on the worker's thread.
  ///
  /// - Parameter activation: without services and scratch folders, whose ends are awaited.
  public func start(
    _ activation: consuming Activation,
    then completion: @escaping @Sendable (ActivationReport) -> Void
  ) {
    queue.submit(PendingRun(command: command, activation: activation, completion: completion))
  }
}
