public import ClusterModel
public import HostPorts

/// What benchmarks need to see the engine's own work apart from handing it over. Nothing else may use it.
@_spi(Measuring) extension WasmtimeEngine {
  /// Runs a fresh instance and calls `completion` on the worker's thread; no task waits for it.
  ///
  /// - Parameter activation: without services and scratch folders, whose ends are awaited.
  public func start(
    _ module: any PreparedModule, _ activation: Activation,
    then completion: @escaping @Sendable (ActivationReport) -> Void
  ) {
    guard let command = module as? PreparedCommand else {
      preconditionFailure("the module was prepared by another engine")
    }
    let pending = PendingRun(command: command, activation: activation)
    pending.begin(.call(completion))
    queue.submit(pending)
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
  ) throws(Problem) -> any PreparedModule {
    guard let compiled = compiler.cached(digest) else {
      throw Problem(.notFound, code: "not_cached", "the module is not in the cache")
    }
    return try command(compiled, bytes, digest)
  }

  private func command(
    _ compiled: CompiledModule, _ bytes: [UInt8], _ digest: ModuleDigest
  ) throws(Problem) -> PreparedCommand {
    try PreparedCommand(
      try LinkedModule(compiled, linkers: linkers), digest: digest, bytes: bytes,
      queue: queue, resources: resources, bundle: nil)
  }
}
