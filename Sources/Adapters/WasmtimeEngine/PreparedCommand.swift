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
  let imports: [String]
  let instancePre: OpaquePointer
  /// What the module's memory begins with; an instance with less allowed cannot start.
  let minimumMemory: ByteCount
  private let module: OpaquePointer
  private let queue: RunQueue
  let resources: HostResources
  /// The files that were packed into it.
  let bundle: BundleFolder?
  var hasBundle: Bool { bundle != nil }

  /// - Parameter module: owned from here on, also when this throws.
  /// - Throws: ``Problem`` `import_unknown`, `import_mismatch`, `entry_missing`, `memory_missing`.
  init(
    module: OpaquePointer, digest: ModuleDigest, linker: OpaquePointer, queue: RunQueue,
    resources: HostResources, bundle: BundleFolder?
  ) throws(Problem) {
    do throws(Problem) {
      let shape = ModuleShape(module)
      try shape.check()
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
      minimumMemory = shape.minimumMemory
      imports = shape.imports.map(\.name)
    } catch {
      wasmtime_module_delete(module)
      throw error
    }
    self.module = module
    self.digest = digest
    self.queue = queue
    self.resources = resources
    self.bundle = bundle
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
    if let folder = pending.leftFolder { await resources.scratch?.remove(folder) }
    return await pending.channel?.finish(report, of: pending) ?? report
  }
}

/// What instances use of this machine beside their memory and a worker.
struct HostResources: Sendable {
  let watch: DescriptorWatch
  /// `nil` when there are no scratch folders.
  let scratch: ScratchFolders?
}
