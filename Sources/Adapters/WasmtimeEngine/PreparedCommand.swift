import CWasmtime
import ClusterModel
import HostPorts

/// A WASI command, compiled and linked. Released when nobody holds it any more, running instances
/// included.
///
/// `@unchecked Sendable`: the library lets a module and its pre-instantiation be used from any
/// thread; the pointers never change.
final class PreparedCommand: PreparedModule, @unchecked Sendable {
  let digest: ModuleDigest
  let instancePre: OpaquePointer
  let memoryNeeds: MemoryNeeds
  private let module: OpaquePointer
  private let queue: RunQueue

  /// - Parameter module: owned from here on, also when this throws.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`, `entry_missing`, `memory_missing`,
  ///   `node_too_small`.
  init(
    module: OpaquePointer, digest: ModuleDigest, bytes: [UInt8], linker: OpaquePointer,
    queue: RunQueue
  ) throws(Problem) {
    do throws(Problem) {
      try ModuleShape(module).check()
      let needs = try MemoryNeeds(bytes)
      guard needs.slots <= queue.slotsPerWorker else {
        throw Problem(
          .invalidInput, code: "node_too_small",
          "the module has \(needs.slots) memories; a worker of this node has "
            + "\(queue.slotsPerWorker) slots",
          next: "Raise vm.max_map_count, so that there are more.")
      }
      var pre: OpaquePointer?
      if let error = wasmtime_linker_instantiate_pre(linker, module, &pre) {
        throw Problem(
          .invalidInput, code: "import_mismatch", "the module cannot be linked",
          cause: LibraryFailure.message(consuming: error),
          next: "Build it for WASI preview 1 (wasm32-wasip1).")
      }
      guard let pre else {
        throw Problem(.internalFault, code: "link_failed", "the module could not be linked")
      }
      instancePre = pre
      memoryNeeds = needs
    } catch {
      wasmtime_module_delete(module)
      throw error
    }
    self.module = module
    self.digest = digest
    self.queue = queue
  }

  deinit {
    wasmtime_instance_pre_delete(instancePre)
    wasmtime_module_delete(module)
  }

  func run(_ activation: Activation) async -> ActivationReport {
    let pending = PendingRun(command: self, activation: activation)
    let report = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        pending.begin(continuation)
        queue.submit(pending)
      }
    } onCancel: {
      queue.cancel(pending)
    }
    return await pending.channel?.finish(report, of: pending) ?? report
  }
}
